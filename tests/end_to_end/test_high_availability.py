"""HA pairs through the command line: which unit is worked on, and what is never done on one unit's word."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from paloaltofw.sandbox.base.https import Answer, Cut
from paloaltofw.sandbox.panos.ha_pair import PASSIVE, HaPair
from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile, write_yaml
from tests.end_to_end.harness import Scene
from tests.sweeps import one_in
from tests.worlds.acts import cut
from tests.worlds.ha_worlds import (
    FAILOVER_REQUESTS,
    OTHER,
    UNIT,
    failover_world,
    one_named,
    pair_of,
    paired,
)
from tests.worlds.play import COMMON_NAME, NAME, play
from tests.worlds.stage import Call, Killed, Rule, Stage, staged
from tests.worlds.wire import Handle

DUE = 160.0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    """A pair whose first unit is active, and nothing on it yet."""
    with staged(tmp_path) as made:
        paired()(made)
        yield made
        assert made.problems == []


def asked(stage: Stage, since: int = 0) -> list[str]:
    """The requests since a line of the diary, as `unit: request`."""
    return [line.strip().rpartition(":")[0] for line in stage.diary[since:] if line.startswith("  fw")]


def test_the_active_unit_is_worked_on_and_named(stage: Stage) -> None:
    pair_of(stage).failover()
    night = stage.night()
    assert (night.code, night.err) == (0, "")
    assert NAME in stage.firewalls[OTHER].certificates(running=True)
    assert [commit.admins for commit in stage.firewalls[OTHER].commits] == [(AGENT_ADMIN,)]
    assert stage.firewalls[UNIT].commits == []
    assert NAME in stage.firewalls[UNIT].certificates(running=True), "the pair is in step"
    record = json.loads((stage.state / "journal/devices/fw.json").read_bytes())
    assert {record["serial"], record["peer_serial"]} == {f"{unit.serial}/shared" for unit in pair_of(stage).units}
    assert record["url"] == f"https://{stage.hosts[OTHER]}"


def test_a_night_with_nothing_to_do_asks_each_unit_for_its_state_alone(stage: Stage) -> None:
    stage.night()
    before = len(stage.diary)
    assert stage.night().code == 0
    requests = asked(stage, before)
    assert requests.count("fw: fw high-availability") == 1
    assert [line for line in requests if line.startswith("fw-b")] == ["fw-b: fw high-availability"]


def test_without_the_key_a_night_with_nothing_to_do_asks_nothing_more(stage: Stage) -> None:
    one_named(stage)
    assert stage.night().code == 0
    before = len(stage.diary)
    assert stage.night().code == 0
    assert "fw: fw high-availability" not in asked(stage, before)


def listed(stage: Stage) -> tuple[int | None, list[tuple[str, str]]]:
    done = stage.agent("list", "--json")
    document = json.loads(done.out)
    return done.code, [(item["name"], item["profile"]) for item in document["certificates"] if item["profile"]]


def test_list_reads_the_active_unit_and_one_that_answers_where_the_other_is_off(stage: Stage) -> None:
    stage.night()
    pair = pair_of(stage)
    assert listed(stage) == (0, [(NAME, NAME)])
    pair.failover()
    before = len(stage.diary)
    assert listed(stage) == (0, [(NAME, NAME)])
    assert "fw-b: fw get certificates" in asked(stage, before)
    assert "fw: fw get certificates" not in asked(stage, before)
    pair.restore()
    pair.lose(stage.firewalls[UNIT])
    assert listed(stage) == (0, [(NAME, NAME)])
    pair.restore()
    pair.split(PASSIVE)
    before = len(stage.diary)
    assert listed(stage) == (0, [(NAME, NAME)])
    assert "fw: fw get certificates" in asked(stage, before)
    pair.restore()


def test_both_units_stand_in_one_sentence_and_the_code_is_stable(stage: Stage) -> None:
    pair_of(stage).split(PASSIVE)
    night = stage.night()
    assert (night.code, night.error_codes) == (1, {"ha"})
    line = next(line for line in night.err.splitlines() if "neither is active" in line)
    assert all(f"{stage.hosts[unit]}: passive" in line for unit in (UNIT, OTHER))
    assert stage.orders == []
    assert stage.agent("status").code == 1


def test_a_unit_of_another_pair_is_not_believed(stage: Stage) -> None:
    pair_of(stage).addresses[OTHER] = "192.0.2.77/24"
    assert stage.night().code == 0, "each knows the other by this address"
    pair = pair_of(stage)
    stranger = stage.firewalls[OTHER]
    stage.add_firewall("third")
    (stage.folder / "profiles/firewalls/third.yaml").unlink()
    stage.add_firewall("fourth")
    (stage.folder / "profiles/firewalls/fourth.yaml").unlink()
    strange = HaPair(stage.firewalls["third"], stage.firewalls["fourth"])
    strange.addresses = {"third": "192.0.2.88/24", "fourth": "192.0.2.89/24"}
    stranger.ha = strange  # what answers at the other address is a unit of another pair
    strange.states[stranger.name] = PASSIVE
    strange.addresses[stranger.name] = "192.0.2.90/24"
    stage.skip(DUE)
    night = stage.night()
    assert (night.code, night.error_codes) == (1, {"ha"})
    assert "one describes another unit as its peer" in night.err
    stranger.ha = pair


def test_the_unit_that_takes_a_commit_over_is_waited_for(stage: Stage) -> None:
    """Somebody's commit is taken over while the pair fails over: the active unit answers "a commit is pending"."""
    pair = pair_of(stage)
    pair.sync_seconds = 60.0
    pair._begin(stage.firewalls[UNIT])
    pair.failover()
    before = len(stage.diary)
    done = stage.agent("run", "--json")
    assert done.code == 0, done.err
    assert "waits: PAN-OS says: A commit is pending" in (stage.folder / "logs/paloaltoagent.log").read_text("utf-8")
    assert asked(stage, before).count("fw-b: fw generate") > 1
    assert len(stage.orders) == 1


