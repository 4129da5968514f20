"""Act: the plans of a firewall's certificates are carried out stage by stage, every kind of step by one table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from paloaltofw.errors import AgentError
from paloaltofw.execution import (
    admission,
    collect,
    commit,
    enroll,
    go_back,
    install,
    push,
    record,
    revocation,
    serve,
    serve_check,
    unfinished,
    units,
)
from paloaltofw.execution.clocks import ensure_clocks
from paloaltofw.execution.context import Context
from paloaltofw.execution.locking import AgentLocks
from paloaltofw.execution.outcomes import unexpected
from paloaltofw.execution.planning import leave_to_window
from paloaltofw.execution.task import CertificateTask, Delivered, Issued, Planned, Requested, TaskPhase
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Bind,
    CheckService,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    GoBack,
    ImportCertificate,
    ImportChain,
    NoteServed,
    Prove,
    Push,
    RecordId,
    RemoveUnproven,
    RevokePredecessor,
    Stage,
    Step,
    SubmitOrder,
)

log = logging.getLogger(__name__)
ANY_PHASE: tuple[type, ...] = get_args(TaskPhase)


@dataclass(frozen=True)
class Single:
    """A step that is made for one certificate at a time; `needs` are the phases that it can begin in."""

    make: Callable[[Context, CertificateTask, Any, Any], None]
    needs: tuple[type, ...] = ANY_PHASE


@dataclass(frozen=True)
class Joint:
    """A step that is made for all certificates of the firewall together. It sets the errors of the tasks itself.

    `is_announced`: progress tells of it for each certificate; else the step itself tells, once it knows that it acts.
    """

    make: Callable[[Context, Sequence[CertificateTask]], None]
    is_announced: bool = True


STEPS: Mapping[type[Step], Single | Joint] = {
    GenerateCsr: Single(enroll.generate_csr),
    RemoveUnproven: Single(enroll.remove_unproven),
    AdoptCsr: Single(enroll.adopt_csr),
    SubmitOrder: Single(enroll.submit_order, needs=(Planned, Requested)),
    Collect: Joint(collect.collect),
    Prove: Single(install.prove, needs=(Delivered,)),
    ImportChain: Single(install.import_chain, needs=(Issued,)),
    ImportCertificate: Single(install.import_certificate, needs=(Issued,)),
    NoteServed: Single(serve_check.note_served),
    Bind: Single(serve.bind),
    DeletePredecessor: Single(serve.delete_predecessor),
    Commit: Joint(commit.commit, is_announced=False),
    Push: Joint(push.push, is_announced=False),
    RecordId: Joint(record.record_ids),
    RevokePredecessor: Single(revocation.revoke_after_check),
    CheckService: Joint(serve_check.check_service),
    GoBack: Joint(go_back.go_back),
}
_SERVES = (Bind, DeletePredecessor)
_BEGINS = (GenerateCsr, AdoptCsr, SubmitOrder)
_CHANGES_FIREWALL = (
    GenerateCsr,
    RemoveUnproven,
    AdoptCsr,
    ImportChain,
    ImportCertificate,
    Bind,
    DeletePredecessor,
    Commit,
    Push,
)


def _close_serving(context: Context, tasks: Sequence[CertificateTask]) -> None:
    unfinished.clean_up(context, tasks)
    push.announce(context, tasks)


# What is done for all certificates once a stage is over.
_CLOSINGS: Mapping[Stage, Callable[[Context, Sequence[CertificateTask]], None]] = {
    Stage.INSTALL: install.read_back,
    Stage.SERVE: _close_serving,
}


def carry_out(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Carry out the plans; what fails is in the tasks' errors. Raises AgentError if the firewall may not be changed."""
    if any(isinstance(step, _CHANGES_FIREWALL) for task in tasks for step in task.decision.steps):
        units.admit(context, tasks)
        admission.identify(context)
    if any(isinstance(step, _SERVES) for task in tasks for step in task.decision.steps):
        # No order's record tells of these changes: without this a failed commit would be forgotten.
        context.store.save_owed_commit(context.firewall.id)
    _compare_clocks(context, tasks)
    _carry_out_stages(context, tasks)
    if not context.has_changed and not any(task.observed.unapplied for task in tasks):
        context.store.remove_owed_commit(context.firewall.id)
    for task in tasks:
        if task.is_open and task.decision.waits_for:
            task.is_pending = True
            task.waits_for = task.decision.waits_for
            context.task_event(task, "prepared, waits for %s", task.waits_for)


def _carry_out_stages(context: Context, tasks: Sequence[CertificateTask]) -> None:
    locks = AgentLocks(context)
    try:
        for stage in Stage:
            if locks.before(stage, tasks):
                _carry_out_stage(context, tasks, stage)
            if stage is Stage.COLLECT:
                for task in tasks:
                    task.decision = leave_to_window(context, task.decision)  # it may have closed meanwhile
    finally:
        locks.release()


def _compare_clocks(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Before a key is made: with a wrong clock somewhere nothing is ordered."""
    for task in tasks:
        if task.is_open and task.step(SubmitOrder) is not None:
            try:
                ensure_clocks(context, task)
            except AgentError as error:
                task.error = error


def _carry_out_stage(context: Context, tasks: Sequence[CertificateTask], stage: Stage) -> None:
    for kind, handler in STEPS.items():
        if isinstance(handler, Joint) and kind.stage is stage:
            _make_jointly(context, [task for task in tasks if task.step(kind)], kind, handler)
    for task in tasks:
        for step in task.decision.steps:
            handler = STEPS[type(step)]
            if step.stage is stage and isinstance(handler, Single) and task.is_open:
                _make(context, task, step, handler)
    if stage in _CLOSINGS:
        _CLOSINGS[stage](context, tasks)


def _make_jointly(context: Context, tasks: Sequence[CertificateTask], kind: type[Step], handler: Joint) -> None:
    for task in tasks:
        step = task.step(kind)
        if step is not None and task.is_open and handler.is_announced:
            context.progress.step(task.profile.id, context.firewall.id, step)
    if tasks:
        handler.make(context, tasks)


def _make(context: Context, task: CertificateTask, step: Step, handler: Single) -> None:
    context.progress.step(task.profile.id, context.firewall.id, step)
    try:
        if not isinstance(task.phase, handler.needs):
            raise RuntimeError(f"{type(step).__name__} in phase {type(task.phase).__name__}")
        if isinstance(step, _BEGINS):
            context.ensure_active()  # before the journal announces it
        handler.make(context, task, step, task.phase)
    except AgentError as error:
        task.error = error
    except Exception as error:
        log.exception("unexpected failure in step %r of %s", step.words, task.profile.id)
        task.error = unexpected(error, f"profile {task.profile.id}, {step.words}")
