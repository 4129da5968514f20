"""Orders of the simulated SCM: accounts, the states of fact sheet SCM §2.3, and the words for them."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.authority import ChainForm, Organization, spki_der

ALL_KEY_TYPES = frozenset({"RSA-2048", "RSA-3072", "RSA-4096", "EC-256", "EC-384", "EC-521"})


@dataclass
class Account:
    """One REST account: it fixes certificate type, organization and term. Its secret can be reset.

    `issue_delay_seconds`: from approval to issuance. `age_days`: issued certificates began that long ago, so that a
    test gets one that is due or expired. `refusal`: every order is refused with this code and text.
    """

    label: str
    client_id: str
    client_secret: str
    certificate_type: str = "DV"
    organization: Organization = field(default_factory=Organization)
    lifetime_days: float = 200
    auto_approve: bool = True
    key_types: frozenset[str] = ALL_KEY_TYPES
    mandatory_custom_fields: frozenset[str] = frozenset()
    custom_fields: frozenset[str] = frozenset()
    issue_delay_seconds: float = 0
    dcv_prevalidated: bool = True
    age_days: float = 0
    refusal: tuple[int, str] | None = None


@dataclass(frozen=True)
class ScmSwitches:
    """Behaviour that no document settles; each position must be borne by a client (fact sheet SCM §7, §8)."""

    token_error: str = "unauthorized_client"
    token_basic: bool = True
    token_seconds: int = 300
    challenge: str = "quoted"  # unquoted | realm_first | bare_url
    unknown_fields: str = "refuse"  # ignore
    csr_armour: str = "refuse"  # accept
    local_names: str = "refuse"  # accept
    renew_requires_profile_id: bool = False
    renew_refused: bool = False
    replace_id: str = "new"  # same
    replace_same_serves_old: bool = True
    status_words: str = "plain"  # upper | spaced
    dcv_info: str = "object"  # array
    not_ready: tuple[str, ...] = ("-103", "-109")  # in turn, the last one for ever; "empty": HTTP 200 without a body
    revoked_download_status: int = 404
    certificate_ids: str = "digits"  # base64
    chain: ChainForm = field(default_factory=ChainForm)


@dataclass
class Order:
    """One order and its certificate."""

    id: str
    account: str
    operation: str
    csr: x509.CertificateSigningRequest
    sans: tuple[str, ...]
    comments: str
    requested_at: datetime.datetime
    state: str = "Requested"
    approved_at: datetime.datetime | None = None
    dcv_done: bool = True
    certificate: x509.Certificate | None = None
    superseded: x509.Certificate | None = None
    downloads: int = 0

    @property
    def csr_sha256(self) -> str:
        return hashlib.sha256(self.csr.public_bytes(Encoding.DER)).hexdigest()

    @property
    def spki_sha256(self) -> str:
        return hashlib.sha256(spki_der(self.csr.public_key())).hexdigest()


class Refusal(Exception):
    """An error answer of the API: HTTP status, vendor code, text."""

    def __init__(self, code: int, description: str, status: int = 400) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description
        self.status = status


def new_id(number: int, style: str) -> str:
    """An ID in one of the styles that are possible; the Base64 one holds +, / and = (fact sheet SCM §2.2)."""
    if style == "digits":
        return str(number)
    return base64.b64encode(b"\xfb\xff" + json.dumps({"id": number}).encode() + b"?>").decode()


def status_word(state: str, style: str) -> str:
    """A state in one of the spellings of the vendor's documents."""
    if style == "upper":
        return state.upper()
    return "SA Approved" if style == "spaced" and state == "Approved" else state


def key_type(csr: x509.CertificateSigningRequest) -> str:
    """`RSA-2048`, `EC-256` and so on."""
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    return f"EC-{key.curve.key_size}" if isinstance(key, ec.EllipticCurvePublicKey) else type(key).__name__
