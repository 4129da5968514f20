"""X.509: what a CSR and a chain say, and the proofs before anything is imported."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID

# A CSR with dozens of names and a 4096-bit key has 4 kB; a chain of five certificates 12 kB.
MAX_PEM_CHARACTERS = 512 * 1024
MAX_CHAIN = 20
_CERTIFICATE = re.compile(r"-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----(.+?)-----END", re.DOTALL)
_CSR = re.compile(r"-----BEGIN (?:NEW )?CERTIFICATE REQUEST-----(.+?)-----END", re.DOTALL)
# CA/Browser Forum reserved policy identifiers (Baseline Requirements 7.1.6.1, EV guidelines), weakest first.
_POLICIES = {"2.23.140.1.2.1": "DV", "2.23.140.1.2.2": "OV", "2.23.140.1.2.3": "IV", "2.23.140.1.1": "EV"}
_STRENGTH = {"DV": 0, "IV": 1, "OV": 1, "EV": 2}
_MALFORMED = (
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
    """A certificate signing request as the firewall made it."""

    der: bytes
    names: Names
    key_type: str
    key_bits: int
    spki_sha256: str

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


@dataclass(frozen=True)
class Chain:
    """A leaf and its intermediates, each signed by the next; self-signed roots are left out."""

    leaf: Certificate
    intermediates: tuple[Certificate, ...]

    @property
    def pem(self) -> str:
        """Leaf first."""
        return "".join(certificate.pem for certificate in (self.leaf, *self.intermediates))


@dataclass(frozen=True)
class Requirements:
    """What a profile asks of a CSR and of the certificate issued for it."""

    common_name: str
    dns: tuple[str, ...]
    ip: tuple[str, ...]
    email: tuple[str, ...]
    key_type: str
    key_bits: int
    policy: str


class Unproven(ValueError):
    """A CSR or chain fails a proof; the text says which."""


def _armour(der: bytes, label: str) -> str:
    body = base64.encodebytes(der).decode("ascii").replace("\n", "")
    lines = "\n".join(body[i : i + 64] for i in range(0, len(body), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"


def _blocks(text: str, pattern: re.Pattern[str]) -> list[bytes]:
    if len(text) > MAX_PEM_CHARACTERS:
        raise Unproven("the PEM text is absurdly long")
    try:
        return [base64.b64decode("".join(block.split()), validate=True) for block in pattern.findall(text)]
    except ValueError:
        raise Unproven("a PEM block is not Base64") from None


def parse_csr(text: str) -> Csr:
    """Read the one CSR in a PEM text and verify its own signature; raises Unproven."""
    blocks = _blocks(text, _CSR)
    if len(blocks) != 1:
        raise Unproven("there is no CSR in PEM form" if not blocks else "there is more than one CSR")
    try:
        csr = x509.load_der_x509_csr(blocks[0])
        if not csr.is_signature_valid:
            raise Unproven("the CSR's own signature is wrong")
        key_type, bits = _key_facts(csr.public_key())
        return Csr(blocks[0], _names(csr), key_type, bits, _spki_sha256(csr.public_key()))
    except _MALFORMED as error:
        raise Unproven(f"the CSR cannot be read ({type(error).__name__})") from None


def parse_certificates(text: str) -> list[Certificate]:
    """Read every certificate of a PEM text, whatever stands between the blocks; raises Unproven."""
    blocks = _blocks(text, _CERTIFICATE)
    if len(blocks) > MAX_CHAIN:
        raise Unproven(f"there are more than {MAX_CHAIN} certificates")
    return [parse_certificate_der(block) for block in blocks]


def first_der(text: str) -> bytes | None:
    """The DER of the first certificate in a PEM text, without a look inside; None if there is none."""
    try:
        return next(iter(_blocks(text, _CERTIFICATE)), None)
    except Unproven:
        return None


def parse_certificate_der(der: bytes) -> Certificate:
    """Read one DER certificate; raises Unproven."""
    try:
        with _quietly():
            return _read(x509.load_der_x509_certificate(der), der)
    except _MALFORMED as error:
        raise Unproven(f"a certificate cannot be read ({type(error).__name__})") from None


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
def _quietly() -> Iterator[None]:
    """What the library deprecates in a certificate is its CA's affair; a warning on stderr would reach cron's mail."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        yield


def _load(der: bytes) -> x509.Certificate:
    with _quietly():
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
        email=frozenset(_mail(address) for address in sans.get_values_for_type(x509.RFC822Name)),
    )


def _mail(address: str) -> str:
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
    return max(found, key=lambda policy: _STRENGTH[policy], default=None)


