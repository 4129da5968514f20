"""A simulated SCM, simulated firewalls and the real agent, night after night in one process, and an observer of each request.

What is simulated: the bytes' way (`wire`), the time (one manual clock for all, with a skew for each), the disk's sync.
What is real: the command line, the configuration's files, the state folder, the log, the clients' parsing.
"""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import datetime
import io
import json
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from xml.etree.ElementTree import Element, tostring

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from paloaltofw import clock as agent_clock
from paloaltofw import paloaltoagent, safe_files
from paloaltofw.execution import run as execution
from paloaltofw.sandbox.base.authority import CertificateAuthority, Product, common_names
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.answers import PanosError
from paloaltofw.sandbox.panos.configuration import place_of, put
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.ha_pair import WRITES_TO_PASSIVE, HaPair
from paloaltofw.sandbox.panos.keystore import KeySpec, PrivateKey, generate_key, spki
from paloaltofw.sandbox.panos.service import Call as PanosCall
from paloaltofw.sandbox.panos.service import PanosSite
from paloaltofw.sandbox.panos.x509_texts import read_certificates
from paloaltofw.sandbox.panos.xpath import Step, Xpath, find, find_all, parse, to_text
from paloaltofw.sandbox.scm.orders import PENDING, Account, Order
from paloaltofw.sandbox.scm.service import API, ScmSite
from paloaltofw.sandbox.scm.token_server import TOKEN_PATH
from paloaltofw.sandbox.world import AGENT_ADMIN, PEOPLE, certificate_profile, write_yaml
from paloaltofw.storage import store
from tests.end_to_end.canaries import Canaries, files_in
from tests.leftovers import agents_locks
from tests.observer import watching
from tests.worlds.wire import Handle, Peer, connected

UTC = datetime.timezone.utc
START = datetime.datetime(2027, 3, 1, 2, 17, tzinfo=UTC)
DAY = datetime.timedelta(days=1)
SCM_HOST = "scm.example.net"
PORTAL = "vpn-portal"
REQUEST_SECONDS = 0.5
CERTIFICATES = "/config/shared/certificate"
PROFILES = "/config/shared/ssl-tls-service-profile"
_WRITES = re.compile(r"fw (generate|set|edit|delete|rename|import|commit|revert|load|op .*)")
_FLAW = re.compile(r"unexpected [A-Z]\w+")


class Killed(BaseException):
    """The process ends here, as by SIGKILL: what comes later in it must not happen."""


@dataclass(frozen=True)
class Call:
    """One request on its way to a peer: `label` says what it is about, in words."""

    stage: Stage
    peer: str
    label: str
    request: Request

    @property
    def parameters(self) -> dict[str, str]:
        return PanosCall(self.request).parameters

    @property
    def firewall(self) -> Firewall:
        return self.stage.firewalls[self.peer]


Act = Callable[[Call, Handle], Answer]


@dataclass
class Rule:
    """Something that this world does differently: `label` is a pattern of calls; on some nights, so many times."""

    label: str
    act: Act
    nights: Callable[[int], bool] = lambda night: True
    times: int = 10**9
    peer: str = ""

    def takes(self, call: Call) -> bool:
        is_meant = re.fullmatch(self.label, call.label) and self.peer in ("", call.peer)
        return bool(is_meant and self.times > 0 and self.nights(call.stage.night_number))


@dataclass(frozen=True)
class Night:
    """How a run of the agent ended; `code` is None if it was killed."""

    argv: tuple[str, ...]
    code: int | None
    out: str
    err: str

    @property
    def rows(self) -> list[dict[str, Any]]:
        try:
            found = json.loads(self.out)
        except ValueError:
            return []
        return list(found.get("profiles", [])) if isinstance(found, dict) else []

    @property
    def error_codes(self) -> set[str]:
        return {row["error"]["code"] for row in self.rows if isinstance(row, dict) and row.get("error")}


