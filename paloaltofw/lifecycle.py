"""decide(profile, seen, wish, now): what is to be done for one certificate, and why. No I/O, no clock, no dice."""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from paloaltofw.certificate_profile import CertificateProfile
from paloaltofw.certificates import Certificate, Unproven, difference, prove_csr
from paloaltofw.panos_xml import ServiceProfile
from paloaltofw.series import Held, in_service, next_entry, renewal_window, requirements
from paloaltofw.steps import (
    Action,
    AdoptCsr,
    Bind,
    Blocked,
    Collect,
    Commit,
    Decision,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    ImportChain,
    Prove,
    RecordId,
    State,
    Step,
    SubmitOrder,
)
from paloaltofw.storage import InstalledRecord, OrderRecord, Phase


@dataclass(frozen=True)
class Seen:
    """What was observed for one certificate. `held` is in ascending order; `service_profiles` is None if not read.

    `unapplied`: the candidate configuration holds changes of the agent's own administrator to this certificate that the
    running configuration lacks.
    """

    held: tuple[Held, ...] = ()
    order: OrderRecord | None = None
    issued: Certificate | None = None
    certificate_id: str | None = None
    installed: InstalledRecord | None = None
    is_revoked_at_scm: bool = False
    service_profiles: Mapping[str, ServiceProfile] | None = None
    unapplied: bool = False


@dataclass(frozen=True)
class Wish:
    """What the user asked for: the command, its options, and the settings that decisions depend on."""

    enroll: bool = False
    renew: bool = False
    replace: bool = False
    force: bool = False
    resubmit: bool = False
    revoke_predecessor: bool = False
    hold_lost_orders: bool = False
    renew_before_days: int | None = None
    admin: str = ""
    bundles_chain: bool = False


def requested_digest(profile: CertificateProfile) -> str:
    """A digest of everything that goes into a CSR, to see later whether the profile was edited since the order."""
    wanted = {"subject": asdict(profile.subject), "sans": asdict(profile.sans), "key": asdict(profile.key)}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


_IN_WINDOW = (ImportChain, ImportCertificate, Bind, DeletePredecessor, Commit, RecordId)


def outside_window(decision: Decision, opens: str) -> Decision:
    """The plan while the firewall's commit window is closed: everything is prepared, nothing imported or committed."""
    steps = tuple(step for step in decision.steps if not isinstance(step, _IN_WINDOW))
    if steps == decision.steps:
        return decision
    return replace(decision, steps=steps, waits_for=f"the commit window, which opens {opens}")


def decide(profile: CertificateProfile, seen: Seen, wish: Wish, now: datetime.datetime) -> Decision:
    """What is to be done for one certificate, and why."""
    pushed = [item for item in seen.held if item.template]
    if pushed:
        what = f"{pushed[0].name} is pushed by the Panorama template {pushed[0].template}"
        hint = "manage it on Panorama, or choose another name"
        return _blocked(State.UNKNOWN, what, Blocked("template", what, hint))
    if seen.order is not None:
        return _go_on(profile, seen, seen.order, wish, now)
    current = in_service(seen.held, requirements(profile))
    if current is None or current.certificate is None:
        return _absent(profile, seen, wish)
    return _present(profile, seen, wish, now, current, current.certificate)


def _blocked(state: State, reason: str, blocked: Blocked, in_service: str | None = None) -> Decision:
    return Decision(state, Action.FAILED, reason, blocked=blocked, in_service=in_service)


# --- no order is open --------------------------------------------------------------------------------------------


def _absent(profile: CertificateProfile, seen: Seen, wish: Wish) -> Decision:
    if not (wish.enroll or wish.replace):
        what = f"{profile.name} is not on the firewall"
        return _blocked(State.ABSENT, what, Blocked("absent", what, f"run: paloaltoagent enroll -p {profile.id}"))
    steps = _order_new_key(profile, seen, "enroll", None, wish)
    notes = ("a pending CSR without a known order is used",) if isinstance(steps[0], AdoptCsr) else ()
    return Decision(State.ABSENT, Action.ENROLL, "not on the firewall", steps, notes=notes)


