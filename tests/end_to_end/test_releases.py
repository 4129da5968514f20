"""What differs between releases of PAN-OS is handled by what the device answers, never by the number that it gives."""

from __future__ import annotations

import ast
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.releases import RELEASES
from paloaltofw.sandbox.panos.switches import AGENT_ROLE, PanosSwitches
from paloaltofw.sandbox.tour import begin_peoples_work
from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile, write_yaml
from tests.end_to_end.harness import ROOT, SCRIPT, Scene, clean_environment
from tests.sandbox.panos.bench import key, pem
from tests.sandbox.panos.test_strictness import own_ca
from tests.sweeps import one_in

DV = certificate_profile("fw-edge", "dv.example.com")
AGENT = [path for path in (ROOT / "paloaltofw").rglob("*.py") if "sandbox" not in path.relative_to(ROOT).parts]


def scene(folder: Path, **switches: Any) -> Scene:
    options = WorldOptions(firewalls=("fw-edge",), panos=PanosSwitches(**switches), agent_role=AGENT_ROLE)
    return Scene(folder, {"dv": DV}, options)


# --- the number decides nothing ------------------------------------------------------------------------------------


def told_only(tree: ast.Module) -> Iterator[ast.Attribute]:
    """Every use of a `version` that is not put into a sentence and nothing else."""
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in ("version", "sw_version") and id(node) not in told:
            yield node


def test_the_agent_tells_the_release_and_asks_nothing_of_it() -> None:
    readers = [path.name for path in AGENT if "sw-version" in path.read_text("utf-8")]
    assert readers == ["answers.py"]
    used = []
    for path in AGENT:
        for node in told_only(ast.parse(path.read_text("utf-8"))):
            used.append((path.name, ast.unparse(node)))
    # The call of the client, the IP version of an address, a probe's report, which is stale under another
    # number, and what `check` says of a Panorama's pushes.
    allowed = {"client.version", "context.client.version", "address.version"}
    reports = {"info.version", "client.version().version", "self.sw_version", "kept.report.sw_version"}
    readers_of_reports = {"probe.py", "probe_report.py", "check_probe.py", "check_panorama.py"}
    assert {text for name, text in used if name not in readers_of_reports} <= allowed, used
    assert {text for name, text in used if name in readers_of_reports} <= allowed | reports, used


@pytest.mark.parametrize(
    "line",
    ["if info.version >= '11.1': pass", "x = info.version.split('.')", "f(info.version)", "new = info.sw_version"],
)
def test_a_decision_by_the_number_would_be_seen(line: str) -> None:
    assert list(told_only(ast.parse(line)))
    assert not list(told_only(ast.parse("text = f'PAN-OS {info.version}'")))


def asked(made: Scene) -> list[str]:
    """What the agent asks, from here on: each request without its values."""
    seen: list[str] = []

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        fields = {**parse_qs(request.body.decode("latin-1")), **parse_qs(request.target.partition("?")[2])}
        tags = re.findall(r"<([a-z-]+)", "".join(fields.get("cmd", [])))
        seen.append(" ".join([*fields.get("type", []), *fields.get("action", []), *tags]))
        return handle(request)

    made.world.servers["fw-edge"].interceptor = intercept
    return seen


@pytest.mark.sweep
def test_devices_that_differ_in_the_number_alone_are_asked_the_same(tmp_path: Path) -> None:
    asked_of = []
    for number, sw_version in enumerate(("11.1.4", "7.1.0", "99.9.9-h9.xfr", "")):
        with scene(tmp_path / str(number), sw_version=sw_version) as made:
            seen = asked(made)
            assert made.run("check").code == 0
            assert made.run("enroll").code == 0
            assert made.run("run").code == 0
            asked_of.append(seen)
    assert len(asked_of[0]) > 20
    assert all(seen == asked_of[0] for seen in asked_of)


@pytest.mark.parametrize("release", one_in(5, RELEASES))
def test_check_says_which_release_it_is_and_finds_nothing_amiss(tmp_path: Path, release: str) -> None:
    options = WorldOptions(firewalls=("fw-edge",), panos=RELEASES[release].switches, agent_role=AGENT_ROLE)
    with Scene(tmp_path, {"dv": DV}, options) as made:
        done = made.run("check")
        assert done.code == 0, done.err
        assert f"PAN-OS {RELEASES[release].sw_version}" in done.out
        assert made.world.firewalls["fw-edge"].pending_changes() == []


