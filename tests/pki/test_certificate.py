"""Reading CSRs and certificates, damaged ones among them."""

from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import ipaddress
import random
import warnings
from collections.abc import Callable
from dataclasses import replace

import pytest
from cryptography import x509 as c509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.pki.certificate import (
    MAX_PEM_CHARACTERS,
    Csr,
    Names,
    VerificationError,
    canonical_mail,
    first_der,
    load_der,
    parse_certificate_der,
    parse_certificates,
    parse_csr,
)
from paloaltofw.pki.chain import build_chain
from tests import x509
from tests.pki.samples import CHAIN, SPKI, csr_with


def test_the_csr_is_sent_as_one_line_of_base64_without_armour() -> None:
    csr = x509.csr()
    assert set(csr.base64) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert parse_csr(csr.pem) == csr
    assert parse_csr(csr.pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST").replace("\n", "\r\n")) == csr


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_no_text_crashes_the_readers(text: str) -> None:
    for armoured in (
        text,
        f"-----BEGIN CERTIFICATE-----{text}-----END",
        f"-----BEGIN CERTIFICATE REQUEST-----{text}-----END",
    ):
        for reader in (parse_csr, parse_certificates):
            with contextlib.suppress(VerificationError):
                reader(armoured)


def test_a_signature_with_unused_bits_is_refused() -> None:
    # Only a signature that ends in a zero bit can be declared to have one unused bit.
    ders = (x509.certificate().der for _ in range(100))
    der = next(bytearray(der) for der in ders if der[-1] & 1 == 0)
    signature = c509.load_der_x509_certificate(bytes(der)).signature
    der[-len(signature) - 1] = 1
    c509.load_der_x509_certificate(bytes(der))
    with pytest.raises(VerificationError):
        parse_certificate_der(bytes(der))


@given(st.integers(0, 2**32), st.integers(1, 30))
@settings(max_examples=150, deadline=None)
def test_no_damaged_certificate_crashes_or_passes_as_the_original(seed: int, flips: int) -> None:
    randomness = random.Random(seed)
    der = bytearray(CHAIN[0].der)
    for _ in range(flips):
        der[randomness.randrange(len(der))] ^= 1 << randomness.randrange(8)
    damaged = replace(CHAIN[0], der=bytes(der))
    try:
        chain = build_chain([*parse_certificates(damaged.pem), *CHAIN[1:]], SPKI)
    except VerificationError:
        return
    # What still parses under the same key and issuer name has a broken signature, unless nothing was changed.
    assert bytes(der) == CHAIN[0].der or chain.intermediates == ()


SUBJECT = (
    ("C", "DE"), ("ST", "Hessen"), ("L", "Köln"), ("O", "Example  GmbH"), ("OU", "Netz"), ("OU", "IT"),
    ("CN", "www.example.com"), ("emailAddress", "Admin@Example.com"), ("2.5.4.5", "42"),
)  # fmt: skip


def test_the_subject_of_a_csr_is_kept_as_the_csr_says_it() -> None:
    assert csr_with(SUBJECT).subject == SUBJECT
    assert csr_with(SUBJECT[::-1]).subject == SUBJECT[::-1]
    assert csr_with(()).subject == ()


def test_a_csr_is_known_by_its_fingerprint() -> None:
    csr = x509.csr()
    assert csr.sha256 == hashlib.sha256(csr.der).hexdigest()
    assert base64.b64decode(csr.base64) == csr.der


def test_armour_has_lines_of_64_characters() -> None:
    for text, label in ((x509.csr().pem, "CERTIFICATE REQUEST"), (CHAIN[0].pem, "CERTIFICATE")):
        first, *lines, last, end = text.split("\n")
        assert (first, last, end) == (f"-----BEGIN {label}-----", f"-----END {label}-----", "")
        assert {len(line) for line in lines[:-1]} == {64} and 0 < len(lines[-1]) <= 64


@pytest.mark.parametrize("label", ["CERTIFICATE", "X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
def test_certificates_are_read_in_their_order_whatever_stands_between(label: str) -> None:
    text = "junk\n".join(item.pem.replace("CERTIFICATE", label).replace("\n", "\r\n") for item in CHAIN)
    assert parse_certificates(text) == CHAIN
    assert first_der(text) == CHAIN[0].der


def test_where_no_certificate_is_there_is_none() -> None:
    assert parse_certificates("") == []
    assert parse_certificates(x509.csr().pem) == []
    assert first_der("") is None
    assert first_der("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----") is None
    # Without a look inside: what an entry holds is compared byte by byte.
    assert first_der("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----") == b"\0\0\0"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----", "^a PEM block is not Base64$"),
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
            r"^a certificate cannot be read \(ValueError\)$",
        ),
        (21 * CHAIN[0].pem, "^there are more than 20 certificates$"),
        (" " * (MAX_PEM_CHARACTERS + 1), "^the PEM text is absurdly long$"),
    ],
)
def test_what_is_wrong_with_a_text_of_certificates_is_said(text: str, words: str) -> None:
    with pytest.raises(VerificationError, match=words):
        parse_certificates(text)
    assert len(parse_certificates(20 * CHAIN[0].pem)) == 20
    assert parse_certificates(" " * MAX_PEM_CHARACTERS) == []


def with_wrong_signature(csr: Csr) -> Csr:
    return replace(csr, der=csr.der[:-1] + bytes([csr.der[-1] ^ 1]))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "^there is no CSR in PEM form$"),
        (2 * x509.csr().pem, "^there is more than one CSR$"),
        (with_wrong_signature(x509.csr()).pem, "^the CSR's own signature is wrong$"),
        (replace(x509.csr(), der=b"junk").pem, r"^the CSR cannot be read \(ValueError\)$"),
    ],
)
def test_what_is_wrong_with_a_csr_is_said(text: str, words: str) -> None:
    with pytest.raises(VerificationError, match=words):
        parse_csr(text)


