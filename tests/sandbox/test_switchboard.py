"""Switches of the simulated systems, as they are typed."""

from __future__ import annotations

import dataclasses
import re

import pytest

from paloaltofw.sandbox.base.authority import ChainForm
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.scm.orders import ScmSwitches
from paloaltofw.sandbox.switchboard import PANORAMA, list_switches, set_panorama_switches, set_switches

SET: list[tuple[list[str], PanosSwitches, ScmSwitches]] = [
    ([], PanosSwitches(), ScmSwitches()),
    (["ecdsa_521=ok"], PanosSwitches(ecdsa_521="ok"), ScmSwitches()),
    (["bad_key_http_status=200", "busy_code=14"], PanosSwitches(bad_key_http_status=200, busy_code=14), ScmSwitches()),
    (["config_lock_code=none"], PanosSwitches(config_lock_code=None), ScmSwitches()),
    (["api_key_lifetime=1.5"], PanosSwitches(api_key_lifetime=1.5), ScmSwitches()),
    (["show_self=no"], PanosSwitches(show_self=False), ScmSwitches()),
    (["mismatch_text=a=b"], PanosSwitches(mismatch_text="a=b"), ScmSwitches()),
    (["not_ready=processing,empty"], PanosSwitches(), ScmSwitches(not_ready=("processing", "empty"))),
    (["order_answer=500"], PanosSwitches(), ScmSwitches(order_answer=("500",))),
    (["revoked_download_status=400"], PanosSwitches(), ScmSwitches(revoked_download_status=400)),
    (["chain.order=root_first", "chain.with_root=yes", r"chain.newline=\r\n"], PanosSwitches(),
     ScmSwitches(chain=ChainForm("root_first", with_root=True, newline="\r\n"))),
]  # fmt: skip


@pytest.mark.parametrize(("settings", "panos", "scm"), SET)
def test_switches_are_set_by_name(settings: list[str], panos: PanosSwitches, scm: ScmSwitches) -> None:
    assert set_switches(settings) == (panos, scm)


@pytest.mark.parametrize(
    ("setting", "words"),
    [("ecdsa_521", "is not NAME=VALUE"), ("nonsense=1", "there is no switch 'nonsense'"), ("chain=pem", "no switch"),
     ("chain.nonsense=1", "no switch"), ("ecdsa_521=maybe", "it takes refused, ok"), ("show_self=2", "it takes yes, no"),
     ("commit_pending=-1", "it takes a number"), ("commit_pending=1.5", "a number"), ("not_ready=", "it takes -103"),
     ("not_ready=empty,x", "cannot be 'x'")],
)  # fmt: skip
def test_what_cannot_be_set_is_explained(setting: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        set_switches([setting])


def test_every_switch_is_listed_with_its_default_and_can_be_set_to_it() -> None:
    rows = [re.split(" {2,}", line.strip()) for line in list_switches().splitlines() if line.startswith("  ")]
    fields = [f.name for c in (PanosSwitches, PanoramaSwitches, ScmSwitches, ChainForm) for f in dataclasses.fields(c)]
    names = [setting.partition("=")[0].removeprefix("chain.").removeprefix(PANORAMA) for setting, _ in rows]
    assert names == [name for name in fields if name != "chain"]
    panorama, others = set_panorama_switches([setting for setting, _ in rows], PanoramaSwitches())
    assert (panorama, *set_switches(others)) == (PanoramaSwitches(), PanosSwitches(), ScmSwitches())
    assert all(positions for _, positions in rows)


def test_no_name_means_two_switches() -> None:
    panos, scm = ({field.name for field in dataclasses.fields(c)} for c in (PanosSwitches, ScmSwitches))
    assert panos & scm == set()


def test_the_switches_of_a_panorama_have_a_prefix() -> None:
    settings = ["panorama.generate_under_target=refused", "ecdsa_521=ok", "panorama.target_lifetime=60"]
    panorama, others = set_panorama_switches(settings, PanoramaSwitches(push_result="worst"))
    assert others == ["ecdsa_521=ok"]
    assert panorama == PanoramaSwitches("refused", target_lifetime=60.0, push_result="worst")
    for wrong in ("panorama.nonsense=1", "panorama.push_result"):
        with pytest.raises(ValueError, match="no switch 'panorama"):
            set_panorama_switches([wrong], PanoramaSwitches())
