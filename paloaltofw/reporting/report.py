"""What a command prints when it is done, and its exit code."""

from __future__ import annotations

import datetime
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from paloaltofw.errors import AgentError
from paloaltofw.lifecycle.decision import State
from paloaltofw.reporting.failure_lines import failure_lines
from paloaltofw.reporting.json_document import as_json, json_document
from paloaltofw.reporting.plan_text import plan
from paloaltofw.reporting.table import table
from paloaltofw.reporting.terminal import say

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


def report(command: str, outcomes: Sequence[Outcome], now: datetime.datetime, is_json: bool, is_dry: bool) -> int:
    """Print what a command did (or would do); return the exit code.

    Without a terminal nothing is printed but one line a failure on stderr; a plan that was asked for is always printed.
    """
    code = plan_code(outcomes) if is_dry else exit_code(outcomes)
    if is_json:
        print(as_json(command, code, outcomes, now))
    elif is_dry:
        say(plan(outcomes))
    elif sys.stdout.isatty():
        say(table(outcomes, now))
        for outcome in outcomes:
            for note in outcome.notes:
                say(f"note: {outcome.profile} on {outcome.firewall}: {note}", sys.stderr)
    for line in failure_lines(outcomes):
        say(line, sys.stderr)
    return code


def report_status(outcomes: Sequence[Outcome], now: datetime.datetime, is_json: bool) -> int:
    """Print one row a profile and what the next run would do; return 0, or 1 if something is wrong."""
    code = EXIT_FAILED if any(outcome.error is not None for outcome in outcomes) else EXIT_OK
    if is_json:
        print(as_json("status", code, outcomes, now))
        return code
    say(table(outcomes, now))
    for outcome in outcomes:
        say(f"{outcome.profile}: {outcome.reason}")
        for note in outcome.notes:
            say(f"  note: {note}")
    for line in failure_lines(outcomes):
        say(line, sys.stderr)
    return code


def report_check(findings: Iterable[Finding], profiles: Sequence[CertificateProfile], is_json: bool) -> int:
    """Print one line for each thing checked, as it comes; return 0, or 1 if something is wrong."""
    done = []
    for finding in findings:
        done.append(finding)
        if not is_json:
            say(f"{'ok  ' if finding.is_ok else 'FAIL'}  {finding.subject}: {finding.name}: {finding.text}")
    code = EXIT_OK if all(finding.is_ok for finding in done) else EXIT_FAILED
    if is_json:
        checks = [{"subject": f.subject, "name": f.name, "ok": f.is_ok, "text": f.text} for f in done]
        print(json_document("check", code, checks=checks))
    else:
        say(f"ok    {len(profiles)} certificate profiles and all files are valid")
    return code