class Inline(ThreadPoolExecutor):
    """Firewalls one after the other, in the order in which they are given: the same story each time."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except BaseException as error:
            future.set_exception(error)
        return future


@dataclass
class SkewedClock:
    """A clock that goes wrong by `skew`."""

    clock: ManualClock
    skew: datetime.timedelta = datetime.timedelta()

    def now(self) -> datetime.datetime:
        return self.clock.now() + self.skew


_POOL: dict[KeySpec, list[PrivateKey]] = {}


class Keys:
    """Keys for firewalls: RSA ones come from a pool of the process, since they take their time."""

    def __init__(self) -> None:
        self._used: dict[KeySpec, int] = {}

    def __call__(self, wanted: KeySpec) -> PrivateKey:
        if wanted.algorithm != "RSA":
            return generate_key(wanted)
        pool = _POOL.setdefault(wanted, [])
        number = self._used.get(wanted, 0)
        self._used[wanted] = number + 1
        if number == len(pool):
            pool.append(generate_key(wanted))
        return pool[number]


@dataclass(frozen=True)
class Served:
    """What an SSL/TLS service profile serves: `serial` is None where the entry is not complete."""

    entry: str
    common_name: str = ""
    serial: int | None = None
    not_after: datetime.datetime = START


@dataclass
class Watched:
    """A service profile that must never be dark, and whose name it serves."""

    firewall: str
    profile: str
    common_name: str
    seen: Served | None = None
    may_expire: bool = False
    other_name: str = ""  # allowed too


class Stage:
    """One world. Used in a with statement, which replaces the process's time and wires."""

    def __init__(
        self, folder: Path, firewalls: Sequence[str] = ("fw",), kind: str = "DV", vsys: str = "shared"
    ) -> None:
        self.folder = folder
        self.vsys = vsys
        self.certificates_at, self.profiles_at = (
            to_text(place_of(vsys)) + tail for tail in ("/certificate", "/ssl-tls-service-profile")
        )
        self.clock = ManualClock(START)
        self.host = SkewedClock(self.clock)
        self.scm_clock = SkewedClock(self.clock)
        self.authority = CertificateAuthority(self.clock)
        self.accounts = {
            "DV_ACCOUNT": Account("DV_ACCOUNT", "id-dv", "s]e c&r<e>t-dv-7f3a91", "DV"),
            "OV_ACCOUNT": Account("OV_ACCOUNT", "id-ov", "s]e c&r<e>t-ov-5b20c4", "OV", auto_approve=kind == "DV"),
        }
        self.scm = ScmSite(self.authority, self.clock, None, list(self.accounts.values()))
        self.scm.public_url = f"https://{SCM_HOST}"
        self.kind = kind
        self.account = self.accounts[f"{kind}_ACCOUNT"]
        self.firewalls: dict[str, Firewall] = {}
        self.clocks: dict[str, SkewedClock] = {}
        self.peers = {SCM_HOST: Peer("scm", self._scm, self.scm_clock.now)}
        self.hosts: dict[str, str] = {}
        self.rules: list[Rule] = []
        self.night_number = 0
        self.nights: list[Night] = []
        self.problems: list[str] = []
        self.diary: list[str] = []
        self.keys_made = 0
        self.canaries = Canaries()
        self.watched: list[Watched] = []
        self.may_try_to_delete = False
        # Where a peer keeps the agent's certificates, if that is elsewhere: the template of a Panorama.
        self.kept_at: dict[str, str] = {}
        self.strangers: list[tuple[str, str, str, str]] = []
        self.orders_allowed = 10**9
        self.orders_before = 0
        self.person_asked = False
        self.kill_at: tuple[int, str] | None = None
        self._points = 0
        self._is_dead = False
        self._parsed: dict[tuple[str, str], tuple[str, int | None, datetime.datetime]] = {}
        self._serials_served: set[int] = set()
        self.profiles: dict[str, dict[str, Any]] = {}
        self.settings: dict[str, dict[str, Any]] = {
            "scm": {"url": f"https://{SCM_HOST}", "token_url": f"https://{SCM_HOST}{TOKEN_PATH}", "timeout": 3,
                    "credentials": "profiles/sectigo_credentials.yaml"},
            "profiles": {"certificates": "profiles/certificates", "firewalls": "profiles/firewalls"},
            "state": {"path": "state"},
            "logging": {"path": "logs"},
            "issuance": {"wait": "1m"},
        }  # fmt: skip
        for name in firewalls:
            self.add_firewall(name)
        for account in self.accounts.values():
            self.canaries.add(f"the client secret of {account.label}", account.client_secret)
        self.write_settings()

    # --- setting up ------------------------------------------------------------------------------------------------

    def add_firewall(self, name: str, device: str | None = None) -> None:
        """A firewall profile: of a new device, or a second one of a device that is there under another address."""
        host = f"192.0.2.{10 + len(self.hosts)}"
        self.hosts[name] = host
        if device is None:
            clock = SkewedClock(self.clock)
            firewall = Firewall(name, clock, multi_vsys=self.vsys != "shared")
            for admin in (AGENT_ADMIN, *PEOPLE):
                firewall.add_admin(admin, f"pass-{admin}-{name}-word")
            make_key = Keys()

            def count_key(wanted: KeySpec) -> PrivateKey:
                self.keys_made += 1
                key = make_key(wanted)
                if wanted.algorithm != "RSA":
                    self.canaries.add_key(key)
                return key

            firewall.key_source = count_key
            self.firewalls[name], self.clocks[name] = firewall, clock
            self.canaries.add(f"the API key of {name}", firewall.api_key(AGENT_ADMIN))
        device = device or name
        firewall = self.firewalls[device]
        site = PanosSite(firewall)
        self.peers[host] = Peer(device, lambda request: self._panos(device, site, request), self.clocks[device].now)
        profile = {"url": f"https://{host}", "admin": AGENT_ADMIN, "api_key": firewall.api_key(AGENT_ADMIN),
                   "timeout": 3, "busy_wait": "2m", "commit_timeout": "10m"}  # fmt: skip
        if self.vsys != "shared":
            profile["vsys"] = self.vsys
        write_yaml(self.folder / f"profiles/firewalls/{name}.yaml", profile)

    def pair_up(self, name: str = "fw", other: str = "fw-b", sync_seconds: float = 60.0) -> HaPair:
        """Make an HA pair of a firewall and a new one; the profile names both units."""
        self.add_firewall(other)
        (self.folder / f"profiles/firewalls/{other}.yaml").unlink()
        pair = HaPair(self.firewalls[name], self.firewalls[other], sync_seconds)
        path = self.folder / f"profiles/firewalls/{name}.yaml"
        profile = yaml.safe_load(path.read_text("utf-8"))
        key = self.firewalls[other].api_key(AGENT_ADMIN)
        peer = {"url": f"https://{self.hosts[other]}", "api_key": key}
        write_yaml(path, {**profile, "ha_peer": peer, "ha_sync_timeout": "5m"})
        return pair

    def unit(self, firewall: str) -> Firewall:
        """The device that is worked on: the active unit of a pair."""
        device = self.firewalls[firewall]
        return device.ha.active if device.ha else device

    def units(self, firewall: str) -> tuple[Firewall, ...]:
        """All devices of a firewall profile: both units of a pair."""
        device = self.firewalls[firewall]
        return device.ha.units if device.ha else (device,)

    def was_always_there(self, firewall: str, xpath: str) -> None:
        """What was put on the active unit of a pair is on the other one too."""
        active, path = self.unit(firewall), parse(xpath)
        for unit in self.units(firewall):
            if unit is not active:
                for root in (unit.configuration.candidate, unit.configuration.running):
                    put(root, path, copy.deepcopy(find(active.configuration.running, path)))

    def add_profile(
        self, profile: str, common_name: str, firewall: str = "fw", bound: str | None = PORTAL, **more: Any
    ) -> None:
        """A certificate profile, by default bound to a service profile that serves a certificate made by hand."""
        made = certificate_profile(firewall, common_name, self.kind, **more)
        if bound:
            made.setdefault("bind", {"ssl_tls_service_profiles": [bound]})
            if firewall in self.firewalls and bound not in {w.profile for w in self.watched if w.firewall == firewall}:
                self.hand_made(firewall, f"old-{bound}", common_name)
                self.unit(firewall).install_profile(bound, f"old-{bound}", self.vsys)
                self.was_always_there(firewall, f"{self.profiles_at}/entry[@name='{bound}']")
                self.watched.append(Watched(firewall, bound, common_name))
                self.stranger(firewall, f"{self.certificates_at}/entry[@name='old-{bound}']")
        self.write_profile(profile, made)

    def write_profile(self, profile: str, document: Mapping[str, Any]) -> None:
        self.profiles[profile] = copy.deepcopy(dict(document))
        write_yaml(self.folder / f"profiles/certificates/{profile}.yaml", document)

    def edit_firewall(self, name: str = "fw", **changes: Any) -> None:
        path = self.folder / f"profiles/firewalls/{name}.yaml"
        write_yaml(path, {**yaml.safe_load(path.read_text("utf-8")), **changes})

    def edit_profile(self, profile: str, **changes: Any) -> None:
        self.write_profile(profile, {**self.profiles[profile], **changes})

    def remove_profile(self, profile: str) -> dict[str, Any]:
        (self.folder / f"profiles/certificates/{profile}.yaml").unlink()
        return self.profiles.pop(profile)

    def configure(self, section: str, **values: Any) -> None:
        self.settings.setdefault(section, {}).update(values)
        self.write_settings()

    def write_settings(self) -> None:
        secrets = {
            a.label: {"client_id": a.client_id, "client_secret": a.client_secret} for a in self.accounts.values()
        }
        write_yaml(self.folder / "profiles/sectigo_credentials.yaml", secrets)
        (self.folder / "profiles/certificates").mkdir(parents=True, exist_ok=True)
        write_yaml(self.folder / "config.yaml", self.settings)

    def switch_scm(self, **values: Any) -> None:
        self.scm.switches = dataclasses.replace(self.scm.switches, **values)

    def switch_panos(self, name: str = "fw", **values: Any) -> None:
        firewall = self.firewalls[name]
        switches = dataclasses.replace(firewall.switches, **values)
        firewall.switches = firewall.store.switches = switches
        for holder in (firewall.admins, firewall.locks):
            holder._switches = switches

    # --- people and strangers ----------------------------------------------------------------------------------------

    def certificate(
        self, common_name: str, days: float = 1500, age: float = 1.0
    ) -> tuple[x509.Certificate, PrivateKey]:
        """A certificate that somebody got elsewhere, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
        csr = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
        start = self.clock.now() - age * DAY
        product = Product("DV", days, self.account.organization)
        return self.authority.issue(csr, product, [common_name], start), key

    def hand_made(self, firewall: str, entry: str, common_name: str, days: float = 1500, vsys: str = "") -> None:
        """A finished entry, as if it had always been there."""
        certificate, key = self.certificate(common_name, days)
        place = vsys or self.vsys
        self.unit(firewall).install_certificate(entry, certificate, key, place)
        self.was_always_there(firewall, f"{to_text(place_of(place))}/certificate/entry[@name='{entry}']")

    def stranger(self, firewall: str, xpath: str) -> None:
        """From now on this object must stay as it is, in candidate and running configuration."""
        for unit in self.units(firewall):
            self.strangers.append((unit.name, xpath, *self._both(unit.name, xpath)))

    def forget_stranger(self, xpath: str) -> None:
        self.strangers = [item for item in self.strangers if item[1] != xpath]

    def _both(self, firewall: str, xpath: str) -> tuple[str, str]:
        configuration = self.firewalls[firewall].configuration
        return _text(find(configuration.candidate, parse(xpath))), _text(find(configuration.running, parse(xpath)))

    def commit_as(self, admin: str, firewall: str = "fw", everything: bool = False) -> None:
        """Another administrator commits: his own changes, or everybody's."""
        device = self.firewalls[firewall]
        with device.settled():
            changes = [c for c in device.configuration.pending() if everything or set(c.admins) == {admin}]
            content = device.configuration.snapshot([change.path for change in changes])
            running = device.configuration.running_with(content)
            device.configuration.adopt(running, content, device.configuration.sequence)
        self.look()

    def delete_as(self, admin: str, xpath: str, firewall: str = "fw") -> None:
        """Another administrator deletes an object of the candidate."""
        from paloaltofw.sandbox.panos.xpath import remove

        device = self.firewalls[firewall]
        with device.settled(), device.configuration.change(admin, device.local_now()) as root:
            remove(root, parse(xpath))

    def revert(self, *admins: str, firewall: str = "fw") -> None:
        """Somebody reverts the uncommitted changes of these administrators, or, without one, everybody's."""
        configuration = self.firewalls[firewall].configuration
        if not admins:
            configuration.revert_all()
        configuration.revert([c.path for c in configuration.pending() if set(admins) & set(c.admins)])

    # --- nights --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Stage:
        self._exits = contextlib.ExitStack()
        enter = self._exits.enter_context
        host = self.host
        clock = self.clock
        enter(watching(self._deletion))
        enter(connected(self.peers, clock.advance))
        system = agent_clock.SystemClock

        def sleep(_: object, seconds: float) -> None:
            clock.advance(seconds)

        enter(mock.patch.object(system, "now", property(lambda _: host.now)))
        enter(mock.patch.object(system, "monotonic", property(lambda _: lambda: clock.now().timestamp())))
        enter(mock.patch.object(system, "sleep", sleep))
        enter(mock.patch.object(os, "fsync", return_value=None))
        enter(mock.patch.object(execution, "ThreadPoolExecutor", Inline))
        # Few variables, as cron has them; each request looks through all for a proxy.
        few = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        enter(mock.patch.dict(os.environ, {**few, "SECTIGO_ACCEPT_EULA": "yes"}, clear=True))
        enter(mock.patch.object(sys, "stdin", io.StringIO()))
        write, remove = safe_files.atomic_write, store.Store.remove

        def atomic_write(*arguments: Any, **options: Any) -> None:
            self._around(lambda: write(*arguments, **options))

        def remove_file(it: store.Store, path: Path) -> None:
            self._around(lambda: remove(it, path))

        enter(mock.patch.object(store, "atomic_write", atomic_write))
        enter(mock.patch.object(store.Store, "remove", remove_file))
        return self

    def __exit__(self, *exception: object) -> None:
        from paloaltofw.reporting import logfile

        logfile.stop()
        self._exits.close()

    def _around(self, action: Callable[[], None]) -> None:
        """A point where the process may die: before or after a write of the state folder."""
        self._points += 1
        self._die("before")
        action()
        self._die("after")

    def _die(self, side: str) -> None:
        if self._is_dead or self.kill_at == (self._points, side):
            self._is_dead = True
            raise Killed

    def agent(self, *argv: str) -> Night:
        """Run the agent as cron does: no terminal."""
        out, err = io.StringIO(), io.StringIO()
        self._points, self._is_dead = 0, False
        code: int | None
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                paloaltoagent.cli.main(["--config", str(self.folder / "config.yaml"), *argv], "paloaltoagent")
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(bool(end.code))
            except Killed:
                code = None
        self.kill_at = None
        night = Night(argv, code, out.getvalue(), err.getvalue())
        self.look()
        self._judge(night)
        return night

    def _judge(self, night: Night) -> None:
        """What holds for each run, whatever the world is like."""
        self.problems += [
            f"night {self.night_number}: {what}"
            for what in self.canaries.found_in([("stdout", night.out), ("stderr", night.err)])
        ]
        if _FLAW.search(night.err):
            self.problem(f"a flaw: {night.err.strip()[:200]}")
        if night.code == 0 and night.err:
            self.problem(f"exit code 0, yet stderr says {night.err.strip()[:160]!r}")
        if night.code in (1, 2, 4) and not night.err.strip():
            self.problem(f"exit code {night.code} without a line on stderr")
        self._judge_locks(night)
        if self.folder.joinpath("state").exists():
            left = [p.name for p in self.folder.joinpath("state").rglob("*.tmp")]
            if left and night.code is not None:
                self.problem(f"left in the state folder: {left}")

    def _judge_locks(self, night: Night) -> None:
        """No run leaves a lock behind, unless it was killed, or could not reach the firewall and says so."""
        left = [lock for firewall in self.firewalls.values() for lock in agents_locks(firewall)]
        works = night.code is not None and night.argv[0] in ("run", "enroll", "renew", "replace")
        if left and works and not (night.code == 1 and "locks of" in night.err):
            self.problem(f"the {left[0].kind} lock of the agent is left behind")

    def person(self, command: str) -> Night:
        """A person types a documented command; `--yes` is left out where this release does not ask."""
        words = command.split()
        known = {name for item in paloaltoagent.cli.commands[words[0]].params for name in item.opts}
        self.person_asked = True
        self.diary.append(f"$ {command}")
        done = self.agent(*(word for word in words if word in known or word != "--yes"))
        self.diary.append(f"  -> {done.code} {done.err.strip()[:300]}")
        self.person_asked = False
        return done

    def night(self, *argv: str) -> Night:
        """The next night's run."""
        self.night_number += 1
        due = START + self.night_number * DAY
        while due <= self.clock.now():
            due += DAY
        self.clock.advance((due - self.clock.now()).total_seconds())
        self.look()
        night = self.agent(*(argv or ("run", "--json")))
        self.nights.append(night)
        return night

    def skip(self, days: float) -> None:
        """Days pass in which nobody runs the agent."""
        self.clock.advance(days * 86400)

    # --- requests --------------------------------------------------------------------------------------------------------

    def _scm(self, request: Request) -> Answer:
        return self._answer(Call(self, "scm", scm_label(request), request), self.scm.handle)

    def _panos(self, name: str, site: PanosSite, request: Request) -> Answer:
        return self._answer(Call(self, name, panos_label(request), request), site.handle)

    def _answer(self, call: Call, handle: Handle) -> Answer:
        self._points += 1
        self._die("before")
        self.clock.advance(REQUEST_SECONDS)
        is_write = call.peer != "scm" and bool(_WRITES.fullmatch(call.label))
        before = self._open_keys(call.peer) if is_write else {}
        answer: Answer | None = None
        try:
            answer = self._through_rules(call, self._guarded(call, handle))
            return answer
        finally:
            if self.diary is not None:
                self.diary.append(f"  {call.peer}: {call.label}: {answer.status if answer else 'no answer'}")
            self.canaries.see(call.request, answer)
            self._after(call, is_write, before)
            while WRITES_TO_PASSIVE:
                self.problem(f"a change reached {WRITES_TO_PASSIVE.pop()}")
            self._die("after")

    def _through_rules(self, call: Call, handle: Handle) -> Answer:
        for rule in self.rules:
            if rule.takes(call):
                rule.times -= 1
                handle = _bound(rule.act, call, handle)
        return handle(call.request)

    def _guarded(self, call: Call, handle: Handle) -> Handle:
        """See, before a commit of the agent is carried out, whose changes it would take along."""

        def guard(request: Request) -> Answer:
            if call.label != "fw commit":
                return handle(request)
            firewall = call.firewall
            with firewall.settled():
                pending = {change.path: set(change.admins) for change in firewall.configuration.pending()}
                count = len(firewall.jobs.all)
                answer = handle(request)
                for job in firewall.jobs.all[count:]:
                    foreign = {name for path in job.changes for name in pending.get(path, set())} - {AGENT_ADMIN}
                    is_asked_for = firewall.switches.partial_commit_takes == "own"
                    if foreign and is_asked_for and job.admin == AGENT_ADMIN:
                        self.problem(f"a commit took along uncommitted work of {', '.join(sorted(foreign))}")
                    if job.order.admins != (AGENT_ADMIN,) and job.admin == AGENT_ADMIN:
                        self.problem("a commit was not limited to the agent's administrator")
            return answer

        return guard

    def _after(self, call: Call, is_write: bool, before: Mapping[bytes, str]) -> None:
        if call.peer == "scm":
            extra = len(self.scm._orders) - self.orders_before - self.orders_allowed
            if extra > 0:
                self.problem(f"{len(self.scm._orders) - self.orders_before} orders, allowed are {self.orders_allowed}")
            return
        if is_write:
            lost = {key: order for key, order in before.items() if key not in self._held_keys(call.peer)}
            for order in lost.values():
                if not self.person_asked:
                    self.problem(f"{call.label} threw away the key of order {order}, which SCM holds")
            self.look(call.peer)

    def _held_keys(self, firewall: str) -> set[bytes]:
        """Public keys (SPKI) of the CSRs in the candidate whose private keys are there."""
        held = set()
        container = find(self.firewalls[firewall].configuration.candidate, self._kept_at(firewall))
        for entry in container if container is not None else ():
            if entry.find("private-key") is not None:
                held.add(_public_key(entry.findtext("csr") or entry.findtext("public-key") or ""))
        return held

    def _open_keys(self, firewall: str) -> dict[bytes, str]:
        """Keys that the firewall holds for orders that SCM holds, and that were never in service."""
        held = self._held_keys(firewall)
        running = self.serials_in_service(firewall)
        found = {}
        for order in self.scm._orders:
            certificate = order.certificate
            is_open = order.state in PENDING or (
                order.state == "Issued" and certificate is not None and certificate.serial_number not in running
            )
            key = spki(order.csr)
            if is_open and key in held and not self._was_served(order):
                found[key] = order.id
        return found

    def _kept_at(self, firewall: str) -> Xpath:
        return parse(self.kept_at.get(firewall, self.certificates_at))

    def serials_in_service(self, firewall: str) -> set[int]:
        """Serial numbers of the certificates with a key in the running configuration."""
        device = self.firewalls[firewall]
        container = find(device.configuration.running, self._kept_at(firewall))
        found = [
            device.store.certificates_of(entry)
            for entry in (container if container is not None else ())
            if entry.find("private-key") is not None
        ]
        return {certificates[0].serial_number for certificates in found if certificates}

    def uncommitted_orders(self) -> list[str]:
        """Orders that the journal knows whose keys only a candidate configuration holds: a revert would lose them."""
        found = []
        journal = "".join(path.read_text("utf-8", "replace") for path in self.state.glob("journal/orders/*.json"))
        for name, firewall in self.firewalls.items():
            safe = {
                _public_key(entry.findtext("csr") or entry.findtext("public-key") or "")
                for entry in find_all(firewall.configuration.running, (*self._kept_at(name), Step("entry")))
                if entry.find("private-key") is not None
            }
            held = self._open_keys(name)
            found += [order for key, order in held.items() if key not in safe and f'"{order}"' in journal]
        return found

    def _was_served(self, order: Order) -> bool:
        return order.certificate is not None and order.certificate.serial_number in self._serials_served

    def _deletion(self, text: str) -> None:
        """What the observer of deletions says: the agent asks who uses a certificate before it tries to delete it."""
        if not (self.may_try_to_delete and text.startswith("tried")):
            self.problem(text)

    # --- the observer ------------------------------------------------------------------------------------------------------

    def problem(self, text: str) -> None:
        line = f"night {self.night_number}: {text}"
        if not any(item.endswith(text) for item in self.problems):
            self.problems.append(line)
            self.diary.append(f"!! {line}")

    def look(self, only: str = "") -> None:
        """Once something is in service, something complete always is; strangers stay as they were. `only`: a firewall."""
        now = self.clock.now()
        for watched in self.watched:
            if only not in ("", *(unit.name for unit in self.units(watched.firewall))):
                continue
            served = self.served(watched.firewall, watched.profile)
            if served.serial is not None:
                self._serials_served.add(served.serial)
            self._judge_service(watched, served, now)
        for firewall, xpath, candidate, running in self.strangers:
            if only in ("", firewall) and self._both(firewall, xpath) != (candidate, running):
                self.problem(f"a stranger's object was touched: {xpath}")

    def _judge_service(self, watched: Watched, served: Served, now: datetime.datetime) -> None:
        place = f"{watched.profile} on {watched.firewall}"
        if served.serial is None:
            if watched.seen is not None:
                self.problem(f"{place} is dark: {served.entry or 'nothing'} is not a complete entry")
            return
        if served.common_name not in (watched.common_name, watched.other_name):
            self.problem(f"{place} serves {served.common_name} ({served.entry}) instead of {watched.common_name}")
        if served.not_after <= now and not watched.may_expire:
            self.problem(f"{place} serves the expired {served.entry}")
        watched.seen = served

    def served(self, firewall: str, profile: str = PORTAL) -> Served:
        """What a service profile of the running configuration serves."""
        device = self.unit(firewall)
        with device.settled():
            root = device.configuration.running
        entry_name = _text_at(root, f"{self.profiles_at}/entry[@name='{profile}']/certificate")
        entry = find(root, parse(f"{self.certificates_at}/entry[@name='{entry_name}']")) if entry_name else None
        if entry is None:
            return Served(entry_name)
        name, serial, not_after = self._parse(device, entry)
        return Served(entry_name, name, serial, not_after)

    def _parse(self, device: Firewall, entry: Element) -> tuple[str, int | None, datetime.datetime]:
        texts = (entry.findtext("public-key") or "", entry.findtext("private-key") or "")
        if texts not in self._parsed:
            found = read_certificates(texts[0].encode())
            key = device.store.key_of(entry)
            is_whole = bool(found) and key is not None and spki(key) == spki(found[0])
            leaf = found[0] if found else None
            self._parsed[texts] = (
                ", ".join(common_names(leaf)) if leaf else "",  # type: ignore[arg-type]  # a subject is all it takes
                leaf.serial_number if leaf and is_whole else None,
                leaf.not_valid_after_utc if leaf else START,
            )
        return self._parsed[texts]

    @property
    def orders(self) -> list[Order]:
        """The orders since the counting began."""
        return self.scm.orders[self.orders_before :]

    def count_from_here(self) -> None:
        """What happened so far is the story's past."""
        self.orders_before, self.keys_made, self.night_number, self.nights = len(self.scm._orders), 0, 0, []

    def search_files(self) -> None:
        """No secret in the state folder, the log, or a URL."""
        found = self.canaries.found_in(files_in(self.folder / "state", self.folder / "logs"))
        self.problems += [*found, *self.canaries.found_in_requests()]

    # --- the state folder ------------------------------------------------------------------------------------------------

    @property
    def state(self) -> Path:
        return self.folder / "state"

    def back_up(self, name: str = "backup") -> None:
        shutil.copytree(self.state, self.folder / name)

    def restore(self, name: str = "backup") -> None:
        self.lose_state()
        shutil.copytree(self.folder / name, self.state)

    def lose_state(self) -> None:
        shutil.rmtree(self.state, ignore_errors=True)


