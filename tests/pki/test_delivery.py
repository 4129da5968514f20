"""Whatever form a CA delivers in, the same certificates are read."""

from __future__ import annotations

import base64
import itertools
import random
import warnings

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.pki.certificate import MAX_PEM_CHARACTERS, VerificationError, load_der
from paloaltofw.pki.delivery import Delivery, read_delivery
from tests import x509
from tests.pki.samples import CHAIN

LEAF = CHAIN[0]
P7_DER = pkcs7.serialize_certificates([load_der(item.der) for item in CHAIN], Encoding.DER)
BODY = base64.encodebytes(P7_DER)


def pem(label: str, der: bytes) -> bytes:
    return f"-----BEGIN {label}-----\n".encode() + base64.encodebytes(der) + f"-----END {label}-----\n".encode()


def with_indefinite_length(der: bytes) -> bytes:
    """The same structure in BER: some CAs' servers stream their containers."""
    assert der[:2] == b"\x30\x82"
    return b"\x30\x80" + der[4:] + b"\x00\x00"


ALL = b"".join(pem("CERTIFICATE", item.der) for item in CHAIN)
# As a set of certificates has no order, only which ones are read is compared.
CHAIN_FORMS = {
    "PEM": ALL,
    "PEM with CRLF": ALL.replace(b"\n", b"\r\n"),
    "PEM with text between": b"subject: \xff\n".join(pem("CERTIFICATE", item.der) for item in CHAIN) + b"trailer",
    "PEM of other labels": b"".join(
        pem(label, item.der)
        for label, item in zip(("X509 CERTIFICATE", "TRUSTED CERTIFICATE", "PKCS7", "CMS"), CHAIN, strict=True)
    ),
    "PEM without the last end line": ALL.rstrip()[: -len("-----END CERTIFICATE-----")],
    "other things between": ALL + pem("DH PARAMETERS", b"no certificate"),
    "PKCS#7": pem("PKCS7", P7_DER),
    "PKCS#7 with CRLF": pem("PKCS7", P7_DER).replace(b"\n", b"\r\n"),
    "PKCS#7 under OpenSSL's oldest label": pem("PKCS #7 SIGNED DATA", P7_DER),
    "PKCS#7 as CMS": pem("CMS", P7_DER),
    "PKCS#7 under the label of a certificate": pem("CERTIFICATE", P7_DER),
    "PKCS#7 beside a certificate": pem("CERTIFICATE", CHAIN[0].der) + pem("PKCS7", P7_DER),
    "PKCS#7 in DER": P7_DER,
    "PKCS#7 in BER": with_indefinite_length(P7_DER),
    "PKCS#7 without armour": BODY,
    "PKCS#7 without armour, on one line": BODY.replace(b"\n", b""),
    "PKCS#7 without armour, with CRLF": b"\r\n" + BODY.replace(b"\n", b"\r\n"),
}


@pytest.mark.parametrize("form", CHAIN_FORMS)
def test_every_form_holds_the_same_certificates(form: str) -> None:
    delivery = read_delivery(CHAIN_FORMS[form])
    assert set(delivery.certificates) == set(CHAIN)
    assert delivery.unreadable == 0


@pytest.mark.parametrize(
    "data", [LEAF.der, base64.b64encode(LEAF.der), base64.encodebytes(LEAF.der), LEAF.pem.encode()]
)
def test_one_certificate_alone_is_read_in_every_form(data: bytes) -> None:
    assert read_delivery(data) == Delivery((LEAF,), 0)


def test_pem_keeps_its_order() -> None:
    for order in itertools.permutations(CHAIN):
        assert read_delivery(b"".join(pem("CERTIFICATE", item.der) for item in order)).certificates == order


UNREADABLE = {
    "no Base64": b"-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    "a stray character": pem("CERTIFICATE", LEAF.der).replace(b"\n", b"\n!", 1),
    "no DER": pem("CERTIFICATE", b"no certificate"),
    "empty": b"-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    "cut off": pem("CERTIFICATE", LEAF.der)[:200] + b"\n",
    "cut off in a container": pem("PKCS7", P7_DER[:-40]),
}


@pytest.mark.parametrize("flaw", UNREADABLE)
def test_an_unreadable_block_is_counted_and_hides_no_certificate(flaw: str) -> None:
    block = UNREADABLE[flaw]
    assert read_delivery(block + ALL) == Delivery(tuple(CHAIN), 1)
    assert read_delivery(ALL + block) == Delivery(tuple(CHAIN), 1)
    assert read_delivery(block + ALL + block) == Delivery(tuple(CHAIN), 2)
    assert read_delivery(block) == Delivery((), 1)


@pytest.mark.parametrize("data", [b"", b"\r\n \t"])
def test_nothing_is_no_block(data: bytes) -> None:
    assert read_delivery(data) == Delivery((), 0)


@pytest.mark.parametrize(
    "data", [b"Being processed by Sectigo", b"<html>", b"\x30", b"\x30\x03junk", b"-----BEGIN", b"\xff"]
)
def test_what_is_in_no_form_is_one_unreadable_block(data: bytes) -> None:
    assert read_delivery(data) == Delivery((), 1)


def test_a_certificate_of_a_container_that_cannot_be_read_is_counted() -> None:
    # Only a signature that ends in a zero bit can be declared to have one unused bit.
    der = next(bytearray(item.der) for item in (x509.certificate() for _ in range(100)) if item.der[-1] & 1 == 0)
    der[-len(load_der(bytes(der)).signature) - 1] = 1
    container = pkcs7.serialize_certificates([load_der(bytes(der)), load_der(LEAF.der)], Encoding.DER)
    assert read_delivery(container) == Delivery((LEAF,), 1)


def test_sizes_and_numbers_are_bounded() -> None:
    block, flaw = pem("CERTIFICATE", LEAF.der), UNREADABLE["no DER"]
    assert len(read_delivery(20 * block).certificates) == 20
    assert read_delivery(19 * flaw + block) == Delivery((LEAF,), 19)
    many = [load_der(x509.certificate().der) for _ in range(21)]
    twenty, too_many = (pkcs7.serialize_certificates(many[:number], Encoding.DER) for number in (20, 21))
    assert len(read_delivery(twenty).certificates) == 20
    for data in (21 * block, 21 * flaw, too_many, pem("PKCS7", twenty) + block, pem("PKCS7", twenty) + flaw):
        with pytest.raises(VerificationError, match=r"^there are more than 20 certificates$"):
            read_delivery(data)
    padded = block + b" " * (MAX_PEM_CHARACTERS - len(block))
    assert read_delivery(padded) == Delivery((LEAF,), 0)
    with pytest.raises(VerificationError, match=r"^the delivered answer is absurdly long$"):
        read_delivery(padded + b" ")


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    for answer in (data, pem("PKCS7", data), base64.b64encode(data), b"\x30" + data):
        assert read_delivery(answer).certificates == ()


@given(st.sampled_from([P7_DER, pem("PKCS7", P7_DER), ALL, LEAF.der]), st.integers(0, 2**32), st.integers(1, 30))
@settings(max_examples=300, deadline=None)
def test_no_damage_crashes_the_reader_or_reaches_stderr(whole: bytes, seed: int, flips: int) -> None:
    randomness, data = random.Random(seed), bytearray(whole)
    for _ in range(flips):
        data[randomness.randrange(len(data))] ^= 1 << randomness.randrange(8)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        delivery = read_delivery(bytes(data))
    assert len(delivery.certificates) + delivery.unreadable <= 20
    assert heard == []
