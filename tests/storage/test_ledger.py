"""The ledger of orders holds the brake: what is written is read, what is damaged blocks, and nothing of it is lost."""

from __future__ import annotations

import datetime
import json
import os
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.errors import StateError
from paloaltofw.model.records import Answer, DeviceRecord, LedgerEntry
from paloaltofw.storage import codec, inventory
from paloaltofw.storage.store import Store
from tests.configuration.strategies import QUICK
from tests.storage.test_store import INSTALLED, ORDER

# Each example writes many files to the disk.
FEW = settings(QUICK, max_examples=15)
ENTRY = LedgerEntry(
    "www", "reference-1", "2026-01-01T00:00:00Z", "enroll", "absent", "2 {}", answer=Answer.TAKEN.value,
    certificate_id="1000", not_before="2026-01-01T00:00:00Z", not_after="2026-07-20T00:00:00Z",
)  # fmt: skip
PATH = "journal/ledger/fw/www.json"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state")
    made.prepare()
    return made


TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
TIMES = st.datetimes(min_value=datetime.datetime(2000, 1, 1)).map(lambda time: time.strftime("%Y-%m-%dT%H:%M:%SZ"))
VALUES: dict[str, st.SearchStrategy[Any]] = {"str": TEXTS, "str | None": st.none() | TEXTS, "bool": st.booleans()}
SPECIAL: dict[str, st.SearchStrategy[Any]] = {
    "ordered_at": TIMES, "not_before": TIMES, "not_after": st.just("") | TIMES,
    "answer": st.sampled_from([answer.value for answer in Answer]),
}  # fmt: skip
ENTRIES = st.fixed_dictionaries(
    {field.name: SPECIAL.get(field.name, VALUES[str(field.type)]) for field in fields(LedgerEntry)}
).map(lambda values: LedgerEntry(**values))


@given(st.lists(ENTRIES, max_size=4))
@FEW
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, entries: list[LedgerEntry]) -> None:
    store = Store(tmp_path_factory.mktemp("ledger") / "state")
    assert store.load_ledger("fw", "www") == ()
    store.prepare()
    store.save_ledger("fw", "www", entries)
    assert store.load_ledger("fw", "www") == tuple(entries)
    # Another certificate's, and another firewall's, is another ledger.
    assert store.load_ledger("fw", "www-2") == store.load_ledger("fw2", "www") == ()
    for path in (store.folder / PATH, (store.folder / PATH).parent):
        assert path.stat().st_mode & 0o077 == 0


def test_of_very_many_orders_the_last_ones_are_kept(store: Store) -> None:
    entries = [replace(ENTRY, reference=str(number)) for number in range(codec.LEDGER_LENGTH + 7)]
    store.save_ledger("fw", "www", entries)
    assert store.load_ledger("fw", "www") == tuple(entries[7:])


def damaged(**change: object) -> bytes:
    """A ledger of two orders whose second one is changed so; `...` leaves a field out."""
    data = json.loads(codec.encode_ledger([ENTRY, ENTRY]))
    data["orders"][1].update(change)
    data["orders"][1] = {name: value for name, value in data["orders"][1].items() if value is not ...}
    return json.dumps(data).encode()


DAMAGES: list[bytes] = [
    b"", b"{", b"[]", b"7", b"null", b"\xff", b"[" * 100_000, b"{}",
    b'{"version": 3}', b'{"version": 3, "orders": {}}', b'{"version": 3, "orders": null}',
    b'{"version": 3, "orders": [7]}', b'{"version": 3, "orders": [[]]}', b'{"version": 3, "orders": [{}]}',
    b'{"version": 2, "orders": []}', b'{"version": 4, "orders": []}', b'{"version": "3", "orders": []}',
    b'{"orders": []}',
    damaged(more=1), damaged(answer="perhaps"), damaged(answer=None), damaged(profile=...), damaged(reference=7),
    damaged(is_automatic="yes"), damaged(certificate_id=1000), damaged(reason="\ud800"),
    damaged(ordered_at=""), damaged(ordered_at="yesterday"), damaged(ordered_at="2026-01-01"),
    damaged(ordered_at="2026-01-01T00:00:00+01:00"), damaged(ordered_at="2026-13-01T00:00:00Z"),
    damaged(not_after="soon"), damaged(not_before=""), damaged(not_before="once"),
]  # fmt: skip


