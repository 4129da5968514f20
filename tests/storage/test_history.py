"""The history of runs: bounded, and whatever happens to its file, the agent's work goes on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.errors import StateError
from paloaltofw.model.records import RunRecord
from paloaltofw.storage.history import KEPT_RUNS, append_run, load_runs
from paloaltofw.storage.store import Store

RUN = RunRecord("run", "2026-11-28T02:17:00Z", "2026-11-28T02:18:00Z", 0, 9, 2, 1)
TIMES = st.datetimes().filter(lambda moment: moment.year >= 1000).map(lambda moment: f"{moment:%Y-%m-%dT%H:%M:%SZ}")
RECORDS = st.builds(
    RunRecord, st.text(st.characters(codec="utf-8"), max_size=20), TIMES, TIMES, *[st.integers(0, 10**6)] * 6
)


def make_store(folder: Path) -> Store:
    store = Store(folder / "state")
    store.prepare()
    return store


def history_file(store: Store) -> Path:
    return store.folder / "journal" / "runs.jsonl"


@settings(max_examples=25)
@given(st.lists(RECORDS, max_size=5))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, records: list[RunRecord]) -> None:
    store = make_store(tmp_path_factory.mktemp("history"))
    for record in records:
        append_run(store, record)
    assert load_runs(store) == records


def test_it_is_bounded_and_private(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    line = json.dumps({"version": 3, **RUN.__dict__}) + "\n"
    history_file(store).write_text(line * (KEPT_RUNS + 50), "utf-8")
    append_run(store, RunRecord("renew", RUN.started_at, RUN.ended_at, 1))
    assert len(load_runs(store)) == KEPT_RUNS
    assert load_runs(store)[-1].command == "renew"
    assert history_file(store).stat().st_mode & 0o777 == 0o600


@settings(max_examples=25)
@given(st.lists(st.one_of(st.binary(max_size=60), st.just(b"[" * 990), st.just(b"{}"), st.just(b"\xff\n")), max_size=6))
def test_what_cannot_be_understood_is_left_out(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    store = make_store(tmp_path_factory.mktemp("history"))
    append_run(store, RUN)
    good = history_file(store).read_bytes()
    history_file(store).write_bytes(b"\n".join([good.strip(), *lines, good.strip()]))
    assert load_runs(store) == [RUN, RUN]
    append_run(store, RUN)
    assert load_runs(store) == [RUN, RUN, RUN]


@pytest.mark.parametrize(
    "change",
    [
        {"version": 4}, {"started_at": "yesterday"}, {"exit_code": "0"}, {"orders": True}, {"more": 1},
        {"command": "x" * 2000}, {"command": "\ud800"},
    ],
    ids=repr,
)  # fmt: skip
def test_a_line_of_another_form_is_left_out(tmp_path: Path, change: dict[str, object]) -> None:
    store = make_store(tmp_path)
    line = json.dumps({"version": 3, **RUN.__dict__, **change})
    history_file(store).write_text(line + "\n", "utf-8")
    assert load_runs(store) == []


@pytest.mark.parametrize("kind", ["link", "folder", "huge"])
def test_a_file_that_is_not_ours_is_no_history_and_stays_as_it_is(tmp_path: Path, kind: str) -> None:
    store = make_store(tmp_path)
    path = history_file(store)
    if kind == "link":
        (tmp_path / "other").write_text("precious", "utf-8")
        path.symlink_to(tmp_path / "other")
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"x" * (1 << 21))
    before = path.lstat().st_ino
    assert load_runs(store) == []
    with pytest.raises(StateError):
        append_run(store, RUN)
    assert path.lstat().st_ino == before


def test_what_a_killed_write_left_is_swept(tmp_path: Path) -> None:
    store = make_store(tmp_path)
    left = history_file(store).with_name(".runs.jsonl.4711.tmp")
    left.write_bytes(b"half")
    with store.lock():
        assert not left.exists()
