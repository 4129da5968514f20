"""A job of the firewall, followed to its end: a commit, or a validation."""

from __future__ import annotations

from paloaltofw.errors import PeerError
from paloaltofw.execution.context import Context
from paloaltofw.model.firewall_objects import Job

# Faster polling slows the job down (panos.md §1). Seconds.
FIRST_POLL = 2.0
SLOWEST_POLL = 15.0
# A pause is this share of the time that the job has taken so far: that much is lost at most when it ends.
POLL_SHARE = 1 / 12


def follow(context: Context, job_id: str, kind: str = "commit") -> Job | None:
    """Poll a job until it ends or the commit's time is over; None if the device does not know it.

    While a commit runs the device may refuse connections, answer 502, or deny the key for a moment, because its
    services restart (panos.md §10): a poll that fails is repeated until the time is over.
    """
    if kind == "commit":
        context.progress.committing(context.firewall.id, job_id, 0)
    started = context.clock.monotonic()
    deadline = started + context.firewall.commit_timeout
    job: Job | None = None
    while True:
        elapsed = context.clock.monotonic() - started
        context.clock.sleep(min(max(FIRST_POLL, elapsed * POLL_SHARE), SLOWEST_POLL))
        try:
            job = context.client.job(job_id)
            if job is None or job.is_finished:
                return job
            _tell(context, job, kind)
        except PeerError as error:
            if context.clock.monotonic() >= deadline:
                raise
            context.progress.waiting(context.firewall.id, f"{kind} job {job_id}: {error.what}")
        if context.clock.monotonic() >= deadline:
            return job


def _tell(context: Context, job: Job, kind: str) -> None:
    if kind == "commit":
        context.progress.committing(context.firewall.id, job.id, job.progress)
    else:
        context.progress.waiting(context.firewall.id, f"{kind} job {job.id}")
