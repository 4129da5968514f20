"""The plan of a dry run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from paloaltofw.reporting.failure_lines import failure_line

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome


def plan(outcomes: Sequence[Outcome]) -> str:
    """Every step that would be taken, for a dry run."""
    return "\n".join(line for outcome in outcomes for line in _plan_lines(outcome))


def _plan_lines(outcome: Outcome) -> list[str]:
    lines = [f"{outcome.profile} on {outcome.firewall}: {outcome.reason}"]
    for number, step in enumerate(outcome.steps, start=1):
        lines.append(f"  {number:2} {step.words}: {step}")
    if not outcome.steps:
        lines.append("   - nothing to do" if outcome.error is None else f"   - {failure_line(outcome)}")
    return lines + [f"     note: {note}" for note in outcome.notes]