def _present(
    profile: CertificateProfile, seen: Seen, wish: Wish, now: datetime.datetime, current: Held, certificate: Certificate
) -> Decision:
    state, reason, notes = _judge(profile, seen, wish, now, current, certificate)
    case = _Case(profile, seen, wish, now, current, state, reason, notes)
    if _is_wanted(case):
        return _replace_now(case) if wish.replace else _ORDERS[state](case)
    if state is not State.VALID and not profile.renewal.auto:
        case = replace(case, notes=(*notes, "renewal.auto is false, so nothing is done"))
    return _finish(case)


def _judge(
    profile: CertificateProfile, seen: Seen, wish: Wish, now: datetime.datetime, current: Held, certificate: Certificate
) -> tuple[State, str, tuple[str, ...]]:
    """State, reason and notes of the certificate in service."""
    window = renewal_window(certificate, profile, wish.renew_before_days)
    notes = ("renew_before_days is more than half of the lifetime; half is used",) if window.capped else ()
    days = (certificate.not_after - now).days
    lifetime = round(certificate.lifetime.total_seconds() / 86400)
    if current.is_revoked or seen.is_revoked_at_scm:
        return State.REVOKED, "revoked" + (" at SCM" if seen.is_revoked_at_scm else " on the firewall"), notes
    if certificate.not_after <= now:
        return State.EXPIRED, f"expired on {certificate.not_after:%Y-%m-%d}", notes
    differs = _mismatch(profile, seen, current, certificate)
    if differs:
        return State.MISMATCH, f"the certificate does not match the profile: {differs}", notes
    if now >= window.opens:
        urgent = ", urgent" if now >= window.urgent else ""
        width = (certificate.not_after - window.opens).days
        return State.DUE, f"due, {days} of {lifetime} days left (window {width} days{urgent})", notes
    return State.VALID, f"valid, {days} of {lifetime} days left, due from {window.opens:%Y-%m-%d}", notes


def _mismatch(profile: CertificateProfile, seen: Seen, current: Held, certificate: Certificate) -> str | None:
    """What no longer matches: the certificate itself, or, where our own order is known, what was asked for."""
    lacks = difference(certificate, requirements(profile))
    if lacks:
        return lacks
    known = seen.installed
    if known and known.entry == current.name and known.requested and known.requested != requested_digest(profile):
        return "subject, names or key of the profile were changed since it was ordered"
    return None


@dataclass(frozen=True)
class _Case:
    """A certificate that is there, and what was found of it."""

    profile: CertificateProfile
    seen: Seen
    wish: Wish
    now: datetime.datetime
    current: Held
    state: State
    reason: str
    notes: tuple[str, ...]

    def decision(self, action: Action, steps: tuple[Step, ...], reason: str | None = None) -> Decision:
        """The decision that this case leads to."""
        return Decision(self.state, action, reason or self.reason, steps, self.current.name, self.notes)

    def new_key(self, operation: str, previous_id: str | None) -> tuple[Step, ...]:
        """The steps to a successor with a new key."""
        return _order_new_key(self.profile, self.seen, operation, previous_id, self.wish)


def _is_wanted(case: _Case) -> bool:
    """Whether the user's wish covers a new order for this state."""
    wish, auto = case.wish, case.profile.renewal.auto
    if wish.replace or (wish.force and wish.renew):
        return True
    if case.state in (State.EXPIRED, State.REVOKED):
        return (wish.enroll or wish.renew) and (auto or not wish.renew)
    return case.state in (State.DUE, State.MISMATCH) and wish.renew and auto


def _enroll_again(case: _Case) -> Decision:
    return case.decision(Action.ENROLL, case.new_key("enroll", None))


def _renew(case: _Case) -> Decision:
    known_id = case.seen.certificate_id
    operation = "renew" if known_id else "enroll"
    if case.profile.renewal.key == "rotate":
        return case.decision(Action.RENEW, case.new_key(operation, known_id))
    if known_id or case.current.csr is not None or (case.seen.installed and case.seen.installed.csr):
        submit = SubmitOrder(operation, case.profile.account, case.profile.type, known_id)
        install = _install(case.profile, case.seen, case.current.name, case.wish)
        return case.decision(Action.RENEW, (submit, Collect(None), *install))
    note = "neither a saved certificate ID nor the CSR is known, so a new key is made"
    return replace(case, notes=(*case.notes, note)).decision(Action.RENEW, case.new_key(operation, known_id))


