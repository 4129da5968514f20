"""`type` and `panorama` of a firewall profile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paloaltofw.configuration.firewall_profile_file import read_firewall_profile
from paloaltofw.configuration.problems import Findings
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.panorama import PanoramaTarget
from tests.files import FIREWALL, write

SERIAL = "007200001234"


def read(tmp_path: Path, **values: Any) -> tuple[FirewallProfile | None, list[str]]:
    findings = Findings()
    document = {key: value for key, value in FIREWALL.items() if key not in ("type", "panorama", "ha_peer")} | values
    profile = read_firewall_profile(write(tmp_path / "panorama.yaml", document), findings)
    return profile, [str(problem) for problem in findings.problems]


@pytest.mark.parametrize(
    ("section", "target"),
    [
        ({"template": "T1"}, PanoramaTarget("T1")),
        (
            {"template": "T1", "push": {"template_stacks": ["S1"], "devices": [SERIAL]}},
            PanoramaTarget("T1", "", ("S1",), (SERIAL,)),
        ),
        ({"template_stack": "S1"}, PanoramaTarget("", "S1")),
        ({"template_stack": "S1", "push": {"template_stacks": "S1"}}, PanoramaTarget("", "S1", ("S1",))),
    ],
)
def test_a_panorama_names_where_certificates_are(tmp_path: Path, section: object, target: PanoramaTarget) -> None:
    profile, problems = read(tmp_path, type="panorama", panorama=section)
    assert problems == []
    assert profile is not None
    assert profile.panorama == target


@pytest.mark.parametrize("kind", [{}, {"type": "firewall"}, {"type": "firewall", "panorama": {"template": None}}])
def test_a_firewall_is_none(tmp_path: Path, kind: dict[str, Any]) -> None:
    profile, problems = read(tmp_path, **kind)
    assert problems == []
    assert profile is not None
    assert profile.panorama is None


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"type": "panorama"}, "needs exactly one of template and template_stack"),
        ({"type": "panorama", "panorama": {}}, "needs exactly one of template and template_stack"),
        ({"type": "panorama", "panorama": {"template": "T", "template_stack": "S"}}, "needs exactly one of"),
        ({"panorama": {"template": "T"}}, "is for a Panorama only"),
        ({"type": "firewall", "panorama": {"template_stack": "S"}}, "is for a Panorama only"),
        ({"type": "panorama", "panorama": {"template": "T"}, "vsys": "vsys1"}, "is not possible in a template"),
        ({"type": "panorama", "panorama": {"template": "T'"}}, "cannot be a name on PAN-OS"),
        ({"type": "panorama", "panorama": {"template": "T", "push": {"devices": ["no serial"]}}}, "not a serial number"),
        ({"type": "panorama", "panorama": {"template_stack": "S", "push": {"template_stacks": ["X"]}}}, "only the stack S"),
        ({"type": "panorama", "panorama": {"template": "T", "stack": "S"}}, "stack"),
        ({"type": "panorama", "panorama": {"template": "T"}, "ha_peer": {"url": "192.0.2.9"}}, "is not possible with a P"),
        ({"type": "Panorama", "panorama": {"template": "T"}}, "did you mean panorama?"),
    ],
)  # fmt: skip
def test_what_does_not_fit_together_is_refused(tmp_path: Path, values: dict[str, Any], says: str) -> None:
    profile, problems = read(tmp_path, **values)
    assert profile is None
    assert any(says in problem for problem in problems), problems
