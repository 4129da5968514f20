"""Where a run tells how it goes."""

from __future__ import annotations

from typing import Protocol

from paloaltofw.lifecycle.steps import Step


class Progress(Protocol):
    """Where a run tells how it goes. The silent one is the default."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""


class Silent:
    """Progress for cron."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """Say nothing."""

    def waiting(self, firewall: str, text: str) -> None:
        """Say nothing."""