def _replace_now(case: _Case) -> Decision:
    usable = case.seen.certificate_id if case.state in (State.VALID, State.DUE, State.MISMATCH) else None
    steps = case.new_key("replace" if usable else "enroll", usable)
    return case.decision(Action.RENEW, steps, f"replacement asked for ({case.reason})" if case.wish.replace else None)


_ORDERS = {
    State.EXPIRED: _enroll_again,
    State.REVOKED: _enroll_again,
    State.DUE: _renew,
    State.VALID: _renew,  # only with --force
    State.MISMATCH: _replace_now,
}


def _order_new_key(
    profile: CertificateProfile, seen: Seen, operation: str, previous_id: str | None, wish: Wish
) -> tuple[Step, ...]:
    """A new key under a free name, or under a fitting pending CSR of ours, ordered and installed."""
    adopted = _adoptable(profile, seen, wish)
    entry = adopted.name if adopted else next_entry(profile.name, seen.held)
    make: Step = AdoptCsr(entry) if adopted else GenerateCsr(entry, profile.key)
    submit = SubmitOrder(operation, profile.account, profile.type, previous_id)
    return (make, submit, Collect(None), *_install(profile, seen, entry, wish))


def _adoptable(profile: CertificateProfile, seen: Seen, wish: Wish) -> Held | None:
    """The newest entry, if it is a pending CSR that fits the profile and is not another administrator's work."""
    newest = seen.held[-1] if seen.held else None
    if newest is None or not newest.is_pending or newest.csr is None or not newest.changed_by <= {wish.admin}:
        return None
    try:
        prove_csr(newest.csr, requirements(profile))
    except Unproven:
        return None
    return newest


def _install(profile: CertificateProfile, seen: Seen, entry: str, wish: Wish) -> tuple[Step, ...]:
    steps: list[Step] = [Prove()]
    steps += [ImportCertificate(entry, True)] if wish.bundles_chain else [ImportChain(), ImportCertificate(entry)]
    return (*steps, *_move(profile, seen, entry), Commit(wish.admin), RecordId(profile.id))


def _move(profile: CertificateProfile, seen: Seen, entry: str) -> tuple[Step, ...]:
    """Move references to the entry and let its predecessors go."""
    predecessors = tuple(item.name for item in seen.held if item.is_complete and item.name != entry)
    steps: list[Step] = []
    if profile.ssl_tls_service_profiles or predecessors:
        steps.append(Bind(entry, profile.ssl_tls_service_profiles, predecessors))
    steps.extend(DeletePredecessor(name) for name in predecessors)
    return tuple(steps)


def _finish(case: _Case) -> Decision:
    """Nothing to order: see that the certificate in service is bound and committed, and its predecessors are gone."""
    unbound, missing = _unbound(case.profile, case.seen, case.current.name)
    if missing:
        what = f"there is no SSL/TLS service profile {missing[0]!r} on the firewall"
        hint = "create it, or correct bind in the profile"
        return _blocked(case.state, what, Blocked("bind", what, hint), case.current.name)
    strangers = sorted(case.current.changed_by - {case.wish.admin})
    if strangers:
        note = f"{case.current.name} holds uncommitted changes of {', '.join(strangers)}"
        case = replace(case, notes=(*case.notes, note))
    if unbound or case.seen.unapplied:
        steps: tuple[Step, ...] = (Bind(case.current.name, unbound),) if unbound else ()
        reason = f"{case.reason}; {'to be bound' if unbound else 'not committed yet'}"
        return case.decision(Action.INSTALL, (*steps, Commit(case.wish.admin)), reason)
    return _watch_predecessors(case)


