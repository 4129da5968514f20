"""The JSON Schemas and the readers say the same of every document, as far as a schema can say it."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings

from paloaltofw.configuration.descriptions import DESCRIPTIONS, TITLES
from paloaltofw.configuration.problems import Findings
from paloaltofw.configuration.rules import Schema, integer, one_of, parse_duration, shape_of, written_duration
from paloaltofw.configuration.schema import ANY, KINDS, READERS, Recorder, schema_of
from paloaltofw.configuration.yaml_document import read_document
from tests import files
from tests.configuration.strategies import QUICK
from tests.configuration.test_profile_properties import certificate_documents, firewall_documents, spoiled
from tests.generated import ROOT

SCHEMAS = {kind: schema_of(kind) for kind in KINDS}
VALIDATORS = {kind: jsonschema.Draft202012Validator(schema) for kind, schema in SCHEMAS.items()}
SAMPLES = {
    "config": "paloaltofw/config.yaml",
    "certificate": "profiles_sample/certificate.yaml",
    "firewall": "profiles_sample/fw_paloalto_config.yaml",
    "credentials": "profiles_sample/sectigo_credentials.yaml",
}
# Documents that hold every key, with a list of notifications and both kinds of key.
FULL: dict[str, dict[str, Any]] = {
    "config": {
        **files.CONFIG,
        "notifications": [{"url": "json://localhost", "on": ["failure"], "repeat": "24h"}],
    },
    "certificate": files.CERTIFICATE,
    "firewall": files.FIREWALL,
    "credentials": files.CREDENTIALS,
}
ECDSA = files.changed(files.CERTIFICATE, "key", {"type": "ECDSA", "curve": "P256"})
Path_ = tuple[str | int, ...]


def reads(kind: str, document: object) -> bool:
    """Whether the readers find nothing wrong in a document."""
    findings = Findings()
    section = read_document(Path("/nowhere/NAME.yaml"), findings, yaml.safe_dump(document).encode())
    if section is not None:
        READERS[kind](section)
        section.close()
    return not findings.problems


def fits(kind: str, document: object) -> bool:
    return bool(VALIDATORS[kind].is_valid(document))


def objects(schema: Schema, place: Path_ = ()) -> Iterator[tuple[Path_, Schema]]:
    """Every object of a schema, with the place in `FULL` where one is; of a list its items, not the one alone."""
    forms = schema.get("anyOf", [])
    for part in (schema, *([form for form in forms if form.get("type") == "array"] or forms)):
        if "properties" in part or "additionalProperties" in part:
            yield place, part
        for key, inner in part.get("properties", {}).items():
            yield from objects(inner, (*place, key))
        if isinstance(part.get("additionalProperties"), dict):
            yield from objects(part["additionalProperties"], (*place, ANY))
        if part.get("type") == "array":
            yield from objects(part["items"], (*place, 0))


def keys(kind: str) -> Iterator[tuple[Path_, Schema]]:
    """Every key of a kind of file with its schema. The forms of one object are there once each."""
    for place, part in objects(SCHEMAS[kind]):
        yield from (((*place, key), inner) for key, inner in part.get("properties", {}).items())


def at(document: Any, place: Path_) -> Any:
    for key in place:
        document = next(iter(document.values())) if key == ANY else document[key]
    return document


def with_value(kind: str, place: Path_, value: object, document: dict[str, Any] | None = None) -> dict[str, Any]:
    made = copy.deepcopy(document or FULL[kind])
    at(made, place[:-1])[place[-1]] = value
    return made


def dotted(place: Path_) -> str:
    return ".".join(str(key) for key in place).replace(".0", "[]")


EVERY_KEY = sorted({(kind, place) for kind in KINDS for place, _ in keys(kind)}, key=str)


# --- the schemas themselves ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_and_explains_every_key(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMAS[kind])
    assert SCHEMAS[kind]["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMAS[kind]["title"] == TITLES[kind]
    for place, part in objects(SCHEMAS[kind]):
        assert "additionalProperties" in part, place
    for place, part in keys(kind):
        assert re.fullmatch(r"[A-Za-z](?s:.*)\.", part["description"]), place
        assert not isinstance(part.get("pattern"), str) or re.compile(part["pattern"])


@pytest.mark.parametrize("kind", KINDS)
def test_no_key_is_described_that_no_reader_asks_for(kind: str) -> None:
    described = {part["description"] for _, part in keys(kind)}
    described |= {
        o["additionalProperties"].get("description") for _, o in objects(SCHEMAS[kind]) if o["additionalProperties"]
    }
    assert set(DESCRIPTIONS[kind].values()) == described


def test_a_rule_that_does_not_say_what_it_takes_is_found() -> None:
    with pytest.raises(TypeError, match="does not say what it takes"):
        shape_of(lambda text: text)
    recorder = Recorder({}, {"a": "A."})
    recorder.value("a", one_of("x"))
    with pytest.raises(TypeError, match="asked for twice"):
        recorder.value("a", integer(1, 2))


SECTIONS = {"3. config.yaml": "config", "12. Notifications": "config", "4. Certificate profile": "certificate", "5. Firewall profile": "firewall", "6. SCM credentials": "credentials"}  # fmt: skip


def contract_rows() -> Iterator[tuple[str, str, str]]:
    """Kind, key and default of every row of the contract's tables of keys."""
    text = (ROOT / "docs/reference/contract.md").read_text("utf-8")
    for title, kind in SECTIONS.items():
        part = text.split(f"\n## {title}")[1].split("\n## ")[0]
        for names, default in re.findall(r"^\| (`[^|]*`) \| [^|]* \| ([^|]*) \|", part, re.MULTILINE):
            for name in re.findall(r"`([^`]+)`", names):
                yield kind, name.replace("LABEL", ANY), default.strip()


