"""Plans while the commit window is closed."""

from __future__ import annotations

from paloaltofw.lifecycle.decision import Action, Decision, State
from paloaltofw.lifecycle.plans import outside_window
from paloaltofw.lifecycle.steps import (
    Bind,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    ImportChain,
    Prove,
    RecordId,
    SubmitOrder,
)
from paloaltofw.model.certificate_profile import KeySpec

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
