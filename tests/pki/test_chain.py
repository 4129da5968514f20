"""Every order of a chain is repaired, every flaw is refused."""

from __future__ import annotations

import functools
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.pki import chain as chain_module
from paloaltofw.pki.certificate import Certificate, VerificationError
from paloaltofw.pki.chain import Chain, build_chain, is_issued_by
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
    with pytest.raises(VerificationError, match=r"^no delivered certificate holds the key of the CSR$"):
        build_chain(CHAIN, x509.csr(private_key=x509.key(9)).spki_sha256)


# A second tree above CHAIN's "Root" and "Upper CA", as USERTrust and AAA stand above Sectigo's CAs.
LEAF, LOWER, UPPER, ROOT = CHAIN
KEYS = {"Lower CA": 101, "Upper CA": 102, "Root": 103, "Old Root": 104}
EXPIRED, YOUNG = (1000.0, 1001.0), (1000.0, -1.0)  # days to live, age


def ca(
    subject: str, issuer: str, dates: tuple[float, float] = (4000.0, 10.0), number: int | None = None
) -> Certificate:
    keys = x509.key(number or KEYS[issuer]), x509.key(KEYS[subject])
    return x509.certificate(
        subject, issuer=(issuer, keys[0]), private_key=keys[1], is_ca=True, days=dates[0], age=dates[1]
    )


OLD_ROOT = ca("Old Root", "Old Root")
CROSS, EXPIRED_CROSS, YOUNG_CROSS = (ca("Root", "Old Root", dates) for dates in ((4000.0, 10.0), EXPIRED, YOUNG))
UPPER_CROSS, EXPIRED_UPPER_CROSS = (ca("Upper CA", "Old Root", dates) for dates in ((4000.0, 10.0), EXPIRED))


@pytest.mark.parametrize(
    ("delivered", "intermediates", "lacks_issuer"),
    [
        ([LOWER, UPPER, ROOT], [LOWER, UPPER], False),
        ([LOWER, UPPER], [LOWER, UPPER], True),
        ([LOWER], [LOWER], True),
        ([], [], True),
        ([UPPER, ROOT], [], True),
        # An expired cross certificate beside a way to the root, above the last link, and below a root of its own.
        ([LOWER, UPPER, EXPIRED_CROSS, ROOT], [LOWER, UPPER], False),
        ([LOWER, UPPER, EXPIRED_CROSS, ROOT, OLD_ROOT], [LOWER, UPPER], False),
        ([LOWER, UPPER, EXPIRED_CROSS], [LOWER, UPPER], True),
        ([LOWER, UPPER, EXPIRED_CROSS, OLD_ROOT], [LOWER, UPPER], True),
        ([LOWER, UPPER, YOUNG_CROSS, OLD_ROOT], [LOWER, UPPER], True),
        ([LOWER, UPPER, EXPIRED_UPPER_CROSS, OLD_ROOT, ROOT], [LOWER, UPPER], False),
        ([LOWER, EXPIRED_UPPER_CROSS, OLD_ROOT], [LOWER], True),
        ([LOWER, UPPER, EXPIRED_CROSS, CROSS, OLD_ROOT], [LOWER, UPPER, CROSS], False),
        # The longer way, then the one that ends at a root.
        ([LOWER, UPPER, CROSS, ROOT], [LOWER, UPPER, CROSS], True),
        ([LOWER, UPPER_CROSS, UPPER, CROSS], [LOWER, UPPER, CROSS], True),
        ([LOWER, UPPER_CROSS, UPPER, ROOT], [LOWER, UPPER], False),
        ([LOWER, UPPER_CROSS, UPPER, OLD_ROOT], [LOWER, UPPER_CROSS], False),
    ],
)  # fmt: skip
def test_the_best_of_several_ways_is_taken(
    delivered: list[Certificate], intermediates: list[Certificate], lacks_issuer: bool
) -> None:
    expected = Chain(LEAF, tuple(intermediates), lacks_issuer)
    for seed in range(6):
        mixed = random.Random(seed).sample([LEAF, *delivered, *delivered], 1 + 2 * len(delivered))
        assert build_chain(mixed, SPKI, x509.NOW) == expected


