"""What a terminal shows: lines without secrets and control characters, and plain progress (live.py draws a table)."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

from paloaltofw.lifecycle.steps import Step
from paloaltofw.reporting import logfile
from paloaltofw.secret import redact

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line; secrets are removed, and control characters escaped, whatever the text came from."""
    emit("\n".join(clean(line) for line in redact(text).split("\n")), stream)


def emit(text: str, stream: TextIO | None = None) -> None:
    """Print a text that is clean already. A reader who has left, as with `| head`, changes nothing else."""
    target = stream or sys.stdout
    try:
        print(text, file=target, flush=True)
    except BrokenPipeError:
        _silence(target)


def say_where_the_log_is() -> None:
    """End what failed, on a terminal, with where more is to be found."""
    if logfile.current and sys.stderr.isatty():
        say(f"The log is {logfile.current}", sys.stderr)


def is_reader_gone() -> bool:
    """Whether somebody has stopped reading what this process prints; from then on it goes nowhere."""
    gone = False
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            _silence(stream)
            gone = True
    return gone


def _silence(stream: TextIO) -> None:
    with contextlib.suppress(OSError, ValueError):  # a stream in memory has no descriptor
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def clean(line: str) -> str:
    """A line in which nothing can move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def may_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that shows colours, and nobody objects (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class TerminalProgress:
    """Progress for a person: a line a step, and one that is rewritten while something takes time.

    A terminal that cannot rewrite lines (TERM=dumb) gets a line where something else is waited for.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_line_open = False
        self._can_rewrite = os.environ.get("TERM") != "dumb"
        self._told: dict[str, str] = {}

    def open(self) -> None:
        """Nothing has to be begun."""

    def begun(self, firewall: str) -> None:
        """A firewall's turn has come; its first step tells."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""
        with self._lock:
            self._end_line()
            say(f"  {firewall}  {profile}: {step.words}: {step}", self._stream)

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""
        self._tell(firewall, text, text)

    def committing(self, firewall: str, job_id: str, percent: int) -> None:
        """A commit job was sent, or is that far."""
        self._tell(firewall, f"commit job {job_id}", f"commit job {job_id}, {percent} %")

    def finished(self, firewall: str, outcomes: Sequence[Outcome]) -> None:
        """A firewall's certificates are done; the closing table tells."""

    def _tell(self, firewall: str, what: str, text: str) -> None:
        with self._lock:
            if self._can_rewrite:
                self._stream.write(f"\r\x1b[K  {clean(redact(f'{firewall}  … {text}'))[:110]}")
                self._stream.flush()
                self._is_line_open = True
            elif self._told.get(firewall) != what:
                self._told[firewall] = what
                say(f"  {firewall}  … {what}", self._stream)

    def close(self) -> None:
        """End an open line."""
        with self._lock:
            self._end_line()

    def _end_line(self) -> None:
        if self._is_line_open:
            self._stream.write("\r\x1b[K")
            self._is_line_open = False
