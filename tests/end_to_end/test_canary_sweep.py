"""Every command at every log level, with files in and out of order: no secret is found in anything it leaves behind."""

from __future__ import annotations

import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from paloaltofw import paloaltoagent
from paloaltofw.configuration.settings_file import LEVELS
from paloaltofw.sandbox.world import AGENT_ADMIN, certificate_profile
from tests.end_to_end.canaries import Canaries, files_in
from tests.end_to_end.harness import Done, Scene, WorldOptions
from tests.end_to_end.terminal import run_on_terminal

PASSWORD = "p&ss<w>ord-7f3c9d21e8"
PASSPHRASE = "correct-h0rse-b4ttery 5taple"
CHANNEL = "n0tify-s3cret-4711"
TYPED = [("User name", ""), ("Password of", PASSWORD)]
# What is run of each command; a command that is missing here fails the sweep.
COMMANDS: dict[str, list[tuple[str, ...]]] = {
    "check": [("--json",), ("--offline",), ("-p", "dv")],
    "enroll": [("--dry-run",), ("--json",), ("--resubmit", "-p", "dv")],
    "run": [("--wait", "0"), ("--dry-run", "--json"), ("--firewall", "fw-edge")],
    "status": [(), ("--json",), ("--wide",)],
    "list": [("--references",), ("--json", "--references"), ("--expiring", "30")],
    "renew": [("--force", "-p", "dv", "--yes"), ("--dry-run", "--force", "--all", "--json"), ("--force",)],
    "replace": [("-p", "dv", "--yes", "--revoke-predecessor"), ("--all", "--dry-run"), ("-p", "dv", "--json")],
    "revoke": [("-p", "dv", "--yes"), ("-p", "nobody", "--yes")],
    "forget": [("-p", "ov", "--order", "--yes"), ("-p", "dv", "--yes"), ("-p", "nobody")],
    "trust": [("--firewall", "fw-edge", "--fingerprint", "AB" * 32), ("--firewall", "nobody")],
    "keygen": [("--firewall", "fw-edge")],
    "encrypt": [(), ()],
    "decrypt": [(), ()],
    "sandbox": [("--firewalls", "1")],
    "notify": [("--test",)],
    "init": [("{folder}/new", "--offline", "--yes", "--client-id", "b8923830")],
    "service": [("systemd",), ("cron",), ("container",)],
    "schema": [("json",)],
    "completion": [("bash",)],
    "probe": [
        ("--firewall", "fw-edge", "--yes"),
        ("--firewall", "fw-edge", "--yes", "--json"),
        ("--firewall", "nobody"),
    ],
}


@dataclass
class Search:
    """Runs the agent, and searches everything that a run leaves."""

    place: Scene
    canaries: Canaries
    runs: int = 0
    problems: list[str] = field(default_factory=list)

    def run(self, *argv: str, cold: bool = False, **environment: str) -> Done:
        return self.examine(argv, self.place.run_cold(*argv, **environment) if cold else self.place.run(*argv))

    def type(self, *argv: str, typed: list[tuple[str, str]], **environment: str) -> Done:
        return self.examine(argv, run_on_terminal(self.place.config, argv, typed, **environment))

    def examine(self, argv: tuple[str, ...], done: Done) -> Done:
        self.runs += 1
        folder = self.place.folder
        texts = [("stdout", done.out), ("stderr", done.err), *files_in(folder / "state", folder / "logs")]
        self.problems += [f"{' '.join(argv)}: {text}" for text in self.canaries.found_in(texts)]
        return done


@contextmanager
def searched(folder: Path) -> Iterator[Search]:
    certificates = {
        "dv": certificate_profile("fw-edge", "dv.example.com"),
        "ov": certificate_profile("fw-branch", "ov.example.com", "OV"),
    }
    with tempfile.TemporaryDirectory(prefix="gpg") as home:
        Path(home).chmod(0o700)
        encryption: dict[str, object] = {"gnupg_home": home}
        # Nobody listens there: what cannot be told is logged.
        channel: dict[str, object] = {"url": f"json://ops:{CHANNEL}@127.0.0.1:9/{CHANNEL}", "on": ["failure"]}
        with Scene(folder, certificates, WorldOptions(), more={"encryption": encryption}) as place:
            change(place.config, notifications=[channel])
            canaries = Canaries()
            for name, firewall in place.world.firewalls.items():
                firewall.set_password(AGENT_ADMIN, PASSWORD)
                change(profile(folder, name), api_key=firewall.api_key(AGENT_ADMIN))
            canaries.add_world(place.world)
            canaries.add("the password", PASSWORD)
            canaries.add("the passphrase", PASSPHRASE)
            canaries.add("the channel's password", CHANNEL)
            canaries.watch(place.world)
            yield Search(place, canaries)
        subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], check=True)


