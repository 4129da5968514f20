"""What is made of what a service presents: every wrong answer is a row."""

from __future__ import annotations

import pytest

from paloaltofw.pki.certificate import Certificate
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.pki.served import Look, Served, is_worse, judge, shown, standing
from tests import x509

LEAF, LOWER, UPPER, ROOT = x509.chain_of()
CHAIN = build_chain([LEAF, LOWER, UPPER, ROOT], LEAF.spki_sha256)
OLD = x509.certificate(age=150, issuer=("Lower CA", x509.key(101)))
OTHER = x509.certificate("mail.example.com", issuer=("Lower CA", x509.key(101)))
STRANGE_CA = x509.certificate("Lower CA", issuer=("Root", x509.key(103)), private_key=x509.key(109), is_ca=True, age=10)
CROSS = x509.certificate("Upper CA", issuer=("Elsewhere", x509.key(108)), private_key=x509.key(102), is_ca=True, age=10)
CROSS_LOWER = x509.certificate("Lower CA", issuer=("Another", x509.key(107)), private_key=x509.key(101), is_ca=True)
ELSEWHERE = x509.certificate("Another", issuer=("Another", x509.key(107)), private_key=x509.key(107), is_ca=True)
JUNK = b"no certificate"
REFUSED = Look((), "connection refused", is_reached=False)
SILENT = Look((), "no answer in time")


def look(*certificates: Certificate | bytes) -> Look:
    return Look(tuple(item if isinstance(item, bytes) else item.der for item in certificates))


ROWS = [
    ("the whole chain", look(LEAF, LOWER, UPPER), Served.RIGHT, "2 of its issuers", ""),
    ("by a cross certificate to another root", look(LEAF, CROSS_LOWER, ELSEWHERE), Served.RIGHT, "2 of", ""),
    ("with the root", look(LEAF, LOWER, UPPER, ROOT), Served.RIGHT, "3 of its issuers", ""),
    ("in another order", look(LEAF, UPPER, LOWER), Served.RIGHT, "2 of its issuers", "unusual order"),
    ("with what belongs to no link", look(LEAF, LOWER, UPPER, STRANGE_CA), Served.RIGHT, "2 of", "no link"),
    ("with junk at its end", look(LEAF, LOWER, UPPER, JUNK), Served.RIGHT, "2 of", "no link"),
    ("by a cross certificate", look(LEAF, LOWER, CROSS), Served.RIGHT, "2 of", ""),
    ("the predecessor", look(OLD, LOWER, UPPER), Served.OLD, "still serves the old certificate ('www.example.com'", ""),
    ("another's", look(OTHER, LOWER, UPPER), Served.OTHER, "'mail.example.com'", ""),
    ("what cannot be read", look(JUNK, LOWER), Served.OTHER, "cannot be read", ""),
    ("alone", look(LEAF), Served.LEAF_ONLY, "alone", ""),
    ("the chain stops", look(LEAF, LOWER), Served.WRONG_CHAIN, "do not lead from the certificate to 'upper ca'", ""),
    ("the first link is missing", look(LEAF, UPPER), Served.WRONG_CHAIN, "do not lead", ""),
    ("a CA of the name and another key", look(LEAF, STRANGE_CA, UPPER), Served.WRONG_CHAIN, "do not lead", ""),
    ("the leaf twice", look(LEAF, LEAF), Served.WRONG_CHAIN, "do not lead", ""),
    ("nobody there", REFUSED, Served.UNREACHABLE, "cannot be reached (connection refused)", ""),
    ("no handshake", SILENT, Served.NO_HANDSHAKE, "does not shake hands (no answer in time)", ""),
    ("no certificate", Look(), Served.NO_HANDSHAKE, "it presents no certificate", ""),
]


@pytest.mark.parametrize(
    ("presented", "found", "words", "note"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_what_is_presented_is_judged(presented: Look, found: Served, words: str, note: str) -> None:
    verdict = judge(presented, CHAIN, {OLD.sha256})
    assert verdict.found is found
    assert words in verdict.text
    assert (note in verdict.note) if note else not verdict.note


def test_without_a_leaf_nothing_leads_anywhere() -> None:
    assert standing(REFUSED) == standing(look(JUNK)) == ("", 0)
    assert look(JUNK, LOWER).path == () and Look().path == ()
    assert look(LEAF, LOWER).path == (LEAF, LOWER)


def test_every_finding_has_a_row_and_words_of_its_own() -> None:
    assert {row[2] for row in ROWS} == set(Served)
    assert len({judge(row[1], CHAIN, {OLD.sha256}).text for row in ROWS if row[2] is not Served.RIGHT}) == 8


def test_a_leaf_below_its_root_or_delivered_alone_needs_nobody_beside_it() -> None:
    for alone in (Chain(LEAF, ()), Chain(LEAF, (), lacks_issuer=True)):
        assert judge(look(LEAF), alone, ()).found is Served.RIGHT


def test_the_words() -> None:
    said = {row[0]: judge(row[1], CHAIN, {OLD.sha256}) for row in ROWS}
    assert said["alone"].text == "serves the certificate alone, without the intermediates that clients need"
    assert said["what cannot be read"].text == "serves a certificate that cannot be read"
    assert said["no certificate"].text == "does not shake hands (it presents no certificate)"
    note = "its chain is in an unusual order, or holds what belongs to no link; clients bear it"
    assert said["in another order"].note == said["with junk at its end"].note == note


def test_a_certificate_without_a_common_name_is_shown_by_its_first_name() -> None:
    names = ["b.example.com", f"{'a' * 60}.example.com"]
    nameless = x509.certificate("", dns=names)
    assert shown(nameless) == f"'{'a' * 60}.exa', serial {nameless.serial}, until {nameless.not_after:%Y-%m-%d}"
    named = x509.certificate("www.example.com", dns=["a.example.com"])
    assert shown(named).startswith("'www.example.com', ")
    assert shown(x509.certificate("", dns=[])).startswith("'', ")


WHOLE, ALONE, NOTHING = standing(look(OLD, LOWER, UPPER)), standing(look(OLD)), standing(REFUSED)
COMPARED = [
    # before, after, worse
    (WHOLE, look(LEAF, LOWER, UPPER), False),
    (WHOLE, look(OLD, LOWER, UPPER), False),
    (WHOLE, look(LEAF), True),
    (WHOLE, look(LEAF, LOWER), True),
    (WHOLE, look(OTHER, LOWER, UPPER), True),
    (WHOLE, look(JUNK), True),
    (WHOLE, REFUSED, True),
    (WHOLE, SILENT, True),
    (ALONE, look(LEAF), False),
    (ALONE, look(LEAF, UPPER), False),
    (ALONE, REFUSED, True),
    (ALONE, look(OTHER), True),
    (NOTHING, REFUSED, False),
    (NOTHING, SILENT, False),
    (NOTHING, look(OTHER), False),
    (NOTHING, look(LEAF), False),
    (standing(look(OTHER)), look(OTHER), False),
]


@pytest.mark.parametrize(("before", "after", "worse"), COMPARED)
def test_clients_are_worse_off_or_not(before: tuple[str, int], after: Look, worse: bool) -> None:
    assert is_worse(before, after, judge(after, CHAIN, {OLD.sha256}).found) is worse


def test_names_of_strangers_are_cut_and_quoted() -> None:
    stranger = x509.certificate("x" * 40 + "\n\x1b[31m", dns=[])
    text = judge(look(stranger), CHAIN, ()).text
    assert text.isprintable()
