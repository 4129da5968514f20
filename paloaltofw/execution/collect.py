"""The collection of the chain: all open orders are looked at together until they are issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, OrderFailed, ProofFailed, Refused
from paloaltofw.execution.context import CertificateTask, Context
from paloaltofw.execution.enroll import save_first_id
from paloaltofw.lifecycle.steps import Collect
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.pki.certificate import VerificationError, parse_certificates
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.scm.answers import NotReady, OrderState

# Seconds between two looks at open orders: quick at first, since DV takes seconds, then patient.
ISSUANCE_PAUSES = (2.0, 3.0, 5.0, 8.0, 13.0, 20.0)
ISSUANCE_PAUSE = 30.0


def collect(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Look at all open orders together until they are issued or the time to wait is over."""
    waiting = list(tasks)
    deadline = context.clock.monotonic() + context.wait
    looks = 0
    while waiting:
        for task in list(waiting):
            if _look(context, task, is_first=looks == 0):
                waiting.remove(task)
        pause = ISSUANCE_PAUSES[looks] if looks < len(ISSUANCE_PAUSES) else ISSUANCE_PAUSE
        left = deadline - context.clock.monotonic()
        if not waiting or left <= 0 or all(task.waits_for for task in waiting):
            break
        context.progress.waiting(context.firewall.id, f"{len(waiting)} orders to be issued")
        context.clock.sleep(min(pause, left))
        looks += 1
    for task in waiting:
        _leave_pending(context, task)


def _look(context: Context, task: CertificateTask, is_first: bool) -> bool:
    """Whether this order needs no further look: its chain is in hand, or it failed."""
    try:
        if is_first:
            save_first_id(context, task)  # a run that was killed right after the order may not have
        return _is_collected(context, task, is_first)
    except AgentError as error:
        task.error = error
        return True


def _is_collected(context: Context, task: CertificateTask, is_first: bool) -> bool:
    try:
        _download(context, task)
    except NotReady:
        # An order from an earlier run may have been declined, or wait for people: no use in waiting for those.
        if is_first and isinstance(task.decision.steps[0], Collect):
            _ask_status(context, task)
        return task.error is not None
    return True


def _download(context: Context, task: CertificateTask) -> None:
    assert task.order is not None and task.order.certificate_id is not None  # nosec B101  # narrows a type
    where = f"SCM account {task.profile.account}, order {task.order.certificate_id}"
    try:
        text = context.scm(task.profile.account).download(task.order.certificate_id)
    except Refused as refused:
        _note_failure(context, task, refused)
        raise
    try:
        task.chain = _chain(task, task.order, text)
    except VerificationError as error:
        remedy = "nothing was imported; look at the order in the SCM portal"
        raise ProofFailed(str(error), where, remedy) from None


def _chain(task: CertificateTask, order: OrderRecord, text: str) -> Chain:
    certificates = parse_certificates(text)
    if not certificates:
        raise NotReady("no certificate in the answer")
    if order.certificate_id == order.previous_certificate_id and all(
        c.spki_sha256 != order.spki_sha256 for c in certificates
    ):
        # replace may keep the ID (scm.md §2.5): then the old certificate is served until the new one is issued.
        raise NotReady("still the replaced certificate")
    chain = build_chain(certificates, order.spki_sha256)
    if order.same_key and any(
        chain.leaf.sha256 == generations.certificate.sha256
        for generations in task.observed.generations
        if generations.certificate
    ):
        raise NotReady("still the earlier certificate")
    return chain


def _note_failure(context: Context, task: CertificateTask, refused: Refused) -> None:
    """A refused download may mean that the order is dead: then that is recorded, so that nothing is retried blindly."""
    _ask_status(context, task)
    if task.error is not None:
        raise task.error from refused


def _ask_status(context: Context, task: CertificateTask) -> None:
    assert task.order is not None and task.order.certificate_id is not None  # nosec B101  # narrows a type
    status = context.scm(task.profile.account).status(task.order.certificate_id)
    if status.state is OrderState.PENDING:
        task.waits_for = status.waits_for
        return
    if status.state is OrderState.ISSUED:
        return
    failure = f"order {task.order.certificate_id} is {status.word.lower()} at SCM"
    task.order = replace(task.order, phase=Phase.FAILED.value, failure=failure)
    context.store.save_order(task.order)
    context.event(task, "failed: %s", status.word)
    remedy = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    task.error = OrderFailed(failure, f"SCM account {task.profile.account}", remedy)


def _leave_pending(context: Context, task: CertificateTask) -> None:
    try:
        if not task.waits_for:
            _ask_status(context, task)
    except AgentError as error:
        task.notes.append(f"what the order waits for could not be asked: {error}")
    if task.error is None:
        assert task.order is not None  # nosec B101  # narrows a type
        task.is_pending = True
        if task.order.waits_for != task.waits_for:
            task.order = replace(task.order, waits_for=task.waits_for)
            context.store.save_order(task.order)
        context.event(task, "left pending, waits for %s", task.waits_for or "SCM")
