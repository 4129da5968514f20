"""A simulated firewall on the bench: requests without a network, keys made once, certificates for its CSRs."""

from __future__ import annotations

import datetime
import functools
import urllib.parse
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any
from xml.etree.ElementTree import Element, fromstring
from xml.sax.saxutils import escape

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.device import SUPERUSER, Firewall, Latencies, PanosSwitches, Role
from paloaltofw.sandbox.panos.keystore import KeySpec, PrivateKey, generate_key, spki
from paloaltofw.sandbox.panos.service import PanosSite
from paloaltofw.sandbox.panos.xpath import to_text

SVC, ALICE, BOB = "svc", "alice", "bob"
PASSWORD = "p&s@w?rd"
SHARED = "/config/shared/certificate"
VSYS1 = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
SYSTEM = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/system"
PROFILES = "/config/shared/ssl-tls-service-profile"


@functools.cache
def _key(number: int, spec: KeySpec) -> PrivateKey:
    return generate_key(spec)


def key(number: int = 0, algorithm: str = "ECDSA", bits: int = 256) -> PrivateKey:
    """A key, the same for the same arguments in one test run."""
    return _key(number, KeySpec(algorithm, bits))


class KeyPool:
    """Gives the bench's keys one after the other."""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self, spec: KeySpec) -> PrivateKey:
        self.given += 1
        return key(self.given, spec.algorithm, spec.bits)


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def certificate(
    public: PrivateKey | x509.CertificateSigningRequest,
    subject: x509.Name | None = None,
    start: datetime.datetime = datetime.datetime(2025, 12, 31, tzinfo=datetime.timezone.utc),
    days: int = 90,
    is_ca: bool = False,
) -> x509.Certificate:
    """A certificate signed by the bench's CA."""
    return (
        x509.CertificateBuilder()
        .subject_name(subject or name("www.example.com"))
        .issuer_name(name("Bench CA"))
        .public_key(public.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(key(999), hashes.SHA256())
    )


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(item.public_bytes(Encoding.PEM) for item in certificates)


@dataclass(frozen=True)
class Response:
    """An answer, read leniently."""

    answer: Answer

    @property
    def root(self) -> Element:
        return fromstring(self.answer.body)

    @property
    def is_success(self) -> bool:
        return self.root.get("status") == "success"

    @property
    def code(self) -> str | None:
        return self.root.get("code")

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.root.itertext()).split())

    @property
    def summary(self) -> tuple[str | None, str | None, str]:
        return self.root.get("status"), self.code, self.text

    @property
    def job(self) -> str:
        return self.root.findtext("result/job") or ""


def generate_command(
    name: str = "vpn-2026", common_name: str = "vpn.example.com", algorithm: str = "", **more: str
) -> str:
    """A generate command; `more` holds further elements as XML, tags with underscores instead of dashes."""
    algorithm = algorithm or "<ECDSA><ecdsa-nbits>256</ecdsa-nbits></ECDSA>"
    elements = {"signed_by": "external", **more}
    rest = "".join(f"<{tag.replace('_', '-')}>{xml}</{tag.replace('_', '-')}>" for tag, xml in elements.items() if xml)
    first = f"<certificate-name>{escape(name)}</certificate-name><name>{escape(common_name)}</name>"
    body = f"{first}<algorithm>{algorithm}</algorithm>{rest}"
    return f"<request><certificate><generate>{body}</generate></certificate></request>"


def headers(**values: str) -> Message:
    message = Message()
    for header, value in values.items():
        message[header.replace("_", "-")] = value
    return message


def multipart(fields: Mapping[str, str], content: bytes, part: str = "file", quote: str = "") -> tuple[str, bytes]:
    """Content type and body of an upload."""
    boundary = uuid.UUID(int=7).hex
    body = b""
    for field, value in fields.items():
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'.encode()
    disposition = f'Content-Disposition: form-data; name="{part}"; filename="x.pem"'
    body += f"--{boundary}\r\n{disposition}\r\nContent-Type: application/octet-stream\r\n\r\n".encode()
    body += content + f"\r\n--{boundary}--\r\n".encode()
    return f"multipart/form-data; boundary={quote}{boundary}{quote}", body


