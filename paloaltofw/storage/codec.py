"""The forms of the state folder's files: JSON records, and the Base64 of .ids."""

from __future__ import annotations

import base64
import binascii
import datetime
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TypeVar

from paloaltofw.model.records import Answer, LedgerEntry, Record

VERSION = 3
# What version 3 added has defaults.
_READ_AS_THEY_ARE = (2, VERSION)
# The last orders that a ledger keeps: more than any rule looks at.
LEDGER_LENGTH = 100
# Version 1 had other names for three fields of an order.
_NAMES_OF_VERSION_1 = {
    "order_id": "certificate_id",
    "previous_id": "previous_certificate_id",
    "revoke_id": "superseded_certificate_id",
}
R = TypeVar("R", bound=Record)
_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "str | None": (str, type(None)), "bool": (bool,), "int": (int,)}


def decode_record(kind: type[R], content: bytes) -> R:
    """Read a record; raises ValueError (or RecursionError) for anything that is not exactly one of this version."""
    return _record(kind, _present_names(json.loads(content)))


def _record(kind: type[R], data: dict[str, object]) -> R:
    known = {field.name: _TYPES[str(field.type)] for field in fields(kind)}  # type: ignore[arg-type]
    if not data.keys() <= known.keys():
        raise ValueError("unknown field")
    for name, value in data.items():
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] == (int,)):
            raise ValueError(f"wrong type of {name}")
        if isinstance(value, str):
            value.encode()  # half of a surrogate pair is no text; the error is a ValueError
    try:
        return kind(**data)
    except TypeError:
        raise ValueError("missing field") from None


def _present_names(data: object) -> dict[str, object]:
    """The fields of a stored record under their present names, without the version."""
    if not isinstance(data, dict) or type(version := data.pop("version", None)) is not int:
        raise ValueError("no version")
    if version in _READ_AS_THEY_ARE:
        return data
    if version != 1:
        raise ValueError("unknown version")
    renamed: dict[str, object] = {_NAMES_OF_VERSION_1.get(str(name), str(name)): value for name, value in data.items()}
    if len(renamed) != len(data):
        raise ValueError("one field under two names")
    return renamed


def encode_record(record: Record) -> bytes:
    """Return a record as JSON, with its version."""
    return json.dumps({"version": VERSION, **asdict(record)}, indent=1).encode() + b"\n"  # type: ignore[call-overload]


def encode_ledger(entries: Sequence[LedgerEntry]) -> bytes:
    """The orders of a certificate as JSON, oldest first; the last ones if they are very many."""
    orders = [asdict(entry) for entry in entries[-LEDGER_LENGTH:]]
    return json.dumps({"version": VERSION, "orders": orders}, indent=1).encode() + b"\n"


def decode_ledger(content: bytes) -> tuple[LedgerEntry, ...]:
    """Read a ledger; raises ValueError (or RecursionError) for anything that is not exactly one of this version.

    Times are read as strictly: an order that cannot be dated could not hold the brake.
    """
    data = json.loads(content)
    if not isinstance(data, dict) or data.get("version") != VERSION or not isinstance(data.get("orders"), list):
        raise ValueError("not a ledger")
    if not all(isinstance(order, dict) for order in data["orders"]):
        raise ValueError("not a ledger")
    return tuple(_checked(_record(LedgerEntry, order)) for order in data["orders"])


def _checked(entry: LedgerEntry) -> LedgerEntry:
    Answer(entry.answer)
    for text in (entry.ordered_at, *((entry.not_before, entry.not_after) if entry.not_after else ())):
        datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ")
    return entry


def encode_id(certificate_id: str) -> bytes:
    """The content of an .ids file: standard Base64, one line, newline at the end."""
    return base64.b64encode(certificate_id.encode()) + b"\n"


def decode_id(content: bytes) -> str:
    """Read an .ids file; raises ValueError."""
    try:
        text = base64.b64decode(content.strip(), validate=True).decode()
    except binascii.Error:
        raise ValueError("not Base64") from None
    if not text or not text.isprintable() or len(text) > 512:
        raise ValueError("not an ID")
    return text
