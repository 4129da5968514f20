"""The message of a run to one channel: what is new, and nothing else."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from paloaltofw.model.channels import Channel
from paloaltofw.notifications.memory import Memory
from paloaltofw.notifications.troubles import FAILURE, SUCCESS, URGENT, WHOLE_RUN, Trouble
from paloaltofw.secret import redact

MOST_LINES = 50
LONGEST_LINE = 500
MOST_NAMES = 20


@dataclass(frozen=True)
class Message:
    """A text for one channel, and what it tells: profiles with the code of their trouble, and successes."""

    channel: Channel
    title: str
    body: str
    kind: str
    troubles: tuple[tuple[tuple[str, ...], str], ...] = ()
    successes: tuple[str, ...] = ()


def message_for(
    channel: Channel,
    command: str,
    troubles: Sequence[Trouble],
    successes: Sequence[str],
    memory: Memory,
    now: datetime.datetime,
) -> Message | None:
    """What a channel is to be told now; None if there is nothing new for it."""
    wanted = [trouble for trouble in troubles if trouble.occasions & set(channel.on)]
    due = [(trouble, names) for trouble in wanted if (names := memory.due(channel, trouble, now))]
    good = (*memory.owed(channel), *successes) if SUCCESS in channel.on else ()
    if not due and not good:
        return None
    lines = [_line(trouble, names) for trouble, names in due] + [f"{SUCCESS}: {line}" for line in good]
    return Message(
        channel,
        _title(command, [trouble for trouble, _ in due], len(good)),
        "\n".join(_bounded(lines)),
        _kind([trouble for trouble, _ in due]),
        tuple((names, trouble.code) for trouble, names in due),
        good,
    )


def trial_message(channel: Channel) -> Message:
    """What `notify --test` sends."""
    body = f"This is a test of {channel.title}. It is told of: {', '.join(channel.on)}."
    return Message(channel, f"paloaltoagent on {socket.gethostname()}: test", body, SUCCESS)


def _line(trouble: Trouble, names: Sequence[str]) -> str:
    occasion = FAILURE if FAILURE in trouble.occasions else URGENT
    told = ", ".join(names[:MOST_NAMES]) + (f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else "")
    place = f" on {trouble.place}" if trouble.place else ""
    who = "the run" if tuple(names) == (WHOLE_RUN,) else told + place
    return f"{occasion}: {who}: {trouble.text}"


def _bounded(lines: Sequence[str]) -> list[str]:
    shown = [_clean(line)[:LONGEST_LINE] for line in lines[:MOST_LINES]]
    left = len(lines) - len(shown)
    return [*shown, f"and {left} more; see the log"] if left else shown


def _clean(line: str) -> str:
    """One line without secrets, and without characters that a mail, a chat or a terminal takes for more than text."""
    return "".join(c if c.isprintable() else " " if c == "\n" else repr(c)[1:-1] for c in redact(line))


def _title(command: str, troubles: Sequence[Trouble], successes: int) -> str:
    failures = sum(FAILURE in trouble.occasions for trouble in troubles)
    counts = (
        (failures, "failure" if failures == 1 else "failures"),
        (len(troubles) - failures, "urgent"),
        (successes, "in service"),
    )
    words = ", ".join(f"{number} {word}" for number, word in counts if number)
    return f"paloaltoagent {command} on {socket.gethostname()}: {words}"


def _kind(troubles: Sequence[Trouble]) -> str:
    if any(FAILURE in trouble.occasions for trouble in troubles):
        return FAILURE
    return URGENT if troubles else SUCCESS