class Bench:
    """One firewall with three administrators, and a clock that stands still."""

    def __init__(self, switches: PanosSwitches | None = None, commit_seconds: float = 0.0, role: Role = SUPERUSER,
                 multi_vsys: bool = False, zone: datetime.tzinfo = datetime.timezone.utc) -> None:  # fmt: skip
        self.clock = ManualClock(datetime.datetime(2026, 1, 1, 12, tzinfo=datetime.timezone.utc))
        latencies = Latencies(commit_seconds=commit_seconds)
        self.firewall = Firewall("fw-1", self.clock, switches, latencies, multi_vsys=multi_vsys, zone=zone)
        self.firewall.key_source = KeyPool()
        for admin in (SVC, ALICE, BOB):
            self.firewall.add_admin(admin, PASSWORD, role if admin == SVC else SUPERUSER)
        self.site = PanosSite(self.firewall)

    def send(self, method: str, target: str, head: Message, body: bytes = b"") -> Response:
        return Response(self.site.handle(Request(method, target, head, body)))

    def ask(self, admin: str = SVC, **parameters: str) -> Response:
        """A POST with the key in the header."""
        fields = {tag.rstrip("_").replace("_", "-"): value for tag, value in parameters.items()}
        head = headers(Content_Type="application/x-www-form-urlencoded", X_PAN_KEY=self.firewall.api_key(admin))
        return self.send("POST", "/api/", head, urllib.parse.urlencode(fields).encode())

    def op(self, cmd: str, admin: str = SVC, **more: str) -> Response:
        return self.ask(admin, type="op", cmd=cmd, **more)

    def config(self, action: str, xpath: str, admin: str = SVC, **more: str) -> Response:
        return self.ask(admin, type="config", action=action, xpath=xpath, **more)

    def commit(self, cmd: str = "<commit/>", admin: str = SVC, **more: str) -> Response:
        return self.ask(admin, type="commit", cmd=cmd, **more)

    def partial(self, admin: str = SVC, inside: str = "") -> Response:
        return self.commit(
            f"<commit><partial><admin><member>{admin}</member></admin>{inside}</partial></commit>", admin
        )

    def upload(self, certificate_name: str, content: bytes, admin: str = SVC, part: str = "file",
               quote: str = "", **more: str) -> Response:  # fmt: skip
        """An import; parameters in the URL, the file as multipart."""
        fields = {"type": "import", "category": "certificate", "format": "pem", "certificate-name": certificate_name}
        fields.update(more)
        content_type, body = multipart({}, content, part, quote)
        head = headers(Content_Type=content_type, X_PAN_KEY=self.firewall.api_key(admin))
        return self.send("POST", f"/api/?{urllib.parse.urlencode(fields)}", head, body)

    def generate(self, name: str = "vpn-2026", admin: str = SVC, vsys: str = "", **more: str) -> Response:
        return self.op(generate_command(name, **more), admin, **({"vsys": vsys} if vsys else {}))

    def csr(self, name: str = "vpn-2026", parent: str = SHARED) -> x509.CertificateSigningRequest:
        node = self.config("get", f"{parent}/entry[@name='{name}']/csr").root.find("result/csr")
        assert node is not None and node.text
        return x509.load_pem_x509_csr(node.text.encode())

    def enroll(self, name: str = "vpn-2026") -> x509.Certificate:
        """Generate, sign, import."""
        assert self.generate(name).is_success
        issued = certificate(self.csr(name))
        assert self.upload(name, pem(issued)).is_success
        return issued

    def job(self, number: str) -> Element:
        job = self.op(f"<show><jobs><id>{number}</id></jobs></show>").root.find("result/job")
        assert job is not None
        return job

    def changes(self) -> list[tuple[str, str, str]]:
        """What is uncommitted, object by object, as nobody but an observer sees it."""
        return [(c.owner, f" {c.action}", to_text(c.path)) for c in self.firewall.pending_changes()]

    def journal(self) -> list[tuple[str, str, str]]:
        """The list of changes as the API gives it."""
        root = self.op("<show><config><list><changes/></list></config></show>").root
        entries = root.findall("result/journal/entry")
        return [tuple(e.findtext(tag) or "" for tag in ("owner", "action", "xpath")) for e in entries]  # type: ignore[misc]


def switched(commit_seconds: float = 0.0, **values: Any) -> Bench:
    """A bench with some switches set."""
    return Bench(replace(PanosSwitches(), **values), commit_seconds=commit_seconds)


def profiled(**values: Any) -> Bench:
    """A bench with two certificates, and a profile P that serves the old one."""
    bench = switched(**values)
    for number, certificate_name in enumerate(("old", "new")):
        bench.firewall.install_certificate(certificate_name, certificate(key(number)), key(number))
    bench.firewall.install_profile("P", "old")
    return bench


def entry(bench: Bench, certificate_name: str = "vpn-2026", parent: str = SHARED) -> Element:
    """A certificate entry as get gives it."""
    node = bench.config("get", f"{parent}/entry[@name='{certificate_name}']").root.find("result/entry")
    assert node is not None
    return node


def held_key(bench: Bench, certificate_name: str = "vpn-2026") -> bytes:
    """The public half of the key that the candidate holds."""
    return spki(bench.firewall.private_key(certificate_name, running=False))


def key_pem(private: PrivateKey, passphrase: str = "") -> bytes:
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
