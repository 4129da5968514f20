"""The timeline of the page: dates as shares of one axis that all certificates have in common."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass

# No public certificate lives longer (scm.md §5); what lies further away is drawn at the edge.
FARTHEST = datetime.timedelta(days=400)
# So much room is left around today, also where all dates are near.
LEAST = datetime.timedelta(days=30)
# Each tick is the first of a month; so many months apart that there are not more of them than this.
MOST_TICKS = 8
_STEPS = (1, 2, 3, 6, 12)


@dataclass(frozen=True)
class Axis:
    """From the first date that is shown to the last one."""

    start: datetime.datetime
    end: datetime.datetime

    def place(self, moment: datetime.datetime) -> float:
        """Where a date is, from 0 to 100."""
        share = (moment - self.start) / (self.end - self.start)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def ticks(self) -> list[tuple[float, str]]:
        """Place and name of some firsts of a month; January's name is that of its year."""
        firsts = list(self._firsts())
        step = next((step for step in _STEPS if len(firsts) <= step * MOST_TICKS), _STEPS[-1])
        shown = [first for first in firsts if (first.month - 1) % step == 0]
        return [(self.place(first), f"{first:%b}" if first.month > 1 else f"{first:%Y}") for first in shown]

    def _firsts(self) -> Iterable[datetime.datetime]:
        first = self.start.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        while first <= self.end:
            if first >= self.start:
                yield first
            first = (first + datetime.timedelta(days=32)).replace(day=1)


def axis_of(dates: Iterable[datetime.datetime], now: datetime.datetime) -> Axis:
    """The axis for these dates and today."""
    near = [min(max(date, now - FARTHEST), now + FARTHEST) for date in dates]
    return Axis(min([*near, now - LEAST]), max([*near, now + LEAST]))
