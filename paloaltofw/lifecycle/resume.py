"""What is to be done while an order is open: one rule for each phase of the journal."""

from __future__ import annotations

import datetime
from dataclasses import replace

from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest, requested_digest
from paloaltofw.lifecycle.plans import (
    adoptable,
    blocked_decision,
    install_steps,
    move_steps,
    order_new_key,
    unbound_profiles,
)
from paloaltofw.lifecycle.renewal_window import renewal_window
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    RecordId,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration, in_service, next_entry, requirements
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.pki.certificate import Certificate


def go_on(
    profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest, now: datetime.datetime
) -> Decision:
    """Decide while an order is open: by its phase, with a word on how urgent it is."""
    current = in_service(observed.generations, requirements(profile))
    decision = _PHASES[Phase(order.phase)](profile, observed, order, request)
    if current is None or current.certificate is None:
        return replace(decision, notes=(*decision.notes, "nothing is in service, so this is urgent"))
    state = State.DUE if decision.state is State.ABSENT else decision.state
    notes = (*decision.notes, _urgency(current.certificate, profile, request, now))
    return replace(decision, state=state, in_service=current.name, notes=notes)


def _urgency(certificate: Certificate, profile: CertificateProfile, request: RunRequest, now: datetime.datetime) -> str:
    """How long an open order may wait before its predecessor comes into its last twentieth."""
    urgent = renewal_window(certificate, profile, request.renew_before_days).urgent
    if now >= urgent:
        return f"urgent: the certificate in service expires in {(certificate.not_after - now).days} days"
    return f"becomes urgent in {(urgent - now).days} days, on {urgent:%Y-%m-%d}"


def _entry(observed: Observation, order: OrderRecord) -> CertificateGeneration | None:
    return next((item for item in observed.generations if item.name == order.entry), None)


def _holds_key(observed: Observation, order: OrderRecord) -> bool:
    """Whether the firewall still holds the key of the order's CSR."""
    generation = _entry(observed, order)
    if generation is None or not generation.has_key:
        return False
    holder = generation.csr or generation.certificate
    return holder is not None and holder.spki_sha256 == order.spki_sha256


def _generating(
    profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest
) -> Decision:
    """Nothing was ordered. The CSR may be there already: then it is used, if the profile still wants it."""
    generation = _entry(observed, order)
    if generation is not None and generation.is_pending and adoptable(profile, observed, request) == generation:
        make: AdoptCsr | GenerateCsr = AdoptCsr(order.entry)
    else:
        # An entry that is there but does not fit stays: it is not ours to destroy a key that somebody may want.
        entry = order.entry if generation is None else next_entry(profile.name, observed.generations)
        make = GenerateCsr(entry, profile.key)
    submit = SubmitOrder(order.operation, profile.account, profile.type, order.previous_certificate_id)
    steps = (make, submit, Collect(None), *install_steps(profile, observed, make.entry, request))
    return Decision(State.ABSENT, Action.ENROLL, "an interrupted request goes on", steps)


def _ready(profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest) -> Decision:
    """The CSR is known and nothing was ordered."""
    if order.requested != requested_digest(profile) or not _holds_key(observed, order):
        return _generating(profile, observed, order, request)
    submit = SubmitOrder(order.operation, profile.account, profile.type, order.previous_certificate_id)
    steps = (submit, Collect(None), *install_steps(profile, observed, order.entry, request))
    return Decision(State.ABSENT, Action.ENROLL, "an interrupted request goes on", steps)


