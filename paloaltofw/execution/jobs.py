"""A job of the firewall: a commit, a validation, or a push. How it is found again, and followed to its end."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Protocol, TypeVar

from paloaltofw.errors import PeerError
from paloaltofw.execution.context import Context
from paloaltofw.model.firewall_objects import Job

# Faster polling slows the job down (panos.md §1). Seconds.
FIRST_POLL = 2.0
SLOWEST_POLL = 15.0
# A pause is this share of the time that the job has taken so far: that much is lost at most when it ends.
POLL_SHARE = 1 / 12
DESCRIPTION_CHARACTERS = 511


class Followed(Protocol):
    """What is told of a job while it goes on."""

    @property
    def id(self) -> str:
        """Its number."""

    @property
    def progress(self) -> int:
        """0 to 100."""


J = TypeVar("J", bound=Followed)


def with_token(text: str) -> str:
    """A description that fits, with a token at its end by which the job of a lost answer is found again."""
    tail = f" [{secrets.token_hex(4)}]"
    return text[: DESCRIPTION_CHARACTERS - len(tail)] + tail


def bears_token(description: str, wanted: str) -> bool:
    """Whether a job's description has the token of the one that was sent."""
    token = wanted.rpartition("[")[2]
    return bool(token) and token in description


def follow(context: Context, job_id: str, kind: str = "commit") -> Job | None:
    """Poll a job until it ends or the commit's time is over; None if the device does not know it."""
    if kind == "commit":
        context.progress.committing(context.firewall.id, job_id, 0)
    return poll(context, job_id, kind, context.client.job, lambda job: job.is_finished)


def poll(
    context: Context, job_id: str, kind: str, ask: Callable[[str], J | None], is_over: Callable[[J], bool]
) -> J | None:
    """Ask for a job until it is over, or the commit's time is; None if the device does not know it.

    While a commit runs the device may refuse connections, answer 502, or deny the key for a moment, because its
    services restart (panos.md §10): a poll that fails is repeated until the time is over.
    """
    started = context.clock.monotonic()
    deadline = started + context.firewall.commit_timeout
    job: J | None = None
    while True:
        elapsed = context.clock.monotonic() - started
        context.clock.sleep(min(max(FIRST_POLL, elapsed * POLL_SHARE), SLOWEST_POLL))
        try:
            job = ask(job_id)
            if job is None or is_over(job):
                return job
            _tell(context, job, kind)
        except PeerError as error:
            if context.clock.monotonic() >= deadline:
                raise
            context.progress.waiting(context.firewall.id, f"{kind} job {job_id}: {error.what}")
        if context.clock.monotonic() >= deadline:
            return job


def _tell(context: Context, job: Followed, kind: str) -> None:
    if kind == "validation":
        context.progress.waiting(context.firewall.id, f"{kind} job {job.id}")
    else:
        context.progress.committing(context.firewall.id, job.id, job.progress)
