"""The table of certificates: in groups, the most urgent first, with a summary as its last line."""

from __future__ import annotations

import datetime
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paloaltofw.clock import parse_time
from paloaltofw.lifecycle.decision import Action, State
from paloaltofw.reporting.groups import COLOURS, grouped, word_of
from paloaltofw.reporting.words import age_text

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome

WIDTH = 80
_HEAD = ("PROFILE", "FIREWALL", "STATE", "EXPIRES", "DAYS", "ACTION")
_WIDE_HEAD = ("PROFILE", "FIREWALL", "STATE", "ACTION", "NAME", "SERIAL", "EXPIRES", "DAYS", "ORDER")
_GAP, _INDENT, _DETAIL = "  ", "  ", "      "
# A name that is cut keeps so many characters, if the other one needs the room.
_LEAST_NAME = 12


@dataclass(frozen=True)
class Line:
    """A line to be printed; `colour` is an ANSI code, for terminals that may show it."""

    text: str
    colour: str = ""


def table(
    outcomes: Sequence[Outcome], now: datetime.datetime, is_wide: bool = False, with_notes: bool = True
) -> list[Line]:
    """One row a certificate, within 80 columns; `is_wide`: with all columns and uncut names."""
    if not outcomes:
        return [Line("no certificate is selected")]
    groups = grouped(outcomes, now)
    ordered = [outcome for _, members in groups for outcome in members]
    rows = [_wide_row(outcome, now) if is_wide else _row(outcome, now) for outcome in ordered]
    head, *printed = _grid([_WIDE_HEAD if is_wide else _HEAD, *rows], is_wide)
    texts = dict(zip(map(id, ordered), printed, strict=True))
    lines = [Line(head)]
    for group, members in groups:
        lines.append(Line(_counted(group, len(members)), COLOURS[group]))
        for outcome in members:
            lines.append(Line(texts[id(outcome)]))
            lines += [Line(text) for text in _details(outcome, now, with_notes)]
    return [*lines, Line(", ".join(_counted(group, len(members)) for group, members in reversed(groups)))]


def _counted(group: str, number: int) -> str:
    return f"{number} {word_of(group)}"


def _row(outcome: Outcome, now: datetime.datetime) -> tuple[str, ...]:
    return (outcome.profile, outcome.firewall, outcome.state.value, *_expiry(outcome, now), _action(outcome))


def _wide_row(outcome: Outcome, now: datetime.datetime) -> tuple[str, ...]:
    certificate = outcome.certificate
    return (
        outcome.profile,
        outcome.firewall,
        outcome.state.value,
        _action(outcome),
        outcome.entry or "-",
        certificate.serial if certificate else "-",
        *_expiry(outcome, now),
        _order(outcome, now) or "-",
    )


def _action(outcome: Outcome) -> str:
    return "-" if outcome.action is Action.NONE else outcome.action.value


def _expiry(outcome: Outcome, now: datetime.datetime) -> tuple[str, str]:
    if outcome.certificate is None:
        return "-", "-"
    return f"{outcome.certificate.not_after:%Y-%m-%d}", str((outcome.certificate.not_after - now).days)


def _order(outcome: Outcome, now: datetime.datetime) -> str:
    if outcome.state is not State.PENDING or not outcome.ordered_certificate_id:
        return ""
    age = age_text(now - parse_time(outcome.ordered_at)) if outcome.ordered_at else "?"
    waits = f", waits for {outcome.waits_for}" if outcome.waits_for else ""
    return f"{outcome.ordered_certificate_id}, {age}{waits}"


def _grid(rows: Sequence[tuple[str, ...]], is_wide: bool) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    if not is_wide:
        widths[0], widths[1] = _shared(widths)
    lines = []
    for row in rows:
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append((_INDENT + _GAP.join(cells)).rstrip())
    return lines


def _shared(widths: Sequence[int]) -> tuple[int, int]:
    """The widths of the two names, so that the row fits; the profile's is the one that people look for."""
    room = WIDTH - len(_INDENT) - len(_GAP) * (len(widths) - 1) - sum(widths[2:])
    profile, firewall = widths[0], widths[1]
    if profile + firewall > room:
        firewall = min(firewall, max(_LEAST_NAME, room - profile))
        profile = room - firewall
    return profile, firewall


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _details(outcome: Outcome, now: datetime.datetime, with_notes: bool) -> Iterator[str]:
    """What a row has no room for; nothing of what is in order, and full names where they were cut."""
    order = _order(outcome, now)
    if outcome.error is not None or outcome.state is not State.VALID or outcome.action is not Action.NONE:
        yield from _wrapped(f"{outcome.profile}: {outcome.reason}")
    if order:
        yield from _wrapped(f"order {order}")
    if with_notes:
        for note in outcome.notes:
            yield from _wrapped(f"note: {note}")


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=_DETAIL, subsequent_indent=_DETAIL + "  ", break_on_hyphens=False)
