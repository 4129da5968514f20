"""Commits of the simulated firewall: jobs, partial commits, the change journal, validation, locks, reboot."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.sandbox.panos.commit_jobs import SAME_RESULT
from paloaltofw.sandbox.panos.commit_requests import BUSY, NO_CHANGES
from paloaltofw.sandbox.panos.device import Role
from tests.sandbox.panos.bench import (
    ALICE,
    BOB,
    PROFILES,
    SHARED,
    SVC,
    SYSTEM,
    VSYS1,
    Bench,
    certificate,
    key,
    pem,
    switched,
)

ADDRESSES = f"{VSYS1}/address"
RULES = f"{VSYS1}/rulebase/security/rules"


def busy_bench(commit_seconds: float = 0.0, **values: Any) -> Bench:
    """Two other administrators have uncommitted changes."""
    bench = switched(commit_seconds, **values)
    bench.firewall.change_as(ALICE, ADDRESSES, "<entry name='db-1'><fqdn>db.example</fqdn></entry>")
    bench.firewall.change_as(BOB, f"{RULES}/entry[@name='allow-web']", "<action>deny</action>")
    return bench


OTHERS = [
    (ALICE, " CREATE", f"{ADDRESSES}/entry[@name='db-1']"),
    (BOB, " EDIT", f"{RULES}/entry[@name='allow-web']"),
]


def running(bench: Bench, xpath: str) -> str:
    return bench.config("show", xpath).text


# --- partial commits and the journal -------------------------------------------------------------------------------


def test_a_partial_commit_leaves_other_administrators_changes_pending() -> None:
    bench = busy_bench()
    issued = bench.enroll()
    assert bench.changes() == [*OTHERS, (SVC, " CREATE", f"{SHARED}/entry[@name='vpn-2026']")]
    enqueued = bench.partial()
    assert enqueued.code == "19" and enqueued.root.findtext("result/msg/line") == (
        f"Commit job enqueued with jobid {enqueued.job}"
    )
    assert bench.firewall.running_certificate("vpn-2026") == issued
    assert bench.changes() == OTHERS
    assert running(bench, f"{ADDRESSES}/entry[@name='db-1']") == "No such node"
    assert running(bench, f"{RULES}/entry[@name='allow-web']/action") == "allow"
    node = bench.config("get", SHARED).root.find("result/certificate/entry")
    assert node is not None and not any(child.get("dirtyId") for child in node.iter())
    assert bench.firewall.commits[0].admins == (SVC,)
    assert bench.firewall.commits[0].objects == (f"{SHARED}/entry[@name='vpn-2026']",)


def test_a_full_commit_takes_everything() -> None:
    bench = busy_bench()
    bench.generate()
    assert bench.commit("<commit></commit>").is_success
    assert bench.changes() == []
    assert running(bench, f"{RULES}/entry[@name='allow-web']/action") == "deny"
    assert bench.firewall.private_key("vpn-2026") is not None
    assert bench.firewall.commits[0].admins is None and len(bench.firewall.commits[0].objects) == 3


def test_who_may_not_commit_for_others() -> None:
    bench = Bench(role=Role(may_commit_for_others=False))
    bench.generate()
    assert bench.commit().code == "16"
    assert bench.commit("<commit><partial><admin><member>alice</member></admin></partial></commit>").code == "16"
    assert bench.commit("<commit><partial/></commit>").code == "16"
    assert bench.partial().code == "19"


def test_the_journal_ends_where_the_change_is_undone() -> None:
    bench = Bench()
    path = f"{SYSTEM}/login-banner"
    bench.config("set", SYSTEM, element="<login-banner>x</login-banner>")
    assert bench.changes() == [(SVC, " CREATE", path)]
    assert bench.op("<check><pending-changes/></check>").text == "yes"
    bench.config("delete", path)
    assert bench.changes() == []
    assert bench.op("<check><pending-changes/></check>").text == "yes", "an edit that came to nothing still counts"
    bench.generate()
    bench.enroll("second")
    bench.config("delete", f"{SHARED}/entry[@name='vpn-2026']")
    assert [change[2] for change in bench.changes()] == [f"{SHARED}/entry[@name='second']"]


def test_two_administrators_of_one_object() -> None:
    bench = Bench()
    bench.firewall.change_as(ALICE, f"{ADDRESSES}/entry[@name='web-1']", "<description>a</description>")
    bench.config("set", f"{ADDRESSES}/entry[@name='web-1']", element="<tag><member>t</member></tag>")
    root = bench.op("<show><config><list><changes/></list></config></show>").root
    entry = root.find("result/journal/entry")
    assert entry is not None
    assert (entry.findtext("owner"), entry.findtext("admin-history")) == (SVC, "alice,svc")
    node = bench.config("get", f"{ADDRESSES}/entry[@name='web-1']").root.find("result/entry")
    assert node is not None
    assert {child.tag: child.get("admin") for child in node} == {"ip-netmask": None, "description": ALICE, "tag": SVC}


@pytest.mark.parametrize("shape", ["journal", "empty", "unknown_command"])
def test_shapes_of_the_list_of_changes(shape: str) -> None:
    bench = switched(changes_shape=shape)
    command = "<show><config><list><changes/></list></config></show>"
    clean = bench.op(command)
    bench.generate()
    dirty = bench.op(command)
    if shape == "unknown_command":
        assert dirty.summary == ("error", "17", "show -> config -> list -> changes is unexpected")
        return
    assert clean.is_success and clean.root.find("result") is not None and clean.root.find("result/journal") is None
    assert (dirty.root.find("result/journal/entry") is not None) is (shape == "journal")


STEP = st.tuples(
    st.sampled_from([SVC, ALICE, BOB]), st.integers(0, 5), st.sampled_from(["set", "delete", "edit"]), st.booleans()
)


@given(st.lists(STEP, max_size=12))
@settings(max_examples=25, deadline=None)
def test_partial_commits_of_disjoint_changes_add_up(steps: list[tuple[str, int, str, bool]]) -> None:
    """Whatever three administrators do to objects of their own, a partial commit brings over exactly one's."""
    bench = Bench()
    for admin, number, action, is_committed in steps:
        path = f"{ADDRESSES}/entry[@name='{admin}-{number}']"
        element = f"<entry name='{admin}-{number}'><fqdn>{action}.example</fqdn></entry>"
        inner = "<fqdn>set.example</fqdn>" if action == "set" else element
        bench.config(action, path, admin, **({"element": inner} if action != "delete" else {}))
        if is_committed:
            bench.partial(admin)
    bench.partial(SVC)
    for admin in (SVC, ALICE, BOB):
        own = [change for change in bench.changes() if change[0] == admin]
        same = [running(bench, change[2]) == bench.config("get", change[2]).text for change in own]
        assert not any(same)
        assert admin != SVC or own == []
    bench.commit()
    assert bench.changes() == []
    assert set(running(bench, ADDRESSES).split()) == set(bench.config("get", ADDRESSES).text.split())


