"""What is to be done while an order is open: one rule for each phase of the journal."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass, replace

from paloaltofw.clock import parse_time
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.ownership import current_of, own
from paloaltofw.lifecycle.plans import (
    blocked_decision,
    check_steps,
    commit_steps,
    free_entry,
    install_steps,
    is_adoptable,
    move_steps,
    order_new_key,
    unbound_profiles,
)
from paloaltofw.lifecycle.renewal_window import urgent_from
from paloaltofw.lifecycle.requested import change_since
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    RecordId,
    RemoveUnproven,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration, next_entry, series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.pki.certificate import Certificate

# A reference is sent at most so often without a person, whatever `lost_answer` says.
MAX_SUBMISSIONS = 2
# A CA may date a certificate back to the begin of a day, or a little before it was asked for.
BACKDATED = datetime.timedelta(hours=48)


@dataclass(frozen=True)
class _Open:
    """An open order, and what was found around it."""

    profile: CertificateProfile
    observed: Observation
    order: OrderRecord
    request: RunRequest
    now: datetime.datetime
    current: CertificateGeneration | None

    @property
    def in_service(self) -> Certificate | None:
        """The certificate that serves while the order is open; a revoked one serves nobody."""
        if self.current is None or self.current.is_revoked or self.observed.is_revoked_at_scm:
            return None
        return self.current.certificate

    @property
    def entry(self) -> CertificateGeneration | None:
        """The order's entry in the candidate configuration."""
        return next((item for item in self.observed.generations if item.name == self.order.entry), None)

    @property
    def holds_key(self) -> bool:
        """Whether the firewall still holds the key of the order's CSR."""
        return self.entry is not None and self.entry.holds_key_of(self.order.spki_sha256)

    @property
    def operation(self) -> str:
        """The operation that was meant; from the last twentieth on an enroll, which SCM cannot refuse for that."""
        return "enroll" if self.is_urgent else self.order.operation

    @property
    def is_urgent(self) -> bool:
        """Whether the certificate in service has come into its last twentieth."""
        certificate = self.current.certificate if self.current else None
        return certificate is not None and self.now >= urgent_from(certificate)

    def submit(self, is_resubmission: bool = False) -> SubmitOrder:
        """The order as it was meant, on what it was meant to work on."""
        previous = self.order.previous_certificate_id if self.operation != "enroll" else None
        profile = self.profile
        return SubmitOrder(self.operation, profile.account, profile.type, previous, is_resubmission)

    def ordered(self, *first: Step, entry: str) -> tuple[Step, ...]:
        """The steps that come first, then the collection and the installation under an entry."""
        return (*first, Collect(None), *install_steps(self.profile, self.observed, entry, self.request))

    def anew(self, reason: str, state: State = State.ABSENT) -> Decision:
        """A new key and a new order; the old order is left to itself."""
        steps = order_new_key(self.profile, self.observed, "enroll", None, self.request)
        return Decision(state, Action.ENROLL, reason, steps)


def go_on(
    profile: CertificateProfile, observed: Observation, order: OrderRecord, request: RunRequest, now: datetime.datetime
) -> Decision:
    """Decide while an order is open: by its phase, with a word on how urgent it is."""
    case = _Open(profile, observed, order, request, now, current_of(profile, observed))
    decision = _PHASES[Phase(order.phase)](case)
    decision = replace(decision, alarm=_alarm(case))
    if case.in_service is None:
        return replace(decision, notes=(*decision.notes, "nothing is in service, so this is urgent"))
    state = State.DUE if decision.state is State.ABSENT else decision.state
    notes = (*decision.notes, _urgency(case, case.in_service))
    return replace(decision, state=state, in_service=case.current.name if case.current else None, notes=notes)


def is_outdated(profile: CertificateProfile, observed: Observation, order: OrderRecord) -> bool:
    """Whether a later order has been installed since: the state folder is older than the firewall (an old backup)."""
    current, number = current_of(profile, observed), series_number(profile.name, order.entry)
    if current is None or current.certificate is None or number is None or current.number < number:
        return False
    if current.changed_by or current.certificate.not_before <= parse_time(order.created_at) - BACKDATED:
        return False
    if current.number > number:
        return current.certificate.not_before > parse_time(order.created_at)
    # The same entry: what it holds is neither what this order gave nor what was there when it was made.
    is_its_own = observed.issued is not None and current.certificate.sha256 == observed.issued.sha256
    return not is_its_own and current.certificate.sha256 not in observed.known


def _urgency(case: _Open, certificate: Certificate) -> str:
    """How long an open order may wait before its predecessor comes into its last twentieth."""
    urgent = urgent_from(certificate)
    if case.now >= urgent:
        return f"urgent: the certificate in service expires in {(certificate.not_after - case.now).days} days"
    return f"becomes urgent in {(urgent - case.now).days} days, on {urgent:%Y-%m-%d}"


