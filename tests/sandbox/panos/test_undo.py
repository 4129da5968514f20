"""Locks against commits, and ways to lose uncommitted changes: revert, load, reboot."""

from __future__ import annotations

import pytest

from paloaltofw.sandbox.panos.commit_requests import FULL_COMMIT
from paloaltofw.sandbox.panos.device import Role
from tests.sandbox.panos.bench import ALICE, BOB, SHARED, SVC, SYSTEM, Bench, generate_command, switched
from tests.sandbox.panos.test_commit_requests import ADDRESSES, OTHERS, busy_bench

# --- locks, revert, load, reboot -----------------------------------------------------------------------------------


def test_a_commit_lock_of_another_administrator() -> None:
    bench = Bench(commit_seconds=5)
    bench.generate()
    bench.firewall.lock_as(ALICE, "commit")
    refused = bench.partial()
    assert refused.answer.body == (
        b'<response status="error" code="14"><msg><line>Other administrators are holding device wide commit locks.'
        b"</line></msg></response>"
    )
    bench.firewall.unlock_as(ALICE, "commit")
    bench.firewall.lock_as(ALICE, "commit", "vsys1")
    assert bench.partial().summary == ("error", "14", "Other administrators are holding commit locks.")
    assert bench.commit("<commit><force/></commit>", ALICE).is_success


@pytest.mark.parametrize("releases", [True, False])
def test_whether_a_commit_releases_its_owners_locks(releases: bool) -> None:
    bench = switched(commit_releases_locks=releases)
    bench.generate()
    for kind in ("config", "commit"):
        bench.firewall.lock_as(SVC, kind)
    bench.partial()
    for kind in ("config", "commit"):
        held = bench.op(f"<show><{kind}-locks/></show>").root.find(".//entry") is not None
        assert held is not releases


@pytest.mark.parametrize("takes", ["own", "everything"])
def test_whose_changes_a_limited_commit_takes(takes: str) -> None:
    bench = busy_bench(partial_commit_takes=takes)
    bench.generate()
    bench.partial()
    assert bench.changes() == (OTHERS if takes == "own" else [])
    made = bench.firewall.commits[-1]
    assert (made.admins, made.foreign) == ((SVC,), () if takes == "own" else (ALICE, BOB))


VALIDATE = f"<validate><partial><admin><member>{SVC}</member></admin></partial></validate>"


@pytest.mark.parametrize("position", ["unexpected", "accepted"])
def test_validation_of_ones_own_changes_alone(position: str) -> None:
    bench = switched(validate_partial=position)
    bench.generate()
    answer = bench.op(VALIDATE)
    if position == "unexpected":
        assert answer.summary == ("error", "17", "validate -> partial is unexpected")
        return
    assert answer.is_success
    job = bench.firewall.jobs.all[-1]
    assert (job.kind, job.order.admins) == ("Validate", (SVC,))
    assert bench.changes() != []


def test_the_list_of_locks_shows_comments_and_scopes() -> None:
    bench = Bench()
    for kind in ("config", "commit"):
        command = f"<request><{kind}-lock><add><comment>paloaltoagent 12 fw</comment></add></{kind}-lock></request>"
        assert bench.op(command).is_success
        entry = bench.op(f"<show><{kind}-locks><vsys>all</vsys></{kind}-locks></show>").root.find(".//entry")
        assert entry is not None
        assert (entry.get("name"), entry.findtext("name")) == (SVC, "shared")
        assert entry.findtext("comment") == "paloaltoagent 12 fw"


REVERT = "<revert><config><partial><admin><member>{}</member></admin></partial></config></revert>"


def test_revert_undoes_ones_own_changes_alone() -> None:
    bench = busy_bench()
    bench.generate()
    bench.config("delete", f"{ADDRESSES}/entry[@name='web-2']")
    bench.config("set", SYSTEM, element="<hostname>x</hostname>")
    assert bench.op(REVERT.format(SVC)).is_success
    assert bench.changes() == OTHERS
    assert bench.config("get", SHARED).root.find(".//entry") is None
    assert bench.config("get", f"{ADDRESSES}/entry[@name='web-2']").code == "19"
    assert bench.config("get", f"{SYSTEM}/hostname").text == "fw-1"
    custom = Bench(role=Role())
    assert custom.op(REVERT.format(ALICE)).code == "16"


def test_loading_the_running_configuration_throws_everything_away() -> None:
    bench = busy_bench()
    bench.generate()
    assert bench.op("<load><config><from>other.xml</from></config></load>").text == "other.xml does not exist"
    assert bench.op("<check><full-commit-required/></check>").text == "no"
    assert bench.op("<load><config><from>running-config.xml</from></config></load>").is_success
    assert bench.changes() == []
    assert bench.op("<check><full-commit-required/></check>").text == "yes"
    bench.generate()
    assert bench.partial().text == FULL_COMMIT
    assert bench.firewall.commits == []
    bench.commit("<commit><force/></commit>")
    assert bench.op("<check><full-commit-required/></check>").text == "no"


def test_a_reboot_loses_what_is_uncommitted_and_unfinished_jobs() -> None:
    bench = Bench(commit_seconds=20)
    issued = bench.enroll("done")
    bench.partial()
    bench.clock.advance(20)
    bench.generate()
    number = bench.partial().job
    bench.firewall.reboot()
    assert bench.firewall.running_certificate("done") == issued
    assert list(bench.firewall.certificates(running=False)) == ["done"]
    bench.clock.advance(60)
    assert list(bench.firewall.certificates(running=True)) == ["done"]
    assert bench.op(f"<show><jobs><id>{number}</id></jobs></show>").text == f"job {number} not found"
    lost = bench.op("<show><jobs><all/></jobs></show>").root.find("result/job")
    assert lost is not None and lost.find("id") is None
    assert (lost.findtext("type"), lost.findtext("details/line")) == (
        "Failed-Job",
        "job failed because of configd restart",
    )
    assert [commit.result for commit in bench.firewall.commits] == ["OK", "LOST"]
    assert bench.generate().is_success and bench.partial().job != number


def test_an_observer_sees_a_finished_commit_without_a_request() -> None:
    bench = Bench(commit_seconds=5)
    bench.op(generate_command())
    bench.partial()
    bench.clock.advance(5)
    assert bench.firewall.commits[0].result == "OK"
    assert bench.firewall.private_key("vpn-2026") is not None
    assert bench.firewall.pending_changes() == []