# --- what a commit may say -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "objects"),
    [
        ("<shared-object>excluded</shared-object>", {"hostname", "allow"}),
        ("<device-and-network>excluded</device-and-network>", {"cert", "allow"}),
        ("<policy-and-objects>excluded</policy-and-objects>", {"cert", "hostname"}),
        ("<shared-object>excluded</shared-object><policy-and-objects>excluded</policy-and-objects>", {"hostname"}),
        ("<vsys><member>vsys1</member></vsys>", {"allow"}),
        ("<no-vsys/>", {"cert", "hostname"}),
        ("", {"cert", "hostname", "allow"}),
    ],
)
def test_exclusions_of_a_partial_commit(part: str, objects: set[str]) -> None:
    bench = Bench()
    bench.generate("cert")
    bench.config("set", SYSTEM, element="<hostname>new-name</hostname>")
    bench.config("set", f"{RULES}/entry[@name='allow-web']", element="<action>deny</action>")
    assert bench.partial(inside=part).is_success
    pending = {change[2].rpartition("/")[2] for change in bench.changes()}
    names = {"cert": "entry[@name='cert']", "hostname": "hostname", "allow": "entry[@name='allow-web']"}
    assert pending == {xpath for short, xpath in names.items() if short not in objects}


@pytest.mark.parametrize("mode", ["both", "direct_only", "partial_only", "refused"])
def test_where_the_description_may_stand(mode: str) -> None:
    bench = switched(commit_description=mode)
    bench.generate()
    partial = "<partial><admin><member>svc</member></admin>{}</partial>"
    text = "<description>renewal &amp; more</description>"
    direct = bench.commit(f"<commit>{text}{partial.format('')}</commit>")
    bench.generate("second")
    inside = bench.commit(f"<commit>{partial.format(text)}</commit>", action="partial")
    if mode in ("both", "direct_only"):
        assert bench.job(direct.job).findtext("description") == "renewal & more"
    else:
        assert direct.summary == ("error", "17", "commit -> description is unexpected")
    if mode in ("both", "partial_only"):
        assert bench.job(inside.job).findtext("description") == "renewal & more"
    else:
        assert inside.summary == ("error", "17", "commit -> partial -> description is unexpected")


