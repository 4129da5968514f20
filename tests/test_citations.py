"""Every citation in the code can be followed: the section exists in the repository."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REFERENCE = ROOT / "docs" / "reference"
CITATION = re.compile(r"(?:docs/reference/|(?<![\w/]))(panos|scm|contract)\.md ((?:§[\d.]*\d(?:, )?)+)")
# Documents of others, which are cited by their own names.
OTHERS = ("RFC", "CA/B")


def citations() -> list[tuple[str, str, str]]:
    found = set()
    for path in sorted([*ROOT.glob("paloaltofw/**/*.py"), *ROOT.glob("tests/**/*.py"), *ROOT.glob("docs/**/*.md")]):
        for document, sections in CITATION.findall(path.read_text("utf-8")):
            found |= {
                (path.relative_to(ROOT).as_posix(), document, number) for number in re.findall(r"[\d.]+\d|\d", sections)
            }
    return sorted(found)


@pytest.mark.parametrize("document", ["panos", "scm", "contract"])
def test_every_citation_has_its_section(document: str) -> None:
    text = (REFERENCE / f"{document}.md").read_text("utf-8")
    sections = set(re.findall(r"^#{2,4} ([\d.]*\d)\.? ", text, re.MULTILINE))
    cited = [(path, number) for path, name, number in citations() if name == document]
    assert cited, "nothing is cited, so this test would see nothing"
    assert [(path, number) for path, number in cited if number not in sections] == []


def test_every_section_sign_names_its_document() -> None:
    """A bare number would leave the reader to guess which document it is of."""
    bare = []
    for path in sorted(ROOT.glob("paloaltofw/**/*.py")):
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
            rest = CITATION.sub("", line)
            if "§" in rest and not any(name in line for name in OTHERS):
                bare.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()}")
    assert bare == []
