"""The steps that make an order: key and CSR on the firewall, the order at SCM."""

from __future__ import annotations

import secrets
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AnswerLost, PeerError, ProofFailed, Refused
from paloaltofw.execution.context import Context, Work
from paloaltofw.lifecycle.inputs import requested_digest
from paloaltofw.lifecycle.steps import AdoptCsr, GenerateCsr, SubmitOrder
from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.panos.commands import CsrRequest
from paloaltofw.pki.certificate import Csr, Unproven, parse_csr
from paloaltofw.pki.verification import prove_csr
from paloaltofw.scm.client import OrderRequest
from paloaltofw.scm.codes import RENEWAL_REFUSED

REFERENCE_PREFIX = "paloaltoagent-"


def generate_csr(context: Context, work: Work, step: GenerateCsr) -> None:
    """Let the firewall make key and CSR. The name is in the journal before it is used."""
    submit = _submit_step(work)
    work.order = _new_record(context, work, step.entry, submit)
    context.store.save_order(work.order)
    context.has_changed = True
    try:
        context.patiently(lambda: context.client.generate_csr(_csr_request(work, step.entry)))
    except AnswerLost:
        # Whether it was carried out can be seen: the CSR is there or not.
        if not context.client.csr(step.entry):
            raise
    context.event(work, "CSR generated as %s (%s)", step.entry, step.key)
    _take_csr(context, work, step.entry)


def adopt_csr(context: Context, work: Work, step: AdoptCsr) -> None:
    """Use the CSR that waits on the firewall."""
    if work.order is None or work.order.entry != step.entry:
        work.order = _new_record(context, work, step.entry, _submit_step(work))
        context.store.save_order(work.order)
    context.event(work, "pending CSR %s is used", step.entry)
    _take_csr(context, work, step.entry)


def _submit_step(work: Work) -> SubmitOrder:
    return next(step for step in work.decision.steps if isinstance(step, SubmitOrder))


def _new_record(context: Context, work: Work, entry: str, submit: SubmitOrder) -> OrderRecord:
    return OrderRecord(
        profile=work.profile.id,
        firewall=context.firewall.id,
        entry=entry,
        operation=submit.operation,
        phase=Phase.GENERATING.value,
        requested=requested_digest(work.profile),
        reference=REFERENCE_PREFIX + secrets.token_hex(6),
        reason=work.decision.reason,
        created_at=format_time(context.clock.now()),
        previous_id=submit.previous_id,
        revoke_id=work.observed.certificate_id if work.revoke_predecessor else None,
    )


def _csr_request(work: Work, entry: str) -> CsrRequest:
    profile = work.profile
    subject, sans = profile.subject, profile.sans
    return CsrRequest(
        certificate_name=entry, common_name=subject.common_name, key_type=profile.key.type, key_bits=profile.key.bits,
        country=subject.country, state=subject.state, locality=subject.locality, organization=subject.organization,
        organizational_unit=subject.organizational_unit, email=subject.email, dns=sans.dns, ip=sans.ip,
        alt_email=sans.email,
    )  # fmt: skip


def _take_csr(context: Context, work: Work, entry: str) -> None:
    assert work.order is not None  # nosec B101  # narrows a type
    csr = read_csr(context, entry)
    try:
        prove_csr(csr, requirements(work.profile))
    except Unproven as error:
        remedy = f"nothing was ordered; delete the entry {entry} on the firewall if it is not needed"
        raise ProofFailed(str(error), f"firewall {context.firewall.id}, CSR {entry}", remedy) from None
    work.csr = csr
    work.order = replace(
        work.order, phase=Phase.READY.value, csr=csr.pem, csr_sha256=csr.sha256, spki_sha256=csr.spki_sha256
    )
    context.store.save_order(work.order)


def read_csr(context: Context, entry: str) -> Csr:
    """The CSR of an entry on the firewall; raises ProofFailed if there is none."""
    try:
        return parse_csr(context.client.csr(entry))
    except Unproven as error:
        where = f"firewall {context.firewall.id}, CSR {entry}"
        raise ProofFailed(str(error), where, "the next run looks again and starts anew if the key is lost") from None