@pytest.mark.parametrize(
    "command",
    [
        "<commit><foo/></commit>",
        "<commit><admin><member>svc</member></admin></commit>",
        "<commit>x</commit>",
        "<commit><partial><admin/></partial></commit>",
        "<commit><partial><admin><entry/></admin></partial></commit>",
        "<commit><partial><admin>svc</admin></partial></commit>",
        "<commit><partial><foo/></partial></commit>",
        "<commit><partial><shared-object/></partial></commit>",
        "<commit><partial><shared-object>included</shared-object></partial></commit>",
        "<commit><partial/><partial/></commit>",
        "<commit><partial><partial/></partial></commit>",
        "<commit><partial><no-vsys>x</no-vsys></partial></commit>",
        "<commit><force><description>x</description></force></commit>",
        f"<commit><description>{'x' * 513}</description></commit>",
        "<commit><description/></commit>",
        "<commit-all/>",
    ],
)
def test_wrong_commit_commands_have_code_17_and_commit_nothing(command: str) -> None:
    bench = Bench()
    bench.generate()
    assert bench.commit(command).code == "17"
    assert bench.firewall.commits == [] and len(bench.changes()) == 1


def test_action_partial_needs_a_partial_commit() -> None:
    bench = Bench()
    bench.generate()
    assert bench.commit(action="partial").code == "17"
    command = "<commit><partial><admin><member>svc</member></admin></partial></commit>"
    assert bench.commit(command, action="partial").code == "19"


def test_nothing_to_commit() -> None:
    bench = busy_bench()
    assert Bench().commit().answer.body == (
        f'<response status="success" code="19"><msg>{NO_CHANGES}</msg></response>'.encode()
    )
    assert bench.partial().text == NO_CHANGES
    nobody = "<commit><partial><admin><member>nobody</member></admin></partial></commit>"
    assert bench.commit(nobody).text == NO_CHANGES
    assert bench.commit("<commit><force/></commit>").job
    assert Bench().commit("<commit><force/></commit>").job, "forced even without changes"


@pytest.mark.parametrize("mode", ["same_result_msg", "same_result_error", "job_with_same_result"])
def test_other_wordings_for_a_partial_commit_without_changes(mode: str) -> None:
    bench = switched(no_partial_changes=mode)
    answer = bench.partial()
    if mode == "job_with_same_result":
        job = bench.job(answer.job)
        assert (job.findtext("result"), job.findtext("details/line")) == ("OK", SAME_RESULT)
    else:
        status = "success" if mode == "same_result_msg" else "error"
        assert (answer.root.get("status"), answer.text) == (status, SAME_RESULT)
    assert bench.commit().text == NO_CHANGES, "a full commit has the confirmed wording"


# --- jobs ----------------------------------------------------------------------------------------------------------


