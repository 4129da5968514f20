"""What a Panorama changes in a plan: a push after each commit, a push that is owed, predecessors that wait for it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.plans import clean_up_steps, install_steps, move_steps, outside_window, with_owed_push
from paloaltofw.lifecycle.steps import Bind, Commit, DeletePredecessor, GenerateCsr, Predecessor, Push, SubmitOrder
from tests.lifecycle.cases import DUE, GOOD, PROFILE, RUN, held
from tests.x509 import NOW

TO = "the template stack S1"
PANORAMA = replace(RUN, pushes_to=TO)
OLD = held(2, certificate=GOOD)
OBSERVED = Observation((OLD,), running=(OLD,), admin="svc")
BIND = Bind("www-3", (), (Predecessor("www-2", GOOD.sha256),))
DELETE = DeletePredecessor("www-2", GOOD.sha256)


def test_a_panorama_pushes_after_its_commit_and_keeps_predecessors_for_its_devices() -> None:
    assert move_steps(PROFILE, OBSERVED, "www-3", RUN) == (BIND, DELETE)
    assert move_steps(PROFILE, OBSERVED, "www-3", PANORAMA) == (BIND,)
    steps = install_steps(PROFILE, OBSERVED, "www-3", PANORAMA)
    assert steps[-3:-1] == (Commit("svc"), Push(TO))
    assert not any(isinstance(step, Push) for step in install_steps(PROFILE, OBSERVED, "www-3", RUN))


@pytest.mark.parametrize("owes", [True, False])
def test_predecessors_go_once_no_push_is_owed(owes: bool) -> None:
    observed = replace(OBSERVED, owes_push=owes)
    expected = () if owes else (BIND, DELETE, Commit("svc"), Push(TO))
    assert clean_up_steps(PROFILE, observed, "www-3", PANORAMA) == expected


@pytest.mark.parametrize(
    ("decision", "action"),
    [
        (Decision(State.VALID, Action.NONE, "valid", is_clean_up=True), Action.INSTALL),
        (Decision(State.PENDING, Action.COLLECT, "open"), Action.COLLECT),
        (Decision(State.VALID, Action.FAILED, "no", blocked=Blocked("bind", "no", "do")), Action.FAILED),
    ],
)
def test_a_push_that_is_owed_is_made_whatever_else_is_to_be_done(decision: Decision, action: Action) -> None:
    owing = Observation(owes_push=True)
    made = with_owed_push(owing, PANORAMA, decision)
    assert (made.steps, made.action, made.blocked) == ((Push(TO),), action, decision.blocked)
    assert not any(isinstance(step, (GenerateCsr, SubmitOrder)) for step in made.steps)
    for observed, request in (
        (Observation(), PANORAMA),
        (owing, RUN),
        (owing, replace(PANORAMA, enroll=False, renew=False)),
    ):
        assert with_owed_push(observed, request, decision) == decision


def test_a_push_is_not_made_twice_and_waits_for_the_commit_window() -> None:
    steps = (Commit("svc"), Push(TO))
    decision = Decision(State.VALID, Action.INSTALL, "to be bound", steps)
    assert with_owed_push(Observation(owes_push=True), PANORAMA, decision).steps == steps
    owed = with_owed_push(Observation(owes_push=True), PANORAMA, Decision(State.VALID, Action.NONE, "valid"))
    held_back = outside_window(owed, "Fri 22:00")
    assert held_back.steps == ()
    assert "Fri 22:00" in held_back.waits_for


@pytest.mark.parametrize("request_", [PANORAMA, replace(PANORAMA, renew_before_days=1)])
def test_a_push_that_is_owed_never_orders(request_: RunRequest) -> None:
    current = held(1, certificate=GOOD)
    observed = Observation((current,), running=(current,), service_profiles={}, admin="svc", owes_push=True)
    decision = decide(PROFILE, observed, request_, NOW)
    assert (decision.state, decision.action, decision.steps) == (State.VALID, Action.INSTALL, (Push(TO),))
    due = held(1, certificate=DUE)
    renewed = decide(PROFILE, replace(observed, generations=(due,), running=(due,)), request_, NOW)
    assert sum(isinstance(step, SubmitOrder) for step in renewed.steps) <= 1
