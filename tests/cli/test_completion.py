"""Completion: what a shell is offered, in the process and in a real bash, and silence where nothing can be read."""

from __future__ import annotations

import os
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from paloaltofw.cli.actions import available
from paloaltofw.cli.commands.completion import SHELLS
from paloaltofw.paloaltoagent import cli
from tests import files
from tests.end_to_end.harness import SCRIPT, clean_environment

CERTIFICATES = ["mail", "vpn", "www-a", "www-b"]
FIREWALLS = ["fw-branch", "fw-edge"]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """Four certificate profiles, and two firewall profiles, of which one is encrypted, as it seems."""
    path = files.write_all(
        tmp_path, certificates={name: {} for name in CERTIFICATES}, firewalls={name: {} for name in FIREWALLS}
    )
    (tmp_path / "state/journal/orders").mkdir(parents=True)
    (tmp_path / "state/vpn.ids").write_text("MTAwMA==\n")
    (tmp_path / "state/journal/orders/gone.json.corrupt").write_text("?")
    firewalls = tmp_path / "profiles/firewalls"
    (firewalls / "fw-edge.yaml").rename(firewalls / "fw-edge.yaml.gpg")
    for stranger in (".hidden.yaml", "notes.txt", "old.yaml.bak"):
        (firewalls / stranger).write_text("")
        (tmp_path / "profiles/certificates" / stranger).write_text("")
    return path


def offered(*words: str) -> list[str]:
    """What is offered for the last word."""
    complete = ShellComplete(cli, {}, "paloaltoagent", "_PALOALTOAGENT_COMPLETE")
    return [item.value for item in complete.get_completions(list(words[:-1]), words[-1])]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "-p", ""), CERTIFICATES),
        (("run", "-p", "www"), ["www-a", "www-b"]),
        (("run", "--profile", "www-a,"), ["www-a,mail", "www-a,vpn", "www-a,www-b"]),
        (("run", "-p", "vpn,www-a.yaml,www"), ["vpn,www-a.yaml,www-b"]),
        (("run", "-p", "none"), []),
        (("status", "--firewall", ""), FIREWALLS),
        (("check", "--firewall", "fw-edge,fw"), ["fw-edge,fw-branch"]),
        (("trust", "--firewall", "fw-e"), ["fw-edge"]),
        (("revoke", "-p", "v"), ["vpn"]),
        (("forget", "-p", ""), ["gone", "vpn"]),
        (("forget", "-p", "v"), ["vpn"]),
        (("-a", "renew", "-p", "v"), ["vpn"]),
        (("-p", "v"), []),
    ],
)
def test_names_of_profiles_and_firewalls_are_offered(config: Path, words: tuple[str, ...], expected: list[str]) -> None:
    assert offered("--config", str(config), *words) == expected


def test_the_configuration_is_the_one_of_the_line_or_of_the_environment(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert offered("run", "--config", str(config), "-p", "v") == ["vpn"]
    monkeypatch.setenv("sectigo_pycert_config", str(config))
    assert offered("run", "-p", "v") == ["vpn"]
    assert offered("run", "--config", str(config.with_name("none.yaml")), "-p", "v") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("re",), ["renew", "replace", "revoke"]),
        (("-a", ""), available(cli.commands)),
        (("-a", "en"), ["enroll", "enc"]),
        (("run", "--log-level", "w"), ["warning"]),
        (("revoke", "--reason", "key"), ["keyCompromise"]),
        (("completion", ""), list(SHELLS)),
        (("enroll", "--res"), ["--resubmit"]),
    ],
)
def test_words_that_are_the_same_everywhere_are_offered(words: tuple[str, ...], expected: list[str]) -> None:
    assert offered(*words) == expected


@pytest.mark.parametrize(
    "words",
    [
        ("--config", "x"),
        ("encrypt", "x"),
        ("decrypt", "x"),
        ("sandbox", "--folder", "x"),
        ("init", "x"),
        ("service", "cron", "--root", "x"),
    ],
)
def test_files_and_folders_are_left_to_the_shell(words: tuple[str, ...]) -> None:
    complete = ShellComplete(cli, {}, "paloaltoagent", "_PALOALTOAGENT_COMPLETE")
    (item,) = complete.get_completions(list(words[:-1]), words[-1])
    assert item.type == ("dir" if words[0] in ("sandbox", "init", "service") else "file")


