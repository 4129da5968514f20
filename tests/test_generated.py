"""What is made from the program and shipped beside it is what the program makes today."""

from __future__ import annotations

import re

import pytest

from tests.configuration.test_schema import SAMPLES
from tests.generated import FILES, ROOT


@pytest.mark.parametrize("name", FILES)
def test_a_generated_file_is_up_to_date(name: str) -> None:
    text = (ROOT / name).read_text("utf-8") if (ROOT / name).exists() else ""
    assert text == FILES[name](), "run: python -m tests.generated"


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_first_line_of_a_sample_leads_an_editor_to_its_schema(kind: str) -> None:
    sample = ROOT / SAMPLES[kind]
    match = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", sample.read_text("utf-8").splitlines()[0])
    assert match is not None
    assert (sample.parent / match.group(1)).relative_to(ROOT).as_posix() in FILES
    assert match.group(1) == f"schemas/{kind}.json", (
        "in the wheel all samples lie in one folder, with one folder of schemas"
    )


def test_the_wheel_holds_what_is_generated() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    for name in FILES:
        assert f'"{name}"' in project or f'"{name.rsplit("/", 1)[0]}/*.json"' in project, name