def test_what_the_active_unit_is_still_taking_over_is_not_ordered_again(stage: Stage) -> None:
    """The pair fails over when the commit has just ended, and the next run comes before the synchronisation ends."""
    stage.night()
    stage.skip(DUE)
    pair = pair_of(stage)
    pair.sync_seconds = 90.0

    def fails_over(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        if stage.firewalls[UNIT].commits[-1].result == "OK":
            stage.rules.clear()
            pair.failover()
        return answer

    stage.rules.append(Rule("fw job", fails_over, peer=UNIT))
    first = stage.agent("run", "--json")
    assert (first.code, first.error_codes) == (1, {"ha"})
    second = stage.agent("run", "--json")
    assert (second.code, second.error_codes) == (1, {"ha-key"})
    assert stage.night().code == 0
    assert len(stage.orders) == 2


def test_a_job_of_an_earlier_run_is_looked_for_on_its_own_unit(stage: Stage) -> None:
    stage.rules.append(Rule("fw job", cut, nights=lambda night: night == 1))
    assert stage.night().code == 1
    record = json.loads((stage.state / "journal/commits/fw.json").read_bytes())
    assert record["url"] == f"https://{stage.hosts[UNIT]}"
    pair_of(stage).failover()
    before = len(stage.diary)
    assert stage.night().code == 0
    jobs = [line for line in asked(stage, before) if line.endswith("fw job")]
    assert jobs[0] == "fw: fw job", "IDs of jobs are each unit's own"
    assert not (stage.state / "journal/commits/fw.json").exists()


def test_a_record_of_an_earlier_release_is_of_the_first_unit(stage: Stage) -> None:
    assert stage.night().code == 0
    (stage.state / "journal/commits/fw.json").write_text(
        '{"version": 3, "firewall": "fw", "description": "x [1]", "started_at": "2027-03-01T00:00:00Z", "job_id": "2"}'
    )
    pair_of(stage).failover()
    before = len(stage.diary)
    assert stage.night().code == 0
    assert "fw: fw job" in asked(stage, before)
    assert "fw-b: fw job" not in asked(stage, before)


def test_a_commit_on_the_other_unit_never_ends_the_key_of_an_open_order(stage: Stage) -> None:
    """A certificate that could be made is not made: its commit would overwrite what the passive unit has uncommitted."""
    stage.night()
    stage.skip(DUE)

    def fails_over(call: Call, handle: Handle) -> Answer:
        pair_of(stage).failover()
        raise Cut

    stage.rules.append(Rule("fw import", fails_over, times=1))
    assert stage.night().code == 1
    stage.add_profile("two", "two.example.com", bound=None)
    night = stage.night("run", "--json", "-p", "two")
    assert (night.code, night.error_codes) == (1, {"ha-key"})
    assert len(stage.orders) == 2
    pair_of(stage).failover()
    assert stage.night().code == 0
    assert len(stage.orders) == 3


def test_locks_are_given_back_on_the_unit_that_became_passive(stage: Stage) -> None:
    path = stage.folder / "profiles/firewalls/fw.yaml"
    write_yaml(path, {**yaml.safe_load(path.read_text("utf-8")), "lock": "both"})

    def fails_over(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        pair_of(stage).failover()
        return answer

    stage.rules.append(Rule("fw generate", fails_over, times=1))
    night = stage.night()
    assert (night.code, night.error_codes) == (1, {"ha"})
    held = [
        lock for unit in pair_of(stage).units for kind in ("config", "commit") for lock in unit.locks.of(kind, "all")
    ]
    assert held == []
    assert stage.orders == []
    assert stage.night().code == 0
    assert len(stage.orders) == 1


def test_a_lock_that_a_killed_run_left_is_given_back_on_its_own_unit(stage: Stage) -> None:
    path = stage.folder / "profiles/firewalls/fw.yaml"
    write_yaml(path, {**yaml.safe_load(path.read_text("utf-8")), "lock": "both"})

    def is_killed(call: Call, handle: Handle) -> Answer:
        stage._is_dead = True
        raise Killed

    stage.rules.append(Rule("fw generate", is_killed, times=1))
    assert stage.night().code is None
    first = stage.firewalls[UNIT]
    assert first.locks.of("config", "all")
    pair_of(stage).failover()
    assert stage.night().code == 0
    assert first.locks.of("config", "all") == [] and first.locks.of("commit", "all") == []


def test_one_device_under_two_profiles_is_still_found(stage: Stage) -> None:
    assert stage.night().code == 0
    document = yaml.safe_load((stage.folder / "profiles/firewalls/fw.yaml").read_text("utf-8"))
    peer = document.pop("ha_peer")
    (stage.folder / "profiles/firewalls/same.yaml").write_text(yaml.safe_dump({**document, **peer}))
    (stage.folder / "profiles/firewalls/same.yaml").chmod(0o600)
    pair_of(stage).failover()
    stage.add_profile("other", "other.example.com", firewall="same", bound=None)
    night = stage.night()
    assert (night.code, night.error_codes) == (1, {"blocked"})
    assert "is also that of the firewall profile fw" in night.err


def test_failovers_raise_no_false_alarm(stage: Stage) -> None:
    for _ in range(4):
        stage.skip(DUE)
        assert stage.night().code == 0
        pair_of(stage).failover()
    assert len(stage.orders) >= 4


def test_the_peer_that_is_not_in_step_is_told(stage: Stage) -> None:
    pair_of(stage).sync_seconds = None
    night = stage.night()
    assert night.code == 0
    (row,) = night.rows
    assert any("is not in step after the commit (synchronization in progress)" in note for note in row["notes"])


def test_active_active_only_the_primary(tmp_path: Path) -> None:
    with staged(tmp_path) as made:
        made.add_profile(NAME, COMMON_NAME)
        made.pair_up(UNIT, OTHER)
        pair = HaPair(*pair_of(made).units, mode="Active-Active")
        pair.failover()
        assert made.night().code == 0
        assert [len(made.firewalls[unit].commits) for unit in (UNIT, OTHER)] == [0, 1]
        for unit in (UNIT, OTHER):
            made.switch_panos(unit, ha_state_words="spaced")
        made.skip(DUE)
        night = made.night()
        assert (night.code, night.error_codes) == (1, {"ha"}), "a spelling that is not known stops"


def test_check_names_both_units_with_their_states(tmp_path: Path) -> None:
    options = WorldOptions(["fw-edge"], pairs=["fw-edge"])
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}, options) as place:
        assert place.run("run").code == 0
        done = place.run("check")
        first, second = (server.url.removeprefix("https://") for server in place.world.servers.values())
        assert done.code == 0, done.out + done.err
        assert f"{first} active, peer passive" in done.out
        assert f"{second} passive, peer active" in done.out
        place.world.pairs["fw-edge"].split()
        done = place.run("check")
        assert done.code == 1
        assert "both say that they are active" in done.out + done.err


