"""The steps that make an order: key and CSR on the firewall, the order at SCM."""

from __future__ import annotations

import secrets
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AnswerLost, PeerError, ProofFailed, Refused
from paloaltofw.execution.context import CertificateTask, Context
from paloaltofw.lifecycle.inputs import requested_digest
from paloaltofw.lifecycle.steps import AdoptCsr, GenerateCsr, SubmitOrder
from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.panos.commands import CsrRequest
from paloaltofw.pki.certificate import Csr, VerificationError, parse_csr
from paloaltofw.pki.verification import verify_csr
from paloaltofw.scm.client import OrderRequest
from paloaltofw.scm.codes import RENEWAL_REFUSED

REFERENCE_PREFIX = "paloaltoagent-"


def generate_csr(context: Context, task: CertificateTask, step: GenerateCsr) -> None:
    """Let the firewall make key and CSR. The name is in the journal before it is used."""
    submit = _submit_step(task)
    task.order = _new_record(context, task, step.entry, submit)
    context.store.save_order(task.order)
    context.has_changed = True
    try:
        context.retry_while_busy(lambda: context.client.generate_csr(_csr_request(task, step.entry)))
    except AnswerLost:
        # Whether it was carried out can be seen: the CSR is there or not.
        if not context.client.csr(step.entry):
            raise
    context.event(task, "CSR generated as %s (%s)", step.entry, step.key)
    _take_csr(context, task, step.entry)


def adopt_csr(context: Context, task: CertificateTask, step: AdoptCsr) -> None:
    """Use the CSR that waits on the firewall."""
    if task.order is None or task.order.entry != step.entry:
        task.order = _new_record(context, task, step.entry, _submit_step(task))
        context.store.save_order(task.order)
    context.event(task, "pending CSR %s is used", step.entry)
    _take_csr(context, task, step.entry)


def _submit_step(task: CertificateTask) -> SubmitOrder:
    return next(step for step in task.decision.steps if isinstance(step, SubmitOrder))


def _new_record(context: Context, task: CertificateTask, entry: str, submit: SubmitOrder) -> OrderRecord:
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
        superseded_certificate_id=task.observed.certificate_id if task.revoke_predecessor else None,
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


def _take_csr(context: Context, task: CertificateTask, entry: str) -> None:
    assert task.order is not None  # nosec B101  # narrows a type
    csr = read_csr(context, entry)
    try:
        verify_csr(csr, requirements(task.profile))
    except VerificationError as error:
        remedy = f"nothing was ordered; delete the entry {entry} on the firewall if it is not needed"
        raise ProofFailed(str(error), f"firewall {context.firewall.id}, CSR {entry}", remedy) from None
    task.csr = csr
    task.order = replace(
        task.order, phase=Phase.READY.value, csr=csr.pem, csr_sha256=csr.sha256, spki_sha256=csr.spki_sha256
    )
    context.store.save_order(task.order)


def read_csr(context: Context, entry: str) -> Csr:
    """The CSR of an entry on the firewall; raises ProofFailed if there is none."""
    try:
        return parse_csr(context.client.csr(entry))
    except VerificationError as error:
        where = f"firewall {context.firewall.id}, CSR {entry}"
        raise ProofFailed(str(error), where, "the next run looks again and starts anew if the key is lost") from None


def submit_order(context: Context, task: CertificateTask, step: SubmitOrder) -> None:
    """Send the order: the intent is on the disk before, the certificate ID right after."""
    if task.order is None:
        task.order = _same_key_record(context, task, step)
    elif task.csr is None and task.order.csr:
        task.csr = parse_csr(task.order.csr)
    try:
        _send_order(context, task)
    except Refused as refused:
        if not _may_enroll_instead(task, refused):
            raise
        context.event(task, "%s refused (%s), enroll instead", step.operation, refused.what)
        task.notes.append(f"SCM refused to {step.operation} ({refused.what}), so a new order was made")
        assert task.order is not None  # nosec B101  # narrows a type
        task.order = replace(task.order, operation="enroll")
        _send_order(context, task)


def _same_key_record(context: Context, task: CertificateTask, step: SubmitOrder) -> OrderRecord:
    """An order for the key in service: its CSR is used where it is still known, else SCM's copy of it."""
    current = next(item for item in task.observed.generations if item.name == task.decision.in_service)
    assert current.certificate is not None  # nosec B101  # narrows a type
    installed = task.observed.installed
    known = current.csr or (parse_csr(installed.csr) if installed and installed.csr else None)
    if known is not None and known.spki_sha256 == current.certificate.spki_sha256:
        task.csr = known
    record = _new_record(context, task, current.name, step)
    return replace(
        record,
        phase=Phase.READY.value,
        same_key=True,
        csr=task.csr.pem if task.csr else "",
        csr_sha256=task.csr.sha256 if task.csr else "",
        spki_sha256=current.certificate.spki_sha256,
    )


def _may_enroll_instead(task: CertificateTask, refused: Refused) -> bool:
    """Renew and replace may be refused for many reasons; enroll is the way out where the CSR is known (scm.md §2.5)."""
    assert task.order is not None  # nosec B101  # narrows a type
    return refused.peer_code in RENEWAL_REFUSED and task.order.operation != "enroll" and task.csr is not None


def _send_order(context: Context, task: CertificateTask) -> None:
    assert task.order is not None  # nosec B101  # narrows a type
    before = task.order
    task.order = replace(before, phase=Phase.SUBMITTING.value, submissions=before.submissions + 1)
    context.store.save_order(task.order)
    try:
        certificate_id = _call_scm(context, task, task.order)
    except AnswerLost as lost:
        where = f"{lost.where}, comment {task.order.reference!r}"
        raise AnswerLost(lost.what, where, _what_next(context, task)) from None
    except PeerError:
        # Every other answer means that nothing was ordered now; an earlier order whose answer was lost stays unknown.
        was_lost = before.phase == Phase.SUBMITTING
        task.order = replace(before, phase=Phase.SUBMITTING.value if was_lost else Phase.READY.value)
        context.store.save_order(task.order)
        raise
    now = format_time(context.clock.now())
    task.order = replace(task.order, phase=Phase.ORDERED.value, certificate_id=certificate_id, ordered_at=now)
    context.store.save_order(task.order)
    save_first_id(context, task)
    context.event(task, "ordered (%s, account %s)", task.order.operation, task.profile.account)


def _what_next(context: Context, task: CertificateTask) -> str:
    if context.settings.lost_answer == "hold":
        return f"look in the SCM portal, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    return "look in the SCM portal; the next run sends the same CSR again"


def save_first_id(context: Context, task: CertificateTask) -> None:
    """The .ids file holds the first order's ID from the moment SCM names it; later ones wait for installation."""
    assert task.order is not None and task.order.certificate_id is not None  # nosec B101  # narrows a type
    if context.store.load_certificate_id(task.profile.id) is None:
        context.store.save_certificate_id(task.profile.id, task.order.certificate_id)


def _call_scm(context: Context, task: CertificateTask, order: OrderRecord) -> str:
    scm = context.scm(task.profile.account)
    request = OrderRequest(
        csr=task.csr.base64 if task.csr else None,
        sans=task.profile.sans.all,
        comments=f"{task.profile.comments} [{order.reference}]".strip(),
        external_requester=task.profile.external_requester,
        custom_fields=task.profile.custom_fields,
    )
    if order.operation == "enroll":
        return scm.enroll(request)
    assert order.previous_certificate_id is not None  # nosec B101  # narrows a type
    operation = scm.renew if order.operation == "renew" else scm.replace
    return operation(order.previous_certificate_id, request)