def test_a_job_from_its_start_to_its_end() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=2), "CEST")
    bench = Bench(commit_seconds=20, zone=zone)
    bench.generate()
    number = bench.partial(inside="<description>txt</description>").job
    first = {child.tag: child.text for child in bench.job(number)}
    assert first == {
        "tenq": "2026/01/01 14:00:00", "tdeq": "14:00:00", "id": number, "user": SVC, "type": "Commit", "status": "ACT",
        "queued": "NO", "stoppable": "no", "result": "PEND", "tfin": "Still Active", "description": "txt",
        "positionInQ": "0", "progress": "0", "details": None, "warnings": None,
    }  # fmt: skip
    seen = [0]
    for _ in range(19):
        bench.clock.advance(1)
        seen.append(int(bench.job(number).findtext("progress") or ""))
    assert seen == sorted(seen) and seen[10] == 49 and seen[-1] < 100
    assert bench.firewall.private_key("vpn-2026") is None
    bench.clock.advance(1)
    last = bench.job(number)
    assert [last.findtext(tag) for tag in ("status", "result", "tfin", "progress")] == [
        "FIN", "OK", "2026/01/01 14:00:20", "100"
    ]  # fmt: skip
    assert last.findtext("details/line") == "Configuration committed successfully"
    assert bench.firewall.private_key("vpn-2026") is not None


def test_lists_of_jobs_and_the_unknown_job() -> None:
    bench = Bench(commit_seconds=10)
    bench.generate()
    first = bench.partial().job
    bench.clock.advance(10)
    bench.generate("second")
    second = bench.partial().job

    def ids(which: str) -> list[str | None]:
        return [job.findtext("id") for job in bench.op(f"<show><jobs><{which}/></jobs></show>").root.iter("job")]

    assert (ids("all"), ids("pending"), ids("processed")) == ([second, first], [second], [first])
    unknown = bench.op("<show><jobs><id>19</id></jobs></show>")
    assert (
        unknown.answer.body == b'<response status="error" code="7"><msg><line>job 19 not found</line></msg></response>'
    )


@pytest.mark.parametrize("code", [None, 13])
def test_a_second_commit_is_refused_while_one_runs(code: int | None) -> None:
    bench = switched(20, busy_code=code)
    bench.generate()
    bench.partial()
    for refused in (
        bench.partial(),
        bench.commit("<commit/>", ALICE),
        bench.commit("<commit><validate/></commit>"),
        bench.op("<validate><full/></validate>"),
    ):
        assert refused.summary == ("error", str(code) if code else None, BUSY)
    assert BUSY == "Another commit/validate is in progress. Please try again later"
    bench.clock.advance(20)
    assert bench.partial().text == NO_CHANGES


def test_a_second_commit_is_queued_by_switch() -> None:
    bench = switched(20, busy_commit="queue")
    bench.generate("a")
    first = bench.partial().job
    bench.clock.advance(5)
    bench.generate("b")
    second = bench.partial().job
    bench.firewall.change_as(ALICE, ADDRESSES, "<entry name='db-1'><fqdn>db</fqdn></entry>")
    third = bench.partial(ALICE).job

    def state(number: str) -> tuple[str, ...]:
        job = bench.job(number)
        return tuple(job.findtext(tag) or "" for tag in ("status", "queued", "positionInQ", "result", "progress"))

    assert state(first) == ("ACT", "NO", "0", "PEND", "24")
    assert state(second) == ("PEND", "YES", "1", "PEND", "0")
    assert state(third) == ("PEND", "YES", "2", "PEND", "0")
    bench.clock.advance(15)
    assert state(first)[0] == "FIN" and state(second)[:3] == ("ACT", "NO", "0") and state(third)[2] == "1"
    bench.clock.advance(40)
    assert [commit.result for commit in bench.firewall.commits] == ["OK"] * 3
    assert bench.job(third).findtext("tdeq") == "12:00:40"


def test_a_commit_holds_what_the_candidate_held_when_it_was_enqueued() -> None:
    bench = Bench(commit_seconds=20)
    issued = bench.enroll()
    bench.partial()
    later = certificate(bench.csr(), days=200)
    bench.upload("vpn-2026", pem(later))
    bench.generate("second")
    bench.clock.advance(20)
    assert bench.firewall.running_certificate("vpn-2026") == issued
    assert [change[1:] for change in bench.changes()] == [
        (" EDIT", f"{SHARED}/entry[@name='vpn-2026']"), (" CREATE", f"{SHARED}/entry[@name='second']")
    ]  # fmt: skip
    node = bench.config("get", f"{SHARED}/entry[@name='vpn-2026']/private-key").root.find("result/private-key")
    assert node is not None and not node.get("dirtyId"), "the key was committed and is unchanged since"
    assert bench.config("get", f"{SHARED}/entry[@name='vpn-2026']/public-key").root[0][0].get("admin") == SVC


