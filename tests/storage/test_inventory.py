"""What is forgotten of a profile, and what of its neighbours stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.model.records import ServeRecord
from paloaltofw.storage import inventory
from paloaltofw.storage.store import Store
from tests.configuration.strategies import QUICK
from tests.storage.test_store import COMMIT, INSTALLED, ORDER

# Each example writes many files to the disk.
FEW = settings(QUICK, max_examples=15)
# Names of profiles whose files look like another's, or like what was moved aside.
NAMES = ["www", "www-2", "www.ids", "www.json", "www.json.corrupt", "www.ids.corrupt-2", "WWW", "w.w", "fw"]
PLACES = ["{}.ids", "journal/orders/{}.json", "journal/installed/{}.json", "journal/serve/{}.json"]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def filled(folder: Path, names: set[str], aside: set[str]) -> Store:
    """A state folder that knows these profiles; of some, files were moved aside too."""
    store = Store(folder)
    store.prepare()
    store.save_commit(COMMIT)
    for name in names:
        store.save_certificate_id(name, "1000")
        store.save_installed(name, INSTALLED)
        store.save_order(replace(ORDER, profile=name))
        store.save_serve(ServeRecord(name, "aa", "report", "passed", "2026-01-01T00:00:00Z"))
        for ending in (".corrupt", ".corrupt-2", ".corrupt-17") if name in aside else ():
            for place in PLACES:
                (folder / (place.format(name) + ending)).write_bytes(b"?")
    return store


@given(
    names=st.sets(st.sampled_from(NAMES), min_size=1, max_size=4),
    aside=st.sets(st.sampled_from(NAMES), max_size=3),
    data=st.data(),
)
@FEW
def test_one_profile_is_forgotten_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, names: set[str], aside: set[str], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(names)))
    store = filled(tmp_path_factory.mktemp("forget"), names, aside)
    assert inventory.known_profiles(store) == sorted(names)
    without_order = filled(tmp_path_factory.mktemp("expected"), names - {name}, aside)
    without_order.save_certificate_id(name, "1000")
    without_order.save_installed(name, INSTALLED)
    without_order.save_serve(ServeRecord(name, "aa", "report", "passed", "2026-01-01T00:00:00Z"))
    inventory.forget_order(store, name)
    kept = contents(store.folder)
    assert kept.items() >= contents(without_order.folder).items()
    assert not inventory.order_files(store, name)
    assert store.load_order(name) is None
    inventory.forget(store, name)
    never = filled(tmp_path_factory.mktemp("never"), names - {name}, aside)
    assert contents(store.folder) == contents(never.folder)
    assert inventory.known_profiles(store) == sorted(names - {name})
    inventory.forget(store, name)  # once more is no error


def test_where_there_is_no_folder_nothing_is_known_and_nothing_made(tmp_path: Path) -> None:
    store = Store(tmp_path / "state")
    assert (inventory.known_profiles(store), inventory.files_of(store, "www")) == ([], [])
    inventory.forget(store, "www")
    assert not store.folder.exists()
