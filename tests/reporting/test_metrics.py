"""The textfile, read by prometheus_client's own parser; and the rules and the dashboard that are made for it."""

from __future__ import annotations

import json
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from paloaltofw import __file__ as package
from paloaltofw.clock import parse_time
from paloaltofw.reporting.metrics import render
from tests.configuration.strategies import QUICK
from tests.worlds.stage import Stage

MONITORING = Path(package).parent / "monitoring"
Series = dict[tuple[str, frozenset[tuple[str, str]]], float]


def parsed(text: str) -> Series:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def figures(stage: Stage, **labels: str) -> dict[str, Any]:
    """What the textfile says of one certificate or command: name -> value, or the label that is left -> value."""
    found: dict[str, Any] = {}
    for (name, own), value in parsed((stage.folder / "agent.prom").read_text("utf-8")).items():
        if own >= frozenset(labels.items()):
            rest = dict(own - frozenset(labels.items()))
            found[name.removeprefix("paloaltoagent_")] = next(iter(rest.values())) if rest else value
    return found


@pytest.fixture(params=["DV"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    place = Stage(tmp_path / "site", kind=request.param)
    with place:
        place.add_profile("www", "www.example.com")
        place.configure("metrics", textfile="agent.prom")
        yield place


def test_a_run_is_measured(stage: Stage) -> None:
    assert stage.agent("run", "--dry-run").code == 0
    assert not (stage.folder / "agent.prom").exists()
    old = os.umask(0o077)
    try:
        night = stage.night()
    finally:
        os.umask(old)
    assert night.code == 0
    now, row = stage.clock.now().timestamp(), night.rows[0]
    assert figures(stage, profile="www", firewall="fw") == {
        "certificate_not_after_timestamp_seconds": parse_time(row["not_after"]).timestamp(),
        "last_success_timestamp_seconds": pytest.approx(now, abs=5),
        "order_pending": 0, "brake_active": 0, "certificate_state": "valid", "orders_placed_total": 1,
    }  # fmt: skip
    run = figures(stage, command="run")
    assert run.pop("last_run_timestamp_seconds") == pytest.approx(now, abs=5)
    assert 1 < run.pop("last_run_duration_seconds") < 3600
    assert run == {"last_run_exit_code": 0}
    assert stat.S_IMODE((stage.folder / "agent.prom").stat().st_mode) == 0o644
    assert [path.name for path in stage.folder.iterdir() if ".prom" in path.name] == ["agent.prom"]


@pytest.mark.parametrize("stage", ["OV"], indirect=True)
def test_an_open_order_has_its_age(stage: Stage) -> None:
    stage.configure("issuance", wait="0")
    night = stage.night()
    placed = parse_time(night.rows[0]["ordered_at"]).timestamp()
    assert [stage.night().code, stage.night().code] == [3, 3]
    seen = figures(stage, profile="www", firewall="fw")
    assert (seen["order_pending"], seen["order_pending_since_timestamp_seconds"]) == (1, placed)
    assert (seen["certificate_state"], seen["orders_placed_total"]) == ("pending", 1)
    assert "certificate_not_after_timestamp_seconds" not in seen
    assert figures(stage, command="run")["last_run_exit_code"] == 3


def test_what_this_run_did_not_see_stays(stage: Stage) -> None:
    """Others' series, and a firewall that is down; but not a profile that is gone."""
    stage.add_firewall("fw2")
    stage.add_profile("api", "api.example.com", firewall="fw2", bound=None)
    assert stage.night().code == 0
    before = figures(stage, profile="api", firewall="fw2")
    assert stage.night("run", "-p", "www").code == 0
    assert figures(stage, profile="api", firewall="fw2") == before
    stage.peers[stage.hosts["fw2"]].down = "refused"
    assert stage.night().code == 1
    after = figures(stage, profile="api", firewall="fw2")
    assert after.pop("failure") == "unreachable"
    assert after == {**before, "certificate_state": "unknown"}
    stage.remove_profile("api")
    assert stage.night().code == 0
    assert figures(stage, profile="api") == {}


def test_a_run_that_fails_as_a_whole_and_one_that_finds_another_at_work(stage: Stage) -> None:
    assert stage.night().code == 0
    before = figures(stage, profile="www", firewall="fw")
    (stage.folder / "profiles/certificates/broken.yaml").write_text("type: XV\n", "utf-8")
    assert stage.agent("run").code == 2
    assert figures(stage, command="run")["last_run_exit_code"] == 2
    assert figures(stage, profile="www", firewall="fw") == before


def test_the_brake_is_seen(stage: Stage) -> None:
    stage.configure("issuance", order_limit="1/300d")
    assert stage.night().code == 0
    assert figures(stage, profile="www", firewall="fw")["brake_active"] == 0
    stage.edit_profile("www", sans={"dns": ["www.example.com", "more.example.com"]})
    assert stage.night().error_codes == {"order-limit"}
    seen = figures(stage, profile="www", firewall="fw")
    assert (seen["brake_active"], seen["failure"], seen["orders_placed_total"]) == (1, "order-limit", 1)


def test_a_folder_that_is_not_there_changes_nothing_else(stage: Stage) -> None:
    stage.configure("metrics", textfile="/no/such/folder/agent.prom")
    assert stage.night().code == 0
    assert "agent.prom: cannot be written: No such file or directory" in (
        stage.folder / "logs/paloaltoagent.log"
    ).read_text("utf-8")


@pytest.mark.parametrize(
    "content", ["", "[", '{"profiles": [], "runs": 1}', '{"profiles": {"x": 3}, "runs": {"run": []}}']
)
def test_spoiled_notes_are_none(stage: Stage, content: str) -> None:
    assert stage.night().code == 0
    (stage.folder / "state/metrics.json").write_text(content, "utf-8")
    assert stage.night().code == 0
    assert figures(stage, profile="www", firewall="fw")["certificate_state"] == "valid"


@given(name=st.text(max_size=20), firewall=st.text(max_size=20))
@QUICK
def test_names_stay_names(name: str, firewall: str) -> None:
    """Whatever a name holds is escaped, so that no name is a series of its own."""
    kept = {"runs": {}, "profiles": {name: {"firewall": firewall, "state": "valid", "not_after": 5.0, "orders": 1}}}
    series = parsed(render(kept).decode("utf-8"))
    mine = {metric for metric, labels in series if labels >= {("profile", name), ("firewall", firewall)}}
    assert {"paloaltoagent_certificate_state", "paloaltoagent_certificate_not_after_timestamp_seconds"} <= mine
    assert all("profile" in dict(labels) or metric == "paloaltoagent_build_info" for metric, labels in series)


def documented_names() -> set[str]:
    values = dict.fromkeys(("not_after", "succeeded", "pending", "pending_since", "brake"), 1.0)
    kept = {
        "runs": {"run": {"ended": 1.0, "duration": 1.0, "code": 1}},
        "profiles": {"www": {**values, "firewall": "fw", "state": "valid", "code": "busy", "orders": 1}},
    }
    return {name for name, _ in parsed(render(kept).decode("utf-8"))}


@pytest.mark.parametrize("file", ["alerts.yaml", "dashboard.json"])
def test_rules_and_dashboard_name_series_that_exist(file: str) -> None:
    text = (MONITORING / file).read_text("utf-8")
    document: Any = yaml.safe_load(text)
    assert document
    used = set(re.findall(r"paloaltoagent_[a-z_]+", text))
    assert len(used) > 5
    assert used <= documented_names()


def test_every_series_is_documented() -> None:
    contract = (MONITORING.parent.parent / "docs/reference/contract.md").read_text("utf-8")
    assert {name for name in documented_names() if f"`{name}`" not in contract} == set()


def test_the_dashboard_is_one(stage: Stage) -> None:
    dashboard = json.loads((MONITORING / "dashboard.json").read_text("utf-8"))
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert all(panel["targets"] and panel["title"] for panel in panels)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_rules_and_textfile(stage: Stage) -> None:
    assert stage.night().code == 0
    done = subprocess.run(
        ["promtool", "check", "rules", str(MONITORING / "alerts.yaml")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    content = (stage.folder / "agent.prom").read_text("utf-8")
    done = subprocess.run(["promtool", "check", "metrics"], input=content, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
