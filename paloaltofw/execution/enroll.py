"""The steps that make an order: key and CSR on the firewall, the order at SCM."""

from __future__ import annotations

import secrets
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AnswerLost, OrderWithoutId, PeerError, PermissionDenied, PlanBlocked, ProofFailed, Refused
from paloaltofw.execution import ledger, template_key
from paloaltofw.execution.context import Context
from paloaltofw.execution.task import CertificateTask, Ordered, Planned, Requested, TaskPhase
from paloaltofw.lifecycle.requested import change_since, ordered_requirements, requested_of
from paloaltofw.lifecycle.resume import MAX_SUBMISSIONS
from paloaltofw.lifecycle.steps import AdoptCsr, GenerateCsr, RemoveUnproven, SubmitOrder
from paloaltofw.lifecycle.succession import CertificateGeneration, requirements
from paloaltofw.model.records import Answer, OrderRecord, Phase
from paloaltofw.panos.commands import CsrRequest
from paloaltofw.pki.certificate import Csr, VerificationError, parse_csr
from paloaltofw.pki.verification import subject_difference, verify_csr
from paloaltofw.scm.client import OrderRequest

# Not offered by any release that is documented (panos.md §11).
P521_BITS = 521
REFERENCE_PREFIX = "paloaltoagent-"


# --- key and CSR ---------------------------------------------------------------------------------------------------


def generate_csr(context: Context, task: CertificateTask, step: GenerateCsr, phase: TaskPhase) -> None:
    """Let the firewall make key and CSR. The name is in the journal before it is used."""
    _ensure_free(context, step.entry)
    template_key.ensure_free_elsewhere(context, task, step.entry, phase)
    _keep_open_order(context, task, phase)
    record = _new_record(context, task, step.entry)
    context.store.save_order(record)
    context.has_changed = True
    with template_key.made_in_place(context, task, step.entry):
        _generate(context, task, step)
    context.event(task.profile, None, "CSR generated as %s (%s)", step.entry, step.key)
    task.phase = _with_csr(context, task, record)


def _generate(context: Context, task: CertificateTask, step: GenerateCsr) -> None:
    """Ask for key and CSR; whether a lost request was carried out can be seen."""
    try:
        context.change(lambda: context.client.generate_csr(_csr_request(task, step.entry)))
    except AnswerLost:
        # Whether it was carried out can be seen: the CSR is there or not.
        if not context.client.csr(step.entry):
            raise
    except Refused as refused:
        if step.key.bits != P521_BITS:
            raise
        remedy = "PAN-OS offers P-256 and P-384 only: set curve: P384 in the profile"
        raise Refused(refused.what, refused.where, remedy, refused.peer_code) from None


def _ensure_free(context: Context, entry: str) -> None:
    """Nobody took the name since the plan was made: a device may overwrite what is there (panos.md §4)."""
    if context.client.certificate(entry) is not None:
        what = f"somebody has made an entry {entry} meanwhile"
        raise PlanBlocked(what, context.firewall.title, "nothing was made; the next run looks again")


def _keep_open_order(context: Context, task: CertificateTask, phase: TaskPhase) -> None:
    """The record of an order that SCM holds, and that another takes the place of, is kept for a person to look at."""
    if isinstance(phase, Ordered):
        context.store.set_aside_order(task.profile.id)


def adopt_csr(context: Context, task: CertificateTask, step: AdoptCsr, phase: TaskPhase) -> None:
    """Use the CSR that waits on the firewall."""
    template_key.release_session(context)
    record = phase.record
    if record is None or record.entry != step.entry:
        record = _new_record(context, task, step.entry)
        context.store.save_order(record)
    context.event(task.profile, record.certificate_id, "pending CSR %s is used", step.entry)
    task.phase = _with_csr(context, task, record)


def remove_unproven(context: Context, task: CertificateTask, step: RemoveUnproven, phase: TaskPhase) -> None:
    """Remove a CSR that the agent had made and that is not what was asked for; nothing was ordered for it."""
    entry = context.client.certificate(step.entry)
    if entry is None:
        return
    if entry.certificate_pem or read_csr(context, step.entry).spki_sha256 != step.spki_sha256:
        where = f"{context.firewall.title}, entry {step.entry}"
        raise PlanBlocked("it holds something else than a moment ago", where, "the next run looks again")
    context.has_changed = True
    context.change(lambda: context.client.delete_certificate(step.entry))
    context.event(task.profile, None, "CSR %s, which is not what was asked for, is removed", step.entry)