def _alarm(case: _Open) -> Blocked | None:
    """The failure that a pending order is, once nothing is in service for too long, or what is will soon expire."""
    hint = (
        "see that the order is approved in SCM, or order again: paloaltoagent enroll --resubmit -p " + case.profile.id
    )
    title = f"order {case.order.certificate_id}" if case.order.certificate_id else "the order"
    waits = "is still pending"
    if case.order.phase == Phase.ISSUED:
        waits = "is issued but not installed yet"
        hint = "see commit_window in the firewall profile, and what earlier runs say in the log"
    certificate = case.in_service
    if certificate is not None and certificate.not_after > case.now:
        if not case.is_urgent:
            return None
        days = (certificate.not_after - case.now).days
        what = f"{title} {waits}, and the certificate in service expires in {days} days"
        return Blocked("urgent", what, hint)
    since = parse_time(case.order.ordered_at or case.order.created_at)
    if (case.now - since).total_seconds() < case.request.pending_alarm:
        return None
    days = (case.now - since).days
    return Blocked("pending", f"{title} {waits} after {days} days, and nothing is in service", hint)


def _generating(case: _Open) -> Decision:
    """Nothing was ordered. The CSR may be there already: then it is used, if the profile still wants it."""
    profile, entry = case.profile, case.entry
    first: tuple[RemoveUnproven, ...] = ()
    if entry is not None and _is_own_request(case, entry) and is_adoptable(entry, profile, case.request):
        make: AdoptCsr | GenerateCsr = AdoptCsr(entry.name)
    elif entry is None:
        make = GenerateCsr(_free_or(case), profile.key)
    else:
        first = _unproven(case, entry)
        others = (item for item in case.observed.generations if not first or item.name != entry.name)
        name = next_entry(profile.name, (*others, *(case.observed.running or ())))
        make = GenerateCsr(name, profile.key)
    steps = case.ordered(*first, make, case.submit(), entry=make.entry)
    return Decision(State.ABSENT, Action.ENROLL, "an interrupted request goes on", steps)


def _is_own_request(case: _Open, entry: CertificateGeneration) -> bool:
    """Whether a pending CSR is the one of this request, made for what the profile still asks for."""
    if change_since(case.order.requested, case.profile) is not None:
        return False
    return _is_own_work(case, entry)


def _is_own_work(case: _Open, entry: CertificateGeneration) -> bool:
    """Whether the agent made this CSR: by its key in the journal, or as its own administrator's uncommitted change."""
    is_recorded = entry.csr is not None and entry.csr.spki_sha256 == case.order.spki_sha256
    return is_recorded or entry.changed_by == {case.request.admin}


def _free_or(case: _Open) -> str:
    """The name of the interrupted request, if it is free in the running configuration too."""
    taken = {item.name for item in case.observed.running or ()}
    return free_entry(case.profile, case.observed) if case.order.entry in taken else case.order.entry


def _unproven(case: _Open, entry: CertificateGeneration) -> tuple[RemoveUnproven, ...]:
    """The entry of the request, where it holds a CSR that the agent had made and that is not what the profile asks for.

    Without this a firewall that makes another CSR than asked would gain one useless key each night.
    """
    if not entry.is_pending or entry.csr is None or not _is_own_work(case, entry):
        return ()
    return (RemoveUnproven(entry.name, entry.csr.spki_sha256),) if entry.changed_by <= {case.request.admin} else ()


def _ready(case: _Open) -> Decision:
    """The CSR is known and nothing was ordered."""
    if case.order.same_key and not case.order.csr:
        # SCM refused to renew by ID, and there is no CSR to enroll: only a new key leads on.
        return case.anew("SCM would not renew for the same key, and its CSR is not known")
    if change_since(case.order.requested, case.profile) or not case.holds_key:
        return _generating(case)
    steps = case.ordered(case.submit(), entry=case.order.entry)
    return Decision(State.ABSENT, Action.ENROLL, "an interrupted request goes on", steps)