def submit_order(context: Context, work: Work, step: SubmitOrder) -> None:
    """Send the order: the intent is on the disk before, the certificate ID right after."""
    if work.order is None:
        work.order = _same_key_record(context, work, step)
    elif work.csr is None and work.order.csr:
        work.csr = parse_csr(work.order.csr)
    try:
        _send_order(context, work)
    except Refused as refused:
        if not _may_enroll_instead(work, refused):
            raise
        context.event(work, "%s refused (%s), enroll instead", step.operation, refused.what)
        work.notes.append(f"SCM refused to {step.operation} ({refused.what}), so a new order was made")
        assert work.order is not None  # nosec B101  # narrows a type
        work.order = replace(work.order, operation="enroll")
        _send_order(context, work)


def _same_key_record(context: Context, work: Work, step: SubmitOrder) -> OrderRecord:
    """An order for the key in service: its CSR is used where it is still known, else SCM's copy of it."""
    current = next(item for item in work.observed.generations if item.name == work.decision.in_service)
    assert current.certificate is not None  # nosec B101  # narrows a type
    installed = work.observed.installed
    known = current.csr or (parse_csr(installed.csr) if installed and installed.csr else None)
    if known is not None and known.spki_sha256 == current.certificate.spki_sha256:
        work.csr = known
    record = _new_record(context, work, current.name, step)
    return replace(
        record,
        phase=Phase.READY.value,
        same_key=True,
        csr=work.csr.pem if work.csr else "",
        csr_sha256=work.csr.sha256 if work.csr else "",
        spki_sha256=current.certificate.spki_sha256,
    )


def _may_enroll_instead(work: Work, refused: Refused) -> bool:
    """Renew and replace may be refused for many reasons; enroll is the way out where the CSR is known (scm.md §2.5)."""
    assert work.order is not None  # nosec B101  # narrows a type
    return refused.peer_code in RENEWAL_REFUSED and work.order.operation != "enroll" and work.csr is not None


def _send_order(context: Context, work: Work) -> None:
    assert work.order is not None  # nosec B101  # narrows a type
    before = work.order
    work.order = replace(before, phase=Phase.SUBMITTING.value, submissions=before.submissions + 1)
    context.store.save_order(work.order)
    try:
        order_id = _call_scm(context, work, work.order)
    except AnswerLost as lost:
        where = f"{lost.where}, comment {work.order.reference!r}"
        raise AnswerLost(lost.what, where, _what_next(context, work)) from None
    except PeerError:
        # Every other answer means that nothing was ordered now; an earlier order whose answer was lost stays unknown.
        was_lost = before.phase == Phase.SUBMITTING
        work.order = replace(before, phase=Phase.SUBMITTING.value if was_lost else Phase.READY.value)
        context.store.save_order(work.order)
        raise
    now = format_time(context.clock.now())
    work.order = replace(work.order, phase=Phase.ORDERED.value, order_id=order_id, ordered_at=now)
    context.store.save_order(work.order)
    save_first_id(context, work)
    context.event(work, "ordered (%s, account %s)", work.order.operation, work.profile.account)


def _what_next(context: Context, work: Work) -> str:
    if context.settings.lost_answer == "hold":
        return f"look in the SCM portal, then run: paloaltoagent enroll --resubmit -p {work.profile.id}"
    return "look in the SCM portal; the next run sends the same CSR again"


def save_first_id(context: Context, work: Work) -> None:
    """The .ids file holds the first order's ID from the moment SCM names it; later ones wait for installation."""
    assert work.order is not None and work.order.order_id is not None  # nosec B101  # narrows a type
    if context.store.certificate_id(work.profile.id) is None:
        context.store.save_certificate_id(work.profile.id, work.order.order_id)


def _call_scm(context: Context, work: Work, order: OrderRecord) -> str:
    scm = context.scm(work.profile.account)
    request = OrderRequest(
        csr=work.csr.base64 if work.csr else None,
        sans=work.profile.sans.all,
        comments=f"{work.profile.comments} [{order.reference}]".strip(),
        external_requester=work.profile.external_requester,
        custom_fields=work.profile.custom_fields,
    )
    if order.operation == "enroll":
        return scm.enroll(request)
    assert order.previous_id is not None  # nosec B101  # narrows a type
    operation = scm.renew if order.operation == "renew" else scm.replace
    return operation(order.previous_id, request)
