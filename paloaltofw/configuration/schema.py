"""JSON Schemas of the files, from the very readers that validate them.

Each reader runs once on a document that holds nothing and writes down what it is asked for: keys, rules, defaults, and
what is required. So a key that a reader takes cannot be missing here, and one that is here cannot be unknown to it.
What the readers see only in a whole (that a name exists, that two values fit) is not in the schemas.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from paloaltofw.configuration.certificate_profile_file import profile_of as certificate_of
from paloaltofw.configuration.credentials_file import accounts_of
from paloaltofw.configuration.descriptions import DESCRIPTIONS, TITLES
from paloaltofw.configuration.firewall_profile_file import profile_of as firewall_of
from paloaltofw.configuration.problems import Findings, Position
from paloaltofw.configuration.rules import Rule, Schema, shape_of
from paloaltofw.configuration.settings_file import settings_of
from paloaltofw.configuration.yaml_document import Section

T = TypeVar("T")
DRAFT = "https://json-schema.org/draft/2020-12/schema"
# The key of a mapping whose keys the user names.
ANY = "*"
_FILE = Path("/document.yaml")
_NOTHING: Schema = {"type": "null"}


class Recorder(Section):
    """A section that holds nothing but `answers`, and writes down what a reader asks it for.

    `answers` and `descriptions` are by the full names of keys.
    """

    def __init__(self, answers: Mapping[str, str], descriptions: Mapping[str, str], name: str = "") -> None:
        super().__init__(_FILE, None, name, Findings(), Position(_FILE, 1, 1))
        self._answers = answers
        self._descriptions = descriptions
        self._properties: dict[str, Schema] = {}
        self._parts: dict[str, Callable[[], Schema]] = {}
        self._required: list[str] = []
        self._booleans: set[str] = set()

    def schema(self) -> Schema:
        """What was written down."""
        properties = {key: self._described(key) for key in self._properties}
        other = properties.pop(ANY, False)
        found: Schema = {"type": "object"}
        if properties:
            found["properties"] = properties
        found["additionalProperties"] = other
        return {**found, "required": self._required} if self._required else found

    def _described(self, key: str) -> Schema:
        made = self._parts[key]() if key in self._parts else self._properties[key]
        return {"description": self._descriptions[self.full(key)], **made}

    def _note(self, key: str, schema: Mapping[str, Any], required: bool, **more: object) -> None:
        if key in self._booleans:
            schema = {"anyOf": [{"type": "boolean"}, dict(schema)]}
        if key in self._properties:
            raise TypeError(f"{self.full(key)} is asked for twice, and a schema has one place for it")
        self._properties[key] = {**(dict(schema) if required else with_null(schema)), **more}
        if required and key != ANY:
            self._required.append(key)

    def keys(self) -> list[str]:
        """One key that stands for all that a user may name."""
        return [ANY]

    def has(self, key: str) -> bool:
        """Whether there is an answer."""
        return self.full(key) in self._answers

    def value(self, key: str, rule: Rule[T], required: bool = False) -> T | None:
        """Note the key; give the answer for it."""
        if rule is str:  # asked for only so that the key is known without a value
            if key not in self._properties:
                self._note(key, _NOTHING, required=False)
            return None
        self._note(key, shape_of(rule).schema, required)
        return rule(self._answers[self.full(key)]) if self.has(key) else None

    def value_or(self, key: str, rule: Rule[T], default: T) -> T:
        """Note the key with its default."""
        shape = shape_of(rule)
        self._note(key, shape.schema, required=False, default=shape.schema.get("default", shape.written(default)))
        return default

    def boolean(self, key: str, default: bool) -> bool:
        """Note the key."""
        self._note(key, {"type": "boolean"}, required=False, default=default)
        return default

    def is_boolean(self, key: str) -> bool:
        """Note that true and false are among the values."""
        self._booleans.add(key)
        return False

    def values(self, key: str, rule: Rule[T]) -> tuple[T, ...]:
        """Note a list, or one value that stands for a list of one."""
        return self.values_or(key, rule, ())

    def values_or(self, key: str, rule: Rule[T], default: tuple[T, ...]) -> tuple[T, ...]:
        """Note a list with its default."""
        shape = shape_of(rule)
        item = dict(shape.schema)
        either = {"anyOf": [{"type": "array", "items": item}, item]}
        self._note(key, either, required=False, default=[shape.written(value) for value in default])
        return default

    def section(self, key: str, required: bool = False) -> Section:
        """Note a mapping; what is asked of it belongs to it."""
        inner = Recorder(self._answers, self._descriptions, self.full(key))
        self._note(key, {}, required)
        self._parts[key] = lambda: inner.schema() if required else with_null(inner.schema())
        return inner

    def sections(self, key: str) -> list[Section]:
        """Note a list of mappings."""
        inner = Recorder(self._answers, self._descriptions, self.full(key) + "[]")
        self._note(key, {}, required=False)

        def part() -> Schema:
            one = inner.schema()
            return {**with_null({"anyOf": [{"type": "array", "items": one}, one]}), "default": []}

        self._parts[key] = part
        return [inner]

    def close(self) -> None:
        """Nothing stands in it that nobody asked for."""


def with_null(schema: Mapping[str, Any]) -> Schema:
    """The schema of a value that may be left empty, which is the same as leaving its key out."""
    made = dict(schema)
    if "anyOf" in made:
        made["anyOf"] = [*made["anyOf"], _NOTHING]
    elif "enum" in made:
        made["enum"] = [*made["enum"], None]
    elif "type" in made and made != _NOTHING:
        types = made["type"] if isinstance(made["type"], list) else [made["type"]]
        made["type"] = [*types, "null"]
    return made


def _config(document: Section) -> object:
    return settings_of(_FILE, document, document.findings)


def _certificate(document: Section) -> object:
    return certificate_of("NAME", document)


def _firewall(document: Section) -> object:
    return firewall_of(_FILE, document)


def _credentials(document: Section) -> object:
    return accounts_of(document, None)


READERS: dict[str, Callable[[Section], object]] = {
    "config": _config,
    "certificate": _certificate,
    "firewall": _firewall,
    "credentials": _credentials,
}
KINDS = tuple(READERS)
# What a reader asks for depends on these values: section, key, and every value with the name that it is written with.
_BRANCHES = {"certificate": ("key", "type", ("RSA", "ECDSA"))}
# Keys that a reader asks for only where they stand in the file.
_PRESENT = {"certificate": {"name": "NAME"}, "firewall": {"ha_peer": ""}}


def schema_of(kind: str) -> Schema:
    """The JSON Schema of one kind of file (`KINDS`)."""
    present = _PRESENT.get(kind, {})
    if kind in _BRANCHES:
        section, key, values = _BRANCHES[kind]
        found = {value: _recorded(kind, {**present, f"{section}.{key}": value}) for value in values}
        made = found[values[0]]
        made["properties"][section] = _by_value(key, {value: s["properties"][section] for value, s in found.items()})
    else:
        made = _recorded(kind, present)
    return {"$schema": DRAFT, "title": TITLES[kind], **made}


def _recorded(kind: str, answers: Mapping[str, str]) -> Schema:
    document = Recorder(answers, DESCRIPTIONS[kind])
    READERS[kind](document)
    return document.schema()


def _by_value(key: str, schemas: Mapping[str, Schema]) -> Schema:
    """One schema of a section whose keys depend on the value of one of them."""
    first = next(iter(schemas.values()))
    parts = [schema["properties"] for schema in schemas.values()]
    same = [name for name, part in first["properties"].items() if all(other.get(name) == part for other in parts)]
    shared = {name: first["properties"][name] for name in same}
    made: Schema = {**first, "properties": shared, "required": [key], "allOf": []}
    for value, schema in schemas.items():
        own = {name: part for name, part in schema["properties"].items() if name not in same}
        made["properties"].update({name: with_null(part) for name, part in own.items() if part.get("type") != "null"})
        bare = {name: {k: v for k, v in part.items() if k != "description"} for name, part in own.items()}
        then = {"properties": bare, "required": schema["required"]}
        made["allOf"].append({"if": {"properties": {key: {"const": value}}}, "then": then})
    return made
