"""Notes beside the journal: what was told and what was measured. They may be lost, so what is unreadable is nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from paloaltofw.errors import StateError
from paloaltofw.safe_files import atomic_write, read_file
from paloaltofw.storage.store import Store

# A fleet of a hundred thousand certificates.
MOST_BYTES = 64 * 1024 * 1024


def load_note(store: Store, name: str) -> dict[str, Any]:
    """A note of the state folder; an empty one if there is none, or none that can be understood."""
    try:
        document = json.loads(read_file(store.folder / name, MOST_BYTES) or b"{}")
    except (StateError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def save_note(store: Store, name: str, document: Mapping[str, Any]) -> None:
    """Write a note; raises StateError."""
    store.prepare()
    atomic_write(store.folder / name, json.dumps(document, separators=(",", ":"), sort_keys=True).encode() + b"\n")
