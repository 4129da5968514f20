"""What people see of a run: on a terminal, in the history, and on the page."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

from paloaltofw.sandbox.panos.switches import Latencies
from paloaltofw.sandbox.world import WorldOptions, certificate_profile
from tests.end_to_end.harness import Scene
from tests.end_to_end.terminal import run_on_terminal

CERTIFICATES = {
    "www": certificate_profile("fw-edge", "www.example.com"),
    "vpn": certificate_profile("fw-branch", "vpn.example.com", "OV"),
}
TERMINAL = {"TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}


def runs(scene: Scene) -> list[dict[str, object]]:
    return [json.loads(line) for line in scene.state("journal/runs.jsonl").read_text("utf-8").splitlines()]


def numbers(scene: Scene) -> tuple[object, ...]:
    last = runs(scene)[-1]
    keys = ("command", "exit_code", "certificates", "orders", "commits", "failures", "pending")
    return tuple(last[key] for key in keys)


def test_each_run_is_added_to_the_history_and_nothing_else_is(tmp_path: Path) -> None:
    with Scene(tmp_path, CERTIFICATES) as scene:
        assert scene.run("enroll").code == 3
        assert numbers(scene) == ("enroll", 3, 2, 2, 2, 0, 1)
        scene.run("enroll", "--dry-run")
        scene.run("status")
        assert scene.run("run", "-p", "www").code == 0
        assert numbers(scene) == ("run", 0, 1, 0, 0, 0, 0)
        (waiting,) = [order for order in scene.world.scm.orders if order.state == "Requested"]
        scene.world.scm.decline(waiting.id)
        assert scene.run("run").code == 1
        assert numbers(scene)[:3] == ("run", 1, 2)
        assert numbers(scene)[5] == 1
        assert len(runs(scene)) == 3
        assert all(str(line["started_at"]) <= str(line["ended_at"]) for line in runs(scene))


def test_a_history_that_cannot_be_written_keeps_nobody_from_work(tmp_path: Path) -> None:
    with Scene(tmp_path, {"www": CERTIFICATES["www"]}) as scene:
        scene.state("journal/runs.jsonl").mkdir(parents=True)
        for folder in (scene.state(""), scene.state("journal")):
            folder.chmod(0o700)
        done = scene.run("run")
        assert (done.code, done.out, done.err) == (0, "", "")
        assert len(scene.world.scm.orders) == 1
        assert "the history of runs is not written" in (tmp_path / "logs/paloaltoagent.log").read_text("utf-8")
        page = tmp_path / "status.html"
        assert scene.run("status", "--html", str(page)).code == 0
        assert "No run has been recorded yet" in page.read_text("utf-8")


def test_the_page_takes_the_place_of_the_table(tmp_path: Path) -> None:
    page = tmp_path / "status.html"
    with Scene(tmp_path, CERTIFICATES) as scene:
        scene.run("enroll")
        done = scene.run("status", "--html", str(page))
        assert (done.code, done.out, done.err) == (0, "", "")
        text = page.read_text("utf-8")
        assert all(name in text for name in ("www.example.com", "vpn.example.com", "fw-edge", "orders pending"))
        assert page.stat().st_mode & 0o777 == 0o600
        page.chmod(0o644)
        done = scene.run("status", "--json", "--html", str(page))
        assert set(done.profiles) == {"www", "vpn"}
        assert done.profiles["www"]["renews_from"] > "2"
        assert done.profiles["vpn"]["renews_from"] is None
        assert page.stat().st_mode & 0o777 == 0o644, "whoever may read the old page may read the new one"
        secrets = [scene.world.firewalls[name].api_key("svc-certs") for name in ("fw-edge", "fw-branch")]
        secrets += [account.client_secret for account in scene.world.accounts]
        assert not any(secret in page.read_text("utf-8") for secret in secrets)
        scene.world.servers["fw-edge"].stop()
        done = scene.run("status", "--html", str(page))
        assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
        assert "cannot be reached" in page.read_text("utf-8")
        done = scene.run("status", "--html", str(tmp_path / "nowhere" / "status.html"))
        assert done.code == 1
        assert f"{tmp_path}/nowhere/status.html" in done.err


def test_a_run_that_is_interrupted_leaves_the_terminal_in_order(tmp_path: Path) -> None:
    options = WorldOptions(firewalls=["fw-edge"], latencies=Latencies(commit_seconds=60.0))
    with Scene(tmp_path, {"www": CERTIFICATES["www"]}, options) as scene:
        done = run_on_terminal(scene.config, ["run"], [("commit job", signal.SIGINT)], **TERMINAL)
        assert done.code == -signal.SIGINT
        assert "Waits for" in done.out
        assert "interrupted; the next run goes on from here" in done.out
        assert done.out.rfind("\x1b[?25h") > done.out.rfind("\x1b[?25l")
        assert "Traceback" not in done.out


def test_warnings_and_the_log_stay_whole_while_the_table_is_drawn(tmp_path: Path) -> None:
    with Scene(tmp_path, CERTIFICATES, WorldOptions(latencies=Latencies(commit_seconds=1.0))) as scene:
        done = run_on_terminal(scene.config, ["--debug", "run"], [], **TERMINAL)
        assert done.code == 3
        logged = (tmp_path / "logs/paloaltoagent.log").read_text("utf-8").splitlines()
        assert logged
        missing = [line for line in logged if f"{line}\n" not in done.out]
        assert missing == []
        assert "2 firewalls done, 2 orders, 2 commits, " in done.out
        assert os.linesep + "  PROFILE" in done.out
