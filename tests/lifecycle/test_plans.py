"""The parts of plans: what is adopted, moved and deleted, and what waits for the commit window."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.lifecycle.decision import Action, Decision, State
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.plans import (
    clean_up_steps,
    free_entry,
    install_steps,
    is_adoptable,
    move_steps,
    order_new_key,
    ordered_by_another,
    outside_window,
    predecessors_of,
    unbound_profiles,
    unknown_request,
    usable_id,
)
from paloaltofw.lifecycle.requested import requested_of
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Bind,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    ImportChain,
    Predecessor,
    Prove,
    RecordId,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration, series_number
from paloaltofw.model.certificate_profile import KeySpec
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import Answer, InstalledRecord, LedgerEntry
from tests import x509
from tests.lifecycle.cases import CSR, DUE, GOOD, ORDER, PROFILE, RESUBMIT, RUN, STRANGER, held

KEY = KeySpec("ECDSA", 256)
PREPARES = (GenerateCsr("www", KEY), SubmitOrder("enroll", "DV", "DV"), Collect(None), Prove())
CHANGES = (
    ImportChain(), ImportCertificate("www"), Bind("www", ("p",)), DeletePredecessor("old", "00"), Commit("svc"),
    RecordId("www"),
)  # fmt: skip


def test_outside_of_it_everything_is_prepared_and_nothing_imported_or_committed() -> None:
    decision = Decision(State.ABSENT, Action.ENROLL, "", (*PREPARES, *CHANGES))
    held = outside_window(decision, "Fri 22:00")
    assert held.steps == PREPARES
    assert held.waits_for == "the commit window, which opens Fri 22:00"


def test_what_needs_no_commit_is_not_held() -> None:
    decision = Decision(State.VALID, Action.NONE, "")
    assert outside_window(decision, "Fri 22:00") is decision


def test_a_clean_up_waits_without_a_word_because_nothing_depends_on_it() -> None:
    decision = Decision(State.VALID, Action.NONE, "", (Bind("www-2", ()), Commit("svc")), is_clean_up=True)
    assert outside_window(decision, "Fri 22:00") == replace(decision, steps=())


# --- what may be on its way already ------------------------------------------------------------------------------------

AT = "2026-09-01T00:00:00Z"
TAKEN = LedgerEntry("www", "r", AT, "enroll", "absent", requested_of(PROFILE), spki_sha256=CSR.spki_sha256)
NEXT_CSR = x509.csr(private_key=x509.key(8))
FOREIGN_CSR = x509.csr("other.example.com", private_key=x509.key(9))
OTHER_KIND = x509.csr(private_key=x509.key(7, "P384"))
SVC, BOB = frozenset({"svc"}), frozenset({"bob"})


@pytest.mark.parametrize(
    ("entries", "more", "expected"),
    [
        ((held(csr=CSR),), {}, "www"),
        ((held(csr=CSR), held(2, csr=NEXT_CSR)), {}, "www-2"),
        ((held(csr=NEXT_CSR), held(2, csr=CSR)), {"ledger": (TAKEN,)}, "www"),
        ((held(csr=CSR),), {"ledger": (replace(TAKEN, answer=Answer.REFUSED.value),)}, "www"),
        ((held(csr=CSR),), {"ledger": (TAKEN,)}, None),
        ((held(csr=CSR),), {"ledger": (replace(TAKEN, answer=Answer.TAKEN.value),)}, None),
        ((held(csr=CSR),), {"order": ORDER}, None),
        ((held(csr=CSR),), {"order": replace(ORDER, entry="www-2")}, "www"),
        ((held(csr=FOREIGN_CSR),), {}, None),
        ((held(csr=FOREIGN_CSR),), {"known": frozenset({FOREIGN_CSR.spki_sha256})}, "www"),
        ((held(certificate=GOOD, csr=CSR),), {}, None),
        ((replace(held(csr=CSR), has_key=False),), {}, None),
        ((), {}, None),
    ],
)
def test_the_newest_pending_csr_that_was_not_ordered_from_here(
    entries: tuple[CertificateGeneration, ...], more: dict[str, Any], expected: str | None
) -> None:
    found = unknown_request(PROFILE, Observation(entries, **more))
    assert (found.name if found else None) == expected


OLD = replace(TAKEN, profile="old")
ISSUED_OLD = replace(OLD, not_before=AT, not_after="2027-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("ledger", "expected"),
    [
        ((OLD,), OLD),
        ((replace(OLD, profile="older"), OLD), OLD),
        ((OLD, TAKEN), OLD),
        ((TAKEN,), None),
        ((replace(OLD, answer=Answer.REFUSED.value),), None),
        # Issued, but its CSR still waits: it was never installed.
        ((ISSUED_OLD,), ISSUED_OLD),
        ((replace(OLD, spki_sha256=NEXT_CSR.spki_sha256),), None),
    ],
)
def test_a_pending_csr_that_another_profile_ordered_may_come_from_a_renamed_file(
    ledger: tuple[LedgerEntry, ...], expected: LedgerEntry | None
) -> None:
    observed = Observation((held(csr=CSR),), ledger=ledger)
    assert ordered_by_another(PROFILE, observed) == expected
    # Where this profile has an open order of its own, or the key is not there, nothing hangs on the other one.
    assert ordered_by_another(PROFILE, replace(observed, order=ORDER)) is None
    assert ordered_by_another(PROFILE, replace(observed, generations=())) is None
    no_key = replace(held(csr=CSR), has_key=False)
    assert ordered_by_another(PROFILE, replace(observed, generations=(no_key,))) is None


def test_another_profiles_open_order_for_a_key_that_serves_counts_until_it_is_issued() -> None:
    observed = Observation((held(certificate=GOOD),), ledger=(replace(OLD, spki_sha256=GOOD.spki_sha256),))
    assert ordered_by_another(PROFILE, observed) == observed.ledger[0]
    issued = replace(ISSUED_OLD, spki_sha256=GOOD.spki_sha256)
    assert ordered_by_another(PROFILE, replace(observed, ledger=(issued,))) is None


@pytest.mark.parametrize(
    ("account", "expected"), [(None, "9"), ("", "9"), (PROFILE.account, "9"), ("another account", None)]
)
def test_an_id_is_of_use_at_its_own_account_only(account: str | None, expected: str | None) -> None:
    installed = None if account is None else InstalledRecord("9", "www", "", "", AT, account=account)
    observed = Observation(certificate_id="9", installed=installed)
    assert usable_id(PROFILE, observed) == expected
    assert usable_id(PROFILE, replace(observed, certificate_id=None)) is None


@pytest.mark.parametrize(
    ("item", "adoptable"),
    [
        (held(csr=CSR), True),
        (held(csr=CSR, changed_by=SVC), True),
        (held(csr=CSR, changed_by=BOB), False),
        (held(csr=CSR, changed_by=SVC | BOB), False),
        (held(csr=FOREIGN_CSR), False),
        (held(csr=OTHER_KIND), False),
        (held(certificate=GOOD, csr=CSR), False),
        (replace(held(csr=CSR), has_key=False), False),
        (held(), False),
    ],
)
def test_a_csr_is_adopted_if_it_is_proven_pending_and_nobody_elses_work(
    item: CertificateGeneration, adoptable: bool
) -> None:
    assert is_adoptable(item, PROFILE, RESUBMIT) is adoptable
    observed = Observation((item,), running=(), admin="svc")
    for request, is_used in ((RESUBMIT, adoptable), (RUN, False)):
        steps = order_new_key(PROFILE, observed, "enroll", None, request)
        assert steps[0] == (AdoptCsr("www") if is_used else GenerateCsr("www-2", KEY))
        assert steps[1] == SubmitOrder("enroll", PROFILE.account, PROFILE.type)
        assert ImportCertificate("www" if is_used else "www-2") in steps


def test_a_csr_that_was_ordered_from_here_is_not_ordered_again() -> None:
    observed = Observation((held(csr=CSR),), ledger=(TAKEN,))
    assert order_new_key(PROFILE, observed, "enroll", None, RESUBMIT)[0] == GenerateCsr("www-2", KEY)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [
        ((held(1, csr=CSR),), AdoptCsr("www")),
        ((held(1, certificate=DUE), held(2, csr=CSR)), AdoptCsr("www-2")),
        # What is older than the certificate in service stays as it is: names tell age.
        ((held(1, csr=CSR), held(2, certificate=DUE)), GenerateCsr("www-3", KEY)),
        ((held(1, certificate=GOOD), held(2, csr=CSR), held(3, certificate=DUE)), GenerateCsr("www-4", KEY)),
    ],
)
def test_only_a_csr_newer_than_what_serves_is_adopted(
    entries: tuple[CertificateGeneration, ...], expected: AdoptCsr | GenerateCsr
) -> None:
    assert order_new_key(PROFILE, Observation(entries), "enroll", None, RESUBMIT)[0] == expected


NUMBERS = st.sets(st.integers(1, 12), max_size=5)


@given(NUMBERS, st.none() | NUMBERS)
def test_a_free_name_is_free_in_both_configurations_and_above_all_others(
    candidate: set[int], running: set[int] | None
) -> None:
    there = None if running is None else tuple(held(number) for number in sorted(running))
    observed = Observation(tuple(held(number) for number in sorted(candidate)), running=there)
    number = series_number("www", free_entry(PROFILE, observed))
    assert number == max(candidate | (running or set()), default=0) + 1


# --- predecessors ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("item", "is_one"),
    [
        (held(2, certificate=GOOD), True),
        (held(2, certificate=DUE), True),
        (held(2, certificate=STRANGER), False),
        (held(2, csr=CSR), False),
        (held(2, certificate=GOOD, changed_by=BOB), False),
        (held(3, certificate=GOOD), False),
        (held(4, certificate=GOOD), False),
    ],
)
def test_predecessors_are_our_complete_entries_with_a_lower_number(item: CertificateGeneration, is_one: bool) -> None:
    observed = Observation((item,), running=(), admin="svc")
    expected = (Predecessor(item.name, item.certificate.sha256),) if is_one and item.certificate else ()
    assert predecessors_of(PROFILE, observed, "www-3") == expected
    # A name outside of the series has no predecessors.
    assert predecessors_of(PROFILE, observed, "other-3") == ()
    deletions = tuple(DeletePredecessor(old.entry, old.holds) for old in expected)
    moved = (Bind("www-3", (), expected), *deletions) if expected else ()
    assert move_steps(PROFILE, observed, "www-3", RUN) == moved
    assert clean_up_steps(PROFILE, observed, "www-3", RUN) == ((*moved, Commit("svc")) if moved else ())
    bound = replace(PROFILE, ssl_tls_service_profiles=("vpn",))
    assert move_steps(bound, observed, "www-3", RUN) == (Bind("www-3", ("vpn",), expected), *deletions)
    assert clean_up_steps(bound, observed, "www-3", RUN) == ((*moved, Commit("svc")) if moved else ())


@pytest.mark.parametrize(
    "item", [replace(held(2, certificate=GOOD), has_key=False), held(2, certificate=GOOD, csr=NEXT_CSR)]
)
@pytest.mark.parametrize("serves", [True, False])
def test_what_serves_a_certificate_whose_key_is_not_seen_is_moved_and_the_entry_kept(
    item: CertificateGeneration, serves: bool
) -> None:
    profiles = {"vpn": ServiceProfile("vpn", "www-2" if serves else "www-3")}
    observed = Observation((item,), running=(), admin="svc", service_profiles=profiles)
    bind = Bind("www-3", (), (Predecessor("www-2", GOOD.sha256),))
    assert predecessors_of(PROFILE, observed, "www-3") == ()
    assert move_steps(PROFILE, observed, "www-3", RUN) == (bind,)
    assert clean_up_steps(PROFILE, observed, "www-3", RUN) == ((bind, Commit("svc")) if serves else ())


def test_what_ends_later_than_what_serves_is_taken_away_only_if_it_is_known_as_ours() -> None:
    """Somebody may have put a later certificate under a lower number."""
    later, serving = x509.certificate(age=1), x509.certificate(age=50)
    observed = Observation((held(1, certificate=later), held(2, certificate=serving)))
    served = Predecessor("www-2", serving.sha256)
    assert predecessors_of(PROFILE, observed, "www-2") == ()
    assert predecessors_of(PROFILE, observed, "www-3") == (served,)
    known = replace(observed, known=frozenset({later.sha256}))
    assert predecessors_of(PROFILE, known, "www-2") == (Predecessor("www", later.sha256),)
    assert predecessors_of(PROFILE, known, "www-3") == (Predecessor("www", later.sha256), served)
    # One that ends at the same time is no later one.
    twins = Observation((held(1, certificate=serving), held(2, certificate=serving)))
    assert predecessors_of(PROFILE, twins, "www-2") == (Predecessor("www", serving.sha256),)


def test_the_steps_of_an_installation() -> None:
    last = (Commit("svc"), RecordId("www"))
    assert install_steps(PROFILE, Observation(), "www", RUN) == (
        Prove(),
        ImportChain(),
        ImportCertificate("www"),
        *last,
    )
    bundled = replace(RUN, bundles_chain=True)
    assert install_steps(PROFILE, Observation(), "www", bundled) == (Prove(), ImportCertificate("www", True), *last)


def test_unbound_and_missing_service_profiles() -> None:
    profile = replace(PROFILE, ssl_tls_service_profiles=("a", "b", "c"))
    there = {"a": ServiceProfile("a", "www"), "b": ServiceProfile("b", "old"), "d": ServiceProfile("d", "old")}
    assert unbound_profiles(profile, Observation(service_profiles=there), "www") == (("b",), ("c",))
    assert unbound_profiles(profile, Observation(service_profiles=None), "www") == ((), ())
    assert unbound_profiles(PROFILE, Observation(service_profiles=there), "www") == ((), ())
