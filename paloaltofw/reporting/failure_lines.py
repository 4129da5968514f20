"""One line a failure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome


def failure_line(outcome: Outcome, *more: Outcome) -> str:
    """One line that says what failed, where, and what to do; `more` are outcomes of the same failure."""
    profiles = ", ".join(item.profile for item in (outcome, *more))
    place = f" on {outcome.firewall_title}" if outcome.firewall_title else ""
    return " ".join(f"{profiles}{place}: {outcome.error}".split("\n"))


def failure_lines(outcomes: Iterable[Outcome]) -> list[str]:
    """One line a failure: a firewall that is down is one failure, however many certificates it holds."""
    groups: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            groups.setdefault(id(outcome.error), []).append(outcome)
    return [failure_line(*group) for group in groups.values()]