def _submitting(
    profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest
) -> Decision:
    """The order's answer was lost. The same CSR may be sent again, another one never."""
    what = f"the answer to an order was lost; look for {order.reference!r} in the comments of orders in the SCM portal"
    hint = f"run: paloaltoagent enroll --resubmit -p {profile.id}"
    if not _holds_key(observed, order):
        if request.resubmit:
            return _anew(profile, observed, request, "ordered again on purpose after a lost answer")
        what += ", and the firewall has lost the key since"
        return blocked_decision(State.UNKNOWN, what, Blocked("lost-answer", what, hint))
    if request.hold_lost_orders and not request.resubmit:
        return blocked_decision(State.UNKNOWN, what, Blocked("lost-answer", what, hint))
    submit = SubmitOrder(
        order.operation, profile.account, profile.type, order.previous_certificate_id, is_resubmission=True
    )
    steps = (submit, Collect(None), *install_steps(profile, observed, order.entry, request))
    reason = "the answer to the order was lost; the same CSR is sent again, so either certificate fits the key"
    return Decision(State.PENDING, Action.ENROLL, reason, steps, notes=(what,))


def _ordered(profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest) -> Decision:
    """SCM knows the order: collect it, as long as the key is there."""
    if not _holds_key(observed, order):
        return _key_lost(profile, observed, order, request)
    steps = (Collect(order.certificate_id), *install_steps(profile, observed, order.entry, request))
    return Decision(
        State.PENDING, Action.COLLECT, f"order {order.certificate_id} is open since {order.ordered_at}", steps
    )


def _issued(profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest) -> Decision:
    """The chain is in hand: import it, or finish what was begun after the import."""
    generation = _entry(observed, order)
    if generation is None or observed.issued is None or not _holds_key(observed, order):
        return _key_lost(profile, observed, order, request)
    reason = f"order {order.certificate_id} is issued"
    if generation.certificate is None or generation.certificate.sha256 != observed.issued.sha256:
        return Decision(State.PENDING, Action.INSTALL, reason, install_steps(profile, observed, order.entry, request))
    unbound, _ = unbound_profiles(profile, observed, order.entry)
    steps: tuple[Step, ...] = (RecordId(profile.id),)
    if observed.unapplied or unbound:
        steps = (*move_steps(profile, observed, order.entry), Commit(request.admin), *steps)
    return Decision(State.PENDING, Action.INSTALL, f"{reason} and imported", steps)


def _key_lost(profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest) -> Decision:
    """A certificate without its key is of no use: the order is replaced by one for a new key."""
    note = (
        f"the firewall has lost the key of order {order.certificate_id} ({order.entry}), by a revert, a load "
        "or a restart; the order is replaced by one with a new key"
    )
    steps = order_new_key(profile, observed, "replace", order.certificate_id, request)
    return Decision(
        State.PENDING, Action.ENROLL, "the firewall has lost the key of an open order", steps, notes=(note,)
    )


def _failed(profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest) -> Decision:
    if request.resubmit:
        return _after_failure(profile, observed, order, request)
    current = in_service(observed.generations, requirements(profile))
    state = State.VALID if current else State.ABSENT
    hint = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {profile.id}"
    return blocked_decision(state, order.failure, Blocked("order", order.failure, hint))


def _after_failure(
    profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest
) -> Decision:
    """A new key, since it is not known whether SCM takes a CSR again whose order ended badly; the old key goes."""
    entry, submit = next_entry(profile.name, observed.generations), SubmitOrder("enroll", profile.account, profile.type)
    steps: list[Step] = [
        GenerateCsr(entry, profile.key),
        submit,
        Collect(None),
        *install_steps(profile, observed, entry, request),
    ]
    generation = _entry(observed, order)
    if generation is not None and generation.is_pending and _holds_key(observed, order):
        steps.insert(len(steps) - 2, DeletePredecessor(generation.name))
    return Decision(State.ABSENT, Action.ENROLL, "ordered again on purpose", tuple(steps))


def _anew(profile: CertificateProfile, observed: Observation, request: RunRequest, reason: str) -> Decision:
    steps = order_new_key(profile, observed, "enroll", None, request)
    return Decision(State.ABSENT, Action.ENROLL, reason, steps)


_PHASES = {
    Phase.GENERATING: _generating,
    Phase.READY: _ready,
    Phase.SUBMITTING: _submitting,
    Phase.ORDERED: _ordered,
    Phase.ISSUED: _issued,
    Phase.FAILED: _failed,
}
