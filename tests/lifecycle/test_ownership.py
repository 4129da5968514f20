"""What of a series is ours, what only another administrator's draft, and what a stranger's."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.ownership import current_of, is_draft, is_ours, own, strangers
from paloaltofw.lifecycle.succession import CertificateGeneration
from tests import x509
from tests.lifecycle.cases import CSR, DUE, GOOD, ORDER, PROFILE, STRANGER, held

BOB = frozenset({"bob"})
SVC = frozenset({"svc"})
BY_NAME = x509.certificate("old.example.com", dns=["old.example.com", "www.example.com"])
BY_SUBJECT = x509.certificate("www.example.com", dns=["more.example.com"])
FOREIGN_CSR = x509.csr("other.example.com", dns=["other.example.com", "www.example.com"])


@pytest.mark.parametrize(
    ("item", "known", "ours"),
    [
        # By name: the profile's common name, in the subject or among the DNS names.
        (held(certificate=GOOD), "", True),
        (held(certificate=BY_NAME), "", True),
        (held(certificate=BY_SUBJECT), "", True),
        (held(csr=CSR), "", True),
        # Whoever asks for our name beside his own has made no CSR of ours: the agent's bear it as common name.
        (held(csr=FOREIGN_CSR), "", False),
        (held(certificate=STRANGER), "", False),
        # By the journal, whatever the names are.
        (held(certificate=STRANGER), STRANGER.sha256, True),
        (held(certificate=STRANGER), STRANGER.spki_sha256, True),
        (held(csr=FOREIGN_CSR), FOREIGN_CSR.spki_sha256, True),
        (held(csr=FOREIGN_CSR), "00", False),
        # The certificate decides, where there is one; what cannot be read is nobody's that we know.
        (held(certificate=STRANGER, csr=CSR), "", False),
        (held(certificate=STRANGER, csr=CSR), CSR.spki_sha256, CSR.spki_sha256 == STRANGER.spki_sha256),
        (held(), "00", False),
    ],
    ids=map(
        str, range(13)
    ),  # fingerprints are new in each process, and the processes of one run must call tests the same
)
def test_an_entry_is_ours_by_the_journal_or_by_the_common_name(
    item: CertificateGeneration, known: str, ours: bool
) -> None:
    assert is_ours(item, PROFILE, Observation(known=frozenset({known} if known else ()))) is ours


@pytest.mark.parametrize(
    ("item", "running", "draft"),
    [
        (held(2, certificate=GOOD, changed_by=BOB), (), True),
        (held(2, certificate=GOOD, changed_by=BOB | SVC), (), True),
        (held(2, certificate=GOOD, changed_by=BOB), (held(2, certificate=DUE),), True),
        (held(2, certificate=GOOD, changed_by=BOB), (held(2, csr=CSR),), True),
        (held(2, certificate=GOOD, changed_by=BOB), (held(3, certificate=GOOD),), True),
        # He changed something of it, but the certificate is what serves.
        (held(2, certificate=GOOD, changed_by=BOB), (held(1, certificate=DUE), held(2, certificate=GOOD)), False),
        # The agent's own work, or nobody's.
        (held(2, certificate=GOOD, changed_by=SVC), (), False),
        (held(2, certificate=GOOD), (), False),
        # Where the running configuration was not read, nobody can tell.
        (held(2, certificate=GOOD, changed_by=BOB), None, False),
    ],
)
def test_a_draft_is_what_only_another_administrators_change_brought_in(
    item: CertificateGeneration, running: tuple[CertificateGeneration, ...] | None, draft: bool
) -> None:
    observed = Observation((held(certificate=DUE), item), running=running, admin="svc")
    assert is_draft(item, observed) is draft
    assert (item in own(PROFILE, observed)) is not draft
    # A draft serves nobody, so the decision is made for what is below it.
    assert current_of(PROFILE, observed) == (observed.generations[0] if draft else item)


def test_strangers_are_looked_for_in_both_configurations_except_under_the_name_of_the_open_order() -> None:
    here, there = held(2, certificate=STRANGER), held(3, csr=FOREIGN_CSR)
    observed = Observation((held(certificate=GOOD), here), running=(held(certificate=GOOD), there))
    assert set(strangers(PROFILE, observed)) == {here, there}
    assert strangers(PROFILE, replace(observed, order=replace(ORDER, entry="www-3"))) == (here,)
    assert strangers(PROFILE, replace(observed, running=None)) == (here,)
    # The candidate is what a plan would work on: it decides where both hold the name.
    taken_over = Observation((held(2, certificate=GOOD),), running=(held(2, certificate=STRANGER),))
    assert strangers(PROFILE, taken_over) == ()
    assert strangers(PROFILE, Observation(taken_over.running or (), running=taken_over.generations)) == (here,)


ENTRIES = st.builds(
    held,
    number=st.integers(1, 4),
    certificate=st.sampled_from([None, GOOD, DUE, STRANGER]),
    csr=st.sampled_from([None, CSR, FOREIGN_CSR]),
    changed_by=st.sampled_from([frozenset(), SVC, BOB]),
)


@given(st.lists(ENTRIES, max_size=4, unique_by=lambda item: item.number), st.booleans(), st.booleans())
def test_no_entry_is_both_ours_and_a_strangers_and_only_ours_serve(
    items: list[CertificateGeneration], is_running_read: bool, is_known: bool
) -> None:
    known = frozenset({STRANGER.sha256}) if is_known else frozenset()
    observed = Observation(tuple(items), running=() if is_running_read else None, known=known, admin="svc")
    ours, theirs = own(PROFILE, observed), strangers(PROFILE, observed)
    assert not set(ours) & set(theirs)
    assert all(is_draft(item, observed) for item in set(items) - set(ours) - set(theirs))
    current = current_of(PROFILE, observed)
    assert current is None or current in ours
