"""A chain and what is asked of it."""

from __future__ import annotations

import datetime

from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from paloaltofw.pki.certificate import Certificate, Csr, parse_certificate_der, parse_csr
from paloaltofw.pki.verification import Requirements
from tests import x509

REQUIRED = Requirements("www.example.com", ("www.example.com",), (), (), "ECDSA", 256, "OV")
CHAIN = x509.chain_of()
SPKI = CHAIN[0].spki_sha256


def public(
    subject: str,
    issuer: str,
    *,
    path_length: int | None = None,
    constraints: c509.NameConstraints | None = None,
    signer: str | None = None,
    days: float = 100,
    age: float = 1,
    names: tuple[c509.GeneralName, ...] = (c509.DNSName("www.example.com"),),
    policy: str | None = "2.23.140.1.2.1",
    has_key_identifier: bool = True,
) -> Certificate:
    """A certificate as public CAs make them; a CA's if its subject begins with CA."""
    is_ca, start = subject.startswith("CA"), x509.NOW - datetime.timedelta(days=age)
    keys = {name: x509.key(300 + ord(name[-1])) for name in (subject, issuer, signer or issuer)}
    builder = (
        c509.CertificateBuilder()
        .subject_name(x509.name(subject))
        .issuer_name(x509.name(issuer))
        .public_key(keys[subject].public_key())
        .serial_number(c509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(c509.BasicConstraints(is_ca, path_length), critical=True)
    )
    extensions: list[c509.ExtensionType] = [constraints] if constraints else []
    if has_key_identifier:
        extensions.append(c509.AuthorityKeyIdentifier.from_issuer_public_key(keys[issuer].public_key()))
    if is_ca:
        extensions.append(c509.KeyUsage(False, False, False, False, False, True, True, False, False))
    else:
        extensions.append(c509.SubjectAlternativeName(names))
    if policy and not is_ca:
        extensions.append(c509.CertificatePolicies([c509.PolicyInformation(c509.ObjectIdentifier(policy), None)]))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=isinstance(extension, c509.NameConstraints))
    return parse_certificate_der(builder.sign(keys[signer or issuer], hashes.SHA256()).public_bytes(Encoding.DER))


OIDS = {
    "C": NameOID.COUNTRY_NAME, "ST": NameOID.STATE_OR_PROVINCE_NAME, "L": NameOID.LOCALITY_NAME,
    "O": NameOID.ORGANIZATION_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "CN": NameOID.COMMON_NAME,
    "emailAddress": NameOID.EMAIL_ADDRESS, "2.5.4.5": NameOID.SERIAL_NUMBER,
}  # fmt: skip


def csr_with(subject: tuple[tuple[str, str], ...]) -> Csr:
    """A CSR with this subject."""
    attributes = [c509.NameAttribute(OIDS[name], value) for name, value in subject]
    request = (
        c509.CertificateSigningRequestBuilder().subject_name(c509.Name(attributes)).sign(x509.key(), hashes.SHA256())
    )
    return parse_csr(request.public_bytes(Encoding.PEM).decode())
