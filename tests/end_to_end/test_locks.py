"""Locks that the agent takes: whoever meets them, however the run ends, whatever the firewall answers."""

from __future__ import annotations

import contextlib
import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.answers import PanosError
from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile
from tests.end_to_end.harness import Scene
from tests.end_to_end.test_serve_check import Portal
from tests.leftovers import agents_locks
from tests.sweeps import one_in
from tests.worlds.acts import cut, cut_before, panos_error, swapped
from tests.worlds.play import NAME
from tests.worlds.stage import Call, Rule, Stage, panos_label, staged
from tests.worlds.wire import Handle

KINDS = {"none": (), "commit": ("commit",), "config": ("config",), "both": ("config", "commit")}
CHANGES = ("fw generate", "fw import", "fw edit profile", "fw delete certificate", "fw commit")
TAKE = "fw op request {}-lock add comment"


@contextlib.contextmanager
def stage(folder: Path, lock: str, **more: Any) -> Iterator[Stage]:
    with staged(folder, **more) as made:
        made.add_profile(NAME, "www.example.com")
        made.edit_firewall(lock=lock)
        yield made


def held(place: Stage) -> list[tuple[str, str]]:
    firewall = place.firewalls["fw"]
    return [(kind, lock.owner) for kind in ("config", "commit") for lock in firewall.locks.of(kind, "all")]


