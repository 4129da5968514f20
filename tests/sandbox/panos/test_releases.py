"""The releases that the sandbox plays: presets of switches, each told by a source or dealt out."""

from __future__ import annotations

import dataclasses
import re
import typing
from pathlib import Path

import pytest

from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.releases import RELEASES, switches_of
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.switchboard import set_switches
from tests.sandbox.panos.bench import SVC, Bench

FACTS = (Path(__file__).parents[3] / "docs/reference/panos.md").read_text("utf-8")
TYPES = typing.get_type_hints(PanosSwitches)


@pytest.mark.parametrize("release", RELEASES)
def test_a_release_says_its_number_and_sets_positions_that_exist(release: str) -> None:
    preset = RELEASES[release]
    assert preset.sw_version.startswith(f"{release}.")
    bench = Bench(preset.switches)
    assert bench.ask(type="version").root.findtext("result/sw-version") == preset.sw_version
    assert f"<sw-version>{preset.sw_version}<" in bench.op("<show><system><info/></system></show>").answer.body.decode()
    assert bench.op("<show><admins/></show>").root.findtext("result/admins/entry[self]/admin") == SVC
    positions = {name: position for name, (position, _) in preset.told.items()} | dict(preset.dealt)
    for name, position in positions.items():
        [text] = [str(position)] if not isinstance(position, bool) else ["yes" if position else "no"]
        assert getattr(set_switches([f"{name}={text.lower() if position is None else text}"])[0], name) == position


@pytest.mark.parametrize("release", RELEASES)
def test_what_is_told_has_a_source_of_the_fact_sheet_and_nothing_is_told_and_dealt(release: str) -> None:
    preset = RELEASES[release]
    assert not preset.told.keys() & preset.dealt.keys()
    for name, (_, source) in preset.told.items():
        key = re.split(r"[ :]", source)[0]
        assert re.search(rf"[|,;] (?:\S+ is \S+/)?{re.escape(key)}\b", FACTS) or source.startswith(
            "two public sources"
        ), name


def test_each_release_is_another_device() -> None:
    every = [preset.switches for preset in RELEASES.values()]
    assert all(one != other for n, one in enumerate(every) for other in every[:n])
    unlike = dataclasses.replace(every[0], sw_version=every[-1].sw_version)
    assert unlike != every[-1], "not only in the number"


# What a run can meet, whatever the release: the releases together play each of these.
PLAYED = ["commit_description", "changes_shape", "busy_commit", "unknown_command_code", "generate_answer", "bundle", "role_denial",
          "no_partial_changes", "job_form", "bad_key_text", "reimport_mismatch", "csr_kept_after_import", "dangling_reference"]  # fmt: skip


@pytest.mark.parametrize("name", PLAYED)
def test_together_they_play_every_position(name: str) -> None:
    played = {getattr(preset.switches, name) for preset in RELEASES.values()}
    kind = TYPES[name]
    assert played == ({True, False} if kind is bool else set(typing.get_args(kind)))


def test_a_switch_changes_a_release() -> None:
    panos, _ = set_switches(["ecdsa_521=ok"], "10.1")
    assert panos == dataclasses.replace(switches_of("10.1"), ecdsa_521="ok")
    with pytest.raises(ValueError, match=r"there is no release '9\.0'; the sandbox plays 10\.1, "):
        set_switches([], "9.0")


def test_a_firewall_may_still_have_a_version_of_its_own() -> None:
    bench = Bench()
    assert Firewall("x", bench.clock, sw_version="9.1.12-h3").sw_version == "9.1.12-h3"
    assert bench.firewall.sw_version == PanosSwitches().sw_version
