"""The steps that make an order: key and CSR on the firewall, the order at SCM."""

from __future__ import annotations

import secrets
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AnswerLost, PeerError, ProofFailed, Refused
from paloaltofw.execution.context import Context
from paloaltofw.execution.task import CertificateTask, Ordered, Planned, Requested, TaskPhase
from paloaltofw.lifecycle.inputs import requested_digest
from paloaltofw.lifecycle.steps import AdoptCsr, GenerateCsr, SubmitOrder
from paloaltofw.lifecycle.succession import CertificateGeneration, requirements
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.panos.commands import CsrRequest
from paloaltofw.pki.certificate import Csr, VerificationError, parse_csr
from paloaltofw.pki.verification import verify_csr
from paloaltofw.scm.client import OrderRequest
from paloaltofw.scm.codes import RENEWAL_REFUSED

REFERENCE_PREFIX = "paloaltoagent-"


# --- key and CSR ---------------------------------------------------------------------------------------------------


def generate_csr(context: Context, task: CertificateTask, step: GenerateCsr, phase: TaskPhase) -> None:
    """Let the firewall make key and CSR. The name is in the journal before it is used."""
    record = _new_record(context, task, step.entry)
    context.store.save_order(record)
    context.has_changed = True
    try:
        context.retry_while_busy(lambda: context.client.generate_csr(_csr_request(task, step.entry)))
    except AnswerLost:
        # Whether it was carried out can be seen: the CSR is there or not.
        if not context.client.csr(step.entry):
            raise
    context.event(task.profile, None, "CSR generated as %s (%s)", step.entry, step.key)
    task.phase = _with_csr(context, task, record)


def adopt_csr(context: Context, task: CertificateTask, step: AdoptCsr, phase: TaskPhase) -> None:
    """Use the CSR that waits on the firewall."""
    record = phase.record
    if record is None or record.entry != step.entry:
        record = _new_record(context, task, step.entry)
        context.store.save_order(record)
    context.event(task.profile, record.certificate_id, "pending CSR %s is used", step.entry)
    task.phase = _with_csr(context, task, record)


def _new_record(context: Context, task: CertificateTask, entry: str) -> OrderRecord:
    submit = next(step for step in task.decision.steps if isinstance(step, SubmitOrder))
    return OrderRecord(
        profile=task.profile.id,
        firewall=context.firewall.id,
        entry=entry,
        operation=submit.operation,
        phase=Phase.GENERATING.value,
        requested=requested_digest(task.profile),
        reference=REFERENCE_PREFIX + secrets.token_hex(6),
        reason=task.decision.reason,
        created_at=format_time(context.clock.now()),
        previous_certificate_id=submit.previous_certificate_id,
        superseded_certificate_id=task.observed.certificate_id if task.revokes_predecessor else None,
    )


def _csr_request(task: CertificateTask, entry: str) -> CsrRequest:
    profile = task.profile
    subject, sans = profile.subject, profile.sans
    return CsrRequest(
        certificate_name=entry, common_name=subject.common_name, key_type=profile.key.type, key_bits=profile.key.bits,
        country=subject.country, state=subject.state, locality=subject.locality, organization=subject.organization,
        organizational_unit=subject.organizational_unit, email=subject.email, dns=sans.dns, ip=sans.ip,
        alt_email=sans.email,
    )  # fmt: skip


def _with_csr(context: Context, task: CertificateTask, record: OrderRecord) -> Requested:
    """See that the firewall made the CSR that was asked for, and keep it in the journal."""
    csr = read_csr(context, record.entry)
    try:
        verify_csr(csr, requirements(task.profile))
    except VerificationError as error:
        remedy = f"nothing was ordered; delete the entry {record.entry} on the firewall if it is not needed"
        raise ProofFailed(str(error), f"{context.firewall.title}, CSR {record.entry}", remedy) from None
    record = replace(record, phase=Phase.READY.value, csr=csr.pem, csr_sha256=csr.sha256, spki_sha256=csr.spki_sha256)
    context.store.save_order(record)
    return Requested(record, csr)


def read_csr(context: Context, entry: str) -> Csr:
    """The CSR of an entry on the firewall; raises ProofFailed if there is none."""
    try:
        return parse_csr(context.client.csr(entry))
    except VerificationError as error:
        where = f"{context.firewall.title}, CSR {entry}"
        raise ProofFailed(str(error), where, "the next run looks again and starts anew if the key is lost") from None


