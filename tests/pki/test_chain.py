"""Every order of a chain is repaired, every flaw is refused."""

from __future__ import annotations

import itertools

import pytest

from paloaltofw.pki.certificate import VerificationError
from paloaltofw.pki.chain import build_chain
from tests import x509
from tests.pki.samples import CHAIN, SPKI


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
    with pytest.raises(VerificationError, match="does not fit its delivered issuer"):
        build_chain([CHAIN[0], forged, CHAIN[2]], SPKI)


def test_an_issuer_that_is_no_ca_is_refused() -> None:
    no_ca = x509.certificate("Lower CA", issuer=("Upper CA", x509.key(102)), private_key=x509.key(101))
    with pytest.raises(VerificationError, match="does not fit"):
        build_chain([CHAIN[0], no_ca], SPKI)


def test_a_chain_without_the_key_of_the_csr_is_refused() -> None:
    with pytest.raises(VerificationError, match="no delivered certificate holds the key"):
        build_chain(CHAIN, x509.csr(private_key=x509.key(9)).spki_sha256)