def build_chain(certificates: Sequence[Certificate], spki_sha256: str) -> Chain:
    """Put certificates in order, whatever order they came in: the leaf holds the given key, then each one's issuer.

    SCM does not document an order, and its admin API is root-first (fact sheet SCM §2.4). Every signature is verified
    up to the last certificate delivered. Duplicates, self-signed roots and certificates that belong to no link are
    dropped. Raises Unproven.
    """
    unique = list({certificate.sha256: certificate for certificate in certificates}.values())
    leaves = [certificate for certificate in unique if certificate.spki_sha256 == spki_sha256]
    if not leaves:
        raise Unproven("no delivered certificate holds the key of the CSR")
    leaf = max(leaves, key=lambda certificate: certificate.not_after)
    links: list[Certificate] = []
    current = leaf
    while not current.is_self_issued:
        issuer = _issuer_of(current, [c for c in unique if c not in links and c is not leaf])
        if issuer is None:
            break
        links.append(issuer)
        current = issuer
    return Chain(leaf, tuple(link for link in links if not link.is_self_issued))


def _issuer_of(certificate: Certificate, candidates: Iterable[Certificate]) -> Certificate | None:
    """The issuer among the candidates; an intermediate is preferred to a root of the same name and key."""
    named = [c for c in candidates if _is_named_issuer(certificate, c)]
    signers = [c for c in named if _is_signed_by(certificate, c)]
    if named and not signers:
        raise Unproven(f"the signature of {certificate.names.common_name!r} does not fit its delivered issuer")
    return min(signers, key=lambda c: (c.is_self_issued, -c.not_after.timestamp()), default=None)


def _is_named_issuer(certificate: Certificate, candidate: Certificate) -> bool:
    child, parent = (_load(c.der) for c in (certificate, candidate))
    return child.issuer == parent.subject


def _is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    child, parent = (_load(c.der) for c in (certificate, issuer))
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, *_MALFORMED):
        return False
    return issuer.is_ca


def prove_csr(csr: Csr, required: Requirements) -> None:
    """Check that the firewall built the CSR that the profile describes; raises Unproven."""
    if (csr.key_type, csr.key_bits) != (required.key_type, required.key_bits):
        wanted = f"{required.key_type} {required.key_bits}"
        raise Unproven(f"the firewall made a {csr.key_type} {csr.key_bits} key instead of {wanted}")
    if csr.names.common_name != required.common_name:
        raise Unproven(f"the CSR's common name is {csr.names.common_name!r}, not {required.common_name!r}")
    _prove_names(csr.names, required, "the CSR lacks")


def prove_chain(chain: Chain, spki_sha256: str, required: Requirements, now: datetime.datetime) -> None:
    """Check that an issued chain is what was asked for; raises Unproven with the first thing that is wrong."""
    leaf = chain.leaf
    if leaf.spki_sha256 != spki_sha256:
        raise Unproven("the certificate holds another key than the CSR")
    if leaf.is_ca:
        raise Unproven("the certificate is a CA's")
    if required.common_name not in leaf.names.dns | {leaf.names.common_name}:
        raise Unproven(f"the certificate is for {leaf.names.common_name!r}, not {required.common_name!r}")
    _prove_names(leaf.names, required, "the certificate lacks")
    for certificate in (leaf, *chain.intermediates):
        _prove_dates(certificate, now)


def _prove_names(names: Names, required: Requirements, lacks: str) -> None:
    wanted = {*required.dns, *required.ip, *(_mail(address) for address in required.email)}
    missing = sorted(wanted - names.all)
    if missing:
        raise Unproven(f"{lacks} the name{'s' if len(missing) > 1 else ''} {', '.join(missing)}")


# Clocks of CA, firewall and this host differ a little; a certificate issued a moment ago must not fail for that.
CLOCK_SKEW = datetime.timedelta(minutes=10)


def _prove_dates(certificate: Certificate, now: datetime.datetime) -> None:
    name = certificate.names.common_name
    if certificate.not_before > now + CLOCK_SKEW:
        raise Unproven(f"the certificate {name!r} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC")
    if certificate.not_after <= now:
        raise Unproven(f"the certificate {name!r} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC")


def is_weaker_policy(leaf: Certificate, wanted: str) -> bool:
    """Whether the certificate's CA/Browser Forum policy is weaker than the wanted type (private CAs assert none)."""
    return leaf.policy is not None and _STRENGTH[leaf.policy] < _STRENGTH[wanted]


def difference(certificate: Certificate, required: Requirements) -> str | None:
    """Say what a certificate lacks of what the profile asks for now; None if it lacks nothing.

    Surplus names and the organization are no difference: a CA may add names and writes the organization that it
    validated, so counting them would order again and again.
    """
    if (certificate.key_type, certificate.key_bits) != (required.key_type, required.key_bits):
        return f"key {certificate.key_type} {certificate.key_bits} instead of {required.key_type} {required.key_bits}"
    if required.common_name not in certificate.names.dns | {certificate.names.common_name}:
        return f"common name {certificate.names.common_name} instead of {required.common_name}"
    wanted = {*required.dns, *required.ip, *(_mail(address) for address in required.email)}
    if missing := sorted(wanted - certificate.names.all):
        return f"without the name {missing[0]}"
    return None


def object_name(certificate: Certificate, limit: int) -> str:
    """A name for a CA certificate's entry: readable, safe for PAN-OS, the same on every firewall, and unique."""
    digest = certificate.sha256[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", certificate.names.common_name).strip("-") or "ca"
    return f"{readable[: limit - len(digest) - 1].rstrip('-')}-{digest}"
