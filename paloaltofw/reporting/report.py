"""What a command prints when it is done, and its exit code."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paloaltofw.errors import AgentError
from paloaltofw.lifecycle.decision import State
from paloaltofw.reporting.failure_lines import failure_lines
from paloaltofw.reporting.json_document import as_json, json_document
from paloaltofw.reporting.plan_text import plan
from paloaltofw.reporting.table import Line, table
from paloaltofw.reporting.terminal import clean, emit, may_colour, say, say_where_the_log_is
from paloaltofw.reporting.words import count
from paloaltofw.secret import redact

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome
    from paloaltofw.model.certificate_profile import CertificateProfile
    from paloaltofw.model.finding import Finding

EXIT_OK, EXIT_FAILED, EXIT_WRONG, EXIT_PENDING, EXIT_LOCKED = range(5)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """1 if anything failed, 3 if nothing failed but orders are pending, else 0."""
    found = list(outcomes)
    if any(outcome.error is not None for outcome in found):
        return EXIT_FAILED
    return EXIT_PENDING if any(outcome.state is State.PENDING for outcome in found) else EXIT_OK


def plan_code(outcomes: Iterable[Outcome]) -> int:
    """0 if every plan could be made, whatever it holds; 1 if a firewall or the state could not be read."""
    return EXIT_FAILED if any(isinstance(outcome.error, AgentError) for outcome in outcomes) else EXIT_OK


def report(command: str, outcomes: Sequence[Outcome], now: datetime.datetime, is_json: bool) -> int:
    """Print what a command did; return the exit code.

    Without a terminal nothing is printed but one line a failure on stderr.
    """
    code = exit_code(outcomes)
    if is_json:
        emit(as_json(command, code, outcomes, now))
    elif sys.stdout.isatty():
        _show(table(outcomes, now, with_notes=False))
        for outcome in outcomes:
            for note in outcome.notes:
                say(f"note: {outcome.profile} on {outcome.firewall}: {note}", sys.stderr)
    _show_failures(outcomes)
    return code


def report_plan(
    command: str,
    outcomes: Sequence[Outcome],
    profiles: Sequence[CertificateProfile],
    now: datetime.datetime,
    is_json: bool,
) -> int:
    """Print what a command would do, with or without a terminal: it was asked for. Return the exit code."""
    code = plan_code(outcomes)
    if is_json:
        emit(as_json(command, code, outcomes, now))
    else:
        say(plan(outcomes, profiles))
    _show_failures(outcomes)
    return code


def report_status(
    outcomes: Sequence[Outcome],
    now: datetime.datetime,
    is_json: bool,
    is_wide: bool = False,
    warnings: Sequence[str] = (),
    page: Path | None = None,
) -> int:
    """Print one row a profile and what the next run would do; return 0, or 1 if something is wrong.

    A page that was written takes the place of the table: then nothing is printed without a terminal but failures.
    """
    code = EXIT_FAILED if any(outcome.error is not None for outcome in outcomes) else EXIT_OK
    if is_json:
        emit(as_json("status", code, outcomes, now))
        return code
    if page is None:
        _show(table(outcomes, now, is_wide))
        for warning in warnings:
            say(f"warning: {warning}")
    elif sys.stdout.isatty():
        say(f"The page is {page}")
    _show_failures(outcomes)
    return code


def report_check(
    findings: Iterable[Finding], profiles: Sequence[CertificateProfile], is_json: bool, warnings: Sequence[str] = ()
) -> int:
    """Print one line for each thing checked, as it comes; return 0, or 1 if something is wrong."""
    done = []
    for finding in findings:
        done.append(finding)
        if not is_json:
            say(f"{'ok  ' if finding.is_ok else 'FAIL'}  {finding.subject}: {finding.name}: {finding.text}")
    code = EXIT_OK if all(finding.is_ok for finding in done) else EXIT_FAILED
    if is_json:
        checks = [{"subject": f.subject, "name": f.name, "ok": f.is_ok, "text": f.text} for f in done]
        emit(json_document("check", code, checks=checks, warnings=list(warnings)))
        return code
    for warning in warnings:
        say(f"warn  {warning}")
    say(f"ok    {count(len(profiles), 'certificate profile')} and all files are valid")
    if code != EXIT_OK:
        say_where_the_log_is()
    return code


def _show(lines: Iterable[Line]) -> None:
    is_coloured = may_colour(sys.stdout)
    for line in lines:
        text = clean(redact(line.text))
        emit(f"\x1b[{line.colour}m{text}\x1b[0m" if is_coloured and line.colour else text)


def _show_failures(outcomes: Sequence[Outcome]) -> None:
    lines = failure_lines(outcomes)
    for line in lines:
        say(line, sys.stderr)
    if lines:
        say_where_the_log_is()
