"""The commit window: on which days and hours a firewall may be committed, in the host's local time."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
DAY_MINUTES = 24 * 60


@dataclass(frozen=True)
class CommitWindow:
    """Days (0 is Monday) and minutes of the day. One that ends before it begins reaches into the next day."""

    days: frozenset[int] = frozenset(range(7))
    start: int = 0
    end: int = DAY_MINUTES

    def is_open(self, local: datetime.datetime) -> bool:
        """Whether a firewall may be committed at this local time."""
        minute = local.hour * 60 + local.minute
        if self.start < self.end:
            return local.weekday() in self.days and self.start <= minute < self.end
        began_today = local.weekday() in self.days and minute >= self.start
        began_yesterday = (local.weekday() - 1) % 7 in self.days and minute < self.end
        return began_today or began_yesterday

    def closed_until(self, now: datetime.datetime) -> str:
        """When it opens, in words; an empty text while it is open. `now` is aware."""
        local = now.astimezone().replace(tzinfo=None)
        return "" if self.is_open(local) else f"{self.next_opening(local):%a %Y-%m-%d %H:%M}"

    def next_opening(self, local: datetime.datetime) -> datetime.datetime:
        """When it opens next, from a time at which it is closed."""
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        openings = (midnight + datetime.timedelta(days=day, minutes=self.start) for day in range(8))
        return next(moment for moment in openings if moment > local and moment.weekday() in self.days)


ALWAYS = CommitWindow()