# --- order ---------------------------------------------------------------------------------------------------------


def submit_order(context: Context, task: CertificateTask, step: SubmitOrder, phase: Planned | Requested) -> None:
    """Send the order: the intent is on the disk before, the certificate ID right after."""
    if isinstance(phase, Planned):
        phase = _same_key_request(context, task)
    try:
        _send_order(context, task, phase)
    except Refused as refused:
        if not _may_enroll_instead(phase, refused):
            raise
        context.event(task.profile, None, "%s refused (%s), enroll instead", step.operation, refused.what)
        task.notes.append(f"SCM refused to {step.operation} ({refused.what}), so a new order was made")
        _send_order(context, task, replace(phase, record=replace(phase.record, operation="enroll")))


def _same_key_request(context: Context, task: CertificateTask) -> Requested:
    """An order for the key in service: its CSR is used where it is still known, else SCM's copy of it."""
    current = next(item for item in task.observed.generations if item.name == task.decision.in_service)
    spki_sha256 = current.certificate.spki_sha256 if current.certificate else ""
    csr = _known_csr(task, current, spki_sha256)
    record = replace(
        _new_record(context, task, current.name),
        phase=Phase.READY.value,
        same_key=True,
        csr=csr.pem if csr else "",
        csr_sha256=csr.sha256 if csr else "",
        spki_sha256=spki_sha256,
    )
    return Requested(record, csr)


def _known_csr(task: CertificateTask, current: CertificateGeneration, spki_sha256: str) -> Csr | None:
    installed = task.observed.installed
    csr = current.csr or (parse_csr(installed.csr) if installed and installed.csr else None)
    return csr if csr is not None and csr.spki_sha256 == spki_sha256 else None


def _may_enroll_instead(phase: Requested, refused: Refused) -> bool:
    """Renew and replace may be refused for many reasons; enroll is the way out where the CSR is known (scm.md §2.5)."""
    is_renewal = phase.record.operation != "enroll"
    return refused.peer_code in RENEWAL_REFUSED and is_renewal and phase.csr is not None


def _send_order(context: Context, task: CertificateTask, phase: Requested) -> None:
    before = phase.record
    record = replace(before, phase=Phase.SUBMITTING.value, submissions=before.submissions + 1)
    context.store.save_order(record)
    try:
        certificate_id = _call_scm(context, task, replace(phase, record=record))
    except AnswerLost as lost:
        where = f"{lost.where}, comment {record.reference!r}"
        raise AnswerLost(lost.what, where, _what_next(context, task)) from None
    except PeerError:
        # Every other answer means that nothing was ordered now; an earlier order whose answer was lost stays unknown.
        was_lost = before.phase == Phase.SUBMITTING
        record = replace(before, phase=Phase.SUBMITTING.value if was_lost else Phase.READY.value)
        context.store.save_order(record)
        raise
    now = format_time(context.clock.now())
    record = replace(record, phase=Phase.ORDERED.value, certificate_id=certificate_id, ordered_at=now)
    context.store.save_order(record)
    task.phase = Ordered(record, certificate_id)
    save_first_id(context, task, certificate_id)
    context.task_event(task, "ordered (%s, account %s)", record.operation, task.profile.account)


def _what_next(context: Context, task: CertificateTask) -> str:
    if context.settings.lost_answer == "hold":
        return f"look in the SCM portal, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    return "look in the SCM portal; the next run sends the same CSR again"


def save_first_id(context: Context, task: CertificateTask, certificate_id: str) -> None:
    """The .ids file holds the first order's ID from the moment SCM names it; later ones wait for installation."""
    if context.store.load_certificate_id(task.profile.id) is None:
        context.store.save_certificate_id(task.profile.id, certificate_id)


def _call_scm(context: Context, task: CertificateTask, phase: Requested) -> str:
    record, scm = phase.record, context.scm(task.profile.account)
    request = OrderRequest(
        csr=phase.csr.base64 if phase.csr else None,
        sans=task.profile.sans.all,
        comments=f"{task.profile.comments} [{record.reference}]".strip(),
        external_requester=task.profile.external_requester,
        custom_fields=task.profile.custom_fields,
    )
    if record.operation == "enroll" or record.previous_certificate_id is None:
        return scm.enroll(request)
    operation = scm.renew if record.operation == "renew" else scm.replace
    return operation(record.previous_certificate_id, request)
