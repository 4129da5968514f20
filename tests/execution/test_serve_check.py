"""The serve check against a simulated data plane, night after night: what is found, and what follows from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.storage.store import Store
from tests.sweeps import one_in
from tests.worlds.acts import XML, says
from tests.worlds.served import ENDPOINT, HOST, Services, at_commit, down_at_commit, mend, serve
from tests.worlds.stage import AGENT_ADMIN, PORTAL, Night, Rule, Stage

DUE = 160


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    place = Stage(tmp_path / "site")
    with place:
        yield place
        assert place.problems == [], place.diary[-60:]


def begin(stage: Stage, **check: Any) -> Services:
    """A certificate in service that was seen to be served, and that is due now."""
    service = serve(stage)
    stage.add_profile("www", "www.example.com", serve_check={"endpoints": [ENDPOINT], "wait": "2m", **check})
    assert stage.night().code == 0
    assert phase(stage) == "passed"
    stage.skip(DUE)
    stage.count_from_here()
    return service


def phase(stage: Stage) -> str:
    record = Store(stage.state).load_serve("www")
    return record.phase if record else ""


def entries(stage: Stage) -> set[str]:
    return {name for name in stage.firewalls["fw"].certificates(running=True) if name.startswith("www")}


def commits(stage: Stage) -> int:
    return len(stage.firewalls["fw"].commits)


def code_of(night: Night) -> str | None:
    (row,) = night.rows
    return row["error"]["code"] if row["error"] else None


def bound(stage: Stage) -> str:
    return stage.served("fw").entry


def at_the_commit(stage: Stage, **switches: Any) -> None:
    stage.rules.append(Rule("fw commit", at_commit(**switches)))


# --- what is in order ------------------------------------------------------------------------------------------------


def test_the_predecessor_is_deleted_by_the_run_after_the_check_has_passed(stage: Stage) -> None:
    service = begin(stage)
    assert stage.night().code == 0
    assert (bound(stage), entries(stage), phase(stage)) == ("www-2", {"www", "www-2"}, "passed")
    before, asked = commits(stage), service.asked
    assert stage.night().code == 0
    assert (entries(stage), commits(stage) - before) == ({"www-2"}, 1)
    for _ in range(3):
        assert stage.night().code == 0
    assert (commits(stage) - before, service.asked) == (1, asked), "what has passed is not asked again"
    assert len(stage.orders) == 1


def test_without_a_serve_check_nobody_is_asked_and_the_predecessor_goes_at_once(stage: Stage) -> None:
    service = serve(stage)
    stage.add_profile("www", "www.example.com")
    assert stage.night().code == 0
    stage.skip(DUE)
    assert stage.night().code == 0
    assert (entries(stage), service.asked) == ({"www-2"}, 0)


def test_a_slow_device_is_waited_for(stage: Stage) -> None:
    service = begin(stage)
    stage.switch_panos("fw", data_plane_delay=100.0)
    assert stage.night().code == 0
    assert phase(stage) == "passed"
    assert 3 < service.asked < 30


def test_a_check_that_is_written_into_a_profile_later_is_made_by_the_next_run(stage: Stage) -> None:
    service = serve(stage)
    stage.add_profile("www", "www.example.com")
    assert stage.night().code == 0
    stage.edit_profile("www", serve_check={"endpoints": [ENDPOINT]})
    plan = stage.agent("run", "--dry-run")
    assert f"ask who serves it: www, at {ENDPOINT}" in plan.out
    assert service.asked == 0
    before = commits(stage)
    assert stage.night().code == 0
    assert (service.asked, phase(stage), commits(stage) - before) == (1, "passed", 0)


# --- every wrong answer ------------------------------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "leaf only": ({"served_chain": "entry_only"}, "served-leaf-only"),
    "stays old": ({"data_plane": "stays_old"}, "served-old"),
    "slower than the wait": ({"data_plane_delay": 4000.0}, "served-old"),
    "another's": ({"data_plane": "another"}, "served-other"),
    "resets": ({"data_plane": "resets"}, "serve-no-handshake"),
    "not reachable": ({}, "serve-unreachable"),
}


def spoil(stage: Stage, name: str) -> None:
    """From the next commit on the answer is a wrong one."""
    switches, _ = WRONG[name]
    stage.rules.append(Rule("fw commit", at_commit(**switches) if switches else down_at_commit))


@pytest.mark.parametrize("name", one_in(3, WRONG))
def test_a_wrong_answer_is_reported_until_it_is_right_and_the_certificate_stays(stage: Stage, name: str) -> None:
    begin(stage)
    spoil(stage, name)
    night = stage.night()
    assert (night.code, code_of(night)) == (1, WRONG[name][1])
    assert (night.rows[0]["state"], bound(stage), phase(stage)) == ("valid", "www-2", "wrong")
    order = stage.orders[0]
    assert Store(stage.state).load_certificate_id("www") == order.id
    assert ENDPOINT in night.err
    before = commits(stage)
    if name == "slower than the wait":
        assert stage.night().code == 0
    else:
        assert code_of(stage.night()) == WRONG[name][1]
        stage.rules.clear()
        mend(stage)
        assert stage.night().code == 0
    assert (phase(stage), entries(stage), commits(stage)) == ("passed", {"www", "www-2"}, before)
    assert stage.night().code == 0
    assert (entries(stage), len(stage.orders)) == ({"www-2"}, 1)


def test_what_is_wrong_is_told_by_status_too(stage: Stage) -> None:
    begin(stage)
    spoil(stage, "resets")
    stage.night()
    (note,) = [
        note for note in json.loads(stage.agent("status", "--json").out)["profiles"][0]["notes"] if "did not" in note
    ]
    assert f"did not pass: {ENDPOINT}: does not shake hands" in note


def test_separate_intermediates_that_are_not_served_name_the_bundle_which_settles_it(stage: Stage) -> None:
    begin(stage)
    stage.switch_panos("fw", served_chain="entry_only", bundle="whole")
    assert "set chain: bundle in the firewall profile" in stage.night().err
    path = stage.folder / "profiles/firewalls/fw.yaml"
    path.write_text(path.read_text("utf-8") + "chain: bundle\n", "utf-8")
    stage.orders_allowed = 2
    assert stage.person("renew --force -p www --yes").code == 0
    assert phase(stage) == "passed"


def test_the_check_waits_for_the_commit_window_with_the_commit(stage: Stage) -> None:
    service = begin(stage)
    path, asked = stage.folder / "profiles/firewalls/fw.yaml", service.asked
    text = path.read_text("utf-8")
    path.write_text(text + "commit_window: {hours: '12:00-13:00'}\n", "utf-8")
    assert stage.night().code == 3
    assert service.asked == asked
    path.write_text(text, "utf-8")
    assert stage.night().code == 0
    assert service.asked > asked


# --- rollback ------------------------------------------------------------------------------------------------------------

WORSE = ("leaf only", "another's", "resets", "not reachable")


@pytest.mark.parametrize("name", one_in(3, WORSE))
def test_where_clients_are_worse_off_the_predecessor_serves_again_and_nothing_swings(stage: Stage, name: str) -> None:
    begin(stage, on_wrong="rollback")
    before = commits(stage)
    spoil(stage, name)
    night = stage.night()
    assert (night.code, code_of(night)) == (1, "rolled-back")
    assert (bound(stage), entries(stage), phase(stage)) == ("www", {"www", "www-2"}, "went-back")
    assert night.rows[0]["state"] == "due"
    assert stage.firewalls["fw"].pending_changes() == []
    # The key of the order, the certificate, and back again.
    made = commits(stage)
    assert made - before <= 3
    for _ in range(28 if name == "resets" else 2):
        held = stage.night()
        assert (held.code, code_of(held), bound(stage)) == (1, "rolled-back", "www")
    assert (commits(stage), len(stage.orders)) == (made, 1)
    assert "enroll --resubmit -p www" in stage.nights[-1].err


def test_a_person_puts_it_into_service_again_without_an_order(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    at_the_commit(stage, data_plane="resets")
    assert code_of(stage.night()) == "rolled-back"
    stage.rules.clear()
    stage.switch_panos("fw", data_plane="follows")
    assert stage.person("enroll --resubmit -p www").code == 0
    assert (bound(stage), phase(stage), len(stage.orders)) == ("www-2", "passed", 1)
    assert stage.night().code == 0
    assert entries(stage) == {"www-2"}


@pytest.mark.parametrize(
    "change", [{"on_wrong": "report"}, {"endpoints": []}, {"endpoints": ["192.0.2.99:443/www.example.com"]}]
)
def test_a_person_who_edits_the_serve_check_acts_too(stage: Stage, change: dict[str, Any]) -> None:
    begin(stage, on_wrong="rollback")
    at_the_commit(stage, data_plane="resets")
    assert code_of(stage.night()) == "rolled-back"
    check = {"endpoints": [ENDPOINT], "on_wrong": "rollback", **change}
    stage.edit_profile("www", serve_check=check)
    stage.night()
    assert bound(stage) == ("www-2" if change != {"endpoints": ["192.0.2.99:443/www.example.com"]} else bound(stage))
    assert len(stage.orders) == 1


def test_who_binds_it_by_hand_acts_too(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    at_the_commit(stage, data_plane="resets")
    assert code_of(stage.night()) == "rolled-back"
    stage.rules.clear()
    stage.switch_panos("fw", data_plane="follows")
    for root in stage.firewalls["fw"]._roots():
        leaf = root.find(f"shared/ssl-tls-service-profile/entry[@name='{PORTAL}']/certificate")
        assert leaf is not None
        leaf.text = "www-2"
    assert stage.night().code == 0
    assert phase(stage) == "passed"


def test_what_was_so_before_is_no_reason_to_go_back(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    stage.switch_panos("fw", served_chain="entry_only")
    night = stage.night()
    assert (code_of(night), bound(stage), phase(stage)) == ("served-leaf-only", "www-2", "wrong")
    # What goes wrong later is not the commit's doing.
    stage.switch_panos("fw", data_plane="resets")
    night = stage.night()
    assert (code_of(night), bound(stage)) == ("serve-no-handshake", "www-2")


def test_an_old_certificate_that_is_still_served_is_no_reason_to_go_back(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    spoil(stage, "stays old")
    assert (code_of(stage.night()), bound(stage)) == ("served-old", "www-2")


def test_a_hold_ends_before_the_predecessor_does(stage: Stage) -> None:
    """In the last twentieth of its life nothing goes back to it, and what went back goes on, whatever is found."""
    begin(stage, on_wrong="rollback")
    at_the_commit(stage, data_plane="resets")
    assert code_of(stage.night()) == "rolled-back"
    stage.skip(190 - DUE)
    before = commits(stage)
    night = stage.night()
    assert (code_of(night), bound(stage)) == ("serve-no-handshake", "www-2")
    for _ in range(3):
        assert code_of(stage.night()) == "serve-no-handshake"
    assert (commits(stage) - before, len(stage.orders)) == (1, 1)


def test_another_administrators_work_is_not_moved_back(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    xpath = f"/config/shared/ssl-tls-service-profile/entry[@name='{PORTAL}']/protocol-settings/min-version"

    def alice(call: Any, handle: Any) -> Any:
        answer = at_commit(data_plane="resets")(call, handle)
        call.firewall.change_as("alice", xpath.rpartition("/")[0], "<min-version>tls1-3</min-version>")
        return answer

    stage.rules.append(Rule("fw commit", alice))
    night = stage.night()
    assert night.code == 1
    assert (bound(stage), phase(stage)) == ("www-2", "wrong")
    assert {change.owner for change in stage.firewalls["fw"].pending_changes()} == {"alice"}
    assert AGENT_ADMIN not in {change.owner for change in stage.firewalls["fw"].pending_changes()}


def test_a_predecessor_that_was_revoked_meanwhile_does_not_serve_again(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")

    def revoked(call: Any, handle: Any) -> Any:
        answer = at_commit(data_plane="resets")(call, handle)
        call.firewall.mark_revoked("www")
        return answer

    stage.rules.append(Rule("fw commit", revoked))
    night = stage.night()
    assert (night.code, bound(stage), phase(stage)) == (1, "www-2", "wrong")
    assert code_of(stage.night()) == "serve-no-handshake"


def test_a_rollback_waits_for_the_commit_window(stage: Stage) -> None:
    begin(stage, on_wrong="rollback", wait="50m")
    path = stage.folder / "profiles/firewalls/fw.yaml"
    path.write_text(path.read_text("utf-8") + "commit_window: {hours: '02:00-03:00'}\n", "utf-8")
    at_the_commit(stage, data_plane="resets")
    night = stage.night()
    assert (code_of(night), bound(stage), phase(stage)) == ("serve-no-handshake", "www-2", "noted")
    assert "goes back once the commit window is open" in str(night.rows[0]["notes"])
    stage.edit_profile("www", serve_check={"endpoints": [ENDPOINT], "on_wrong": "rollback", "wait": "1m"})
    assert (code_of(stage.night()), bound(stage)) == ("rolled-back", "www")


def test_what_a_vsys_serves_of_shared_goes_back_too(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    firewall = stage.firewalls["fw"]
    firewall.install_profile("vsys-portal", "www", "vsys1")
    at_the_commit(stage, data_plane="resets")
    night = stage.night()
    assert (code_of(night), bound(stage)) == ("rolled-back", "www")
    assert firewall.profile_certificate("vsys-portal", vsys="vsys1") == "www"
    stage.rules.clear()
    stage.switch_panos("fw", data_plane="follows")
    assert stage.person("enroll --resubmit -p www").code == 0
    assert firewall.profile_certificate("vsys-portal", vsys="vsys1") == "www-2"


def test_going_back_is_done_under_the_agents_own_locks(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    path = stage.folder / "profiles/firewalls/fw.yaml"
    path.write_text(path.read_text("utf-8") + "lock: both\n", "utf-8")
    at_the_commit(stage, data_plane="resets")
    unlocked: list[str] = []

    def watch(call: Any, handle: Any) -> Any:
        if AGENT_ADMIN not in {lock.owner for lock in call.firewall.locks._locks}:
            unlocked.append(call.label)
        return handle(call.request)

    stage.rules.append(Rule("fw edit.*|fw commit", watch))
    assert code_of(stage.night()) == "rolled-back"
    assert (unlocked, stage.firewalls["fw"].locks._locks) == ([], [])


def test_killed_between_the_move_and_its_commit_a_follower_goes_back_too(stage: Stage) -> None:
    """A service profile that `bind` does not name: only the journal knows that its commit is owed."""
    serve(stage)
    check = {"endpoints": [ENDPOINT], "wait": "2m", "on_wrong": "rollback"}
    stage.add_profile("www", "www.example.com", bound=None, serve_check={**check, "on_wrong": "report"})
    stage.night()
    stage.firewalls["fw"].install_profile(PORTAL, "www")
    stage.edit_profile("www", serve_check=check)
    assert stage.night().code == 0
    stage.skip(DUE)
    at_the_commit(stage, data_plane="resets")
    moves: list[str] = []

    def watch(call: Any, handle: Any) -> Any:
        moves.append(call.label)
        if len(moves) == 2:
            stage.kill_at = (stage._points, "after")
        return handle(call.request)

    stage.rules.append(Rule("fw edit.*", watch))
    assert stage.night().code is None
    assert phase(stage) == "going-back"
    assert (code_of(stage.night()), bound(stage), phase(stage)) == ("rolled-back", "www", "went-back")
    assert stage.firewalls["fw"].pending_changes() == []


def test_a_rollback_whose_commit_did_nothing_is_finished_by_the_next_run(stage: Stage) -> None:
    begin(stage, on_wrong="rollback")
    at_the_commit(stage, data_plane="resets")
    nothing = says(
        200, '<response status="success" code="19"><msg>There are no changes to commit.</msg></response>', XML
    )
    first = iter([True])
    stage.rules.append(
        Rule("fw commit", lambda call, handle: handle(call.request) if next(first, False) else nothing(call, handle))
    )
    night = stage.night()
    assert (night.code, code_of(night), phase(stage)) == (1, "proof", "going-back")
    stage.rules.pop()
    assert (code_of(stage.night()), bound(stage), phase(stage)) == ("rolled-back", "www", "went-back")
    assert stage.firewalls["fw"].pending_changes() == []


def test_a_check_alone_does_not_change_what_is_said_of_the_certificate(stage: Stage) -> None:
    service = begin(stage)
    stage.edit_profile("www", renewal={"auto": False}, serve_check={"endpoints": [ENDPOINT], "wait": "1m"})
    service.by_host[HOST].is_down = True
    stage.edit_profile(
        "www", renewal={"auto": False}, serve_check={"endpoints": [ENDPOINT, "192.0.2.9:443"], "wait": "1m"}
    )
    (row,) = stage.night().rows
    assert (row["state"], row["action"], row["error"]["code"]) == ("due", "none", "serve-unreachable")


def test_a_hook_runs_once_the_certificate_is_served_and_not_for_one_that_went_back(
    stage: Stage, tmp_path: Path
) -> None:
    begin(stage, on_wrong="rollback")
    script = tmp_path / "hook.sh"
    script.write_text(f'#!/bin/sh\necho "$PALOALTOAGENT_ENTRY" >>{tmp_path}/told\n', "utf-8")
    script.chmod(0o755)
    stage.edit_profile("www", hooks={"post_install": [str(script)], "timeout": "20s"})
    at_the_commit(stage, data_plane="resets")
    assert code_of(stage.night()) == "rolled-back"
    stage.night()
    assert not (tmp_path / "told").exists()
    stage.rules.clear()
    stage.switch_panos("fw", data_plane="follows")
    assert stage.person("enroll --resubmit -p www").code == 0
    assert (tmp_path / "told").read_text("utf-8") == "www-2\n"
    assert stage.night().code == 0
    assert (tmp_path / "told").read_text("utf-8") == "www-2\n"


# --- revocation ------------------------------------------------------------------------------------------------------------


def test_a_predecessor_is_revoked_only_after_its_successor_was_seen_to_be_served(stage: Stage) -> None:
    service = begin(stage)
    old = stage.scm.orders[0]
    stage.orders_allowed = 2
    service.by_host[HOST].is_down = True
    assert stage.person("replace -p www --yes --revoke-predecessor").code == 1
    assert old.state == "Replaced"
    service.by_host[HOST].is_down = False
    assert stage.night().code == 0
    assert old.state == "Replaced"
    assert stage.night().code == 0
    assert (old.state, entries(stage)) == ("Revoked", {"www-2"})
    assert stage.night().code == 0


# --- power cuts ------------------------------------------------------------------------------------------------------------


def cut(folder: Path, on_wrong: str, is_wrong: bool, kill_at: tuple[int, str] | None) -> tuple[Stage, int | None, int]:
    """A renewal whose run is killed at a point, and the nights after it; with the points of that run."""
    with Stage(folder) as stage:
        begin(stage, on_wrong=on_wrong)
        at_the_commit(stage, **({"data_plane": "resets"} if is_wrong else {}))
        stage.kill_at = kill_at
        assert (stage.night().code is None) == (kill_at is not None)
        points = stage._points
        for _ in range(3):
            last = stage.night()
        return stage, last.code, points


def compare(folder: Path, on_wrong: str, is_wrong: bool, stride: int, first: int = 0) -> None:
    """Killed at every so many points: the same end, one order, no commit more than the cut itself costs."""
    whole, code, points = cut(folder / "whole", on_wrong, is_wrong, None)
    expected = bound(whole), entries(whole), phase(whole), code
    cases = [
        (point, side) for point in range(first and points - first, points + 1, stride) for side in ("before", "after")
    ]
    for point, side in [case for case in cases if case[0]]:
        stage, code, _ = cut(folder / f"{point}-{side}", on_wrong, is_wrong, (point, side))
        assert (bound(stage), entries(stage), phase(stage), code) == expected, (point, side, stage.diary[-80:])
        # Killed behind the order the same CSR is sent once more: either certificate fits the key.
        assert (len({order.csr_sha256 for order in stage.orders}), stage.problems) == (1, []), (
            point,
            side,
            stage.diary,
        )
        assert len(stage.orders) <= 2
        assert commits(stage) <= commits(whole) + 2, (point, side, stage.diary[-80:])


CASES = [("report", False), ("report", True), ("rollback", False), ("rollback", True)]


@pytest.mark.sweep
@pytest.mark.parametrize(("on_wrong", "is_wrong"), CASES[:1])
def test_killed_at_some_points_the_next_runs_end_the_same(tmp_path: Path, on_wrong: str, is_wrong: bool) -> None:
    compare(tmp_path, on_wrong, is_wrong, stride=12, first=36)


@pytest.mark.sweep
@pytest.mark.parametrize(("on_wrong", "is_wrong"), CASES)
def test_killed_at_every_point_the_next_runs_end_the_same(tmp_path: Path, on_wrong: str, is_wrong: bool) -> None:
    compare(tmp_path, on_wrong, is_wrong, stride=1)
