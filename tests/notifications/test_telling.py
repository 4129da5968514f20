"""Who is told what, when: the real agent, night after night, and a real listener."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.errors import UsageError
from paloaltofw.notifications import sending
from paloaltofw.workflows.after_run import tell_of_failure
from paloaltofw.workflows.session import Options
from tests.notifications.listener import Listener, listening
from tests.worlds.stage import Stage


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as server:
        yield server


@pytest.fixture(params=["DV"])
def stage(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    place = Stage(tmp_path / "site", kind=request.param)
    with place:
        place.add_profile("www", "www.example.com")
        yield place


def tell(stage: Stage, *channels: dict[str, Any]) -> None:
    stage.settings["notifications"] = list(channels)  # type: ignore[assignment]
    stage.write_settings()


def down(stage: Stage, how: str = "refused", firewall: str = "fw") -> None:
    stage.peers[stage.hosts[firewall]].down = how


def lines(listener: Listener) -> list[str]:
    """The lines of the one message that came."""
    (message,) = listener.taken()
    return str(message["message"]).split("\n")


def written(stage: Stage) -> str:
    """Everything that the agent has written: log and state."""
    files = [*stage.folder.glob("logs/*"), *(path for path in stage.folder.glob("state/**/*") if path.is_file())]
    return "\n".join(path.read_text("utf-8") for path in files)


def test_a_failure_is_told_once_again_after_repeat_and_anew_once_it_was_over(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url, "repeat": "3d"})
    down(stage)
    told = []
    for _ in range(8):
        assert stage.night().code == 1
        told.append(len(listener.taken()))
    assert told == [1, 0, 0, 1, 0, 0, 1, 0]
    down(stage, "")
    assert stage.night().code == 0
    assert listener.taken() == [], "success is not asked for"
    down(stage)
    assert stage.night().code == 1
    (message,) = listener.taken()
    assert message["type"] == "failure"
    assert message["title"].startswith("paloaltoagent run on ")
    assert message["title"].endswith(": 1 failure")
    assert message["message"].startswith("failure: www: firewall fw (")
    assert "hook-token-abc" not in written(stage)
    assert "s3cret-word" not in written(stage)


def test_a_nightly_job_that_begins_a_little_earlier_is_told_every_night(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url})
    down(stage)
    assert stage.night().code == 1
    stage.clock.advance(-1800)
    assert stage.night().code == 1
    assert len(listener.taken()) == 2
    stage.agent("run")
    assert listener.taken() == [], "the same night again"


def test_one_message_tells_all_that_is_new_and_a_dead_firewall_is_one_line(stage: Stage, listener: Listener) -> None:
    stage.add_firewall("fw2")
    for name in ("api", "vpn"):
        stage.add_profile(name, f"{name}.example.com", firewall="fw2", bound=None)
    tell(stage, {"url": listener.url})
    down(stage, firewall="fw2")
    assert stage.night().code == 1
    [line] = lines(listener)
    assert line.startswith("failure: api, vpn: firewall fw2 (")
    stage.add_profile("mail", "mail.example.com", firewall="fw2", bound=None)
    assert stage.agent("run").code == 1
    [line] = lines(listener)
    assert line.startswith("failure: mail: firewall fw2 ("), "the others were told already"
    assert stage.agent("run", "-p", "www").code == 0
    assert stage.agent("run").code == 1
    assert listener.taken() == [], "a run on others has not made it forget"


def test_success_is_told_for_what_came_into_service_and_not_for_a_quiet_night(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url, "on": ["success"]}, {"url": listener.url + "/b", "on": ["failure"]})
    assert stage.agent("run", "--dry-run").code == 0
    assert listener.taken() == []
    night = stage.night()
    assert night.code == 0
    row = night.rows[0]
    assert lines(listener) == [
        f"success: www on fw: in service as {row['name']} until {row['not_after'][:10]}, serial {row['serial']}"
    ]
    assert stage.night().code == 0
    assert listener.taken() == []


def test_what_could_not_be_sent_changes_nothing_and_is_sent_by_the_next_run(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url, "on": ["failure", "success"]})
    listener.status = 500
    assert stage.night().code == 0, "the exit code is the run's own"
    down(stage)
    assert stage.night().code == 1
    log = (stage.folder / "logs/paloaltoagent.log").read_text("utf-8")
    assert "notifications[0] (json) is not told: it was not sent: " in log
    assert "500" in log
    listener.status = 200
    assert stage.night().code == 1
    first, second = lines(listener)
    assert first.startswith("failure: www: firewall fw (")
    assert second.startswith("success: www on fw: in service as ")
    assert stage.agent("run").code == 1
    assert listener.taken() == []


def test_nobody_listens_is_told_without_the_address(stage: Stage) -> None:
    with listening() as gone:
        url = gone.url
    tell(stage, {"url": url, "on": ["success"]})
    assert stage.night().code == 0
    told = (
        (stage.folder / "logs/paloaltoagent.log").read_text("utf-8").split("notifications[0] (json) is not told: ")[1]
    )
    assert "onnection" in told, "Apprise says why"
    assert "127.0.0.1" not in told, "which part of a URL is a secret only Apprise knows"


def test_a_hanging_server_does_not_hold_the_run(
    stage: Stage, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "TIME_LIMIT", 0.2)
    tell(stage, {"url": listener.url}, {"url": listener.url + "/b"})
    down(stage)
    listener.gate.clear()
    started = time.monotonic()
    assert stage.night().code == 1
    assert time.monotonic() - started < 5
    assert written(stage).count("it was not sent within 0.2 s; the next run tries again") == 2


def test_urgent_is_told_of_a_certificate_that_nobody_may_renew(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url, "on": ["urgent"]})
    assert stage.night().code == 0
    stage.edit_profile("www", renewal={"auto": False})
    stage.skip(100)
    assert stage.night().code == 0
    assert listener.taken() == [], "it is due, but not urgent"
    for watched in stage.watched:
        watched.may_expire = True
    stage.skip(92)
    assert stage.night().code == 0
    [line] = lines(listener)
    assert line.startswith("urgent: www on fw: the certificate in service expires in ")


@pytest.mark.parametrize("stage", ["OV"], indirect=True)
def test_an_order_that_waits_too_long_is_told_to_either(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url, "on": ["urgent"]}, {"url": listener.url + "/b", "on": ["failure"]})
    stage.configure("issuance", pending_alarm="2d", wait="0")
    assert [stage.night().code, len(listener.taken())] == [3, 0]
    stage.skip(3)
    assert [stage.night().code, len(listener.taken())] == [1, 2]
    assert [stage.agent("run").code, len(listener.taken())] == [1, 0]


@pytest.mark.parametrize("is_readable", [True, False])
def test_a_run_that_fails_as_a_whole_is_told(stage: Stage, listener: Listener, is_readable: bool) -> None:
    """Also where other things in config.yaml are wrong; once, and anew after a run that came further."""
    tell(stage, {"url": listener.url})
    profile = stage.folder / "profiles/certificates/broken.yaml"
    config = stage.folder / "config.yaml"
    good = config.read_text("utf-8")

    def spoil() -> None:
        profile.write_text("type: XV\n", "utf-8")
        if not is_readable:
            config.write_text(good + "\nunknown_key: 1\n", "utf-8")

    spoil()
    assert stage.agent("run").code == 2
    [line] = lines(listener)
    assert line.startswith("failure: the run: ")
    assert ("broken.yaml" if is_readable else "unknown_key") in line
    assert stage.agent("run").code == 2
    assert listener.taken() == []
    profile.unlink()
    config.write_text(good, "utf-8")
    assert stage.night().code == 0
    spoil()
    assert stage.agent("run").code == 2
    assert len(listener.taken()) == 1
    assert stage.agent("run", "--dry-run").code == 2
    assert stage.agent("status").code == 2
    assert listener.taken() == []


def test_another_run_at_work_and_an_unknown_name_are_told(stage: Stage, listener: Listener) -> None:
    tell(stage, {"url": listener.url})
    assert stage.night().code == 0
    from paloaltofw.storage.store import Store

    with Store(stage.folder / "state").lock():
        assert stage.agent("run").code == 4
    assert "another run is at work" in lines(listener)[0]
    assert stage.agent("run", "--dry-run", "-p", "nobody").code == 2
    assert listener.taken() == [], "a plan is for whoever asked for it"
    assert stage.agent("run", "-p", "nobody").code == 2
    assert "--profile nobody: there is no such profile" in lines(listener)[0]


def test_whoever_sees_the_failure_on_a_terminal_is_not_sent_it(
    stage: Stage, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(stage, {"url": listener.url})
    options = Options(config=str(stage.folder / "config.yaml"))
    for is_terminal, messages in ((True, 0), (False, 1)):
        monkeypatch.setattr(sys.stderr, "isatty", lambda is_terminal=is_terminal: is_terminal)
        tell_of_failure(options, "run", UsageError("no such profile"))
        assert len(listener.taken()) == messages


def test_hostile_words_reach_nobody_as_anything_but_text(stage: Stage, listener: Listener) -> None:
    from tests.worlds import acts
    from tests.worlds.stage import Rule

    tell(stage, {"url": listener.url + "?format=html"})
    evil = "&lt;img src=x onerror=alert(1)&gt;\u202eend"  # as XML holds it
    stage.rules.append(Rule("fw generate", acts.panos_error(evil)))
    assert stage.night().code == 1
    (message,) = listener.taken()
    assert "onerror=alert(1)" in message["message"]
    assert "&lt;img" in message["message"]
    assert "<" not in message["message"]
    assert all(character.isprintable() for character in message["message"])


def test_every_channel_is_tried(stage: Stage, listener: Listener) -> None:
    broken = {"url": "nosuchscheme://token-of-mine"}
    tell(stage, {"url": listener.url, "on": ["urgent"]})
    done = stage.agent("notify", "--test")
    assert (done.code, done.err) == (0, "")
    assert done.out == "ok    notifications[0] (json): is sent\n"
    (message,) = listener.taken()
    assert message["title"].endswith(": test")
    tell(stage, {"url": listener.url}, broken)
    done = stage.agent("notify", "--test")
    assert (done.code, done.out) == (1, "ok    notifications[0] (json): is sent\n")
    assert done.err.startswith("FAIL  notifications[1] (nosuchscheme): Apprise does not know")
    assert "token-of-mine" not in done.err + written(stage)
    tell(stage)
    done = stage.agent("notify", "--test")
    assert done.code == 2
    assert "no channel is configured; write one under notifications" in done.err
    assert stage.agent("notify").code == 2


def test_without_apprise_the_run_goes_on_and_says_what_to_install(
    stage: Stage, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    import importlib.util

    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "apprise" else find(name, *more)
    )
    assert stage.night().err == "", "nothing is configured"
    tell(stage, {"url": listener.url})
    down(stage)
    night = stage.night()
    assert night.code == 1
    assert "notifications are configured, but Apprise is not installed; run: pip install apprise" in night.err
    done = stage.agent("notify", "--test")
    assert done.code == 2
    assert "run: pip install apprise" in done.err


def test_apprise_is_loaded_only_to_send(tmp_path: Path) -> None:
    from tests.test_layout import modules_after

    loaded = modules_after(
        "import paloaltofw.paloaltoagent, paloaltofw.workflows.after_run, paloaltofw.notifications.telling"
    )
    assert "paloaltofw.notifications.sending" in loaded
    assert not {"apprise", "prometheus_client"} & loaded


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"channels": 3}', '{"channels": {"a": 1, "b": {"told": [], "owed": {}}}}']
)
def test_a_spoiled_memory_is_nothing_told(stage: Stage, listener: Listener, content: str) -> None:
    tell(stage, {"url": listener.url})
    down(stage)
    stage.night()
    (stage.folder / "state/told.json").write_text(content, "utf-8")
    listener.taken()
    assert stage.agent("run").code == 1
    assert len(listener.taken()) == 1
    assert json.loads((stage.folder / "state/told.json").read_text("utf-8"))["version"] == 1
