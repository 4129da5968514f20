"""Time for the simulated systems."""

from __future__ import annotations

import datetime
import threading
from typing import Protocol

UTC = datetime.timezone.utc


class Clock(Protocol):
    def now(self) -> datetime.datetime:
        """The present, aware, in UTC."""


class SystemClock:
    def now(self) -> datetime.datetime:
        return datetime.datetime.now(UTC)


class ManualClock:
    """Stands still until it is advanced."""

    def __init__(self, start: datetime.datetime) -> None:
        self._now = start
        self._lock = threading.Lock()

    def now(self) -> datetime.datetime:
        return self._now

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._now += datetime.timedelta(seconds=seconds)
