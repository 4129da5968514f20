"""`enroll`, `renew`, `run`, `replace`, `status`: from options to outcomes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from paloaltofw.configuration.rules import BadValue, parse_duration
from paloaltofw.errors import UsageError
from paloaltofw.reporting.terminal import TerminalProgress, say
from paloaltofw.workflows.run_history import remember_run
from paloaltofw.workflows.session import Session, log_event

if TYPE_CHECKING:
    from paloaltofw.execution.progress import Progress
    from paloaltofw.lifecycle.decision import Outcome
    from paloaltofw.lifecycle.inputs import RunRequest
    from paloaltofw.model.certificate_profile import CertificateProfile
    from paloaltofw.reporting.live import LiveProgress


def make_request(session: Session, **wanted: bool) -> RunRequest:
    """Return a run request with the settings that decisions depend on."""
    from paloaltofw.lifecycle.inputs import RunRequest

    chosen = session.configuration.settings
    return RunRequest(
        hold_lost_orders=chosen.lost_answer == "hold",
        renew_before_days=chosen.renew_before_days,
        order_limit=chosen.order_limit,
        pending_alarm=chosen.pending_alarm,
        **wanted,  # type: ignore[arg-type]
    )


def parse_wait(text: str | None, session: Session) -> float:
    """The --wait option, else the configured time; in seconds."""
    if text is None:
        return session.configuration.settings.issuance_wait
    try:
        return parse_duration(text)
    except BadValue as bad:
        raise UsageError(f"--wait: {bad.what}", remedy=bad.allowed) from None


def carry_out(session: Session, command: str, request: RunRequest, wait: float) -> list[Outcome]:
    """Do the work, under the lock, and add it to the history of runs; raises LockHeld."""
    from paloaltofw.execution.context import Run
    from paloaltofw.execution.progress import CommitCounter
    from paloaltofw.execution.run import execute

    session.store.prepare()
    with session.store.lock():
        started = session.clock.now()
        with _shown(session.profiles) as shown:
            progress = CommitCounter(shown)
            outcomes = execute(
                Run(session.configuration, request, session.clock, wait, progress=progress), session.profiles
            )
        remember_run(session, command, started, outcomes, progress.commits)
        return outcomes


def plan(session: Session, request: RunRequest, asks_orders: bool = False) -> list[Outcome]:
    """Say what would be done, changing nothing anywhere; `asks_orders`: ask SCM how open orders stand."""
    from paloaltofw.execution.context import Run
    from paloaltofw.execution.run import execute

    run = Run(session.configuration, request, session.clock, 0.0, is_dry=True, asks_orders=asks_orders)
    return execute(run, session.profiles)


@contextlib.contextmanager
def _shown(profiles: Sequence[CertificateProfile]) -> Iterator[Progress]:
    """Progress on a terminal, which every way of ending leaves in order."""
    from paloaltofw.execution.progress import Silent

    if not sys.stderr.isatty():
        with _ended_by(signal.SIGINT):
            yield Silent()
        return
    progress = _terminal_progress(profiles)
    with _ended_by(signal.SIGINT, signal.SIGTERM, before=progress.close):
        try:
            progress.open()
            yield progress
        finally:
            progress.close()


def _terminal_progress(profiles: Sequence[CertificateProfile]) -> TerminalProgress | LiveProgress:
    """The live table; plain lines where the terminal cannot draw it, or rich is not installed."""
    can_draw = os.environ.get("TERM") != "dumb" and (sys.stderr.encoding or "utf-8").lower().startswith("utf")
    if can_draw:
        with contextlib.suppress(ImportError):
            from paloaltofw.reporting.live import LiveProgress

            by_firewall: dict[str, list[str]] = {}
            for profile in profiles:
                by_firewall.setdefault(profile.firewall, []).append(profile.id)
            return LiveProgress(sys.stderr, by_firewall)
    return TerminalProgress(sys.stderr)


@contextlib.contextmanager
def _ended_by(*signals: signal.Signals, before: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Ctrl-C ends the work at once: every step is on the disk before it is made, as for a power cut.

    The process ends by the signal, so that a shell's loop around it ends too. `before` sets the terminal right.
    """

    def end(number: int, frame: object) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_DFL)
        with contextlib.suppress(Exception):  # the main thread may have been drawing or writing when the signal came
            before()
            say("\ninterrupted; the next run goes on from here", sys.stderr)
            log_event("interrupted")
        os.kill(os.getpid(), number)

    earlier = {number: signal.signal(number, end) for number in signals}
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)
