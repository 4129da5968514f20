"""Observe and decide: from the firewall and the state folder to a task with a plan for each certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, PlanBlocked, StateError
from paloaltofw.execution.admission import claim_device, ensure_vsys
from paloaltofw.execution.commit import finish_earlier
from paloaltofw.execution.context import Context, Run
from paloaltofw.execution.left_locks import release_left
from paloaltofw.execution.observe import (
    FirewallSeen,
    StoredState,
    combine,
    look_again,
    read_firewall,
    read_state,
    unclear_of,
)
from paloaltofw.execution.revocation import check_revocation
from paloaltofw.execution.task import CertificateTask, Delivered, Ordered, phase_of
from paloaltofw.execution.units import PeerWitness
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Decision, State
from paloaltofw.lifecycle.guards import costs_money
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.pair import held_for_peer
from paloaltofw.lifecycle.plans import outside_window
from paloaltofw.lifecycle.resume import is_outdated
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.scm.answers import OrderState

# What tells a person to order again: not before the other unit of a pair was asked.
_NAMES_RESUBMIT = ("order-limit", "lost-answer")


def plan(context: Context, run: Run, profiles: Sequence[CertificateProfile]) -> list[CertificateTask]:
    """Return a task for each certificate. Nothing is changed, but for a commit of an earlier run that is followed."""
    if not run.is_dry:
        release_left(context)
        finish_earlier(context)
        if context.store.load_device(context.firewall.id) is None:
            claim_device(context)
    stored = [read_state(context.store, profile) for profile in profiles]
    owes_commit = context.store.owes_commit(context.firewall.id)
    seen = read_firewall(context.client, context.firewall.admin, profiles, stored, owes_commit)
    seen = replace(seen, owes_push=context.store.load_push(context.firewall.id) is not None)
    tasks = [
        _first_look(context, run, profile, combine(profile, context.firewall.admin, seen, state), state)
        for profile, state in zip(profiles, stored, strict=True)
    ]
    witness = PeerWitness(context, profiles, stored)
    if any(costs_money(task.decision) for task in tasks):
        if context.firewall.vsys != "shared":
            _ensure_vsys(context)
        orders = [task.observed.order for task in tasks if task.observed.order and costs_money(task.decision)]
        seen = look_again(context.client, seen, orders, profiles)
        for task, state in zip(tasks, stored, strict=True):
            _second_look(context, run, task, seen, state, witness)
    for task, state in zip(tasks, stored, strict=True):
        if task.decision.blocked is not None and task.decision.blocked.code in _NAMES_RESUBMIT:
            _hold_for_peer(task, state, witness)
    for task in tasks:
        task.decision = leave_to_window(context, task.decision)
    return tasks


def _ensure_vsys(context: Context) -> None:
    try:
        ensure_vsys(context.client)
    except PlanBlocked as blocked:
        raise PlanBlocked(blocked.what, context.firewall.title, blocked.remedy) from None


def leave_to_window(context: Context, decision: Decision) -> Decision:
    """Return a plan without what has to wait for the firewall's commit window."""
    opens = context.firewall.commit_window.closed_until(context.clock.now())
    return outside_window(decision, opens) if opens else decision


def _first_look(
    context: Context, run: Run, profile: CertificateProfile, observed: Observation, stored: StoredState
) -> CertificateTask:
    if stored.error is not None:
        return _unusable(profile, observed, stored.error)
    notes: list[str] = []
    observed = _without_outdated(context, profile, observed, run.is_dry, notes)
    observed = _ask_failed_again(context, profile, observed, run, notes)
    try:
        phase = phase_of(observed.order, profile.name, profile.firewall)
    except StateError as error:
        return _unusable(profile, observed, error)
    observed, note = check_revocation(context, profile, observed, run.is_dry)
    request = _request(context, run)
    decision = decide(profile, observed, request, context.clock.now())
    notes += [*decision.notes, *([note] if note else [])]
    task = CertificateTask(
        profile, observed, decision, phase, request.revoke_predecessor, notes, is_asked_for=request.is_asked_for
    )
    if run.asks_orders and isinstance(phase, Ordered) and not isinstance(phase, Delivered):
        _ask_order(context, task, phase.certificate_id, phase.record)
    return task