@pytest.mark.parametrize("content", DAMAGES, ids=range(len(DAMAGES)))
def test_a_damaged_ledger_is_moved_aside_and_blocks_until_it_is_forgotten(store: Store, content: bytes) -> None:
    path = store.folder / PATH
    path.parent.mkdir(mode=0o700)
    path.write_bytes(content)
    with pytest.raises(StateError, match="was corrupt and is moved aside"):
        store.load_ledger("fw", "www")
    aside = path.with_name("www.json.corrupt")
    assert aside.read_bytes() == content
    for _ in range(2):
        with pytest.raises(StateError, match=r"order ledger .*unknown how much was ordered.* forget -p www"):
            store.load_ledger("fw", "www")
    # Neither a good ledger beside it, nor another certificate's, takes the block away or comes under it.
    store.save_ledger("fw", "www", [ENTRY])
    with pytest.raises(StateError, match="unknown how much was ordered"):
        store.load_ledger("fw", "www")
    assert store.load_ledger("fw", "www-2") == ()
    inventory.forget(store, "www")
    assert store.load_ledger("fw", "www") == ()
    assert not aside.exists()


def test_a_ledger_that_needs_no_end_has_none(store: Store) -> None:
    store.save_ledger("fw", "www", [replace(ENTRY, not_before="", not_after="")])
    assert len(store.load_ledger("fw", "www")) == 1


@given(st.data())
@FEW
def test_a_ledger_cut_anywhere_is_never_read_as_fewer_orders(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    store = Store(tmp_path_factory.mktemp("ledger") / "state")
    store.prepare()
    store.save_ledger("fw", "www", [ENTRY, replace(ENTRY, reference="reference-2")])
    path = store.folder / PATH
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content) - 2))])
    with pytest.raises(StateError):
        store.load_ledger("fw", "www")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("elsewhere")])
def test_what_is_no_file_is_no_empty_ledger(store: Store, make: Callable[[Path], None]) -> None:
    path = store.folder / PATH
    path.parent.mkdir(mode=0o700)
    make(path)
    with pytest.raises(StateError):
        store.load_ledger("fw", "www")
    assert os.path.lexists(path)


def test_where_the_ledger_cannot_be_written_the_order_is_not_begun(store: Store) -> None:
    (store.folder / "journal/ledger/fw").write_bytes(b"")
    with pytest.raises(StateError, match="cannot be created"):
        store.save_ledger("fw", "www", [ENTRY])


# --- inventory -------------------------------------------------------------------------------------------------------------


def test_a_ledger_is_of_the_profile_that_ordered_last(store: Store) -> None:
    """A profile's file may be renamed: its ledger goes on under the certificate's name."""
    store.save_ledger("fw", "www", [ENTRY, replace(ENTRY, profile="new")])
    store.save_ledger("fw2", "www", [replace(ENTRY, profile="new"), ENTRY])
    store.save_ledger("fw2", "mail", [replace(ENTRY, profile="other")])
    store.save_ledger("fw2", "empty", [])
    ledgers = {
        name: [str(path.relative_to(store.folder / "journal/ledger")) for path in inventory.ledger_files(store, name)]
        for name in ("www", "new", "other", "mail", "empty")
    }
    assert ledgers == {
        "www": ["fw2/www.json"], "new": ["fw/www.json"], "other": ["fw2/mail.json"], "mail": [], "empty": ["fw2/empty.json"],
    }  # fmt: skip
    assert inventory.known_profiles(store) == ["new", "other", "www"]


def test_a_ledger_that_cannot_be_read_counts_by_its_name(store: Store) -> None:
    folder = store.folder / "journal/ledger/fw"
    folder.mkdir(mode=0o700)
    names = [
        "www.json",
        "www.json.corrupt",
        "www.json.corrupt-2",
        "www.json.outdated",
        "www.json.old",
        "wwwxjson",
        "w.json",
    ]
    for name in names:
        (folder / name).write_bytes(b"?")
    assert [path.name for path in inventory.ledger_files(store, "www")] == names[:4]
    assert inventory.known_profiles(store) == []
    assert sorted(os.listdir(folder)) == sorted(names)
    inventory.forget(store, "www")
    assert sorted(os.listdir(folder)) == sorted(names[4:])


