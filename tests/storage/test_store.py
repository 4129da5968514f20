"""The state folder against cuts, links, strangers and broken content."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.errors import LockHeld, StateError
from paloaltofw.model.records import CommitRecord, InstalledRecord, LockRecord, ManagementRecord, OrderRecord
from paloaltofw.safe_files import atomic_write
from paloaltofw.storage.codec import encode_id
from paloaltofw.storage.store import Store
from paloaltofw.workflows import eula

ORDER = OrderRecord(
    profile="www", firewall="fw", entry="www", operation="enroll", phase="ordered", requested="d", reference="r",
    reason="absent", created_at="2026-01-01T00:00:00Z", certificate_id="1000", chain="-----BEGIN\n",
)  # fmt: skip
INSTALLED = InstalledRecord("1000", "www", "d", "csr", "2026-01-01T00:00:00Z")
COMMIT = CommitRecord("fw", "text [abcd]", "2026-01-01T00:00:00Z", "7")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state")
    made.prepare()
    return made


def fill(store: Store) -> None:
    store.save_order(ORDER)
    store.save_installed("www", INSTALLED)
    store.save_commit(COMMIT)
    store.save_management(ManagementRecord("fw", "www", "www-2"))
    store.save_lock(LockRecord("fw", "paloaltoagent 0123456789ab fw", "2027-01-01T00:00:00Z"))
    store.save_certificate_id("www", "1000")


READERS: dict[str, tuple[str, Callable[[Store], object]]] = {
    "ids": ("www.ids", lambda store: store.load_certificate_id("www")),
    "order": ("journal/orders/www.json", lambda store: store.load_order("www")),
    "installed": ("journal/installed/www.json", lambda store: store.load_installed("www")),
    "commit": ("journal/commits/fw.json", lambda store: store.load_commit("fw")),
    "lock": ("journal/locks/fw.json", lambda store: store.load_lock("fw")),
    "management": ("journal/management/fw.json", lambda store: store.load_management("fw")),
}
readers = pytest.mark.parametrize(("name", "read"), READERS.values(), ids=list(READERS))


def test_what_is_written_is_read(store: Store) -> None:
    fill(store)
    assert (store.load_order("www"), store.load_installed("www"), store.load_commit("fw")) == (ORDER, INSTALLED, COMMIT)
    assert store.load_certificate_id("www") == "1000"
    for path in store.folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0


@readers
def test_a_file_cut_at_any_byte_is_moved_aside_whole(store: Store, name: str, read: Callable[[Store], object]) -> None:
    fill(store)
    path = store.folder / name
    content = path.read_bytes()
    aside = path.with_name(path.name + ".corrupt")
    for length in range(len(content)):
        part = content[:length]
        path.write_bytes(part)
        try:
            value = read(store)
        except StateError:
            assert aside.read_bytes() == part
            assert not path.exists()
            aside.unlink()
        else:
            # Without its last line break it is still whole; a shorter .ids text may be another ID only if it is Base64.
            assert value is not None
            assert content[length:] == b"\n" or name.endswith(".ids")


@readers
@given(
    content=st.one_of(
        st.binary(max_size=300), st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass"))
    )
)
@settings(max_examples=150, deadline=None)
def test_no_bytes_are_guessed_at_or_deleted(
    tmp_path_factory: pytest.TempPathFactory, name: str, read: Callable[[Store], object], content: bytes
) -> None:
    store = Store(tmp_path_factory.mktemp("store") / "state")
    store.prepare()
    path = store.folder / name
    path.write_bytes(content)
    try:
        value = read(store)
    except StateError:
        assert [found.read_bytes() for found in path.parent.glob(f"{path.name}*")] == [content]
    else:
        assert name.endswith(".ids")
        assert isinstance(value, str)
        assert encode_id(value).strip() == content.strip()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 4}, {"version": None}, {"more": 1}, {"certificate_id": 5}, {"submissions": True}, {"same_key": 1},
        {"profile": None}, {"chain": "\ud800"}, {"certificate_id": ["1"]},
    ],
)  # fmt: skip
def test_a_record_of_another_shape_is_not_understood(store: Store, change: dict[str, object]) -> None:
    store.save_order(ORDER)
    path = store.folder / "journal/orders/www.json"
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}), "utf-8")
    with pytest.raises(StateError, match="was corrupt and is moved aside"):
        store.load_order("www")
    with pytest.raises(StateError, match="it is unknown whether an order is open"):
        store.load_order("www")


def test_a_second_corrupt_file_does_not_take_the_first_ones_place(store: Store) -> None:
    path = store.folder / "www.ids"
    for content in (b"!!1", b"!!2", b"!!3"):
        path.write_bytes(content)
        with pytest.raises(StateError):
            store.load_certificate_id("www")
    assert sorted(p.read_bytes() for p in store.folder.glob("www.ids.corrupt*")) == [b"!!1", b"!!2", b"!!3"]


@readers
def test_links_are_neither_read_nor_written_through(
    store: Store, tmp_path: Path, name: str, read: Callable[[Store], object]
) -> None:
    fill(store)
    path = store.folder / name
    victim = tmp_path / "victim"
    victim.write_bytes(path.read_bytes())
    before = victim.read_bytes()
    path.unlink()
    path.symlink_to(victim)
    with pytest.raises(StateError, match="symbolic link"):
        read(store)
    store.save_order(replace(ORDER, certificate_id="2"))
    store.save_installed("www", INSTALLED)
    store.save_commit(COMMIT)
    store.save_management(ManagementRecord("fw", "www", ""))
    store.save_lock(LockRecord("fw", "paloaltoagent fedcba987654 fw", "2027-01-02T00:00:00Z"))
    store.save_certificate_id("www", "2")
    assert victim.read_bytes() == before
    assert not path.is_symlink()


def test_a_planted_temporary_file_is_not_written_through(store: Store, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", "utf-8")
    (store.folder / f".www.ids.{os.getpid()}.tmp").symlink_to(victim)
    store.save_certificate_id("www", "1")
    assert victim.read_text("utf-8") == "mine"
    assert store.load_certificate_id("www") == "1"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
@readers
def test_what_is_no_file_is_refused_at_once(
    store: Store, make: Callable[[Path], None], name: str, read: Callable[[Store], object]
) -> None:
    make(store.folder / name)
    with pytest.raises(StateError, match=r"not a regular file|directory"):
        read(store)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_other_peoples_files_and_folders_are_refused(store: Store) -> None:
    fill(store)
    for name, read in READERS.values():
        os.chown(store.folder / name, 1234, 1234)
        with pytest.raises(StateError, match="of this user"):
            read(store)
    os.chown(store.folder / "journal", 1234, 1234)
    with pytest.raises(StateError, match="belongs to another user"):
        store.prepare()


@pytest.mark.parametrize("folder", [".", "journal", "journal/orders", "journal/installed", "journal/commits"])
def test_a_folder_that_others_may_write_is_refused(store: Store, folder: str) -> None:
    (store.folder / folder).chmod(0o777)
    with pytest.raises(StateError, match="writable by others"):
        store.prepare()


def test_the_lock_is_no_link(store: Store, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("mine", "utf-8")
    (store.folder / "lock").symlink_to(victim)
    with pytest.raises(StateError, match="cannot be opened"), store.lock():
        pass
    assert victim.read_text("utf-8") == "mine"


def test_two_runs_exclude_each_other(store: Store) -> None:
    with store.lock():
        with pytest.raises(LockHeld, match=f"process {os.getpid()}"), store.lock():
            pass
    with store.lock():
        pass


def test_a_run_clears_what_a_killed_write_left_and_nothing_else(store: Store) -> None:
    fill(store)
    left = [store.folder / ".www.ids.123.tmp", store.folder / "journal/orders/.www.json.123.tmp"]
    kept = [store.folder / "mine.tmp", store.folder / ".hidden", store.folder / "journal/orders/www.json"]
    for path in (*left, *kept[:2]):
        path.write_text("x", "utf-8")
    with store.lock():
        pass
    assert [path.exists() for path in (*left, *kept)] == [False, False, True, True, True]


@pytest.mark.parametrize("call", ["fsync", "open", "replace"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT])
def test_a_write_that_fails_leaves_the_old_content(
    store: Store, monkeypatch: pytest.MonkeyPatch, call: str, number: int
) -> None:
    store.save_certificate_id("www", "1")

    def fail(*arguments: object, **options: object) -> Any:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(Path if call == "replace" else os, call, fail)
    with pytest.raises(StateError, match="check disk space and rights"):
        atomic_write(store.folder / "www.ids", encode_id("2"))
    monkeypatch.undo()
    assert store.load_certificate_id("www") == "1"
    assert [path.name for path in store.folder.iterdir() if path.name.endswith(".tmp")] == []


def test_a_corrupt_acceptance_is_asked_for_again(store: Store) -> None:
    for content in (b"", b"[]", b"{", b"\xff", b'{"sha256": 5}', b"[" * 100_000):
        (store.folder / "eula.json").write_bytes(content)
        assert store.accepted_eula() is None
    eula.ensure_accepted(store, True, None, "2026-01-01T00:00:00Z")
    assert store.accepted_eula()


def test_what_is_finished_is_removed_and_again_is_no_error(store: Store) -> None:
    fill(store)
    for _ in range(2):
        store.remove_order("www")
        store.remove_commit("fw")
    assert (store.load_order("www"), store.load_commit("fw")) == (None, None)
    # What is known of the certificate in service stays.
    assert (store.load_installed("www"), store.load_certificate_id("www")) == (INSTALLED, "1000")


def test_where_nothing_was_saved_nothing_is_known(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    assert [read(store) for _, read in READERS.values()] == [None] * len(READERS)
    assert not store.folder.exists()


def test_what_cannot_be_removed_is_told(store: Store) -> None:
    (store.folder / "journal/orders/www.json").mkdir()
    with pytest.raises(StateError, match="cannot be removed"):
        store.remove_order("www")


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StateError, match=r"cannot be created: .*correct state\.path or the rights"):
        Store(tmp_path / "file" / "state").prepare()


@readers
def test_what_is_corrupt_and_cannot_be_moved_is_refused_each_time(
    store: Store, monkeypatch: pytest.MonkeyPatch, name: str, read: Callable[[Store], object]
) -> None:
    path = store.folder / name
    path.write_bytes(b"!")

    def fail(*arguments: object) -> Any:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(Path, "replace", fail)
    for _ in range(2):
        with pytest.raises(StateError, match="is corrupt and cannot be moved: Read-only file system"):
            read(store)
    assert path.read_bytes() == b"!"
