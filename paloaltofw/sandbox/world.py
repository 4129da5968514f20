"""A whole simulated world: SCM, firewalls, their HTTPS servers, and a configuration that leads the agent to them."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paloaltofw.sandbox.base.authority import CertificateAuthority, TlsAuthority
from paloaltofw.sandbox.base.clock import Clock, SystemClock
from paloaltofw.sandbox.base.https import HttpsServer, server_context
from paloaltofw.sandbox.panorama_estate import PANORAMA, PanoramaEstate
from paloaltofw.sandbox.panos.data_plane import DataPlane, DataPlaneServer
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.ha_pair import HaPair
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.service import PanosSite
from paloaltofw.sandbox.panos.switches import SUPERUSER, Latencies, PanosSwitches, Role
from paloaltofw.sandbox.scm.orders import Account, ScmSwitches
from paloaltofw.sandbox.scm.service import ScmSite

AGENT_ADMIN = "svc-certs"
PEOPLE = ("alice", "bob")
TOKEN_PATH = "/auth/realms/apiclients/protocol/openid-connect/token"  # nosec B105  # no password


@dataclass(frozen=True)
class WorldOptions:
    """What kind of world. Times in seconds."""

    firewalls: Sequence[str] = ("fw-edge", "fw-branch")
    accounts: Sequence[Account] | None = None
    panos: PanosSwitches = field(default_factory=PanosSwitches)
    scm: ScmSwitches = field(default_factory=ScmSwitches)
    latencies: Latencies = field(default_factory=Latencies)
    agent_role: Role = SUPERUSER
    # With a Panorama too: its switches.
    panorama: PanoramaSwitches | None = None
    multi_vsys: bool = False
    # These firewalls become HA pairs: each gets a second unit, NAME-2, and profiles name both.
    pairs: Sequence[str] = ()
    sync_seconds: float = 0.0


def default_accounts() -> list[Account]:
    """DV at once, OV and EV after approval."""
    return [_account(kind, auto_approve=kind == "DV") for kind in ("DV", "OV", "EV")]


def _account(kind: str, auto_approve: bool) -> Account:
    return Account(
        label=f"{kind}_ACCOUNT",
        client_id=f"sandbox-{kind.lower()}-{secrets.token_hex(4)}",
        client_secret=f"s]e.c!r,et-{secrets.token_urlsafe(18)}",
        certificate_type=kind,
        auto_approve=auto_approve,
    )


class World:
    """Servers on loopback; `start` and `stop`, or a with statement."""

    def __init__(self, options: WorldOptions | None = None, clock: Clock | None = None) -> None:
        options = options or WorldOptions()
        self.clock = clock or SystemClock()
        self.tls = TlsAuthority()
        self.context = server_context(*self.tls.server_identity("127.0.0.1", "localhost"))
        self.authority = CertificateAuthority(self.clock)
        self.accounts = list(options.accounts if options.accounts is not None else default_accounts())
        self.scm = ScmSite(self.authority, self.clock, options.scm, self.accounts)
        self.scm_server = HttpsServer(self.scm, self.context)
        self.scm.public_url = self.scm_server.url
        self.firewalls: dict[str, Firewall] = {}
        self.servers: dict[str, HttpsServer] = {}
        self.planes: dict[str, DataPlane] = {}
        self.services: list[tuple[str, DataPlaneServer]] = []
        # Of the agent's administrator on each firewall.
        self.passwords: dict[str, str] = {}
        self.pairs: dict[str, HaPair] = {}
        for name in options.firewalls:
            self._add_firewall(name, options)
        for name in options.pairs:
            self._add_firewall(f"{name}-2", options)
            self.pairs[name] = HaPair(self.firewalls[name], self.firewalls[f"{name}-2"], options.sync_seconds)
        self.panorama = self._add_panorama(options, options.panorama) if options.panorama is not None else None

    def _add_firewall(self, name: str, options: WorldOptions) -> None:
        firewall = Firewall(name, self.clock, options.panos, options.latencies, multi_vsys=options.multi_vsys)
        self.passwords[name] = secrets.token_urlsafe(12)
        firewall.add_admin(AGENT_ADMIN, self.passwords[name], options.agent_role)
        for person in PEOPLE:
            firewall.add_admin(person, secrets.token_urlsafe(12))
        self.firewalls[name] = firewall
        self.servers[name] = HttpsServer(PanosSite(firewall), self.context)
        firewall.listeners.append(lambda: self._present(name))
        self.planes[name] = DataPlane(firewall)

    def _add_panorama(self, options: WorldOptions, switches: PanoramaSwitches) -> PanoramaEstate:
        estate = PanoramaEstate(self.clock, options.panos, options.latencies, switches)
        estate.add_admins(AGENT_ADMIN, options.agent_role, PEOPLE)
        for name, site in estate.sites():
            self.servers[name] = HttpsServer(site, self.context)
        self.passwords[PANORAMA] = estate.password
        return estate

    def _present(self, name: str) -> None:
        """Serve the management certificate that a commit has put in place."""
        identity = self.firewalls[name].management_identity()
        if identity is not None:
            certificates, key = identity
            pem = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)
            private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
            self.servers[name].use_context(server_context(pem, private))

    def serve(self, firewall: str, profile: str) -> str:
        """Let an SSL/TLS service profile's service answer on a loopback port from now on; gives its address."""
        server = DataPlaneServer(self.planes[firewall], profile).start()
        self.services.append((firewall, server))
        return server.address

    def start(self) -> World:
        """Begin to answer."""
        for server in (self.scm_server, *self.servers.values()):
            server.start()
        return self

    def stop(self) -> None:
        """End."""
        for server in (self.scm_server, *self.servers.values()):
            server.stop()
        for _, service in self.services:
            service.stop()
        self.services.clear()

    def __enter__(self) -> World:
        return self.start()

    def __exit__(self, *exception: object) -> None:
        self.stop()

    def write_configuration(
        self, folder: Path, certificates: Mapping[str, object], more: Mapping[str, Mapping[str, object]] | None = None
    ) -> Path:
        """Write everything that the agent needs; gives the path of config.yaml. `more` adds to its sections."""
        folder.mkdir(parents=True, exist_ok=True)
        ca_file = folder / "sandbox-ca.pem"
        ca_file.write_bytes(self.tls.ca_pem)
        for name, profile in certificates.items():
            write_yaml(folder / "profiles/certificates" / f"{name}.yaml", profile)
        for name in self.profile_names:
            document = self._firewall_profile(name, self.firewalls[name], ca_file)
            write_yaml(folder / "profiles/firewalls" / f"{name}.yaml", document)
        if self.panorama is not None:
            keys = self._firewall_profile(PANORAMA, self.panorama.panorama, ca_file) | self.panorama.profile_keys()
            write_yaml(folder / "profiles/firewalls" / f"{PANORAMA}.yaml", keys)
        accounts = {a.label: {"client_id": a.client_id, "client_secret": a.client_secret} for a in self.accounts}
        write_yaml(folder / "profiles/sectigo_credentials.yaml", accounts)
        return write_yaml(folder / "config.yaml", self._config(ca_file, more or {}))

    @property
    def profile_names(self) -> list[str]:
        """The firewalls that have a firewall profile: all but the second units of pairs."""
        seconds = {pair.units[1].name for pair in self.pairs.values()}
        return [name for name in self.firewalls if name not in seconds]

    def _firewall_profile(self, name: str, firewall: Firewall, ca_file: Path) -> dict[str, object]:
        profile: dict[str, object] = {
            "url": self.servers[name].url,
            "admin": AGENT_ADMIN,
            "api_key": firewall.api_key(AGENT_ADMIN),
            "verify_tls": str(ca_file),
        }
        if name in self.pairs:
            other = self.pairs[name].units[1]
            profile["ha_peer"] = {"url": self.servers[other.name].url, "api_key": other.api_key(AGENT_ADMIN)}
        return profile

    def _config(self, ca_file: Path, more: Mapping[str, Mapping[str, object]]) -> dict[str, object]:
        config: dict[str, dict[str, object]] = {
            "scm": {
                "url": self.scm_server.url,
                "token_url": self.scm_server.url + TOKEN_PATH,
                "credentials": "profiles/sectigo_credentials.yaml",
                "ca_bundle": str(ca_file),
            },
            "profiles": {"certificates": "profiles/certificates", "firewalls": "profiles/firewalls"},
            "state": {"path": "state"},
            "logging": {"path": "logs"},
            "issuance": {"wait": "20s"},
        }
        for section, values in more.items():
            config.setdefault(section, {}).update(values)
        return dict(config)


def write_yaml(path: Path, document: object) -> Path:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    return path


def certificate_profile(
    firewall: str, common_name: str, type_: str = "DV", key: Mapping[str, object] | None = None, **more: object
) -> dict[str, object]:
    """A certificate profile for the sandbox's accounts."""
    profile: dict[str, object] = {
        "type": type_,
        "account": f"{type_}_ACCOUNT",
        "firewall": firewall,
        "subject": {"common_name": common_name},
        "key": dict(key or {"type": "ECDSA", "curve": "P256"}),
    }
    if type_ != "DV":
        profile["subject"] = {
            "common_name": common_name, "organization": "Example Ltd", "locality": "Bratislava", "country": "SK"
        }  # fmt: skip
    return {**profile, **more}
