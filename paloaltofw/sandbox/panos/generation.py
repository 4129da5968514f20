"""`request certificate generate` (panos.md §4): understanding the command, and making CSRs and certificates."""

from __future__ import annotations

import datetime
import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from paloaltofw.sandbox.panos.answers import INVALID_COMMAND, PanosError, invalid, text_of, unexpected
from paloaltofw.sandbox.panos.keystore import KeySpec, PrivateKey
from paloaltofw.sandbox.panos.schema import NAME_LIMIT, check_certificate_name
from paloaltofw.sandbox.panos.switches import PanosSwitches

PATH = ("request", "certificate", "generate")
EXTERNAL = "external"
_DEFAULT_DAYS, _MAX_DAYS = 365, 7200
_RSA_BITS = ("512", "1024", "2048", "3072", "4096")
_ECDSA_BITS = ("256", "384", "521")
Digest = hashes.SHA256 | hashes.SHA384 | hashes.SHA512
_DIGESTS: dict[str, Digest] = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}
_OLD_DIGESTS = ("md5", "sha1")
# The library that signs here can no longer make these; a device without them refuses with this text (panos.md §7).
_UNSUPPORTED = "Unsupported digest or keys used in FIPS-CC mode"
# Upper bounds of X.520. The order of the table is that of the subject.
_SUBJECT: dict[str, tuple[x509.ObjectIdentifier, int]] = {
    "country-code": (NameOID.COUNTRY_NAME, 2),
    "state": (NameOID.STATE_OR_PROVINCE_NAME, 128),
    "locality": (NameOID.LOCALITY_NAME, 128),
    "organization": (NameOID.ORGANIZATION_NAME, 64),
    "organization-unit": (NameOID.ORGANIZATIONAL_UNIT_NAME, 64),
    "name": (NameOID.COMMON_NAME, 64),
    "email": (NameOID.EMAIL_ADDRESS, 255),
}
_LISTS = ("organization-unit", "hostname", "ip", "alt-email")
_REQUIRED = ("certificate-name", "name", "algorithm")
_HOST = re.compile(r"[A-Za-z0-9*_](?:[A-Za-z0-9._-]{0,253}[A-Za-z0-9])?", re.ASCII)
_EMAIL = re.compile(r"[^@\s]+@[A-Za-z0-9.-]+", re.ASCII)


@dataclass(frozen=True)
class GenerateOrder:
    """A parsed command. `values` holds the texts of each element."""

    certificate_name: str
    key: KeySpec
    values: dict[str, tuple[str, ...]]

    def one(self, tag: str, default: str = "") -> str:
        return self.values.get(tag, (default,))[0]

    @property
    def digest(self) -> Digest:
        return _DIGESTS[self.one("digest", "sha256")]

    @property
    def is_ca(self) -> bool:
        return self.one("ca") == "yes"

    @property
    def signed_by(self) -> str:
        return self.one("signed-by")


