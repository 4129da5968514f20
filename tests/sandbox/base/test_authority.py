"""The sandbox's CAs: what they sign holds before cryptography and before OpenSSL."""

from __future__ import annotations

import base64
import datetime
import itertools
import subprocess
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates, load_pem_pkcs7_certificates
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from paloaltofw.sandbox.base.authority import (
    POLICIES,
    CertificateAuthority,
    ChainForm,
    Organization,
    Product,
    TlsAuthority,
    csr_names,
    spki_der,
)
from paloaltofw.sandbox.base.clock import ManualClock
from tests.sandbox.scm.desk import START, authority, csr, forged_csr, names_of
from tests.x509 import key

KEYS = ("RSA2048", "RSA3072", "RSA4096", "P256", "P384", "P521")
DAY = datetime.timedelta(days=1)
NAMES = ["www.example.com", "alt.example.com", "192.0.2.7"]


def product(type_: str = "DV", days: float = 200) -> Product:
    return Product(type_, days, Organization())


def issued(type_: str = "DV", kind: str = "P256", ca: CertificateAuthority | None = None) -> x509.Certificate:
    return (ca or authority()).issue(csr(private_key=key(0, kind)), product(type_), NAMES, START)


def subject(certificate: x509.Certificate) -> dict[str, str]:
    return {attribute.oid._name: str(attribute.value) for attribute in certificate.subject}


def pem(*certificates: x509.Certificate) -> bytes:
    return b"".join(certificate.public_bytes(Encoding.PEM) for certificate in certificates)


