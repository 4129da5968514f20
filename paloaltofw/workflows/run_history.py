"""Writes down how a run ended, for the page that `status --html` makes."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paloaltofw.clock import format_time, parse_time
from paloaltofw.errors import StateError
from paloaltofw.lifecycle.decision import State
from paloaltofw.model.records import RunRecord
from paloaltofw.reporting.report import exit_code
from paloaltofw.storage.history import append_run
from paloaltofw.workflows.session import Session, warn_event

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome


def remember_run(
    session: Session, command: str, started: datetime.datetime, outcomes: Sequence[Outcome], commits: int
) -> None:
    """Add a run to the history. What goes wrong with it is for the log: the work is done."""
    record = RunRecord(
        command=command,
        started_at=format_time(started),
        ended_at=format_time(session.clock.now()),
        exit_code=exit_code(outcomes),
        certificates=len(outcomes),
        orders=placed_orders(outcomes, started),
        commits=commits,
        failures=sum(outcome.error is not None for outcome in outcomes),
        pending=sum(outcome.state is State.PENDING for outcome in outcomes),
    )
    try:
        append_run(session.store, record)
    except StateError as error:
        warn_event("the history of runs is not written: %s", error)


def placed_orders(outcomes: Sequence[Outcome], started: datetime.datetime) -> int:
    """How many orders SCM took since a run began."""
    since = started.replace(microsecond=0)
    return sum(parse_time(outcome.ordered_at or "") >= since for outcome in outcomes)
