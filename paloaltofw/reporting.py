"""What the user sees: progress and tables on a terminal, one line a failure without one, JSON on request."""

from __future__ import annotations

import datetime
import json
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from paloaltofw.clock import format_time, parse_time
from paloaltofw.credentials import redact
from paloaltofw.errors import AgentError
from paloaltofw.steps import Blocked, State, Step

if TYPE_CHECKING:
    from paloaltofw.certificate_profile import CertificateProfile
    from paloaltofw.checking import Finding
    from paloaltofw.work import Outcome

EXIT_OK, EXIT_FAILED, EXIT_WRONG, EXIT_PENDING, EXIT_LOCKED = range(5)
JSON_VERSION = 1


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line; secrets are removed, and control characters escaped, whatever the text came from."""
    print("\n".join(clean(line) for line in redact(text).split("\n")), file=stream or sys.stdout, flush=True)


def clean(line: str) -> str:
    """A line in which nothing can move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


class TerminalProgress:
    """Progress for a person: a line a step, and one that is rewritten while something takes time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_line_open = False

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""
        with self._lock:
            self._end_line()
            say(f"  {firewall}  {profile}: {type(step).__name__}  {step}", self._stream)

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""
        with self._lock:
            self._stream.write(f"\r\x1b[K  {clean(redact(f'{firewall}  … {text}'))[:110]}")
            self._stream.flush()
            self._is_line_open = True

    def close(self) -> None:
        """End an open line."""
        with self._lock:
            self._end_line()

    def _end_line(self) -> None:
        if self._is_line_open:
            self._stream.write("\r\x1b[K")
            self._is_line_open = False


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """1 if anything failed, 3 if nothing failed but orders are pending, else 0."""
    found = list(outcomes)
    if any(outcome.error is not None for outcome in found):
        return EXIT_FAILED
    return EXIT_PENDING if any(outcome.state is State.PENDING for outcome in found) else EXIT_OK


def plan_code(outcomes: Iterable[Outcome]) -> int:
    """0 if every plan could be made, whatever it holds; 1 if a firewall or the state could not be read."""
    return EXIT_FAILED if any(isinstance(outcome.error, AgentError) for outcome in outcomes) else EXIT_OK


def failure_line(outcome: Outcome, *more: Outcome) -> str:
    """One line that says what failed, where, and what to do; `more` are outcomes of the same failure."""
    profiles = ", ".join(item.profile for item in (outcome, *more))
    return " ".join(f"{profiles} on {outcome.firewall}: {outcome.error}".split("\n"))


def failure_lines(outcomes: Iterable[Outcome]) -> list[str]:
    """One line a failure: a firewall that is down is one failure, however many certificates it holds."""
    groups: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            groups.setdefault(id(outcome.error), []).append(outcome)
    return [failure_line(*group) for group in groups.values()]


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
    if outcome.state is not State.PENDING or not outcome.order_id:
        return "-"
    age = age_text(now - parse_time(outcome.ordered_at)) if outcome.ordered_at else "?"
    return f"{outcome.order_id}, {age}" + (f", waits for {outcome.waits_for}" if outcome.waits_for else "")


def age_text(age: datetime.timedelta) -> str:
    """A time span in its largest sensible unit."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def plan(outcomes: Sequence[Outcome]) -> str:
    """Every step that would be taken, for a dry run."""
    return "\n".join(line for outcome in outcomes for line in _plan_lines(outcome))


def _plan_lines(outcome: Outcome) -> list[str]:
    lines = [f"{outcome.profile} on {outcome.firewall}: {outcome.reason}"]
    for number, step in enumerate(outcome.steps, start=1):
        lines.append(f"  {number:2} {type(step).__name__:<18} {step}")
    if not outcome.steps:
        lines.append("   - nothing to do" if outcome.error is None else f"   - {failure_line(outcome)}")
    return lines + [f"     note: {note}" for note in outcome.notes]


def as_json(command: str, code: int, outcomes: Sequence[Outcome], now: datetime.datetime, **more: object) -> str:
    """The one JSON document of a command that worked on certificates."""
    return json_document(command, code, [_profile(outcome, now) for outcome in outcomes], **more)


def json_document(command: str, code: int, profiles: Sequence[object] = (), **more: object) -> str:
    """The one JSON document of any command (contract §9)."""
    head = {"version": JSON_VERSION, "command": command, "exit_code": code, "profiles": list(profiles)}
    return redact(json.dumps({**head, **more}, indent=2))


def _profile(outcome: Outcome, now: datetime.datetime) -> dict[str, object]:
    certificate = outcome.certificate
    return {
        "profile": outcome.profile,
        "firewall": outcome.firewall,
        "state": outcome.state.value,
        "action": outcome.action.value,
        "certificate_id": outcome.certificate_id,
        "serial": certificate.serial if certificate else None,
        "not_after": format_time(certificate.not_after) if certificate else None,
        "days_left": (certificate.not_after - now).days if certificate else None,
        "error": _error(outcome.error),
        "name": outcome.entry,
        "order_id": outcome.order_id if outcome.state is State.PENDING else None,
        "ordered_at": outcome.ordered_at if outcome.state is State.PENDING else None,
        "waits_for": outcome.waits_for or None,
        "reason": outcome.reason,
        "notes": list(outcome.notes),
        "steps": [{"step": type(step).__name__, "text": str(step)} for step in outcome.steps],
    }


def _error(error: AgentError | Blocked | None) -> dict[str, str] | None:
    if error is None:
        return None
    if isinstance(error, Blocked):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    message = f"{error.where}: {error.what}" if error.where else error.what
    return {"code": error.code, "message": message, "hint": error.remedy}


def report(command: str, outcomes: Sequence[Outcome], now: datetime.datetime, is_json: bool, is_dry: bool) -> int:
    """Print what a command did (or would do); gives the exit code.

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
    """Print one row a profile and what the next run would do; gives 0, or 1 if something is wrong."""
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
    """Print one line for each thing checked, as it comes; gives 0, or 1 if something is wrong."""
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
