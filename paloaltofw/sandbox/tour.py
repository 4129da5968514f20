"""`paloaltoagent sandbox`: runs the real agent against a simulated world, and proves what it did."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess  # nosec B404  # fixed commands, no shell
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from paloaltofw.sandbox import panorama_estate
from paloaltofw.sandbox.base.authority import spki_der
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.likeness import Likeness
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.switches import AGENT_ROLE, Latencies
from paloaltofw.sandbox.switchboard import set_panorama_switches, set_switches
from paloaltofw.sandbox.world import AGENT_ADMIN, PEOPLE, TOKEN_PATH, World, WorldOptions, certificate_profile

SCRIPT = Path(__file__).resolve().parent.parent / "paloaltoagent.py"
PACE = "0.05"
COMMIT_SECONDS = 0.5
SYNC_SECONDS = 2.0
BOUND_PROFILE = "vpn-portal"
# What `sandbox --serve --with` adds.
EXTRAS = ("panorama", "ha")
KEYS: dict[str, Mapping[str, object]] = {
    "rsa2048": {"type": "RSA", "size": 2048},
    "rsa3072": {"type": "RSA", "size": 3072},
    "rsa4096": {"type": "RSA", "size": 4096},
    "p256": {"type": "ECDSA", "curve": "P256"},
    "p384": {"type": "ECDSA", "curve": "P384"},
}
_ADDRESS = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
_OLD_PORTAL = (
    f"<entry name='{BOUND_PROFILE}'><protocol-settings><min-version>tls1-2</min-version></protocol-settings></entry>"
)


class Watch:
    """Stands between wire and firewalls: counts requests, and looks for a private key in every answer."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.answers = 0
        self.leaks = 0
        self._lock = threading.Lock()

    def interceptor(self, name: str) -> Callable[[Request, Callable[[Request], Answer]], Answer]:
        """For one server."""

        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            answer = handle(request)
            with self._lock:
                self.counts[name] = self.counts.get(name, 0) + 1
                self.answers += 1
                self.leaks += b"PRIVATE KEY" in answer.body
            return answer

        return intercept

    def take(self) -> dict[str, int]:
        """The counts since the last call."""
        with self._lock:
            counts, self.counts = self.counts, {}
            return counts


