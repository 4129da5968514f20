"""The words of a decision, which the contract promises to whoever reads the report."""

from __future__ import annotations

from paloaltofw.lifecycle.decision import Action, Decision, State


def test_the_words_that_others_read_stay_as_they_are() -> None:
    assert {state.value for state in State} == {
        "absent", "pending", "valid", "due", "expired", "revoked", "mismatch", "unknown",
    }  # fmt: skip
    assert {action.value for action in Action} == {"none", "enroll", "renew", "collect", "install", "failed"}


def test_a_decision_is_no_mere_clean_up_unless_it_says_so() -> None:
    decision = Decision(State.VALID, Action.NONE, "valid")
    assert not decision.is_clean_up
    assert (decision.steps, decision.notes, decision.blocked, decision.alarm) == ((), (), None, None)