def openssl_verify(folder: Path, root: bytes, others: bytes, leaf: bytes, *options: str) -> str:
    for name, content in (("root", root), ("others", others), ("leaf", leaf)):
        (folder / name).write_bytes(content)
    command = [
        "openssl", "verify", "-x509_strict", "-purpose", "sslserver", "-no-CApath", "-no-CAstore", *options,
        "-CAfile", "root", "-untrusted", "others", "leaf",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else done.stderr


@pytest.mark.parametrize("kind", KEYS)
def test_every_key_type_verifies_with_openssl_by_name_and_by_address(tmp_path: Path, kind: str) -> None:
    ca, leaf = authority(), issued("OV", kind)
    others = pem(ca.upper.certificate, ca.issuing.certificate)
    at = ("-attime", str(int(START.timestamp()) + 60))
    for peer in (("-verify_hostname", "alt.example.com"), ("-verify_ip", "192.0.2.7")):
        assert openssl_verify(tmp_path, ca.root_pem, others, pem(leaf), *at, *peer) == "leaf: OK"
    stranger = openssl_verify(tmp_path, ca.root_pem, others, pem(leaf), *at, "-verify_hostname", "b.example.com")
    assert "hostname mismatch" in stranger.lower()
    assert spki_der(leaf.public_key()) == spki_der(key(0, kind).public_key())


@pytest.mark.parametrize("ca_key", ["ec", "rsa"])
def test_each_certificate_is_signed_by_the_next(ca_key: str) -> None:
    ca = CertificateAuthority(ManualClock(START), ca_key)
    assert isinstance(ca.root.key, rsa.RSAPrivateKey) is (ca_key == "rsa")
    leaf = issued(ca=ca)
    pem_text = ca.chain_pem(leaf, ChainForm(with_root=True))
    chain = x509.load_pem_x509_certificates(pem_text)
    assert chain == [leaf, ca.issuing.certificate, ca.upper.certificate, ca.root.certificate]
    for child, parent in itertools.pairwise(chain):
        child.verify_directly_issued_by(parent)
    chain[-1].verify_directly_issued_by(chain[-1])
    with pytest.raises(ValueError, match="does not match"):
        chain[0].verify_directly_issued_by(chain[2])


def test_the_cas_outlive_a_simulated_clock(tmp_path: Path) -> None:
    ca = CertificateAuthority(ManualClock(START))
    others = pem(ca.upper.certificate, ca.issuing.certificate)
    for start in (START - 4 * 365 * DAY, START + 19 * 365 * DAY):
        leaf = ca.issue(csr(), product(), NAMES, start)
        at = str(int((start + DAY).timestamp()))
        assert openssl_verify(tmp_path, ca.root_pem, others, pem(leaf), "-attime", at) == "leaf: OK"


def test_a_certificate_begins_now_unless_told_otherwise() -> None:
    assert authority().issue(csr(), product(), NAMES).not_valid_before_utc == START


def test_ca_certificates_may_sign_as_deep_as_needed_and_no_deeper() -> None:
    ca = authority()
    for issuer, depth in ((ca.root, None), (ca.upper, 1), (ca.issuing, 0)):
        extensions = issuer.certificate.extensions
        basic = extensions.get_extension_for_class(x509.BasicConstraints)
        assert (basic.critical, basic.value.ca, basic.value.path_length) == (True, True, depth)
        usage = extensions.get_extension_for_class(x509.KeyUsage).value
        assert usage.key_cert_sign and usage.crl_sign and not usage.key_encipherment


@pytest.mark.parametrize("type_", ["DV", "OV", "EV"])
def test_the_profile_of_a_leaf(type_: str) -> None:
    leaf = issued(type_)
    extensions = leaf.extensions
    policies = extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert [policy.policy_identifier.dotted_string for policy in policies] == [POLICIES[type_]]
    assert extensions.get_extension_for_class(x509.BasicConstraints).value.ca is False
    assert list(extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.SERVER_AUTH]
    own = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert own == x509.SubjectKeyIdentifier.from_public_key(key(0, "P256").public_key())
    upper = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    issuer = authority().issuing.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert upper == issuer.digest
    assert names_of(leaf) == {"www.example.com", "alt.example.com", "192.0.2.7"}
    sans = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert sans.get_values_for_type(x509.IPAddress) == [ip_address("192.0.2.7")]


def test_the_policies_are_those_of_the_ca_browser_forum() -> None:
    assert POLICIES == {"DV": "2.23.140.1.2.1", "OV": "2.23.140.1.2.2", "EV": "2.23.140.1.1"}


@pytest.mark.parametrize("kind", ["RSA2048", "P256"])
def test_only_rsa_enciphers_keys(kind: str) -> None:
    usage = issued(kind=kind).extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert usage.value.key_encipherment is (kind == "RSA2048")


def test_subjects_say_what_was_validated_and_not_what_was_asked_for() -> None:
    asked = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "US"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Somebody Else"),
            x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Web"),
            x509.NameAttribute(NameOID.COMMON_NAME, "www.example.com"),
        ]
    )
    leaves = {t: authority().issue(csr(subject=asked), product(t), NAMES, START) for t in ("DV", "OV", "EV")}
    validated = {
        "countryName": "SK", "stateOrProvinceName": "Bratislavsky kraj", "localityName": "Bratislava",
        "organizationName": "Example Ltd", "commonName": "www.example.com",
    }  # fmt: skip
    assert subject(leaves["DV"]) == {"commonName": "www.example.com"}
    assert subject(leaves["OV"]) == validated
    registered = {
        "serialNumber": "35 812 345",
        "jurisdictionCountryName": "SK",
        "businessCategory": "Private Organization",
    }
    assert subject(leaves["EV"]) == {**registered, **validated}


def test_a_subject_can_be_forced() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "other.example.com")])
    assert authority().issue(csr(), product(), NAMES, START, subject=name).subject == name


@pytest.mark.parametrize("days", [199, 47, 0.5])
def test_the_last_second_counts(days: float) -> None:
    leaf = authority().issue(csr(), product(days=days), NAMES, START)
    assert leaf.not_valid_before_utc == START
    assert leaf.not_valid_after_utc == START + days * DAY - datetime.timedelta(seconds=1)


def test_serial_numbers_are_random_and_of_128_bits() -> None:
    serials = {issued().serial_number for _ in range(40)}
    assert len(serials) == 40
    assert 100 < max(serials).bit_length() <= 128


def test_a_csr_whose_signature_is_wrong_is_not_signed() -> None:
    forged = x509.load_der_x509_csr(base64.b64decode(forged_csr()))
    with pytest.raises(ValueError, match="signature"):
        authority().issue(forged, product(), NAMES, START)


