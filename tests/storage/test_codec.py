"""Every record round-trips."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.model.records import CommitRecord, InstalledRecord, OrderRecord
from paloaltofw.storage import codec

texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": texts, "str | None": st.none() | texts, "bool": st.booleans(), "int": st.integers(0, 10**6),
}  # fmt: skip


@pytest.mark.parametrize("kind", [OrderRecord, InstalledRecord, CommitRecord])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_record_round_trips(kind: type, data: st.DataObject) -> None:
    record = kind(**{field.name: data.draw(_VALUES[str(field.type)]) for field in fields(kind)})
    assert codec.decode_record(kind, codec.encode_record(record)) == record