def watch(place: Stage, pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    """Which locks the agent holds at each of these requests."""
    seen: list[tuple[str, tuple[str, ...]]] = []

    def act(call: Call, handle: Handle) -> Answer:
        seen.append((call.label, tuple(lock.kind for lock in agents_locks(place.firewalls["fw"]))))
        return handle(call.request)

    place.rules.append(Rule(pattern, act))
    return seen


def night(place: Stage, code: int = 0) -> dict[str, Any]:
    done = place.night()
    assert done.code == code, done.err
    assert place.problems == []
    return next(iter(done.rows), {})


@pytest.mark.parametrize(("lock", "kinds"), KINDS.items())
def test_every_change_is_made_under_the_locks_that_are_asked_for_and_they_are_released(
    tmp_path: Path, lock: str, kinds: tuple[str, ...]
) -> None:
    with stage(tmp_path, lock) as place:
        seen = watch(place, "|".join(CHANGES))
        place.switch_panos(commit_releases_locks=False)
        night(place)
        place.skip(160)
        night(place)
        assert {label for label, _ in seen} == set(CHANGES)
        assert {locks for _, locks in seen} == {kinds}
        assert held(place) == []
        assert list(place.state.glob("journal/locks/*")) == []


def test_nothing_is_locked_while_nothing_is_changed(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        night(place)
        seen = watch(place, "fw op request .*-lock .*")
        night(place)
        assert seen == []


def test_without_locks_no_request_is_more_than_before(tmp_path: Path) -> None:
    with stage(tmp_path, "none") as place:
        night(place)
        seen = watch(place, "fw .*")
        night(place)
        assert [label for label, _ in seen] == ["fw get certificates", "fw get profiles"]


def test_no_lock_is_held_while_an_order_is_waited_for(tmp_path: Path) -> None:
    with stage(tmp_path, "both", kind="OV") as place:
        seen: list[int] = []

        def asked(call: Call, handle: Handle) -> Answer:
            seen.append(len(held(place)))
            return handle(call.request)

        place.rules.append(Rule("scm download", asked))
        night(place, 3)
        assert seen
        assert set(seen) == {0}
        assert held(place) == []


# --- others ------------------------------------------------------------------------------------------------------------


def taken_meanwhile(place: Stage, kind: str, releases_after: int | None) -> Callable[[Call, Handle], Answer]:
    """Alice takes her lock just before the agent asks for its own, and gives it back after so many attempts of his."""
    attempts = 0

    def act(call: Call, handle: Handle) -> Answer:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            place.firewalls["fw"].lock_as("alice", kind)
        if attempts == releases_after:
            place.firewalls["fw"].unlock_as("alice", kind)
        assert kind == "commit" or ("commit", AGENT_ADMIN) not in held(place), (
            "a lock is held while another is waited for"
        )
        return handle(call.request)

    return act


@pytest.mark.parametrize("text", ["scope_is_locked", "already_held"])
def test_a_lock_that_somebody_takes_in_between_is_waited_for(tmp_path: Path, text: str) -> None:
    with stage(tmp_path, "both") as place:
        place.switch_panos(config_lock_held=text)
        place.rules.append(Rule(TAKE.format("config"), taken_meanwhile(place, "config", releases_after=3)))
        night(place)
        assert held(place) == []


def test_a_lock_that_is_not_given_back_ends_the_night_without_an_order(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        place.rules.append(Rule(TAKE.format("config"), taken_meanwhile(place, "config", releases_after=None)))
        row = night(place, 1)
        assert row["error"]["code"] == "busy"
        assert place.orders == []
        assert place.keys_made == 0
        assert held(place) == [("config", "alice")]


def test_a_persons_lock_under_the_agents_name_is_left_and_said(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        firewall = place.firewalls["fw"]
        place.switch_panos(commit_releases_locks=False)
        firewall.lock_as(AGENT_ADMIN, "config", comment="migration until Friday")
        night(place)
        assert held(place) == [("config", AGENT_ADMIN)]
        log = (tmp_path / "logs/paloaltoagent.log").read_text("utf-8")
        assert "a config-lock of svc-certs on shared (comment 'migration until Friday') is not the agent's" in log
        checked = place.agent("check")
        assert "is not the agent's: it is left alone" in checked.out


def test_a_role_without_the_right_to_lock_stops_before_anything_is_changed(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        place.rules.append(Rule(TAKE.format("commit"), panos_error("Unauthorized request", 16)))
        row = night(place, 1)
        assert row["error"]["code"] == "permission"
        assert "set lock: none" in row["error"]["hint"]
        assert place.keys_made == 0
        assert held(place) == []


def test_a_device_without_such_locks_stops_before_anything_is_changed(tmp_path: Path) -> None:
    with stage(tmp_path, "config") as place:
        place.rules.append(Rule(TAKE.format("config"), panos_error("request -> config-lock  is unexpected", 17)))
        row = night(place, 1)
        assert "set lock: none" in row["error"]["hint"]
        assert place.keys_made == 0


def test_a_device_that_keeps_no_comment_stops_before_anything_is_changed(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        place.rules.append(Rule("fw .*-locks", swapped("<comment>[^<]*</comment>", "<comment>(null)</comment>")))
        row = night(place, 1)
        assert "does not keep a" in row["error"]["message"]
        assert place.keys_made == 0
        assert held(place) == []


# --- accidents ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accident", [cut, cut_before])
@pytest.mark.parametrize(
    "what", ["config-lock add comment", "commit-lock add comment", "config-lock remove", "commit-lock remove"]
)
def test_lost_answers(tmp_path: Path, what: str, accident: Callable[[Call, Handle], Answer]) -> None:
    with stage(tmp_path, "both") as place:
        place.switch_panos(commit_releases_locks=False)
        place.rules.append(Rule(f"fw op request {what}", accident, times=1))
        place.night()
        assert held(place) == []
        night(place)
        assert place.problems == []
        assert len(place.orders) == 1


def test_a_lock_that_cannot_be_released_is_told_and_released_by_the_next_run(tmp_path: Path) -> None:
    with stage(tmp_path, "config") as place:
        place.switch_panos(commit_releases_locks=False)
        rule = Rule("fw op request config-lock remove", panos_error("Internal error", 2), lambda night: night == 1)
        place.rules.append(rule)
        done = place.night()
        assert done.code == 1
        assert done.rows[0]["error"]["code"] == "lock-left"
        assert (done.rows[0]["state"], done.rows[0]["action"]) == ("valid", "enroll")
        assert held(place) == [("config", AGENT_ADMIN)]
        place.edit_firewall(lock="none")
        night(place)
        assert held(place) == []
        seen = watch(place, "fw .*-locks")
        night(place)
        assert seen == []


def test_a_failed_commit_leaves_no_lock(tmp_path: Path) -> None:
    def fails(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        call.firewall.jobs.all[-1].result = "FAIL"
        return answer

    with stage(tmp_path, "both") as place:
        place.rules.append(Rule("fw commit", fails))
        assert place.night().rows[0]["error"]["code"] == "commit"
        assert held(place) == []


# A first night with both locks takes 50 requests and writes of the state folder, more or less.
POINTS = range(1, 75, 2)


@pytest.mark.parametrize(("point", "after"), one_in(37, zip(POINTS, itertools.cycle(["both", "none"]))))
def test_a_lock_of_a_run_that_was_killed_is_released_by_the_next(tmp_path: Path, point: int, after: str) -> None:
    with stage(tmp_path, "both") as place:
        place.switch_panos(commit_releases_locks=False)
        place.kill_at = (point, "after")
        place.night()
        place.edit_firewall(lock=after)
        night(place)
        assert held(place) == []
        assert len(place.orders) <= 2  # one more where the order itself is what was cut


def test_a_left_lock_is_recognised_when_the_state_folder_is_lost(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        night(place)
        place.firewalls["fw"].lock_as(AGENT_ADMIN, "config", comment="paloaltoagent 0123456789ab fw")
        place.lose_state()
        assert "the agent's own config-lock on shared" in place.agent("check").out
        night(place)
        assert held(place) == []


def test_the_lock_of_another_firewall_profile_is_not_this_ones(tmp_path: Path) -> None:
    with stage(tmp_path, "both") as place:
        firewall = place.firewalls["fw"]
        firewall.lock_as(AGENT_ADMIN, "config", comment="paloaltoagent 0123456789ab elsewhere")
        place.switch_panos(commit_releases_locks=False)
        place.night()
        assert held(place) == [("config", AGENT_ADMIN)]
        firewall.unlock_as(AGENT_ADMIN, "config")


@pytest.mark.parametrize("vsys", ["shared", "vsys1"])
def test_the_lock_is_on_the_scope_of_the_profile(tmp_path: Path, vsys: str) -> None:
    options = WorldOptions(firewalls=("fw-edge",))
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}, options) as place:
        path = tmp_path / "profiles/firewalls/fw-edge.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "lock": "both", "vsys": vsys}))
        firewall = place.world.firewalls["fw-edge"]
        taken: list[str] = []
        add = firewall.locks.add

        def note(lock: Any) -> None:
            add(lock)
            taken.append(lock.scope)

        firewall.locks.add = note  # type: ignore[method-assign, assignment]  # observes
        done = place.run("run", "--json")
        assert done.code == 0, done.err
        assert set(taken) == {vsys}
        assert agents_locks(firewall) == []


def test_what_goes_back_after_a_serve_check_goes_back_under_the_locks(tmp_path: Path) -> None:
    portal = Portal(tmp_path, on_wrong="rollback")
    path = tmp_path / "profiles/firewalls/fw-edge.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), "lock": "both"}), "utf-8")
    with portal.scene as made:
        portal.switch(served_chain="found_by_issuer", commit_releases_locks=False)
        assert made.run("enroll").code == 0
        portal.firewall.listeners.append(lambda: portal.switch(data_plane="another"))
        unlocked: list[str] = []
        server = made.world.servers["fw-edge"]

        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            label = panos_label(request)
            if label in CHANGES and len(agents_locks(portal.firewall)) != 2:
                unlocked.append(label)
            return handle(request)

        server.interceptor = intercept
        assert portal.error("replace", "-p", "dv", "--yes")[:2] == (1, "rolled-back")
        assert unlocked == []


def test_nobody_else_can_work_under_the_config_lock(tmp_path: Path) -> None:
    with stage(tmp_path, "config") as place:
        refused: list[str] = []

        def alice(call: Call, handle: Handle) -> Answer:
            with pytest.raises(PanosError) as raised:
                call.firewall.locks.require_config("alice", "vsys1")
            refused.append(str(raised.value))
            return handle(call.request)

        place.rules.append(Rule("fw import", alice))
        night(place)
        assert refused
        assert json.dumps(refused).count(AGENT_ADMIN) == len(refused)
