"""X.509: what a CSR and a certificate say."""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import hashlib
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import ExtensionOID, NameOID

# A CSR with dozens of names and a 4096-bit key has 4 kB; a chain of five certificates 12 kB.
MAX_PEM_CHARACTERS = 512 * 1024
MAX_CHAIN = 20
# A run reads the same certificate at every look at its firewall; a few KiB each.
REMEMBERED = 512
# Clocks of CA, firewall and this host differ a little; a certificate issued a moment ago must not fail for that.
CLOCK_SKEW = datetime.timedelta(minutes=10)
_CERTIFICATE = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_CSR = re.compile(r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(.+?)-----END", re.DOTALL)
# CA/Browser Forum reserved policy identifiers (Baseline Requirements 7.1.6.1, EV guidelines), weakest first.
_POLICIES = {"2.23.140.1.2.1": "DV", "2.23.140.1.2.2": "OV", "2.23.140.1.2.3": "IV", "2.23.140.1.1": "EV"}
POLICY_STRENGTH = {"DV": 0, "IV": 1, "OV": 1, "EV": 2}
_SHORT_NAMES = {
    NameOID.COUNTRY_NAME: "C", NameOID.STATE_OR_PROVINCE_NAME: "ST", NameOID.LOCALITY_NAME: "L",
    NameOID.ORGANIZATION_NAME: "O", NameOID.ORGANIZATIONAL_UNIT_NAME: "OU", NameOID.COMMON_NAME: "CN",
    NameOID.EMAIL_ADDRESS: "emailAddress",
}  # fmt: skip
MALFORMED = (
    ValueError,
    TypeError,
    OverflowError,
    UnsupportedAlgorithm,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)


@dataclass(frozen=True)
class Names:
    """The names a CSR or certificate holds; DNS names and mail hosts in lower case."""

    common_name: str
    dns: frozenset[str]
    ip: frozenset[str]
    email: frozenset[str]

    @property
    def all(self) -> frozenset[str]:
        """Every alternative name."""
        return self.dns | self.ip | self.email


@dataclass(frozen=True)
class Csr:
    """A certificate signing request as the firewall made it.

    `subject` holds its attributes in their order, as (short name, value): C, ST, L, O, OU, CN, emailAddress; others by
    their number in dots.
    """

    der: bytes
    names: Names
    key_type: str
    key_bits: int
    spki_sha256: str
    subject: tuple[tuple[str, str], ...] = ()

    @property
    def base64(self) -> str:
        """Single-line Base64 without header lines, as SCM documents it (OpenAPI: SslEnrollRequest.csr)."""
        return base64.b64encode(self.der).decode("ascii")

    @property
    def sha256(self) -> str:
        """Fingerprint of the whole request, in hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> str:
        """The request with its header lines."""
        return _armour(self.der, "CERTIFICATE REQUEST")


@dataclass(frozen=True)
class Certificate:
    """What matters of a certificate. Times are aware and in UTC; `serial` is hex without leading zeros."""

    der: bytes
    names: Names
    organization: str
    issuer: str
    serial: str
    not_before: datetime.datetime
    not_after: datetime.datetime
    is_ca: bool
    is_self_issued: bool
    key_type: str
    key_bits: int
    spki_sha256: str
    policy: str | None

    @property
    def sha256(self) -> str:
        """Fingerprint, in hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> str:
        """The certificate with its header lines."""
        return _armour(self.der, "CERTIFICATE")

    @property
    def lifetime(self) -> datetime.timedelta:
        """From notBefore to notAfter; RFC 5280 counts the last second in."""
        return self.not_after - self.not_before + datetime.timedelta(seconds=1)

    def is_valid_at(self, now: datetime.datetime) -> bool:
        """Whether it has begun, as far as clocks agree, and has not expired."""
        return self.not_before <= now + CLOCK_SKEW and now < self.not_after


class VerificationError(ValueError):
    """A CSR or chain fails a proof; the text says which."""


def _armour(der: bytes, label: str) -> str:
    body = base64.encodebytes(der).decode("ascii").replace("\n", "")
    lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _blocks(text: str, pattern: re.Pattern[str]) -> list[bytes]:
    if len(text) > MAX_PEM_CHARACTERS:
        raise VerificationError("the PEM text is absurdly long")
    try:
        return [base64.b64decode("".join(block.split()), validate=True) for block in pattern.findall(text)]
    except ValueError:
        raise VerificationError("a PEM block is not Base64") from None


def parse_csr(text: str) -> Csr:
    """Read the one CSR in a PEM text and verify its own signature; raises VerificationError."""
    blocks = _blocks(text, _CSR)
    if len(blocks) != 1:
        raise VerificationError("there is no CSR in PEM form" if not blocks else "there is more than one CSR")
    return _parse_csr_der(blocks[0])


@functools.lru_cache(maxsize=REMEMBERED)
def _parse_csr_der(der: bytes) -> Csr:
    try:
        csr = x509.load_der_x509_csr(der)
        is_signed = csr.is_signature_valid
        key_type, bits = _key_facts(csr.public_key())
        subject = tuple((_short_name(item.oid), str(item.value)) for item in csr.subject)
        request = Csr(der, _names(csr), key_type, bits, _spki_sha256(csr.public_key()), subject)
    except MALFORMED as error:
        raise VerificationError(f"the CSR cannot be read ({type(error).__name__})") from None
    if not is_signed:
        raise VerificationError("the CSR's own signature is wrong")
    return request


def parse_certificates(text: str) -> list[Certificate]:
    """Read every certificate of a PEM text, whatever stands between the blocks; raises VerificationError."""
    blocks = _blocks(text, _CERTIFICATE)
    if len(blocks) > MAX_CHAIN:
        raise VerificationError(f"there are more than {MAX_CHAIN} certificates")
    return [parse_certificate_der(block) for block in blocks]


def first_der(text: str) -> bytes | None:
    """The DER of the first certificate in a PEM text, without a look inside; None if there is none."""
    try:
        return next(iter(_blocks(text, _CERTIFICATE)), None)
    except VerificationError:
        return None


@functools.lru_cache(maxsize=REMEMBERED)
def parse_certificate_der(der: bytes) -> Certificate:
    """Read one DER certificate; raises VerificationError."""
    try:
        with without_warnings():
            return _read(x509.load_der_x509_certificate(der), der)
    except MALFORMED as error:
        raise VerificationError(f"a certificate cannot be read ({type(error).__name__})") from None


def _read(certificate: x509.Certificate, der: bytes) -> Certificate:
    # A signature is whole bytes (RFC 5280 §4.1.1.3); the library also takes a bit string with unused bits at its end.
    if not der.endswith(b"\x00" + certificate.signature):
        raise ValueError("unused bits in the signature")
    key_type, bits = _key_facts(certificate.public_key())
    return Certificate(
        der=der, names=_names(certificate), organization=_attribute(certificate.subject, NameOID.ORGANIZATION_NAME),
        issuer=_attribute(certificate.issuer, NameOID.COMMON_NAME), serial=f"{certificate.serial_number:X}",
        not_before=certificate.not_valid_before_utc, not_after=certificate.not_valid_after_utc,
        is_ca=_is_ca(certificate), is_self_issued=certificate.issuer == certificate.subject, key_type=key_type,
        key_bits=bits, spki_sha256=_spki_sha256(certificate.public_key()), policy=_policy(certificate),
    )  # fmt: skip


@contextlib.contextmanager
def without_warnings() -> Iterator[None]:
    """What the library dislikes in a certificate is its CA's affair; a warning on stderr would reach cron's mail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        yield


def load_der(der: bytes) -> x509.Certificate:
    """Load a certificate with the library."""
    with without_warnings():
        return x509.load_der_x509_certificate(der)


def _key_facts(key: object) -> tuple[str, int]:
    if isinstance(key, rsa.RSAPublicKey):
        return "RSA", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "ECDSA", key.curve.key_size
    return type(key).__name__, 0


def _spki_sha256(key: object) -> str:
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined]
    return hashlib.sha256(spki).hexdigest()


def _short_name(oid: x509.ObjectIdentifier) -> str:
    return _SHORT_NAMES.get(oid, oid.dotted_string)


def _attribute(name: x509.Name, oid: x509.ObjectIdentifier) -> str:
    values = name.get_attributes_for_oid(oid)
    return str(values[0].value) if values else ""


def _names(holder: x509.Certificate | x509.CertificateSigningRequest) -> Names:
    common_name = _attribute(holder.subject, NameOID.COMMON_NAME).lower()
    try:
        sans = holder.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Names(common_name, frozenset(), frozenset(), frozenset())
    return Names(
        common_name=common_name,
        dns=frozenset(name.lower() for name in sans.get_values_for_type(x509.DNSName)),
        ip=frozenset(str(address) for address in sans.get_values_for_type(x509.IPAddress)),
        email=frozenset(canonical_mail(address) for address in sans.get_values_for_type(x509.RFC822Name)),
    )


def canonical_mail(address: str) -> str:
    """Return an e-mail address with its host in lower case."""
    mailbox, _, host = address.rpartition("@")
    return f"{mailbox}@{host.lower()}"


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False


def _policy(certificate: x509.Certificate) -> str | None:
    try:
        extension = certificate.extensions.get_extension_for_oid(ExtensionOID.CERTIFICATE_POLICIES).value
    except x509.ExtensionNotFound:
        return None
    assert isinstance(extension, x509.CertificatePolicies)  # nosec B101  # narrows a type
    found = [
        _POLICIES[p.policy_identifier.dotted_string]
        for p in extension
        if p.policy_identifier.dotted_string in _POLICIES
    ]
    return max(found, key=lambda policy: POLICY_STRENGTH[policy], default=None)
