"""What stops a plan before it costs money or touches what is not ours, although the decision wants it."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace

from paloaltofw.lifecycle.brake import held_back
from paloaltofw.lifecycle.decision import Action, Blocked, Decision
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.ownership import current_of, is_ours, strangers
from paloaltofw.lifecycle.plans import ordered_by_another, unknown_request
from paloaltofw.lifecycle.steps import AdoptCsr, GenerateCsr, SubmitOrder
from paloaltofw.lifecycle.succession import CertificateGeneration, series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import OBJECT_NAME_LIMIT

_ORDERS = (GenerateCsr, AdoptCsr, SubmitOrder)


def costs_money(decision: Decision) -> bool:
    """Whether a plan makes a key or an order, so that the evidence for it has to be seen twice."""
    return any(isinstance(step, _ORDERS) for step in decision.steps)


def guarded(
    profile: CertificateProfile, observed: Observation, request: RunRequest, now: datetime.datetime, decision: Decision
) -> Decision:
    """The decision, or, where something speaks against its steps, one that does nothing and says why."""
    if not costs_money(decision):
        return decision
    blocked = _first(profile, observed, request, now, decision)
    if blocked is None and _is_automatic_order(decision, request):
        blocked = held_back(profile, observed.ledger, observed.installed, request.order_limit, now)
    if blocked is None:
        return decision
    return replace(decision, action=Action.FAILED, steps=(), blocked=blocked, reason=blocked.message, alarm=None)


def _is_automatic_order(decision: Decision, request: RunRequest) -> bool:
    """Whether the plan orders by itself. The same CSR sent again after a lost answer has its own bound."""
    orders = [step for step in decision.steps if isinstance(step, SubmitOrder)]
    return bool(orders) and not request.is_asked_for and not orders[0].is_resubmission


def _first(
    profile: CertificateProfile, observed: Observation, request: RunRequest, now: datetime.datetime, decision: Decision
) -> Blocked | None:
    """The first thing that speaks against a new key or order."""
    checks: tuple[Callable[[], Blocked | None], ...] = (
        lambda: _name_taken(profile, observed),
        lambda: _shadowed(observed),
        lambda: _candidate_differs(observed),
        lambda: _list_differs(profile, observed),
        lambda: _key_not_seen(profile, observed, request, now),
        lambda: _unknown_order(profile, observed, request),
        lambda: _name_too_long(decision),
    )
    return next((blocked for blocked in (check() for check in checks) if blocked is not None), None)


def _name_taken(profile: CertificateProfile, observed: Observation) -> Blocked | None:
    """An entry in the series' names that is not this profile's is never moved away from, overwritten or deleted."""
    taken = strangers(profile, observed)
    if not taken:
        return None
    item = taken[0]
    holder = item.certificate or item.csr
    holds = f"is for {holder.names.common_name!r}" if holder else "holds neither a certificate nor a CSR to be read"
    what = f"the entry {item.name} on the firewall {holds}, so it is not this profile's"
    return Blocked("name-taken", what, f"rename it there, or set another name in the profile {profile.id}")


def _shadowed(observed: Observation) -> Blocked | None:
    """One name in shared and in a vsys: which of the two is meant is not confirmed, and a service might go dark."""
    if not observed.namesakes:
        return None
    what = f"there is also the {observed.namesakes[0]}, and which of the two is used under this name is not certain"
    return Blocked("shadowed", what, "rename one of them on the firewall, or choose other names in the profile")


def _candidate_differs(observed: Observation) -> Blocked | None:
    """A certificate of the series in one configuration only: somebody is at work, and nothing is touched meanwhile."""
    if observed.running is None:
        return None
    if observed.is_key_elsewhere:
        what = f"the list of certificates lacks {observed.order.entry if observed.order else '?'}, but its CSR is there"
        return Blocked(
            "candidate-differs", what, "look at the firewall's uncommitted changes; the next run looks again"
        )
    candidate = {item.name: item for item in observed.generations}
    running = {item.name: item for item in observed.running}
    for name in sorted({*candidate, *running}):
        here, there = candidate.get(name), running.get(name)
        if _is_somebodys_work(here, there, observed):
            side = "running" if here is None or here.certificate is None else "candidate"
            what = f"only the {side} configuration holds the certificate {name}"
            if here and there and here.certificate and there.certificate:
                what = f"candidate and running configuration hold different certificates as {name}"
            who = sorted((here.changed_by if here else frozenset()) - {observed.admin})
            what += f" (changed by {', '.join(who)})" if who else ""
            hint = "commit or revert the change on the firewall; the next run looks again"
            return Blocked("candidate-differs", what, hint)
    return None


def _is_somebodys_work(
    here: CertificateGeneration | None, there: CertificateGeneration | None, observed: Observation
) -> bool:
    """Whether an entry differs between candidate and running in a way that is not the agent's own unfinished work."""
    before = there.certificate.sha256 if there and there.certificate else ""
    after = here.certificate.sha256 if here and here.certificate else ""
    if here is not None and there is not None and before == after and here.is_revoked != there.is_revoked:
        return True  # revoked in one configuration only: no word to pay for
    if before == after:
        # The key of an open order, committed by an earlier run, that the candidate lacks now.
        order = observed.order
        return here is None and there is not None and order is not None and there.holds_key_of(order.spki_sha256)
    if not after:
        # An earlier run of ours deleted a predecessor, and its commit did not come about.
        return not (observed.owes_commit and here is None and before in observed.known)
    assert here is not None  # nosec B101  # narrows a type
    is_known = after in observed.known or (
        here.certificate is not None and here.certificate.spki_sha256 in observed.known
    )
    return not is_known and here.changed_by != {observed.admin}


