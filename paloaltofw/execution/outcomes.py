"""Report: what became of each certificate, and the words for what nobody expected."""

from __future__ import annotations

import datetime
from dataclasses import replace

from paloaltofw.errors import AgentError, ConfigurationError
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.task import CertificateTask, InService, Installed
from paloaltofw.lifecycle.decide import installed_at
from paloaltofw.lifecycle.decision import Action, Blocked, Outcome, State
from paloaltofw.lifecycle.renewal_window import settled_window
from paloaltofw.lifecycle.steps import CheckService
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.pki.certificate import Certificate


def planned_outcome(context: Context, task: CertificateTask) -> Outcome:
    """Return what was observed and decided for a certificate."""
    decision, record = task.decision, task.phase.record
    certificate = _certificate_of(task)
    return Outcome(
        profile=task.profile.id,
        firewall=task.profile.firewall,
        state=decision.state,
        action=decision.action,
        reason=decision.reason,
        certificate_id=task.observed.certificate_id,
        ordered_certificate_id=task.certificate_id,
        ordered_at=record.ordered_at if record else None,
        waits_for=task.waits_for or decision.waits_for,
        certificate=certificate,
        entry=decision.in_service,
        steps=decision.steps,
        notes=tuple(task.notes),
        error=task.error or decision.blocked or task.trouble,
        address=context.firewall.address,
        renews_from=_renews_from(context, task, certificate) if certificate else None,
    )


def dry_outcome(context: Context, task: CertificateTask) -> Outcome:
    """Return what would be done for a certificate, with the failure that a clean-up in vain would be."""
    outcome = planned_outcome(context, task)
    alarm = task.decision.alarm if task.decision.is_clean_up else None
    return replace(outcome, error=outcome.error or alarm)


def final_outcome(context: Context, task: CertificateTask) -> Outcome:
    """Return what became of a certificate in a run that did something, and write its notes and error to the log."""
    planned = planned_outcome(context, task)
    planned = replace(planned, error=planned.error or _alarm_of(task), is_new=isinstance(task.phase, InService))
    outcome = _with_hook(_with_device(_with_service(_became(context, task, planned), task), task), task)
    _log(outcome)
    return outcome


def _with_service(outcome: Outcome, task: CertificateTask) -> Outcome:
    """A serve check's failure is told like a hook's: the certificate is installed. What went back is in service."""
    failure = task.service_failure
    if failure is None:
        return outcome
    if outcome.error is not None:
        return replace(outcome, notes=(*outcome.notes, str(failure)))
    if not task.put_back:
        return replace(outcome, error=failure)
    old = next((item.certificate for item in task.observed.generations if item.name == task.put_back), None)
    return replace(
        outcome, error=failure, action=Action.FAILED, state=task.decision.state, reason=failure.what,
        certificate=old or outcome.certificate, entry=task.put_back, is_new=False,
    )  # fmt: skip


def _with_device(outcome: Outcome, task: CertificateTask) -> Outcome:
    """What the firewall did besides is told like a hook's failure: the certificate is installed all the same."""
    failure = task.device_failure
    if failure is None:
        return outcome
    if outcome.error is None:
        return replace(outcome, error=failure)
    return replace(outcome, notes=(*outcome.notes, str(failure)))


def _with_hook(outcome: Outcome, task: CertificateTask) -> Outcome:
    """A hook's failure is told; state and action stay what they are. Beside another failure it is a note."""
    if task.hook_failure is None:
        return outcome
    if outcome.error is None:
        return replace(outcome, error=task.hook_failure)
    return replace(outcome, notes=(*outcome.notes, str(task.hook_failure)))


def _became(context: Context, task: CertificateTask, outcome: Outcome) -> Outcome:
    """Return what is known after the run."""
    if outcome.error is not None:
        is_waiting = task.is_pending and task.error is None
        return replace(outcome, action=Action.FAILED, state=State.PENDING if is_waiting else outcome.state)
    if not task.is_pending and not task.decision.steps:
        return outcome
    certificate_id = context.store.load_certificate_id(task.profile.id)
    if task.is_pending:
        return replace(outcome, state=State.PENDING, certificate_id=certificate_id)
    if task.decision.is_clean_up and all(isinstance(step, CheckService) for step in task.decision.steps):
        return outcome
    entry = task.phase.record.entry if task.phase.record else outcome.entry
    return replace(outcome, state=State.VALID, certificate_id=certificate_id, entry=entry, reason="in service")


def _alarm_of(task: CertificateTask) -> Blocked | None:
    """What is told of an order that is still pending after the run, or of a predecessor that could not go."""
    is_kept = task.decision.is_clean_up and (bool(task.kept_predecessors) or not task.decision.steps)
    alarm = task.decision.alarm if task.is_pending or is_kept else None
    reasons = "; ".join(dict.fromkeys(task.kept_predecessors.values()))
    return replace(alarm, message=f"{alarm.message} ({reasons})") if alarm and is_kept and reasons else alarm


def _log(outcome: Outcome) -> None:
    for note in outcome.notes:
        events.warning("profile=%s firewall=%s %s", outcome.profile, outcome.firewall, note)
    if outcome.error is not None:
        place = f"firewall={outcome.firewall} " if outcome.firewall_title else ""
        place_known = {"firewall": outcome.firewall}
        events.error("profile=%s %s%s", outcome.profile, place, outcome.error, extra=place_known)


def _certificate_of(task: CertificateTask) -> Certificate | None:
    """The new certificate once the firewall holds it, else the one in service."""
    if isinstance(task.phase, (Installed, InService)) and task.error is None:
        return task.phase.chain.leaf
    generations = task.observed.generations
    return next((item.certificate for item in generations if item.name == task.decision.in_service), None)


def _renews_from(context: Context, task: CertificateTask, certificate: Certificate) -> datetime.datetime:
    default_days = context.settings.renew_before_days
    return settled_window(certificate, task.profile, default_days, installed_at(task.observed, certificate)).opens


def unknown_outcome(context: Context, profile: CertificateProfile, error: AgentError) -> Outcome:
    """Return the outcome of a certificate whose firewall could not be looked at."""
    address = context.firewall.address
    return Outcome(profile.id, profile.firewall, State.UNKNOWN, Action.FAILED, error.what, error=error, address=address)


def unexpected(error: Exception, where: str) -> AgentError:
    """Return an error for what nobody expected: its text may hold anything, so only its kind is told."""
    if isinstance(error, ConfigurationError):
        return error
    what = f"unexpected {type(error).__name__}"
    return AgentError(what, where, "this is a flaw of the agent: run again with --debug and report it")
