"""Time as an argument, so that tests and the sandbox can have their own."""

from __future__ import annotations

import datetime
import threading
import time
from typing import Protocol

UTC = datetime.timezone.utc
# In seconds.
HOUR, DAY = 3600, 86_400


class Clock(Protocol):
    """What the program knows of time."""

    def now(self) -> datetime.datetime:
        """The present, aware, in UTC."""

    def monotonic(self) -> float:
        """Seconds that never run backwards."""

    def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The real time. A `pace` below 1 makes every wait that much shorter, as the sandbox's quick firewalls need it."""

    def __init__(self, pace: float = 1.0) -> None:
        self._pace = pace

    def now(self) -> datetime.datetime:
        """The present, aware, in UTC."""
        return datetime.datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards, in the pace of the waits."""
        return time.monotonic() / self._pace

    def sleep(self, seconds: float) -> None:
        """Wait for `seconds` times the pace."""
        time.sleep(seconds * self._pace)


class YieldingClock:
    """A clock whose sleepers give their slot to others, and take one again when they wake."""

    def __init__(self, clock: Clock, slots: threading.Semaphore) -> None:
        self._clock = clock
        self._slots = slots

    def now(self) -> datetime.datetime:
        """The present, aware, in UTC."""
        return self._clock.now()

    def monotonic(self) -> float:
        """Seconds that never run backwards."""
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait without a slot. Called by holders of one only."""
        self._slots.release()
        try:
            self._clock.sleep(seconds)
        finally:
            self._slots.acquire()


def parse_time(text: str) -> datetime.datetime:
    """Read an RFC 3339 time of our own; something unreadable counts as long ago."""
    try:
        return datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.datetime(1970, 1, 1, tzinfo=UTC)


def format_time(moment: datetime.datetime) -> str:
    """RFC 3339 in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