def _bound(act: Act, call: Call, handle: Handle) -> Handle:
    return lambda request: act(call, handle)


def _text(element: Element | None) -> str:
    if element is None:
        return ""
    duplicate = copy.deepcopy(element)
    for node in duplicate.iter():
        for mark in ("admin", "dirtyId", "time"):
            node.attrib.pop(mark, None)
    return tostring(duplicate, encoding="unicode")


def _text_at(root: Element, xpath: str) -> str:
    node = find(root, parse(xpath))
    return (node.text or "").strip() if node is not None else ""


_SPKI: dict[str, bytes] = {}


def _public_key(text: str) -> bytes:
    """The public key of a CSR or certificate in PEM."""
    if text not in _SPKI:
        if len(_SPKI) > 5000:
            _SPKI.clear()
        load = x509.load_pem_x509_csr if "REQUEST" in text[:40] else x509.load_pem_x509_certificate
        try:
            _SPKI[text] = spki(load(text.encode()))
        except ValueError:
            _SPKI[text] = b""
    return _SPKI[text]


def scm_label(request: Request) -> str:
    """What a request to SCM is about."""
    if request.path == TOKEN_PATH:
        return "scm token"
    parts = request.path[len(API) :].strip("/").split("/") if request.path.startswith(API) else ["?"]
    if parts == [""]:
        return "scm enroll"
    if len(parts) == 1:
        return "scm revoke" if request.method == "DELETE" else "scm download"
    return f"scm {parts[1]}"


