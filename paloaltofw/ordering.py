"""The steps that make an order: key and CSR on the firewall, the order at SCM, the collection of the chain."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.certificates import Chain, Csr, Unproven, build_chain, parse_certificates, parse_csr, prove_csr
from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, AnswerLost, OrderFailed, PeerError, ProofFailed, Refused
from paloaltofw.lifecycle import requested_digest
from paloaltofw.panos import CsrRequest
from paloaltofw.scm import RENEWAL_REFUSED, NotReady, OrderRequest, OrderState
from paloaltofw.series import requirements
from paloaltofw.steps import AdoptCsr, Collect, GenerateCsr, SubmitOrder
from paloaltofw.storage import OrderRecord, Phase
from paloaltofw.work import Context, Work

# Seconds between two looks at open orders: quick at first, since DV takes seconds, then patient.
ISSUANCE_PAUSES = (2.0, 3.0, 5.0, 8.0, 13.0, 20.0)
ISSUANCE_PAUSE = 30.0
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
        revoke_id=work.seen.certificate_id if work.revoke_predecessor else None,
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
    current = next(item for item in work.seen.held if item.name == work.decision.in_service)
    assert current.certificate is not None  # nosec B101  # narrows a type
    installed = work.seen.installed
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
    """Renew and replace may be refused for many reasons; enroll is the way out where the CSR is known (sheet §2.5)."""
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


def collect(context: Context, works: Sequence[Work]) -> None:
    """Look at all open orders together until they are issued or the time to wait is over."""
    waiting = list(works)
    deadline = context.clock.monotonic() + context.wait
    looks = 0
    while waiting:
        for work in list(waiting):
            if _look(context, work, is_first=looks == 0):
                waiting.remove(work)
        pause = ISSUANCE_PAUSES[looks] if looks < len(ISSUANCE_PAUSES) else ISSUANCE_PAUSE
        left = deadline - context.clock.monotonic()
        if not waiting or left <= 0 or all(work.waits_for for work in waiting):
            break
        context.progress.waiting(context.firewall.id, f"{len(waiting)} orders to be issued")
        context.clock.sleep(min(pause, left))
        looks += 1
    for work in waiting:
        _leave_pending(context, work)


def _look(context: Context, work: Work, is_first: bool) -> bool:
    """Whether this order needs no further look: its chain is in hand, or it failed."""
    try:
        if is_first:
            save_first_id(context, work)  # a run that was killed right after the order may not have
        return _is_collected(context, work, is_first)
    except AgentError as error:
        work.error = error
        return True


def _is_collected(context: Context, work: Work, is_first: bool) -> bool:
    try:
        _download(context, work)
    except NotReady:
        # An order from an earlier run may have been declined, or wait for people: no use in waiting for those.
        if is_first and isinstance(work.decision.steps[0], Collect):
            _ask_status(context, work)
        return work.error is not None
    return True


def _download(context: Context, work: Work) -> None:
    assert work.order is not None and work.order.order_id is not None  # nosec B101  # narrows a type
    where = f"SCM account {work.profile.account}, order {work.order.order_id}"
    try:
        text = context.scm(work.profile.account).download(work.order.order_id)
    except Refused as refused:
        _note_failure(context, work, refused)
        raise
    try:
        work.chain = _chain(work, work.order, text)
    except Unproven as error:
        remedy = "nothing was imported; look at the order in the SCM portal"
        raise ProofFailed(str(error), where, remedy) from None


def _chain(work: Work, order: OrderRecord, text: str) -> Chain:
    certificates = parse_certificates(text)
    if not certificates:
        raise NotReady("no certificate in the answer")
    if order.order_id == order.previous_id and all(c.spki_sha256 != order.spki_sha256 for c in certificates):
        # replace may keep the ID (sheet §2.5): then the old certificate is served until the new one is issued.
        raise NotReady("still the replaced certificate")
    chain = build_chain(certificates, order.spki_sha256)
    if order.same_key and any(
        chain.leaf.sha256 == held.certificate.sha256 for held in work.seen.held if held.certificate
    ):
        raise NotReady("still the earlier certificate")
    return chain


def _note_failure(context: Context, work: Work, refused: Refused) -> None:
    """A refused download may mean that the order is dead: then that is recorded, so that nothing is retried blindly."""
    _ask_status(context, work)
    if work.error is not None:
        raise work.error from refused


def _ask_status(context: Context, work: Work) -> None:
    assert work.order is not None and work.order.order_id is not None  # nosec B101  # narrows a type
    status = context.scm(work.profile.account).status(work.order.order_id)
    if status.state is OrderState.PENDING:
        work.waits_for = status.waits_for
        return
    if status.state is OrderState.ISSUED:
        return
    failure = f"order {work.order.order_id} is {status.word.lower()} at SCM"
    work.order = replace(work.order, phase=Phase.FAILED.value, failure=failure)
    context.store.save_order(work.order)
    context.event(work, "failed: %s", status.word)
    remedy = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {work.profile.id}"
    work.error = OrderFailed(failure, f"SCM account {work.profile.account}", remedy)


def _leave_pending(context: Context, work: Work) -> None:
    try:
        if not work.waits_for:
            _ask_status(context, work)
    except AgentError as error:
        work.notes.append(f"what the order waits for could not be asked: {error}")
    if work.error is None:
        assert work.order is not None  # nosec B101  # narrows a type
        work.is_pending = True
        if work.order.waits_for != work.waits_for:
            work.order = replace(work.order, waits_for=work.waits_for)
            context.store.save_order(work.order)
        context.event(work, "left pending, waits for %s", work.waits_for or "SCM")
