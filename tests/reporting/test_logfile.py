"""The log as text and as JSON lines, and syslog with a real socket."""

from __future__ import annotations

import json
import logging
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.model.channels import Syslog
from paloaltofw.reporting import logfile, syslog_handler
from paloaltofw.secret import Secret
from tests.configuration.strategies import QUICK

events = logging.getLogger("paloaltofw.events")


@pytest.fixture(autouse=True)
def _stopped() -> Iterator[None]:
    yield
    logfile.stop()


def objects(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_json_lines_have_fields_and_no_secrets(tmp_path: Path) -> None:
    path = tmp_path / "agent.log"
    assert logfile.start(path, "info", False, "json") is None
    secret = 'sec"ret\\value'
    Secret(secret)
    events.info("profile=%s firewall=%s order=%s " + "in service as %s", "www", "fw", "-", "www-2")
    events.error("profile=%s %s%s", "api", "", f"order=%s firewall=evil said {secret}", extra={"firewall": "fw"})
    events.warning("%s", "profile=evil is what a peer says")
    try:
        raise ValueError(f"with {secret}\nin it")
    except ValueError:
        events.exception("unexpected")
    first, second, third, last = objects(path)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", first.pop("time"))
    assert first == {
        "level": "info", "logger": "paloaltofw.events", "profile": "www", "firewall": "fw",
        "message": "profile=www firewall=fw order=- in service as www-2",
    }  # fmt: skip
    assert (second["profile"], second["firewall"], "order" in second) == ("api", "fw", False)
    assert second["message"].endswith("firewall=evil said ***")
    assert not {"profile", "firewall", "exception"} & third.keys()
    assert last["exception"].startswith("Traceback")
    assert last["exception"].endswith("ValueError: with ***\nin it")
    assert 'sec\\"ret' not in path.read_text("utf-8")


@given(text=st.text(max_size=60), form=st.sampled_from(["text", "json"]))
@QUICK
def test_whatever_is_said_is_one_line(tmp_path_factory: pytest.TempPathFactory, text: str, form: str) -> None:
    path = tmp_path_factory.mktemp("log") / "agent.log"
    logfile.start(path, "info", False, form)
    events.info("firewall=%s %s", "fw", text)
    logfile.stop()
    content = path.read_text("utf-8")
    assert content.endswith("\n")
    assert content.count("\n") == 1
    assert content[:-1].isprintable()
    if form == "json":
        assert json.loads(content)["message"] == f"firewall=fw {text}"


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as place:
        place.bind(("127.0.0.1", 0))
        place.settimeout(5)
        yield place


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_syslog_server_gets_each_line(server: socket.socket, tmp_path: Path, form: str) -> None:
    Secret("hidden-value")
    port = server.getsockname()[1]
    assert logfile.start(tmp_path / "agent.log", "info", False, form, Syslog("127.0.0.1", port)) is None
    events.error("profile=%s %s", "www", "refused hidden-value\n<13>forged")
    received = server.recv(65536).decode("utf-8")
    match = re.fullmatch(r"<27>1 \d{4}-\S+T\S+Z \S+ paloaltoagent \d+ - - (.*)", received)
    assert match, received
    if form == "json":
        assert json.loads(match.group(1))["message"] == "profile=www refused ***\n<13>forged"
    else:
        assert match.group(1) == "ERROR profile=www refused ***\\n<13>forged"
    assert "www" in (tmp_path / "agent.log").read_text("utf-8"), "the file is written too"


def test_the_syslog_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syslog_handler, "LOCAL_SOCKET", str(tmp_path / "log"))
    trouble = logfile.start(tmp_path / "agent.log", "info", False, "text", Syslog())
    assert trouble == "the syslog of this machine cannot be written: No such file or directory; correct logging.syslog"
    assert logfile.current == tmp_path / "agent.log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        daemon.settimeout(5)
        assert logfile.start(tmp_path / "agent.log", "info", False, "text", Syslog()) is None
        events.info("firewall=%s ready", "fw")
        assert re.fullmatch(rb"<30>paloaltoagent\[\d+\]: INFO firewall=fw ready\0", daemon.recv(65536))
    events.info("nobody listens any more")  # and nothing happens


def test_a_daemon_that_has_stopped_reading_does_not_hold_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syslog_handler, "LOCAL_SOCKET", str(tmp_path / "log"))
    monkeypatch.setattr(syslog_handler, "PATIENCE", 0.01)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        daemon.bind(str(tmp_path / "log"))
        logfile.start(tmp_path / "agent.log", "info", False, "text", Syslog())
        for number in range(50):
            events.info("line %s", number)
    assert (tmp_path / "agent.log").read_text("utf-8").count("\n") == 50
