"""The YAML loader against anything."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.configuration.firewall_profile_file import read_firewall_profile
from paloaltofw.configuration.problems import Findings
from paloaltofw.configuration.yaml_document import read_document
from tests.configuration.strategies import QUICK


def read(content: bytes) -> Findings:
    """Read bytes as a firewall profile, which asks for every kind of value."""
    findings = Findings()
    started = time.monotonic()
    read_firewall_profile(Path("fw.yaml"), findings, content)
    assert time.monotonic() - started < 5
    for problem in findings.problems:
        assert problem.position.line >= 1
        assert problem.what
    return findings


@given(st.binary(max_size=500))
@QUICK
def test_no_bytes_crash_the_loader(content: bytes) -> None:
    read(content)


fragments = st.sampled_from(
    [
        "a", "url", "api_key", ":", ": ", "\n", "\n  ", "- ", "? ", "[", "]", "{", "}", ",", "&a", "*a", "!!int ", "!x ",
        "<<: ", "|", ">", "|-\n  ", "'", '"', "\\", "#", "%YAML 1.1\n", "---\n", "...\n", "~", "null", "1e400", "0x_",
        "12:30:45", "2026-01-01", "\t", "\u2028", "\ufeff", "\u202e", "\x00", "\x1b", "é", "\U0001f600", "9" * 40,
    ]
)  # fmt: skip


@given(st.lists(fragments, max_size=40).map("".join))
@settings(QUICK, max_examples=200)
def test_no_yaml_crashes_the_loader(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))


LAUGHS = "a0: &a0 [x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS, "a: &a [*a]", "a: &a {b: *a}", "{" * 5000, "[" * 9000, "a: " * 3000, "- " * 5000, "? " * 5000,
        "a: !!python/object/apply:os.system [id]", "a: !!binary x", "x" * 900_000, "a: " + "9" * 900_000, "\n" * 900_000,
        "a: 'b" * 1000, "&a " * 5000, "a: |\n" + " x\n" * 200_000, "<<: *a", "<<: [1]",
    ],
    ids=range(18),
)  # fmt: skip
def test_bombs_in_yaml(text: str) -> None:
    assert read(text.encode()).problems


# Not what YAML itself takes for a line break.
lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), lines, max_size=5))
@QUICK
def test_plain_texts_are_read_as_they_are_written(values: dict[str, str]) -> None:
    findings = Findings()
    content = yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")
    document = read_document(Path("x.yaml"), findings, content)
    if document is None:
        return
    read_back = {key: document.value(key, str) or "" for key in values}
    refused = {problem.key for problem in findings.problems}
    assert all(read_back[key] == value for key, value in values.items() if key not in refused)