def profile(folder: Path, name: str) -> Path:
    return folder / f"profiles/firewalls/{name}.yaml"


def change(path: Path, **values: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), **values}), "utf-8")


@pytest.mark.sweep
def test_no_command_shows_a_secret_at_any_log_level(tmp_path: Path, figures: Callable[[str], None]) -> None:
    assert set(COMMANDS) == set(paloaltoagent.cli.commands), "a command is missing in the table"
    runs = secrets = 0
    for level, debug in itertools.product(LEVELS, ((), ("--debug",))):
        with searched(tmp_path / f"{level}{len(debug)}") as search:
            for command, arguments in COMMANDS.items():
                for more in arguments:
                    perform(search, ("--log-level", level, *debug, command, *more))
            assert search.problems + search.canaries.found_in_requests() == []
            runs += search.runs
            secrets += search.canaries.count
    figures(f"canary sweep, commands: {runs} runs searched for {secrets} secrets")
    assert runs == 2 * len(LEVELS) * sum(map(len, COMMANDS.values()))


def perform(search: Search, argv: tuple[str, ...]) -> None:
    argv = tuple(word.replace("{folder}", str(search.place.folder)) for word in argv)
    if "keygen" in argv:
        search.type(*argv, typed=TYPED)
        search.canaries.add_world(search.place.world)  # the new key
    elif "encrypt" in argv or "decrypt" in argv:
        search.run(*argv, cold=True, SECTIGO_GPG_PASSPHRASE=PASSPHRASE)
    elif "sandbox" in argv:
        search.run(*argv)
    else:
        search.run(*argv)


Spoil = Callable[[str], str]
# How a secret gets into the wrong place of a file; the given text is `key: secret`, without quotes.
SPOILED: dict[str, Spoil] = {
    "quote without end": lambda s: s.replace(": ", ': "', 1),
    "a list": lambda s: s.replace(": ", ": [", 1) + "]",
    "a list in a list": lambda s: s.replace(": ", ": [[", 1) + "]]",
    "a mapping": lambda s: s.replace(": ", ": {a: ", 1) + "}",
    "an alias": lambda s: s.replace(": ", ": *", 1),
    "an anchor": lambda s: s.replace(": ", ": &", 1),
    "a tag": lambda s: s.replace(": ", ": !", 1),
    "a tag of YAML": lambda s: s.replace(": ", ": !!", 1),
    "a directive": lambda s: s.replace(": ", ": %", 1),
    "a wrong key": lambda s: "apikey" + s[s.index(":") :],
    "a second time": lambda s: f"{s}\n{s}",
    "another key's value": lambda s: "vsys" + s[s.index(":") :],
    "the address": lambda s: "url" + s[s.index(":") :],
    "the administrator": lambda s: "admin" + s[s.index(":") :],
    "a time": lambda s: "timeout" + s[s.index(":") :],
    "trust": lambda s: "verify_tls" + s[s.index(":") :],
    "the window": lambda s: "commit_window" + s[s.index(":") :],
    "with a line break": lambda s: s.replace(": ", ': "\\n', 1) + '"',
    "with a blank": lambda s: s.replace(": ", ": 'ü ", 1) + "'",
    "with an ellipsis": lambda s: s + "...",
    "as a file": lambda s: s.replace(": ", ": file:/", 1),
    "as a key": lambda s: s[s.index(":") + 2 :] + ": x",
}


