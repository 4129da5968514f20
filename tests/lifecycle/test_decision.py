"""The words of a decision, which the contract promises to whoever reads the report."""

from __future__ import annotations

from dataclasses import fields
from typing import get_args

import pytest

from paloaltofw.lifecycle.decision import Action, Blocked, Decision, Outcome, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.renewal_window import Window
from paloaltofw.lifecycle.steps import Predecessor, Step
from paloaltofw.lifecycle.succession import CertificateGeneration


def test_the_words_that_others_read_stay_as_they_are() -> None:
    assert {state.value for state in State} == {
        "absent", "pending", "valid", "due", "expired", "revoked", "mismatch", "unknown",
    }  # fmt: skip
    assert {action.value for action in Action} == {"none", "enroll", "renew", "collect", "install", "failed"}


def test_a_decision_is_no_mere_clean_up_unless_it_says_so() -> None:
    decision = Decision(State.VALID, Action.NONE, "valid")
    assert not decision.is_clean_up
    assert (decision.steps, decision.notes, decision.blocked, decision.alarm) == ((), (), None, None)


@pytest.mark.parametrize(
    "kind",
    [Blocked, CertificateGeneration, Decision, Observation, Outcome, Predecessor, RunRequest, Window, *get_args(Step)],
)
def test_what_was_decided_and_what_it_was_decided_from_cannot_be_changed(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


def test_what_nobody_observed_or_asked_for_is_nothing() -> None:
    """A default that says something would decide where nothing is known."""
    nothing: tuple[object, ...] = (None, False, "", (), frozenset())
    assert all(getattr(Observation(), field.name) in nothing for field in fields(Observation))
    request = RunRequest()
    assert request.pending_alarm == 7 * 86400
    assert all(getattr(request, field.name) in nothing for field in fields(request) if field.name != "pending_alarm")
    outcome = Outcome("www", "fw", State.VALID, Action.NONE)
    assert all(getattr(outcome, field.name) in nothing for field in fields(outcome)[4:])
    decision = Decision(State.VALID, Action.NONE, "valid")
    assert all(getattr(decision, field.name) in nothing for field in fields(decision)[3:])
    entry = CertificateGeneration(1, "www")
    assert all(getattr(entry, field.name) in nothing for field in fields(entry)[2:])
