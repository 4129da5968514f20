"""Orders of the simulated SCM: accounts, switches, and the states of scm.md §2.3 with the way through them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.base.authority import ChainForm, Organization, Product, common_names, spki_der

ALL_KEY_TYPES = frozenset({"RSA-2048", "RSA-3072", "RSA-4096", "EC-256", "EC-384", "EC-521"})
PENDING = frozenset({"Requested", "Approved", "Applied"})
FAILED = frozenset({"Declined", "Rejected", "Invalid"})


@dataclass
class Account:
    """One REST account: it fixes certificate type, organization and term. Its secret can be reset.

    `transmission_seconds`: from approval until the CA has the order; `issue_delay_seconds`: from approval to issuance.
    `age_days`: issued certificates began that long before, so that a test gets one that is due or expired.
    `domains`: those delegated to the organization, None for all. `refusal`: refuses every order, with code and text.
    """

    label: str
    client_id: str
    client_secret: str
    certificate_type: str = "DV"
    organization: Organization = field(default_factory=Organization)
    lifetime_days: float = 200
    profile_id: int = 1
    auto_approve: bool = True
    key_types: frozenset[str] = ALL_KEY_TYPES
    domains: frozenset[str] | None = None
    mandatory_custom_fields: frozenset[str] = frozenset()
    custom_fields: frozenset[str] = frozenset()
    transmission_seconds: float = 0
    issue_delay_seconds: float = 0
    dcv_prevalidated: bool = True
    age_days: float = 0
    refusal: tuple[int, str] | None = None

    @property
    def product(self) -> Product:
        return Product(self.certificate_type, self.lifetime_days, self.organization)


NotReady = Literal["-103", "-109", "empty", "processing", "processing_text"]
OrderAnswer = Literal["certId", "id", "sslId", "no_id", "html", "gzip", "302", "408", "499", "500"]


@dataclass(frozen=True)
class ScmSwitches:
    """Behaviour that no document settles; a client must work with each position (scm.md §7, §8).

    Every default is the least forgiving position that the facts allow for this API.
    """

    token_error: Literal["unauthorized_client", "invalid_client"] = "unauthorized_client"
    token_basic: bool = True
    token_seconds: int = 300
    # What the usual token URL says, and whether a 401 names that one or another that works (scm.md §1).
    usual_token_url: Literal["works", "404", "405", "html"] = "works"
    token_place: Literal["usual", "elsewhere"] = "usual"
    challenge: Literal["quoted", "unquoted", "realm_first", "bare_url"] = "quoted"
    unknown_fields: Literal["ignore", "refuse"] = "ignore"
    csr_armour: Literal["refuse", "accept"] = "refuse"
    # Whether the names in a CSR count beside `subjAltNames`.
    csr_names: Literal["add", "ignore"] = "add"
    # Whether the CA leaves mail addresses out.
    email_names: Literal["issue", "drop"] = "issue"
    # A private CA's profile accepts them.
    local_names: Literal["refuse", "accept"] = "refuse"
    # Whether a CSR that was sent before makes an order again, gives the first order's ID, or is refused.
    repeated_csr: Literal["order", "merge", "refuse"] = "order"
    # What is said to each order that was taken, in turn, the last one for ever: all but certId are odd.
    order_answer: tuple[OrderAnswer, ...] = ("certId",)
    renew_requires_profile_id: bool = False
    renew_refused: bool = False
    # Whether expired and revoked certificates can be renewed.
    renew_of_ended: Literal["refuse", "accept"] = "refuse"
    replace_id: Literal["new", "same"] = "new"
    replace_same_serves_old: bool = True
    status_words: Literal["plain", "upper", "spaced"] = "plain"
    dcv_info: Literal["object", "array"] = "object"
    # What is said to each download before issuance, in turn, the last one for ever: 404 with a code, an empty 200, or
    # 400 "Being processed by Sectigo" as JSON or as bare text.
    not_ready: tuple[NotReady, ...] = ("-103", "-109")
    revoked_download_status: Literal[404, 400] = 404
    certificate_ids: Literal["digits", "base64"] = "digits"
    chain: ChainForm = field(default_factory=ChainForm)


@dataclass
class Order:
    """One order and its certificate. `names` are those that the certificate will hold."""

    id: str
    account: str
    operation: str
    csr: x509.CertificateSigningRequest
    sans: tuple[str, ...]
    names: tuple[str, ...]
    comments: str
    requested_at: datetime.datetime
    state: str = "Requested"
    approved_at: datetime.datetime | None = None
    dcv_mode: str = "CNAME"
    dcv_done_at: datetime.datetime | None = None
    dcv_checked_at: datetime.datetime | None = None
    certificate: x509.Certificate | None = None
    superseded: x509.Certificate | None = None
    downloads: int = 0

    @property
    def csr_sha256(self) -> str:
        return hashlib.sha256(self.csr.public_bytes(Encoding.DER)).hexdigest()

    @property
    def spki_sha256(self) -> str:
        return hashlib.sha256(spki_der(self.csr.public_key())).hexdigest()

    @property
    def summary(self) -> dict[str, object]:
        """What a person at the shell wants to know."""
        certificate = self.certificate
        return {
            "id": self.id, "account": self.account, "operation": self.operation, "state": self.state,
            "commonName": ", ".join(common_names(self.csr)), "names": list(self.names), "comments": self.comments,
            "requestedAt": self.requested_at.isoformat(), "csrSha256": self.csr_sha256, "spkiSha256": self.spki_sha256,
            "serial": f"{certificate.serial_number:X}" if certificate else None,
            "notAfter": certificate.not_valid_after_utc.isoformat() if certificate else None,
        }  # fmt: skip


class Refusal(Exception):
    """An error answer of the API: HTTP status, vendor code, text."""

    def __init__(self, code: int, description: str, status: int = 400) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.status = status


class WrongState(ValueError):
    """A person wants of an order what its state does not allow."""


# What people can do to an order: in which states, and what it becomes.
DECISIONS: dict[str, tuple[frozenset[str], str]] = {
    "approve": (frozenset({"Requested"}), "Approved"),
    "decline": (frozenset({"Requested"}), "Declined"),
    "reject": (PENDING, "Rejected"),
    "invalidate": (PENDING, "Invalid"),
    "revoke": (frozenset({"Issued", "Replaced"}), "Revoked"),
}


def decide(order: Order, decision: str, now: datetime.datetime) -> None:
    """Apply a person's decision; raises WrongState."""
    allowed, state = DECISIONS[decision]
    if order.state not in allowed:
        raise WrongState(f"order {order.id} is {order.state}: it takes {' or '.join(sorted(allowed))} to {decision}")
    order.state = state
    if decision == "approve":
        order.approved_at = now


