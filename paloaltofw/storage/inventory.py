"""What the state folder keeps for a profile, file by file, and how it is forgotten."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from paloaltofw.errors import StateError
from paloaltofw.safe_files import read_file
from paloaltofw.storage.codec import decode_ledger
from paloaltofw.storage.store import CORRUPT_SUFFIX, OUTDATED_SUFFIX, Store

T = TypeVar("T")
_ASIDE = rf"(?:(?:{re.escape(CORRUPT_SUFFIX)}|{re.escape(OUTDATED_SUFFIX)})(?:-\d+)?)?"


def order_files(store: Store, profile: str) -> list[Path]:
    """What there is of the unfinished order; those moved aside last, because they keep blocking until they go."""
    return _with_quarantined(store.folder / "journal/orders" / f"{profile}.json")


def ledger_files(store: Store, profile: str) -> list[Path]:
    """The ledgers whose last order is of this profile; one that cannot be read counts by its certificate's name."""
    found = []
    top = store.folder / "journal/ledger"
    for folder in [top / name for name in _names_in(top)]:
        for path in [folder / name for name in _names_in(folder)]:
            entries = look_at(path, decode_ledger)
            is_named = re.fullmatch(rf"{re.escape(profile)}\.json{_ASIDE}", path.name) is not None
            if entries[-1].profile == profile if entries else is_named:
                found.append(path)
    return found


def files_of(store: Store, profile: str) -> list[Path]:
    """Every file that is kept for a profile, in the order in which they may go: the ledger holds the brake longest."""
    certificate = _with_quarantined(store.folder / f"{profile}.ids")
    installed = _with_quarantined(store.folder / "journal/installed" / f"{profile}.json")
    hook = _with_quarantined(store.folder / "journal/hooks" / f"{profile}.json")
    serve = _with_quarantined(store.folder / "journal/serve" / f"{profile}.json")
    return hook + serve + certificate + installed + order_files(store, profile) + ledger_files(store, profile)


def known_profiles(store: Store) -> list[str]:
    """Every profile that the state folder holds something of, whether its own file is still there or not."""
    journal = store.folder / "journal"
    places = ((store.folder, ".ids"), (journal / "orders", ".json"), (journal / "installed", ".json"))
    matches = (
        re.fullmatch(rf"([^.].*){re.escape(ending)}{_ASIDE}", name)
        for folder, ending in places
        for name in _names_in(folder)
    )
    found = {match.group(1) for match in matches if match}
    for folder in [journal / "ledger" / name for name in _names_in(journal / "ledger")]:
        for path in [folder / name for name in _names_in(folder)]:
            entries = look_at(path, decode_ledger)
            found |= {entries[-1].profile} if entries else set()
    return sorted(found)


def look_at(path: Path, decode: Callable[[bytes], T]) -> T | None:
    """What is in one of these files, without moving anything aside; None if it cannot be understood."""
    try:
        content = read_file(path)
        return decode(content) if content is not None else None
    except (ValueError, RecursionError, StateError):
        return None


def forget_order(store: Store, profile: str) -> None:
    """Drop the unfinished order, also one that could not be understood. To be called under the lock."""
    for path in order_files(store, profile):
        store.remove(path)


def forget(store: Store, profile: str) -> None:
    """Drop everything that is kept for a profile. To be called under the lock."""
    for path in files_of(store, profile):
        store.remove(path)


def _with_quarantined(path: Path) -> list[Path]:
    """The file, if it is there, and what was moved aside under its name."""
    pattern = re.compile(re.escape(path.name) + _ASIDE)
    return [path.with_name(name) for name in _names_in(path.parent) if pattern.fullmatch(name)]


def _names_in(folder: Path) -> list[str]:
    """The sorted names in a folder; none if there is no such folder."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise StateError(f"cannot be read: {error.strerror}", str(folder), "check the rights") from None
