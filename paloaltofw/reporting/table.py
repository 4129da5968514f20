"""The closing table: one row a certificate."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import TYPE_CHECKING

from paloaltofw.clock import parse_time
from paloaltofw.lifecycle.decision import State

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome


def table(outcomes: Sequence[Outcome], now: datetime.datetime) -> str:
    """The closing table: one row a certificate."""
    head = ("PROFILE", "FIREWALL", "STATE", "ACTION", "NAME", "SERIAL", "EXPIRES", "DAYS", "ORDER")
    rows = [head, *(_row(outcome, now) for outcome in outcomes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _row(outcome: Outcome, now: datetime.datetime) -> tuple[str, ...]:
    certificate = outcome.certificate
    return (
        outcome.profile,
        outcome.firewall,
        outcome.state.value,
        outcome.action.value,
        outcome.entry or "-",
        _short(certificate.serial) if certificate else "-",
        f"{certificate.not_after:%Y-%m-%d}" if certificate else "-",
        str((certificate.not_after - now).days) if certificate else "-",
        _order(outcome, now),
    )


def _short(serial: str) -> str:
    return serial if len(serial) <= 12 else f"{serial[:6]}…{serial[-4:]}"


def _order(outcome: Outcome, now: datetime.datetime) -> str:
    if outcome.state is not State.PENDING or not outcome.ordered_certificate_id:
        return "-"
    age = age_text(now - parse_time(outcome.ordered_at)) if outcome.ordered_at else "?"
    return f"{outcome.ordered_certificate_id}, {age}" + (
        f", waits for {outcome.waits_for}" if outcome.waits_for else ""
    )


def age_text(age: datetime.timedelta) -> str:
    """A time span in its largest sensible unit."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"
