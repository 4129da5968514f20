"""Messages as people meet them: on a terminal, in a pipe, and without any configuration."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from paloaltofw.sandbox.world import certificate_profile
from tests.end_to_end.harness import ENVIRONMENT, ROOT, SCRIPT, Scene, clean_environment
from tests.end_to_end.terminal import run_on_terminal
from tests.sweeps import one_in

WWW = {"www": certificate_profile("fw-edge", "www.example.com")}
PASSPHRASE = "correct horse battery"


def bash(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, check=False,
        env=clean_environment(**{**ENVIRONMENT, **environment}), timeout=60,
    )  # fmt: skip


def agent(*words: str) -> str:
    return shlex.join([sys.executable, str(SCRIPT), *words])


@pytest.mark.skipif(Path("/etc/paloaltoagent/config.yaml").exists(), reason="this host has a configuration")
@pytest.mark.parametrize("command", ["run", "status", "encrypt", "check"])
def test_without_a_configuration_one_line_says_how_to_get_one(command: str) -> None:
    done = bash(agent(command))
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "there is no configuration yet" in done.stderr
    assert "run `paloaltoagent init`" in done.stderr


@pytest.mark.parametrize(
    "words",
    one_in(5, [("status",), ("status", "--json"), ("status", "--wide"), ("check",), ("run", "--dry-run")], True),
)
@pytest.mark.parametrize("is_broken", [False, True])
def test_a_broken_pipe_is_silent_and_changes_no_exit_code(
    tmp_path: Path, words: tuple[str, ...], is_broken: bool
) -> None:
    with Scene(tmp_path, WWW) as place:
        if is_broken:
            place.world.firewalls["fw-edge"].expire_api_keys()
        command = agent("--config", str(place.config), *words)
        # The reader is gone before the first word: the shell waits for it.
        done = bash(f"exec 3> >(exec true); sleep 0.3; {command} >&3; echo code $?")
        assert done.stdout == f"code {int(is_broken)}\n"
        assert "roken" not in done.stderr.replace("fw-broken", "")
        assert "Traceback" not in done.stderr
        assert len(done.stderr.splitlines()) == int(is_broken and words[0] != "check" and "--json" not in words)


def test_a_refused_key_names_the_command_that_makes_a_new_one(tmp_path: Path) -> None:
    with Scene(tmp_path, WWW) as place:
        place.world.firewalls["fw-edge"].expire_api_keys()
        done = place.run("run")
        assert done.code == 1
        assert "the API key is not accepted; run `paloaltoagent keygen --firewall fw-edge`" in done.err


def test_a_failure_ends_with_where_the_log_is_on_a_terminal_only(tmp_path: Path) -> None:
    with Scene(tmp_path, WWW) as place:
        place.world.firewalls["fw-edge"].expire_api_keys()
        log = f"The log is {tmp_path}/logs/paloaltoagent.log"
        done = run_on_terminal(place.config, ["run"], [])
        assert done.code == 1
        assert done.out.splitlines()[-1] == log
        assert "The log is" not in place.run("run").err
        assert run_on_terminal(place.config, ["check"], []).out.splitlines()[-1] == log


@pytest.mark.sweep
def test_encrypting_with_a_typed_passphrase_says_what_a_nightly_run_needs(tmp_path: Path, home: Path) -> None:
    with Scene(tmp_path, WWW, more={"encryption": {"gnupg_home": str(home)}}) as place:
        typed = [("Passphrase", PASSPHRASE), ("Repeat for confirmation", PASSPHRASE)]
        done = run_on_terminal(place.config, ["encrypt"], typed)
        assert done.code == 0, done.out
        assert done.out.splitlines()[-1].startswith("note: a nightly run cannot type this passphrase; set encryption.")
        done = run_on_terminal(place.config, ["decrypt"], [("Passphrase", PASSPHRASE)])
        assert (done.code, "nightly" in done.out) == (0, False)
        # Where the passphrase comes from elsewhere, there is nothing to say.
        done = run_on_terminal(place.config, ["encrypt"], [], SECTIGO_GPG_PASSPHRASE=PASSPHRASE)
        assert (done.code, "nightly" in done.out) == (0, False)


def test_what_goes_wrong_before_the_work_is_json_too(tmp_path: Path) -> None:
    with Scene(tmp_path, WWW) as place:
        done = place.run("replace", "--json")
        assert done.code == 2
        assert json.loads(done.out)["errors"] == [done.err.strip()]