def test_the_way_that_lasts_longest_is_taken_when_all_else_is_equal() -> None:
    longer, shorter = (ca("Upper CA", "Root", (days, 10.0)) for days in (3000.0, 100.0))
    for order in ([longer, shorter], [shorter, longer]):
        assert build_chain([LEAF, LOWER, *order], SPKI, x509.NOW).intermediates == (LOWER, longer)


def test_an_expired_issuer_of_the_leaf_is_not_hidden() -> None:
    expired = ca("Lower CA", "Upper CA", EXPIRED)
    assert build_chain([LEAF, expired, UPPER], SPKI, x509.NOW).intermediates == (expired, UPPER)
    assert build_chain([LEAF, expired, UPPER, LOWER], SPKI, x509.NOW).intermediates == (LOWER, UPPER)


def test_without_a_date_dates_are_ignored() -> None:
    assert build_chain([*CHAIN, EXPIRED_CROSS], SPKI).intermediates == (LOWER, UPPER, EXPIRED_CROSS)


def test_an_expired_root_is_dropped_like_any_root() -> None:
    expired = ca("Root", "Root", EXPIRED)
    assert build_chain([LEAF, LOWER, UPPER, expired], SPKI, x509.NOW) == Chain(LEAF, (LOWER, UPPER), False)


def test_a_false_issuer_of_the_same_name_is_passed_over_if_another_signed() -> None:
    false_root = x509.certificate("Root", issuer=("Root", x509.key(70)), private_key=x509.key(70), is_ca=True)
    false_upper = x509.certificate("Upper CA", issuer=("Root", x509.key(103)), private_key=x509.key(71), is_ca=True)
    for order in itertools.permutations([LOWER, UPPER, ROOT, false_root, false_upper]):
        assert build_chain([LEAF, *order], SPKI, x509.NOW) == Chain(LEAF, (LOWER, UPPER), False)
    with pytest.raises(VerificationError, match=r"^the signature of 'lower ca' does not fit its delivered issuer$"):
        build_chain([LEAF, LOWER, false_upper, ROOT], SPKI, x509.NOW)
    with pytest.raises(VerificationError, match="'upper ca' does not fit its delivered issuer"):
        build_chain([LEAF, LOWER, UPPER, false_root], SPKI, x509.NOW)
    # Another way is not spoilt by one that ends at a false issuer.
    false_old = x509.certificate("Old Root", issuer=("Old Root", x509.key(72)), private_key=x509.key(72), is_ca=True)
    assert build_chain([*CHAIN, CROSS, false_old], SPKI, x509.NOW).intermediates == (LOWER, UPPER)


def test_a_root_is_where_a_chain_ends_whoever_signed_it() -> None:
    """A root that changes its key certifies the new one under its own name; the old one need not be delivered."""
    rolled = x509.certificate("Root", issuer=("Root", x509.key(73)), private_key=x509.key(103), is_ca=True)
    old = x509.certificate("Root", issuer=("Root", x509.key(73)), private_key=x509.key(73), is_ca=True)
    for others in ([rolled], [rolled, old], [old, rolled]):
        assert build_chain([LEAF, LOWER, UPPER, *others], SPKI, x509.NOW) == Chain(LEAF, (LOWER, UPPER), False)


def test_the_newest_certificate_of_the_key_is_the_leaf() -> None:
    older, newer = x509.certificate(days=100, age=50), x509.certificate(days=100)
    for order in ([older, newer], [newer, older]):
        assert build_chain(order, SPKI).leaf == newer


def test_what_a_chain_says_of_itself() -> None:
    chain = build_chain(CHAIN, SPKI)
    assert chain.pem == LEAF.pem + LOWER.pem + UPPER.pem
    assert (chain.top, chain.is_leaf_alone) == (UPPER, False)
    alone = build_chain([LEAF], SPKI)
    assert (alone.top, alone.is_leaf_alone) == (LEAF, True)
    assert not build_chain([LEAF, LOWER], SPKI).is_leaf_alone
    assert not Chain(LEAF, ()).lacks_issuer
    below_root = x509.certificate(issuer=("Root", x509.key(103)))
    assert not build_chain([below_root, ROOT], SPKI).is_leaf_alone


