"""decide: tables for every state, and properties over generated observations."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.clock import format_time
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.ownership import is_ours
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
    RemoveUnproven,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.certificate_profile import CertificateProfile, Renewal
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord, Phase
from paloaltofw.pki.certificate import Certificate, Csr
from tests import x509
from tests.lifecycle.cases import (
    CSR,
    DUE,
    ENROLL,
    EXPIRED,
    FULL,
    GOOD,
    IMPORTED,
    ORDER,
    OTHER,
    PROFILE,
    RENEW,
    REPLACE,
    RESUBMIT,
    ROTATION,
    RUN,
    STRANGER,
    held,
    kinds,
)


@pytest.mark.parametrize(
    ("observed", "asked", "state", "action", "steps"),
    [
        (Observation(), RUN, State.ABSENT, Action.ENROLL, FULL),
        (Observation(), ENROLL, State.ABSENT, Action.ENROLL, FULL),
        (Observation(), RENEW, State.ABSENT, Action.FAILED, []),
        (Observation((held(csr=CSR),)), RUN, State.ABSENT, Action.FAILED, []),
        (Observation((held(csr=CSR),)), RESUBMIT, State.ABSENT, Action.ENROLL, ["AdoptCsr", *FULL[1:]]),
        (Observation((held(certificate=STRANGER),)), RUN, State.ABSENT, Action.FAILED, []),
        (Observation((held(certificate=GOOD),)), RUN, State.VALID, Action.NONE, []),
        (Observation((held(certificate=GOOD),)), ENROLL, State.VALID, Action.NONE, []),
        (Observation((held(certificate=GOOD),)), replace(RENEW, force=True), State.VALID, Action.RENEW, ROTATION),
        (Observation((held(certificate=GOOD),)), REPLACE, State.VALID, Action.RENEW, ROTATION),
        (Observation((held(certificate=DUE),)), RUN, State.DUE, Action.RENEW, ROTATION),
        (Observation((held(certificate=DUE),)), ENROLL, State.DUE, Action.NONE, []),
        (Observation((held(certificate=EXPIRED),)), ENROLL, State.EXPIRED, Action.ENROLL, ROTATION),
        (Observation((held(certificate=GOOD, is_revoked=True),)), ENROLL, State.REVOKED, Action.ENROLL, ROTATION),
        (Observation((held(certificate=GOOD),), is_revoked_at_scm=True), RUN, State.REVOKED, Action.ENROLL, ROTATION),
        (Observation((held(certificate=OTHER),)), RUN, State.MISMATCH, Action.RENEW, ROTATION),
        (Observation((held(certificate=OTHER),)), ENROLL, State.MISMATCH, Action.NONE, []),
        (Observation((held(certificate=GOOD),), unapplied=True), RUN, State.VALID, Action.INSTALL, ["Commit"]),
        (Observation((held(certificate=GOOD, template="T"),)), RUN, State.UNKNOWN, Action.FAILED, []),
    ],
)
def test_what_is_done_without_an_open_order(
    observed: Observation, asked: RunRequest, state: State, action: Action, steps: list[str]
) -> None:
    decision = decide(PROFILE, observed, asked, x509.NOW)
    assert (decision.state, decision.action, kinds(decision)) == (state, action, steps)


@pytest.mark.parametrize(
    ("certificate", "asked", "operation", "previous"),
    [
        (DUE, RUN, "renew", "9"),
        (OTHER, RUN, "replace", "9"),
        (GOOD, REPLACE, "replace", "9"),
        (EXPIRED, RUN, "enroll", None),
    ],
)
def test_the_operation_at_scm(
    certificate: Certificate, asked: RunRequest, operation: str, previous: str | None
) -> None:
    decision = decide(PROFILE, Observation((held(certificate=certificate),), certificate_id="9"), asked, x509.NOW)
    submit = next(step for step in decision.steps if isinstance(step, SubmitOrder))
    assert (submit.operation, submit.previous_certificate_id) == (operation, previous)


def test_reuse_keeps_name_and_key() -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=30, key="reuse"))
    decision = decide(profile, Observation((held(certificate=DUE),), certificate_id="9"), RUN, x509.NOW)
    assert kinds(decision) == FULL[1:]
    assert ImportCertificate("www") in decision.steps


def test_reuse_without_id_and_csr_makes_a_new_key() -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=30, key="reuse"))
    decision = decide(profile, Observation((held(certificate=DUE),)), RUN, x509.NOW)
    assert kinds(decision) == ROTATION


@pytest.mark.parametrize("certificate", [DUE, EXPIRED, OTHER])
def test_renewal_that_is_switched_off_is_reported_and_not_done(certificate: Certificate) -> None:
    profile = replace(PROFILE, renewal=Renewal(auto=False, renew_before_days=30))
    decision = decide(profile, Observation((held(certificate=certificate),)), RUN, x509.NOW)
    assert (decision.action, decision.steps) == (Action.NONE, ())
    assert any("renewal.auto is false" in note for note in decision.notes)


def test_service_profiles_that_serve_another_certificate_are_bound() -> None:
    profile = replace(PROFILE, ssl_tls_service_profiles=("vpn", "web"))
    there = {"vpn": ServiceProfile("vpn", "www"), "web": ServiceProfile("web", "old")}
    observed = Observation((held(certificate=GOOD),), service_profiles=there)
    assert decide(profile, observed, RUN, x509.NOW).steps == (Bind("www", ("web",)), Commit("svc"))
    missing = decide(profile, replace(observed, service_profiles={"vpn": there["vpn"]}), RUN, x509.NOW)
    assert missing.blocked is not None
    assert "web" in missing.blocked.message


def test_a_predecessor_that_is_still_used_is_noted_and_fails_before_it_expires() -> None:
    def found(age: float) -> Decision:
        old = held(certificate=x509.certificate(age=age))
        return decide(PROFILE, Observation((old, held(2, certificate=GOOD))), RUN, x509.NOW)

    assert found(100).alarm is None
    assert "predecessor www is still there" in found(100).notes[0]
    # It is tried again each night, as a clean-up that need not succeed.
    assert (kinds(found(100)), found(100).is_clean_up) == (["Bind", "DeletePredecessor", "Commit"], True)
    for age in (191, 201):
        late = found(age)
        assert late.alarm is not None
        assert late.alarm.code == "predecessor"
        assert "www-2" in late.alarm.hint


def test_a_profile_that_was_edited_since_the_order_is_a_mismatch() -> None:
    record = InstalledRecord("9", "www", requested_of(PROFILE), "", "2026-11-24T00:00:00Z")
    observed = Observation((held(certificate=GOOD),), installed=record)
    assert decide(PROFILE, observed, RUN, x509.NOW).state is State.VALID
    edited = replace(PROFILE, subject=replace(PROFILE.subject, organization="New Ltd"))
    assert decide(edited, observed, RUN, x509.NOW).state is State.MISMATCH


# --- beside the order: bind, doubt, predecessors ----------------------------------------------------------------------

BOB = frozenset({"bob"})
INSTALLED = InstalledRecord("9", "www", requested_of(PROFILE), "", "2026-11-24T00:00:00Z")


def operation_of(decision: Decision) -> tuple[str, str | None] | None:
    found = [step for step in decision.steps if isinstance(step, SubmitOrder)]
    return (found[0].operation, found[0].previous_certificate_id) if found else None


def test_a_service_profile_that_does_not_exist_is_said_and_keeps_the_others_from_nothing() -> None:
    profile = replace(PROFILE, ssl_tls_service_profiles=("vpn", "gone", "lost"))
    observed = Observation((held(certificate=GOOD),), service_profiles={"vpn": ServiceProfile("vpn", "www")})
    blocked = decide(profile, observed, RUN, x509.NOW).blocked
    assert blocked is not None
    assert blocked.code == "bind"
    assert "'gone'" in blocked.message
    # What is there is bound all the same, and the step tells what was not found.
    unbound = replace(observed, service_profiles={"vpn": ServiceProfile("vpn", "old")})
    decision = decide(profile, unbound, RUN, x509.NOW)
    assert decision.steps == (Bind("www", ("vpn", "gone", "lost")), Commit("svc"))
    assert (decision.action, decision.blocked) == (Action.INSTALL, None)
    assert decision.reason.endswith("; to be bound")
    uncommitted = decide(profile, replace(observed, unapplied=True), RUN, x509.NOW)
    assert uncommitted.steps == (Bind("www", ("gone", "lost")), Commit("svc"))
    assert uncommitted.reason.endswith("; not committed yet")


@pytest.mark.parametrize("changed_by", [BOB, BOB | {"svc"}])
def test_what_somebody_else_is_changing_is_neither_bound_nor_committed(changed_by: frozenset[str]) -> None:
    profile = replace(PROFILE, ssl_tls_service_profiles=("vpn",))
    item = held(certificate=GOOD, changed_by=changed_by)
    observed = Observation(
        (item,), running=(held(certificate=GOOD),), admin="svc", unapplied=True,
        service_profiles={"vpn": ServiceProfile("vpn", "old")},
    )  # fmt: skip
    decision = decide(profile, observed, RUN, x509.NOW)
    assert (decision.action, decision.steps, decision.blocked) == (Action.NONE, (), None)
    assert "www holds uncommitted changes of bob" in decision.notes
    mine = replace(observed, generations=(replace(item, changed_by=frozenset({"svc"})),))
    assert kinds(decide(profile, mine, RUN, x509.NOW)) == ["Bind", "Commit"]
    with_predecessor = replace(observed, generations=(held(certificate=DUE), replace(item, number=2, name="www-2")))
    with_predecessor = replace(with_predecessor, running=with_predecessor.generations)
    assert decide(profile, with_predecessor, RUN, x509.NOW).steps == ()


def test_scms_word_alone_replaces_nothing_and_is_told_with_the_command_that_does() -> None:
    observed = Observation((held(certificate=GOOD),), doubt="SCM calls it revoked, and nothing else does")
    decision = decide(PROFILE, observed, RUN, x509.NOW)
    assert decision.blocked is not None
    assert (decision.blocked.code, decision.state, decision.steps) == ("revoked-unproven", State.VALID, ())
    assert decision.blocked.message == observed.doubt
    assert "replace -p www" in decision.blocked.hint
    # What serves is due anyway, or a person wants another: a doubt is no reason to let it expire.
    due = replace(observed, generations=(held(certificate=DUE),))
    assert decide(PROFILE, due, RUN, x509.NOW).action is Action.RENEW
    assert decide(PROFILE, observed, REPLACE, x509.NOW).action is Action.RENEW
    # A change that only waits for its commit is committed first.
    assert kinds(decide(PROFILE, replace(observed, unapplied=True), RUN, x509.NOW)) == ["Commit"]


@pytest.mark.parametrize(
    ("asked", "changed_by", "tried"),
    [
        (RUN, frozenset(), True),
        (ENROLL, frozenset(), True),
        (RENEW, frozenset({"svc"}), True),
        (RunRequest(admin="svc"), frozenset(), False),
        (RUN, BOB, False),
    ],
)
def test_a_clean_up_is_tried_by_runs_that_may_change_something(
    asked: RunRequest, changed_by: frozenset[str], tried: bool
) -> None:
    entries = (held(certificate=x509.certificate(age=100)), held(2, certificate=GOOD, changed_by=changed_by))
    decision = decide(PROFILE, Observation(entries, admin="svc"), asked, x509.NOW)
    assert (decision.steps != ()) is tried
    assert decision.is_clean_up
    assert any("predecessor www is still there" in note for note in decision.notes)


def test_of_several_old_predecessors_each_is_noted_and_the_lowest_is_told() -> None:
    ages = (195, 199, 1)
    entries = tuple(held(n, certificate=x509.certificate(age=age)) for n, age in enumerate(ages, 1))
    decision = decide(PROFILE, Observation(entries), RUN, x509.NOW)
    assert [note.split(" is still there")[0] for note in decision.notes] == [
        "the predecessor www",
        "the predecessor www-2",
    ]
    assert ["expires in 5 days" in decision.notes[0], "expires in 1 days" in decision.notes[1]] == [True, True]
    assert decision.alarm is not None
    assert "predecessor www is" in decision.alarm.message


@pytest.mark.parametrize(
    ("profiles", "moves", "alarms"),
    [
        (None, False, True),
        ({}, False, False),
        ({"vpn": ServiceProfile("vpn", "www-3")}, False, False),
        ({"vpn": ServiceProfile("vpn", "www")}, True, True),
    ],
)
def test_a_predecessor_whose_key_is_not_seen_is_kept_and_told_and_what_serves_it_is_moved(
    profiles: dict[str, ServiceProfile] | None, moves: bool, alarms: bool
) -> None:
    old = x509.certificate(age=195)
    entries = (replace(held(certificate=old), has_key=False), held(3, certificate=GOOD))
    decision = decide(PROFILE, Observation(entries, service_profiles=profiles, admin="svc"), RUN, x509.NOW)
    told = "the predecessor www is still there, because its private key is not seen, and expires in 5 days"
    assert decision.notes == (told,)
    steps = (Bind("www-3", (), (Predecessor("www", old.sha256),)), Commit("svc"))
    assert decision.steps == (steps if moves else ())
    assert (decision.alarm is not None) is alarms


@pytest.mark.parametrize(("age", "words"), [(199.5, "expires in 0 days"), (200.5, "has expired")])
def test_the_last_day_of_a_predecessor(age: float, words: str) -> None:
    entries = (held(certificate=x509.certificate(age=age)), held(2, certificate=GOOD))
    assert words in decide(PROFILE, Observation(entries), RUN, x509.NOW).notes[0]


# --- the operation, and whose key ---------------------------------------------------------------------------------------

URGENT = DUE.not_after - DUE.lifetime / 20
SECOND = datetime.timedelta(seconds=1)


@pytest.mark.parametrize("key", ["rotate", "reuse"])
@pytest.mark.parametrize(
    ("asked", "operation"), [(RUN, "renew"), (REPLACE, "replace"), (replace(RUN, force=True), "renew")]
)
@pytest.mark.parametrize(
    ("at", "is_urgent"), [(URGENT - SECOND, False), (URGENT, True), (DUE.not_after - SECOND, True)]
)
def test_an_urgent_renewal_is_an_enroll_which_scm_cannot_refuse_for_what_was_before(
    key: str, asked: RunRequest, operation: str, at: datetime.datetime, is_urgent: bool
) -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=30, key=key))
    observed = Observation((held(certificate=DUE),), certificate_id="9", installed=INSTALLED)
    decision = decide(profile, observed, asked, at)
    assert operation_of(decision) == (("enroll", None) if is_urgent else (operation, "9"))
    assert decision.state is State.DUE


@pytest.mark.parametrize("asked", [replace(RUN, force=True), REPLACE])
def test_what_is_valid_is_never_urgent(asked: RunRequest) -> None:
    """A late certificate is kept for half of what it had left, which may reach into its last twentieth."""
    record = replace(INSTALLED, installed_at=format_time(DUE.not_after - datetime.timedelta(hours=30)))
    observed = Observation(
        (held(certificate=DUE),), certificate_id="9", installed=record, known=frozenset({DUE.sha256})
    )
    decision = decide(PROFILE, observed, asked, DUE.not_after - datetime.timedelta(hours=20))
    assert decision.state is State.VALID
    assert operation_of(decision) == ("replace" if asked.replace else "renew", "9")


@pytest.mark.parametrize("account", ["", "A", "another"])
@pytest.mark.parametrize(
    ("certificate", "asked", "operation"), [(DUE, RUN, "renew"), (OTHER, RUN, "replace"), (GOOD, REPLACE, "replace")]
)
def test_an_id_of_another_account_is_not_renewed_at_this_one(
    account: str, certificate: Certificate, asked: RunRequest, operation: str
) -> None:
    observed = Observation(
        (held(certificate=certificate),), certificate_id="9", installed=replace(INSTALLED, account=account)
    )
    expected = ("enroll", None) if account == "another" else (operation, "9")
    assert operation_of(decide(PROFILE, observed, asked, x509.NOW)) == expected


@pytest.mark.parametrize(
    "revoked", [{"is_revoked_at_scm": True}, {"generations": (held(certificate=GOOD, is_revoked=True),)}]
)
@pytest.mark.parametrize("asked", [RUN, ENROLL, RENEW, REPLACE, RESUBMIT])
def test_what_is_revoked_is_enrolled_anew_never_renewed_or_replaced(revoked: dict[str, Any], asked: RunRequest) -> None:
    observed = replace(Observation((held(certificate=GOOD),), certificate_id="9", installed=INSTALLED), **revoked)
    decision = decide(PROFILE, observed, asked, x509.NOW)
    assert decision.state is State.REVOKED
    assert operation_of(decision) == ("enroll", None)
    assert ("revoked at SCM" in decision.reason) is observed.is_revoked_at_scm


@pytest.mark.parametrize(
    ("certificate_id", "installed", "csr", "is_reused"),
    [
        ("9", None, None, True),
        ("9", INSTALLED, None, True),
        (None, replace(INSTALLED, csr=CSR.pem), None, True),
        (None, INSTALLED, CSR, True),
        (None, INSTALLED, None, False),
        # The state folder is lost: an open order for the same key would leave no trace, so a new key is made.
        (None, None, CSR, False),
        (None, None, None, False),
        # An ID of another account is none.
        ("9", replace(INSTALLED, account="another"), None, False),
    ],
)
def test_a_key_is_ordered_again_only_where_the_order_would_leave_a_trace(
    certificate_id: str | None, installed: InstalledRecord | None, csr: Csr | None, is_reused: bool
) -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=30, key="reuse"))
    observed = Observation((held(certificate=DUE, csr=csr),), certificate_id=certificate_id, installed=installed)
    decision = decide(profile, observed, RUN, x509.NOW)
    assert ("GenerateCsr" not in kinds(decision)) is is_reused
    assert any("so a new key is made" in note for note in decision.notes) is not is_reused
    assert ImportCertificate("www" if is_reused else "www-2") in decision.steps
    # Whoever rotates is never told about it.
    assert not decide(PROFILE, observed, RUN, x509.NOW).notes


# --- the judgement of what serves ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("certificate", "at", "state", "words"),
    [
        (GOOD, x509.NOW, State.VALID, "valid, 199 of 200 days left, due from 2027-05-12"),
        (DUE, DUE.not_after - datetime.timedelta(days=30), State.DUE, "due, 30 of 200 days left (window 30 days)"),
        (DUE, DUE.not_after - datetime.timedelta(days=30) - SECOND, State.VALID, "valid, 30 of 200 days left"),
        (DUE, URGENT, State.DUE, "(window 30 days, urgent)"),
        (DUE, URGENT - SECOND, State.DUE, "(window 30 days)"),
        (DUE, DUE.not_after, State.EXPIRED, "expired on 2026-12-19"),
        (DUE, DUE.not_after - SECOND, State.DUE, "due, 0 of 200 days left"),
        (OTHER, x509.NOW, State.MISMATCH, "the certificate does not match the profile: "),
    ],
)
def test_the_reason_says_how_long_it_lasts(
    certificate: Certificate, at: datetime.datetime, state: State, words: str
) -> None:
    decision = decide(PROFILE, Observation((held(certificate=certificate),)), ENROLL, at)
    assert decision.state is state
    assert words in decision.reason


def test_a_late_certificate_is_reported_and_not_renewed_every_night() -> None:
    """SCM issued what is due at once: the next renewal is half of what it had left later (contract.md §10)."""
    record = replace(INSTALLED, installed_at=format_time(x509.NOW))
    known = frozenset({DUE.sha256})
    observed = Observation((held(certificate=DUE),), certificate_id="9", installed=record, known=known)
    half = x509.NOW + (DUE.not_after - x509.NOW) / 2
    for at, state in ((x509.NOW, State.VALID), (half - SECOND, State.VALID), (half, State.DUE)):
        decision = decide(PROFILE, observed, RUN, at)
        assert decision.state is state
        assert any("so it is kept longer" in note for note in decision.notes)
    # That it is this certificate which was installed then has to be known.
    for doubtful in (
        replace(observed, known=frozenset()),
        replace(observed, installed=replace(record, installed_at="")),
        replace(observed, installed=None),
    ):
        assert decide(PROFILE, doubtful, RUN, x509.NOW).state is State.DUE
        assert not decide(PROFILE, doubtful, RUN, x509.NOW).notes


def test_an_edited_profile_is_compared_with_the_order_of_what_serves_only() -> None:
    edited = replace(PROFILE, subject=replace(PROFILE.subject, organization="New Ltd"))
    observed = Observation((held(certificate=GOOD),), installed=INSTALLED)
    decision = decide(edited, observed, ENROLL, x509.NOW)
    assert decision.state is State.MISMATCH
    assert "subject of the profile were changed since it was ordered" in decision.reason
    elsewhere = replace(observed, installed=replace(INSTALLED, entry="www-2"))
    assert decide(edited, elsewhere, ENROLL, x509.NOW).state is State.VALID


def test_a_number_of_days_that_is_cut_is_noted() -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=150))
    decision = decide(profile, Observation((held(certificate=GOOD),)), RUN, x509.NOW)
    assert decision.notes == ("renew_before_days is more than half of the lifetime; half is used",)


# --- who asks for what ------------------------------------------------------------------------------------------------------

NO_AUTO = replace(PROFILE, renewal=Renewal(auto=False, renew_before_days=30))


@pytest.mark.parametrize(
    ("asked", "valid", "due", "expired"),
    [
        (RunRequest(admin="svc"), (False, False), (False, False), (False, False)),
        (ENROLL, (False, False), (False, False), (True, True)),
        (RENEW, (False, False), (True, False), (True, False)),
        (RUN, (False, False), (True, False), (True, False)),
        (RESUBMIT, (False, False), (True, True), (True, True)),
        (REPLACE, (True, True), (True, True), (True, True)),
        (replace(RENEW, force=True), (True, True), (True, True), (True, True)),
        (replace(ENROLL, force=True), (False, False), (False, False), (True, True)),
    ],
)
def test_which_command_orders_in_which_state_with_and_without_renewal_auto(
    asked: RunRequest, valid: tuple[bool, bool], due: tuple[bool, bool], expired: tuple[bool, bool]
) -> None:
    for certificate, expected in ((GOOD, valid), (DUE, due), (OTHER, due), (EXPIRED, expired)):
        observed = Observation((held(certificate=certificate),))
        decisions = [decide(profile, observed, asked, x509.NOW) for profile in (PROFILE, NO_AUTO)]
        assert tuple(operation_of(decision) is not None for decision in decisions) == expected
        told = any("renewal.auto is false" in note for note in decisions[1].notes)
        assert told is (certificate is not GOOD and not expected[1])
        assert not any("renewal.auto is false" in note for note in decisions[0].notes)


def test_nothing_is_enrolled_unless_it_is_asked_for() -> None:
    for asked, is_ordered in ((ENROLL, True), (REPLACE, True), (RENEW, False), (RunRequest(), False)):
        decision = decide(PROFILE, Observation(), asked, x509.NOW)
        assert (operation_of(decision) == ("enroll", None)) is is_ordered
        if decision.blocked:
            assert (decision.blocked.code, decision.state) == ("absent", State.ABSENT)
            assert "enroll -p www" in decision.blocked.hint


def test_the_csr_that_is_used_is_told() -> None:
    pending = decide(PROFILE, Observation((held(csr=CSR),)), RESUBMIT, x509.NOW)
    assert pending.notes == ("a pending CSR without a known order is used",)
    assert decide(PROFILE, Observation(), RUN, x509.NOW).notes == ()


def test_a_template_is_not_the_firewalls_to_change() -> None:
    entries = (held(certificate=GOOD), held(2, certificate=DUE, template="T"))
    for order in (None, ORDER):
        decision = decide(PROFILE, Observation(entries, order=order), RESUBMIT, x509.NOW)
        assert decision.blocked is not None
        assert (decision.blocked.code, decision.steps) == ("template", ())
        assert "www-2 is pushed by the Panorama template T" in decision.blocked.message


def test_a_replacement_says_who_wants_it() -> None:
    observed = Observation((held(certificate=OTHER),), certificate_id="9")
    assert decide(PROFILE, observed, REPLACE, x509.NOW).reason.startswith("replacement asked for (the certificate does")
    assert decide(PROFILE, observed, RUN, x509.NOW).reason.startswith("the certificate does not match")
    assert decide(PROFILE, observed, RUN, x509.NOW).in_service == "www"


# --- word for word: what a person reads, and every step with what it works on ---------------------------------------------

KEY = PROFILE.key
AT = x509.NOW
REUSE = replace(PROFILE, renewal=Renewal(renew_before_days=30, key="reuse"))
BOUND = replace(PROFILE, ssl_tls_service_profiles=("vpn", "gone"))
OLD = x509.certificate(age=195)
VALID = "valid, 199 of 200 days left, due from 2027-05-12"
IS_DUE = "due, 25 of 200 days left (window 30 days)"
NO_ID = "neither a saved certificate ID nor an order with the CSR is known, so a new key is made"
OVERDUE = "the predecessor www is still there, because something refers to it, and expires in 5 days"


def installed_as(entry: str, *first: Step, moved: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    return (
        *first,
        Collect(None),
        Prove(),
        ImportChain(),
        ImportCertificate(entry),
        *moved,
        Commit("svc"),
        RecordId("www"),
    )


def ordered(operation: str, previous: str | None = None) -> SubmitOrder:
    return SubmitOrder(operation, "A", "DV", previous)


def rotated(certificate: Certificate, operation: str, previous: str | None = None) -> tuple[Step, ...]:
    """The steps to www-2 that takes over from www."""
    moved = (Bind("www-2", (), (Predecessor("www", certificate.sha256),)), DeletePredecessor("www", certificate.sha256))
    return installed_as("www-2", GenerateCsr("www-2", KEY), ordered(operation, previous), moved=moved)


def stopped(state: State, code: str, what: str, hint: str, in_service: str | None = None, reason: str = "") -> Decision:
    return Decision(state, Action.FAILED, reason or what, (), in_service, blocked=Blocked(code, what, hint))


@pytest.mark.parametrize(
    ("profile", "observed", "asked", "expected"),
    [
        (
            PROFILE, Observation((held(certificate=GOOD, template="T"),)), RUN,
            stopped(
                State.UNKNOWN, "template", "www is pushed by the Panorama template T",
                "manage it on Panorama, or choose another name",
            ),
        ),
        (
            PROFILE, Observation(), RENEW,
            stopped(State.ABSENT, "absent", "www is not on the firewall", "run: paloaltoagent enroll -p www"),
        ),
        (
            PROFILE, Observation(), RUN,
            Decision(
                State.ABSENT, Action.ENROLL, "not on the firewall",
                installed_as("www", GenerateCsr("www", KEY), ordered("enroll")),
            ),
        ),
        (
            PROFILE, Observation((held(csr=CSR),)), RESUBMIT,
            Decision(
                State.ABSENT, Action.ENROLL, "not on the firewall", installed_as("www", AdoptCsr("www"), ordered("enroll")),
                notes=("a pending CSR without a known order is used",),
            ),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD),)), RUN,
            Decision(State.VALID, Action.NONE, VALID, (), "www", is_clean_up=True),
        ),
        (
            PROFILE, Observation((held(certificate=DUE),), certificate_id="9"), RUN,
            Decision(State.DUE, Action.RENEW, IS_DUE, rotated(DUE, "renew", "9"), "www"),
        ),
        (
            NO_AUTO, Observation((held(certificate=DUE),), certificate_id="9"), RUN,
            Decision(
                State.DUE, Action.NONE, IS_DUE, (), "www", ("renewal.auto is false, so nothing is done",), is_clean_up=True
            ),
        ),
        (
            REUSE, Observation((held(certificate=DUE),), certificate_id="9"), RUN,
            Decision(State.DUE, Action.RENEW, IS_DUE, installed_as("www", ordered("renew", "9")), "www"),
        ),
        (
            REUSE, Observation((held(certificate=DUE),), installed=replace(INSTALLED, csr=CSR.pem)), RUN,
            Decision(State.DUE, Action.RENEW, IS_DUE, installed_as("www", ordered("enroll")), "www"),
        ),
        (
            REUSE, Observation((held(certificate=DUE),)), RUN,
            Decision(State.DUE, Action.RENEW, IS_DUE, rotated(DUE, "enroll"), "www", (NO_ID,)),
        ),
        (
            PROFILE, Observation((held(certificate=EXPIRED),), certificate_id="9"), RUN,
            Decision(State.EXPIRED, Action.ENROLL, "expired on 2026-11-23", rotated(EXPIRED, "enroll"), "www"),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD, is_revoked=True),), certificate_id="9"), RUN,
            Decision(State.REVOKED, Action.ENROLL, "revoked on the firewall", rotated(GOOD, "enroll"), "www"),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD),), certificate_id="9", is_revoked_at_scm=True), RUN,
            Decision(State.REVOKED, Action.ENROLL, "revoked at SCM", rotated(GOOD, "enroll"), "www"),
        ),
        (
            PROFILE, Observation((held(certificate=OTHER),), certificate_id="9"), RUN,
            Decision(
                State.MISMATCH, Action.RENEW,
                "the certificate does not match the profile: key ECDSA 384 instead of ECDSA 256",
                rotated(OTHER, "replace", "9"), "www",
            ),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD),), certificate_id="9"), REPLACE,
            Decision(
                State.VALID, Action.RENEW, f"replacement asked for ({VALID})", rotated(GOOD, "replace", "9"), "www"
            ),
        ),
        (
            BOUND, Observation((held(certificate=GOOD),), service_profiles={"vpn": ServiceProfile("vpn", "x")}), RUN,
            Decision(
                State.VALID, Action.INSTALL, f"{VALID}; to be bound", (Bind("www", ("vpn", "gone")), Commit("svc")), "www"
            ),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD),), unapplied=True), RUN,
            Decision(State.VALID, Action.INSTALL, f"{VALID}; not committed yet", (Commit("svc"),), "www"),
        ),
        (
            BOUND, Observation((held(certificate=GOOD),), service_profiles={"vpn": ServiceProfile("vpn", "www")}), RUN,
            stopped(
                State.VALID, "bind", "there is no SSL/TLS service profile 'gone' on the firewall",
                "create it, or correct bind in the profile", "www",
            ),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD),), doubt="SCM calls it revoked"), RUN,
            stopped(
                State.VALID, "revoked-unproven", "SCM calls it revoked",
                "the next run asks again; if it is revoked, run: paloaltoagent replace -p www", "www",
            ),
        ),
        (
            PROFILE, Observation((held(certificate=GOOD, changed_by=frozenset({"eve", "bob", "svc"})),)), RUN,
            Decision(
                State.VALID, Action.NONE, VALID, (), "www", ("www holds uncommitted changes of bob, eve",), is_clean_up=True
            ),
        ),
        (
            PROFILE, Observation((held(certificate=OLD), held(2, certificate=GOOD))), RENEW,
            Decision(
                State.VALID, Action.NONE, VALID,
                (
                    Bind("www-2", (), (Predecessor("www", OLD.sha256),)), DeletePredecessor("www", OLD.sha256),
                    Commit("svc"),
                ),
                "www-2", (OVERDUE,), is_clean_up=True,
                alarm=Blocked(
                    "predecessor", OVERDUE, "let what refers to it use www-2, then delete www on the firewall"
                ),
            ),
        ),
    ],
)  # fmt: skip
def test_a_decision_word_for_word(
    profile: CertificateProfile, observed: Observation, asked: RunRequest, expected: Decision
) -> None:
    assert decide(profile, observed, asked, AT) == expected


def test_what_is_kept_longer_or_was_edited_is_told_word_for_word() -> None:
    record = replace(INSTALLED, installed_at=format_time(AT))
    observed = Observation((held(certificate=DUE),), installed=record, known=frozenset({DUE.sha256}))
    late = decide(replace(PROFILE, renewal=Renewal(renew_before_days=150)), observed, RUN, AT)
    assert late.notes == (
        "renew_before_days is more than half of the lifetime; half is used",
        "it was due, or ended no later than its predecessor, when it was issued; so it is kept longer",
    )
    edited = replace(PROFILE, subject=replace(PROFILE.subject, organization="New Ltd"))
    assert decide(edited, Observation((held(certificate=GOOD),), installed=INSTALLED), RUN, AT).reason == (
        "the certificate does not match the profile: subject of the profile were changed since it was ordered"
    )


def test_a_lifetime_is_told_in_whole_days() -> None:
    short = x509.certificate(days=10.5, age=1)
    assert "valid, 9 of 11 days left" in decide(PROFILE, Observation((held(certificate=short),)), RUN, AT).reason


@pytest.mark.parametrize("of_profile", [None, 20])
def test_the_setting_counts_where_the_profile_names_no_days(of_profile: int | None) -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=of_profile))
    request = replace(RUN, renew_before_days=40)
    opens = GOOD.not_after - datetime.timedelta(days=of_profile or 40)
    for at, state in ((opens - SECOND, State.VALID), (opens, State.DUE)):
        assert decide(profile, Observation((held(certificate=GOOD),)), request, at).state is state


@pytest.mark.parametrize(("seconds", "is_alarm"), [(-1, False), (0, True), (1, True)])
def test_a_predecessor_is_told_from_its_last_twentieth_on(seconds: int, is_alarm: bool) -> None:
    old = x509.certificate(age=100)
    observed = Observation((held(certificate=old), held(2, certificate=x509.certificate(age=-80))))
    at = old.not_after - old.lifetime / 20 + datetime.timedelta(seconds=seconds)
    decision = decide(PROFILE, observed, RUN, at)
    assert (decision.alarm is not None, decision.state) == (is_alarm, State.VALID)


def test_what_is_no_predecessor_hides_none() -> None:
    keyless = replace(held(certificate=GOOD), has_key=False)
    past = x509.certificate(age=201)
    entries = (keyless, held(2, csr=CSR), held(3, certificate=past), held(4, certificate=GOOD))
    told = "the predecessor www-3 is still there, because something refers to it, and has expired"
    unseen = "the predecessor www is still there, because its private key is not seen, and expires in 199 days"
    decision = decide(PROFILE, Observation(entries), RUN, AT)
    assert decision.notes == (unseen, told)
    assert decision.alarm == Blocked(
        "predecessor", told, "let what refers to it use www-4, then delete www-3 on the firewall"
    )


CERTIFICATES = st.sampled_from([GOOD, DUE, EXPIRED, OTHER, IMPORTED, STRANGER])
FOREIGN = x509.csr(private_key=x509.key(9))
HELD = st.builds(
    held,
    number=st.integers(1, 4),
    certificate=st.none() | CERTIFICATES,
    csr=st.sampled_from([None, CSR, FOREIGN]),
    is_revoked=st.booleans(),
    changed_by=st.sampled_from([frozenset(), frozenset({"svc"}), frozenset({"bob"})]),
)
ORDERS = st.builds(
    replace,
    st.just(ORDER),
    phase=st.sampled_from([phase.value for phase in Phase]),
    entry=st.sampled_from(["www", "www-2", "www-4"]),
    operation=st.sampled_from(["enroll", "renew", "replace"]),
    previous_certificate_id=st.just("3"),
    failure=st.just("declined"),
)
OBSERVATIONS = st.builds(
    lambda items, **more: Observation(
        tuple(sorted({i.number: i for i in items}.values(), key=lambda i: i.number)), **more
    ),
    st.lists(HELD, max_size=4),
    order=st.none() | ORDERS,
    issued=st.sampled_from([None, IMPORTED]),
    certificate_id=st.sampled_from([None, "3"]),
    is_revoked_at_scm=st.booleans(),
    unapplied=st.booleans(),
    service_profiles=st.sampled_from(
        [None, {"vpn": ServiceProfile("vpn", "www")}, {"vpn": ServiceProfile("vpn", "x")}]
    ),
)
REQUESTS = st.builds(
    RunRequest, enroll=st.booleans(), renew=st.booleans(), replace=st.booleans(), force=st.booleans(),
    resubmit=st.booleans(), hold_lost_orders=st.booleans(), admin=st.just("svc"),
)  # fmt: skip
PROFILES = st.builds(
    replace, st.just(PROFILE), type=st.sampled_from(["DV", "OV", "EV"]),
    renewal=st.builds(Renewal, auto=st.booleans(), key=st.sampled_from(["rotate", "reuse"])),
    ssl_tls_service_profiles=st.sampled_from([(), ("vpn",)]),
)  # fmt: skip


@given(PROFILES, OBSERVATIONS, REQUESTS)
@settings(max_examples=400, deadline=None)
def test_properties_of_every_decision(profile: CertificateProfile, observed: Observation, asked: RunRequest) -> None:
    decision = decide(profile, observed, asked, x509.NOW)
    steps = decision.steps
    assert decision == decide(profile, observed, asked, x509.NOW)
    submits = [step for step in steps if isinstance(step, SubmitOrder)]
    # Never an order while one is open whose key is there, unless a person asks for it, or it expired in hand.
    is_asked = asked.resubmit or asked.replace
    if (
        observed.order
        and observed.order.phase in (Phase.ORDERED.value, Phase.ISSUED.value)
        and submits
        and not is_asked
    ):
        assert submits[0].operation == "replace"
        assert any(isinstance(step, GenerateCsr | AdoptCsr) for step in steps)
        assert not any(_holds(item, observed.order) for item in observed.generations)
    # After a lost answer the same CSR or none.
    if observed.order and observed.order.phase == Phase.SUBMITTING.value and submits and not is_asked:
        assert submits[0].is_resubmission
        assert not any(isinstance(step, GenerateCsr | AdoptCsr) for step in steps)
    # Never a key or an order beside a stranger's entry, and never a stranger's entry as a predecessor.
    foreign = {item.name for item in observed.generations if not is_ours(item, profile, observed)}
    assert not (submits and foreign - {observed.order.entry if observed.order else ""})
    assert not any(isinstance(step, DeletePredecessor) and step.entry in foreign for step in steps)
    # Never a key onto a name that is taken; never a deletion of what will be in service.
    taken = {item.name for item in observed.generations}
    installed = {step.entry for step in steps if isinstance(step, ImportCertificate)}
    removed = {step.entry for step in steps if isinstance(step, RemoveUnproven)}
    for step in steps:
        assert not (isinstance(step, GenerateCsr) and step.entry in taken - removed)
        assert not (isinstance(step, DeletePredecessor) and (step.entry in installed or step.entry not in taken))
    # Deletion only after the new certificate is there and references were moved.
    names = kinds(decision)
    if "DeletePredecessor" in names:
        is_failed = observed.order is not None and observed.order.phase == Phase.FAILED.value
        assert is_failed or names.index("Bind") < names.index("DeletePredecessor")
        assert names.index("DeletePredecessor") < names.index("Commit")
        if decision.is_clean_up:  # the successor has been there since an earlier night
            assert decision.in_service in {
                item.name for item in observed.generations if item.certificate and item.has_key
            }
        else:
            assert names.index("ImportCertificate") < names.index("DeletePredecessor")
    # Never a commit without a change.
    if any(isinstance(step, Commit) for step in steps):
        changes = (GenerateCsr, AdoptCsr, ImportCertificate, Bind, DeletePredecessor)
        assert observed.unapplied or any(isinstance(step, changes) for step in steps)
    # Always progress: either steps, or nothing to do, or a person is told what to do.
    assert steps or decision.action is Action.NONE or (decision.blocked and decision.blocked.hint)
    # One order at most, and what is ordered is collected, proven, imported, committed and recorded.
    assert len(submits) <= 1
    if submits:
        assert [n for n in names if n in FULL[1:]] == FULL[1:]
        assert isinstance(steps[-1], RecordId)
        assert any(isinstance(step, Collect) for step in steps)


def _holds(item: CertificateGeneration, order: OrderRecord) -> bool:
    known = item.csr.spki_sha256 if item.csr else item.certificate.spki_sha256 if item.certificate else None
    return item.name == order.entry and item.has_key and known == order.spki_sha256 and order.chain != ""