class Tour:
    """One demonstration: what it prints, and whether every claim held."""

    def __init__(
        self,
        folder: Path,
        count: int,
        switches: Sequence[str] = (),
        extras: Sequence[str] = (),
        release: str | None = None,
    ) -> None:
        names = ["fw-edge", "fw-branch", "fw-dc", *(f"fw-{n}" for n in range(4, 21))][:count]
        self.folder = folder
        self.world = World(world_options(names, switches, extras, release))
        self.watch = Watch()
        self.failures = 0
        self.profiles = tour_profiles(names) | extra_profiles(extras)
        for name, server in (("SCM", self.world.scm_server), *self.world.servers.items()):
            server.interceptor = self.watch.interceptor(name)
        for name in self.world.profile_names:
            begin_peoples_work(self.world.firewalls[name])
        for pair in self.world.pairs.values():
            pair.synchronise(pair.active)
        self.config = self.world.write_configuration(folder, self.profiles, {"issuance": {"wait": "20s"}})

    def heading(self, text: str) -> None:
        """A new chapter."""
        print(f"\n== {text}", flush=True)

    def claim(self, text: str, holds: bool) -> None:
        """Print a claim with its proof's outcome."""
        self.failures += not holds
        print(f"  {'ok  ' if holds else 'FAIL'}  {text}", flush=True)

    def agent(self, *arguments: str, expected: int = 0) -> None:
        """Run the agent as a user would, in a process of its own."""
        print(f"  $ paloaltoagent --config config.yaml {' '.join(arguments)}", flush=True)
        environment = {**os.environ, "SECTIGO_ACCEPT_EULA": "yes", "PALOALTOAGENT_SANDBOX_PACE": PACE}
        command = [sys.executable, str(SCRIPT), "--config", str(self.config), *arguments]
        code = subprocess.run(command, env=without_proxies(environment), check=False).returncode  # nosec B603  # fixed commands, no shell
        self.claim(f"exit code {code}", code == expected)

    def show(self) -> int:
        """The whole demonstration; gives the exit code."""
        started = time.monotonic()
        with self.world:
            self.introduce()
            self.first_run()
            self.approval()
            self.second_run()
            self.nothing_to_do()
            self.prove_certificates()
            self.prove_harmlessness()
            self.heading("The agent's own view")
            self.agent("status")
        print(f"\n{'Everything held' if not self.failures else f'{self.failures} CLAIMS FAILED'}, ", end="")
        print(f"{time.monotonic() - started:.0f} s. Configuration, state and log: {self.folder}")
        return 1 if self.failures else 0

    def introduce(self) -> None:
        """Who is there."""
        self.heading("A simulated SCM and simulated firewalls, on loopback HTTPS with real keys and real certificates")
        print(f"  SCM      {self.world.scm_server.url}   DV at once, OV and EV after approval")
        for name, server in self.world.servers.items():
            print(f"  {name:<8} {server.url}   uncommitted work of {' and '.join(PEOPLE)} is on it")
        print(f"  {len(self.profiles)} certificate profiles: DV, OV and EV, {', '.join(KEYS)}")

    def first_run(self) -> None:
        """DV is done, OV and EV wait."""
        self.heading("First run: DV certificates are done, OV and EV orders are left pending (exit code 3)")
        self.agent("enroll", "--wait", "2s", expected=3)
        self.agent("status")
        waiting = [order for order in self.world.scm.orders if order.state == "Requested"]
        self.claim(f"{len(waiting)} orders wait for approval, each key is committed on its firewall", bool(waiting))

    def approval(self) -> None:
        """Somebody says yes."""
        self.heading("An SCM administrator approves")
        print(f"  {self.world.scm.approve_all()} orders approved")

    def second_run(self) -> None:
        """What was pending is collected, without a new key or order."""
        self.heading("Second run: what was pending is collected; no new key, no new order")
        before = len(self.world.scm.orders)
        self.agent("enroll")
        orders = self.world.scm.orders
        self.claim(
            f"{len(orders)} orders for {len(self.profiles)} certificates", len(orders) == before == len(self.profiles)
        )

    def nothing_to_do(self) -> None:
        """The third run costs one read a firewall."""
        self.heading("Third run: everything is in order, so nothing happens and nothing is said")
        self.watch.take()
        commits = {name: len(firewall.commits) for name, firewall in self.world.firewalls.items()}
        self.agent("enroll")
        counts = self.watch.take()
        reads = ", ".join(f"{name} {counts.get(name, 0)}" for name in (*self.world.firewalls, "SCM"))
        bound = {str(p["firewall"]) for p in self.profiles.values() if "bind" in p}
        expected = {name: 1 + (name in bound) for name in self.world.firewalls}
        self.claim(f"requests: {reads} (one read, one more where a service profile is bound)", counts == expected)
        self.claim("no commit", commits == {name: len(f.commits) for name, f in self.world.firewalls.items()})

    def prove_certificates(self) -> None:
        """Every certificate of the running configuration, examined from outside the agent."""
        how = "openssl" if shutil.which("openssl") else "cryptography"
        self.heading(f"The running configurations of the firewalls, examined with {how}")
        for profile_id, profile in self.profiles.items():
            firewall = self.world.firewalls[str(profile["firewall"])]
            self.claim(*examine(self.folder, self.world, firewall, profile_id))

    def prove_harmlessness(self) -> None:
        """What must not have happened."""
        self.heading("What must not have happened")
        for name, firewall in self.world.firewalls.items():
            owners = sorted({change.owner for change in firewall.pending_changes()})
            text = f"uncommitted changes of {', '.join(owners)} are still there, uncommitted; none of {AGENT_ADMIN}"
            self.claim(f"{name}: {text}", owners == sorted(PEOPLE))
            commits = firewall.commits
            limited = all(commit.admins == (AGENT_ADMIN,) for commit in commits)
            self.claim(f"{name}: {len(commits)} commits, each limited to {AGENT_ADMIN}", limited and len(commits) <= 2)
        self.claim(f"no private key in any of {self.watch.answers} answers", self.watch.leaks == 0)
        log = (self.folder / "logs/paloaltoagent.log").read_text("utf-8")
        secrets_ = [firewall.api_key(AGENT_ADMIN) for firewall in self.world.firewalls.values()]
        secrets_ += [account.client_secret for account in self.world.accounts]
        self.claim(f"none of {len(secrets_)} secrets in the log", not any(secret in log for secret in secrets_))


