"""What the simulated SCM takes and refuses: bodies as in OpenAPI 25.11, CSRs, names, custom fields.

The codes are those of scm.md §3.5.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, NoReturn

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from paloaltofw.sandbox.base.authority import common_names, csr_names
from paloaltofw.sandbox.base.https import Request
from paloaltofw.sandbox.scm.orders import Account, Refusal, ScmSwitches

MAX_BODY = 32767
MAX_CSR = 32767


class Field(NamedTuple):
    """One property of a schema. JSON's `number` is int or float; bool is neither."""

    kinds: tuple[type, ...]
    longest: int | None = None
    shortest: int = 0
    values: tuple[object, ...] = ()
    required: bool = False


Schema = Mapping[str, Field]
_TEXT, _TEXTS, _OBJECT, _NUMBER = Field((str,)), Field((list,)), Field((dict,)), Field((int, float))
_COMMENTS, _REQUESTER = Field((str,), 1024), Field((str,), 512)

ENROLL: Schema = {
    "csr": Field((str,), MAX_CSR, required=True), "subjAltNames": _TEXTS, "comments": _COMMENTS,
    "externalRequester": _REQUESTER, "customFields": _OBJECT,
}  # fmt: skip
# The schema marks profileId and customFields as required, its own text and example do not (scm.md §2.2).
RENEW: Schema = {
    **ENROLL, "csr": Field((str,), MAX_CSR), "profileId": _NUMBER, "email": _TEXT, "term": _NUMBER,
    "dcvMode": Field((str,), values=("EMAIL", "CNAME", "HTTP", "HTTPS")), "dcvEmail": _TEXT,
}  # fmt: skip
REPLACE: Schema = {key: ENROLL[key] for key in ("csr", "subjAltNames", "comments")}
REVOKE: Schema = {
    "message": Field((str,), 512, shortest=1, required=True), "reasonCode": Field((int,), values=(0, 1, 3, 4, 5)),
}  # fmt: skip


def read_body(request: Request, schema: Schema, switches: ScmSwitches) -> dict[str, Any]:
    """The body, if it fits its schema; raises Refusal."""
    if request.content_type != "application/json":
        raise Refusal(-7, "Content type is not supported, application/json is expected", 415)
    body = _parse(request.body)
    for name, field in schema.items():
        if field.required and name not in body:
            raise Refusal(-7, f"Field '{name}' is required")
    for name, value in body.items():
        if name in schema:
            _check_field(name, value, schema[name])
        elif switches.unknown_fields == "refuse":
            raise Refusal(-64, f"Field name '{name}' is wrong")
    return {name: value for name, value in body.items() if name in schema}


def _parse(content: bytes) -> dict[str, Any]:
    try:
        text = content.decode("utf-8")
        # JSON has no NaN and no Infinity (RFC 8259 §6); Python's reader does.
        body = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Refusal(-7, "Malformed JSON") from None
    if len(text) > MAX_BODY:
        raise Refusal(-7, f"Request is longer than {MAX_BODY} characters")
    if not isinstance(body, dict):
        raise Refusal(-7, "A JSON object is expected")
    return body


def _no_constant(word: str) -> NoReturn:
    raise ValueError(word)


def _check_field(name: str, value: object, field: Field) -> None:
    if not isinstance(value, field.kinds) or isinstance(value, bool):
        raise Refusal(-951, f"Field '{name}' is of the wrong type")
    if isinstance(value, str) and field.longest is not None and len(value) > field.longest:
        raise Refusal(-951, f"Field '{name}' is longer than {field.longest}")
    if isinstance(value, str) and len(value) < field.shortest:
        raise Refusal(-7, f"Field '{name}' must not be empty")
    if isinstance(value, list) and not all(isinstance(item, str) for item in value):
        raise Refusal(-951, f"Field '{name}' must be an array of strings")
    if field.values and value not in field.values:
        raise Refusal(-951, f"Field '{name}' must be one of {', '.join(map(str, field.values))}")


# --- CSR -------------------------------------------------------------------------------------------------------------

_ARMOUR = re.compile(r"-----(BEGIN|END) (NEW )?CERTIFICATE REQUEST-----|[\r\n]")
_CURVES = {"secp256r1": "EC-256", "secp384r1": "EC-384", "secp521r1": "EC-521"}


def read_csr(text: str, switches: ScmSwitches) -> x509.CertificateSigningRequest:
    """The CSR of an order: one line of Base64, signed by its own key; raises Refusal."""
    if switches.csr_armour == "accept":
        text = _ARMOUR.sub("", text)
    try:
        der = base64.b64decode(text, validate=True)
        if base64.b64encode(der).decode() != text:  # the library passes over surplus padding
            raise ValueError
    except ValueError:
        raise Refusal(-9, "CSR is not valid Base64 data") from None
    csr = _decode(der)
    if not csr.is_signature_valid:
        raise Refusal(-138, "CSR is invalid, its signature is wrong")
    return csr


