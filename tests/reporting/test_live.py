"""The live view: hostile names stay text, what others print stays whole, and the terminal is always given back."""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import re
import signal
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.lifecycle.decision import State
from paloaltofw.lifecycle.steps import Commit
from paloaltofw.reporting import logfile
from paloaltofw.reporting.activity import IDLE, Row
from paloaltofw.reporting.live import LiveProgress, _table
from paloaltofw.reporting.terminal import TerminalProgress
from paloaltofw.secret import Secret
from paloaltofw.workflows import maintain
from tests.reporting.outcomes import outcome
from tests.reporting.test_plan_text import profile

HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"
COLOUR = re.compile(r"\x1b\[[0-9;]*[34]\d[;m]")


class Terminal(io.StringIO):
    """A terminal that remembers everything."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """To be called in the test itself: pytest has a stderr of its own for each phase."""
    for name, value in (("TERM", "xterm-256color"), ("COLUMNS", "80"), ("LINES", "24")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("NO_COLOR", raising=False)
    shown = Terminal()
    monkeypatch.setattr(sys, "stderr", shown)
    return shown


def drawn(rows: list[Row], width: int = 80, summary: str = "summary") -> str:
    from rich.console import Console

    screen = io.StringIO()
    Console(file=screen, width=width, markup=False, emoji=False).print(_table(rows, summary, is_wide=width >= 60))
    return screen.getvalue()


@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=200), st.sampled_from((40, 80)))
def test_whatever_a_name_holds_the_table_is_lines_that_fit(firewall: str, name: str, text: str, width: int) -> None:
    from rich.cells import cell_len

    lines = drawn([Row(firewall, name, text, "0:12"), Row("", name, text, "", 40)], width).split("\n")
    assert all(line.isprintable() for line in lines)
    assert max(cell_len(line) for line in lines) <= width
    assert len(lines) == len(drawn([Row("fw", "www", "commit", "0:12"), Row("", "w", "x", "", 4)], width).split("\n"))


def test_markup_of_rich_in_a_name_is_text() -> None:
    text = drawn([Row("[bold]fw[/]", "[link=x]www", ":warning: [/red]", "")])
    assert "[bold]fw[/]" in text
    assert "[link=x]www" in text
    assert ":warning: [/red]" in text


@pytest.mark.parametrize("percent", [0, 40, 100])
def test_a_commit_is_a_bar_and_a_number(percent: int) -> None:
    text = drawn([Row("fw", "www", "commit job 7", "0:12", percent)])
    assert f"{percent} %  commit job 7" in text
    assert text.count("━") == percent // 10


def test_what_others_print_appears_above_the_table_in_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    Secret("hunter2-hunter2")
    logger = logging.getLogger(logfile.LOGGER)
    handler = logging.StreamHandler(terminal)
    logger.addHandler(handler)
    progress = LiveProgress(terminal, {"fw": ["www"]})
    try:
        progress.open()
        progress.begun("fw")
        logger.warning("a line of the log with hunter2-hunter2 and \x1b[31m")
        sys.stderr.write("half a line, ")
        print("and the rest", file=sys.stderr)
        assert sys.stderr.isatty()
    finally:
        progress.close()
        logger.removeHandler(handler)
    text = terminal.getvalue()
    assert "a line of the log with *** and \\x1b[31m\n" in text
    assert "half a line, and the rest\n" in text
    assert handler.stream is terminal


def test_a_view_that_is_gone_takes_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    first = LiveProgress(on_a_terminal(monkeypatch), {"fw": ["www"]})
    first.open()
    first.close()
    terminal = on_a_terminal(monkeypatch)
    for thread in threading.enumerate():
        if "Refresh" in type(thread).__name__:  # the one that drew; it holds the view until it has ended
            thread.join(10)
    del first, thread
    gc.collect()
    assert sys.stderr is terminal


def test_many_threads_may_print_while_the_table_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    progress = LiveProgress(terminal, {f"fw-{n}": ["www"] for n in range(4)})
    progress.open()

    def work(number: int) -> None:
        for _ in range(20):
            progress.waiting(f"fw-{number}", "something")
            print(f"<{number}>" + "x" * 30, file=sys.stderr)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    progress.close()
    assert len(re.findall(r"<\d>", terminal.getvalue())) == 80


def test_the_table_goes_and_its_last_line_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    progress = LiveProgress(terminal, {"fw": ["www"]})
    progress.open()
    progress.begun("fw")
    progress.step("www", "fw", Commit("svc-certs"))
    progress.finished("fw", [outcome("www", State.VALID)])
    progress.close()
    progress.close()
    assert terminal.getvalue().count("1 firewall done, 0 orders, 0 commits, 1 in order, 0:00\n") == 1
    assert terminal.getvalue().endswith("0:00\n")


def test_no_way_of_ending_can_leave_the_cursor_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is visible all the time: nobody has to be there to bring it back."""
    terminal = on_a_terminal(monkeypatch)
    progress = LiveProgress(terminal, {"fw": ["www"]})
    progress.open()
    assert terminal.getvalue().rfind(SHOW) > terminal.getvalue().rfind(HIDE)
    progress.close()
    assert terminal.getvalue().rfind(SHOW) > terminal.getvalue().rfind(HIDE)


