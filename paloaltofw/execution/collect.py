"""The collection of the chain: all open orders are looked at together until they are issued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, OrderFailed, ProofFailed, Refused
from paloaltofw.execution.context import Context
from paloaltofw.execution.enroll import save_first_id
from paloaltofw.execution.task import CertificateTask, Delivered, Failed, Ordered
from paloaltofw.lifecycle.steps import Collect
from paloaltofw.model.records import Phase
from paloaltofw.pki.certificate import VerificationError
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.pki.delivery import read_delivery
from paloaltofw.scm.answers import NotReady, OrderState
from paloaltofw.scm.codes import UNKNOWN_ID

# Seconds between two looks at open orders: quick at first, since DV takes seconds, then patient.
ISSUANCE_PAUSES = (2.0, 3.0, 5.0, 8.0, 13.0, 20.0)
ISSUANCE_PAUSE = 30.0


def collect(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Look at all open orders together until they are issued or the time to wait is over."""
    waiting = [(task, task.phase) for task in tasks if task.is_open and isinstance(task.phase, Ordered)]
    deadline = context.clock.monotonic() + context.wait
    looks = 0
    while waiting:
        waiting = [(task, order) for task, order in waiting if not _is_done(context, task, order, is_first=looks == 0)]
        pause = ISSUANCE_PAUSES[looks] if looks < len(ISSUANCE_PAUSES) else ISSUANCE_PAUSE
        left = deadline - context.clock.monotonic()
        if not waiting or left <= 0 or all(task.waits_for for task, _ in waiting):
            break
        context.progress.waiting(context.firewall.id, f"{_orders(len(waiting))} to be issued")
        context.clock.sleep(min(pause, left))
        looks += 1
    for task, order in waiting:
        _leave_pending(context, task, order)


def _orders(number: int) -> str:
    return "1 order" if number == 1 else f"{number} orders"


def _is_done(context: Context, task: CertificateTask, order: Ordered, is_first: bool) -> bool:
    """Whether this order needs no further look: its chain is in hand, or it failed."""
    try:
        if is_first:
            # A run that was killed right after the order may not have saved it.
            save_first_id(context, task, order.certificate_id)
        return _is_collected(context, task, order, is_first)
    except AgentError as error:
        task.error = error
        return True


def _is_collected(context: Context, task: CertificateTask, order: Ordered, is_first: bool) -> bool:
    try:
        _download(context, task, order)
    except NotReady:
        # An order from an earlier run may have been declined, or wait for people: no use in waiting for those.
        if is_first and isinstance(task.decision.steps[0], Collect) and not task.waits_for:
            _ask_status(context, task, order)
        return task.error is not None
    return True


def _download(context: Context, task: CertificateTask, order: Ordered) -> None:
    where = _where(task, order)
    try:
        answer = context.scm_of(order.record, task.profile).download(order.certificate_id)
    except Refused as refused:
        _settle(context, task, order, refused)
        return
    try:
        chain = _chain(context, task, order, answer)
    except VerificationError as error:
        raise ProofFailed(str(error), where, _another(task)) from None
    task.phase = Delivered(order.record, order.certificate_id, chain)


def _where(task: CertificateTask, order: Ordered) -> str:
    return f"SCM account {order.record.account or task.profile.account}, order {order.certificate_id}"


def _another(task: CertificateTask) -> str:
    """The way out where an order gives nothing that can be used."""
    return (
        "nothing was imported; look at the order in the SCM portal, or order again: "
        f"paloaltoagent enroll --resubmit -p {task.profile.id}"
    )


def _chain(context: Context, task: CertificateTask, order: Ordered, answer: bytes) -> Chain:
    record = order.record
    delivery = read_delivery(answer)
    if not delivery.certificates:
        if delivery.unreadable:
            raise VerificationError("the delivered answer holds no certificate that can be read")
        raise NotReady("no certificate in the answer")
    if delivery.unreadable:
        task.notes.append(f"SCM delivered {delivery.unreadable} blocks that cannot be read besides the certificates")
    keeps_id = order.certificate_id == record.previous_certificate_id
    if keeps_id and all(item.spki_sha256 != record.spki_sha256 for item in delivery.certificates):
        # replace may keep the ID (scm.md §2.5): then the old certificate is served until the new one is issued.
        raise NotReady("still the replaced certificate")
    chain = build_chain(delivery.certificates, record.spki_sha256, context.clock.now())
    present = {item.certificate.sha256 for item in task.observed.generations if item.certificate}
    if record.same_key and chain.leaf.sha256 in present:
        raise NotReady("still the earlier certificate")
    return chain


def _settle(context: Context, task: CertificateTask, order: Ordered, refused: Refused) -> None:
    """A refused download is a question, and the status answers it: only a final one, or an ID that both ways call
    unknown, is a failure that is recorded, so that nothing is retried blindly.
    """
    try:
        state = _ask_status(context, task, order)
    except Refused as again:
        if not {refused.peer_code, again.peer_code} <= UNKNOWN_ID:
            raise
        _note_failure(context, task, order, "is unknown to SCM")
        return
    if state is OrderState.PENDING:
        raise NotReady(refused.what)
    if state is OrderState.ISSUED:
        raise Refused(refused.what, refused.where, "the next run tries again", refused.peer_code)


def _ask_status(context: Context, task: CertificateTask, order: Ordered) -> OrderState:
    """Ask how an order stands; a final word is recorded, and becomes the task's error."""
    status = context.scm_of(order.record, task.profile).status(order.certificate_id)
    if status.state is OrderState.PENDING:
        task.waits_for = status.waits_for
    elif status.state is not OrderState.ISSUED:
        _note_failure(context, task, order, f"is {status.word.lower()} at SCM")
    return status.state


def _note_failure(context: Context, task: CertificateTask, order: Ordered, words: str) -> None:
    failure = f"order {order.certificate_id} {words}"
    record = replace(order.record, phase=Phase.FAILED.value, failure=failure)
    context.store.save_order(record)
    task.phase = Failed(record)
    context.task_event(task, "failed: %s", words)
    remedy = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    account = order.record.account or task.profile.account
    task.error = OrderFailed(failure, f"SCM account {account}", remedy)


def _leave_pending(context: Context, task: CertificateTask, order: Ordered) -> None:
    try:
        if not task.waits_for:
            _ask_status(context, task, order)
    except AgentError as error:
        task.notes.append(f"what the order waits for could not be asked: {error}")
    if task.error is not None:
        return
    task.is_pending = True
    if order.record.waits_for != task.waits_for:
        record = replace(order.record, waits_for=task.waits_for)
        context.store.save_order(record)
        task.phase = replace(order, record=record)
    context.task_event(task, "left pending, waits for %s", task.waits_for or "SCM")
