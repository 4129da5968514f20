"""Singular and plural, and spans of time."""

from __future__ import annotations

import datetime


def count(number: int, one: str, many: str = "") -> str:
    """`1 order`, `2 orders`; `many` where an s does not make the plural."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def age_text(age: datetime.timedelta) -> str:
    """A time span in its largest sensible unit."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} days"


def elapsed_text(seconds: float) -> str:
    """A time that is watched as it goes by: `0:12`, `12:40`, `1:02:03`."""
    whole = max(0, int(seconds))
    hours, minutes = whole // 3600, whole // 60 % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
