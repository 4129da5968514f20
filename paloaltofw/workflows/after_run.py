"""After a run: channels are told, and the metrics are written. Nothing that fails here changes what the run returns."""

from __future__ import annotations

import datetime
import logging
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from paloaltofw.clock import SystemClock
from paloaltofw.configuration.problems import Findings
from paloaltofw.configuration.settings_file import find_file, load_settings, read_settings
from paloaltofw.errors import AgentError, UsageError
from paloaltofw.model.finding import Finding
from paloaltofw.model.settings import Settings
from paloaltofw.reporting import logfile
from paloaltofw.reporting.terminal import say
from paloaltofw.storage.store import Store
from paloaltofw.workflows.session import Options, Session

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome
    from paloaltofw.notifications.telling import News

log = logging.getLogger(__name__)
events = logging.getLogger("paloaltofw.events")


def tell_of_run(
    session: Session, command: str, outcomes: Sequence[Outcome], code: int, started: datetime.datetime
) -> None:
    """Write the metrics of a run, and tell each channel what is new for it."""
    settings, now = session.configuration.settings, session.clock.now()
    known = session.configuration.certificates
    if settings.metrics_textfile is not None:
        from paloaltofw.reporting.metrics import RunFigures, write_metrics

        run = RunFigures(command, code, now, (now - started).total_seconds())
        _unharmed(settings, lambda: write_metrics(settings, session.store, known, outcomes, run))
    if settings.notifications:
        _unharmed(settings, lambda: _tell(settings, session.store, _news(command, outcomes, known, now), now))


def tell_of_failure(options: Options, command: str, error: Exception) -> None:
    """Tell that a run has ended before it worked on any certificate, unless somebody sits in front of it."""
    if sys.stderr.isatty():
        return
    settings = _settings_that_can_be_read(options)
    if settings is None or not (settings.notifications or settings.metrics_textfile):
        return
    if logfile.current is None:
        logfile.start_as(settings, options.log_level, options.is_debug)
    now, store = SystemClock().now(), Store(settings.state)
    if settings.metrics_textfile is not None:
        from paloaltofw.reporting.metrics import RunFigures, write_metrics

        code = error.exit_code if isinstance(error, AgentError) else 1
        run = RunFigures(command, code, now, 0.0)
        _unharmed(settings, lambda: write_metrics(settings, store, None, (), run))
    if settings.notifications:
        from paloaltofw.notifications.telling import News
        from paloaltofw.notifications.troubles import trouble_of_run

        news = News(command, [trouble_of_run(error)], [], (), None)
        _unharmed(settings, lambda: _tell(settings, store, news, now))


def try_channels(options: Options) -> list[Finding]:
    """Send a test message through every channel; raises UsageError if there is none."""
    from paloaltofw.notifications import messages, sending

    settings = load_settings(find_file(options.config))
    if not settings.notifications:
        raise UsageError("no channel is configured", str(settings.file), "write one under notifications")
    sending.ensure_available()
    logfile.start_as(settings, options.log_level, options.is_debug)
    channels = settings.notifications
    troubles = sending.send([messages.trial_message(channel) for channel in channels])
    return [
        Finding(channel.title, "test message", trouble is None, trouble or "is sent")
        for channel, trouble in zip(channels, troubles, strict=True)
    ]


def _settings_that_can_be_read(options: Options) -> Settings | None:
    """What config.yaml says of whom to tell, even if other things in it are wrong."""
    try:
        return read_settings(find_file(options.config), Findings())
    except Exception:
        return None  # it was the failure itself, and is on stderr


def _news(command: str, outcomes: Sequence[Outcome], known: Iterable[str], now: datetime.datetime) -> News:
    from paloaltofw.notifications.telling import News
    from paloaltofw.notifications.troubles import successes_of, troubles_of

    seen = frozenset(outcome.profile for outcome in outcomes)
    return News(command, troubles_of(outcomes, now), successes_of(outcomes), seen, frozenset(known))


def _tell(settings: Settings, store: Store, news: News, now: datetime.datetime) -> None:
    from paloaltofw.notifications.telling import tell

    for trouble in tell(settings.notifications, news, store, now):
        if sys.stderr.isatty():
            say(f"warning: {trouble}", sys.stderr)


def _unharmed(settings: Settings, action: Callable[[], None]) -> None:
    try:
        action()
    except AgentError as error:
        events.warning("%s", error)
        if sys.stderr.isatty():
            say(f"warning: {error}", sys.stderr)
    except Exception:
        log.exception("unexpected failure while telling of the run")