# --- validation ----------------------------------------------------------------------------------------------------


def test_a_profile_whose_certificate_would_not_be_running_fails_the_commit() -> None:
    bench = Bench()
    bench.generate()
    bench.config("set", PROFILES, ALICE, element="<entry name='P'><certificate>vpn-2026</certificate></entry>")
    job = bench.job(bench.partial(ALICE).job)
    lines = [(line.text or "").strip() for line in job.findall("details/line")]
    assert (job.findtext("status"), job.findtext("result")) == ("FIN", "FAIL")
    assert lines == [
        "shared -> ssl-tls-service-profile -> P -> certificate 'vpn-2026' is not a valid reference",
        "Commit failed",
    ]
    assert len(bench.changes()) == 2 and running(bench, f"{PROFILES}/entry") == "No such node"
    assert bench.job(bench.commit().job).findtext("result") == "OK"


def test_an_invalid_candidate_makes_everybodys_commits_fail() -> None:
    bench = busy_bench()
    bench.generate()
    line = " certificate -> vpn-2026 is not wanted"
    bench.firewall.jobs.objections.append(lambda root: [line] if root.find(".//entry[@name='vpn-2026']") else [])
    for admin in (SVC, ALICE):
        command = f"<commit><partial><admin><member>{admin}</member></admin></partial></commit>"
        job = bench.job(bench.commit(command, admin).job)
        assert job.findtext("result") == "FAIL"
        assert [item.text for item in job.findall("details/line")] == [line, "Commit failed"]
    revert = f"<revert><config><partial><admin><member>{SVC}</member></admin></partial></config></revert>"
    assert bench.op(revert).is_success
    job = bench.job(
        bench.commit(f"<commit><partial><admin><member>{ALICE}</member></admin></partial></commit>", ALICE).job
    )
    assert job.findtext("result") == "OK"


def test_management_bound_to_a_profile_that_would_not_be_running() -> None:
    bench = Bench()
    bench.firewall.install_certificate("a", certificate(key()), key())
    bench.config("set", PROFILES, element="<entry name='P'><certificate>a</certificate></entry>")
    bench.config("set", SYSTEM, ALICE, element="<ssl-tls-service-profile>P</ssl-tls-service-profile>")
    job = bench.job(bench.partial(ALICE).job)
    assert job.findtext("result") == "FAIL" and "'P' is not a valid reference" in (job.findtext("details/line") or "")
    inside = "<shared-object>excluded</shared-object>"
    assert bench.partial(inside=inside).text == NO_CHANGES


@pytest.mark.parametrize("is_broken", [False, True])
@pytest.mark.parametrize(
    "start",
    [
        lambda bench: bench.op("<validate><full/></validate>"),
        lambda bench: bench.commit("<commit><validate/></commit>"),
        lambda bench: bench.commit("<commit><validate><full/></validate></commit>"),
        lambda bench: bench.commit(
            "<commit><validate><partial><admin><member>svc</member></admin></partial></validate></commit>"
        ),
    ],
)
def test_validation_changes_nothing(start: Callable[[Bench], Any], is_broken: bool) -> None:
    bench = switched(dangling_reference="accepted_until_commit")
    bench.generate()
    if is_broken:
        bench.config("set", PROFILES, element="<entry name='P'><certificate>none</certificate></entry>")
    before = bench.changes()
    job = bench.job(start(bench).job)
    last = job.findall("details/line")[-1].text
    assert (job.findtext("type"), job.findtext("result"), last) == (
        ("Validate", "FAIL", "Validation failed") if is_broken else ("Validate", "OK", "Configuration is valid")
    )
    assert bench.changes() == before and bench.firewall.commits == []