def test_who_issued_a_certificate_is_told_by_name_and_signature() -> None:
    renamed = x509.certificate("Other CA", issuer=("Root", x509.key(103)), private_key=x509.key(102), is_ca=True)
    no_ca = x509.certificate("Upper CA", issuer=("Root", x509.key(103)), private_key=x509.key(102))
    other_key = x509.certificate("Upper CA", issuer=("Root", x509.key(103)), private_key=x509.key(71), is_ca=True)
    held = [*CHAIN, renamed, no_ca, other_key, UPPER_CROSS]
    assert [item for item in held if is_issued_by(LOWER, item)] == [UPPER, UPPER_CROSS]


def test_numbers_are_bounded() -> None:
    strangers = [x509.certificate(f"CA {number}", private_key=x509.key(50), is_ca=True) for number in range(17)]
    assert build_chain([*CHAIN[:3], *strangers], SPKI).intermediates == (LOWER, UPPER)
    with pytest.raises(VerificationError, match=r"^there are more than 20 certificates$"):
        build_chain([*CHAIN, *strangers], SPKI)


@functools.cache
def cross(subject: int, issuer: int, is_expired: bool, copy: int = 0) -> Certificate:
    """CA `issuer` certifies CA `subject`; each copy lives a day longer."""
    days, age = (10.0 + copy, 100.0) if is_expired else (4000.0 + copy, 10.0)
    keys = x509.key(200 + issuer), x509.key(200 + subject)
    return x509.certificate(f"CA {subject}", issuer=(f"CA {issuer}", keys[0]), private_key=keys[1], is_ca=True, days=days, age=age)  # fmt: skip


BELOW_CA_0 = x509.certificate(issuer=("CA 0", x509.key(200)))
Edge = tuple[int, int, bool]


def ways(edges: set[Edge], at: int, passed: frozenset[int]) -> list[list[Edge]]:
    """All ways through valid cross certificates from a CA, in the abstract: no names, no signatures."""
    further = [edge for edge in edges if edge[0] == at and not edge[2] and edge[1] not in passed | {at}]
    return [[edge, *rest] for edge in further for rest in ways(edges, edge[1], passed | {at})] or [[]]


@given(
    st.sets(
        st.tuples(st.integers(0, 4), st.integers(0, 4), st.booleans()).filter(lambda edge: edge[0] != edge[1]),
        max_size=14,
    )
)
@settings(max_examples=150, deadline=None)
def test_in_any_web_of_cross_certificates_the_longest_valid_way_is_found(edges: set[Edge]) -> None:
    chain = build_chain([BELOW_CA_0, *(cross(*edge) for edge in edges)], BELOW_CA_0.spki_sha256, x509.NOW)
    links = (chain.leaf, *chain.intermediates)
    assert all(is_issued_by(below, above) for below, above in itertools.pairwise(links))
    assert chain.lacks_issuer
    if any(edge[0] == 0 and not edge[2] for edge in edges):
        assert all(link.is_valid_at(x509.NOW) for link in links)
        assert len(chain.intermediates) == max(len(way) for way in ways(edges, 0, frozenset()))


@pytest.mark.parametrize("cas", range(2, 20))
def test_twenty_certificates_that_certify_each_other_are_bounded_work(
    cas: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CAs in a row with as many cross certificates each as there is room for, and then all of them in a ring."""
    verified = itertools.count()
    real = chain_module._is_signed_by
    monkeypatch.setattr(chain_module, "_is_signed_by", lambda *items: bool(next(verified) + 1) and real(*items))
    for last in (cas, 0):
        row = [cross(n % cas, last if n % cas == cas - 1 else n % cas + 1, False, n // cas) for n in range(19)]
        certificates = [BELOW_CA_0, *(item for item in row if not item.is_self_issued)]
        found = list(chain_module._PathFinder(BELOW_CA_0, certificates[1:], x509.NOW).paths())
        assert 1 <= len(found) <= 1500
        assert len({path.links for path in found}) == len(found)
        assert build_chain(certificates, BELOW_CA_0.spki_sha256, x509.NOW).intermediates
    assert next(verified) <= 4 * 20 * 20