BROKEN: dict[str, object] = {
    "no configuration": None,
    "nothing": b"",
    "no YAML": b"a: [",
    "binary": b"\xff\xfe\x00",
    "a list": b"- a",
    "a section that is a word": b"profiles: none",
    "a variable that is not set": b"profiles: {certificates: '${NO_SUCH_VARIABLE}/x'}",
    "a folder that is a file": b"profiles: {certificates: config.yaml}",
    "a folder that is not there": b"profiles: {certificates: none}",
    "a tab": b"profiles:\n\tcertificates: x",
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
def test_a_broken_configuration_offers_nothing_and_says_nothing(
    tmp_path: Path, content: bytes | None, capfd: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "config.yaml"
    if content is not None:
        config.write_bytes(content)
    before = sorted(tmp_path.rglob("*"))
    for words in (("run", "-p", ""), ("trust", "--firewall", ""), ("forget", "-p", ""), ("-a", "renew", "-p", "")):
        assert offered("--config", str(config), *words) == []
    assert sorted(tmp_path.rglob("*")) == before
    assert capfd.readouterr() == ("", "")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.yaml")
    assert offered("--config", str(tmp_path / "config.yaml"), "run", "-p", "") == []


@pytest.mark.parametrize(
    "words", [("-a", "nonsense", ""), ("-a", "renew", "run", ""), ("-a", "-p", ""), ("--none", "")]
)
def test_a_line_that_is_no_command_ends_without_an_error(words: tuple[str, ...]) -> None:
    assert set(offered(*words)) <= set(cli.commands)


def test_a_folder_that_may_not_be_listed_offers_nothing(
    config: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(folder: object) -> list[str]:
        raise PermissionError(13, "Permission denied", str(folder))

    monkeypatch.setattr("paloaltofw.configuration.profile_names.os.listdir", refuse)
    assert offered("--config", str(config), "run", "-p", "") == []
    assert capfd.readouterr() == ("", "")


def test_bash_completes_what_the_command_printed(config: Path, tmp_path: Path) -> None:
    """The script as printed is sourced in a real bash, and called as bash does it: with COMP_WORDS."""
    program = tmp_path / "bin/paloaltoagent"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} {shlex.quote(str(SCRIPT))} "$@"\n')
    program.chmod(stat.S_IRWXU)
    before = sorted(tmp_path.rglob("*"))
    script = """
        eval "$(paloaltoagent completion bash)"
        complete -p paloaltoagent >/dev/null || exit 9
        ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _paloaltoagent_completion "$1"; echo "${COMPREPLY[*]}"; }
        ask paloaltoagent run -p www-a,www
        ask paloaltoagent -a enroll --firewall ''
        sectigo_pycert_config=none.yaml ask paloaltoagent run -p ''
    """
    began = time.monotonic()
    done = subprocess.run(
        ["bash", "--norc", "-uc", script], capture_output=True, text=True, cwd=tmp_path, check=False, timeout=60,
        env=clean_environment(sectigo_pycert_config=str(config), PATH=f"{program.parent}:/usr/bin:/bin"),
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["www-a,www-b", "fw-branch fw-edge", ""]
    assert time.monotonic() - began < 20, "four starts of the program"
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_of_each_shell_is_one_of_that_shell(shell: str, tmp_path: Path) -> None:
    import shutil

    from click.testing import CliRunner

    done = CliRunner().invoke(cli, ["completion", shell], prog_name="anything")
    assert done.exit_code == 0
    assert "paloaltoagent" in done.output and "anything" not in done.output
    assert f"_PALOALTOAGENT_COMPLETE={shell}_complete" in done.output
    assert 'string split "," ' not in done.output
    if shutil.which(shell):
        path = tmp_path / "script"
        path.write_text(done.output)
        checked = subprocess.run([shell, "-n", path], capture_output=True, text=True, check=False)
        assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
