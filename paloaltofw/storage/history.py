"""The last runs, one JSON object a line, oldest first: STATE/journal/runs.jsonl.

Only people read it. So nothing of it ever keeps a run from its work: a line that cannot be understood is left out, and
goes with the next write.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from paloaltofw.errors import StateError
from paloaltofw.model.records import RunRecord
from paloaltofw.safe_files import atomic_write, read_file
from paloaltofw.storage.codec import VERSION, decode_record
from paloaltofw.storage.store import Store

# A year of nights and some more; a line has some 250 bytes, so the file stays far below what read_file takes.
KEPT_RUNS = 400
LONGEST_LINE = 1000


def load_runs(store: Store) -> list[RunRecord]:
    """The last runs, oldest first; none where the file cannot be read."""
    try:
        return _load(_path(store))
    except StateError:
        return []


def append_run(store: Store, record: RunRecord) -> None:
    """Add a run, and drop the oldest ones beyond the bound; raises StateError. To be called under the lock."""
    kept = [*_load(_path(store)), record][-KEPT_RUNS:]
    lines = (json.dumps({"version": VERSION, **asdict(item)}) + "\n" for item in kept)
    atomic_write(_path(store), "".join(lines).encode())


def _path(store: Store) -> Path:
    return store.folder / "journal" / "runs.jsonl"


def _load(path: Path) -> list[RunRecord]:
    return list(_records(read_file(path) or b""))


def _records(content: bytes) -> Iterator[RunRecord]:
    for line in content.splitlines():
        try:
            if len(line) <= LONGEST_LINE:
                yield _dated(decode_record(RunRecord, line))
        except (ValueError, RecursionError):
            continue


def _dated(record: RunRecord) -> RunRecord:
    for text in (record.started_at, record.ended_at):
        datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return record
