"""What the throw-away authority issues is what the questions of a probe need."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.pki.certificate import parse_certificates, parse_csr
from paloaltofw.pki.throwaway import ThrowawayAuthority

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.timezone.utc)
KEYS = [
    ec.generate_private_key(ec.SECP256R1()),
    ec.generate_private_key(ec.SECP521R1()),
    rsa.generate_private_key(65537, 2048),
]


def csr_of(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "probe")])
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    builder = x509.CertificateSigningRequestBuilder().subject_name(name)
    return builder.sign(key, digest).public_bytes(Encoding.PEM).decode()


@pytest.mark.parametrize("key", KEYS, ids=["P-256", "P-521", "RSA"])
def test_one_certificate_fits_the_key_and_the_other_only_its_kind(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> None:
    authority, pem = ThrowawayAuthority("probe", NOW), csr_of(key)
    csr = parse_csr(pem)
    (good,), (other,) = (parse_certificates(text) for text in (authority.certify(pem), authority.certify_another(pem)))
    assert good.spki_sha256 == csr.spki_sha256 != other.spki_sha256
    assert (good.key_type, good.key_bits) == (other.key_type, other.key_bits) == (csr.key_type, csr.key_bits)
    assert good.is_valid_at(NOW) and good.is_valid_at(NOW - datetime.timedelta(days=2))
    assert not good.is_ca


def test_the_ca_is_one_and_signs_what_it_issues() -> None:
    authority = ThrowawayAuthority("probe", NOW)
    ca, leaf = (
        x509.load_pem_x509_certificate(text.encode()) for text in (authority.ca_pem, authority.certify_nobody())
    )
    leaf.verify_directly_issued_by(ca)
    assert parse_certificates(authority.ca_pem)[0].is_ca
    assert ca.issuer != ca.subject
    assert ca.extensions.get_extension_for_class(x509.BasicConstraints).critical


@pytest.mark.parametrize(
    ("pem", "words"),
    [
        ("", "PEM"),
        ("x", "PEM"),
        ("é", "PEM"),
        (csr_of(ed25519.Ed25519PrivateKey.generate()), "^a key that is neither RSA nor ECDSA$"),
    ],
)
def test_what_is_no_csr_of_these_kinds_is_refused(pem: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ThrowawayAuthority("probe", NOW).certify(pem)