def _list_differs(profile: CertificateProfile, observed: Observation) -> Blocked | None:
    """A service profile serves an entry of the series that the list lacks: then the list is not to be believed."""
    listed = {item.name for item in observed.generations}
    for user in (observed.service_profiles or {}).values():
        if series_number(profile.name, user.certificate) is not None and user.certificate not in listed:
            what = f"the SSL/TLS service profile {user.name} serves {user.certificate}, which the list does not show"
            hint = "look at both on the firewall, and at the rights of the administrator; the next run looks again"
            return Blocked("list-differs", what, hint)
    return None


def _key_not_seen(
    profile: CertificateProfile, observed: Observation, request: RunRequest, now: datetime.datetime
) -> Blocked | None:
    """A good certificate of ours whose key is not shown: the role may hide it, so this is no proof that it is lost."""
    if request.is_asked_for:
        return None
    current = current_of(profile, observed)
    for item in observed.generations:
        if item.certificate is None or item.has_key or item.number <= (current.number if current else 0):
            continue
        if item.certificate.not_after > now and is_ours(item, profile, observed):
            what = f"the firewall does not show that {item.name} has its key, and no other way proves it"
            hint = (
                "give the administrator the right to see it, or, if the key is lost, run: "
                f"paloaltoagent enroll --resubmit -p {profile.id}"
            )
            return Blocked("key-not-seen", what, hint)
    return None


def _unknown_order(profile: CertificateProfile, observed: Observation, request: RunRequest) -> Blocked | None:
    """A pending CSR that the state folder knows nothing of may have been ordered by one that is lost."""
    if request.is_asked_for:
        return None
    renamed = ordered_by_another(profile, observed)
    if renamed is not None:
        what = f"the profile {renamed.profile} ordered a certificate for this entry, whose order may still be open"
        hint = f"rename the profile back, or run: paloaltoagent enroll --resubmit -p {profile.id}"
        return Blocked("unknown-order", what, hint)
    item = unknown_request(profile, observed)
    if item is None:
        return None
    what = f"the firewall holds the pending CSR {item.name}, which may have been ordered by a state folder that is lost"
    hint = f"look in the SCM portal, then run: paloaltoagent enroll --resubmit -p {profile.id}"
    return Blocked("unknown-order", what, hint)


def _name_too_long(decision: Decision) -> Blocked | None:
    for step in decision.steps:
        if isinstance(step, GenerateCsr) and len(step.entry) > OBJECT_NAME_LIMIT:
            what = f"the next name of the series, {step.entry}, has more than {OBJECT_NAME_LIMIT} characters"
            return Blocked("name-taken", what, "set another name in the profile, or rename the highest entry")
    return None
