"""What the other unit of an HA pair may say against an order."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.pair import held_by_peer, held_for_peer, missing_here
from paloaltofw.lifecycle.steps import Commit
from paloaltofw.model.records import InstalledRecord, OrderRecord, Phase
from tests import x509
from tests.lifecycle.cases import CSR, DUE, EXPIRED, GOOD, ORDER, OTHER, PROFILE, held

SECOND = replace(ORDER, entry="www-2")
PENDING = held(2, csr=CSR)
SECOND_OF_TIME = datetime.timedelta(seconds=1)
STRANGE_CSR = x509.csr(private_key=x509.key(7, "P384"))
INSTALLED = InstalledRecord("16", "www", "", "", "", chain=OTHER.pem)


def phased(phase: Phase) -> OrderRecord:
    return replace(SECOND, phase=phase.value)


MISSING = {
    "nothing is known": (Observation(), ""),
    "the key of an order is here": (Observation((held(csr=CSR),), order=ORDER), ""),
    "only the running configuration has it": (Observation(running=(held(csr=CSR),), order=ORDER), ""),
    "the key of an order is not here": (Observation(order=ORDER), "the key of order 17 (www)"),
    "the entry holds another key": (Observation((held(csr=STRANGE_CSR),), order=ORDER), "the key of order 17 (www)"),
    "nothing was ordered yet": (Observation(order=phased(Phase.READY)), ""),
    "an answer was lost": (
        Observation(order=replace(ORDER, phase=Phase.SUBMITTING.value, certificate_id=None)),
        "the key of order paloaltoagent-0 (www)",
    ),
    "the certificate in service is here": (Observation((held(certificate=OTHER),), installed=INSTALLED), ""),
    "another one is here": (
        Observation((held(), held(2, certificate=GOOD)), installed=INSTALLED), "the certificate that was in service (www)"
    ),
    "nothing is told of it": (Observation(installed=replace(INSTALLED, chain="")), ""),
    "it is not here": (Observation(installed=INSTALLED), "the certificate that was in service (www)"),
    "it has expired": (Observation(installed=replace(INSTALLED, chain=EXPIRED.pem)), ""),
    "it is revoked": (Observation(installed=replace(INSTALLED, revoked=True)), ""),
    "it cannot be read": (Observation(installed=replace(INSTALLED, chain="nonsense")), ""),
    "it is spoiled": (Observation(installed=replace(INSTALLED, chain=OTHER.pem.replace("M", "A"))), ""),
}  # fmt: skip


@pytest.mark.parametrize("title", MISSING)
def test_what_is_missing_here(title: str) -> None:
    observed, words = MISSING[title]
    assert missing_here(observed, x509.NOW) == words


HERE = held(certificate=x509.certificate(private_key=x509.key(9, "P384"), age=175))
HELD = {
    "the same on both": (Observation((HERE,)), Observation((HERE,)), ""),
    "nothing there": (Observation((HERE,), order=SECOND), Observation(), ""),
    "the ordered key is there": (Observation((HERE,), order=SECOND), Observation((HERE, PENDING)), "www-2 with a pending key"),
    "in the running configuration alone": (
        Observation((HERE,), order=SECOND), Observation((HERE,), running=(PENDING,)), "www-2 with a pending key"
    ),
    "a key for which nothing was ordered": (
        Observation((HERE,), order=phased(Phase.READY)), Observation((HERE, PENDING)), ""
    ),
    "a key that was being made": (
        Observation((HERE,), order=replace(phased(Phase.GENERATING), spki_sha256="")), Observation((HERE, PENDING)), ""
    ),
    "a key of which nothing is known": (Observation((HERE,)), Observation((HERE, PENDING)), "www-2 with a pending key"),
    "a newer certificate": (Observation((HERE,)), Observation((held(2, certificate=GOOD),)), "the certificate www-2"),
    "a newer one that has expired": (Observation((HERE,)), Observation((held(2, certificate=EXPIRED),)), ""),
    "an older one, of a unit that was away": (
        Observation((held(2, certificate=GOOD),)), Observation((held(1, certificate=DUE),)), ""
    ),
    "the certificate in service, of the same name": (
        Observation((HERE,), installed=INSTALLED), Observation((held(certificate=OTHER),)), "the certificate www"
    ),
    "the certificate of the open order": (
        Observation((HERE,), order=replace(ORDER, phase=Phase.ISSUED.value, spki_sha256=OTHER.spki_sha256)),
        Observation((held(certificate=OTHER),)), "the certificate www",
    ),
    "nothing here": (Observation(), Observation((held(csr=CSR),)), "www with a pending key"),
    "the ordered key under a name that is used here": (
        Observation((held(2, certificate=HERE.certificate),), order=SECOND), Observation((PENDING,)),
        "www-2 with a pending key",
    ),
    "another key than the ordered one, not newer": (
        Observation((held(2, certificate=HERE.certificate),), order=SECOND), Observation((held(csr=STRANGE_CSR),)), ""
    ),
    "a key of the same number": (
        Observation((held(2, certificate=HERE.certificate),)), Observation((held(2, csr=STRANGE_CSR),)), ""
    ),
    "a key that is here under another name": (
        Observation((held(csr=CSR),)), Observation((held(2, csr=CSR),)), ""
    ),
    "a key whose certificate is here": (
        Observation((held(certificate=GOOD),)), Observation((held(2, csr=CSR),)), ""
    ),
    "a certificate of the same number": (Observation((HERE,)), Observation((held(certificate=GOOD),)), ""),
    "an older certificate of another key than the ordered one": (
        Observation((held(2, certificate=HERE.certificate),), order=phased(Phase.ISSUED)),
        Observation((held(certificate=OTHER),)), "",
    ),
    "something that cannot be read": (Observation((HERE,)), Observation((held(2),)), "www-2 with a pending key"),
}  # fmt: skip


@pytest.mark.parametrize("title", HELD)
def test_what_the_other_unit_holds(title: str) -> None:
    observed, peer, words = HELD[title]
    assert held_by_peer(observed, peer, x509.NOW) == words


def test_what_ends_now_counts_no_more() -> None:
    newer = Observation((held(2, certificate=GOOD),))
    assert held_by_peer(Observation((HERE,)), newer, GOOD.not_after) == ""
    assert held_by_peer(Observation((HERE,)), newer, GOOD.not_after - SECOND_OF_TIME) == "the certificate www-2"
    in_service = Observation(installed=INSTALLED)
    assert missing_here(in_service, OTHER.not_after) == ""
    assert missing_here(in_service, OTHER.not_after - SECOND_OF_TIME) == "the certificate that was in service (www)"


def test_a_decision_that_is_held_says_nothing_of_a_loss() -> None:
    alarm = Blocked("key-lost", "the key is lost", "")
    lost = Decision(
        State.PENDING,
        Action.ENROLL,
        "lost",
        (Commit("svc"),),
        alarm=alarm,
        notes=("the key is lost",),
        waits_for="monday",
    )
    hint = (
        "bring the pair into step (fail back to the unit that has it, or synchronise from there), and the next run "
        "goes on; if it is of no use any more, run: paloaltoagent enroll --resubmit -p www"
    )
    assert held_for_peer(PROFILE, lost, "the other unit holds www-2") == Decision(
        State.PENDING, Action.FAILED, "the other unit holds www-2", (), waits_for="monday",
        blocked=Blocked("ha-key", "the other unit holds www-2", hint),
    )  # fmt: skip