def tour_profiles(firewalls: list[str]) -> dict[str, dict[str, object]]:
    """Each type with several key types, spread over the firewalls; one bound to a service profile."""
    plan = [
        ("DV", "rsa2048"), ("DV", "p256"), ("OV", "rsa3072"), ("OV", "p384"), ("EV", "rsa4096"), ("EV", "p384"),
        ("DV", "p384"), ("OV", "rsa2048"), ("EV", "p256"),
    ]  # fmt: skip
    profiles = {}
    for number, (type_, key) in enumerate(plan):
        name = f"{type_.lower()}-{key}"
        firewall = firewalls[number % len(firewalls)]
        more: dict[str, object] = {"sans": {"dns": [f"{name}.example.com", f"alt-{name}.example.com"]}}
        if number == 0:
            more["bind"] = {"ssl_tls_service_profiles": [BOUND_PROFILE]}
        profiles[name] = certificate_profile(firewall, f"{name}.example.com", type_, KEYS[key], **more)
    return profiles


def world_options(
    names: Sequence[str], switches: Sequence[str], extras: Sequence[str], release: str | None = None
) -> WorldOptions:
    """The world of the tour, with what `--with` names; raises ValueError for what there is not."""
    for extra in extras:
        if extra not in EXTRAS:
            raise ValueError(f"{extra!r} is not one of {', '.join(EXTRAS)}")
    panorama, others = set_panorama_switches(switches, panorama_estate.USEFUL)
    panos, scm = set_switches(others, release)
    options = WorldOptions(
        names, panos=panos, scm=scm, latencies=Latencies(commit_seconds=COMMIT_SECONDS), agent_role=AGENT_ROLE
    )
    if "ha" in extras:
        options = replace(options, pairs=names[:1], sync_seconds=SYNC_SECONDS)
    return replace(options, panorama=panorama) if "panorama" in extras else options


def extra_profiles(extras: Sequence[str]) -> dict[str, dict[str, object]]:
    """Certificates for what `--with` names."""
    if "panorama" not in extras:
        return {}
    name = panorama_estate.PROFILE
    return {name: certificate_profile(panorama_estate.PANORAMA, f"{name}.example.com")}


def begin_peoples_work(firewall: Firewall) -> None:
    """A service profile that exists, and two administrators in the middle of something."""
    firewall.install("/config/shared/ssl-tls-service-profile", _OLD_PORTAL)
    for person in PEOPLE:
        draft = f"<entry name='{person}-draft'><ip-netmask>192.0.2.99/32</ip-netmask></entry>"
        firewall.change_as(person, _ADDRESS, draft)


def examine(folder: Path, world: World, firewall: Firewall, name: str) -> tuple[str, bool]:
    """Whether the running configuration holds a certificate that verifies, with its key and its names."""
    held = firewall.certificates(running=True)
    leaf, key = firewall.running_certificate(name), firewall.private_key(name)
    if leaf is None or key is None:
        return f"{name} on {firewall.name}: not in the running configuration", False
    pem = leaf.public_bytes(Encoding.PEM).decode()
    others = [view.leaf.public_bytes(Encoding.PEM).decode() for view in held.values() if view.leaf and not view.has_key]
    files = {"leaf.pem": pem, "chain.pem": "\n".join(others), "root.pem": world.authority.root_pem.decode()}
    place = folder / "proof" / name
    place.mkdir(parents=True, exist_ok=True)
    for file, content in files.items():
        (place / file).write_text(content + "\n", "ascii")
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    verified, shown = _openssl(place, public) if shutil.which("openssl") else _by_hand(pem, spki_der(key.public_key()))
    return f"{name} on {firewall.name}: {shown}", verified


def _openssl(place: Path, public: str) -> tuple[bool, str]:
    chain = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "chain.pem", "leaf.pem"]
    verified = subprocess.run(chain, cwd=place, capture_output=True, text=True, check=False)  # nosec B603  # fixed commands, no shell
    key = subprocess.run(  # nosec B603, B607  # fixed commands, no shell
        ["openssl", "x509", "-in", "leaf.pem", "-noout", "-pubkey"],
        cwd=place,
        capture_output=True,
        text=True,
        check=False,
    )
    names = subprocess.run(  # nosec B603, B607  # fixed commands, no shell
        ["openssl", "x509", "-in", "leaf.pem", "-noout", "-ext", "subjectAltName"],
        cwd=place, capture_output=True, text=True, check=False,
    )  # fmt: skip
    sans = " ".join(names.stdout.replace("X509v3 Subject Alternative Name:", "").replace("DNS:", "").split())
    same_key = key.stdout.split() == public.split()
    shown = f"{verified.stdout.strip() or verified.stderr.strip()}, key {'matches' if same_key else 'DIFFERS'}, {sans}"
    return verified.returncode == 0 and same_key and bool(sans), shown


