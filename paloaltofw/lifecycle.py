"""decide(profile, seen, wish, now): what is to be done for one certificate, and why. No I/O, no clock, no dice."""

from __future__ import annotations

import datetime
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from paloaltofw.certificate_profile import CertificateProfile
from paloaltofw.certificates import Certificate, Csr, Requirements, Unproven, difference, prove_csr
from paloaltofw.panos_xml import ServiceProfile
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

# One third of the lifetime scales from 200-day to 47-day certificates, where a fixed 30 days would not (sheet SCM §5).
WINDOW_SHARE = 3
# OV and EV orders wait for people: a week more, so that a holiday does not end in an outage.
APPROVAL_ALLOWANCE = datetime.timedelta(days=7)
# A fleet enrolled on one day must not renew on one night. Only ever earlier.
SPREAD_SHARE = 20
# No window is wider than half of the lifetime: else a short-lived certificate would be renewed all the time.
WIDEST_SHARE = 2
# In the last twentieth every other consideration ends.
EMERGENCY_SHARE = 20


@dataclass(frozen=True)
class Held:
    """One entry of a certificate's series on the firewall: NAME is number 1, NAME-2 number 2 and so on."""

    number: int
    name: str
    certificate: Certificate | None = None
    csr: Csr | None = None
    has_key: bool = False
    is_revoked: bool = False
    changed_by: frozenset[str] = frozenset()
    template: str = ""

    @property
    def is_complete(self) -> bool:
        """Holds a certificate and its key. Where the CSR is still there, it tells whose key it is."""
        if self.certificate is None or not self.has_key:
            return False
        return self.csr is None or self.csr.spki_sha256 == self.certificate.spki_sha256

    @property
    def is_pending(self) -> bool:
        """A key and a CSR that wait for their certificate (fact sheet PAN-OS §6)."""
        return self.certificate is None and self.csr is not None and self.has_key


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


@dataclass(frozen=True)
class Window:
    """When a certificate is renewed: from `opens` on; `urgent` is the last twentieth; `capped`: a number was cut."""

    opens: datetime.datetime
    urgent: datetime.datetime
    capped: bool = False


def requirements(profile: CertificateProfile) -> Requirements:
    """What the profile asks of a CSR and of a certificate."""
    sans = profile.sans
    return Requirements(
        profile.subject.common_name, sans.dns, sans.ip, sans.email, profile.key.type, profile.key.bits, profile.type
    )


def requested_digest(profile: CertificateProfile) -> str:
    """A digest of everything that goes into a CSR, to see later whether the profile was edited since the order."""
    wanted = {"subject": asdict(profile.subject), "sans": asdict(profile.sans), "key": asdict(profile.key)}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()


def series_number(name: str, entry: str) -> int | None:
    """The number of an entry in the series of `name`: 1 for NAME itself, n for NAME-n; None if it is not of it."""
    if entry == name:
        return 1
    match = re.fullmatch(re.escape(name) + r"-([1-9]\d{0,3})", entry)
    return int(match.group(1)) if match and int(match.group(1)) > 1 else None


def next_entry(name: str, held: tuple[Held, ...]) -> str:
    """A name that was never used: NAME, else one more than the highest number, so that order tells age."""
    highest = max((item.number for item in held), default=0)
    return name if highest == 0 else f"{name}-{highest + 1}"


def renewal_window(certificate: Certificate, profile: CertificateProfile, default_days: int | None) -> Window:
    """The renewal window; a number of days from profile or configuration is taken exactly, up to half the lifetime."""
    lifetime = certificate.lifetime
    widest = lifetime / WIDEST_SHARE
    urgent = certificate.not_after - lifetime / EMERGENCY_SHARE
    days = profile.renewal.renew_before_days or default_days
    if days is not None:
        wanted = datetime.timedelta(days=days)
        return Window(certificate.not_after - min(wanted, widest), urgent, capped=wanted > widest)
    width = lifetime / WINDOW_SHARE + (APPROVAL_ALLOWANCE if profile.type != "DV" else datetime.timedelta())
    width += lifetime / SPREAD_SHARE * _spread(profile)
    return Window(certificate.not_after - min(width, widest), urgent)