# --- what releases and people do -----------------------------------------------------------------------------------


def test_where_a_load_asks_for_a_full_commit_the_agent_waits_for_a_person(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        firewall = made.world.firewalls["fw-edge"]
        begin_peoples_work(firewall)
        firewall.configuration.revert_all()
        firewall.is_full_commit_required = True
        for _ in range(2):
            done = made.run("run")
            assert done.code == 1
            assert "A full commit is required" in done.err
            assert done.err.count("\n") == 1
            assert len(made.world.scm.orders) <= 1
            assert firewall.commits == []
        firewall.is_full_commit_required = False
        assert made.run("run").code == 0
        assert len(made.world.scm.orders) == 1
        assert all(commit.admins == (AGENT_ADMIN,) for commit in firewall.commits)


def test_a_chosen_api_key_certificate_ends_the_key_and_a_new_one_goes_on(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        firewall = made.world.firewalls["fw-edge"]
        firewall.install_certificate("signer", own_ca(31), key(31, "RSA", 3072))
        assert made.run("enroll").code == 0
        firewall.set_api_key_certificate("signer")
        done = made.run("run")
        assert done.code == 1
        assert "the API key is not accepted" in done.err
        assert "paloaltoagent keygen" in done.err
        profile = tmp_path / "profiles/firewalls/fw-edge.yaml"
        text = profile.read_text("utf-8")
        profile.write_text(re.sub(r"api_key: .*", f"api_key: {firewall.api_key(AGENT_ADMIN)}", text), "utf-8")
        assert made.run("run").code == 0
        before = pem(*firewall.certificates(running=True)["signer"].certificates)
        write_yaml(tmp_path / "profiles/certificates/dv.yaml", {**DV, "sans": {"dns": ["more.example.com"]}})
        assert made.run("run").code == 0, "the agent's own commits change that certificate never"
        assert pem(*firewall.certificates(running=True)["signer"].certificates) == before
        assert len(made.world.scm.orders) == 2


@pytest.mark.parametrize("release", ["10.1", "12.1"])
def test_a_device_that_takes_no_intermediate_gets_the_leaf_and_a_word(tmp_path: Path, release: str) -> None:
    settings = {**RELEASES[release].dealt, "keyless_import": "refused"}
    with scene(tmp_path, **settings) as made:
        firewall = made.world.firewalls["fw-edge"]
        done = made.run("enroll", "--json")
        assert done.code == 0, done.err
        assert firewall.running_certificate("dv") is not None
        assert list(firewall.certificates(running=True)) == ["dv"]
        assert "set chain: bundle" in done.out
        assert len(made.world.scm.orders) == 1


# --- the command ---------------------------------------------------------------------------------------------------


def test_the_sandbox_serves_a_release(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--folder", str(tmp_path), "--release", "12.1"]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    assert served.stdout is not None
    try:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(served.stdout.readline())
        agent = [sys.executable, str(SCRIPT), "--accept-eula", "--config", str(tmp_path / "config.yaml")]
        checked = subprocess.run(
            [*agent, "check"], env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert checked.returncode == 0, checked.stderr
        assert checked.stdout.count(f"PAN-OS {RELEASES['12.1'].sw_version}") == 3
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(10)
        served.stdout.close()
    assert served.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(("--serve", "--release", "9.0"), "the sandbox plays 10.1, 10.2, 11.1, 11.2, 12.1"),
     (("--release", "11.1"), "--release needs --serve")],
)  # fmt: skip
def test_a_release_that_cannot_be_played(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    command = [sys.executable, str(SCRIPT), "sandbox", "--folder", str(tmp_path / "new"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60, check=False)
    assert (done.returncode, words in " ".join(done.stderr.split()), "Traceback" in done.stderr) == (2, True, False)
    assert not (tmp_path / "new").exists()


def test_the_help_names_every_release() -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "sandbox", "--help"],
        capture_output=True,
        text=True,
        env=clean_environment(),
        check=True,
    )
    assert all(release in done.stdout for release in RELEASES)
