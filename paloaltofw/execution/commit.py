"""The commit: only the agent's own changes, once for all certificates of a firewall, and seen to its end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, AnswerLost, PeerError
from paloaltofw.execution.clients import remember_management
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.failed_commit import commit_failure
from paloaltofw.execution.jobs import bears_token, follow, with_token
from paloaltofw.execution.neighbours import compare, look_around
from paloaltofw.execution.task import CertificateTask, Ordered
from paloaltofw.execution.units import await_sync, unit_at
from paloaltofw.execution.validation import validate
from paloaltofw.lifecycle.steps import Commit
from paloaltofw.model.records import CommitRecord, Phase


def finish_earlier(context: Context) -> None:
    """A commit that an earlier run sent and did not see end: find it, wait for it, forget it."""
    record = context.store.load_commit(context.firewall.id)
    unit = unit_at(context, record.url) if record is not None else None
    if record is None or unit is None:
        return
    context = unit
    job_id = record.job_id or _find(context, record)
    if job_id is not None:
        events.info("firewall=%s commit job %s of an earlier run is followed", context.firewall.id, job_id)
        if record.job_id is None:
            context.store.save_commit(replace(record, job_id=job_id))
        job = follow(context, job_id)
        events.info(
            "firewall=%s commit job %s ended: %s", context.firewall.id, job_id, job.result if job else "unknown"
        )
    context.store.remove_commit(context.firewall.id)


def _find(context: Context, record: CommitRecord) -> str | None:
    """A commit whose answer was lost: by its description, else an unfinished one of the same administrator."""
    jobs = [job for job in context.client.jobs() if job.type.lower().startswith("commit")]
    described = [job for job in jobs if bears_token(job.description, record.description)]
    unfinished = [job for job in jobs if job.user == context.firewall.admin and not job.is_finished]
    return next((job.id for job in (*described, *unfinished)), None)


def commit(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Make one commit for everything that changed, pending CSRs included: a revert or restart would lose them."""
    if not is_needed(context, tasks):
        return
    if context.commit_barred is not None:
        tell(tasks, context.commit_barred)
        return
    owed = [task for task in tasks if _is_owed(task)]
    _announce(context, owed[0])
    try:
        _commit_changes(context, tasks, owed)
        context.store.remove_owed_commit(context.firewall.id)
    except AgentError as error:
        tell(tasks, error)


def is_needed(context: Context, tasks: Sequence[CertificateTask]) -> bool:
    """Whether anything is to be committed for these certificates."""
    owed = [task for task in tasks if _is_owed(task)]
    return bool(owed) and (context.has_changed or any(task.observed.unapplied for task in owed))


def tell(tasks: Sequence[CertificateTask], error: AgentError) -> None:
    """Why the commit was not made: an error of those whose next step it was, a word on those that go on waiting."""
    for task in filter(_is_owed, tasks):
        if task.is_open:
            task.error = error
        elif task.error is None or task.is_pending:
            task.notes.append(f"its CSR is not committed yet: {error}")
            task.trouble = error


def _is_owed(task: CertificateTask) -> bool:
    """Whether a task's part is to be committed. After a failure too, where SCM holds the order, or may hold it, and the
    key of its CSR is only in the candidate configuration: that key must last.
    """
    if task.is_open or task.is_pending:
        return True
    record = task.phase.record
    may_be_held = record is not None and record.phase == Phase.SUBMITTING
    return (may_be_held or isinstance(task.phase, Ordered)) and not _is_key_committed(task)


def _is_key_committed(task: CertificateTask) -> bool:
    """Whether the running configuration was seen to hold the key of the task's order."""
    record, running = task.phase.record, task.observed.running or ()
    return record is not None and any(
        item.name == record.entry and item.holds_key_of(record.spki_sha256) for item in running
    )


def _announce(context: Context, task: CertificateTask) -> None:
    step = task.step(Commit)
    if step is not None:
        context.progress.step(task.profile.id, context.firewall.id, step)


def _commit_changes(context: Context, tasks: Sequence[CertificateTask], owed: Sequence[CertificateTask]) -> None:
    """Commit and follow the job to its end; raises CommitFailed or a PeerError if it did not end well."""
    admin = context.firewall.admin
    context.ensure_active()
    # After the commit the management interface may present one of our certificates.
    remember_management(context.store, context.client, context.firewall)
    validate(context, tasks, owed)
    before = look_around(context)
    description = _description(context, owed)
    now = format_time(context.clock.now())
    record = CommitRecord(context.firewall.id, description, now, url=context.firewall.url)
    context.store.save_commit(record)
    job_id = _send(context, record)
    if job_id is None:
        events.info("firewall=%s nothing to commit", context.firewall.id)
    else:
        events.info("firewall=%s commit job %s of %s enqueued", context.firewall.id, job_id, admin)
        _see_through(context, tasks, job_id)
    context.store.remove_commit(context.firewall.id)
    owed[0].device_failure = compare(context, before, job_id)
    await_sync(context, owed)


def _send(context: Context, record: CommitRecord) -> str | None:
    try:
        job_id = context.change(lambda: context.client.commit(context.firewall.admin, record.description))
    except AnswerLost:
        job_id = _find(context, record)
        if job_id is None:
            raise
    except PeerError:
        context.store.remove_commit(context.firewall.id)  # refused: nothing was enqueued
        raise
    if job_id is not None:
        context.store.save_commit(replace(record, job_id=job_id))
    return job_id


def _description(context: Context, tasks: Sequence[CertificateTask]) -> str:
    """The configured text, and what the commit is for."""
    names = ", ".join(
        f"{task.profile.id} (order {task.certificate_id})" if task.certificate_id else task.profile.id for task in tasks
    )
    return with_token(f"{context.firewall.commit_description}: {names}")


def _see_through(context: Context, tasks: Sequence[CertificateTask], job_id: str) -> None:
    job = follow(context, job_id)
    if job is not None and job.is_finished and not job.is_ok:
        context.store.remove_commit(context.firewall.id)
        raise commit_failure(context, tasks, job)
    if job is not None and not job.is_finished:
        where = f"{context.firewall.title}, commit job {job_id}"
        what = f"the commit has not ended after {context.firewall.commit_timeout:g} s"
        raise AnswerLost(what, where, "the next run looks for it")
