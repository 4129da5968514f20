"""Real keys, CSRs and certificates for tests, made quickly."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Sequence

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from paloaltofw.pki.certificate import Certificate, Csr, parse_certificate_der, parse_csr

UTC = datetime.timezone.utc
NOW = datetime.datetime(2026, 11, 24, 12, tzinfo=UTC)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@functools.cache
def key(number: int = 0, kind: str = "P256") -> Key:
    """A key, the same for the same number in one test run."""
    if kind.startswith("RSA"):
        return rsa.generate_private_key(65537, int(kind[3:]))
    curves: dict[str, ec.EllipticCurve] = {"P256": ec.SECP256R1(), "P384": ec.SECP384R1(), "P521": ec.SECP521R1()}
    return ec.generate_private_key(curves[kind])


def name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)] if common_name else [])


def csr(common_name: str = "www.example.com", dns: Sequence[str] | None = None, private_key: Key | None = None) -> Csr:
    """A CSR; by default with the common name as its only alternative name."""
    names = [x509.DNSName(item) for item in (dns if dns is not None else [common_name])]
    builder = x509.CertificateSigningRequestBuilder().subject_name(name(common_name))
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    request = builder.sign(private_key or key(), hashes.SHA256())
    return parse_csr(request.public_bytes(Encoding.PEM).decode())


def certificate(
    common_name: str = "www.example.com",
    dns: Sequence[str] | None = None,
    days: float = 200,
    age: float = 0,
    private_key: Key | None = None,
    issuer: tuple[str, Key] = ("Issuing CA", key(100)),
    is_ca: bool = False,
    policy: str | None = None,
    now: datetime.datetime = NOW,
) -> Certificate:
    """A certificate that lives `days` and was issued `age` days before `now`."""
    start = now - datetime.timedelta(days=age)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name(common_name))
        .issuer_name(name(issuer[0]))
        .public_key((private_key or key()).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    names = [] if is_ca else [x509.DNSName(item) for item in (dns if dns is not None else [common_name])]
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    if policy:
        information = x509.PolicyInformation(x509.ObjectIdentifier(policy), None)
        builder = builder.add_extension(x509.CertificatePolicies([information]), critical=False)
    return parse_certificate_der(builder.sign(issuer[1], hashes.SHA256()).public_bytes(Encoding.DER))


def chain_of(leaf_key: Key | None = None) -> list[Certificate]:
    """Leaf, two intermediates and the root."""
    root = certificate("Root", issuer=("Root", key(103)), private_key=key(103), is_ca=True, days=4000, age=10)
    upper = certificate("Upper CA", issuer=("Root", key(103)), private_key=key(102), is_ca=True, days=4000, age=10)
    lower = certificate("Lower CA", issuer=("Upper CA", key(102)), private_key=key(101), is_ca=True, days=4000, age=10)
    leaf = certificate(issuer=("Lower CA", key(101)), private_key=leaf_key)
    return [leaf, lower, upper, root]
