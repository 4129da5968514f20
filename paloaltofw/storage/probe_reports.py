"""The newest report of each firewall's probe. It may be lost: then `check` says less."""

from __future__ import annotations

from pathlib import Path

from paloaltofw.errors import StateError
from paloaltofw.model.probe_report import KeptReport, read_report
from paloaltofw.safe_files import FOLDER_MODE
from paloaltofw.storage.notes import load_note, save_note
from paloaltofw.storage.store import Store

FORM = 1


def keep_report(store: Store, firewall: str, kept: KeptReport) -> None:
    """Write the newest report of a firewall; raises StateError."""
    store.prepare()
    folder = store.folder / "probes"
    try:
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    except OSError as error:
        raise StateError(f"cannot be created: {error.strerror}", str(folder), "check the rights") from None
    document = {"version": FORM, "taken_at": kept.taken_at, "report": kept.report.document}
    save_note(store, _name(firewall), document)


def kept_report(store: Store, firewall: str) -> KeptReport | None:
    """The newest report of a firewall; None without one that can be understood."""
    document = load_note(store, _name(firewall))
    taken_at = document.get("taken_at")
    if document.get("version") != FORM or not isinstance(taken_at, str):
        return None
    try:
        return KeptReport(taken_at, read_report(document.get("report")))
    except ValueError:
        return None


def _name(firewall: str) -> str:
    return str(Path("probes") / f"{firewall}.json")
