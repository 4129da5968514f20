"""The stage: a simulated fleet and SCM that take their time, in a process of their own.

Reads one JSON command a line on stdin, answers one JSON line on stdout. Every firewall has an address of its own in
127.0.0.0/8 and one management plane, which does one thing at a time.
"""

from __future__ import annotations

import hashlib
import json
import re
import resource
import ssl
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from paloaltofw.clock import format_time
from paloaltofw.configuration.loader import load
from paloaltofw.lifecycle.requested import requested_of
from paloaltofw.model.records import DeviceRecord, InstalledRecord
from paloaltofw.model.trust import pin_text
from paloaltofw.pki.certificate import parse_csr
from paloaltofw.sandbox.base.authority import CertificateAuthority, TlsAuthority
from paloaltofw.sandbox.base.clock import SystemClock
from paloaltofw.sandbox.base.https import ANY, Answer, HttpsServer, Request, server_context
from paloaltofw.sandbox.panos.device import Firewall, Latencies
from paloaltofw.sandbox.panos.service import PanosSite
from paloaltofw.sandbox.scm.orders import Account, ScmSwitches
from paloaltofw.sandbox.scm.service import ScmSite
from paloaltofw.sandbox.world import AGENT_ADMIN, TOKEN_PATH, certificate_profile, write_yaml
from paloaltofw.storage.store import Store

REQUEST_SECONDS, CSR_SECONDS, COMMIT_SECONDS = 0.05, 1.0, 90.0
# SCM accounts that the fleet's orders are spread over: the agent sends one order after the other through each.
ACCOUNTS = 4
_JOB = re.compile(r"<show><jobs><id>")


@dataclass
class Plane:
    """One firewall's management plane: what it was asked, and how long it made others wait (seconds)."""

    site: PanosSite
    lock: threading.Lock = field(default_factory=threading.Lock)
    requests: Counter[str] = field(default_factory=Counter)
    imposed: float = 0.0