def _by_hand(pem: str, spki: bytes) -> tuple[bool, str]:
    from cryptography import x509

    same_key = spki_der(x509.load_pem_x509_certificate(pem.encode()).public_key()) == spki
    return same_key, "key matches" if same_key else "key DIFFERS"


def without_proxies(environment: Mapping[str, str]) -> dict[str, str]:
    """Loopback needs no proxy."""
    return {name: value for name, value in environment.items() if not name.lower().endswith("_proxy")}


def show_tour(folder: str | None, count: int) -> int:
    """The demonstration; gives the exit code."""
    return Tour(_folder(folder), count).show()


def _folder(folder: str | None) -> Path:
    return Path(folder).absolute() if folder else Path(tempfile.mkdtemp(prefix="paloaltoagent-sandbox-"))


def serve_until_stopped(
    folder: str | None,
    count: int,
    switches: Sequence[str] = (),
    extras: Sequence[str] = (),
    likeness: Likeness | None = None,
    release: str | None = None,
) -> int:
    """Keep the simulated systems running until Ctrl-C; prints how to reach them. Raises ValueError for a bad switch."""
    switches = [*(likeness.settings if likeness else ()), *switches]
    world_options((), switches, extras, release)
    tour = Tour(_folder(folder), count, switches, extras, release)
    if likeness is not None:
        likeness.give_to(tour.world.firewalls.values())
        print("\n".join(likeness.told), flush=True)
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    with tour.world:
        for name in tour.world.firewalls:
            tour.world.serve(name, BOUND_PROFILE)
        print("\n".join(_how_to_reach(tour)), flush=True)
        try:
            stopped.wait()
        except KeyboardInterrupt:
            print()
    return 0


def _how_to_reach(tour: Tour) -> list[str]:
    """What is there, what `init` asks for, and what to type."""
    world, ca = tour.world, tour.folder / "sandbox-ca.pem"
    agent = f"{sys.executable} {SCRIPT}"
    lines = [
        f"configuration  {tour.config}",
        f"trusted CA     {ca}",
        f"SCM            {world.scm_server.url}",
        f"token URL      {world.scm_server.url}{TOKEN_PATH}",
    ]
    for account in world.accounts:
        lines.append(f"{account.label:<14} client ID {account.client_id}   client secret {account.client_secret}")
    for name, server in world.servers.items():
        password = (
            f"   administrator {AGENT_ADMIN}   password {world.passwords[name]}" if name in world.passwords else ""
        )
        lines.append(f"{name:<14} {server.url}{password}")
    for name, service in world.services:
        lines.append(f"{name:<14} data plane {service.address}   serves the SSL/TLS service profile {service.profile}")
    for name, pair in world.pairs.items():
        lines.append(f"{'HA pair':<14} {name} is active, {pair.units[1].name} is passive; one profile names both")
    return [
        *lines,
        "",
        "Try, in another terminal, the configuration that is there:",
        f"  {agent} --accept-eula --config {tour.config} enroll",
        f"  curl --cacert {ca} {world.scm_server.url}/sandbox/orders",
        f"  curl --cacert {ca} -X POST {world.scm_server.url}/sandbox/orders/ID/approve",
        "Or write one of your own (this asks for the rest):",
        f"  {agent} init my-folder {_init_options(tour)}",
        "",
        "Ctrl-C ends it.",
    ]


def _init_options(tour: Tour) -> str:
    """The options of `init` for the first account and firewall; the secret and the password are typed."""
    world, ca = tour.world, tour.folder / "sandbox-ca.pem"
    account, (name, server) = world.accounts[0], next(iter(world.servers.items()))
    return (
        f"--scm-url {world.scm_server.url} --token-url {world.scm_server.url}{TOKEN_PATH} --ca-bundle {ca} "
        f"--type {account.certificate_type} --account {account.label} --client-id {account.client_id} "
        f"--firewall {name} --firewall-url {server.url} --verify-tls {ca} --common-name www.example.com"
    )
