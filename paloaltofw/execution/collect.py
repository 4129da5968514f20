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
from paloaltofw.pki.certificate import VerificationError, parse_certificates
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.scm.answers import NotReady, OrderState

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
        context.progress.waiting(context.firewall.id, f"{len(waiting)} orders to be issued")
        context.clock.sleep(min(pause, left))
        looks += 1
    for task, order in waiting:
        _leave_pending(context, task, order)


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
        if is_first and isinstance(task.decision.steps[0], Collect):
            _ask_status(context, task, order)
        return task.error is not None
    return True


def _download(context: Context, task: CertificateTask, order: Ordered) -> None:
    where = f"SCM account {task.profile.account}, order {order.certificate_id}"
    try:
        text = context.scm(task.profile.account).download(order.certificate_id).decode("ascii", "replace")
    except Refused as refused:
        _note_failure(context, task, order, refused)
        raise
    try:
        task.phase = Delivered(order.record, order.certificate_id, _chain(task, order, text))
    except VerificationError as error:
        remedy = "nothing was imported; look at the order in the SCM portal"
        raise ProofFailed(str(error), where, remedy) from None


def _chain(task: CertificateTask, order: Ordered, text: str) -> Chain:
    record = order.record
    certificates = parse_certificates(text)
    if not certificates:
        raise NotReady("no certificate in the answer")
    keeps_id = order.certificate_id == record.previous_certificate_id
    if keeps_id and all(item.spki_sha256 != record.spki_sha256 for item in certificates):
        # replace may keep the ID (scm.md §2.5): then the old certificate is served until the new one is issued.
        raise NotReady("still the replaced certificate")
    chain = build_chain(certificates, record.spki_sha256)
    present = {item.certificate.sha256 for item in task.observed.generations if item.certificate}
    if record.same_key and chain.leaf.sha256 in present:
        raise NotReady("still the earlier certificate")
    return chain


def _note_failure(context: Context, task: CertificateTask, order: Ordered, refused: Refused) -> None:
    """A refused download may mean that the order is dead: then that is recorded, so that nothing is retried blindly."""
    _ask_status(context, task, order)
    if task.error is not None:
        raise task.error from refused


def _ask_status(context: Context, task: CertificateTask, order: Ordered) -> None:
    status = context.scm(task.profile.account).status(order.certificate_id)
    if status.state is OrderState.PENDING:
        task.waits_for = status.waits_for
        return
    if status.state is OrderState.ISSUED:
        return
    failure = f"order {order.certificate_id} is {status.word.lower()} at SCM"
    record = replace(order.record, phase=Phase.FAILED.value, failure=failure)
    context.store.save_order(record)
    task.phase = Failed(record)
    context.task_event(task, "failed: %s", status.word)
    remedy = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    task.error = OrderFailed(failure, f"SCM account {task.profile.account}", remedy)


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
