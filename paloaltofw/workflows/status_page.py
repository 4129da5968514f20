"""`status --html`: writes the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from paloaltofw.reporting.status_page import ensure_available, render
from paloaltofw.safe_files import atomic_write, readable_mode
from paloaltofw.storage.history import load_runs
from paloaltofw.workflows.session import Session

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome

__all__ = ["ensure_available", "write_page"]


def write_page(session: Session, outcomes: Sequence[Outcome], path: Path) -> None:
    """Write the page in one instant; raises StateError. Whoever may read the old page may read the new one."""
    page = render(
        outcomes,
        {profile.id: profile for profile in session.profiles},
        load_runs(session.store),
        session.leftovers,
        session.clock.now(),
    )
    atomic_write(path, page.encode(), mode=readable_mode(path))