class Stage:
    """A fleet of `firewalls` with `certificates` each, every latency multiplied by `scale`."""

    def __init__(self, folder: Path, firewalls: int, certificates: int, scale: float) -> None:
        self.folder = folder
        self.scale = scale
        self.per_firewall = certificates
        clock = SystemClock()
        tls = TlsAuthority()
        certificate, key = tls.server_identity("127.0.0.1")
        context = server_context(certificate, key)
        self.pin = pin_text(hashlib.sha256(ssl.PEM_cert_to_DER_cert(certificate.decode())).hexdigest())
        self.authority = CertificateAuthority(clock)
        self.accounts = [
            Account(f"DV_{number}", f"benchmark-{number}", "s]e.c!r,et-of-the-benchmark", "DV")
            for number in range(ACCOUNTS)
        ]
        self.scm = ScmSite(self.authority, clock, ScmSwitches(token_seconds=86400), self.accounts)
        self.scm_requests: Counter[str] = Counter()
        self.planes: dict[str, Plane] = {}
        self.names: list[str] = []
        for number in range(firewalls):
            firewall = Firewall(f"fw{number:04d}", clock, latencies=Latencies(commit_seconds=COMMIT_SECONDS * scale))
            firewall.add_admin(AGENT_ADMIN, "no password is used")
            self.names.append(firewall.name)
            self.planes[address(number)] = Plane(PanosSite(firewall))
        self.fleet_server = HttpsServer(self, context, host=ANY).start()
        self.scm_server = HttpsServer(Slow(self.scm, self), context).start()
        self.scm.public_url = self.scm_server.url
        (folder / "ca.pem").write_bytes(tls.ca_pem)
        self.config = self._write()

    def handle(self, request: Request) -> Answer:
        """A request to one of the firewalls, told apart by the address that it went to."""
        plane = self.planes[str(request.headers["host"]).partition(":")[0]]
        form = request.form
        command = form.get("cmd", "")
        kind = "job" if _JOB.search(command) else form.get("type", "")
        seconds = REQUEST_SECONDS * self.scale
        if "<generate>" in command:
            seconds += CSR_SECONDS * self.scale
        with plane.lock:
            plane.requests[kind] += 1
            plane.imposed += 0.0 if kind == "job" else seconds
            time.sleep(seconds)
            return plane.site.handle(request)

    def _write(self) -> Path:
        for number, name in enumerate(self.names):
            profile = {
                "url": f"https://{address(number)}:{self.fleet_server.port}", "admin": AGENT_ADMIN,
                "api_key": self.firewall(number).api_key(AGENT_ADMIN), "verify_tls": self.pin,
            }  # fmt: skip
            write_yaml(self.folder / f"profiles/firewalls/{name}.yaml", profile)
            for index in range(self.per_firewall):
                account = self.accounts[(number + index) % ACCOUNTS].label
                certificate = certificate_profile(name, f"c{index}.{name}.example.com", account=account)
                write_yaml(self.folder / f"profiles/certificates/{name}-c{index}x.yaml", certificate)
        credentials = {
            account.label: {"client_id": account.client_id, "client_secret": account.client_secret}
            for account in self.accounts
        }
        write_yaml(self.folder / "profiles/sectigo_credentials.yaml", credentials)
        scm = {"url": self.scm_server.url, "token_url": self.scm_server.url + TOKEN_PATH, "ca_bundle": "ca.pem"}
        return write_yaml(self.folder / "config.yaml", {"scm": scm, "logging": {"level": "warning"}})

    def firewall(self, number: int) -> Firewall:
        return self.planes[address(number)].site.firewall

    def install_all(self) -> None:
        """Every certificate is issued, installed and known to the agent, as after a run some time ago."""
        profiles = load(self.config).certificates
        store = Store(self.folder / "state")
        store.prepare()
        for number, name in enumerate(self.names):
            store.save_device(DeviceRecord(name, self.firewall(number).serial))
            for index in range(self.per_firewall):
                profile = profiles[f"{name}-c{index}x"]
                key = ec.generate_private_key(ec.SECP256R1())
                subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, profile.subject.common_name)])
                csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
                issued = self.authority.issue(csr, self.accounts[0].product, profile.sans.dns)
                self.firewall(number).install_certificate(profile.name, issued, key)
                record = InstalledRecord(
                    f"{number}-{index}", profile.name, requested_of(profile),
                    parse_csr(csr.public_bytes(Encoding.PEM).decode()).pem, format_time(SystemClock().now()),
                )  # fmt: skip
                store.save_certificate_id(profile.id, record.certificate_id)
                store.save_installed(profile.id, record)

    def counts(self) -> dict[str, Any]:
        """What was asked since the last time, and how long the slowest firewall's own chain of waits is (seconds)."""
        planes = list(self.planes.values())
        commits = [len(plane.site.firewall.commits) for plane in planes]
        scm = (2 * self.per_firewall + 1) * REQUEST_SECONDS * self.scale if len(self.scm.orders) else 0.0
        chain = max(plane.imposed + COMMIT_SECONDS * self.scale * n for plane, n in zip(planes, commits, strict=True))
        result = {
            "requests": [sum(plane.requests.values()) for plane in planes],
            "polls": [plane.requests["job"] for plane in planes],
            "commits": commits, "orders": len(self.scm.orders), "scm_requests": dict(self.scm_requests),
            "limit": chain + scm,
        }  # fmt: skip
        for plane in planes:
            plane.requests.clear()
            plane.imposed = 0.0
        self.scm_requests.clear()
        return result


class Slow:
    """SCM, each request of which takes its time."""

    def __init__(self, site: ScmSite, stage: Stage) -> None:
        self._site = site
        self._stage = stage
        self._lock = threading.Lock()

    def handle(self, request: Request) -> Answer:
        with self._lock:
            self._stage.scm_requests["token" if request.path == TOKEN_PATH else request.method] += 1
        time.sleep(REQUEST_SECONDS * self._stage.scale)
        return self._site.handle(request)


def address(number: int) -> str:
    """The address of the n-th firewall."""
    return f"127.{1 + number // 62500}.{1 + number % 62500 // 250}.{1 + number % 250}"


def main() -> None:
    """Build the stage that the command line asks for, then obey."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, hard), hard))
    firewalls, certificates, scale, is_installed = json.loads(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="benchmark") as name:
        stage = Stage(Path(name), firewalls, certificates, scale)
        if is_installed:
            stage.install_all()
        obey: dict[str, Callable[[], Any]] = {"counts": stage.counts}
        about = {
            "config": str(stage.config), "port": stage.fleet_server.port, "scm": stage.scm_server.url, "names": stage.names,
            "keys": [stage.firewall(number).api_key(AGENT_ADMIN) for number in range(firewalls)],
            "account": [stage.accounts[0].client_id, stage.accounts[0].client_secret],
        }  # fmt: skip
        print(json.dumps(about), flush=True)
        for line in sys.stdin:
            print(json.dumps(obey[line.strip()]()), flush=True)


if __name__ == "__main__":
    main()
