"""What a plan says: `--dry-run` prints these words, and the log repeats them."""

from __future__ import annotations

from typing import get_args

import pytest

from paloaltofw.lifecycle.decision import Action, Blocked, Outcome, State
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Bind,
    CheckService,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    GoBack,
    ImportCertificate,
    ImportChain,
    NoteServed,
    Predecessor,
    Prove,
    Push,
    RecordId,
    RemoveUnproven,
    RevokePredecessor,
    Stage,
    Step,
    SubmitOrder,
)
from paloaltofw.model.certificate_profile import KeySpec
from paloaltofw.model.serve_check import Endpoint

OLD, OLDER = Predecessor("www", "aa"), Predecessor("www-2", "bb")
TEXTS: list[tuple[Step, Stage, str]] = [
    (GenerateCsr("www", KeySpec("ECDSA", 256)), Stage.ORDER, "www, ECDSA P-256"),
    (RemoveUnproven("www", "aa"), Stage.ORDER, "www"),
    (AdoptCsr("www"), Stage.ORDER, "www, the pending CSR on the firewall"),
    (SubmitOrder("enroll", "A", "DV"), Stage.ORDER, "enroll, account A (DV)"),
    (SubmitOrder("renew", "A", "OV", "9"), Stage.ORDER, "renew, account A (OV), certificate ID 9"),
    (
        SubmitOrder("replace", "A", "EV", "9", is_resubmission=True),
        Stage.ORDER,
        "replace, account A (EV), certificate ID 9, the same CSR again after a lost answer",
    ),
    (Collect("17"), Stage.COLLECT, "order 17"),
    (Collect(None), Stage.COLLECT, "the order of the step before"),
    (Prove(), Stage.INSTALL, "key, names, chain, dates"),
    (ImportChain(), Stage.INSTALL, "the intermediates that the firewall lacks"),
    (ImportCertificate("www"), Stage.INSTALL, "www"),
    (ImportCertificate("www", with_chain=True), Stage.INSTALL, "www, with its intermediates"),
    (Bind("www-3", ("vpn", "web")), Stage.SERVE, "vpn, web to www-3"),
    (Bind("www-3", (), (OLD,)), Stage.SERVE, "every SSL/TLS service profile that serves www to www-3"),
    (
        Bind("www-3", ("vpn",), (OLD, OLDER)),
        Stage.SERVE,
        "vpn and every SSL/TLS service profile that serves www, www-2 to www-3",
    ),
    (DeletePredecessor("www", "aa"), Stage.SERVE, "www, unless something still refers to it"),
    (Commit("svc"), Stage.COMMIT, "changes of svc only"),
    (Push("the template stack S1"), Stage.PUSH, "changes of the agent's administrator only, to the template stack S1"),
    (RecordId("www"), Stage.RECORD, "www.ids"),
    (NoteServed("www-2", (OLD,)), Stage.SERVE, "before www-2"),
    (RevokePredecessor("9", "A"), Stage.RECORD, "certificate ID 9, unless something still refers to it"),
    (
        CheckService("www-2", (Endpoint("vpn.example.com", 443, "vpn.example.com"), Endpoint("192.0.2.7", 443))),
        Stage.CHECK,
        "www-2, at vpn.example.com:443, 192.0.2.7:443",
    ),
    (GoBack("www-2"), Stage.CHECK, "from www-2"),
]


@pytest.mark.parametrize(("step", "stage", "text"), TEXTS)
def test_a_step_says_what_it_works_on(step: Step, stage: Stage, text: str) -> None:
    assert (step.stage, str(step)) == (stage, text)


WORDS = {
    GenerateCsr: "generate key and CSR", RemoveUnproven: "remove the CSR that was not asked for",
    AdoptCsr: "use the pending CSR", SubmitOrder: "order the certificate", Collect: "collect the certificate",
    Prove: "verify key, names and chain", ImportChain: "import the intermediates",
    ImportCertificate: "import the certificate", Bind: "move service profiles",
    DeletePredecessor: "delete the predecessor", Commit: "commit", Push: "push to the devices",
    RecordId: "save the certificate ID",
    NoteServed: "note what is served now", RevokePredecessor: "revoke the predecessor",
    CheckService: "ask who serves it", GoBack: "go back to the predecessor",
}  # fmt: skip


def test_the_words_of_a_step_are_what_logs_and_plans_are_searched_for() -> None:
    assert {kind: kind.words for kind in get_args(Step)} == WORDS


def test_every_step_is_told_apart_by_its_words() -> None:
    kinds = {type(step) for step, _, _ in TEXTS}
    assert kinds == set(get_args(Step))
    assert len({kind.words for kind in kinds}) == len(kinds)
    # Values, which nobody changes after the plan was shown.
    assert len({step for step, _, _ in TEXTS}) == len(TEXTS)


def test_a_firewall_is_ordered_for_before_it_is_changed_and_committed_once_for_all() -> None:
    assert [stage.name for stage in sorted(Stage)] == [
        "ORDER", "COLLECT", "INSTALL", "SERVE", "COMMIT", "PUSH", "RECORD", "CHECK"
    ]  # fmt: skip


BLOCKED = Blocked("absent", "it is not there", "run: paloaltoagent enroll")


def test_what_is_blocked_is_one_sentence_with_what_to_do() -> None:
    assert str(BLOCKED) == "it is not there; run: paloaltoagent enroll"


@pytest.mark.parametrize(
    ("address", "message", "title"),
    [
        ("192.0.2.1", "it is not there", "fw (192.0.2.1)"),
        ("", "it is not there", "fw"),
        ("192.0.2.1", "firewall fw (192.0.2.1) does not answer", ""),
        ("192.0.2.1", "firewall fw does not answer", "fw (192.0.2.1)"),
        ("", "firewall fw does not answer", ""),
        ("192.0.2.1", None, "fw (192.0.2.1)"),
        ("", None, "fw"),
    ],
)
def test_a_report_names_the_firewall_once(address: str, message: str | None, title: str) -> None:
    error = Blocked("code", message, "look at it") if message else None
    outcome = Outcome("www", "fw", State.UNKNOWN, Action.FAILED, error=error, address=address)
    assert outcome.firewall_title == title
