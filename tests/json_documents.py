"""What `--json` prints is what its schema says, and nothing that the schema does not know."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema

from paloaltofw.reporting.json_schema import document_schema


def strict(schema: Any) -> Any:
    """The same schema without room for other keys: what we print we document, whatever readers have to bear."""
    if isinstance(schema, list):
        return [strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    return {**made, "additionalProperties": False} if made.get("type") == "object" else made


@functools.cache
def validator() -> Any:
    """The strict validator of every document."""
    return jsonschema.Draft202012Validator(strict(document_schema()))


def assert_documented(document: object) -> None:
    """Fail if a document holds a key or a word that no documentation names."""
    errors = [f"{'.'.join(map(str, e.absolute_path))}: {e.message[:300]}" for e in validator().iter_errors(document)]
    assert errors == []
