"""The groups of certificates that tables, the live view and the page show: the most urgent first."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING

from paloaltofw.lifecycle.decision import State

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome

FAILED = "failed"
RED, YELLOW, GREEN = "31", "33", "32"
# Most urgent first, with the ANSI code of each group's colour.
COLOURS = {
    FAILED: RED,
    State.EXPIRED.value: RED,
    State.REVOKED.value: RED,
    State.ABSENT.value: YELLOW,
    State.MISMATCH.value: YELLOW,
    State.UNKNOWN.value: YELLOW,
    State.DUE.value: YELLOW,
    State.PENDING.value: YELLOW,
    State.VALID.value: GREEN,
}
_WORDS = {
    State.ABSENT.value: "missing",
    State.MISMATCH.value: "not as its profile says",
    State.VALID.value: "in order",
}


def group_of(outcome: Outcome) -> str:
    """The group of a certificate: its state, or `failed`."""
    return FAILED if outcome.error is not None else outcome.state.value


def word_of(group: str) -> str:
    """A group's name for people."""
    return _WORDS.get(group, group)


def grouped(outcomes: Iterable[Outcome], now: datetime.datetime) -> list[tuple[str, list[Outcome]]]:
    """The groups that there are, each with its members, the most urgent first in both."""
    members: dict[str, list[Outcome]] = {group: [] for group in COLOURS}
    for outcome in sorted(outcomes, key=lambda item: _urgency(item, now)):
        members[group_of(outcome)].append(outcome)
    return [(group, found) for group, found in members.items() if found]


def _urgency(outcome: Outcome, now: datetime.datetime) -> tuple[float, str, str]:
    """What ends first comes first, and what serves nobody before that."""
    left = (outcome.certificate.not_after - now).total_seconds() if outcome.certificate else float("-inf")
    return left, outcome.profile, outcome.firewall