def _second_look(
    context: Context, run: Run, task: CertificateTask, seen: FirewallSeen, stored: StoredState, witness: PeerWitness
) -> None:
    """Decide again, with the running configuration in hand, before anything is paid for."""
    if task.error is not None or not costs_money(task.decision):
        return
    first = task.observed
    again = combine(task.profile, context.firewall.admin, seen, stored)
    task.observed = replace(
        again,
        order=first.order,
        is_revoked_at_scm=first.is_revoked_at_scm,
        installed=first.installed,
        doubt=first.doubt,
    )
    task.decision = decide(task.profile, task.observed, _request(context, run), context.clock.now())
    if costs_money(task.decision):
        _hold_for_peer(task, stored, witness)
    task.notes += [note for note in task.decision.notes if note not in task.notes]
    unclear = unclear_of(task.profile, seen)
    if unclear is not None and costs_money(task.decision) and not task.is_asked_for:
        task.error = unclear


def _hold_for_peer(task: CertificateTask, stored: StoredState, witness: PeerWitness) -> None:
    """Hold a plan back that would make an order, or tell a person to, where the other unit of a pair has what it needs.

    That anything is lost is not so then: what was said of it before is not told.
    """
    evidence = "" if task.is_asked_for else witness.evidence(task.profile, task.observed, stored)
    if evidence:
        task.notes = [note for note in task.notes if note not in task.decision.notes]
        task.decision = held_for_peer(task.profile, task.decision, evidence)


def _request(context: Context, run: Run) -> RunRequest:
    firewall = context.firewall
    pushes_to = firewall.panorama.pushed_to if firewall.panorama else ""
    return replace(run.request, admin=firewall.admin, bundles_chain=firewall.chain == "bundle", pushes_to=pushes_to)


def _without_outdated(
    context: Context, profile: CertificateProfile, observed: Observation, is_dry: bool, notes: list[str]
) -> Observation:
    """Set an order aside that is older than what the firewall holds: the state folder is an old backup."""
    order = observed.order
    if order is None or not is_outdated(profile, observed, order):
        return observed
    notes.append(
        f"the state folder is older than the firewall: the order record for {order.entry} "
        f"(certificate ID {order.certificate_id or 'unknown'}) is set aside"
    )
    if not is_dry:
        context.store.set_aside_order(profile.id)
    return replace(observed, order=None, issued=None)


def _ask_failed_again(
    context: Context, profile: CertificateProfile, observed: Observation, run: Run, notes: list[str]
) -> Observation:
    """A final word that SCM takes back is no final word: the order goes on."""
    order = observed.order
    if order is None or order.phase != Phase.FAILED or not order.certificate_id or run.request.is_asked_for:
        return observed
    try:
        status = context.scm_of(order, profile).status(order.certificate_id)
    except AgentError:
        return observed  # it was called final by answers that were understood; this one says nothing new
    if status.state not in (OrderState.PENDING, OrderState.ISSUED):
        return observed
    notes.append(f"SCM takes back that the order has failed: it is {status.word.lower()}")
    again = replace(order, phase=Phase.ORDERED.value, failure="")
    if not run.is_dry:
        context.store.save_order(again)
    return replace(observed, order=again)


def _unusable(profile: CertificateProfile, observed: Observation, error: StateError) -> CertificateTask:
    return CertificateTask(profile, observed, Decision(State.UNKNOWN, Action.FAILED, error.what), error=error)


def _ask_order(context: Context, task: CertificateTask, certificate_id: str, record: OrderRecord) -> None:
    try:
        status = context.scm_of(record, task.profile).status(certificate_id)
        task.waits_for = status.waits_for
        task.notes.append(f"order {certificate_id} is {status.word} at SCM")
    except AgentError as error:
        task.notes.append(f"SCM could not be asked about order {certificate_id}: {error}")