@pytest.mark.sweep
def test_no_secret_in_the_wrong_place_of_a_file_is_shown(tmp_path: Path, figures: Callable[[str], None]) -> None:
    with searched(tmp_path / "agent") as search:
        folder = search.place.folder
        paths = {"api_key": profile(folder, "fw-edge"), "client_secret": folder / "profiles/sectigo_credentials.yaml"}
        for (key, path), (name, spoil) in itertools.product(paths.items(), SPOILED.items()):
            original = path.read_text("utf-8")
            path.write_text(spoiled(original, key, spoil), "utf-8")
            for argv in (
                ("check", "--offline"),
                ("--debug", "run"),
                ("status", "--json"),
                ("--debug", "trust", "--firewall", "fw-edge", "--fingerprint", "00" * 32),
            ):
                before = len(search.problems)
                search.run(*argv)
                search.problems[before:] = [f"{key} as {name}: {text}" for text in search.problems[before:]]
            path.write_text(original, "utf-8")
        figures(f"canary sweep, files: {search.runs} runs searched for {search.canaries.count} secrets")
        assert search.problems == []


def spoiled(text: str, key: str, spoil: Spoil) -> str:
    """The document with the first line of this key spoiled; the secret itself is taken out of its quotes."""
    document = yaml.safe_load(text)
    holder = document if key in document else next(iter(document.values()))
    secret = str(holder[key])
    lines = text.split("\n")
    number = next(index for index, line in enumerate(lines) if line.strip().startswith(f"{key}:"))
    end = next(index for index in range(number + 1, len(lines) + 1) if index == len(lines) or ":" in lines[index])
    indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
    new = [indent + line for line in spoil(f"{key}: {secret}").split("\n")]
    return "\n".join([*lines[:number], *new, *lines[end:]])


@pytest.mark.sweep
def test_gpg_is_given_the_passphrase_through_a_pipe_only(tmp_path: Path, figures: Callable[[str], None]) -> None:
    """A recorder in gpg's place writes down arguments and environment of every call, then calls gpg."""
    real = shutil.which("gpg")
    assert real is not None
    recorder = tmp_path / "bin/gpg"
    recorder.parent.mkdir()
    record = tmp_path / "record"
    recorder.write_text(f'#!/bin/sh\n(echo "$@"; env) >> {record}\nexec {real} "$@"\n', "utf-8")
    recorder.chmod(0o755)
    with searched(tmp_path / "agent") as search:
        environment = {"PATH": f"{recorder.parent}:{os.environ['PATH']}"}
        for by in ("variable", "file", "prompt"):
            if by == "file":
                (search.place.folder / "passphrase").touch(mode=0o600)
                (search.place.folder / "passphrase").write_text(PASSPHRASE, "utf-8")
                config = yaml.safe_load(search.place.config.read_text("utf-8"))
                change(search.place.config, encryption={**config["encryption"], "passphrase_file": "passphrase"})
            for command in ("encrypt", "run", "decrypt"):
                if by == "prompt" and command != "run":
                    times = 2 if command == "encrypt" else 1
                    typed = [("Passphrase", PASSPHRASE), ("Repeat for confirmation", PASSPHRASE)][:times]
                    change_back(search.place)
                    done = search.type("--debug", command, typed=typed, **environment)
                elif by != "prompt":
                    variable = {"SECTIGO_GPG_PASSPHRASE": PASSPHRASE} if by == "variable" else {}
                    done = search.run("--debug", command, cold=True, **environment, **variable)
                assert done.code in (0, 3), done
        assert search.canaries.found_in([("gpg's arguments and environment", record.read_text("utf-8"))]) == []
        assert search.problems == []
        assert "--symmetric" in record.read_text("utf-8")
        figures(f"canary sweep, gpg: {search.runs} runs searched")


def change_back(place: Scene) -> None:
    config = yaml.safe_load(place.config.read_text("utf-8"))
    encryption = {key: value for key, value in config["encryption"].items() if key != "passphrase_file"}
    change(place.config, encryption=encryption)


def test_a_leak_would_be_found(tmp_path: Path) -> None:
    canaries = Canaries()
    secret = "LUFRPT1+a/b==c&d<e>'f\""
    canaries.add("a secret", secret)
    import base64
    import json
    import urllib.parse
    from xml.sax.saxutils import escape

    encoded = base64.b64encode(f"user:{secret}!".encode()).decode()
    for text in (secret, urllib.parse.quote(secret), escape(secret), json.dumps({"a": secret}), repr(secret), encoded):
        if text == urllib.parse.quote(secret):
            text = urllib.parse.quote(secret, safe="")
        assert canaries.found_in([("here", f"before {text} after")]), text
    assert canaries.found_in([("here", "nothing of the kind")]) == []
