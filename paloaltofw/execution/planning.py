"""Observe and decide: from the firewall and the state folder to a task with a plan for each certificate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, StateError
from paloaltofw.execution.commit import finish_earlier
from paloaltofw.execution.context import Context, Run
from paloaltofw.execution.observe import StoredState, combine, read_firewall, read_state
from paloaltofw.execution.revocation import check_revocation
from paloaltofw.execution.task import CertificateTask, Delivered, Ordered, phase_of
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Decision, State
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.plans import outside_window
from paloaltofw.model.certificate_profile import CertificateProfile


def plan(context: Context, run: Run, profiles: Sequence[CertificateProfile]) -> list[CertificateTask]:
    """Return a task for each certificate. Nothing is changed, but for a commit of an earlier run that is followed."""
    if not run.is_dry:
        finish_earlier(context)
    stored = [read_state(context.store, profile) for profile in profiles]
    firewall = read_firewall(context.client, context.firewall.admin, profiles, stored)
    tasks = []
    for profile, state in zip(profiles, stored, strict=True):
        observed = combine(profile, context.firewall.admin, firewall, state)
        tasks.append(_decide(context, run, profile, observed, state))
    return tasks


def leave_to_window(context: Context, decision: Decision) -> Decision:
    """Return a plan without what has to wait for the firewall's commit window."""
    opens = context.firewall.commit_window.closed_until(context.clock.now())
    return outside_window(decision, opens) if opens else decision


def _decide(
    context: Context, run: Run, profile: CertificateProfile, observed: Observation, stored: StoredState
) -> CertificateTask:
    if stored.error is not None:
        return _unusable(profile, observed, stored.error)
    try:
        phase = phase_of(observed.order)
    except StateError as error:
        return _unusable(profile, observed, error)
    observed, note = check_revocation(context, profile, observed, run.is_dry)
    firewall = context.firewall
    request = replace(run.request, admin=firewall.admin, bundles_chain=firewall.chain == "bundle")
    decision = leave_to_window(context, decide(profile, observed, request, context.clock.now()))
    notes = [*decision.notes, *([note] if note else [])]
    task = CertificateTask(profile, observed, decision, phase, request.revoke_predecessor, notes)
    if run.asks_orders and isinstance(phase, Ordered) and not isinstance(phase, Delivered):
        _ask_order(context, task, phase.certificate_id)
    return task


def _unusable(profile: CertificateProfile, observed: Observation, error: StateError) -> CertificateTask:
    return CertificateTask(profile, observed, Decision(State.UNKNOWN, Action.FAILED, error.what), error=error)


def _ask_order(context: Context, task: CertificateTask, certificate_id: str) -> None:
    try:
        status = context.scm(task.profile.account).status(certificate_id)
        task.waits_for = status.waits_for
        task.notes.append(f"order {certificate_id} is {status.word} at SCM")
    except AgentError as error:
        task.notes.append(f"SCM could not be asked about order {certificate_id}: {error}")