def test_an_exception_gives_the_terminal_back(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    with contextlib.suppress(ZeroDivisionError), maintain._shown([profile("www")]):
        assert sys.stderr is not terminal
        raise ZeroDivisionError
    assert sys.stderr is terminal
    assert terminal.getvalue().rfind(SHOW) > terminal.getvalue().rfind(HIDE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_takes_the_table_away_before_it_ends_the_process(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    terminal = on_a_terminal(monkeypatch)
    sent: list[int] = []
    monkeypatch.setattr(os, "kill", lambda process, number: sent.append(number))
    before = signal.getsignal(number)
    with maintain._shown([profile("www")]):
        signal.raise_signal(number)
        assert sent == [number]
        assert sys.stderr is terminal
        assert "interrupted; the next run goes on from here\n" in terminal.getvalue()
        assert signal.getsignal(number) == signal.SIG_DFL
    assert signal.getsignal(number) == before
    assert terminal.getvalue().rfind(SHOW) > terminal.getvalue().rfind(HIDE)


class Gone(Terminal):
    """A terminal whose other end is closed after a while."""

    is_gone = False

    def write(self, text: str) -> int:
        if self.is_gone:
            raise OSError(5, "Input/output error")
        return super().write(text)


def test_a_terminal_that_is_gone_is_no_failure_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    gone = Gone()
    monkeypatch.setattr(sys, "stderr", gone)
    monkeypatch.setattr(threading, "excepthook", lambda arguments: None)  # the thread that draws ends
    with maintain._shown([profile("www")]):
        gone.is_gone = True
    assert sys.stderr is gone


@pytest.mark.parametrize("no_colour", ["", "1"])
def test_no_color_is_heeded(monkeypatch: pytest.MonkeyPatch, no_colour: str) -> None:
    terminal = on_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", no_colour)
    progress = LiveProgress(terminal, {"fw": ["www"]})
    progress.committing("fw", "7", 50)
    progress.open()
    progress.close()
    assert "50 %" in terminal.getvalue()
    assert bool(COLOUR.search(terminal.getvalue())) is not bool(no_colour)


@pytest.mark.parametrize("reason", ["TERM", "rich", "encoding"])
def test_where_no_table_can_be_drawn_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    terminal = on_a_terminal(monkeypatch)
    if reason == "TERM":
        monkeypatch.setenv("TERM", "dumb")
    elif reason == "rich":
        monkeypatch.setitem(sys.modules, "rich.console", None)
    else:
        monkeypatch.setattr(Terminal, "encoding", "iso-8859-1")
    with maintain._shown([profile("www")]) as progress:
        assert isinstance(progress, TerminalProgress)
        progress.step("www", "fw", Commit("svc-certs"))
        progress.committing("fw", "7", 0)
        progress.committing("fw", "7", 50)
    assert "www: commit: changes of svc-certs only\n" in terminal.getvalue()
    if reason == "TERM":
        assert terminal.getvalue().count("commit job 7") == 1
        assert "\x1b" not in terminal.getvalue()


def test_on_a_terminal_that_can_draw_there_is_a_table(monkeypatch: pytest.MonkeyPatch) -> None:
    on_a_terminal(monkeypatch)
    with maintain._shown([profile("www")]) as progress:
        assert isinstance(progress, LiveProgress)


def test_the_picture_in_the_documents_is_what_is_drawn() -> None:
    text = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text("utf-8")
    rows = [
        Row("fw-edge", "www-example-com", "commit job 412", "1:48", 63),
        Row("", "vpn-example-com", "commit job 412", "1:48"),
        Row("", "portal", IDLE, ""),
        Row("fw-branch", "mail-example-com", "1 order to be issued", "0:31"),
        Row("fw-dc", "api-example-com", "pending, waits for approval by an SCM administrator", "3 days"),
        Row("fw-lab", "lab", "in order", ""),
    ]
    screen = drawn(rows, summary="2 of 4 firewalls done, 2 at work, 1 pending, 1 in order, 2:12")
    picture = "\n".join(line.rstrip() for line in screen.split("\n")).strip("\n")
    assert f"```\n{picture}\n```" in text, picture