def test_the_contract_has_the_same_keys_and_the_same_defaults() -> None:
    sections = {dotted(place) for kind in KINDS for place, _ in objects(SCHEMAS[kind])}
    sections |= {dotted(place).removesuffix("[]") for kind in KINDS for place, _ in objects(SCHEMAS[kind])}
    in_schemas = {(kind, dotted(place)): part for kind in KINDS for place, part in keys(kind)}
    rows = list(contract_rows())
    named = {(kind, name) for kind, name, _ in rows}
    leaves = {key for key in in_schemas if key[1] not in sections} | {("certificate", "scm.custom_fields")}
    assert {key for key in named if key not in in_schemas} == set()
    assert {key for key in leaves if key not in named} == set()
    required = {
        (kind, dotted((*place, key)))
        for kind in KINDS
        for place, part in objects(SCHEMAS[kind])
        for key in part.get("required", [])
    }
    for kind, name, default in rows:
        part = in_schemas[kind, name]
        assert ((kind, name) in required) == (default == "required"), name
        match = re.fullmatch(r"`([^`]*)`", default)
        if match and "default" in part:
            assert same_value(part["default"], match.group(1)), (name, part["default"], default)


def same_value(default: object, text: str) -> bool:
    if isinstance(default, bool):
        return str(default).lower() == text
    if isinstance(default, list):
        return [str(item) for item in default] == [item.strip(" `[]") for item in text.split(",")]
    return str(default) == text or parse_duration(str(default)) == parse_duration(text)


@pytest.mark.parametrize("seconds", [0, 1, 59, 60, 90, 3600, 5400, 86400, 7 * 86400, 86401])
def test_a_default_is_written_so_that_it_means_the_same(seconds: int) -> None:
    assert parse_duration(str(written_duration(float(seconds)))) == seconds


# --- schemas and readers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_samples_and_full_documents_fit(kind: str) -> None:
    sample = yaml.safe_load((ROOT / SAMPLES[kind]).read_text("utf-8"))
    assert list(VALIDATORS[kind].iter_errors(sample)) == []
    assert list(VALIDATORS[kind].iter_errors(FULL[kind])) == []
    assert reads(kind, FULL[kind])
    held = {dotted(place) for place, _ in keys(kind) if place[-1] in at(FULL[kind], place[:-1])}
    lacking = {"config": set(), "certificate": {"key.curve"}, "firewall": set(), "credentials": {"*.token_url"}}[kind]
    assert {dotted(place) for place, _ in keys(kind)} - held == lacking


@given(spoiled())
@QUICK
def test_what_the_readers_take_the_schema_takes(item: tuple[str, dict[str, Any]]) -> None:
    kind, document = item
    if reads(kind, document):
        assert list(VALIDATORS[kind].iter_errors(document)) == []


@given(certificate_documents())
@settings(QUICK, max_examples=40)
def test_certificate_profiles_by_chance_fit(document: dict[str, Any]) -> None:
    assert not reads("certificate", document) or list(VALIDATORS["certificate"].iter_errors(document)) == []


@given(firewall_documents())
@settings(QUICK, max_examples=40)
def test_firewall_profiles_by_chance_fit(document: dict[str, Any]) -> None:
    assert not reads("firewall", document) or list(VALIDATORS["firewall"].iter_errors(document)) == []


