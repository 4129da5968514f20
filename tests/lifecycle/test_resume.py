"""What is done while an order is open."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest

from paloaltofw.clock import format_time
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.resume import MAX_SUBMISSIONS, go_on, is_outdated
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
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.pki.certificate import Certificate
from tests import x509
from tests.lifecycle.cases import (
    CSR,
    DUE,
    FULL,
    GOOD,
    IMPORTED,
    ORDER,
    PENDING,
    PROFILE,
    REPLACE,
    RESUBMIT,
    RUN,
    STRANGER,
    held,
    kinds,
)


@pytest.mark.parametrize(
    ("phase", "entries", "asked", "action", "steps"),
    [
        (Phase.GENERATING, (), RUN, Action.ENROLL, FULL),
        (Phase.GENERATING, (PENDING,), RUN, Action.ENROLL, ["AdoptCsr", *FULL[1:]]),
        (Phase.READY, (PENDING,), RUN, Action.ENROLL, FULL[1:]),
        (Phase.READY, (), RUN, Action.ENROLL, FULL),
        (Phase.SUBMITTING, (PENDING,), RUN, Action.ENROLL, FULL[1:]),
        (Phase.SUBMITTING, (PENDING,), replace(RUN, hold_lost_orders=True), Action.FAILED, []),
        (Phase.SUBMITTING, (PENDING,), replace(RUN, hold_lost_orders=True, resubmit=True), Action.ENROLL, FULL[1:]),
        (Phase.SUBMITTING, (), RUN, Action.FAILED, []),
        (Phase.SUBMITTING, (), replace(RUN, resubmit=True), Action.ENROLL, FULL),
        (Phase.ORDERED, (PENDING,), RUN, Action.COLLECT, FULL[2:]),
        (Phase.ORDERED, (), RUN, Action.ENROLL, FULL),
        (Phase.ISSUED, (PENDING,), RUN, Action.INSTALL, FULL[3:]),
        (Phase.ISSUED, (held(certificate=IMPORTED),), RUN, Action.INSTALL, ["RecordId"]),
        (Phase.ISSUED, (), RUN, Action.ENROLL, FULL),
        (Phase.FAILED, (PENDING,), RUN, Action.FAILED, []),
        (
            Phase.FAILED,
            (PENDING,),
            replace(RUN, resubmit=True),
            Action.ENROLL,
            [*FULL[:-2], "DeletePredecessor", *FULL[-2:]],
        ),
    ],
)
def test_what_is_done_with_an_open_order(
    phase: Phase, entries: tuple[CertificateGeneration, ...], asked: RunRequest, action: Action, steps: list[str]
) -> None:
    order = replace(ORDER, phase=phase.value, failure="declined" if phase is Phase.FAILED else "")
    observed = Observation(entries, order=order, issued=IMPORTED if phase is Phase.ISSUED else None)
    decision = decide(PROFILE, observed, asked, x509.NOW)
    assert (decision.action, kinds(decision)) == (action, steps)


def test_a_lost_key_replaces_the_open_order() -> None:
    decision = decide(PROFILE, Observation((), order=ORDER), RUN, x509.NOW)
    submit = next(step for step in decision.steps if isinstance(step, SubmitOrder))
    assert (submit.operation, submit.previous_certificate_id) == ("replace", "17")
    assert "lost the key" in decision.notes[0]


def test_an_open_order_tells_how_long_it_may_wait() -> None:
    waiting = replace(ORDER, entry="www-2")
    observed = Observation((held(certificate=DUE), held(2, csr=CSR)), order=waiting)
    assert decide(PROFILE, observed, RUN, x509.NOW).notes == ("becomes urgent in 14 days, on 2026-12-09",)
    late = decide(PROFILE, observed, RUN, x509.NOW + datetime.timedelta(days=20))
    assert late.notes == ("urgent: the certificate in service expires in 5 days",)
    assert "urgent" in decide(PROFILE, Observation((PENDING,), order=ORDER), RUN, x509.NOW).notes[0]


# --- a request that was interrupted before its order -----------------------------------------------------------------

FOREIGN_CSR = x509.csr("other.example.com", private_key=x509.key(7))
OTHER_CSR = x509.csr(private_key=x509.key(8, "P384"))
SVC, BOB = frozenset({"svc"}), frozenset({"bob"})
GENERATING = replace(ORDER, phase=Phase.GENERATING.value, certificate_id=None, ordered_at=None, spki_sha256="", csr="")
RECORDED = replace(GENERATING, spki_sha256=OTHER_CSR.spki_sha256)
EDITED = replace(PROFILE, subject=replace(PROFILE.subject, organization="New Ltd"))


def made(decision: Decision) -> tuple[str | None, str | None]:
    """Which unproven CSR is removed, and under which name a key is made or used."""
    removed = [step.entry for step in decision.steps if isinstance(step, RemoveUnproven)]
    names = [step.entry for step in decision.steps if isinstance(step, GenerateCsr | AdoptCsr)]
    return (removed[0] if removed else None, names[0] if names else None)


@pytest.mark.parametrize(
    ("entries", "running", "order", "removed", "entry"),
    [
        # What the firewall made instead of what was asked for goes, and its name is used again: no key more each night.
        # What neither the journal nor a mark calls the agent's own may be somebody else's.
        ((held(csr=OTHER_CSR),), None, GENERATING, None, "www-2"),
        ((held(csr=OTHER_CSR, changed_by=SVC),), None, GENERATING, "www", "www"),
        ((held(csr=FOREIGN_CSR),), None, replace(GENERATING, spki_sha256=FOREIGN_CSR.spki_sha256), "www", "www"),
        # It is committed too: the name is not free in the running configuration.
        ((held(csr=OTHER_CSR),), (held(csr=OTHER_CSR),), RECORDED, "www", "www-2"),
        # What may be somebody else's stays, and another name is taken.
        ((held(csr=OTHER_CSR, changed_by=BOB),), None, GENERATING, None, "www-2"),
        ((held(csr=OTHER_CSR, changed_by=SVC | BOB),), None, GENERATING, None, "www-2"),
        ((held(csr=FOREIGN_CSR),), None, GENERATING, None, "www-2"),
        ((held(csr=CSR, changed_by=BOB),), None, GENERATING, None, "www-2"),
        # Nor is the agent's own key removed while somebody else has a change on it.
        ((held(csr=OTHER_CSR, changed_by=BOB),), None, RECORDED, None, "www-2"),
        ((held(csr=OTHER_CSR, changed_by=SVC | BOB),), None, RECORDED, None, "www-2"),
        ((held(csr=OTHER_CSR, changed_by=SVC),), None, RECORDED, "www", "www"),
        # What holds a certificate, or shows no key, is no pending CSR.
        ((held(certificate=DUE),), None, GENERATING, None, "www-2"),
        ((replace(held(csr=OTHER_CSR), has_key=False),), None, GENERATING, None, "www-2"),
        # Names count upwards from the highest, also where the request's own name is given back.
        ((held(certificate=DUE), held(2, csr=OTHER_CSR)), None, replace(RECORDED, entry="www-2"), "www-2", "www-2"),
        (
            (held(1, csr=OTHER_CSR), held(2, certificate=DUE)),
            None,
            replace(RECORDED, entry="www"),
            "www",
            "www-3",
        ),
        # Nothing was made yet: the name is kept, unless it is taken in the running configuration.
        ((), None, replace(GENERATING, entry="www-2"), None, "www-2"),
        ((), (), replace(GENERATING, entry="www-2"), None, "www-2"),
        ((held(certificate=DUE),), (held(certificate=DUE),), replace(GENERATING, entry="www-2"), None, "www-2"),
        ((), (held(2, csr=OTHER_CSR),), replace(GENERATING, entry="www-2"), None, "www-3"),
    ],
)
def test_an_interrupted_request_removes_only_what_the_agent_had_made_in_vain(
    entries: tuple[CertificateGeneration, ...],
    running: tuple[CertificateGeneration, ...] | None,
    order: OrderRecord,
    removed: str | None,
    entry: str,
) -> None:
    observed = Observation(entries, order=order, running=running, admin="svc")
    decision = go_on(PROFILE, observed, order, RUN, x509.NOW)
    assert made(decision) == (removed, entry)
    assert (decision.state, decision.action) == (
        State.DUE if decision.in_service else State.ABSENT,
        Action.ENROLL,
    )
    for step in decision.steps:
        if isinstance(step, RemoveUnproven):
            csr = next(item.csr for item in entries if item.name == step.entry)
            assert csr is not None
            assert step.spki_sha256 == csr.spki_sha256
        if isinstance(step, ImportCertificate):
            assert step.entry == entry


@pytest.mark.parametrize(
    ("profile", "entries", "expected"),
    [
        (PROFILE, (PENDING,), (None, None)),
        # The profile asks for something else by now: the key in hand is not ordered for what nobody wants any more.
        (replace(PROFILE, sans=replace(PROFILE.sans, dns=("x.example.com",))), (PENDING,), ("www", "www")),
        (EDITED, (PENDING,), ("www", "www")),
        (PROFILE, (), (None, "www")),
        (PROFILE, (held(csr=OTHER_CSR),), (None, "www-2")),
        (PROFILE, (replace(PENDING, has_key=False),), (None, "www-2")),
    ],
)
def test_a_proven_csr_is_ordered_if_its_key_is_there_and_the_profile_is_still_the_same(
    profile: CertificateProfile, entries: tuple[CertificateGeneration, ...], expected: tuple[str | None, str | None]
) -> None:
    order = replace(ORDER, phase=Phase.READY.value, certificate_id=None, ordered_at=None)
    decision = go_on(profile, Observation(entries, order=order), order, RUN, x509.NOW)
    assert made(decision) == expected
    assert [step for step in decision.steps if isinstance(step, SubmitOrder)] == [SubmitOrder("enroll", "A", "DV")]


# --- an order whose answer was lost ----------------------------------------------------------------------------------


@pytest.mark.parametrize("hold", [False, True])
@pytest.mark.parametrize("is_held", [False, True])
@pytest.mark.parametrize("submissions", [0, 1, 2, 3, 100])
def test_one_reference_is_sent_twice_at_most_and_a_held_one_never_again(
    hold: bool, is_held: bool, submissions: int
) -> None:
    order = replace(ORDER, phase=Phase.SUBMITTING.value, certificate_id=None, is_held=is_held, submissions=submissions)
    request = replace(RUN, hold_lost_orders=hold)
    decision = decide(PROFILE, Observation((PENDING,), order=order), request, x509.NOW)
    may_be_sent = not hold and not is_held and submissions < MAX_SUBMISSIONS == 2
    assert [step.is_resubmission for step in decision.steps if isinstance(step, SubmitOrder)] == [True] * may_be_sent
    if not may_be_sent:
        assert decision.blocked is not None
        assert (decision.blocked.code, decision.state) == ("lost-answer", State.UNKNOWN)
        assert order.reference in decision.blocked.message
        assert "enroll --resubmit -p www" in decision.blocked.hint
    # A person may have looked in the portal: the same CSR again, so that either certificate fits the key.
    again = decide(PROFILE, Observation((PENDING,), order=order), replace(request, resubmit=True), x509.NOW)
    assert again.steps[0] == SubmitOrder("enroll", "A", "DV", None, is_resubmission=True)
    assert (again.state, again.action) == (State.PENDING, Action.ENROLL)
    assert order.reference in again.notes[0]


def test_a_lost_answer_with_a_lost_key_says_both() -> None:
    order = replace(ORDER, phase=Phase.SUBMITTING.value, certificate_id=None)
    decision = decide(PROFILE, Observation((), order=order), RUN, x509.NOW)
    assert decision.blocked is not None
    assert decision.blocked.message.endswith("and the firewall has lost the key since")


# --- whatever the phase ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", list(Phase))
@pytest.mark.parametrize("asked", [RESUBMIT, REPLACE, replace(REPLACE, resubmit=True)])
@pytest.mark.parametrize("entries", [(), (PENDING,), (held(certificate=DUE), held(2, csr=CSR))])
@pytest.mark.parametrize("account", ["", "A", "B"])
def test_a_person_gets_an_order_in_every_phase(
    phase: Phase, asked: RunRequest, entries: tuple[CertificateGeneration, ...], account: str
) -> None:
    entry = entries[-1].name if entries else "www"
    order = replace(ORDER, phase=phase.value, entry=entry, account=account, submissions=2, is_held=True)
    issued = IMPORTED if phase is Phase.ISSUED else None
    decision = decide(PROFILE, Observation(entries, order=order, issued=issued), asked, x509.NOW)
    submits = [step for step in decision.steps if isinstance(step, SubmitOrder)]
    # Never on the ID of the old order: it is left to itself, and SCM may not know it.
    assert [(step.operation, step.previous_certificate_id) for step in submits] == [("enroll", None)]
    assert kinds(decision)[-2:] == ["Commit", "RecordId"]
    assert decision.blocked is None
    # Who orders twice is told which order is not collected any more.
    assert decision.reason.endswith("order 17 is left to itself") is (phase in (Phase.ORDERED, Phase.ISSUED))
    # The key of an order that SCM holds, or may hold, stays; that of one that has ended goes.
    deleted = {step.entry for step in decision.steps if isinstance(step, DeletePredecessor)}
    assert (entry in deleted) is (phase is Phase.FAILED and bool(entries))
    assert not any(isinstance(step, RemoveUnproven) for step in decision.steps)
    names = [step.entry for step in decision.steps if isinstance(step, GenerateCsr)]
    assert entry not in names or not entries


@pytest.mark.parametrize("phase", [Phase.ORDERED, Phase.ISSUED])
@pytest.mark.parametrize(
    ("account", "operation", "previous"), [("", "replace", "17"), ("A", "replace", "17"), ("B", "enroll", None)]
)
@pytest.mark.parametrize("entries", [(), (held(csr=OTHER_CSR),), (replace(PENDING, has_key=False),)])
def test_an_order_whose_key_is_lost_is_replaced_or_enrolled_at_another_account(
    phase: Phase,
    account: str,
    operation: str,
    previous: str | None,
    entries: tuple[CertificateGeneration, ...],
) -> None:
    order = replace(ORDER, phase=phase.value, account=account)
    issued = IMPORTED if phase is Phase.ISSUED else None
    observed = Observation(entries, order=order, issued=issued)
    decision = decide(PROFILE, observed, RUN, x509.NOW)
    submit = next(step for step in decision.steps if isinstance(step, SubmitOrder))
    assert (submit.operation, submit.previous_certificate_id, submit.account) == (operation, previous, "A")
    assert (decision.state, decision.action) == (State.PENDING, Action.ENROLL)
    assert "lost the key of order 17 (www)" in decision.notes[0]


def test_an_issued_order_without_its_chain_is_replaced() -> None:
    order = replace(ORDER, phase=Phase.ISSUED.value)
    decision = decide(PROFILE, Observation((PENDING,), order=order, issued=None), RUN, x509.NOW)
    assert "lost the key" in decision.reason


@pytest.mark.parametrize(("seconds", "is_ordered"), [(-1, False), (0, True), (86400, True)])
def test_a_chain_that_expired_in_hand_is_ordered_anew(seconds: int, is_ordered: bool) -> None:
    order = replace(ORDER, phase=Phase.ISSUED.value)
    now = IMPORTED.not_after + datetime.timedelta(seconds=seconds)
    decision = decide(PROFILE, Observation((PENDING,), order=order, issued=IMPORTED), RUN, now)
    assert ("SubmitOrder" in kinds(decision)) is is_ordered
    assert ("expired before it could be installed" in decision.reason) is is_ordered
    assert decision.state is State.PENDING


@pytest.mark.parametrize(
    ("entries", "more", "steps"),
    [
        # Another certificate for the key (the one of a renewal by reuse, before the import) is still replaced.
        ((held(certificate=x509.certificate(age=150)),), {}, FULL[3:]),
        ((held(certificate=IMPORTED),), {}, ["RecordId"]),
        ((held(certificate=IMPORTED),), {"unapplied": True}, ["Bind", "Commit", "RecordId"]),
        ((held(certificate=IMPORTED),), {"service_profiles": {"vpn": ServiceProfile("vpn", "www")}}, ["RecordId"]),
        (
            (held(certificate=IMPORTED),),
            {"service_profiles": {"vpn": ServiceProfile("vpn", "old")}},
            ["Bind", "Commit", "RecordId"],
        ),
        ((held(certificate=IMPORTED),), {"service_profiles": {}}, ["Bind", "Commit", "RecordId"]),
    ],
)
def test_what_is_imported_is_finished_and_committed_only_if_something_is_left_to_commit(
    entries: tuple[CertificateGeneration, ...], more: dict[str, Any], steps: list[str]
) -> None:
    profile = replace(PROFILE, ssl_tls_service_profiles=("vpn",) if "Bind" in steps or more else ())
    order = replace(ORDER, phase=Phase.ISSUED.value)
    decision = decide(profile, Observation(entries, order=order, issued=IMPORTED, **more), RUN, x509.NOW)
    assert (kinds(decision), decision.state, decision.action) == (steps, State.PENDING, Action.INSTALL)


def test_the_steps_after_the_import_move_what_the_predecessor_served() -> None:
    order = replace(ORDER, phase=Phase.ISSUED.value, entry="www-2")
    observed = Observation((held(certificate=DUE), held(2, certificate=IMPORTED)), order=order, issued=IMPORTED)
    assert kinds(decide(PROFILE, observed, RUN, x509.NOW)) == ["RecordId"]
    decision = decide(PROFILE, replace(observed, unapplied=True), RUN, x509.NOW)
    assert kinds(decision) == ["Bind", "DeletePredecessor", "Commit", "RecordId"]


@pytest.mark.parametrize(("failure", "words"), [("declined by SCM", "declined by SCM"), ("", "the order has failed")])
@pytest.mark.parametrize(("more", "state"), [((), State.ABSENT), ((held(2, certificate=GOOD),), State.VALID)])
def test_an_order_that_failed_waits_for_a_person(
    failure: str, words: str, more: tuple[CertificateGeneration, ...], state: State
) -> None:
    order = replace(ORDER, phase=Phase.FAILED.value, failure=failure)
    decision = decide(PROFILE, Observation((PENDING, *more), order=order), RUN, x509.NOW)
    assert decision.blocked is not None
    assert (decision.blocked.code, decision.blocked.message, decision.state) == ("order", words, state)
    assert decision.steps == ()


@pytest.mark.parametrize(
    ("entry", "is_deleted"),
    [
        (PENDING, True),
        (held(csr=CSR, changed_by=SVC), True),
        (held(csr=OTHER_CSR), False),
        (held(certificate=GOOD), False),
        (replace(PENDING, has_key=False), False),
        (held(csr=CSR, changed_by=BOB), False),
    ],
)
def test_only_the_key_of_the_failed_order_goes_with_it(entry: CertificateGeneration, is_deleted: bool) -> None:
    order = replace(ORDER, phase=Phase.FAILED.value)
    observed = Observation((entry,), order=order, running=(), admin="svc")
    decision = go_on(PROFILE, observed, order, RESUBMIT, x509.NOW)
    deleted = [step for step in decision.steps if isinstance(step, DeletePredecessor) and step.entry == "www"]
    assert (DeletePredecessor("www", CSR.spki_sha256) in deleted) is is_deleted
    if is_deleted:
        # After the new certificate is there, before the commit.
        assert kinds(decision)[-4:] == ["ImportCertificate", "DeletePredecessor", "Commit", "RecordId"]


# --- word for word: what a person reads, and every step with what it works on --------------------------------------------

KEY = PROFILE.key
SUBMIT = SubmitOrder("enroll", "A", "DV")
NOT_SERVED = ("nothing is in service, so this is urgent",)
AGAIN = "run: paloaltoagent enroll --resubmit -p www"
LOST = "the answer to an order was lost; look for 'paloaltoagent-0' in the comments of orders in the SCM portal"
LOST_KEY = (
    "the firewall has lost the key of order 17 (www), by a revert, a load or a restart; the order is replaced by one "
    "with a new key"
)


def serving(entry: str, *first: Step) -> tuple[Step, ...]:
    """The steps up to a certificate in service under an entry."""
    return (*first, Prove(), ImportChain(), ImportCertificate(entry), Commit("svc"), RecordId("www"))


def anew(entry: str) -> tuple[Step, ...]:
    """A new key and an order for it."""
    return serving(entry, GenerateCsr(entry, KEY), SUBMIT, Collect(None))


def goes_on(
    state: State, reason: str, steps: tuple[Step, ...], *notes: str, action: Action = Action.ENROLL
) -> Decision:
    return Decision(state, action, reason, steps, notes=(*notes, *NOT_SERVED))


def stops(code: str, what: str, hint: str, *steps: Step, state: State = State.UNKNOWN) -> Decision:
    return Decision(state, Action.FAILED, what, steps, notes=NOT_SERVED, blocked=Blocked(code, what, hint))


@pytest.mark.parametrize(
    ("phase", "entries", "more", "asked", "expected"),
    [
        (Phase.GENERATING, (), {}, RUN, goes_on(State.ABSENT, "an interrupted request goes on", anew("www"))),
        (
            Phase.GENERATING, (held(csr=OTHER_CSR, changed_by=SVC),), {}, RUN,
            goes_on(
                State.ABSENT, "an interrupted request goes on",
                (RemoveUnproven("www", OTHER_CSR.spki_sha256), *anew("www")),
            ),
        ),
        (
            Phase.READY, (PENDING,), {}, RUN,
            goes_on(State.ABSENT, "an interrupted request goes on", serving("www", SUBMIT, Collect(None))),
        ),
        (
            Phase.READY, (), {"same_key": True, "csr": ""}, RUN,
            goes_on(
                State.ABSENT, "SCM would not renew for the same key, and its CSR is not known", anew("www")
            ),
        ),
        (
            Phase.READY, (), {"same_key": True}, RUN,
            goes_on(State.ABSENT, "an interrupted request goes on", anew("www")),
        ),
        (
            Phase.SUBMITTING, (PENDING,), {}, RUN,
            goes_on(
                State.PENDING,
                "the answer to the order was lost; the same CSR is sent again, so either certificate fits the key",
                serving("www", replace(SUBMIT, is_resubmission=True), Collect(None)), LOST,
            ),
        ),
        (
            Phase.SUBMITTING, (PENDING,), {}, REPLACE,
            goes_on(State.ABSENT, "ordered again on purpose after a lost answer", anew("www-2")),
        ),
        (
            Phase.SUBMITTING, (), {}, RESUBMIT,
            goes_on(State.ABSENT, "ordered again on purpose after a lost answer", anew("www")),
        ),
        (Phase.SUBMITTING, (PENDING,), {"is_held": True}, RUN, stops("lost-answer", LOST, AGAIN)),
        (
            Phase.SUBMITTING, (), {}, RUN,
            stops("lost-answer", f"{LOST}, and the firewall has lost the key since", AGAIN),
        ),
        (
            Phase.ORDERED, (PENDING,), {}, RUN,
            goes_on(
                State.PENDING, "order 17 is open since 2026-11-24T00:00:00Z", serving("www", Collect("17")),
                action=Action.COLLECT,
            ),
        ),
        (
            Phase.ORDERED, (PENDING,), {}, RESUBMIT,
            goes_on(State.PENDING, "ordered again on purpose; order 17 is left to itself", anew("www-2")),
        ),
        (
            Phase.ORDERED, (), {}, RUN,
            goes_on(
                State.PENDING, "the firewall has lost the key of an open order",
                serving("www", GenerateCsr("www", KEY), SubmitOrder("replace", "A", "DV", "17"), Collect(None)), LOST_KEY,
            ),
        ),
        (
            Phase.ISSUED, (PENDING,), {}, RUN,
            goes_on(State.PENDING, "order 17 is issued", serving("www"), action=Action.INSTALL),
        ),
        (
            Phase.ISSUED, (PENDING,), {}, REPLACE,
            goes_on(State.PENDING, "ordered again on purpose; order 17 is left to itself", anew("www-2")),
        ),
        (
            Phase.FAILED, (PENDING,), {"failure": "SCM declined it"}, RUN,
            stops(
                "order", "SCM declined it",
                "clear it up in SCM, then run: paloaltoagent enroll --resubmit -p www", state=State.ABSENT,
            ),
        ),
        (
            Phase.FAILED, (PENDING,), {}, RESUBMIT,
            goes_on(
                State.ABSENT, "ordered again on purpose",
                (*anew("www-2")[:-2], DeletePredecessor("www", CSR.spki_sha256), *anew("www-2")[-2:]),
            ),
        ),
    ],
)  # fmt: skip
def test_an_open_order_word_for_word(
    phase: Phase,
    entries: tuple[CertificateGeneration, ...],
    more: dict[str, Any],
    asked: RunRequest,
    expected: Decision,
) -> None:
    order = replace(ORDER, phase=phase.value, **more)
    observed = Observation(entries, order=order, issued=IMPORTED if phase is Phase.ISSUED else None)
    assert go_on(PROFILE, observed, order, asked, x509.NOW) == expected


def test_what_was_imported_is_finished_word_for_word() -> None:
    order = replace(ORDER, phase=Phase.ISSUED.value, entry="www-2")
    observed = Observation((held(certificate=DUE), held(2, certificate=IMPORTED)), order=order, issued=IMPORTED)
    notes = (f"becomes urgent in 189 days, on {IMPORTED.not_after - datetime.timedelta(days=10):%Y-%m-%d}",)
    finished = Decision(
        State.PENDING, Action.INSTALL, "order 17 is issued and imported", (RecordId("www"),), "www-2", notes
    )
    assert go_on(PROFILE, observed, order, RUN, x509.NOW) == finished
    before = Predecessor("www", DUE.sha256)
    moved = (Bind("www-2", ("vpn",), (before,)), DeletePredecessor("www", DUE.sha256), Commit("svc"), RecordId("www"))
    bound = replace(PROFILE, ssl_tls_service_profiles=("vpn",))
    for there in ({"vpn": ServiceProfile("vpn", "www")}, {}):
        decision = go_on(bound, replace(observed, service_profiles=there), order, RUN, x509.NOW)
        assert decision == replace(finished, steps=moved)
    late = go_on(PROFILE, observed, order, RUN, IMPORTED.not_after)
    assert (late.reason, late.state) == (
        "order 17 is issued, but has expired before it could be installed",
        State.PENDING,
    )


def test_a_lost_answer_of_what_waits_for_its_commit_is_no_reason_not_to_commit() -> None:
    order = replace(ORDER, phase=Phase.SUBMITTING.value, is_held=True)
    observed = Observation((PENDING,), order=order, unapplied=True)
    assert go_on(PROFILE, observed, order, RUN, x509.NOW) == stops("lost-answer", LOST, AGAIN, Commit("svc"))
    # Once is enough to ask a person; what that person asks for is done.
    decision = go_on(PROFILE, observed, order, RESUBMIT, x509.NOW)
    assert decision.blocked is None
    assert Commit("svc") in decision.steps


@pytest.mark.parametrize(
    ("seconds", "note"),
    [
        (-1, "becomes urgent in 0 days, on 2026-12-09"),
        (0, "urgent: the certificate in service expires in 10 days"),
    ],
)
def test_an_order_is_urgent_from_the_last_twentieth_on(seconds: int, note: str) -> None:
    order = replace(ORDER, entry="www-2")
    observed = Observation((held(certificate=DUE), held(2, csr=CSR)), order=order)
    at = DUE.not_after - DUE.lifetime / 20 + datetime.timedelta(seconds=seconds)
    assert go_on(PROFILE, observed, order, RUN, at).notes == (note,)


APPROVE = "see that the order is approved in SCM, or order again: paloaltoagent enroll --resubmit -p www"
WINDOW = "see commit_window in the firewall profile, and what earlier runs say in the log"


@pytest.mark.parametrize(
    ("phase", "waits", "hint"),
    [
        (Phase.SUBMITTING, "is still pending", APPROVE),
        (Phase.ORDERED, "is still pending", APPROVE),
        (Phase.ISSUED, "is issued but not installed yet", WINDOW),
    ],
)
@pytest.mark.parametrize(("number", "title"), [("17", "order 17"), (None, "the order")])
def test_an_alarm_word_for_word(phase: Phase, waits: str, hint: str, number: str | None, title: str) -> None:
    order = replace(ORDER, phase=phase.value, entry="www-2", certificate_id=number)
    observed = Observation((held(2, csr=CSR),), order=order, issued=IMPORTED if phase is Phase.ISSUED else None)
    late = x509.NOW + datetime.timedelta(days=9)
    assert go_on(PROFILE, observed, order, RUN, late).alarm == Blocked(
        "pending", f"{title} {waits} after 9 days, and nothing is in service", hint
    )
    observed = replace(observed, generations=(held(certificate=DUE), *observed.generations))
    late = DUE.not_after - datetime.timedelta(days=3)
    assert go_on(PROFILE, observed, order, RUN, late).alarm == Blocked(
        "urgent", f"{title} {waits}, and the certificate in service expires in 3 days", hint
    )


# --- urgency, operation, alarm ---------------------------------------------------------------------------------------------

DAY = datetime.timedelta(days=1)
URGENT = DUE.not_after - DUE.lifetime / 20


@pytest.mark.parametrize("operation", ["enroll", "renew", "replace"])
@pytest.mark.parametrize(("seconds", "is_urgent"), [(-1, False), (0, True), (86400 * 20, True)])
@pytest.mark.parametrize("phase", [Phase.GENERATING, Phase.READY, Phase.SUBMITTING])
def test_from_the_last_twentieth_on_a_renewal_is_ordered_as_enroll(
    operation: str, seconds: int, is_urgent: bool, phase: Phase
) -> None:
    order = replace(
        ORDER, phase=phase.value, entry="www-2", operation=operation, previous_certificate_id="9", certificate_id=None
    )
    observed = Observation((held(certificate=DUE), held(2, csr=CSR)), order=order)
    decision = go_on(PROFILE, observed, order, RUN, URGENT + datetime.timedelta(seconds=seconds))
    submit = next(step for step in decision.steps if isinstance(step, SubmitOrder))
    expected = ("enroll", None) if is_urgent or operation == "enroll" else (operation, "9")
    assert (submit.operation, submit.previous_certificate_id) == expected


@pytest.mark.parametrize(
    ("in_service", "revoked", "after", "pending_alarm", "code"),
    [
        # Something serves: the alarm comes with its last twentieth, however long the order is open.
        (DUE, False, URGENT - DAY, 0.0, None),
        (DUE, False, URGENT - datetime.timedelta(seconds=1), 0.0, None),
        (DUE, False, URGENT, 1e9, "urgent"),
        (DUE, False, DUE.not_after - datetime.timedelta(seconds=1), 1e9, "urgent"),
        # Nothing serves any more: after so long.
        (DUE, False, DUE.not_after, 1e9, None),
        (DUE, False, DUE.not_after, 86400.0, "pending"),
        (DUE, True, URGENT, 1e9, None),
        (DUE, True, x509.NOW + DAY, 86400.0, "pending"),
        (None, False, x509.NOW, 86400.0, None),
        (None, False, x509.NOW + DAY / 2 - datetime.timedelta(seconds=1), 86400.0, None),
        (None, False, x509.NOW + DAY / 2, 86400.0, "pending"),
        (None, False, x509.NOW + 30 * DAY, 7 * 86400.0, "pending"),
    ],
)
@pytest.mark.parametrize("where", ["firewall", "scm"])
def test_a_pending_order_becomes_an_alarm_when_a_service_is_in_danger(
    in_service: Certificate | None,
    revoked: bool,
    after: datetime.datetime,
    pending_alarm: float,
    code: str | None,
    where: str,
) -> None:
    order = replace(ORDER, entry="www-2")
    serving = (held(certificate=in_service, is_revoked=revoked and where == "firewall"),) if in_service else ()
    observed = Observation((*serving, held(2, csr=CSR)), order=order, is_revoked_at_scm=revoked and where == "scm")
    decision = decide(PROFILE, observed, replace(RUN, pending_alarm=pending_alarm), after)
    assert (decision.alarm.code if decision.alarm else None) == code
    assert decision.action is Action.COLLECT
    if decision.alarm:
        assert "order 17" in decision.alarm.message
        assert "enroll --resubmit -p www" in decision.alarm.hint
    if revoked:
        assert decision.in_service is None
        assert decision.notes[-1] == "nothing is in service, so this is urgent"


def test_an_alarm_counts_from_the_order_or_from_the_request_where_nothing_is_ordered() -> None:
    order = replace(ORDER, created_at="2026-11-10T12:00:00Z", ordered_at="2026-11-20T12:00:00Z")
    request = replace(RUN, pending_alarm=86400.0)
    told = decide(PROFILE, Observation((PENDING,), order=order), request, x509.NOW).alarm
    assert told is not None
    assert told.message == "order 17 is still pending after 4 days, and nothing is in service"
    lost = replace(order, phase=Phase.SUBMITTING.value, ordered_at=None, certificate_id=None)
    told = decide(PROFILE, Observation((PENDING,), order=lost), request, x509.NOW).alarm
    assert told is not None
    assert told.message == "the order is still pending after 14 days, and nothing is in service"
    urgent = decide(PROFILE, Observation((held(certificate=DUE), held(2, csr=CSR)), order=replace(lost, entry="www-2")),
                    request, URGENT).alarm  # fmt: skip
    assert urgent is not None
    assert urgent.message == "the order is still pending, and the certificate in service expires in 10 days"


# --- an old backup ---------------------------------------------------------------------------------------------------------

EARLY = replace(ORDER, created_at=format_time(GOOD.not_before - DAY))


@pytest.mark.parametrize(
    ("entries", "order", "outdated"),
    [
        ((PENDING, held(2, certificate=GOOD)), EARLY, True),
        ((held(2, certificate=GOOD),), EARLY, True),
        ((held(2, certificate=GOOD), held(3, certificate=GOOD)), replace(EARLY, entry="www-2"), True),
        # The order is later than what serves.
        ((PENDING, held(2, certificate=GOOD)), replace(ORDER, created_at=format_time(GOOD.not_before)), False),
        ((PENDING, held(2, certificate=GOOD)), replace(ORDER, created_at=format_time(x509.NOW)), False),
        ((held(certificate=GOOD), held(2, csr=CSR)), replace(EARLY, entry="www-2"), False),
        # The same entry holds what this state folder has never seen: it was ordered and installed later.
        ((held(2, certificate=GOOD),), replace(EARLY, entry="www-2"), True),
        # Somebody is at work on what serves, nothing serves, or the order is for a name outside of the series.
        ((PENDING, held(2, certificate=GOOD, changed_by=BOB)), EARLY, False),
        ((PENDING,), EARLY, False),
        ((held(2, certificate=GOOD),), replace(EARLY, entry="other"), False),
        ((PENDING, held(2, certificate=STRANGER)), EARLY, False),
    ],
)
def test_an_order_is_outdated_once_a_later_one_of_ours_serves_under_a_later_name(
    entries: tuple[CertificateGeneration, ...], order: OrderRecord, outdated: bool
) -> None:
    assert is_outdated(PROFILE, Observation(entries, order=order), order) is outdated


SECOND = datetime.timedelta(seconds=1)
BACKDATED = datetime.timedelta(hours=48)


@pytest.mark.parametrize(
    ("before", "issued", "known", "outdated"),
    [
        # What this order gave, or what was there when it was made, is no reason to give the order up.
        (DAY, GOOD, frozenset(), False),
        (DAY, None, frozenset({GOOD.sha256}), False),
        (DAY, DUE, frozenset({GOOD.sha256}), False),
        (DAY, GOOD, frozenset({GOOD.sha256}), False),
        # It may begin before the order was made, since CAs date back, but not long before.
        (DAY, DUE, frozenset({DUE.sha256}), True),
        (DAY, None, frozenset(), True),
        (-DAY, None, frozenset(), True),
        (SECOND - BACKDATED, None, frozenset(), True),
        (-BACKDATED, None, frozenset(), False),
        (-BACKDATED - SECOND, None, frozenset(), False),
    ],
    ids=map(str, range(10)),
)
def test_an_order_for_what_serves_under_its_own_name_is_outdated_if_nothing_explains_that_certificate(
    before: datetime.timedelta, issued: Certificate | None, known: frozenset[str], outdated: bool
) -> None:
    order = replace(ORDER, entry="www-2", created_at=format_time(GOOD.not_before - before))
    observed = Observation((held(certificate=DUE), held(2, certificate=GOOD)), order=order, issued=issued, known=known)
    assert is_outdated(PROFILE, observed, order) is outdated


@pytest.mark.parametrize(("seconds", "outdated"), [(0, False), (1, True)])
def test_under_a_later_name_it_has_to_begin_after_the_order(seconds: int, outdated: bool) -> None:
    order = replace(ORDER, created_at=format_time(GOOD.not_before - seconds * SECOND))
    for known in (frozenset[str](), frozenset({GOOD.sha256})):
        observed = Observation((PENDING, held(2, certificate=GOOD)), order=order, issued=GOOD, known=known)
        assert is_outdated(PROFILE, observed, order) is outdated
