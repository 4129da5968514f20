"""Proofs before import: every order of a chain is repaired, every flaw is refused."""

from __future__ import annotations

import contextlib
import itertools
import random
from dataclasses import replace

import pytest
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.certificates import (
    Certificate,
    Requirements,
    Unproven,
    build_chain,
    difference,
    is_weaker_policy,
    object_name,
    parse_certificate_der,
    parse_certificates,
    parse_csr,
    prove_chain,
    prove_csr,
)
from tests import x509

REQUIRED = Requirements("www.example.com", ("www.example.com",), (), (), "ECDSA", 256, "OV")
CHAIN = x509.chain_of()
SPKI = CHAIN[0].spki_sha256


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_chain_is_put_in_order_whatever_order_it_comes_in(order: tuple[int, ...]) -> None:
    chain = build_chain([CHAIN[index] for index in order], SPKI)
    assert chain.leaf == CHAIN[0]
    assert chain.intermediates == (CHAIN[1], CHAIN[2])


@pytest.mark.parametrize("kept", [s for n in range(4) for s in itertools.combinations((1, 2, 3), n)])
def test_a_chain_is_followed_as_far_as_it_was_delivered(kept: tuple[int, ...]) -> None:
    chain = build_chain([CHAIN[0], *(CHAIN[index] for index in kept)], SPKI)
    expected = tuple(CHAIN[i] for i in itertools.takewhile(lambda i: i in kept, (1, 2)))
    assert chain.intermediates == expected


def test_duplicates_and_strangers_are_dropped() -> None:
    stranger = x509.certificate("Stranger CA", is_ca=True, private_key=x509.key(50))
    chain = build_chain([*CHAIN, *CHAIN, stranger], SPKI)
    assert chain.intermediates == (CHAIN[1], CHAIN[2])


def test_an_intermediate_is_preferred_to_a_root_of_the_same_name_and_key() -> None:
    cross = x509.certificate(
        "Root", issuer=("Old Root", x509.key(104)), private_key=x509.key(103), is_ca=True, days=4000, age=10
    )
    for order in ([*CHAIN, cross], [cross, *CHAIN]):
        assert build_chain(order, SPKI).intermediates == (CHAIN[1], CHAIN[2], cross)


def test_a_wrong_signature_in_the_chain_is_refused() -> None:
    forged = x509.certificate("Lower CA", issuer=("Upper CA", x509.key(102)), private_key=x509.key(60), is_ca=True)
    with pytest.raises(Unproven, match="does not fit its delivered issuer"):
        build_chain([CHAIN[0], forged, CHAIN[2]], SPKI)


def test_an_issuer_that_is_no_ca_is_refused() -> None:
    no_ca = x509.certificate("Lower CA", issuer=("Upper CA", x509.key(102)), private_key=x509.key(101))
    with pytest.raises(Unproven, match="does not fit"):
        build_chain([CHAIN[0], no_ca], SPKI)


def test_a_chain_without_the_key_of_the_csr_is_refused() -> None:
    with pytest.raises(Unproven, match="no delivered certificate holds the key"):
        build_chain(CHAIN, x509.csr(private_key=x509.key(9)).spki_sha256)


def proof(leaf: Certificate, required: Requirements = REQUIRED) -> None:
    prove_chain(build_chain([leaf], leaf.spki_sha256), leaf.spki_sha256, required, x509.NOW)


def test_a_good_certificate_is_proven() -> None:
    proof(x509.certificate())


@pytest.mark.parametrize(
    ("leaf", "words"),
    [
        (x509.certificate("other.example.com"), "is for 'other.example.com'"),
        (x509.certificate(dns=[]), "lacks the name www.example.com"),
        (x509.certificate(days=10, age=10.001), "expired on"),
        (x509.certificate(age=-1), "is not valid before"),
        (x509.certificate(is_ca=True), "is a CA's"),
    ],
)
def test_a_certificate_that_is_not_what_was_asked_for_is_refused(leaf: Certificate, words: str) -> None:
    with pytest.raises(Unproven, match=words):
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
    with pytest.raises(Unproven, match=name):
        proof(x509.certificate(), required)


def test_another_key_than_that_of_the_csr_is_refused() -> None:
    chain = build_chain(CHAIN, SPKI)
    with pytest.raises(Unproven, match="another key"):
        prove_chain(chain, "00" * 32, REQUIRED, x509.NOW)


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
            prove_csr(csr, required)
        else:
            with pytest.raises(Unproven, match="the firewall made"):
                prove_csr(csr, required)


def test_a_csr_for_other_names_is_refused() -> None:
    with pytest.raises(Unproven, match="common name"):
        prove_csr(x509.csr("x.example.com"), REQUIRED)
    with pytest.raises(Unproven, match="lacks the name"):
        prove_csr(x509.csr(dns=[]), REQUIRED)


def test_the_csr_is_sent_as_one_line_of_base64_without_armour() -> None:
    csr = x509.csr()
    assert set(csr.base64) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
    assert parse_csr(csr.pem) == csr
    assert parse_csr(csr.pem.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST").replace("\n", "\r\n")) == csr


def test_what_a_certificate_lacks_of_the_profile_is_named() -> None:
    assert difference(x509.certificate(), REQUIRED) is None
    assert difference(x509.certificate(dns=["www.example.com", "more.example.com"]), REQUIRED) is None
    assert "key" in str(difference(x509.certificate(private_key=x509.key(1, "P384")), REQUIRED))
    assert "b.example.com" in str(difference(x509.certificate(), replace(REQUIRED, dns=("b.example.com",))))


def test_names_of_ca_entries_fit_and_differ() -> None:
    names = [object_name(certificate, 31) for certificate in CHAIN]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 31 and name[0].isalnum() for name in names)
    long = x509.certificate("Sectigo Public Server Authentication CA OV R36 – Ü", is_ca=True)
    assert len(object_name(long, 31)) <= 31


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_no_text_crashes_the_readers(text: str) -> None:
    for armoured in (
        text,
        f"-----BEGIN CERTIFICATE-----{text}-----END",
        f"-----BEGIN CERTIFICATE REQUEST-----{text}-----END",
    ):
        for reader in (parse_csr, parse_certificates):
            with contextlib.suppress(Unproven):
                reader(armoured)


def test_a_signature_with_unused_bits_is_refused() -> None:
    # Only a signature that ends in a zero bit can be declared to have one unused bit.
    ders = (x509.certificate().der for _ in range(100))
    der = next(bytearray(der) for der in ders if der[-1] & 1 == 0)
    signature = load_der_x509_certificate(bytes(der)).signature
    der[-len(signature) - 1] = 1
    load_der_x509_certificate(bytes(der))
    with pytest.raises(Unproven):
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
    except Unproven:
        return
    # What still parses under the same key and issuer name has a broken signature, unless nothing was changed.
    assert bytes(der) == CHAIN[0].der or chain.intermediates == ()
