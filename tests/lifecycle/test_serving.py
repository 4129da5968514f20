"""What a serve check means for predecessors and references: a table of records, and the plans that follow."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from paloaltofw.clock import format_time
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.plans import outside_window
from paloaltofw.lifecycle.serving import (
    Moved,
    Serving,
    read_before,
    read_moved,
    serving_of,
    went_back,
    write_before,
    write_moved,
)
from paloaltofw.lifecycle.steps import Bind, CheckService, Commit, GoBack, NoteServed, Predecessor, RevokePredecessor
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import OrderRecord, Phase, ServePhase, ServeRecord
from paloaltofw.model.serve_check import Endpoint, ServeCheck
from tests import x509
from tests.lifecycle.cases import CSR, ORDER, PROFILE, RENEW, RESUBMIT, ROTATION, RUN, held, kinds

NOW = x509.NOW
VPN = Endpoint("vpn.example.com", 443, "vpn.example.com")
CHECK = ServeCheck((VPN,))
ROLLBACK = ServeCheck((VPN,), on_wrong="rollback")
ASKS, GOES_BACK = replace(PROFILE, serve_check=CHECK), replace(PROFILE, serve_check=ROLLBACK)
OLD = x509.certificate(age=175)
NEW = x509.certificate(age=1, private_key=x509.key(1))
LATER, EARLIER = (format_time(NOW + datetime.timedelta(seconds=n)) for n in (1, 0))
PREDECESSOR = Predecessor("www", OLD.sha256)


def record(phase: ServePhase, profile: object = GOES_BACK, **more: object) -> ServeRecord:
    asked = profile.serve_check.text  # type: ignore[attr-defined]
    moved = write_moved([Moved("vpn", "www", OLD.sha256)])
    values = {
        "at": "2026-11-23T02:17:00Z",
        "finding": "vpn.example.com:443: resets",
        "moved": moved,
        "back_until": LATER,
    }
    return ServeRecord("www", NEW.sha256, asked, phase.value, **{**values, **more})  # type: ignore[arg-type]


def seen(serve: ServeRecord | None, bound: str = "www-2", **more: object) -> Observation:
    """Both certificates are there, and the service profile `vpn` serves one of them."""
    observed = Observation(
        generations=(held(certificate=OLD), held(2, certificate=NEW)), serve=serve,
        service_profiles={"vpn": ServiceProfile("vpn", bound)}, admin="svc", known=frozenset({OLD.sha256, NEW.sha256}),
    )  # fmt: skip
    return replace(observed, **more)  # type: ignore[arg-type]


def decided(profile: object, observed: Observation, request: RunRequest = RUN) -> Decision:
    return decide(profile, observed, request, NOW)  # type: ignore[arg-type]


STANDINGS = [
    (PROFILE, None, Serving.UNASKED),
    (PROFILE, record(ServePhase.WENT_BACK), Serving.UNASKED),
    (ASKS, None, Serving.OWED),
    (ASKS, record(ServePhase.NOTED, ASKS), Serving.OWED),
    (ASKS, record(ServePhase.WRONG, ASKS), Serving.OWED),
    (ASKS, record(ServePhase.PASSED, ASKS), Serving.PASSED),
    (ASKS, record(ServePhase.PASSED, GOES_BACK), Serving.OWED),
    (ASKS, replace(record(ServePhase.PASSED, ASKS), sha256=OLD.sha256), Serving.OWED),
    (GOES_BACK, record(ServePhase.GOING_BACK), Serving.GOING_BACK),
    (GOES_BACK, record(ServePhase.WENT_BACK), Serving.HELD),
    (GOES_BACK, record(ServePhase.GOING_BACK, back_until=EARLIER), Serving.OWED),
    (GOES_BACK, record(ServePhase.WENT_BACK, back_until=EARLIER), Serving.OWED),
    (GOES_BACK, record(ServePhase.WENT_BACK, back_until=""), Serving.OWED),
    (GOES_BACK, record(ServePhase.WENT_BACK, ASKS), Serving.OWED),
    (GOES_BACK, replace(record(ServePhase.WENT_BACK), sha256=OLD.sha256), Serving.OWED),
]


@pytest.mark.parametrize(("profile", "serve", "standing"), STANDINGS)
def test_how_a_certificate_stands_with_its_serve_check(profile: object, serve: ServeRecord, standing: Serving) -> None:
    assert serving_of(profile, seen(serve), NEW, NOW) is standing  # type: ignore[arg-type]


def test_only_the_record_of_the_same_certificate_tells_that_it_went_back() -> None:
    assert [phase for phase in ServePhase if went_back(seen(record(phase)), NEW)] == [
        ServePhase.GOING_BACK, ServePhase.WENT_BACK
    ]  # fmt: skip
    assert not went_back(seen(None), NEW)
    assert not went_back(seen(record(ServePhase.WENT_BACK)), OLD)


def test_what_was_noted_is_read_as_it_was_written_and_nothing_else_is() -> None:
    moved = (Moved("vpn portal", "www", "aa"), Moved("web", "www-2", "bb"), Moved("web", "www-2", "bb", "vsys2"))
    assert read_moved(write_moved(moved)) == moved
    assert read_moved("") == read_moved("aa\twww") == read_moved("a\tb\tc\td\te") == ()
    before = [("vpn.example.com:443", "aa", 3), ("192.0.2.7:443", "", 0)]
    assert read_before(write_before(before)) == {name: (sha256, links) for name, sha256, links in before}
    assert read_before("") == read_before("x\taa\tvpn:443") == read_before("99999\taa\tvpn:443") == {}


# --- plans -------------------------------------------------------------------------------------------------------------

ISSUED = replace(ORDER, phase=Phase.ISSUED.value, entry="www-2", chain=x509.certificate().pem)
CHECKED = [*(step for step in ROTATION if step != "DeletePredecessor"), "CheckService"]


def test_a_renewal_keeps_its_predecessor_and_asks_after_the_commit() -> None:
    due = Observation(generations=(held(certificate=x509.certificate(age=175)),), admin="svc")
    assert kinds(decided(PROFILE, due)) == ROTATION
    plan = decided(ASKS, due)
    assert kinds(plan) == CHECKED
    assert plan.steps[-1] == CheckService("www-2", (VPN,))
    with_note = [*CHECKED]
    with_note.insert(with_note.index("Bind"), "NoteServed")
    assert kinds(decided(GOES_BACK, due)) == with_note
    closed = outside_window(plan, "at 22:00")
    assert kinds(closed) == ["GenerateCsr", "SubmitOrder", "Collect", "Prove"]
    assert closed.waits_for


def test_without_a_predecessor_there_is_nothing_to_go_back_to() -> None:
    assert "NoteServed" not in kinds(decided(GOES_BACK, Observation(admin="svc")))
    assert kinds(decided(GOES_BACK, Observation(admin="svc")))[-1] == "CheckService"


def test_an_order_whose_certificate_is_imported_already_is_asked_for_too() -> None:
    leaf = x509.certificate()
    order: OrderRecord = replace(ISSUED, chain=leaf.pem, spki_sha256=CSR.spki_sha256)
    observed = seen(None, generations=(held(certificate=OLD), held(2, certificate=leaf)), order=order, issued=leaf)
    assert kinds(decided(PROFILE, observed)) == ["RecordId"]
    assert kinds(decided(ASKS, observed)) == ["RecordId", "CheckService"]


CHECK_STEP = CheckService("www-2", (VPN,))
NIGHTS = [
    # what is known -> what the next night does
    ("nothing is known", ASKS, seen(None), (CHECK_STEP,)),
    ("it was wrong", ASKS, seen(record(ServePhase.WRONG, ASKS)), (CHECK_STEP,)),
    ("it has passed", ASKS, seen(record(ServePhase.PASSED, ASKS)), ("Bind", "DeletePredecessor", "Commit")),
    ("there is no check", PROFILE, seen(None), ("Bind", "DeletePredecessor", "Commit")),
    ("a follower is left", ASKS, seen(None, "www"),
     (Bind("www-2", (), (PREDECESSOR,)), Commit("svc"), CHECK_STEP)),
    ("a commit is owed", ASKS, seen(None, unapplied=True), (Commit("svc"), CHECK_STEP)),
    ("it is to go back", GOES_BACK, seen(record(ServePhase.GOING_BACK)), (GoBack("www-2"),)),
    ("a revocation is owed", ASKS, seen(record(ServePhase.PASSED, ASKS, superseded_certificate_id="9", account="A")),
     ("Bind", "DeletePredecessor", "Commit", "RevokePredecessor")),
    ("a revocation is left", ASKS,
     seen(record(ServePhase.PASSED, ASKS, superseded_certificate_id="9", account="A"),
          generations=(held(2, certificate=NEW),)),
     (RevokePredecessor("9", "A"),)),
    ("a revocation waits", ASKS, seen(record(ServePhase.WRONG, ASKS, superseded_certificate_id="9")), (CHECK_STEP,)),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "observed", "steps"), [row[1:] for row in NIGHTS], ids=[row[0] for row in NIGHTS])
def test_what_the_next_night_does(profile: object, observed: Observation, steps: tuple[object, ...]) -> None:
    plan = decided(profile, observed)
    if all(isinstance(step, str) for step in steps):
        assert tuple(kinds(plan)) == steps
    else:
        assert plan.steps == steps


def test_a_predecessor_that_is_kept_for_the_check_is_no_alarm() -> None:
    old = x509.certificate(age=195)
    for serve, told, alarm in (
        (None, "is kept until the serve check has passed", False),
        (record(ServePhase.PASSED, ASKS), "", True),
    ):
        plan = decided(
            ASKS, seen(serve, generations=(held(certificate=old), held(2, certificate=NEW)), known=frozenset())
        )
        assert (plan.alarm is not None) is alarm
        assert any("predecessor" in note for note in plan.notes) is bool(told)
        assert all(told in note for note in plan.notes if "predecessor" in note)


def test_the_finding_of_an_earlier_run_is_a_note() -> None:
    assert (
        "the serve check of 2026-11-23 did not pass: vpn.example.com:443: resets"
        in decided(ASKS, seen(record(ServePhase.WRONG, ASKS))).notes
    )
    assert not any("did not pass" in note for note in decided(ASKS, seen(record(ServePhase.PASSED, ASKS))).notes)


def test_what_went_back_is_held_until_somebody_acts() -> None:
    plan = decided(GOES_BACK, seen(record(ServePhase.WENT_BACK), "www"))
    assert (plan.state, plan.action, plan.steps, plan.in_service) == (State.DUE, Action.FAILED, (), "www")
    assert plan.blocked is not None
    assert plan.blocked.code == "rolled-back"
    assert plan.blocked.message == "www serves again since 2026-11-23, because vpn.example.com:443: resets"
    assert "enroll --resubmit -p www " in plan.blocked.hint


def test_what_went_back_to_an_entry_that_is_gone_is_held_all_the_same() -> None:
    observed = replace(seen(record(ServePhase.WENT_BACK), "www"), generations=(held(2, certificate=NEW),))
    plan = decided(GOES_BACK, observed)
    assert (plan.action, plan.steps, plan.in_service) == (Action.FAILED, (), "www-2")
    assert plan.blocked is not None and plan.blocked.code == "rolled-back"


def test_a_profile_of_a_vsys_is_named_with_it() -> None:
    assert Moved("vpn", "www", OLD.sha256).title == "vpn"
    assert Moved("vpn", "www", OLD.sha256, "vsys2").title == "vpn of vsys2"


FORWARD = (NoteServed("www-2", (PREDECESSOR,)), Bind("www-2", (), (PREDECESSOR,)), Commit("svc"), CHECK_STEP)
BOUND = replace(GOES_BACK, ssl_tls_service_profiles=("vpn",))
LET_GO = [
    ("asked for", GOES_BACK, seen(record(ServePhase.WENT_BACK), "www"), RESUBMIT, FORWARD),
    ("asked for on its way back", GOES_BACK, seen(record(ServePhase.GOING_BACK), "www"), RESUBMIT, FORWARD),
    ("the predecessor ends", GOES_BACK, seen(record(ServePhase.WENT_BACK, back_until=EARLIER), "www"), RUN, FORWARD),
    ("edited", GOES_BACK, seen(record(ServePhase.WENT_BACK, ASKS), "www"), RUN, FORWARD),
    ("bound by hand", BOUND, seen(record(ServePhase.WENT_BACK)), RUN,
     (NoteServed("www-2", (PREDECESSOR,)), Bind("www-2", ("vpn",), (PREDECESSOR,)), Commit("svc"), CHECK_STEP)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("profile", "observed", "request_", "steps"), [row[1:] for row in LET_GO], ids=[row[0] for row in LET_GO]
)
def test_what_is_held_is_let_go(profile: object, observed: Observation, request_: RunRequest, steps: object) -> None:
    plan = decided(profile, observed, request_)
    assert (plan.action, plan.steps) == (Action.INSTALL, steps)


@pytest.mark.parametrize(
    "observed",
    [seen(record(ServePhase.WENT_BACK), "www"), seen(record(ServePhase.WENT_BACK), "www", service_profiles=None)],
)
def test_what_is_bound_to_the_predecessor_is_no_word_of_a_person(observed: Observation) -> None:
    assert decided(BOUND, observed).steps == ()
    assert decided(BOUND, observed, RENEW).steps == ()


def test_going_back_waits_for_the_commit_window_and_is_told_meanwhile() -> None:
    plan = decided(GOES_BACK, seen(record(ServePhase.GOING_BACK)))
    closed = outside_window(plan, "at 22:00")
    assert (closed.steps, bool(closed.waits_for)) == ((), True)
    assert closed.alarm is not None
    assert closed.alarm.code == "rolled-back"


def test_nothing_is_moved_over_another_administrators_work() -> None:
    strange = (held(certificate=OLD), held(2, certificate=NEW, changed_by=frozenset({"alice"})))
    for phase in (ServePhase.GOING_BACK, ServePhase.WRONG):
        plan = decided(GOES_BACK, seen(record(phase), "www", generations=strange))
        assert set(kinds(plan)) <= {"CheckService"}