def _spread(profile: CertificateProfile) -> float:
    """A fixed number from 0 to 1 for each certificate."""
    digest = hashlib.sha256(f"{profile.firewall}/{profile.name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 0xFFFFFFFF


def in_service(held: tuple[Held, ...], required: Requirements) -> Held | None:
    """The entry in service: the highest number that is complete and matches the profile, else the highest complete."""
    complete = [item for item in held if item.is_complete]
    matching = [item for item in complete if item.certificate and difference(item.certificate, required) is None]
    return max(matching or complete, key=lambda item: item.number, default=None)


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
    if _is_wanted(profile, state, wish):
        order = _replace_now if wish.replace else _ORDERS[state]
        return order(profile, seen, wish, current, state, reason, notes)
    if state in (State.DUE, State.EXPIRED, State.REVOKED, State.MISMATCH) and not profile.renewal.auto:
        notes = (*notes, "renewal.auto is false, so nothing is done")
    return _finish(profile, seen, wish, current, state, reason, notes, now)


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


def _is_wanted(profile: CertificateProfile, state: State, wish: Wish) -> bool:
    if wish.replace:
        return True
    if wish.force and wish.renew:
        return True
    if state in (State.EXPIRED, State.REVOKED):
        return (wish.enroll or wish.renew) and (profile.renewal.auto or not wish.renew)
    return state in (State.DUE, State.MISMATCH) and wish.renew and profile.renewal.auto


def _enroll_again(
    profile: CertificateProfile,
    seen: Seen,
    wish: Wish,
    current: Held,
    state: State,
    reason: str,
    notes: tuple[str, ...],
) -> Decision:
    steps = _order_new_key(profile, seen, "enroll", None, wish)
    return Decision(state, Action.ENROLL, reason, steps, current.name, notes)


def _renew(
    profile: CertificateProfile,
    seen: Seen,
    wish: Wish,
    current: Held,
    state: State,
    reason: str,
    notes: tuple[str, ...],
) -> Decision:
    csr_known = bool(seen.certificate_id) or current.csr is not None or bool(seen.installed and seen.installed.csr)
    if profile.renewal.key == "reuse" and csr_known:
        operation = "renew" if seen.certificate_id else "enroll"
        submit = SubmitOrder(operation, profile.account, profile.type, seen.certificate_id)
        steps = (submit, Collect(None), *_install(profile, seen, current.name, wish))
        return Decision(state, Action.RENEW, reason, steps, current.name, notes)
    if profile.renewal.key == "reuse":
        notes = (*notes, "neither a saved certificate ID nor the CSR is known, so a new key is made")
    operation = "renew" if seen.certificate_id else "enroll"
    steps = _order_new_key(profile, seen, operation, seen.certificate_id, wish)
    return Decision(state, Action.RENEW, reason, steps, current.name, notes)


def _replace_now(
    profile: CertificateProfile,
    seen: Seen,
    wish: Wish,
    current: Held,
    state: State,
    reason: str,
    notes: tuple[str, ...],
) -> Decision:
    usable = seen.certificate_id if state in (State.VALID, State.DUE, State.MISMATCH) else None
    steps = _order_new_key(profile, seen, "replace" if usable else "enroll", usable, wish)
    asked = f"replacement asked for ({reason})" if wish.replace else reason
    return Decision(state, Action.RENEW, asked, steps, current.name, notes)


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


def _finish(
    profile: CertificateProfile,
    seen: Seen,
    wish: Wish,
    current: Held,
    state: State,
    reason: str,
    notes: tuple[str, ...],
    now: datetime.datetime,
) -> Decision:
    """Nothing to order: see that the certificate in service is bound and committed."""
    unbound, missing = _unbound(profile, seen, current.name)
    if missing:
        what = f"there is no SSL/TLS service profile {missing[0]!r} on the firewall"
        return _blocked(state, what, Blocked("bind", what, "create it, or correct bind in the profile"), current.name)
    notes = (*notes, *_notes_on_others(seen, wish, current, now))
    steps: tuple[Step, ...] = (Bind(current.name, unbound),) if unbound else ()
    if unbound or seen.unapplied:
        reason += f"; {'to be bound' if unbound else 'not committed yet'}"
        return Decision(state, Action.INSTALL, reason, (*steps, Commit(wish.admin)), current.name, notes)
    return Decision(state, Action.NONE, reason, (), current.name, notes)


def _unbound(profile: CertificateProfile, seen: Seen, entry: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Service profiles that serve another certificate, and those that do not exist."""
    if seen.service_profiles is None:
        return (), ()
    names = profile.ssl_tls_service_profiles
    missing = tuple(name for name in names if name not in seen.service_profiles)
    there = [seen.service_profiles[name] for name in names if name in seen.service_profiles]
    return tuple(item.name for item in there if item.certificate != entry), missing


def _notes_on_others(seen: Seen, wish: Wish, current: Held, now: datetime.datetime) -> tuple[str, ...]:
    notes = []
    strangers = sorted(current.changed_by - {wish.admin})
    if strangers:
        notes.append(f"{current.name} holds uncommitted changes of {', '.join(strangers)}")
    for item in seen.held:
        if item.is_complete and item.number < current.number and item.certificate:
            days = (item.certificate.not_after - now).days
            left = f"expires in {days} days" if days >= 0 else "has expired"
            notes.append(f"the predecessor {item.name} is still there, because something refers to it, and {left}")
    return tuple(notes)


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
        return _anew(profile, seen, wish, "ordered again on purpose")
    current = in_service(seen.held, requirements(profile))
    state = State.VALID if current else State.ABSENT
    hint = f"clear it up in SCM, then run: paloaltoagent enroll --resubmit -p {profile.id}"
    return _blocked(state, order.failure, Blocked("order", order.failure, hint))


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
