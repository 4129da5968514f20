"""The live view of a run on a terminal: what every firewall and certificate waits for, drawn by rich.

Names and texts come from files and from peers: they are drawn as plain text, never as markup, without secrets and
control characters. The cursor stays visible all the time, so that no way of ending can leave it hidden.
"""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TextIO

from paloaltofw.lifecycle.steps import Step
from paloaltofw.reporting import logfile
from paloaltofw.reporting.activity import Activity, Row
from paloaltofw.reporting.groups import COLOURS
from paloaltofw.reporting.terminal import clean
from paloaltofw.secret import redact

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text


DRAWINGS_A_SECOND = 4
# Lines of the screen that the rows may not take: head, rule, blank ones, the summary, and one for the cursor.
OVERHEAD = 7
LEAST_ROOM = 3
# Narrower than this there is no room for the times, nor for a commit's bar.
WIDE_ENOUGH = 60
BAR_CELLS = 10
_STYLES = {"31": "red", "33": "yellow", "32": "green"}


class LiveProgress:
    """Progress as a table that is drawn again and again; what others print meanwhile appears above it."""

    def __init__(self, stream: TextIO, certificates: Mapping[str, Sequence[str]]) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, markup=False, emoji=False, highlight=False)
        self._activity = Activity(certificates)
        self._above = _Above(stream, self._console)
        self._live = Live(
            console=self._console, get_renderable=self._drawing, refresh_per_second=DRAWINGS_A_SECOND, transient=True,
            redirect_stdout=False, redirect_stderr=False,
        )  # fmt: skip
        self.begun = self._activity.begun
        self.waiting = self._activity.waiting
        self.committing = self._activity.committing
        self.finished = self._activity.finished

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""
        self._activity.step(profile, firewall, step)

    def open(self) -> None:
        """Begin to draw."""
        self._above.take()
        self._live.start(refresh=True)
        self._console.show_cursor(True)

    def close(self) -> None:
        """Take the table away and leave its last line; may be called twice, and from a signal handler."""
        if not self._live.is_started:
            return
        # A terminal that is gone must not take the run's outcome with it.
        with contextlib.suppress(OSError):
            self._live.stop()
        self._above.give_back()
        with contextlib.suppress(OSError):
            self._console.print(_text(self._activity.summary()), soft_wrap=True)

    def _drawing(self) -> Table:
        width, height = self._console.size
        rows = self._activity.rows(max(LEAST_ROOM, height - OVERHEAD))
        return _table(rows, self._activity.summary(), is_wide=width >= WIDE_ENOUGH)


def _table(rows: Sequence[Row], summary: str, is_wide: bool) -> Table:
    from rich import box
    from rich.table import Column, Table

    columns = [
        Column("Firewall", no_wrap=True, ratio=3),
        Column("Certificate", no_wrap=True, ratio=4),
        Column("Waits for", no_wrap=True, ratio=8),
        *([Column("Time", no_wrap=True, justify="right", width=8)] if is_wide else []),
    ]
    table = Table(
        *columns, box=box.SIMPLE_HEAD, expand=True, pad_edge=False, caption=_text(summary), caption_justify="left",
        caption_style="dim", header_style="bold",
    )  # fmt: skip
    for row in rows:
        cells = [_text(row.firewall, "bold"), _text(row.certificate), _waits(row, is_wide)]
        table.add_row(*cells, *([_text(row.since, "dim")] if is_wide else []))
    return table


def _waits(row: Row, is_wide: bool) -> Text:
    """What a certificate waits for; a commit with a bar and its percentage."""
    if row.percent is None:
        return _text(row.text, _STYLES.get(COLOURS.get(row.group, ""), ""))
    full = row.percent * BAR_CELLS // 100
    bar = "━" * full + "╌" * (BAR_CELLS - full) + " " if is_wide else ""
    return _text(bar, "cyan") + _text(f"{row.percent:3} %  ", "bold") + _text(row.text)


def _text(text: str, style: str = "") -> Text:
    from rich.text import Text

    return Text(clean(redact(text.replace("\n", " "))), style=style, overflow="ellipsis", no_wrap=True)


class _Above(io.TextIOBase):
    """Stands in for stderr, and for the log's copy there, while the table is drawn: whole lines go above it.

    It has no `close` of its own: Python calls that once more when the object is collected.
    """

    def __init__(self, stream: TextIO, console: Console) -> None:
        self._stream = stream
        self._console = console
        self._begun = ""
        self._lock = threading.RLock()
        self._handlers: list[logging.StreamHandler[TextIO]] = []

    def take(self) -> None:
        """Take the places of the stream."""
        self._was_stderr = sys.stderr is self._stream
        if self._was_stderr:
            sys.stderr = self
        for handler in logging.getLogger(logfile.LOGGER).handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is self._stream:
                handler.setStream(self)
                self._handlers.append(handler)

    def give_back(self) -> None:
        """Give them back, and print what has no line end yet."""
        if self._was_stderr:
            sys.stderr = self._stream
        for handler in self._handlers:
            handler.setStream(self._stream)
        self._handlers.clear()
        with self._lock, contextlib.suppress(OSError):
            rest, self._begun = self._begun, ""
            self._stream.write(rest)

    def write(self, text: str) -> int:
        """Keep a begun line until it ends."""
        with self._lock:
            *lines, self._begun = (self._begun + text).split("\n")
            for line in lines:
                self._console.print(_whole(line), soft_wrap=True)
        return len(text)

    def isatty(self) -> bool:
        """What the stream is."""
        return self._stream.isatty()

    def fileno(self) -> int:
        """That of the stream."""
        return self._stream.fileno()


def _whole(line: str) -> Text:
    from rich.text import Text

    return Text(clean(redact(line)))
