"""The report of a probe: it is what it was written as, and nothing else is one."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from paloaltofw.model.firewall_objects import OBJECT_NAME_LIMIT
from paloaltofw.model.probe_report import NOT_ASKED, PROBE_PREFIX, PROBE_SUFFIXES, Fact, ProbeReport, read_report

REPORT = ProbeReport("PA-VM", "11.1.4", (Fact("ecdsa_521", "Is P-521 made?", "refused", "17 …"),))


def test_a_report_round_trips() -> None:
    assert read_report(REPORT.document) == REPORT
    assert read_report({**REPORT.document, "later": 1}) == REPORT


def test_a_fact_that_is_not_there_was_not_asked() -> None:
    assert (REPORT.answer("ecdsa_521"), REPORT.answer("alt_email")) == ("refused", NOT_ASKED)


def test_every_entry_of_a_probe_has_a_name_that_fits() -> None:
    assert all(len(PROBE_PREFIX + suffix) <= OBJECT_NAME_LIMIT for suffix in PROBE_SUFFIXES)
    assert len(set(PROBE_SUFFIXES)) == len(PROBE_SUFFIXES)


def spoiled(*path: str | int, value: Any) -> Any:
    document: Any = copy.deepcopy(REPORT.document)
    holder = document
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return document


@pytest.mark.parametrize(
    "document",
    [
        [], None, {}, spoiled("version", value=2), spoiled("device", value=[]), spoiled("facts", value={}),
        spoiled("facts", 0, value="refused"), spoiled("facts", 0, "answer", value=1), spoiled("device", "model", value=None),
    ],
)  # fmt: skip
def test_anything_else_is_no_report(document: object) -> None:
    with pytest.raises(ValueError, match=r"no|not|none"):
        read_report(document)