def _new_record(context: Context, task: CertificateTask, entry: str) -> OrderRecord:
    submit = next(step for step in task.decision.steps if isinstance(step, SubmitOrder))
    return OrderRecord(
        profile=task.profile.id,
        firewall=context.firewall.id,
        entry=entry,
        operation=submit.operation,
        phase=Phase.GENERATING.value,
        requested=requested_of(task.profile),
        reference=REFERENCE_PREFIX + secrets.token_hex(6),
        reason=task.decision.reason,
        created_at=format_time(context.clock.now()),
        previous_certificate_id=submit.previous_certificate_id,
        superseded_certificate_id=task.observed.certificate_id if task.revokes_predecessor else None,
        account=task.profile.account,
        is_automatic=not task.is_asked_for,
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
    """See that the firewall made the CSR that was asked for and holds its key, and keep the CSR in the journal."""
    csr = _seen_with_key(context, record.entry)
    try:
        verify_csr(csr, requirements(task.profile))
    except VerificationError as error:
        # The next run knows by this that the CSR is the agent's own work, and removes it before it makes another.
        context.store.save_order(replace(record, phase=Phase.GENERATING.value, spki_sha256=csr.spki_sha256))
        remedy = f"nothing was ordered; delete the entry {record.entry} on the firewall if it is not needed"
        raise ProofFailed(str(error), f"{context.firewall.title}, CSR {record.entry}", remedy) from None
    difference = subject_difference(csr, requirements(task.profile))
    if difference is not None:
        task.notes.append(f"{difference}; SCM puts what it has validated into the certificate")
    record = replace(record, phase=Phase.READY.value, csr=csr.pem, csr_sha256=csr.sha256, spki_sha256=csr.spki_sha256)
    context.store.save_order(record)
    return Requested(record, csr)


def _seen_with_key(context: Context, name: str) -> Csr:
    """The CSR of an entry whose key is seen too: shown, or proven by an export. Raises ProofFailed."""
    entry = context.client.certificate(name)
    shown = entry.csr_pem if entry else ""
    if entry is not None and shown and entry.has_private_key:
        return _parsed(context, name, shown)
    exported = _parsed(context, name, context.client.exported_csr(name))
    if shown and _parsed(context, name, shown).spki_sha256 != exported.spki_sha256:
        where = f"{context.firewall.title}, CSR {name}"
        raise ProofFailed("the export gives another CSR than the configuration", where, "look at the entry")
    return exported


def read_csr(context: Context, entry: str) -> Csr:
    """The CSR of an entry on the firewall; raises ProofFailed if there is none."""
    return _parsed(context, entry, context.client.csr(entry))


def _parsed(context: Context, entry: str, text: str) -> Csr:
    try:
        return parse_csr(text)
    except VerificationError as error:
        where = f"{context.firewall.title}, CSR {entry}"
        raise ProofFailed(str(error), where, "the next run looks again and starts anew if the key is lost") from None


# --- order ---------------------------------------------------------------------------------------------------------


def submit_order(context: Context, task: CertificateTask, step: SubmitOrder, phase: Planned | Requested) -> None:
    """Send the order: the intent is on the disk before, the certificate ID right after."""
    if isinstance(phase, Planned):
        phase = _same_key_request(context, task)
    phase = _as_planned(phase, step)
    try:
        _send_order(context, task, phase)
    except (Refused, PermissionDenied) as refused:
        if phase.record.operation == "enroll" or phase.csr is None:
            raise
        # Renew and replace may be refused for many reasons; enroll is the way out where the CSR is known (scm.md §2.5).
        # After a lost answer too: that is the one time that the same CSR is sent again.
        context.event(task.profile, None, "%s refused (%s), enroll instead", step.operation, refused.what)
        task.notes.append(f"SCM refused to {step.operation} ({refused.what}), so a new order was made")
        _send_order(context, task, replace(phase, record=replace(phase.record, operation="enroll")))


def _as_planned(phase: Requested, step: SubmitOrder) -> Requested:
    """The request with the operation of the plan, which may have become an enroll since."""
    record = replace(phase.record, operation=step.operation, previous_certificate_id=step.previous_certificate_id)
    return replace(phase, record=record)


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


def _send_order(context: Context, task: CertificateTask, phase: Requested) -> None:
    before = phase.record
    was_lost = before.phase == Phase.SUBMITTING
    record = replace(
        before, phase=Phase.SUBMITTING.value, submissions=before.submissions + 1,
        account=before.account if was_lost else task.profile.account, is_automatic=not task.is_asked_for,
    )  # fmt: skip
    context.scm_of(record, task.profile)  # raises before anything is written, where the account is gone
    if not was_lost:  # the same CSR sent again has a bound of its own
        ledger.ensure_allowed(context, task, record)
    # In this order: a journal without its line in the ledger is a lost answer, which is sent again at most once.
    context.store.save_order(record)
    ledger.enter(context, task, record)
    try:
        certificate_id = context.retry_while_busy(lambda: _call_scm(context, task, replace(phase, record=record)))
    except AnswerLost as lost:
        task.phase = replace(phase, record=record)
        _hold_if_taken(context, record, lost)
        where = f"{lost.where}, comment {record.reference!r}"
        raise AnswerLost(lost.what, where, _what_next(context, task, record, lost)) from None
    except PeerError:
        # Every other answer means that nothing was ordered now; an earlier order whose answer was lost stays unknown.
        if not was_lost:
            ledger.note_answer(context, task, record, Answer.REFUSED)
            record = replace(record, phase=Phase.READY.value)
        # What was refused was not sent: it does not use up an attempt.
        context.store.save_order(replace(record, submissions=before.submissions))
        raise
    now = format_time(context.clock.now())
    record = replace(record, phase=Phase.ORDERED.value, certificate_id=certificate_id, ordered_at=now, is_held=False)
    context.store.save_order(record)
    ledger.note_answer(context, task, record, Answer.TAKEN, certificate_id)
    task.phase = Ordered(record, certificate_id)
    save_first_id(context, task, certificate_id)
    context.task_event(task, "ordered (%s, account %s)", record.operation, record.account)


def _hold_if_taken(context: Context, record: OrderRecord, lost: AnswerLost) -> None:
    """SCM took the order and named no ID: it exists for certain, so nothing of it is sent again by itself."""
    if isinstance(lost, OrderWithoutId):
        context.store.save_order(replace(record, is_held=True))


def _what_next(context: Context, task: CertificateTask, record: OrderRecord, lost: AnswerLost) -> str:
    is_last = isinstance(lost, OrderWithoutId) or record.submissions >= MAX_SUBMISSIONS
    if context.settings.lost_answer == "hold" or is_last:
        return f"look in the SCM portal, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    return "look in the SCM portal; the next run sends the same CSR again"


def save_first_id(context: Context, task: CertificateTask, certificate_id: str) -> None:
    """The .ids file holds the first order's ID from the moment SCM names it; later ones wait for installation."""
    if context.store.load_certificate_id(task.profile.id) is None:
        context.store.save_certificate_id(task.profile.id, certificate_id)


def _call_scm(context: Context, task: CertificateTask, phase: Requested) -> str:
    record, scm = phase.record, context.scm_of(phase.record, task.profile)
    request = OrderRequest(
        csr=phase.csr.base64 if phase.csr else None,
        sans=_names(task, record),
        comments=f"{task.profile.comments} [{record.reference}]".strip(),
        external_requester=task.profile.external_requester,
        custom_fields=task.profile.custom_fields,
        profile_id=task.profile.scm_profile_id,
    )
    if record.operation == "enroll" or record.previous_certificate_id is None:
        return scm.enroll(request)
    operation = scm.renew if record.operation == "renew" else scm.replace
    return operation(record.previous_certificate_id, request)


def _names(task: CertificateTask, record: OrderRecord) -> tuple[str, ...]:
    """The names of the order: those of its CSR, even if the profile was edited since the first attempt."""
    if change_since(record.requested, task.profile) is None:
        return task.profile.sans.all
    ordered = ordered_requirements(record.requested, task.profile)
    return ordered.dns + ordered.ip + ordered.email