def _watch_predecessors(case: _Case) -> Decision:
    """A predecessor that is still there is still referred to: worth a note, and a failure before it expires."""
    for item in case.seen.held:
        if not item.is_complete or item.certificate is None or item.number >= case.current.number:
            continue
        days = (item.certificate.not_after - case.now).days
        left = f"expires in {days} days" if days >= 0 else "has expired"
        what = f"the predecessor {item.name} is still there, because something refers to it, and {left}"
        if case.now >= renewal_window(item.certificate, case.profile, case.wish.renew_before_days).urgent:
            hint = f"let what refers to it use {case.current.name}, then delete {item.name} on the firewall"
            return _blocked(case.state, what, Blocked("predecessor", what, hint), case.current.name)
        case = replace(case, notes=(*case.notes, what))
    return case.decision(Action.NONE, ())


def _unbound(profile: CertificateProfile, seen: Seen, entry: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Service profiles that serve another certificate, and those that do not exist."""
    if seen.service_profiles is None:
        return (), ()
    names = profile.ssl_tls_service_profiles
    missing = tuple(name for name in names if name not in seen.service_profiles)
    there = [seen.service_profiles[name] for name in names if name in seen.service_profiles]
    return tuple(item.name for item in there if item.certificate != entry), missing


# --- an order is open --------------------------------------------------------------------------------------------


def _go_on(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish, now: datetime.datetime) -> Decision:
    current = in_service(seen.held, requirements(profile))
    decision = _PHASES[Phase(order.phase)](profile, seen, order, wish)
    if current is None or current.certificate is None:
        return replace(decision, notes=(*decision.notes, "nothing is in service, so this is urgent"))
    state = State.DUE if decision.state is State.ABSENT else decision.state
    notes = (*decision.notes, _urgency(current.certificate, profile, wish, now))
    return replace(decision, state=state, in_service=current.name, notes=notes)


def _urgency(certificate: Certificate, profile: CertificateProfile, wish: Wish, now: datetime.datetime) -> str:
    """How long an open order may wait before its predecessor comes into its last twentieth."""
    urgent = renewal_window(certificate, profile, wish.renew_before_days).urgent
    if now >= urgent:
        return f"urgent: the certificate in service expires in {(certificate.not_after - now).days} days"
    return f"becomes urgent in {(urgent - now).days} days, on {urgent:%Y-%m-%d}"


def _entry(seen: Seen, order: OrderRecord) -> Held | None:
    return next((item for item in seen.held if item.name == order.entry), None)


def _holds_key(seen: Seen, order: OrderRecord) -> bool:
    """Whether the firewall still holds the key of the order's CSR."""
    held = _entry(seen, order)
    if held is None or not held.has_key:
        return False
    known = held.csr.spki_sha256 if held.csr else held.certificate.spki_sha256 if held.certificate else None
    return known == order.spki_sha256


def _generating(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """Nothing was ordered. The CSR may be there already: then it is used, if the profile still wants it."""
    held = _entry(seen, order)
    if held is not None and held.is_pending and _adoptable(profile, seen, wish) == held:
        make: AdoptCsr | GenerateCsr = AdoptCsr(order.entry)
    else:
        # An entry that is there but does not fit stays: it is not ours to destroy a key that somebody may want.
        entry = order.entry if held is None else next_entry(profile.name, seen.held)
        make = GenerateCsr(entry, profile.key)
    submit = SubmitOrder(order.operation, profile.account, profile.type, order.previous_id)
    steps = (make, submit, Collect(None), *_install(profile, seen, make.entry, wish))
    return Decision(State.ABSENT, Action.ENROLL, "an interrupted request goes on", steps)


def _ready(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """The CSR is known and nothing was ordered."""
    if order.requested != requested_digest(profile) or not _holds_key(seen, order):
        return _generating(profile, seen, order, wish)
    submit = SubmitOrder(order.operation, profile.account, profile.type, order.previous_id)
    steps = (submit, Collect(None), *_install(profile, seen, order.entry, wish))
    return Decision(State.ABSENT, Action.ENROLL, "an interrupted request goes on", steps)


def _submitting(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """The order's answer was lost. The same CSR may be sent again, another one never."""
    what = f"the answer to an order was lost; look for {order.reference!r} in the comments of orders in the SCM portal"
    hint = f"run: paloaltoagent enroll --resubmit -p {profile.id}"
    if not _holds_key(seen, order):
        if wish.resubmit:
            return _anew(profile, seen, wish, "ordered again on purpose after a lost answer")
        what += ", and the firewall has lost the key since"
        return _blocked(State.UNKNOWN, what, Blocked("lost-answer", what, hint))
    if wish.hold_lost_orders and not wish.resubmit:
        return _blocked(State.UNKNOWN, what, Blocked("lost-answer", what, hint))
    submit = SubmitOrder(order.operation, profile.account, profile.type, order.previous_id, again=True)
    steps = (submit, Collect(None), *_install(profile, seen, order.entry, wish))
    reason = "the answer to the order was lost; the same CSR is sent again, so either certificate fits the key"
    return Decision(State.PENDING, Action.ENROLL, reason, steps, notes=(what,))


def _ordered(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """SCM knows the order: collect it, as long as the key is there."""
    if not _holds_key(seen, order):
        return _key_lost(profile, seen, order, wish)
    steps = (Collect(order.order_id), *_install(profile, seen, order.entry, wish))
    return Decision(State.PENDING, Action.COLLECT, f"order {order.order_id} is open since {order.ordered_at}", steps)


def _issued(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """The chain is in hand: import it, or finish what was begun after the import."""
    held = _entry(seen, order)
    if held is None or seen.issued is None or not _holds_key(seen, order):
        return _key_lost(profile, seen, order, wish)
    reason = f"order {order.order_id} is issued"
    if held.certificate is None or held.certificate.sha256 != seen.issued.sha256:
        return Decision(State.PENDING, Action.INSTALL, reason, _install(profile, seen, order.entry, wish))
    unbound, _ = _unbound(profile, seen, order.entry)
    steps: tuple[Step, ...] = (RecordId(profile.id),)
    if seen.unapplied or unbound:
        steps = (*_move(profile, seen, order.entry), Commit(wish.admin), *steps)
    return Decision(State.PENDING, Action.INSTALL, f"{reason} and imported", steps)


def _key_lost(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """A certificate without its key is of no use: the order is replaced by one for a new key."""
    note = (
        f"the firewall has lost the key of order {order.order_id} ({order.entry}), by a revert, a load or a restart; "
        "the order is replaced by one with a new key"
    )
    steps = _order_new_key(profile, seen, "replace", order.order_id, wish)
    return Decision(
        State.PENDING, Action.ENROLL, "the firewall has lost the key of an open order", steps, notes=(note,)
    )


def _failed(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    if wish.resubmit:
        return _after_failure(profile, seen, order, wish)
    current = in_service(seen.held, requirements(profile))
    state = State.VALID if current else State.ABSENT
    hint = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {profile.id}"
    return _blocked(state, order.failure, Blocked("order", order.failure, hint))


def _after_failure(profile: CertificateProfile, seen: Seen, order: OrderRecord, wish: Wish) -> Decision:
    """A new key, since it is not known whether SCM takes a CSR again whose order ended badly; the old key goes."""
    entry, submit = next_entry(profile.name, seen.held), SubmitOrder("enroll", profile.account, profile.type)
    steps: list[Step] = [GenerateCsr(entry, profile.key), submit, Collect(None), *_install(profile, seen, entry, wish)]
    held = _entry(seen, order)
    if held is not None and held.is_pending and _holds_key(seen, order):
        steps.insert(len(steps) - 2, DeletePredecessor(held.name))
    return Decision(State.ABSENT, Action.ENROLL, "ordered again on purpose", tuple(steps))


def _anew(profile: CertificateProfile, seen: Seen, wish: Wish, reason: str) -> Decision:
    steps = _order_new_key(profile, seen, "enroll", None, wish)
    return Decision(State.ABSENT, Action.ENROLL, reason, steps)


_PHASES = {
    Phase.GENERATING: _generating,
    Phase.READY: _ready,
    Phase.SUBMITTING: _submitting,
    Phase.ORDERED: _ordered,
    Phase.ISSUED: _issued,
    Phase.FAILED: _failed,
}
