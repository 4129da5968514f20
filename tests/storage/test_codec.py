"""Every record round-trips."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.model.records import CommitRecord, InstalledRecord, OrderRecord, ServeRecord
from paloaltofw.storage import codec

texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "str": texts, "str | None": st.none() | texts, "bool": st.booleans(), "int": st.integers(0, 10**6),
}  # fmt: skip


@pytest.mark.parametrize("kind", [OrderRecord, InstalledRecord, CommitRecord, ServeRecord])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_every_record_round_trips(kind: type, data: st.DataObject) -> None:
    record = kind(**{field.name: data.draw(_VALUES[str(field.type)]) for field in fields(kind)})
    assert codec.decode_record(kind, codec.encode_record(record)) == record


STORED_BY_1 = {
    "version": 1, "profile": "www", "firewall": "fw", "entry": "www", "operation": "renew", "phase": "ordered",
    "requested": "00", "reference": "paloaltoagent-0", "reason": "due", "created_at": "2026-01-01T00:00:00Z",
}  # fmt: skip


def test_an_order_of_version_1_is_read_under_the_present_names() -> None:
    stored = {**STORED_BY_1, "order_id": "7", "previous_id": "6", "revoke_id": "6"}
    record = codec.decode_record(OrderRecord, json.dumps(stored).encode())
    assert record.certificate_id == "7"
    assert (record.previous_certificate_id, record.superseded_certificate_id) == ("6", "6")


@pytest.mark.parametrize("change", [{"version": "1"}, {"version": True}, {"order_id": "7", "certificate_id": "8"}])
def test_what_looks_like_version_1_but_is_not_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"version|two names"):
        codec.decode_record(OrderRecord, json.dumps({**STORED_BY_1, **change}).encode())
