"""The serve check from the shell, with real TLS: who serves what after the commit."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from paloaltofw.sandbox.tour import BOUND_PROFILE, begin_peoples_work
from paloaltofw.sandbox.world import PEOPLE, WorldOptions, certificate_profile, write_yaml
from tests.end_to_end.harness import SCRIPT, Scene, clean_environment
from tests.sweeps import one_in

DV = certificate_profile("fw-edge", "dv.example.com", bind={"ssl_tls_service_profiles": [BOUND_PROFILE]})


class Portal:
    """One firewall whose portal is served on a loopback port, and a profile that has it asked."""

    def __init__(self, folder: Path, **check: Any) -> None:
        self.scene = Scene(folder, {"dv": DV}, WorldOptions(firewalls=("fw-edge",)))
        self.firewall = self.scene.world.firewalls["fw-edge"]
        begin_peoples_work(self.firewall)
        self.endpoint = f"{self.scene.world.serve('fw-edge', BOUND_PROFILE)}/dv.example.com"
        check = {"endpoints": [self.endpoint], "wait": "1m", **check}
        write_yaml(folder / "profiles/certificates/dv.yaml", {**DV, "serve_check": check})

    def switch(self, **values: Any) -> None:
        self.firewall.switches = dataclasses.replace(self.firewall.switches, **values)

    @property
    def entries(self) -> set[str]:
        return {name for name in self.firewall.certificates(running=True) if name.startswith("dv")}

    @property
    def bound(self) -> str | None:
        return self.firewall.profile_certificate(BOUND_PROFILE)

    def error(self, *argv: str) -> tuple[int | None, str | None, str]:
        done = self.scene.run(*argv, "--json")
        error = done.profiles["dv"]["error"]
        return done.code, error["code"] if error else None, f"{error['message']}; {error['hint']}" if error else ""


def test_a_certificate_is_seen_to_be_served_before_its_predecessor_goes(tmp_path: Path) -> None:
    portal = Portal(tmp_path)
    with portal.scene as made:
        portal.switch(served_chain="found_by_issuer")
        assert made.run("enroll").code == 0
        assert made.run("replace", "-p", "dv", "--yes").code == 0
        assert (portal.bound, portal.entries) == ("dv-2", {"dv", "dv-2"})
        assert made.run("run").code == 0
        assert portal.entries == {"dv-2"}
        commits = len(portal.firewall.commits)
        assert (made.run("run").code, made.run("run").err) == (0, "")
        assert len(portal.firewall.commits) == commits
        assert sorted(change.owner for change in portal.firewall.pending_changes()) == sorted(PEOPLE)
        assert len(made.world.scm.orders) == 2


def test_a_device_that_sends_no_intermediates_is_told_what_it_needs(tmp_path: Path) -> None:
    portal = Portal(tmp_path)
    with portal.scene as made:
        code, word, text = portal.error("enroll")
        assert (code, word) == (1, "served-leaf-only")
        assert "set chain: bundle in the firewall profile" in text
        assert made.state("dv.ids").exists()
        assert portal.error("run")[:2] == (1, "served-leaf-only")
        assert len(made.world.scm.orders) == 1


def test_what_is_worse_than_before_goes_back_and_stays_back_until_a_person_acts(tmp_path: Path) -> None:
    portal = Portal(tmp_path, on_wrong="rollback")
    with portal.scene as made:
        portal.switch(served_chain="found_by_issuer")
        assert made.run("enroll").code == 0
        portal.firewall.listeners.append(lambda: portal.switch(data_plane="another"))
        code, word, text = portal.error("replace", "-p", "dv", "--yes")
        assert (code, word) == (1, "rolled-back")
        assert "default.invalid" in text
        assert (portal.bound, portal.entries) == ("dv", {"dv", "dv-2"})
        commits = len(portal.firewall.commits)
        portal.switch(data_plane="follows")
        portal.firewall.listeners.pop()
        for _ in range(3):
            assert portal.error("run")[:2] == (1, "rolled-back")
        assert len(portal.firewall.commits) == commits
        assert portal.error("enroll", "--resubmit", "-p", "dv")[:2] == (0, None)
        assert made.run("run").code == 0
        assert (portal.bound, portal.entries) == ("dv-2", {"dv-2"})
        assert sorted(change.owner for change in portal.firewall.pending_changes()) == sorted(PEOPLE)
        assert len(made.world.scm.orders) == 2


def test_profiles_of_a_vsys_go_back_too(tmp_path: Path) -> None:
    portal = Portal(tmp_path, on_wrong="rollback")
    with portal.scene as made:
        portal.switch(served_chain="found_by_issuer")
        assert made.run("enroll").code == 0
        portal.firewall.install_profile("inner", "dv", "vsys1")
        portal.firewall.install_profile("other", "", "vsys1")
        portal.firewall.listeners.append(lambda: portal.switch(data_plane="another"))
        assert portal.error("replace", "-p", "dv", "--yes")[:2] == (1, "rolled-back")
        assert portal.bound == portal.firewall.profile_certificate("inner", vsys="vsys1") == "dv"
        assert portal.firewall.profile_certificate("other", vsys="vsys1") is None
        portal.switch(data_plane="follows")
        portal.firewall.listeners.pop()
        assert portal.error("enroll", "--resubmit", "-p", "dv")[:2] == (0, None)
        assert made.run("run").code == 0
        assert portal.bound == portal.firewall.profile_certificate("inner", vsys="vsys1") == "dv-2"
        assert portal.entries == {"dv-2"}


def test_check_says_what_each_endpoint_serves_today_and_never_fails_for_it(tmp_path: Path) -> None:
    portal = Portal(tmp_path)
    with portal.scene as made:

        def told() -> str:
            done = made.run("check", "--json")
            assert done.code == 0
            found = [item for item in json.loads(done.out)["checks"] if item["name"].startswith("serve check")]
            assert [item["name"] for item in found] == [f"serve check {portal.endpoint}"]
            return str(found[0]["text"])

        assert told().startswith("warning: does not shake hands (")
        portal.switch(served_chain="found_by_issuer")
        assert made.run("enroll").code == 0
        assert told().startswith("serves 'dv.example.com', serial ")
        portal.switch(data_plane="another")
        assert "it is not the certificate that the agent installed" in told()


@pytest.mark.parametrize(
    ("switch", "code"), one_in(2, [("served_chain=found_by_issuer", 0), ("served_chain=entry_only", 1)])
)
def test_a_served_sandbox_is_asked_as_the_chapter_says(tmp_path: Path, switch: str, code: int) -> None:
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--folder", str(tmp_path), "--switch", switch]
    served = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    assert served.stdout is not None
    try:
        text = ""
        while "Ctrl-C" not in text:
            text += served.stdout.readline()
        address = re.search(
            rf"^fw-edge +data plane (\S+) +serves the SSL/TLS service profile {BOUND_PROFILE}$", text, re.M
        )
        assert address is not None
        path = tmp_path / "profiles/certificates/dv-rsa2048.yaml"
        check = {"endpoints": [f"{address.group(1)}/dv-rsa2048.example.com"], "wait": "1s"}
        write_yaml(path, {**yaml.safe_load(path.read_text("utf-8")), "serve_check": check})
        agent = next(line for line in text.splitlines() if line.endswith(" enroll")).split()
        done = subprocess.run(
            [*agent, "-p", "dv-rsa2048"], env=clean_environment(), capture_output=True, text=True, check=False
        )
        assert done.returncode == code, done.stderr
        assert ("chain: bundle" in done.stderr) is bool(code)
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(10)
        served.stdout.close()
    assert served.returncode == 0


def test_forget_says_what_it_drops_and_the_next_run_asks_again(tmp_path: Path) -> None:
    portal = Portal(tmp_path)
    with portal.scene as made:
        portal.switch(served_chain="found_by_issuer")
        assert made.run("enroll").code == 0
        record = made.state("journal/serve/dv.json")
        assert json.loads(record.read_text("utf-8"))["phase"] == "passed"
        record.write_text("half a record", "utf-8")
        assert portal.error("run")[:2] == (1, "state")
        assert portal.error("run")[:2] == (0, None)
        assert json.loads(record.read_text("utf-8"))["phase"] == "passed"
        assert "serve check of a certificate is: passed" in made.run("forget", "-p", "dv", "--yes", "--json").out
        assert not record.exists()
        assert (made.run("run").code, len(made.world.scm.orders)) == (0, 1)
