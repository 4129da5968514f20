"""Reading CSRs and certificates, damaged ones among them."""

from __future__ import annotations

import contextlib
import random
from dataclasses import replace

import pytest
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.pki.certificate import VerificationError, parse_certificate_der, parse_certificates, parse_csr
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
    signature = load_der_x509_certificate(bytes(der)).signature
    der[-len(signature) - 1] = 1
    load_der_x509_certificate(bytes(der))
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
