"""What a probe found out, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from paloaltofw.model.probe_report import ProbeReport

_WIDTH = 26


def probe_lines(report: ProbeReport) -> Iterator[str]:
    """A line for the device, then two for each fact: answer and question, and what was seen."""
    yield f"{report.model}, PAN-OS {report.sw_version}"
    for fact in report.facts:
        yield f"{fact.id:<{_WIDTH}} {fact.answer:<18} {fact.question}"
        if fact.evidence:
            yield f"{'':<{_WIDTH}} {fact.evidence}"