def panos_label(request: Request) -> str:
    """What a request to a firewall is about: `fw get certificates`, `fw generate`, `fw commit` …"""
    call = PanosCall(request)
    parameters = call.parameters
    kind = parameters.get("type", "")
    if kind == "config":
        return f"fw {parameters.get('action')}{_place(parameters.get('xpath', ''))}"
    if kind == "op":
        return f"fw {_command(call)}"
    return f"fw {kind}"


def _place(xpath: str) -> str:
    for tag, word in (("/certificate", "certificate"), ("/ssl-tls-service-profile", "profile")):
        if xpath.endswith(tag) and "entry[@name='" not in xpath.removesuffix(tag).rpartition("/shared")[2]:
            return f" {word}s"
    if "/ssl-tls-service-profile" in xpath:
        return " profile"
    if "/certificate" in xpath:
        return " csr" if xpath.endswith("/csr") else " certificate"
    return " other" if xpath else " everything"


def _command(call: PanosCall) -> str:
    try:
        words = [node.tag for node in call.command.iter()]
    except PanosError:
        return "op ?"
    for word in (
        "high-availability",
        "generate",
        "changes",
        "admins",
        "config-locks",
        "commit-locks",
        "jobs",
        "clock",
        "revert",
        "load",
    ):
        if word in words[:5]:
            return "job" if word == "jobs" and "id" in words else word
    return "op " + " ".join(words[:4])


def with_files(stage: Stage, action: Callable[[Path], None]) -> None:
    """Do something to every JSON file of the journal."""
    for path in sorted(stage.state.rglob("*.json")):
        if path.name != "eula.json":
            action(path)


@contextlib.contextmanager
def staged(folder: Path, **options: Any) -> Iterator[Stage]:
    """A stage, set and alive."""
    stage = Stage(folder, **options)
    with stage:
        yield stage


RsaKey = rsa.RSAPrivateKey
__all__ = ["AGENT_ADMIN", "PEOPLE", "Account", "Act", "Call", "Killed", "Night", "Rule", "Stage", "field", "staged"]
