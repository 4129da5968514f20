"""Hooks with real programs: what they are given, when they run, and that nothing they do disturbs anything else."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from paloaltofw.execution.child import run_program
from tests.worlds.stage import Stage

ENVIRONMENT = {"PATH": "/usr/bin:/bin"}


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    place = Stage(tmp_path / "site")
    with place:
        yield place


def script(folder: Path, body: str) -> str:
    path = folder / "hook.sh"
    path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
    path.chmod(0o755)
    return str(path)


def add_profile(stage: Stage, *words: str, timeout: str = "20s") -> None:
    stage.add_profile("www", "www.example.com", hooks={"post_install": list(words), "timeout": timeout})


def log(stage: Stage) -> str:
    return (stage.folder / "logs/paloaltoagent.log").read_text("utf-8")


def test_a_hook_is_told_of_the_certificate_and_of_nothing_else(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, after the commit: variables, the certificate as a file, arguments that no shell has read, no secret."""
    monkeypatch.setenv("SECTIGO_GPG_PASSPHRASE", "a-passphrase-of-ours")
    body = f'env >"$1"; printf "%s\\n" "$2" >>"$1"; cp "$PALOALTOAGENT_CERTIFICATE_FILE" {tmp_path}/copy.pem; cat; echo done'
    add_profile(stage, script(tmp_path, body), str(tmp_path / "told"), "$(id); *")
    assert stage.night("run", "--dry-run").code == 0
    assert not (tmp_path / "told").exists()
    night = stage.night()
    assert (night.code, night.rows[0]["state"], night.rows[0]["error"]) == (0, "valid", None)
    *variables, argument = (tmp_path / "told").read_text("utf-8").splitlines()
    told = dict(line.split("=", 1) for line in variables)
    row = night.rows[0]
    assert {name.removeprefix("PALOALTOAGENT_"): value for name, value in told.items() if name.startswith("PALO")} == {
        "PROFILE": "www", "FIREWALL": "fw", "COMMON_NAME": "www.example.com", "SERIAL": row["serial"],
        "NOT_AFTER": row["not_after"], "ENTRY": row["name"], "CERTIFICATE_ID": row["certificate_id"],
        "CERTIFICATE_FILE": told["PALOALTOAGENT_CERTIFICATE_FILE"],
    }  # fmt: skip
    assert not Path(told["PALOALTOAGENT_CERTIFICATE_FILE"]).exists()
    leaf = x509.load_pem_x509_certificates((tmp_path / "copy.pem").read_bytes())[0]
    assert f"{leaf.serial_number:X}" == row["serial"]
    assert argument == "$(id); *"
    assert "a-passphrase-of-ours" not in "".join(variables)
    assert "SECTIGO_ACCEPT_EULA" not in told
    (tmp_path / "told").unlink()
    assert stage.night().code == 0
    assert not (tmp_path / "told").exists(), "nothing came into service, so no hook runs"
    assert "profile=www firewall=fw hook: done" in log(stage)


def test_a_failing_hook_is_reported_once_and_changes_nothing_else(stage: Stage, tmp_path: Path) -> None:
    add_profile(stage, script(tmp_path, f"echo run >>{tmp_path}/runs; printf '\\033[2Jred\\n' >&2; exit 7"))
    night = stage.night()
    (row,) = night.rows
    assert (night.code, row["state"], row["action"], row["error"]["code"]) == (1, "valid", "enroll", "hook")
    assert "ended with exit code 7" in row["error"]["message"]
    assert "hook: \\x1b[2Jred" in log(stage), "what would steer a terminal is escaped"
    assert "\x1b" not in log(stage) + night.err
    assert [stage.night().code, stage.night().code] == [0, 0]
    assert (tmp_path / "runs").read_text("utf-8") == "run\n"
    assert len(stage.scm.orders) == 1


def test_a_program_that_cannot_be_run_is_reported(stage: Stage, tmp_path: Path) -> None:
    add_profile(stage, str(tmp_path / "missing"))
    night = stage.night()
    assert (night.code, night.rows[0]["state"]) == (1, "valid")
    assert "profile www, hook missing: cannot be run: No such file" in night.rows[0]["error"]["message"]
    assert stage.night().code == 0


def _points(stage: Stage) -> int:
    return stage._points


def test_after_a_crash_a_hook_runs_unless_it_was_seen_to_end(tmp_path: Path) -> None:
    """Killed at each of the last points of a run, and run again: the hook has run in the end; twice only if its end was
    not written down.
    """
    counted: dict[tuple[int, str], int] = {}
    with Stage(tmp_path / "whole") as whole:
        runs = tmp_path / "whole.runs"
        add_profile(whole, script(tmp_path, f"echo run >>{runs}"))
        assert whole.night().code == 0
        last = _points(whole)
    for back in range(4):
        for side in ("before", "after"):
            name = f"{back}-{side}"
            with Stage(tmp_path / name) as stage:
                runs = tmp_path / f"{name}.runs"
                add_profile(stage, script(tmp_path, f"echo run >>{runs}"))
                stage.kill_at = (last - back, side)
                assert stage.night().code is None
                assert stage.night().code == 0
                assert stage.night().code == 0
                counted[back, side] = runs.read_text("utf-8").count("run")
    assert counted.pop((0, "before")) == 2, "it had run, but its end was not on the disk"
    assert set(counted.values()) == {1}


def test_a_hook_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    body = f"trap '' TERM; sh -c \"trap '' TERM; echo \\$\\$ >{child}; sleep 100; sleep 100\" & echo begun; sleep 100; sleep 100"
    started = time.monotonic()
    ended = run_program([script(tmp_path, body)], ENVIRONMENT, 0.3)
    assert ended.is_late
    assert ended.lines == ("begun",)
    assert time.monotonic() - started < 20
    process = int(child.read_text("utf-8"))
    ends = time.monotonic() + 5  # the kernel takes its moment
    while is_running(process) and time.monotonic() < ends:
        time.sleep(0.01)
    assert not is_running(process)


def is_running(process: int) -> bool:
    """Whether it is at work; one that has ended may still be listed where nobody waits for it."""
    try:
        status = Path(f"/proc/{process}/stat").read_text("utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status.rpartition(")")[2].split()[0] not in "ZX"


def test_what_a_hook_leaves_running_does_not_hold_the_run(tmp_path: Path) -> None:
    started = time.monotonic()
    ended = run_program([script(tmp_path, "sleep 30 & echo done; echo $! >" + str(tmp_path / "pid"))], ENVIRONMENT, 20)
    assert (ended.code, ended.lines, ended.is_late) == (0, ("done",), False)
    assert time.monotonic() - started < 10
    os.kill(int((tmp_path / "pid").read_text("utf-8")), signal.SIGKILL)  # it goes on, as its author meant


def test_endless_output_is_bounded_and_nothing_can_be_typed(tmp_path: Path) -> None:
    ended = run_program(
        [script(tmp_path, "read line || echo nothing to read; yes | head -c 10000000")], ENVIRONMENT, 20
    )
    assert (ended.code, ended.is_cut, ended.lines[0]) == (0, True, "nothing to read")
    assert sum(map(len, ended.lines)) < 70_000
