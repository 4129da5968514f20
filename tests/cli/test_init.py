"""`init` from options: what it writes, what it refuses, and that nothing is ever overwritten."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from paloaltofw import safe_files
from paloaltofw.cli.commands import init as command
from paloaltofw.configuration.loader import load
from paloaltofw.paloaltoagent import cli
from paloaltofw.workflows import initialise
from paloaltofw.workflows.questions import QUESTIONS

NEEDED = {
    "--scm-url": "https://acme.enroll.enterprise.sectigo.com", "--client-id": "b8923830", "--client-secret-variable": "SCM_SECRET",
    "--firewall-url": "192.0.2.7", "--common-name": "vpn.example.org",
}  # fmt: skip
KEY = {"--api-key-variable": "FW_KEY"}
FILES = ["profiles/sectigo_credentials.yaml", "profiles/firewalls/fw-edge.yaml",
         "profiles/certificates/vpn-example-org.yaml", "config.yaml"]  # fmt: skip


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCM_SECRET", "s]e.c!r,et")
    monkeypatch.setenv("FW_KEY", "LUFRPT1abcdef==")


def init(folder: Path, options: dict[str, str], *more: str) -> Result:
    words: Sequence[str] = [word for pair in options.items() for word in pair]
    return CliRunner().invoke(cli, ["init", str(folder), "--offline", *words, *more])


def test_every_question_has_an_option() -> None:
    assert {*command.ANSWERS, *command.SECRETS, "encrypt"} == {question.key for question in QUESTIONS}


def test_a_configuration_is_written_whole_for_its_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a/b"
    old = os.umask(0)
    try:
        done = init(folder, {**NEEDED, **KEY})
    finally:
        os.umask(old)
    assert done.exit_code == 0, done.output
    assert [line.split()[1] for line in done.stdout.splitlines() if line.startswith("wrote")] == [
        str(folder / file) for file in FILES
    ]
    assert done.stdout.splitlines()[-1] == f"Next: paloaltoagent --config {folder}/config.yaml check"
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    found = load(folder / "config.yaml")
    assert found.warnings == ()
    assert found.certificates["vpn-example-org"].firewall == "fw-edge"
    assert "s]e.c!r,et" not in done.output


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("suffix", ["", ".gpg"])
def test_nothing_is_overwritten_and_nothing_else_is_written(tmp_path: Path, file: str, suffix: str) -> None:
    path = tmp_path / (file + suffix)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine", "utf-8")
    done = init(tmp_path, {**NEEDED, **KEY})
    assert done.exit_code == 2
    assert str(path) in done.stderr and "exists, and nothing is overwritten" in done.stderr
    assert [p for p in tmp_path.rglob("*") if p.is_file()] == [path]
    assert path.read_text("utf-8") == "mine"


def test_a_dangling_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").symlink_to(tmp_path / "elsewhere")
    assert init(tmp_path, {**NEEDED, **KEY}).exit_code == 2
    assert not (tmp_path / "elsewhere").exists()


def test_what_appears_in_between_is_not_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create = safe_files.create_file

    def slowly(path: Path, content: bytes) -> None:
        path.write_text("mine", "utf-8")
        create(path, content)

    monkeypatch.setattr(initialise, "create_file", slowly)
    done = init(tmp_path, {**NEEDED, **KEY})
    assert (done.exit_code, (tmp_path / FILES[0]).read_text("utf-8")) == (1, "mine")


@pytest.mark.parametrize("killed_at", range(len(FILES)))
def test_an_interrupted_init_says_what_is_there_and_runs_again_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    class Killed(BaseException):
        pass

    link, calls = os.link, iter(range(99))

    def links(source: Path, target: Path) -> None:
        if next(calls) == killed_at:
            raise Killed
        link(source, target)

    monkeypatch.setattr(os, "link", links)
    with pytest.raises(Killed):
        init(tmp_path, {**NEEDED, **KEY})
    monkeypatch.undo()
    monkeypatch.setenv("SCM_SECRET", "s]e.c!r,et")
    monkeypatch.setenv("FW_KEY", "LUFRPT1abcdef==")
    done = init(tmp_path, {**NEEDED, **KEY})
    assert done.exit_code == (2 if killed_at else 0), done.output
    for file in FILES[:killed_at]:
        assert str(tmp_path / file) in done.stderr
        (tmp_path / file).unlink()
    if killed_at:
        assert "move away what an interrupted init left" in done.stderr
        assert init(tmp_path, {**NEEDED, **KEY}).exit_code == 0


WRONG = [
    ({"--scm-url": "https://cert-manager.com/customer/acme"}, "--scm-url: is the address of SCM's portal"),
    ({"--scm-url": "https://CUSTOMER.enroll.enterprise.sectigo.com"}, "--scm-url: still names the sample's CUSTOMER"),
    ({"--token-url": "auth.example.com"}, "--token-url: "),
    ({"--ca-bundle": "/nowhere.pem"}, "--ca-bundle: /nowhere.pem cannot be read"),
    ({"--type": "ov"}, "did you mean OV?"),
    ({"--client-secret-variable": "NOT_SET"}, "--client-secret-file: the environment variable NOT_SET is not set"),
    ({"--firewall": "../fw"}, "--firewall: "),
    ({"--firewall-url": "https://192.0.2.7/php/login.php"}, "--firewall-url: is a page of the firewall's web interface"),
    ({"--admin": "a'b"}, "--admin: "),
    ({"--vsys": "vsys0"}, "--vsys: "),
    ({"--verify-tls": "sha256:AB"}, "--verify-tls: "),
    ({"--verify-tls": "false"}, "--verify-tls: "),
    ({"--common-name": "https://vpn.example.org"}, "--common-name: "),
    ({"--type": "EV", "--sans": "*.example.org"}, "EV certificates cannot hold the wildcard"),
    ({"--sans": "a b"}, "--sans: "),
    ({"--country": "UK"}, "did you mean GB?"),
    ({"--key": "RSA 1024"}, "allowed: RSA 2048"),
    ({"--certificate": "a" * 40}, "at most 27"),
    ({"--gpg-recipient": "-x"}, "--gpg-recipient: "),
    ({"--gpg-passphrase-file": "/nowhere"}, "must name a file that exists"),
]  # fmt: skip


@pytest.mark.parametrize(("options", "words"), WRONG, ids=[words for _, words in WRONG])
def test_a_wrong_option_is_told_in_the_readers_words_and_nothing_is_written(
    tmp_path: Path, options: dict[str, str], words: str
) -> None:
    done = init(tmp_path / "new", {**NEEDED, **KEY, **options})
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_what_is_missing_is_named_in_one_line(tmp_path: Path) -> None:
    done = init(tmp_path / "new", {})
    assert done.exit_code == 2
    assert done.stderr.count("\n") == 1
    for option in ("--scm-url", "--client-id", "--client-secret-file", "--firewall-url", "--common-name"):
        assert option in done.stderr
    assert "--key" not in done.stderr
    assert not (tmp_path / "new").exists()


def test_without_a_key_the_next_command_is_keygen(tmp_path: Path) -> None:
    done = init(tmp_path, NEEDED)
    assert done.exit_code == 0
    assert done.stdout.splitlines()[-1].endswith("config.yaml keygen --firewall fw-edge")


def test_nothing_is_written_where_the_licence_terms_cannot_be_accepted(tmp_path: Path) -> None:
    words = [word for pair in {**NEEDED, **KEY}.items() for word in pair]
    done = CliRunner().invoke(cli, ["init", str(tmp_path / "new"), *words])
    assert done.exit_code == 2
    assert "--accept-eula" in done.stderr
    assert not (tmp_path / "new").exists()


def test_a_folder_that_others_may_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    done = init(tmp_path, {**NEEDED, **KEY})
    assert "may be written by others" in done.stderr
    assert not list(tmp_path.iterdir())


def test_the_command_names_no_file_where_it_is_found_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("sectigo_pycert_config", str(tmp_path / "config.yaml"))
    assert init(tmp_path, {**NEEDED, **KEY}).stdout.splitlines()[-1] == "Next: paloaltoagent check"


def test_the_default_folder_is_the_systems_for_root_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert initialise.default_folder() == Path("/etc/paloaltoagent")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setenv("HOME", "/home/admin")
    assert initialise.default_folder() == Path("/home/admin/.config/paloaltoagent")