def _decode(der: bytes) -> x509.CertificateSigningRequest:
    """Decode all of it: the library reads key, subject and extensions only when they are asked for."""
    try:
        csr = x509.load_der_x509_csr(der)
        csr.public_key(), csr_names(csr), common_names(csr)
        _ = csr.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        raise Refusal(-10, "CSR cannot be decoded") from None
    return csr


def check_key(csr: x509.CertificateSigningRequest, account: Account) -> None:
    """Whether the certificate profile allows the CSR's key; raises Refusal."""
    kind = key_type(csr)
    if kind not in account.key_types:
        raise Refusal(-13 if kind.startswith("RSA") else -11, f"Key {kind} is not allowed by the certificate profile")


def key_type(csr: x509.CertificateSigningRequest) -> str:
    """`RSA-2048`, `EC-256` and so on; other curves and algorithms by their own name."""
    key = csr.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA-{key.key_size}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name, key.curve.name)
    return type(key).__name__


# --- names -----------------------------------------------------------------------------------------------------------

_LABEL = r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*", re.ASCII)
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", re.ASCII)
_LOCAL_ENDS = (".local", ".internal", ".lan", ".corp", ".home", ".test", ".invalid", ".localhost")
# RFC 5737 and RFC 3849: in examples these stand for public addresses.
_EXAMPLES = [ipaddress.ip_network(n) for n in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
MAX_NAME, MAX_COMMON_NAME = 253, 64


def certificate_names(
    csr: x509.CertificateSigningRequest, sans: Iterable[str], account: Account, switches: ScmSwitches
) -> tuple[str, ...]:
    """The names that the certificate will hold, each of them allowed; raises Refusal."""
    common = common_names(csr)
    if len(common) != 1 or len(common[0]) > MAX_COMMON_NAME:
        raise Refusal(-138, "CSR is invalid, it must hold one common name")
    in_csr = csr_names(csr) if switches.csr_names == "add" else []
    for name in (*common, *in_csr):
        _check_name(name, -138, account, switches)
    for name in sans:
        _check_name(name, -951, account, switches)
    names = dict.fromkeys(_canonical(name) for name in (*common, *in_csr, *sans))
    return tuple(name for name in names if "@" not in name or switches.email_names == "issue")


def _canonical(name: str) -> str:
    address = _address(name)
    return str(address) if address else name


def _check_name(name: str, syntax_code: int, account: Account, switches: ScmSwitches) -> None:
    if "@" in name:
        if not _MAIL.fullmatch(name):
            raise Refusal(syntax_code, f"Mail address '{name}' is wrong")
        return
    address = _address(name)
    if address is None and not (len(name) <= MAX_NAME and _HOST.fullmatch(name)):
        raise Refusal(syntax_code, f"Domain name '{name}' is wrong")
    if switches.local_names == "refuse" and _is_local(name):
        raise Refusal(-164, f"Local name or private IP address '{name}' is not allowed")
    if name.startswith("*.") and account.certificate_type == "EV":
        # CA/Browser Forum EV Guidelines §9.8.1
        raise Refusal(syntax_code, f"Wildcard '{name}' is not allowed in an EV certificate")
    if address is None and not _is_delegated(name, account.domains):
        raise Refusal(-1010, f"Domain '{name}' is not allowed for this organization")


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _is_local(name: str) -> bool:
    address = _address(name)
    if address is None:
        return "." not in name.removeprefix("*.") or name.lower().endswith(_LOCAL_ENDS)
    return not address.is_global and not any(address in network for network in _EXAMPLES)


def _is_delegated(name: str, domains: frozenset[str] | None) -> bool:
    if domains is None:
        return True
    host = name.removeprefix("*.").lower()
    return any(host == domain or host.endswith("." + domain) for domain in domains)


# --- the rest --------------------------------------------------------------------------------------------------------


def check_details(account: Account, body: Mapping[str, Any], is_enroll: bool) -> None:
    """Custom fields, requester, term, profile; raises Refusal. Only enroll must bring custom fields (see RENEW)."""
    if is_enroll or "customFields" in body:
        _check_custom_fields(account, body.get("customFields", {}))
    requesters = [part.strip() for part in body.get("externalRequester", "").split(",")]
    if requesters != [""] and not all(_MAIL.fullmatch(address) for address in requesters):
        raise Refusal(-951, "Field 'externalRequester' must hold mail addresses, separated by commas")
    if body.get("term", account.lifetime_days) != account.lifetime_days:
        raise Refusal(-36, f"Term {body['term']} is not in the certificate profile")
    if body.get("profileId", account.profile_id) != account.profile_id:
        raise Refusal(-39, "Profile ID is invalid")


def _check_custom_fields(account: Account, given: Mapping[str, object]) -> None:
    if missing := sorted(name for name in account.mandatory_custom_fields if given.get(name) in (None, "")):
        raise Refusal(-62, f"Mandatory custom field '{missing[0]}' is missing")
    if unknown := sorted(given.keys() - account.custom_fields - account.mandatory_custom_fields):
        raise Refusal(-64, f"Custom field name '{unknown[0]}' is wrong")