@pytest.mark.parametrize("order", ["leaf_first", "root_first"])
def test_an_expired_cross_certificate_stands_beside_the_root_that_replaces_it(order: Any) -> None:
    ca, leaf = authority(), issued()
    form = ChainForm(order, with_root=True, cross_expired=True)
    chain = x509.load_pem_x509_certificates(ca.chain_file(leaf, form))
    chain = chain if order == "leaf_first" else chain[::-1]
    assert [c.subject for c in chain[3:]] == [ca.root.certificate.subject] * 2
    cross = chain[3]
    assert spki_der(cross.public_key()) == spki_der(ca.root.certificate.public_key())
    assert cross.issuer != cross.subject
    assert cross.not_valid_after_utc < START < chain[4].not_valid_after_utc


@pytest.mark.parametrize("encoding", ["pkcs7_pem", "pkcs7_der"])
@pytest.mark.parametrize("with_root", [True, False])
def test_a_chain_may_come_as_pkcs7(encoding: Any, with_root: bool) -> None:
    ca, leaf = authority(), issued()
    form = ChainForm(with_root=with_root, encoding=encoding)
    raw = ca.chain_file(leaf, form)
    load = load_der_pkcs7_certificates if encoding == "pkcs7_der" else load_pem_pkcs7_certificates
    assert set(load(raw)) == set(x509.load_pem_x509_certificates(ca.chain_pem(leaf, form)))
    assert raw.startswith(b"-----BEGIN PKCS7-----" if encoding == "pkcs7_pem" else b"\x30")


def test_the_names_of_a_csr() -> None:
    assert csr_names(csr(dns=["a.example.com"], ip=["2001:db8::1"])) == ["a.example.com", "2001:db8::1"]
    assert csr_names(csr()) == []


PARTS: list[tuple[Any, ...]] = list(
    itertools.product(
        ("leaf_first", "root_first"), (True, False), (True, False), ("\n", "\r\n"), (True, False), (True, False)
    )
)
FORMS = [ChainForm(*parts) for parts in PARTS]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_chain(form: ChainForm) -> None:
    ca, leaf = authority(), issued()
    raw = ca.chain_pem(leaf, form)
    chain = x509.load_pem_x509_certificates(raw)
    expected = [leaf]
    if form.with_intermediates:
        expected += [ca.issuing.certificate, ca.upper.certificate]
    roots = [c for c in chain if c.subject == ca.root.certificate.subject]
    assert len(roots) == form.with_root + form.cross_signed
    assert (ca.root.certificate in chain) is form.with_root
    ordered = chain if form.order == "leaf_first" else chain[::-1]
    assert ordered[: len(expected)] == expected
    assert len(chain) == len(expected) + len(roots)
    assert (b"\r\n" in raw) is (form.newline == "\r\n")
    assert raw.count(b"\n") == raw.count(form.newline.encode())
    assert (b"subject=" in raw) is form.text_between


def test_the_cross_signed_duplicate_leads_to_another_root(tmp_path: Path) -> None:
    ca, leaf = authority(), issued()
    cross = x509.load_pem_x509_certificates(ca.chain_pem(leaf, ChainForm(cross_signed=True)))[-1]
    assert cross.subject == ca.root.certificate.subject != cross.issuer
    assert spki_der(cross.public_key()) == spki_der(ca.root.key.public_key())
    ca.upper.certificate.verify_directly_issued_by(cross)
    others = pem(ca.issuing.certificate, ca.upper.certificate, cross)
    at = ("-attime", str(int(START.timestamp()) + 60))
    assert openssl_verify(tmp_path, ca.root_pem, others, pem(leaf), *at) == "leaf: OK"


def test_the_https_ca_issues_for_names_and_addresses(tmp_path: Path) -> None:
    later = START + 9 * 365 * DAY
    ca = TlsAuthority(START)
    certificate, key_pem = ca.server_identity("localhost", "127.0.0.1", not_before=START, not_after=later)
    leaf = x509.load_pem_x509_certificate(certificate)
    assert (leaf.not_valid_before_utc, leaf.not_valid_after_utc) == (START, later)
    assert b"PRIVATE KEY" in key_pem
    at = ("-attime", str(int(later.timestamp()) - 1))
    for peer in (("-verify_hostname", "localhost"), ("-verify_ip", "127.0.0.1")):
        assert openssl_verify(tmp_path, ca.ca_pem, ca.ca_pem, certificate, *at, *peer).endswith("leaf: OK")
