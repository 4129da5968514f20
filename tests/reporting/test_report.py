"""What commands print: on a terminal and elsewhere, in colour and without, as text and as JSON."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path

import pytest

from paloaltofw.lifecycle.decision import State
from paloaltofw.model.finding import Finding
from paloaltofw.reporting import logfile
from paloaltofw.reporting.json_document import json_document
from paloaltofw.reporting.report import report, report_check, report_status
from paloaltofw.reporting.words import count
from paloaltofw.secret import Secret, redact
from tests.reporting.outcomes import DOWN, NOW, outcome
from tests.reporting.test_plan_text import profile

GOOD = [outcome("www", State.VALID, days=100)]
BAD = [outcome("vpn", State.UNKNOWN, error=DOWN)]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Standard output and error become the same terminal. Not a fixture: pytest's own capture would come after it."""
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return screen


@pytest.mark.parametrize(
    ("environment", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_colour_only_on_a_terminal_that_wants_it(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], is_coloured: bool
) -> None:
    terminal = on_a_terminal(monkeypatch)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert report_status([*GOOD, *BAD], NOW, is_json=False) == 1
    assert ("\x1b[31m1 failed\x1b[0m" in terminal.getvalue()) is is_coloured
    assert ("\x1b" in terminal.getvalue()) is is_coloured


def test_no_colour_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    report_status([*GOOD, *BAD], NOW, is_json=False)
    assert "\x1b" not in capsys.readouterr().out


def test_a_name_cannot_bring_its_own_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = on_a_terminal(monkeypatch)
    report_status([outcome("\x1b[5mwww", State.VALID, days=1)], NOW, is_json=False)
    assert "\\x1b[5mwww" in terminal.getvalue()
    assert "\x1b[5m" not in terminal.getvalue()


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_failure_ends_with_where_the_log_is_on_a_terminal(
    is_terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    terminal = on_a_terminal(monkeypatch) if is_terminal else None
    try:
        assert logfile.start(tmp_path / "agent.log", "info", False) is None
        report("run", BAD, NOW, is_json=False)
        report("run", GOOD, NOW, is_json=False)
    finally:
        logfile.stop()
    text = terminal.getvalue() if terminal else capsys.readouterr().err
    assert text.count(f"The log is {tmp_path}/agent.log") == int(is_terminal)
    assert logfile.current is None


def test_without_a_terminal_success_is_silent_and_a_failure_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert report("run", GOOD, NOW, is_json=False) == 0
    assert capsys.readouterr() == ("", "")
    assert report("run", BAD, NOW, is_json=False) == 1
    shown = capsys.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)


@pytest.mark.parametrize(("number", "text"), [(0, "0 orders"), (1, "1 order"), (2, "2 orders")])
def test_singular_and_plural(number: int, text: str) -> None:
    assert count(number, "order") == text
    assert count(1, "entry", "entries") + count(2, "entry", "entries") == "1 entry2 entries"


@pytest.mark.parametrize(("number", "text"), [(1, "1 certificate profile and"), (2, "2 certificate profiles and")])
def test_check_counts_profiles_in_words(capsys: pytest.CaptureFixture[str], number: int, text: str) -> None:
    profiles = [profile(f"p{i}") for i in range(number)]
    assert report_check([Finding("fw", "address", False, "no")], profiles, False, ["old is gone"]) == 1
    shown = capsys.readouterr().out
    assert text in shown
    assert "warn  old is gone\n" in shown


# --- secrets and broken pipes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", ['with"quotes', "back\\slash", "ümlaut", "profiles", "1234", "valid"])
def test_json_stays_json_and_shows_no_secret(secret: str) -> None:
    """A secret may need escapes in JSON, or look like a key or a number of the document."""
    Secret(secret)
    document = json_document("run", 0, more=[f"the answer was {secret}", {"number": 1234}])
    held = json.loads(document)
    assert held["more"] == ["the answer was ***", {"number": 1234}]
    assert (held["profiles"], held["command"]) == ([], "run")


@pytest.mark.parametrize("order", [1, 2])
def test_what_one_test_keeps_secret_is_no_secret_of_the_next(order: int) -> None:
    """The registry of secrets is the process's; without a fresh one for each test their order would matter."""
    assert redact("state-of-first") == "state-of-first"
    Secret("state-of-first")


@pytest.mark.parametrize("is_json", [True, False])
def test_a_reader_who_leaves_changes_nothing_else(monkeypatch: pytest.MonkeyPatch, is_json: bool) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as closed:
        monkeypatch.setattr(sys, "stdout", closed)
        assert report_status([*GOOD, *BAD], NOW, is_json) == 1
        assert report_status(GOOD, NOW, is_json) == 0