def test_an_order_is_forgotten_and_its_ledger_kept(store: Store) -> None:
    store.save_order(ORDER)
    store.save_ledger("fw", "www", [ENTRY])
    inventory.forget_order(store, "www")
    assert store.load_order("www") is None
    assert store.load_ledger("fw", "www") == (ENTRY,)
    store.save_certificate_id("www", "1000")
    store.save_installed("www", INSTALLED)
    # The ledger goes last: a `forget` that is cut off leaves the brake.
    assert [path.name for path in inventory.files_of(store, "www")] == ["www.ids", "www.json", "www.json"]
    assert inventory.files_of(store, "www")[-1] == store.folder / PATH


def test_looking_moves_nothing(store: Store, tmp_path: Path) -> None:
    path = store.folder / "www.ids"
    for content, expected in ((b"!!", None), (codec.encode_id("1000"), "1000")):
        path.write_bytes(content)
        assert inventory.look_at(path, codec.decode_id) == expected
        assert path.read_bytes() == content
    assert inventory.look_at(tmp_path / "none", codec.decode_id) is None
    path.unlink()
    path.symlink_to(tmp_path)
    assert inventory.look_at(path, codec.decode_id) is None


def test_a_folder_that_cannot_be_read_is_not_an_empty_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(folder: Path) -> list[str]:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "listdir", fail)
    with pytest.raises(StateError, match="cannot be read: Permission denied"):
        inventory.known_profiles(store)
    with pytest.raises(StateError, match="cannot be read"):
        inventory.forget(store, "www")


# --- orders that are older than the firewall ----------------------------------------------------------------------------------


def test_orders_that_are_set_aside_are_all_kept_and_block_nothing(store: Store) -> None:
    orders = [replace(ORDER, certificate_id=str(number)) for number in range(3)]
    for order in orders:
        store.save_order(order)
        store.set_aside_order("www")
        assert store.load_order("www") is None
    kept = inventory.order_files(store, "www")
    assert [path.name for path in kept] == ["www.json.outdated", "www.json.outdated-2", "www.json.outdated-3"]
    assert [inventory.look_at(path, lambda text: codec.decode_record(type(ORDER), text)) for path in kept] == orders
    assert inventory.known_profiles(store) == ["www"]
    inventory.forget_order(store, "www")
    assert inventory.order_files(store, "www") == []


def test_an_order_that_cannot_be_set_aside_is_told(store: Store) -> None:
    with pytest.raises(StateError, match="cannot be moved aside"):
        store.set_aside_order("www")


def test_a_quarantined_order_blocks_also_beside_outdated_ones(store: Store) -> None:
    store.save_order(ORDER)
    store.set_aside_order("www")
    (store.folder / "journal/orders/www.json.corrupt").symlink_to("nowhere")
    with pytest.raises(StateError, match=r"unknown whether an order is open.* forget -p www --order"):
        store.load_order("www")


# --- devices --------------------------------------------------------------------------------------------------------------


def test_one_device_under_two_addresses_is_found(store: Store) -> None:
    assert store.load_device("fw") is None
    for firewall, serial in (("fw2", "0001"), ("fw", "0001"), ("other", "0002"), ("nameless", "")):
        store.save_device(DeviceRecord(firewall, serial))
    assert store.load_device("fw") == DeviceRecord("fw", "0001")
    assert [item.firewall for item in store.devices_with("0001")] == ["fw", "fw2"]
    assert [item.firewall for item in store.devices_with("0002")] == ["other"]
    assert store.devices_with("0003") == []
    # A firewall that names no serial number is told apart from none.
    assert store.devices_with("") == []
    store.save_device(DeviceRecord("fw", "0002"))
    assert [item.firewall for item in store.devices_with("0001")] == ["fw2"]


def test_a_damaged_device_record_is_no_other_device(store: Store) -> None:
    store.save_device(DeviceRecord("fw", "0001"))
    (store.folder / "journal/devices/fw.json").write_bytes(b"{")
    with pytest.raises(StateError, match="moved aside"):
        store.devices_with("0001")
    assert store.devices_with("0001") == []