def _submitting(case: _Open) -> Decision:
    """The order's answer was lost. The same CSR may be sent again, once; another one never."""
    order, request = case.order, case.request
    what = f"the answer to an order was lost; look for {order.reference!r} in the comments of orders in the SCM portal"
    hint = f"run: paloaltoagent enroll --resubmit -p {case.profile.id}"
    if request.replace or (request.resubmit and not case.holds_key):
        return case.anew("ordered again on purpose after a lost answer")
    if not case.holds_key:
        what += ", and the firewall has lost the key since"
        return blocked_decision(State.UNKNOWN, what, Blocked("lost-answer", what, hint))
    is_held = request.hold_lost_orders or order.is_held or order.submissions >= MAX_SUBMISSIONS
    if is_held and not request.resubmit:
        blocked = blocked_decision(State.UNKNOWN, what, Blocked("lost-answer", what, hint))
        return replace(blocked, steps=(Commit(request.admin),)) if case.observed.unapplied else blocked
    steps = case.ordered(case.submit(is_resubmission=True), entry=order.entry)
    reason = "the answer to the order was lost; the same CSR is sent again, so either certificate fits the key"
    return Decision(State.PENDING, Action.ENROLL, reason, steps, notes=(what,))


def _ordered(case: _Open) -> Decision:
    """SCM knows the order: collect it, as long as the key is there."""
    order = case.order
    if _is_asked_anew(case):
        return case.anew(f"ordered again on purpose; order {order.certificate_id} is left to itself", State.PENDING)
    if not case.holds_key:
        return _key_lost(case)
    steps = (Collect(order.certificate_id), *install_steps(case.profile, case.observed, order.entry, case.request))
    reason = f"order {order.certificate_id} is open since {order.ordered_at}"
    return Decision(State.PENDING, Action.COLLECT, reason, steps)


def _issued(case: _Open) -> Decision:
    """The chain is in hand: import it, or finish what was begun after the import."""
    order, issued, entry = case.order, case.observed.issued, case.entry
    if _is_asked_anew(case):
        return case.anew(f"ordered again on purpose; order {order.certificate_id} is left to itself", State.PENDING)
    if entry is None or issued is None or not case.holds_key:
        return _key_lost(case)
    reason = f"order {order.certificate_id} is issued"
    if issued.not_after <= case.now:
        return case.anew(f"{reason}, but has expired before it could be installed", State.PENDING)
    if entry.certificate is None or entry.certificate.sha256 != issued.sha256:
        steps = install_steps(case.profile, case.observed, order.entry, case.request)
        return Decision(State.PENDING, Action.INSTALL, reason, steps)
    unbound, missing = unbound_profiles(case.profile, case.observed, order.entry)
    last: tuple[Step, ...] = (RecordId(case.profile.id),)
    if case.observed.unapplied or unbound or missing:
        moved = move_steps(case.profile, case.observed, order.entry, case.request)
        last = (*moved, *commit_steps(case.request), *last)
    last = (*last, *check_steps(case.profile, order.entry))
    return Decision(State.PENDING, Action.INSTALL, f"{reason} and imported", last)


def _is_asked_anew(case: _Open) -> bool:
    """Whether a person asks for another order although this one is open."""
    return case.request.resubmit or case.request.replace


def _key_lost(case: _Open) -> Decision:
    """A certificate without its key is of no use: the order is replaced by one for a new key."""
    order = case.order
    note = (
        f"the firewall has lost the key of order {order.certificate_id} ({order.entry}), by a revert, a load "
        "or a restart; the order is replaced by one with a new key"
    )
    is_same_account = order.account in ("", case.profile.account)
    operation, previous = ("replace", order.certificate_id) if is_same_account else ("enroll", None)
    steps = order_new_key(case.profile, case.observed, operation, previous, case.request)
    reason = "the firewall has lost the key of an open order"
    return Decision(State.PENDING, Action.ENROLL, reason, steps, notes=(note,))


def _failed(case: _Open) -> Decision:
    if _is_asked_anew(case):
        return _after_failure(case)
    failure = case.order.failure or "the order has failed"
    state = State.VALID if case.current else State.ABSENT
    hint = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {case.profile.id}"
    return blocked_decision(state, failure, Blocked("order", failure, hint))


def _after_failure(case: _Open) -> Decision:
    """A new key, since it is not known whether SCM takes a CSR again whose order ended badly; the old key goes."""
    profile = case.profile
    name = free_entry(profile, case.observed)
    submit = SubmitOrder("enroll", profile.account, profile.type)
    steps = list(case.ordered(GenerateCsr(name, profile.key), submit, entry=name))
    entry = case.entry
    if entry is not None and entry.is_pending and case.holds_key and entry in own(profile, case.observed):
        steps.insert(len(steps) - 2, DeletePredecessor(entry.name, case.order.spki_sha256))
    return Decision(State.ABSENT, Action.ENROLL, "ordered again on purpose", tuple(steps))


_PHASES: dict[Phase, Callable[[_Open], Decision]] = {
    Phase.GENERATING: _generating,
    Phase.READY: _ready,
    Phase.SUBMITTING: _submitting,
    Phase.ORDERED: _ordered,
    Phase.ISSUED: _issued,
    Phase.FAILED: _failed,
}