@pytest.mark.parametrize(("kind", "place"), EVERY_KEY)
def test_values_of_a_wrong_kind_are_refused_by_both(kind: str, place: Path_) -> None:
    part = dict(keys(kind))[place]
    is_section = any(place == other for other, _ in objects(SCHEMAS[kind]))
    takes_boolean = part.get("type") in ("boolean", ["boolean", "null"]) or {"type": "boolean"} in part.get("anyOf", [])
    wrong: list[object] = [[["a"]], {"a": {"b": "c"}}]
    wrong += [] if takes_boolean else [True]
    wrong += ["word", 5] if is_section or (takes_boolean and "anyOf" not in part) else []
    for value in wrong:
        document = with_value(kind, place, value)
        assert not reads(kind, document), value
        assert not fits(kind, document), value


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_keys_and_missing_keys_are_refused_by_both(kind: str) -> None:
    seen = 0
    for place, part in objects(SCHEMAS[kind]):
        if part["additionalProperties"] is False:
            document = with_value(kind, (*place, "unknwon"), "x")
            assert not reads(kind, document) and not fits(kind, document), place
        for key in part.get("required", []):
            for change in ("removed", "null"):
                document = with_value(kind, (*place, key), None)
                if change == "removed":
                    del at(document, place)[key]
                assert not reads(kind, document) and not fits(kind, document), (place, key)
                seen += 1
    assert seen > 0


def choices(part: Schema) -> Iterator[object]:
    for form in (part, *part.get("anyOf", [])):
        yield from form.get("enum", [])
        if form.get("type") == "array":
            yield from ([item] for item in choices(form["items"]))


@pytest.mark.parametrize(("kind", "place"), EVERY_KEY)
def test_choices_and_defaults_are_taken_by_both_and_other_words_are_not(kind: str, place: Path_) -> None:
    part = dict(keys(kind))[place]
    document = ECDSA if place == ("key", "curve") else None
    taken = [*choices(part), *([part["default"]] if "default" in part else [])]
    if place == ("key", "type"):
        taken = ["RSA"]  # the other one goes with another key
    for value in taken:
        made = with_value(kind, place, value, document)
        if value is None and place[0] == "key":
            continue  # one of the two, size or curve, is required
        if value == "panorama":
            continue  # needs a template beside it: test_panorama_section.py
        assert reads(kind, made), value
        assert fits(kind, made), value
    if any(isinstance(value, str) for value in choices(part)):
        for word in ("nonsense", "", -17):
            made = with_value(kind, place, word, document)
            assert not reads(kind, made) and not fits(kind, made), word


def bounds(part: Schema) -> Iterator[tuple[int, int]]:
    yield from ((form["minimum"], form["maximum"]) for form in (part, *part.get("anyOf", [])) if "minimum" in form)


@pytest.mark.parametrize(("kind", "place"), [(k, p) for k, p in EVERY_KEY if any(bounds(dict(keys(k))[p]))])
def test_bounds_are_the_same_for_both(kind: str, place: Path_) -> None:
    for low, high in bounds(dict(keys(kind))[place]):
        for value in (low, high, low - 1, high + 1, low + 0.5):
            made = with_value(kind, place, value)
            is_inside = low <= value <= high and isinstance(value, int)
            assert reads(kind, made) is is_inside, value
            assert fits(kind, made) is is_inside, value


@pytest.mark.parametrize(
    ("key", "is_right"),
    [
        ({"type": "RSA", "size": 4096}, True),
        ({"type": "RSA", "size": "3072", "curve": None}, True),
        ({"type": "ECDSA", "curve": "P-384"}, True),
        ({"type": "ECDSA", "curve": "P256r1", "size": None}, True),
        ({"type": "RSA", "size": 2048, "curve": "P256"}, False),
        ({"type": "ECDSA", "curve": "P256", "size": 2048}, False),
        ({"type": "RSA"}, False),
        ({"type": "RSA", "curve": "P256"}, False),
        ({"type": "ECDSA", "size": 2048}, False),
        ({"type": "RSA", "size": 1024}, False),
        ({"type": "ECDSA", "curve": "P224"}, False),
        ({"size": 2048}, False),
        ({"type": "DSA", "size": 2048}, False),
    ],
)
def test_a_key_has_what_its_type_asks_for(key: dict[str, Any], is_right: bool) -> None:
    document = files.changed(files.CERTIFICATE, "key", key)
    assert reads("certificate", document) is is_right
    assert fits("certificate", document) is is_right
