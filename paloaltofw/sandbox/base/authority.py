"""The sandbox's CAs: one for its own HTTPS; and root and two intermediates that issue what SCM sells."""

from __future__ import annotations

import datetime
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.hazmat.primitives.serialization.pkcs7 import serialize_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from paloaltofw.sandbox.base.clock import Clock

CaKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
# Wide enough for a simulated clock that runs for years, and for certificates that began in the past.
CA_PAST_YEARS, CA_YEARS = 5, 20
SERIAL_BITS = 128
# CA/Browser Forum reserved policy identifiers.
POLICIES = {"DV": "2.23.140.1.2.1", "OV": "2.23.140.1.2.2", "EV": "2.23.140.1.1"}
DAY = datetime.timedelta(days=1)


@dataclass(frozen=True)
class Issuer:
    certificate: x509.Certificate
    key: CaKey


@dataclass(frozen=True)
class Organization:
    """A validated organization: what the subjects of OV and EV certificates say, whatever the CSR says."""

    name: str = "Example Ltd"
    locality: str = "Bratislava"
    state: str = "Bratislavsky kraj"
    country: str = "SK"
    registration_number: str = "35 812 345"
    business_category: str = "Private Organization"


@dataclass(frozen=True)
class Product:
    """What an account buys: DV, OV or EV, for how long, and for whom."""

    type: str
    lifetime_days: float
    organization: Organization


@dataclass(frozen=True)
class ChainForm:
    """How a chain is delivered; SCM documents none of it (scm.md §2.4)."""

    order: Literal["leaf_first", "root_first"] = "leaf_first"
    with_intermediates: bool = True
    with_root: bool = False
    newline: str = "\n"
    text_between: bool = False
    # Whether the root comes signed by an older root as well, and whether that cross certificate has expired.
    cross_signed: bool = False
    cross_expired: bool = False
    encoding: Literal["pem", "pkcs7_pem", "pkcs7_der"] = "pem"


def _name(common_name: str, organization: str = "Sandbox Trust Services") -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SK"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _usage(**wanted: bool) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: wanted.get(name, False) for name in names})


def _certificate_authority(
    name: str,
    key: CaKey,
    issuer: Issuer | None,
    now: datetime.datetime,
    depth: int | None,
    not_after: datetime.datetime | None = None,
) -> Issuer:
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(issuer.certificate.subject if issuer else _name(name))
        .public_key(key.public_key())
        .serial_number(_serial())
        .not_valid_before(now - CA_PAST_YEARS * 365 * DAY)
        .not_valid_after(not_after or now + CA_YEARS * 365 * DAY)
        .add_extension(x509.BasicConstraints(ca=True, path_length=depth), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True, digital_signature=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    return Issuer(builder.sign(signer, hashes.SHA384()), key)


def _serial() -> int:
    """128 random bits, never 0 (CA/Browser Forum Baseline Requirements §7.1: at least 64)."""
    return secrets.randbits(SERIAL_BITS - 1) + 1


def _new_ca_key(kind: str) -> CaKey:
    return rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP384R1())