@pytest.mark.parametrize(
    ("kind", "facts"),
    [("RSA2048", ("RSA", 2048)), ("P256", ("ECDSA", 256)), ("P384", ("ECDSA", 384)), ("P521", ("ECDSA", 521))],
)
def test_the_key_of_a_csr_and_of_a_certificate_is_named(kind: str, facts: tuple[str, int]) -> None:
    key = x509.key(1, kind)
    csr, certificate = x509.csr(private_key=key), x509.certificate(private_key=key)
    assert (csr.key_type, csr.key_bits) == (certificate.key_type, certificate.key_bits) == facts
    spki = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    assert csr.spki_sha256 == certificate.spki_sha256 == hashlib.sha256(spki).hexdigest()


def builder(subject: c509.Name, issuer: c509.Name, serial: int = 1) -> c509.CertificateBuilder:
    """A certificate without extensions, for one second."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
    start = c509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key).serial_number(serial)
    return start.not_valid_before(x509.NOW).not_valid_after(x509.NOW)


def signed(unsigned: c509.CertificateBuilder) -> bytes:
    return unsigned.sign(x509.key(), hashes.SHA256()).public_bytes(Encoding.DER)


def test_every_fact_of_a_certificate_is_read() -> None:
    subject = c509.Name(
        [
            c509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example"),
            c509.NameAttribute(NameOID.COMMON_NAME, "WWW.Example.com"),
        ]
    )
    names = [
        c509.DNSName("B.example.COM"), c509.DNSName("a.example.com"), c509.RFC822Name("Some.Body@Example.COM"),
        c509.IPAddress(ipaddress.ip_address("192.0.2.1")), c509.IPAddress(ipaddress.ip_address("2001:DB8:0::1")),
    ]  # fmt: skip
    unsigned = builder(subject, x509.name("Issuing CA"), 0xABC).add_extension(c509.SubjectAlternativeName(names), False)
    certificate = parse_certificate_der(signed(unsigned))
    assert certificate.names == Names(
        "www.example.com",
        dns=frozenset({"a.example.com", "b.example.com"}),
        ip=frozenset({"192.0.2.1", "2001:db8::1"}),
        email=frozenset({"Some.Body@example.com"}),
    )
    assert certificate.names.all == {
        "a.example.com", "b.example.com", "192.0.2.1", "2001:db8::1", "Some.Body@example.com"
    }  # fmt: skip
    assert (certificate.organization, certificate.issuer, certificate.serial) == ("Example", "Issuing CA", "ABC")
    assert (certificate.key_type, certificate.key_bits) == ("Ed25519PublicKey", 0)
    assert (certificate.is_ca, certificate.is_self_issued, certificate.policy) == (False, False, None)
    assert (certificate.not_before, certificate.lifetime) == (x509.NOW, datetime.timedelta(seconds=1))
    assert certificate.sha256 == hashlib.sha256(certificate.der).hexdigest()


def test_what_a_certificate_may_lack_is_empty() -> None:
    certificate = parse_certificate_der(signed(builder(c509.Name([]), c509.Name([]))))
    assert certificate.names == Names("", frozenset(), frozenset(), frozenset())
    assert (certificate.organization, certificate.issuer) == ("", "")
    assert (certificate.is_ca, certificate.is_self_issued, certificate.policy) == (False, True, None)
    assert certificate.lifetime == datetime.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("policies", "strongest"),
    [
        (["2.23.140.1.2.1"], "DV"), (["2.23.140.1.2.2"], "OV"), (["2.23.140.1.2.3"], "IV"), (["2.23.140.1.1"], "EV"),
        (["1.2.3.4"], None), (["1.2.3.4", "2.23.140.1.2.1"], "DV"), (["2.23.140.1.2.2", "2.23.140.1.2.1"], "OV"),
        (["2.23.140.1.2.1", "2.23.140.1.1", "2.23.140.1.2.2"], "EV"),
    ],
)  # fmt: skip
def test_the_strongest_policy_counts(policies: list[str], strongest: str | None) -> None:
    information = [c509.PolicyInformation(c509.ObjectIdentifier(policy), None) for policy in policies]
    unsigned = builder(x509.name("www.example.com"), x509.name("Issuing CA"))
    certificate = parse_certificate_der(signed(unsigned.add_extension(c509.CertificatePolicies(information), False)))
    assert certificate.policy == strongest


@pytest.mark.parametrize("read", [parse_certificate_der, load_der])
def test_what_the_library_dislikes_in_a_certificate_does_not_reach_stderr(read: Callable[[bytes], object]) -> None:
    # A serial number that is not positive (RFC 5280 §4.1.2.2): old CAs have made such certificates.
    der = signed(builder(x509.name("www.example.com"), x509.name("Issuing CA"), serial=0x0123456789))
    der = der.replace(bytes.fromhex("02050123456789"), bytes.fromhex("02058123456789"), 1)
    with pytest.warns(CryptographyDeprecationWarning):
        c509.load_der_x509_certificate(der).serial_number  # noqa: B018
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        read(der)
    assert heard == []


def test_a_mail_address_keeps_its_mailbox() -> None:
    assert canonical_mail("Some.Body@Example.COM") == "Some.Body@example.com"
    assert canonical_mail('"A@B"@C.org') == '"A@B"@c.org'
