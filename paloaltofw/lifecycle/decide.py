"""decide: what is to be done for one certificate, and why. No I/O, no clock, no chance."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from paloaltofw.clock import DAY, parse_time
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.guards import guarded
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.ownership import current_of, own
from paloaltofw.lifecycle.plans import (
    blocked_decision,
    check_steps,
    clean_up_steps,
    commit_steps,
    install_steps,
    move_steps,
    note_steps,
    order_new_key,
    unbound_profiles,
    usable_id,
    with_owed_push,
)
from paloaltofw.lifecycle.renewal_window import settled_window, urgent_from
from paloaltofw.lifecycle.requested import change_since
from paloaltofw.lifecycle.resume import go_on
from paloaltofw.lifecycle.serving import Serving, read_moved, record_of, serving_of, went_back
from paloaltofw.lifecycle.steps import AdoptCsr, Bind, Collect, GoBack, Step, SubmitOrder
from paloaltofw.lifecycle.succession import CertificateGeneration, requirements
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.pki.certificate import Certificate
from paloaltofw.pki.verification import difference


def decide(profile: CertificateProfile, observed: Observation, request: RunRequest, now: datetime.datetime) -> Decision:
    """What is to be done for one certificate, and why."""
    pushed = [item for item in observed.generations if item.template]
    if pushed:
        what = f"{pushed[0].name} is pushed by the Panorama template {pushed[0].template}"
        hint = "manage it on Panorama, or choose another name"
        return blocked_decision(State.UNKNOWN, what, Blocked("template", what, hint))
    decision = guarded(profile, observed, request, now, _wanted(profile, observed, request, now))
    return with_owed_push(observed, request, decision)


def _wanted(
    profile: CertificateProfile, observed: Observation, request: RunRequest, now: datetime.datetime
) -> Decision:
    """The decision that the observation leads to, before it is asked what speaks against it."""
    if observed.order is not None:
        return go_on(profile, observed, observed.order, request, now)
    current = current_of(profile, observed)
    if current is None or current.certificate is None:
        return _absent(profile, observed, request)
    return _present(profile, observed, request, now, current, current.certificate)


def _absent(profile: CertificateProfile, observed: Observation, request: RunRequest) -> Decision:
    if not (request.enroll or request.replace):
        what = f"{profile.name} is not on the firewall"
        return blocked_decision(
            State.ABSENT, what, Blocked("absent", what, f"run: paloaltoagent enroll -p {profile.id}")
        )
    steps = order_new_key(profile, observed, "enroll", None, request)
    notes = ("a pending CSR without a known order is used",) if isinstance(steps[0], AdoptCsr) else ()
    return Decision(State.ABSENT, Action.ENROLL, "not on the firewall", steps, notes=notes)


def _present(
    profile: CertificateProfile,
    observed: Observation,
    request: RunRequest,
    now: datetime.datetime,
    current: CertificateGeneration,
    certificate: Certificate,
) -> Decision:
    state, reason, notes = _judge(profile, observed, request, now, current, certificate)
    case = _Case(profile, observed, request, now, current, state, reason, notes)
    if _is_wanted(case):
        return _replace_now(case) if request.replace else _ORDERS[state](case)
    if state is not State.VALID and not profile.renewal.auto:
        case = replace(case, notes=(*notes, "renewal.auto is false, so nothing is done"))
    return _finish(case)


def _judge(
    profile: CertificateProfile,
    observed: Observation,
    request: RunRequest,
    now: datetime.datetime,
    current: CertificateGeneration,
    certificate: Certificate,
) -> tuple[State, str, tuple[str, ...]]:
    """State, reason and notes of the certificate in service."""
    window = settled_window(certificate, profile, request.renew_before_days, installed_at(observed, certificate))
    notes = ("renew_before_days is more than half of the lifetime; half is used",) if window.capped else ()
    if window.is_late:
        notes = (*notes, "it was due, or ended no later than its predecessor, when it was issued; so it is kept longer")
    days = (certificate.not_after - now).days
    lifetime = round(certificate.lifetime.total_seconds() / DAY)
    if current.is_revoked or observed.is_revoked_at_scm:
        return State.REVOKED, "revoked" + (" at SCM" if observed.is_revoked_at_scm else " on the firewall"), notes
    if certificate.not_after <= now:
        return State.EXPIRED, f"expired on {certificate.not_after:%Y-%m-%d}", notes
    differs = _mismatch(profile, observed, current, certificate)
    if differs:
        return State.MISMATCH, f"the certificate does not match the profile: {differs}", notes
    if now >= window.opens:
        urgent = ", urgent" if now >= window.urgent else ""
        width = (certificate.not_after - window.opens).days
        return State.DUE, f"due, {days} of {lifetime} days left (window {width} days{urgent})", notes
    return State.VALID, f"valid, {days} of {lifetime} days left, due from {window.opens:%Y-%m-%d}", notes


def _mismatch(
    profile: CertificateProfile, observed: Observation, current: CertificateGeneration, certificate: Certificate
) -> str | None:
    """What no longer matches: the certificate itself, or, where our own order is known, what was asked for."""
    lacks = difference(certificate, requirements(profile))
    if lacks:
        return lacks
    known = observed.installed
    changed = change_since(known.requested, profile) if known and known.entry == current.name else None
    return f"{changed} of the profile were changed since it was ordered" if changed else None


def installed_at(observed: Observation, certificate: Certificate) -> datetime.datetime | None:
    """When the certificate in service was installed, if the state folder knows."""
    installed = observed.installed
    if installed is None or not installed.installed_at or certificate.sha256 not in observed.known:
        return None
    return parse_time(installed.installed_at)


@dataclass(frozen=True)
class _Case:
    """A certificate that is there, and what was found of it."""

    profile: CertificateProfile
    observed: Observation
    request: RunRequest
    now: datetime.datetime
    current: CertificateGeneration
    state: State
    reason: str
    notes: tuple[str, ...]

    def decision(self, action: Action, steps: tuple[Step, ...], reason: str | None = None) -> Decision:
        """The decision that this case leads to."""
        return Decision(self.state, action, reason or self.reason, steps, self.current.name, self.notes)

    def new_key(self, operation: str, previous_certificate_id: str | None) -> tuple[Step, ...]:
        """The steps to a successor with a new key."""
        return order_new_key(self.profile, self.observed, operation, previous_certificate_id, self.request)


def _is_wanted(case: _Case) -> bool:
    """Whether the run request covers a new order for this state."""
    request, auto = case.request, case.profile.renewal.auto
    if request.replace or (request.force and request.renew):
        return True
    if request.resubmit:
        return case.state is not State.VALID
    if case.state in (State.EXPIRED, State.REVOKED):
        return (request.enroll or request.renew) and (auto or not request.renew)
    return case.state in (State.DUE, State.MISMATCH) and request.renew and auto


def _enroll_again(case: _Case) -> Decision:
    return case.decision(Action.ENROLL, case.new_key("enroll", None))


def _renew(case: _Case) -> Decision:
    certificate_id = None if _is_urgent(case) else usable_id(case.profile, case.observed)
    operation = "renew" if certificate_id else "enroll"
    if case.profile.renewal.key == "rotate":
        return case.decision(Action.RENEW, case.new_key(operation, certificate_id))
    if _can_reuse_key(case, certificate_id):
        submit = SubmitOrder(operation, case.profile.account, case.profile.type, certificate_id)
        install = install_steps(case.profile, case.observed, case.current.name, case.request)
        return case.decision(Action.RENEW, (submit, Collect(None), *install))
    note = "neither a saved certificate ID nor an order with the CSR is known, so a new key is made"
    return replace(case, notes=(*case.notes, note)).decision(Action.RENEW, case.new_key("enroll", None))


def _is_urgent(case: _Case) -> bool:
    """In its last twentieth SCM may refuse to renew, or take too long about it: then it is enrolled."""
    certificate = case.current.certificate
    if certificate is None or case.state is State.VALID:
        return False
    return case.now >= urgent_from(certificate)


def _can_reuse_key(case: _Case, certificate_id: str | None) -> bool:
    """Whether the key in service may be ordered again: by ID, or by its CSR.

    With the state folder lost, an open order for the same key would leave no trace: then a new key is made, whose
    pending CSR is one.
    """
    installed = case.observed.installed
    if certificate_id:
        return True
    return installed is not None and (bool(installed.csr) or case.current.csr is not None)


def _replace_now(case: _Case) -> Decision:
    is_usable = case.state in (State.VALID, State.DUE, State.MISMATCH) and not _is_urgent(case)
    usable = usable_id(case.profile, case.observed) if is_usable else None
    steps = case.new_key("replace" if usable else "enroll", usable)
    return case.decision(
        Action.RENEW, steps, f"replacement asked for ({case.reason})" if case.request.replace else None
    )


_ORDERS = {
    State.EXPIRED: _enroll_again,
    State.REVOKED: _enroll_again,
    State.DUE: _renew,
    State.VALID: _renew,  # only with --force
    State.MISMATCH: _replace_now,
}


def _finish(case: _Case) -> Decision:
    """Nothing to order: see that the certificate in service is bound and committed, and its predecessors are gone."""
    strangers = sorted(case.current.changed_by - {case.request.admin})
    if strangers:
        note = f"{case.current.name} holds uncommitted changes of {', '.join(strangers)}"
        case = replace(case, notes=(*case.notes, note))
    serving = _serving(case)
    if serving is Serving.HELD:
        return _held(case)
    asks = check_steps(case.profile, case.current.name) if serving is Serving.OWED else ()
    case = replace(case, notes=(*case.notes, *_last_finding(case, serving)))
    if serving in (Serving.OWED, Serving.GOING_BACK) and not strangers and _went_back(case):
        return _go_back_or_on(case, serving, asks)
    unbound, missing = unbound_profiles(case.profile, case.observed, case.current.name)
    if (unbound or case.observed.unapplied) and not strangers:
        steps: tuple[Step, ...] = ()
        if unbound or missing:
            noted = note_steps(case.profile, case.observed, case.current.name)
            steps = (*noted, Bind(case.current.name, (*unbound, *missing)))
        reason = f"{case.reason}; {'to be bound' if unbound else 'not committed yet'}"
        return case.decision(Action.INSTALL, (*steps, *commit_steps(case.request), *asks), reason)
    if missing:
        what = f"there is no SSL/TLS service profile {missing[0]!r} on the firewall"
        hint = "create it, or correct bind in the profile"
        return blocked_decision(case.state, what, Blocked("bind", what, hint), case.current.name)
    if case.observed.doubt:
        hint = "the next run asks again; if it is revoked, run: paloaltoagent replace -p " + case.profile.id
        blocked = Blocked("revoked-unproven", case.observed.doubt, hint)
        return blocked_decision(case.state, case.observed.doubt, blocked, case.current.name)
    return _watch_predecessors(case, serving, asks)


def _serving(case: _Case) -> Serving:
    """How the certificate stands with its serve check; what is held is let go by a person."""
    assert case.current.certificate is not None  # nosec B101  # narrows a type
    serving = serving_of(case.profile, case.observed, case.current.certificate, case.now)
    if serving not in (Serving.HELD, Serving.GOING_BACK):
        return serving
    is_read = case.observed.service_profiles is not None and bool(case.profile.ssl_tls_service_profiles)
    is_bound = is_read and not any(unbound_profiles(case.profile, case.observed, case.current.name))
    is_let_go = case.request.resubmit or (is_bound and serving is Serving.HELD)
    return Serving.OWED if is_let_go else serving


def _last_finding(case: _Case, serving: Serving) -> tuple[str, ...]:
    """A word on a serve check that has not passed yet, for `status`, which asks nobody."""
    record = record_of(case.observed, case.current.certificate) if case.current.certificate else None
    if serving is not Serving.OWED or record is None or not record.finding:
        return ()
    return (f"the serve check of {record.at[:10]} did not pass: {record.finding}",)


def _went_back(case: _Case) -> bool:
    return case.current.certificate is not None and went_back(case.observed, case.current.certificate)


def _go_back_or_on(case: _Case, serving: Serving, asks: tuple[Step, ...]) -> Decision:
    """Finish what an earlier run began to move back; or put the certificate into service again, and ask again."""
    if serving is Serving.GOING_BACK:
        reason = f"{case.reason}; it is not served well, and what was moved to it goes back"
        blocked = _held(case).blocked
        return replace(case.decision(Action.INSTALL, (GoBack(case.current.name),), reason), alarm=blocked)
    moved = move_steps(case.profile, case.observed, case.current.name, case.request)
    steps = (*moved, *commit_steps(case.request), *asks)
    return case.decision(Action.INSTALL, steps, f"{case.reason}; to be put into service again")


def _held(case: _Case) -> Decision:
    """The predecessor serves again, since the successor was not served well; swinging back and forth helps nobody."""
    record = record_of(case.observed, case.current.certificate) if case.current.certificate else None
    moved = read_moved(record.moved) if record else ()
    entry = moved[0].entry if moved else "its predecessor"
    since, finding = (record.at[:10], record.finding) if record else ("?", "?")
    what = f"{entry} serves again since {since}, because {finding}"
    hint = (
        f"mend that, then run: paloaltoagent enroll --resubmit -p {case.profile.id} "
        f"(it puts {case.current.name} into service again, and orders nothing)"
    )
    old = next((item for item in case.observed.generations if item.name == entry), None)
    state = case.state
    if old is not None and old.certificate is not None:
        state, *_ = _judge(case.profile, case.observed, case.request, case.now, old, old.certificate)
    return blocked_decision(state, what, Blocked("rolled-back", what, hint), entry if old else case.current.name)


def _may_be_used(item: CertificateGeneration, observed: Observation) -> bool:
    """Whether something may still use a predecessor. One whose key is seen would have been deleted otherwise."""
    profiles = observed.service_profiles
    return item.is_complete or profiles is None or any(item.name == user.certificate for user in profiles.values())


def _watch_predecessors(case: _Case, serving: Serving, asks: tuple[Step, ...]) -> Decision:
    """A predecessor that is still there is still referred to: worth a note, and a failure before it expires.

    What an earlier run could not do is tried again: somebody's uncommitted change may have been in the way.
    """
    is_served = serving in (Serving.UNASKED, Serving.PASSED)
    clean_up = clean_up_steps(case.profile, case.observed, case.current.name, case.request, is_served)
    alarm: Blocked | None = None
    for item in own(case.profile, case.observed):
        if item.certificate is None or item.number >= case.current.number:
            continue
        days = (item.certificate.not_after - case.now).days
        left = f"expires in {days} days" if days >= 0 else "has expired"
        used, unseen = (
            "is still there, because something refers to it", "is still there, because its private key is not seen"
        )  # fmt: skip
        used = used if item.is_complete else unseen
        used = used if is_served else "is kept until the serve check has passed"
        what = f"the predecessor {item.name} {used}, and {left}"
        if serving is not Serving.PASSED:  # else it was kept on purpose so far, and is about to go
            case = replace(case, notes=(*case.notes, what))
        if is_served and case.now >= urgent_from(item.certificate) and _may_be_used(item, case.observed):
            hint = f"let what refers to it use {case.current.name}, then delete {item.name} on the firewall"
            alarm = alarm or Blocked("predecessor", what, hint)
    is_ours = not case.current.changed_by - {case.request.admin}
    is_meant = case.request.enroll or case.request.renew
    steps = (*(clean_up if is_ours else ()), *asks) if is_meant else ()
    return replace(case.decision(Action.NONE, steps), alarm=alarm, is_clean_up=True)