class TlsAuthority:
    """A throw-away CA for the sandbox's HTTPS servers."""

    def __init__(self, now: datetime.datetime | None = None) -> None:
        self._now = now or datetime.datetime.now(datetime.timezone.utc)
        self._ca = _certificate_authority("Sandbox HTTPS CA", _new_ca_key("ec"), None, self._now, 0)

    @property
    def ca_pem(self) -> bytes:
        return self._ca.certificate.public_bytes(Encoding.PEM)

    def server_identity(
        self, *names: str, not_before: datetime.datetime | None = None, not_after: datetime.datetime | None = None
    ) -> tuple[bytes, bytes]:
        """Certificate and key, both PEM, for host names and IP addresses."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])]))
            .issuer_name(self._ca.certificate.subject)
            .public_key(key.public_key())
            .serial_number(_serial())
            .not_valid_before(not_before or self._now - DAY)
            .not_valid_after(not_after or self._now + 5 * 365 * DAY)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._ca.key.public_key()), critical=False
            )
        )
        certificate = builder.sign(self._ca.key, hashes.SHA256())
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM), private


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.RFC822Name(name) if "@" in name else x509.DNSName(name)


class CertificateAuthority:
    """Root, two intermediates, and the leaves that the second one signs."""

    def __init__(self, clock: Clock, ca_key: str = "ec") -> None:
        self._clock = clock
        now = clock.now()
        self.root = _certificate_authority("Sandbox Root R1", _new_ca_key(ca_key), None, now, None)
        self.upper = _certificate_authority("Sandbox Public Server Root R46", _new_ca_key(ca_key), self.root, now, 1)
        self.issuing = _certificate_authority("Sandbox Public Server CA R36", _new_ca_key(ca_key), self.upper, now, 0)
        old_root = _certificate_authority("Sandbox Old Root", _new_ca_key(ca_key), None, now, None)
        self._cross = _certificate_authority("Sandbox Root R1", self.root.key, old_root, now, None)
        # As AddTrust on 30 May 2020: the cross certificate ends before the roots that replace it (scm.md §2.4).
        self._expired_cross = _certificate_authority("Sandbox Root R1", self.root.key, old_root, now, None, now - DAY)

    @property
    def root_pem(self) -> bytes:
        return self.root.certificate.public_bytes(Encoding.PEM)

    def issue(
        self,
        csr: x509.CertificateSigningRequest,
        product: Product,
        names: Sequence[str],
        not_before: datetime.datetime | None = None,
        subject: x509.Name | None = None,
    ) -> x509.Certificate:
        """Sign a certificate for the CSR's key and the given names; raises ValueError if the CSR's signature is wrong.

        `subject` is what the certificate says instead of what its type asks for.
        """
        if not csr.is_signature_valid:
            raise ValueError("the CSR's own signature is wrong")
        start = not_before or self._clock.now()
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject or _subject(csr, product))
            .issuer_name(self.issuing.certificate.subject)
            .public_key(csr.public_key())
            .serial_number(_serial())
            .not_valid_before(start)
            # RFC 5280 counts the last second in: a "200-day" certificate ends one second earlier.
            .not_valid_after(start + product.lifetime_days * DAY - datetime.timedelta(seconds=1))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_leaf_usage(csr), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
            .add_extension(_policies(product.type), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(csr.public_key()), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.issuing.key.public_key()), critical=False
            )
        )
        return builder.sign(self.issuing.key, hashes.SHA384())

    def _chain(self, leaf: x509.Certificate, form: ChainForm) -> list[x509.Certificate]:
        chain = [leaf]
        if form.with_intermediates:
            chain += [self.issuing.certificate, self.upper.certificate]
        if form.cross_signed or form.cross_expired:
            chain.append((self._expired_cross if form.cross_expired else self._cross).certificate)
        if form.with_root:
            chain.append(self.root.certificate)
        return chain[::-1] if form.order == "root_first" else chain

    def chain_file(self, leaf: x509.Certificate, form: ChainForm) -> bytes:
        """The leaf and its chain in a form that a switch asks for."""
        if form.encoding == "pem":
            return self.chain_pem(leaf, form)
        encoding = Encoding.DER if form.encoding == "pkcs7_der" else Encoding.PEM
        return serialize_certificates(self._chain(leaf, form), encoding)

    def chain_pem(self, leaf: x509.Certificate, form: ChainForm) -> bytes:
        """The same as PEM blocks, whatever the encoding."""
        chain = self._chain(leaf, form)
        blocks = [certificate.public_bytes(Encoding.PEM).decode() for certificate in chain]
        if form.text_between:
            blocks = [f"subject={c.subject.rfc4514_string()}\n{block}" for c, block in zip(chain, blocks, strict=True)]
        return "".join(blocks).replace("\n", form.newline).encode()


def _policies(type_: str) -> x509.CertificatePolicies:
    return x509.CertificatePolicies([x509.PolicyInformation(x509.ObjectIdentifier(POLICIES[type_]), None)])


def _leaf_usage(csr: x509.CertificateSigningRequest) -> x509.KeyUsage:
    """An elliptic curve cannot encipher keys (RFC 8813 §3), so only RSA certificates say that they do."""
    return _usage(digital_signature=True, key_encipherment=isinstance(csr.public_key(), rsa.RSAPublicKey))


def common_names(csr: x509.CertificateSigningRequest) -> list[str]:
    """The CSR's common names: none, one, or by mistake several."""
    return [str(item.value) for item in csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]


def csr_names(csr: x509.CertificateSigningRequest) -> list[str]:
    """The alternative names in a CSR; raises ValueError where they are malformed."""
    try:
        sans = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return []
    addresses = [str(address) for address in sans.get_values_for_type(x509.IPAddress)]
    return [*sans.get_values_for_type(x509.DNSName), *addresses, *sans.get_values_for_type(x509.RFC822Name)]


def _subject(csr: x509.CertificateSigningRequest, product: Product) -> x509.Name:
    """DV says the common name alone; OV adds what was validated; EV also where the organization is registered."""
    of, common = product.organization, csr.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if product.type == "DV":
        return x509.Name(common)
    registered = [
        x509.NameAttribute(NameOID.SERIAL_NUMBER, of.registration_number),
        x509.NameAttribute(NameOID.JURISDICTION_COUNTRY_NAME, of.country),
        x509.NameAttribute(NameOID.BUSINESS_CATEGORY, of.business_category),
    ]
    validated = [
        x509.NameAttribute(NameOID.COUNTRY_NAME, of.country),
        x509.NameAttribute(NameOID.STATE_OR_PROVINCE_NAME, of.state),
        x509.NameAttribute(NameOID.LOCALITY_NAME, of.locality),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, of.name),
    ]
    return x509.Name([*(registered if product.type == "EV" else []), *validated, *common])


def spki_der(key: object) -> bytes:
    """A public key's SubjectPublicKeyInfo."""
    return bytes(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))  # type: ignore[attr-defined]
