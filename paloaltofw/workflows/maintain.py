"""`enroll`, `renew`, `run`, `replace`, `status`: from options to outcomes."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from paloaltofw.configuration.rules import BadValue, parse_duration
from paloaltofw.errors import UsageError
from paloaltofw.reporting.terminal import TerminalProgress, say
from paloaltofw.workflows.session import Session, log_event

if TYPE_CHECKING:
    from paloaltofw.execution.progress import Progress
    from paloaltofw.lifecycle.decision import Outcome
    from paloaltofw.lifecycle.inputs import RunRequest


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


def carry_out(session: Session, request: RunRequest, wait: float) -> list[Outcome]:
    """Do the work, under the lock; raises LockHeld."""
    from paloaltofw.execution.context import Run
    from paloaltofw.execution.run import execute

    session.store.prepare()
    with session.store.lock(), _progress() as progress, _ended_by_interrupt():
        run = Run(session.configuration, request, session.clock, wait, progress=progress)
        return execute(run, session.profiles)


def plan(session: Session, request: RunRequest, asks_orders: bool = False) -> list[Outcome]:
    """Say what would be done, changing nothing anywhere; `asks_orders`: ask SCM how open orders stand."""
    from paloaltofw.execution.context import Run
    from paloaltofw.execution.run import execute

    run = Run(session.configuration, request, session.clock, 0.0, is_dry=True, asks_orders=asks_orders)
    return execute(run, session.profiles)


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    from paloaltofw.execution.progress import Silent

    if not sys.stderr.isatty():
        yield Silent()
        return
    progress = TerminalProgress(sys.stderr)
    try:
        yield progress
    finally:
        progress.close()


@contextlib.contextmanager
def _ended_by_interrupt() -> Iterator[None]:
    """Ctrl-C ends the work at once: every step is on the disk before it is made, as for a power cut.

    The process ends by the signal, so that a shell's loop around it ends too.
    """

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(RuntimeError):  # the main thread may have been writing when the signal came
            say("\ninterrupted; the next run goes on from here", sys.stderr)
            log_event("interrupted")
        os.kill(os.getpid(), number)

    earlier = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)
