"""Proofs before import: every flaw is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paloaltofw.pki.certificate import Certificate, Csr, Names, VerificationError
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.pki.delivery import Delivery
from paloaltofw.pki.verification import (
    Requirements,
    difference,
    is_weaker_policy,
    subject_difference,
    verify_chain,
    verify_csr,
)
from tests import x509
from tests.pki.samples import CHAIN, REQUIRED, SPKI, csr_with


def proof(leaf: Certificate, required: Requirements = REQUIRED) -> None:
    verify_chain(build_chain([leaf], leaf.spki_sha256), leaf.spki_sha256, required, x509.NOW)


def test_a_good_certificate_is_proven() -> None:
    proof(x509.certificate())


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (
            x509.certificate("other.example.com"),
            r"^the certificate is for 'other\.example\.com', not 'www\.example\.com'$",
        ),
        (x509.certificate(dns=[]), r"^the certificate lacks the name www\.example\.com$"),
        (x509.certificate(days=10, age=10.001), "expired on"),
        (x509.certificate(age=-1), "is not valid before"),
        (x509.certificate(is_ca=True), "^the certificate is a CA's$"),
    ],
)
def test_a_certificate_that_is_not_what_was_asked_for_is_refused(leaf: Certificate, words: str) -> None:
    with pytest.raises(VerificationError, match=words):
        proof(leaf)


@pytest.mark.parametrize(
    ("required", "name"),
    [
        (replace(REQUIRED, dns=("www.example.com", "more.example.com")), "more.example.com"),
        (replace(REQUIRED, ip=("192.0.2.1",)), "192.0.2.1"),
        (replace(REQUIRED, email=("a@example.com",)), "a@example.com"),
    ],
)
def test_every_kind_of_missing_name_is_refused(required: Requirements, name: str) -> None:
    with pytest.raises(VerificationError, match=name):
        proof(x509.certificate(), required)


def test_another_key_than_that_of_the_csr_is_refused() -> None:
    chain = build_chain(CHAIN, SPKI)
    with pytest.raises(VerificationError, match=r"^the certificate holds another key than the CSR$"):
        verify_chain(chain, "00" * 32, REQUIRED, x509.NOW)


@pytest.mark.parametrize(
    ("policy", "wanted", "weaker"),
    [
        ("2.23.140.1.2.1", "DV", False), ("2.23.140.1.2.1", "OV", True), ("2.23.140.1.2.1", "EV", True),
        ("2.23.140.1.2.2", "DV", False), ("2.23.140.1.2.2", "OV", False), ("2.23.140.1.2.2", "EV", True),
        ("2.23.140.1.1", "OV", False), ("2.23.140.1.1", "EV", False), (None, "EV", False), ("1.2.3.4", "EV", False),
    ],
)  # fmt: skip
def test_a_weaker_policy_is_noticed(policy: str | None, wanted: str, weaker: bool) -> None:
    assert is_weaker_policy(x509.certificate(policy=policy), wanted) is weaker


@pytest.mark.parametrize("kind", ["RSA2048", "P256", "P384", "P521"])
def test_the_key_that_the_firewall_made_is_compared_with_the_profile(kind: str) -> None:
    csr = x509.csr(private_key=x509.key(1, kind))
    for key_type, bits in (("RSA", 2048), ("RSA", 4096), ("ECDSA", 256), ("ECDSA", 384), ("ECDSA", 521)):
        required = replace(REQUIRED, key_type=key_type, key_bits=bits)
        if f"{key_type}{bits}".replace("ECDSA", "P") == kind:
            verify_csr(csr, required)
        else:
            with pytest.raises(VerificationError, match="the firewall made"):
                verify_csr(csr, required)


def test_a_csr_for_other_names_is_refused() -> None:
    with pytest.raises(VerificationError, match="common name"):
        verify_csr(x509.csr("x.example.com"), REQUIRED)
    with pytest.raises(VerificationError, match="lacks the name"):
        verify_csr(x509.csr(dns=[]), REQUIRED)


def test_what_a_certificate_lacks_of_the_profile_is_named() -> None:
    assert difference(x509.certificate(), REQUIRED) is None
    assert difference(x509.certificate(dns=["www.example.com", "more.example.com"]), REQUIRED) is None
    wrong_key = difference(x509.certificate(private_key=x509.key(1, "P384")), REQUIRED)
    assert wrong_key == "key ECDSA 384 instead of ECDSA 256"
    assert difference(x509.certificate(), replace(REQUIRED, key_type="RSA")) == "key ECDSA 256 instead of RSA 256"
    lacking = replace(REQUIRED, dns=("c.example.com", "b.example.com"))
    assert difference(x509.certificate(), lacking) == "without the name b.example.com"
    mail = replace(REQUIRED, email=("A@EXAMPLE.com",))
    assert difference(x509.certificate(), mail) == "without the name A@example.com"
    assert difference(x509.certificate(), replace(REQUIRED, ip=("192.0.2.1",))) == "without the name 192.0.2.1"
    other = replace(REQUIRED, common_name="x.example.com")
    assert difference(x509.certificate(), other) == "common name www.example.com instead of x.example.com"


def test_a_common_name_may_stand_among_the_alternative_names_only() -> None:
    leaf = x509.certificate("ou.example.com", dns=["www.example.com"])
    assert difference(leaf, REQUIRED) is None
    proof(leaf)
    # And in the subject only, where no alternative names are asked for.
    proof(x509.certificate(dns=[]), replace(REQUIRED, dns=()))
    assert difference(x509.certificate(dns=[]), replace(REQUIRED, dns=())) is None


def test_each_missing_name_is_said() -> None:
    required = replace(REQUIRED, dns=("b.example.com", "www.example.com", "a.example.com"))
    with pytest.raises(VerificationError, match=r"^the certificate lacks the names a\.example\.com, b\.example\.com$"):
        proof(x509.certificate(), required)
    with pytest.raises(VerificationError, match=r"^the CSR lacks the names a\.example\.com, b\.example\.com$"):
        verify_csr(x509.csr(), required)
    with pytest.raises(VerificationError, match=r"^the CSR lacks the name 192\.0\.2\.1$"):
        verify_csr(x509.csr(), replace(REQUIRED, ip=("192.0.2.1",)))
    with pytest.raises(
        VerificationError, match=r"^the CSR's common name is 'www\.example\.com', not 'x\.example\.com'$"
    ):
        verify_csr(x509.csr(), replace(REQUIRED, common_name="x.example.com"))
    with pytest.raises(VerificationError, match=r"^the firewall made a ECDSA 256 key instead of RSA 2048$"):
        verify_csr(x509.csr(), replace(REQUIRED, key_type="RSA", key_bits=2048))


def test_every_certificate_of_the_chain_must_be_valid() -> None:
    expired = x509.certificate("Lower CA", private_key=x509.key(101), is_ca=True, days=10, age=20)
    begins = x509.certificate("Lower CA", private_key=x509.key(101), is_ca=True, age=-1)
    leaf = CHAIN[0]
    for intermediate, words in (
        (expired, r"^the certificate 'lower ca' expired on 2026-11-14 12:00 UTC$"),
        (begins, r"^the certificate 'lower ca' is not valid before 2026-11-25 12:00 UTC$"),
    ):
        with pytest.raises(VerificationError, match=words):
            verify_chain(Chain(leaf, (intermediate,)), SPKI, REQUIRED, x509.NOW)


SUBJECT = (("C", "DE"), ("O", "Example GmbH"), ("OU", "Netz"), ("OU", "IT"), ("emailAddress", "a@example.com"))


@pytest.mark.parametrize(
    ("held", "wanted", "said"),
    [
        (SUBJECT, (), None),
        (SUBJECT, SUBJECT, None),
        (SUBJECT[::-1], SUBJECT, None),
        (SUBJECT, SUBJECT[1:3], None),
        (SUBJECT, (("O", " EXAMPLE  gmbh"), ("emailAddress", "A@example.com")), None),
        (SUBJECT, (("C", "DE"), ("O", "Example AG")), "the CSR's subject lacks O 'Example AG' (it has 'Example GmbH')"),
        (SUBJECT, (("OU", "IT"), ("OU", "Web")), "the CSR's subject lacks OU 'Web' (it has 'Netz', 'IT')"),
        (SUBJECT, (("OU", "IT"), ("OU", "it")), "the CSR's subject lacks OU 'IT' (it has 'Netz', 'IT')"),
        (SUBJECT, (("ST", "Hessen"), ("L", "Köln")), "the CSR's subject lacks ST 'Hessen'"),
        (SUBJECT, (("O", "Netz"),), "the CSR's subject lacks O 'Netz' (it has 'Example GmbH')"),
        ((), (("O", "Example"),), "the CSR's subject lacks O 'Example'"),
    ],
)
def test_what_the_subject_lacks_of_the_profile_is_named(
    held: tuple[tuple[str, str], ...], wanted: tuple[tuple[str, str], ...], said: str | None
) -> None:
    csr = csr_with((("CN", "www.example.com"), *held))
    assert subject_difference(csr, replace(REQUIRED, subject=wanted)) == said
    # A CA takes the organization from its own validation: no reason to refuse the CSR, nor the certificate.
    verify_csr(replace(csr, names=x509.csr().names), replace(REQUIRED, subject=wanted))
    assert difference(x509.certificate(), replace(REQUIRED, subject=wanted)) is None


@pytest.mark.parametrize("kind", [Certificate, Chain, Csr, Delivery, Names, Requirements])
def test_proven_values_cannot_be_changed(kind: type) -> None:
    """What was proven is what is imported."""
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
