"""The plan of a dry run, and the question before costly orders."""

from __future__ import annotations

from typing import Any

import pytest

from paloaltofw.lifecycle.decision import Action, Outcome, State
from paloaltofw.lifecycle.steps import (
    Bind,
    Collect,
    Commit,
    GenerateCsr,
    ImportCertificate,
    Prove,
    RecordId,
    SubmitOrder,
)
from paloaltofw.model.certificate_profile import CertificateProfile, KeySpec, Sans, Subject
from paloaltofw.reporting.plan_text import MOST_LISTED, plan, question, summary
from tests.reporting.outcomes import DOWN, outcome

KEY = KeySpec("RSA", 2048)
INSTALL = (Prove(), ImportCertificate("x"), Commit("svc"), RecordId("x"))
ORDER = (GenerateCsr("x", KEY), SubmitOrder("enroll", "A", "DV"), Collect(None), *INSTALL)
COLLECT = (Collect("1"), *INSTALL)
BIND = (Bind("x", ("p",)), Commit("svc"))
PREPARE = ORDER[:3]


def profile(name: str) -> CertificateProfile:
    sans = Sans(dns=(f"{name}.example.com", "more.example.com"), ip=("192.0.2.1",))
    return CertificateProfile(name, name, "DV", "A", "fw", Subject(f"{name}.example.com"), sans, KEY)


def planned(name: str, firewall: str, *steps: object, **more: Any) -> Outcome:
    return outcome(name, State.DUE, Action.RENEW, firewall=firewall, steps=steps, **more)


@pytest.mark.parametrize(
    ("outcomes", "text"),
    [
        ([planned("a", "1", *ORDER), planned("b", "1", *ORDER), planned("c", "2", *INSTALL)], "2 to order, 1 to install, 2 commits on 2 firewalls"),
        ([planned("a", "1", *ORDER)], "1 to order, 1 commit on 1 firewall"),
        ([planned("a", "1", *COLLECT), planned("b", "1", *BIND)], "1 to collect, 1 to install, 1 commit on 1 firewall"),
        ([planned("a", "1", *PREPARE)], "1 to order"),
        ([planned("a", "1"), planned("b", "1", error=DOWN)], "1 failed, 1 with nothing to do"),
        ([], "nothing to do"),
    ],
)  # fmt: skip
def test_the_summary_counts_what_will_be_done(outcomes: list[Outcome], text: str) -> None:
    assert summary(outcomes) == text


def test_a_plan_begins_with_its_summary_and_names_all_names() -> None:
    lines = plan([planned("a", "1", *ORDER), planned("b", "1")], [profile("a"), profile("b")]).splitlines()
    assert lines[0] == "Plan: 1 to order, 1 commit on 1 firewall, 1 with nothing to do"
    assert lines[1] == "a on 1: because of a"
    assert lines[2] == "     names: a.example.com, more.example.com, 192.0.2.1"
    assert lines[3] == "   1 generate key and CSR: x, RSA 2048"
    assert lines[-2:] == ["b on 1: because of b", "   - nothing to do"]


def test_the_question_counts_nothing_where_nothing_is_ordered() -> None:
    assert question([planned("a", "1", *COLLECT)], [profile("a")]) == ["This makes no order"]


def test_the_question_lists_the_first_orders_and_counts_all() -> None:
    names = [f"p{number}" for number in range(MOST_LISTED + 3)]
    lines = question([planned(name, name, *ORDER) for name in names], map(profile, names))
    assert lines[0] == f"This makes {len(names)} orders on {len(names)} firewalls:"
    assert len(lines) == MOST_LISTED + 2
    assert lines[-1] == "  and 3 more; --dry-run shows all"
