"""One thing that `check` looked at."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that was checked. `text` says what was found, or what is wrong and what to do."""

    subject: str
    name: str
    is_ok: bool
    text: str