Sign = Callable[[Order, datetime.datetime], x509.Certificate]


def advance(order: Order, account: Account, now: datetime.datetime, sign: Sign) -> None:
    """Approved → Applied → Issued → Expired, as time passed. Certificates begin when they fell due, not when asked."""
    if order.state == "Approved" and now >= _after(order.approved_at, account.transmission_seconds):
        order.state = "Applied"
    if order.state == "Applied" and order.dcv_done_at is not None:
        due = max(_after(order.approved_at, account.issue_delay_seconds), order.dcv_done_at)
        if now >= due:
            order.certificate, order.state = sign(order, due), "Issued"
    if order.state == "Issued" and order.certificate and now > order.certificate.not_valid_after_utc:
        order.state = "Expired"


def _after(moment: datetime.datetime | None, seconds: float) -> datetime.datetime:
    assert moment is not None, "approved orders know when"  # nosec B101  # narrows a type
    return moment + datetime.timedelta(seconds=seconds)


def new_id(number: int, style: str) -> str:
    """An ID in one of the styles that are possible; the Base64 one holds +, / and = (scm.md §2.2)."""
    if style == "digits":
        return str(number)
    return base64.b64encode(b"\xfb\xff" + json.dumps({"id": number}).encode() + b"?>").decode()


def status_word(state: str, style: str) -> str:
    """A state in one of the spellings of the vendor's documents."""
    if style == "upper":
        return state.upper()
    return "SA Approved" if style == "spaced" and state == "Approved" else state


def dcv_info(order: Order) -> dict[str, object]:
    """What an order waits for, in the shape of scm.md §2.6."""
    names = sorted({name.removeprefix("*.") for name in order.names if "@" not in name})
    log = [
        {
            "dcvStatus": "Awaiting Validation", "domainName": name, "lastCheck": _stamp(order.dcv_checked_at),
            "nextCheck": None, "dcvDate": None, "dcvEmailRefNumber": None,
        }
        for name in names
    ]  # fmt: skip
    instructions = [{"domainName": name, "dcvMode": order.dcv_mode, **_proof(order, name)} for name in names]
    return {"dcvLog": {"error": {"code": 0, "description": None}, "log": log}, "instructions": instructions}


def _stamp(moment: datetime.datetime | None) -> str | None:
    return moment.strftime("%Y-%m-%d %H:%M:%S") if moment else None


def _proof(order: Order, name: str) -> dict[str, str]:
    digest = order.csr_sha256
    if order.dcv_mode == "EMAIL":
        return {"dcvEmail": f"admin@{name}"}
    if order.dcv_mode in ("HTTP", "HTTPS"):
        url = f"{order.dcv_mode.lower()}://{name}/.well-known/pki-validation/{digest[:32].upper()}.txt"
        return {"url": url, "file": f"{digest}\nsandbox.example"}
    return {"host": f"_{digest[:32]}.{name}", "point": f"{digest[:32]}.{digest[32:]}.sandbox.example"}
