"""From nothing to a committed certificate, as a new administrator types it."""

from __future__ import annotations

import json
import re
import signal
import ssl
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from paloaltofw.sandbox.panos.switches import AGENT_ROLE
from paloaltofw.sandbox.world import AGENT_ADMIN, TOKEN_PATH, certificate_profile
from tests.end_to_end.harness import SCRIPT, Scene, WorldOptions, clean_environment
from tests.end_to_end.terminal import run_on_terminal


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The sandbox as a user starts it; gives what it prints."""
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    assert process.stdout is not None
    try:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
        yield "".join(lines)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def test_from_nothing_to_a_committed_certificate_in_five_commands(tmp_path: Path, home: Path) -> None:
    commands = ["sandbox --serve"]
    mine = tmp_path / "mine"
    (home / "gpg.conf").write_text("s2k-count 1024\n", "ascii")  # as weak as can be, and quick
    with served(tmp_path / "sandbox") as printed:

        def shown(pattern: str) -> str:
            match = re.search(pattern, printed, re.MULTILINE)
            assert match is not None, printed
            return match.group(1)

        ca, password = shown(r"^trusted CA +(\S+)"), shown(r"^fw-edge .*password (\S+)")
        secret = shown(r"^DV_ACCOUNT .*client secret (\S+)")
        answers = [
            ("API URL", "https://acme.cert-manager.com/customer/acme"),
            ("is the address of SCM's portal", shown(r"^SCM +(\S+)")), ("Token URL", shown(r"^token URL +(\S+)")),
            ("PEM file of CAs", ca), ("Certificate type", ""), ("SCM account", ""),
            ("Client ID", shown(r"^DV_ACCOUNT .*client ID (\S+)")), ("Client secret", secret),
            ("Name for the firewall", ""), ("management interface", shown(r"^fw-edge +(\S+)")),
            ("administrator on it", ""), ("Where certificates live", ""), ("How to trust it", ""), ("API key", ""),
            ("Common name", "www.example.com"), ("Further names", ""), ("Key", ""), ("name on the firewall", ""),
            ("SSL/TLS service profiles", ""), ("Encrypt the files", "yes"), ("GPG key ID", ""),
            ("File of the passphrase", ""), ("Passphrase", "correct horse"), ("Repeat for confirmation", "correct horse"),
            ("accept these terms", "y"), ("Write it into", "y"), ("User name", ""), ("Password of", password),
        ]  # fmt: skip
        commands.append("init")
        environment = {"SECTIGO_ACCEPT_EULA": "", "GNUPGHOME": str(home)}
        done = run_on_terminal(None, ["init", str(mine)], answers, **environment)
        assert done.code == 0, done.out
        assert "FAIL" not in done.out
        assert secret not in done.out and password not in done.out and "correct horse" not in done.out
        following = done.out.splitlines()[-1].removeprefix("Next: paloaltoagent ")
        assert following == f"--config {mine}/config.yaml run"
        for command in (following.split(), ["--config", str(mine / "config.yaml"), "status", "--json"]):
            commands.append(" ".join(command))
            ran = subprocess.run(
                [sys.executable, str(SCRIPT), *command], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                env=clean_environment(GNUPGHOME=str(home), PALOALTOAGENT_SANDBOX_PACE="0.001"), check=False,
            )  # fmt: skip
            assert (ran.returncode, ran.stderr) == (0, "")
        assert [row["state"] for row in json.loads(ran.stdout)["profiles"]] == ["valid"]
    assert len(commands) <= 5
    plain = sorted(path.name for path in mine.rglob("*.yaml"))
    assert plain == ["config.yaml", "www-example-com.yaml"]


def test_what_fails_on_the_way_keeps_what_was_written_and_names_the_command(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    with Scene(tmp_path / "sandbox", {"www": certificate_profile("fw-edge", "www.example.com")}) as place:
        account, ca = place.world.accounts[0], str(tmp_path / "sandbox/sandbox-ca.pem")
        secret.write_text(account.client_secret, "utf-8")
        options = [
            "--scm-url", place.world.scm_server.url, "--token-url", place.world.scm_server.url + TOKEN_PATH, "--ca-bundle", ca,
            "--client-id", account.client_id, "--client-secret-file", str(secret), "--common-name", "www.example.org",
            "--firewall-url", place.world.servers["fw-edge"].url, "--yes",
        ]  # fmt: skip
        for name, answers, command in (
            ("a", [("Write it into", "n")], "trust --firewall fw-edge"),
            ("b", [("Write it into", "y"), ("User name", ""), ("Password", "wrong")], "keygen --firewall fw-edge"),
        ):
            done = run_on_terminal(None, ["init", str(tmp_path / name), *options], answers)
            assert done.code == 1
            assert done.out.splitlines()[-1] == f"Next: paloaltoagent --config {tmp_path / name}/config.yaml {command}"
            assert "Traceback" not in done.out
            typed = (
                [("Write it into", "y")]
                if name == "a"
                else [("User name", ""), ("Password", place.world.passwords["fw-edge"])]
            )
            assert run_on_terminal(tmp_path / name / "config.yaml", command.split(), typed).code == 0


def test_keygen_and_a_whole_run_need_no_more_than_the_agents_role(tmp_path: Path) -> None:
    certificates = {"www": certificate_profile("fw-edge", "www.example.com")}
    with Scene(tmp_path, certificates, WorldOptions(["fw-edge"], agent_role=AGENT_ROLE)) as place:
        typed = [("User name", ""), ("Password", place.world.passwords["fw-edge"])]
        assert run_on_terminal(place.config, ["keygen", "--firewall", "fw-edge"], typed).code == 0
        assert place.run("check").code == 0
        assert place.run("run").code == 0
        assert place.world.firewalls["fw-edge"].commits


@pytest.mark.parametrize("kind", ["log", "report", "user-id"])
def test_what_the_agents_role_does_not_cover_is_refused_as_panos_refuses(tmp_path: Path, kind: str) -> None:
    with Scene(tmp_path, {}, WorldOptions(["fw-edge"], agent_role=AGENT_ROLE)) as place:
        firewall, url = place.world.firewalls["fw-edge"], place.world.servers["fw-edge"].url
        context = ssl.create_default_context(cafile=tmp_path / "sandbox-ca.pem")
        query = urllib.parse.urlencode({"type": kind, "key": firewall.api_key(AGENT_ADMIN)})
        with urllib.request.urlopen(f"{url}/api/?{query}", context=context) as answer:
            assert b'code="16"' in answer.read()
        firewall.admins.get(AGENT_ADMIN).role = replace(AGENT_ROLE, is_superuser=True)  # type: ignore[union-attr]
        with pytest.raises(urllib.error.HTTPError):
            urllib.request.urlopen(f"{url}/api/?{query}", context=context)
