"""What is done while an order is open."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.steps import SubmitOrder
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.records import Phase
from tests import x509
from tests.lifecycle.cases import CSR, DUE, FULL, IMPORTED, ORDER, PENDING, PROFILE, RUN, held, kinds


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
