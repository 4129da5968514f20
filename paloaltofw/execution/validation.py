"""A validation before the commit (contract.md §5, `validate`), followed to its end like a commit.

It is an extra proof: the commit itself refuses an invalid configuration. So only a validation that was carried out and
failed keeps a commit from being made; where the firewall cannot validate, that is said and the commit goes on, since
the key of an order that SCM holds must not wait for it in the candidate configuration.
"""

from __future__ import annotations

from collections.abc import Sequence

from paloaltofw.errors import AnswerLost, Busy, PeerError
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.failed_commit import commit_failure
from paloaltofw.execution.jobs import follow
from paloaltofw.execution.task import CertificateTask


def validate(context: Context, tasks: Sequence[CertificateTask], owed: Sequence[CertificateTask]) -> None:
    """Validate where the profile asks for it; raises ValidationFailed, or Busy where the firewall takes no job."""
    if not context.firewall.validates:
        return
    try:
        job_id = _send(context)
        job = follow(context, job_id, "validation") if job_id is not None else None
    except Busy:
        raise
    except PeerError as error:
        _go_on(context, owed, error.what)
        return
    if job_id is None:
        events.info("firewall=%s nothing to validate", context.firewall.id)
    elif job is None:
        _go_on(context, owed, f"the firewall does not know the validation job {job_id} any more")
    elif not job.is_finished:
        _go_on(context, owed, f"validation job {job_id} has not ended after {context.firewall.commit_timeout:g} s")
    elif not job.is_ok:
        raise commit_failure(context, tasks, job, is_validation=True)
    else:
        events.info("firewall=%s validation job %s: the configuration is valid", context.firewall.id, job_id)


def _send(context: Context) -> str | None:
    admin = context.firewall.admin
    try:
        return context.change(lambda: context.client.validate(admin))
    except AnswerLost:
        running = [job for job in context.client.jobs() if job.user == admin and not job.is_finished]
        found = next((job.id for job in running if job.type.lower().startswith("validat")), None)
        # A validation changes nothing: it may be asked for again.
        return found or context.change(lambda: context.client.validate(admin))


def _go_on(context: Context, owed: Sequence[CertificateTask], why: str) -> None:
    owed[0].notes.append(
        f"the configuration was not validated before the commit ({why}); set validate: false if it never is"
    )
