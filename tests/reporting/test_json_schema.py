"""The schema of the JSON documents, and the stable codes in the sources, the schema and the contract."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

import click
import jsonschema
import pytest

from paloaltofw.lifecycle.decision import Action, Blocked, State
from paloaltofw.paloaltoagent import cli
from paloaltofw.reporting.codes import CODES, EARLY_CODES
from paloaltofw.reporting.json_document import as_json, json_document
from paloaltofw.reporting.json_schema import COMMANDS, OTHERS, document_schema
from tests.generated import ROOT
from tests.json_documents import assert_documented, validator
from tests.reporting.outcomes import DOWN, NOW, outcome

CONTRACT = (ROOT / "docs/reference/contract.md").read_text("utf-8")
# The common families of others; never used themselves.
FAMILIES = {"peer"}


def test_the_schema_is_one_and_explains_every_key() -> None:
    jsonschema.Draft202012Validator.check_schema(document_schema())
    seen = 0
    for part in described(document_schema()):
        assert part.get("description", "").endswith("."), part
        seen += 1
    assert seen > 30


def described(schema: Any) -> Iterator[dict[str, Any]]:
    """The schema of every key of every object."""
    forms = [schema, *schema.get("anyOf", [])] if isinstance(schema, dict) else []
    for form in forms:
        for inner in form.get("properties", {}).values() if form.get("type") == "object" else ():
            yield inner
            yield from described(inner)
        if "items" in form:
            yield from described(form["items"])


def test_every_command_with_json_has_its_document_in_the_schema() -> None:
    offers = {name for name, command in cli.commands.items() if "--json" in options(command)}
    assert offers == {*COMMANDS, *OTHERS}
    assert {"enroll", "renew", "run", "replace", "status", "check"} <= offers


def options(command: click.Command) -> set[str]:
    return {option for param in command.params for option in param.opts}


@pytest.mark.parametrize("command", COMMANDS)
def test_documents_of_every_state_action_and_error_fit(command: str) -> None:
    errors = [None, DOWN, *(Blocked(code, "m", "h") for code in CODES)]
    outcomes = [
        outcome(f"p{number}", state, action, days, error=error)
        for number, (state, action, error, days) in enumerate(
            (state, action, error, days)
            for state in State
            for action in Action
            for error in errors[: 3 if action is not Action.FAILED else None]
            for days in (None, 12)
        )
    ]
    document = json.loads(as_json(command, 1, outcomes, NOW))
    assert_documented(document)
    assert len(document["profiles"]) == len(outcomes) > 200


CHECKS = [{"subject": "fw", "name": "address", "ok": True, "text": "answers"}]
REVOKED = {
    "profile": "p",
    "firewall": "f",
    "certificate_id": "1",
    "serial": None,
    "not_after": None,
    "reason": "superseded",
}


@pytest.mark.parametrize(
    ("command", "more", "is_right"),
    [
        ("check", {"checks": CHECKS}, True),
        ("check", {"checks": []}, True),
        ("check", {}, False),
        ("run", {"checks": CHECKS}, False),
        ("run", {}, True),
        ("run", {"errors": ["wrong"], "code": "configuration"}, True),
        ("revoke", {"errors": ["wrong"], "code": "credentials"}, True),
        ("check", {"errors": ["wrong"], "code": "locked"}, True),
        ("check", {"errors": ["wrong"]}, False),
        ("run", {"errors": ["wrong"], "code": "nonsense"}, False),
        ("run", {"code": "usage"}, False),
        ("check", {"errors": ["wrong"], "code": "usage", "checks": []}, False),
        ("revoke", {"revoked": REVOKED}, True),
        ("revoke", {"revoked": {**REVOKED, "serial": "0a", "not_after": "2026-11-28T12:00:00Z"}}, True),
        ("revoke", {"revoked": {**REVOKED, "not_after": "tomorrow"}}, False),
        ("revoke", {}, False),
        ("forget", {"forgotten": ["www.ids: certificate ID 1"]}, True),
        ("forget", {"revoked": REVOKED}, False),
        ("nonsense", {}, False),
        ("run", {"surprise": 1}, False),
    ],
)
def test_a_document_has_what_belongs_to_its_command(command: str, more: dict[str, Any], is_right: bool) -> None:
    assert validator().is_valid(json.loads(json_document(command, 0, **more))) is is_right


def test_readers_bear_keys_that_are_added_later() -> None:
    document = json.loads(as_json("run", 0, [outcome("p", State.VALID)], NOW, surprise=1))
    document["profiles"][0]["surprise"] = 2
    assert jsonschema.Draft202012Validator(document_schema()).is_valid(document)


# --- codes --------------------------------------------------------------------------------------------------------


def codes_in_the_sources() -> set[str]:
    """What a class gives as its `code`, and what `Blocked` is made with."""
    found: set[str] = set()
    for path in (ROOT / "paloaltofw").rglob("*.py"):
        if "sandbox" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found |= {word for line in node.body for word in assigned_code(line)}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Blocked":
                assert node.args and isinstance(node.args[0], ast.Constant), f"{path}:{node.lineno}: a code is a word"
                found.add(str(node.args[0].value))
    return found


def assigned_code(line: ast.stmt) -> Iterator[str]:
    if isinstance(line, ast.Assign) and isinstance(line.value, ast.Constant):
        yield from (
            str(line.value.value) for target in line.targets if isinstance(target, ast.Name) and target.id == "code"
        )


def test_the_codes_of_the_sources_are_those_of_the_schema_and_of_the_contract() -> None:
    part = CONTRACT.split("\n**Codes** in `error.code`")[1].split("\n## ")[0]
    in_tables = set(re.findall(r"^\| `([a-z-]+)` \|", part, re.MULTILINE))
    early = re.search(r"never stand in a profile's\n`error`:(.*?)\.", part, re.DOTALL)
    assert early
    assert in_tables == set(CODES)
    assert set(re.findall(r"`([a-z-]+)`", early.group(1))) == set(EARLY_CODES)
    assert codes_in_the_sources() == {*CODES, *EARLY_CODES, *FAMILIES}
    assert len(CODES) > 25 and not set(CODES) & set(EARLY_CODES)
