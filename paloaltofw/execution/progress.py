"""Where a run tells how it goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from paloaltofw.lifecycle.decision import Outcome
from paloaltofw.lifecycle.steps import Step


class Progress(Protocol):
    """Where a run tells how it goes; called from the threads of all firewalls. The silent one is the default."""

    def begun(self, firewall: str) -> None:
        """A firewall's turn has come."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""

    def committing(self, firewall: str, job_id: str, percent: int) -> None:
        """A commit job was sent, or is that far."""

    def finished(self, firewall: str, outcomes: Sequence[Outcome]) -> None:
        """A firewall's certificates are done."""


class Silent:
    """Progress for cron."""

    def begun(self, firewall: str) -> None:
        """Say nothing."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """Say nothing."""

    def waiting(self, firewall: str, text: str) -> None:
        """Say nothing."""

    def committing(self, firewall: str, job_id: str, percent: int) -> None:
        """Say nothing."""

    def finished(self, firewall: str, outcomes: Sequence[Outcome]) -> None:
        """Say nothing."""


class CommitCounter:
    """Progress that counts commit jobs on its way to another one."""

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        # Every job is counted once, however often it is asked for; a set may be added to from several threads.
        self._jobs: set[tuple[str, str]] = set()

    @property
    def commits(self) -> int:
        """How many commit jobs were followed, those that an earlier run had sent included."""
        return len(self._jobs)

    def begun(self, firewall: str) -> None:
        """A firewall's turn has come."""
        self._shown.begun(firewall)

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""
        self._shown.step(profile, firewall, step)

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""
        self._shown.waiting(firewall, text)

    def committing(self, firewall: str, job_id: str, percent: int) -> None:
        """A commit job was sent, or is that far."""
        self._jobs.add((firewall, job_id))
        self._shown.committing(firewall, job_id, percent)

    def finished(self, firewall: str, outcomes: Sequence[Outcome]) -> None:
        """A firewall's certificates are done."""
        self._shown.finished(firewall, outcomes)