def test_check_of_one_unit_that_is_passive(tmp_path: Path) -> None:
    options = WorldOptions(["fw-edge"], pairs=["fw-edge"])
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}, options) as place:
        path = tmp_path / "profiles/firewalls/fw-edge.yaml"
        profile = yaml.safe_load(path.read_text("utf-8"))
        del profile["ha_peer"]
        path.write_text(yaml.safe_dump(profile))
        assert place.run("check").code == 0
        place.world.pairs["fw-edge"].failover()
        done = place.run("check")
        assert done.code == 1
        assert "this unit of the HA pair is passive" in done.out + done.err
        done = place.run("run")
        assert done.code == 1
        assert place.world.firewalls["fw-edge"].certificates(running=False) == {}


STEPS = range(1, FAILOVER_REQUESTS)
SWEEP = [
    *((number, "due", "DV", {}) for number in STEPS),
    *((number, "new", "DV", {}) for number in STEPS[::4]),
    *((number, "due", "OV", {}) for number in STEPS[2::4]),
    *((number, "due", "DV", {"ha_passive_writes": "refused"}) for number in STEPS[1::5]),
    *((number, "due", "DV", {"private_key_hidden_from": "everybody", "csr_hidden_from": "everybody"})
      for number in STEPS[3::5]),
]  # fmt: skip


@pytest.mark.parametrize(("number", "start", "kind", "switches"), one_in(40, SWEEP))
def test_a_failover_at_every_step(number: int, start: str, kind: str, switches: dict[str, str]) -> None:
    verdict = play(failover_world(number, start, kind, **switches))
    assert verdict.holds, "\n".join([*verdict.problems, *verdict.diary[-60:]])