def _is_address(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return False


def _is_days(text: str) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= _MAX_DAYS


_CHECKS: dict[str, Callable[[str], object]] = {
    "country-code": re.compile("[A-Z]{2}").fullmatch,
    "digest": (*_OLD_DIGESTS, *_DIGESTS).__contains__,
    "days-till-expiry": _is_days,
    "ca": ("yes", "no").__contains__,
    "hostname": _HOST.fullmatch,
    "ip": _is_address,
    "email": _EMAIL.fullmatch,
    "alt-email": _EMAIL.fullmatch,
    "signed-by": bool,
    "certificate-name": bool,
}


def parse_generate(element: Element, switches: PanosSwitches, limit: int = NAME_LIMIT) -> GenerateOrder:
    """Understand `<generate>`; refuses with code 17 whatever is not exactly known."""
    if text_of(element):
        raise invalid(*PATH)
    values: dict[str, tuple[str, ...]] = {}
    spec: KeySpec | None = None
    for child in element:
        if child.tag in values or (child.tag == "algorithm" and spec is not None):
            raise unexpected(*PATH, child.tag)
        if child.tag == "algorithm":
            spec = _algorithm(child, switches)
        else:
            values[child.tag] = _values(child, switches)
    for tag in _REQUIRED:
        if tag not in values and not (tag == "algorithm" and spec):
            raise PanosError(f" {' -> '.join(PATH)} is missing '{tag}'", code=INVALID_COMMAND)
    assert spec is not None  # nosec B101  # narrows a type
    if spec.algorithm == "ECDSA" and values.get("digest", ("sha256",))[0] in _OLD_DIGESTS:
        raise invalid(*PATH, "digest")
    name = values["certificate-name"][0]
    if switches.dots_in_names == "dropped":
        name = name.replace(".", "")
    check_certificate_name(name, INVALID_COMMAND, limit)
    if switches.dots_in_names == "refused" and "." in name:
        raise invalid(*PATH, "certificate-name")
    return GenerateOrder(name, spec, values)


def _values(element: Element, switches: PanosSwitches) -> tuple[str, ...]:
    path = (*PATH, element.tag)
    is_known = element.tag in _CHECKS or element.tag in _SUBJECT
    if not is_known or (element.tag == "alt-email" and switches.alt_email == "unexpected"):
        raise unexpected(*path)
    texts = _members(element) if element.tag in _LISTS else (_leaf(element),)
    limit = _SUBJECT[element.tag][1] if element.tag in _SUBJECT else 255
    for text in texts:
        if not 0 < len(text) <= limit or not _CHECKS.get(element.tag, bool)(text):
            raise invalid(*path)
    return texts


def _leaf(element: Element) -> str:
    for child in element:
        raise unexpected(*PATH, element.tag, child.tag)
    return text_of(element)


def _members(element: Element) -> tuple[str, ...]:
    for child in element:
        if child.tag != "member" or len(child):
            raise unexpected(*PATH, element.tag, child.tag)
    if text_of(element) or not len(element):
        raise invalid(*PATH, element.tag)
    return tuple(text_of(child) for child in element)


def _algorithm(element: Element, switches: PanosSwitches) -> KeySpec:
    path = (*PATH, "algorithm")
    kinds = list(element)
    if len(kinds) != 1 or text_of(element):
        raise invalid(*path)
    kind = kinds[0]
    sizes = {"RSA": _RSA_BITS, "ECDSA": _ECDSA_BITS}.get(kind.tag)
    if sizes is None:
        raise unexpected(*path, kind.tag)
    expected = f"{kind.tag.lower()}-nbits"
    for child in kind:
        if child.tag != expected or len(kind) > 1:
            raise unexpected(*path, kind.tag, child.tag)
    bits = text_of(kind.find(expected))
    # The switch of a size has its name; 512 and 1024 have none.
    if bits not in sizes or getattr(switches, f"{kind.tag.lower()}_{bits}", "ok") == "refused":
        raise invalid(*path, kind.tag, expected)
    return KeySpec(kind.tag, int(bits))


def subject(order: GenerateOrder) -> x509.Name:
    attributes = [
        x509.NameAttribute(oid, text) for tag, (oid, _) in _SUBJECT.items() for text in order.values.get(tag, ())
    ]
    return x509.Name(attributes)


def _alternative_names(order: GenerateOrder, switches: PanosSwitches) -> x509.SubjectAlternativeName | None:
    hosts = list(order.values.get("hostname", ()))
    common_name = order.one("name")
    if switches.cn_in_san and common_name not in hosts and _HOST.fullmatch(common_name):
        hosts.insert(0, common_name)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(text)) for text in order.values.get("ip", ())]
    if switches.alt_email != "ignored":
        names += [x509.RFC822Name(text) for text in order.values.get("alt-email", ())]
    return x509.SubjectAlternativeName(names) if names else None


def make_csr(order: GenerateOrder, key: PrivateKey, switches: PanosSwitches) -> x509.CertificateSigningRequest:
    """The CSR of a `signed-by external` command."""
    builder = x509.CertificateSigningRequestBuilder().subject_name(subject(order))
    names = _alternative_names(order, switches)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    if order.is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return builder.sign(key, order.digest)


def make_certificate(
    order: GenerateOrder,
    key: PrivateKey,
    issuer: tuple[x509.Name, PrivateKey] | None,
    now: datetime.datetime,
    switches: PanosSwitches,
) -> x509.Certificate:
    """A certificate signed by the device itself: by its own key, or by a CA that the device holds."""
    issuer_name, issuer_key = issuer or (subject(order), key)
    days = int(order.one("days-till-expiry", str(_DEFAULT_DAYS)))
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject(order))
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=order.is_ca, path_length=None), critical=True)
    )
    names = _alternative_names(order, switches)
    if names is not None:
        builder = builder.add_extension(names, critical=False)
    return builder.sign(issuer_key, order.digest)


def check_supported(order: GenerateOrder) -> None:
    """Refuse what cannot be made here: 512-bit RSA keys, MD5 and SHA-1 signatures."""
    if order.key == KeySpec("RSA", 512) or order.one("digest") in _OLD_DIGESTS:
        raise PanosError(_UNSUPPORTED)
