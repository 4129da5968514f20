"""A simulated SCM on a desk: accounts, a clock that is moved by hand, and a client that hides nothing."""

from __future__ import annotations

import base64
import datetime
import functools
import json
import urllib.parse
from collections.abc import Sequence
from dataclasses import replace
from email.message import Message
from ipaddress import ip_address
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from paloaltofw.sandbox.base.authority import CertificateAuthority
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.scm.orders import Account, Order, ScmSwitches
from paloaltofw.sandbox.scm.service import API, ScmSite
from paloaltofw.sandbox.scm.token_server import TOKEN_PATH
from tests.x509 import Key, key

START = datetime.datetime(2026, 11, 24, 12, tzinfo=datetime.timezone.utc)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
SECRET = "s]e.c!r,e&t=%"


@functools.cache
def authority() -> CertificateAuthority:
    return CertificateAuthority(ManualClock(START))


def csr(
    common_name: str = "www.example.com", dns: Sequence[str] = (), ip: Sequence[str] = (), private_key: Key | None = None,
    subject: x509.Name | None = None, extensions: Sequence[x509.ExtensionType] = (),
) -> x509.CertificateSigningRequest:  # fmt: skip
    names = [*(x509.DNSName(n) for n in dns), *(x509.IPAddress(ip_address(a)) for a in ip)]
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    builder = x509.CertificateSigningRequestBuilder().subject_name(name if subject is None else subject)
    for extension in (*([x509.SubjectAlternativeName(names)] if names else []), *extensions):
        builder = builder.add_extension(extension, critical=False)
    return builder.sign(private_key or key(), hashes.SHA256())


def encoded(request: x509.CertificateSigningRequest) -> str:
    return base64.b64encode(request.public_bytes(Encoding.DER)).decode()


def forged_csr() -> str:
    """A CSR whose signature belongs to other content."""
    der = csr().public_bytes(Encoding.DER)
    at = der.index(b"www.example.com")
    return base64.b64encode(der[:at] + b"xxx" + der[at + 3 :]).decode()


def request(
    method: str, target: str, body: bytes | dict[str, Any] | None = None, content_type: str = "", **headers: str
) -> Request:
    message = Message()
    if isinstance(body, dict):
        body, content_type = json.dumps(body).encode(), content_type or JSON
    if content_type:
        message["Content-Type"] = content_type
    for name, value in headers.items():
        message[name] = value
    return Request(method, target, message, body or b"")


def body_of(answer: Answer) -> Any:
    return json.loads(answer.body)


class Desk:
    """One site and its accounts DV, OV and EV; OV and EV wait for approval."""

    def __init__(self, account: dict[str, Any] | None = None, **switches: Any) -> None:
        self.clock = ManualClock(START)
        self.accounts = {
            kind: Account(kind, f"id-{kind}", SECRET, kind, auto_approve=kind == "DV") for kind in ("DV", "OV", "EV")
        }
        for name, value in (account or {}).items():
            for held in self.accounts.values():
                setattr(held, name, value)
        self.site = ScmSite(authority(), self.clock, ScmSwitches(**switches), list(self.accounts.values()))
        self.site.public_url = "https://scm.example"

    def switch(self, **switches: Any) -> None:
        self.site.switches = replace(self.site.switches, **switches)

    def token_answer(self, fields: dict[str, str] | None = None, **headers: str) -> Answer:
        sent = {"grant_type": "client_credentials", "client_id": "id-DV", "client_secret": SECRET}
        form = urllib.parse.urlencode(sent if fields is None else fields)
        return self.site.handle(request("POST", TOKEN_PATH, form.encode(), FORM, **headers))

    def token(self, kind: str = "DV") -> str:
        fields = {
            "grant_type": "client_credentials",
            "client_id": f"id-{kind}",
            "client_secret": self.accounts[kind].client_secret,
        }
        return str(body_of(self.token_answer(fields))["access_token"])

    def call(
        self,
        method: str,
        path: str,
        body: bytes | dict[str, Any] | None = None,
        kind: str = "DV",
        content_type: str = "",
    ) -> Answer:
        """Call the API with a fresh token; `path` is what follows /certificates, already encoded."""
        bearer = f"Bearer {self.token(kind)}"
        return self.site.handle(request(method, API + path, body, content_type, Authorization=bearer))

    def on(
        self, method: str, order_id: str, action: str = "", body: dict[str, Any] | None = None, kind: str = "DV"
    ) -> Answer:
        path = "/" + urllib.parse.quote(order_id, safe="") + (f"/{action}" if action else "")
        return self.call(method, path, body, kind)

    def enroll(self, kind: str = "DV", **fields: Any) -> Answer:
        return self.call("POST", "", {"csr": encoded(csr()), **fields}, kind)

    def ordered(self, kind: str = "DV", **fields: Any) -> str:
        answer = self.enroll(kind, **fields)
        assert answer.status == 200, answer.body
        return str(body_of(answer)["certId"])

    def status(self, order_id: str, kind: str = "DV") -> str:
        return str(body_of(self.on("GET", order_id, "status", kind=kind))["status"])

    def leaf(self, order_id: str, kind: str = "DV") -> x509.Certificate:
        answer = self.on("GET", order_id, kind=kind)
        assert answer.status == 200, answer.body
        return x509.load_pem_x509_certificates(answer.body)[0]

    def control(self, method: str, path: str) -> Answer:
        return self.site.handle(request(method, "/sandbox/orders" + path))


def refused(answer: Answer, code: int, status: int = 400) -> bool:
    """Whether an answer is this error in the documented form."""
    body = body_of(answer)
    assert set(body) == {"code", "description"}
    assert body["description"]
    assert answer.content_type == JSON
    assert (answer.status, body["code"]) == (status, code)
    return True


def names_of(certificate: x509.Certificate) -> set[str]:
    sans = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in sans}


__all__ = ["API", "Desk", "Order", "body_of", "csr", "encoded", "forged_csr", "names_of", "refused", "request"]
