"""Pushes of a simulated Panorama: what reaches its devices, what stays local there, and what is said of each."""

from __future__ import annotations

from typing import Any

import pytest

from paloaltofw.sandbox.panos.keystore import spki
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.switches import PanosSwitches
from tests.sandbox.panos.bench import ALICE, SHARED, SVC, certificate, key, pem
from tests.sandbox.panos.bench import PROFILES as DEVICE_PROFILES
from tests.sandbox.panos.panorama_bench import CERTIFICATES, PanoramaBench, marks, steered

NAME = "vpn-2026"
ENTRY = f"{SHARED}/entry[@name='{NAME}']"
JOB = "<show><jobs><id>{}</id></jobs></show>"


def committed(**values: Any) -> PanoramaBench:
    """A certificate in template T1, committed on Panorama, on no device yet."""
    bench = steered(**values)
    bench.enroll_in()
    assert bench.partial().is_success
    bench.clock.advance(3600)
    return bench


def held(bench: PanoramaBench, index: int = 0) -> list[str]:
    """The certificates in the running configuration of a device."""
    return sorted(bench.devices[index].firewall.certificates(running=True))


def settle(bench: PanoramaBench) -> PanoramaBench:
    with bench.panorama.settled():
        return bench


# --- what reaches the devices -----------------------------------------------------------------------------------------


def test_a_push_brings_certificate_and_key_with_the_marks_of_the_template() -> None:
    bench = committed()
    pushed = bench.push()
    assert pushed.text.startswith("Job enqueued with jobid ")
    job = bench.job(pushed.job)
    assert (job.findtext("type"), job.findtext("status"), job.findtext("result")) == ("CommitAll", "FIN", "OK")
    assert bench.results(pushed.job) == {"fw-1": "OK", "fw-2": "OK"}
    made = bench.panorama.private_key(NAME, vsys=places.in_template("T1"))
    for index, device in enumerate(bench.devices):
        assert spki(device.firewall.private_key(NAME)) == spki(made)
        entry = bench.on_device(index, ENTRY).root.find("result/entry")
        assert entry is not None
        assert marks(entry)[0] == ("tpl", "T1") and set(marks(entry)[1:]) == {("tpl", None)}
        shown = bench.on_device(index, ENTRY, "show").root.find("result/entry")
        assert shown is not None and set(marks(shown)) == {(None, None)}
        assert device.firewall.pending_changes() == [] and device.firewall.commits == []


def test_a_second_push_changes_nothing() -> None:
    bench = committed()
    assert bench.push().is_success
    first = bench.on_device(0, ENTRY).answer.body
    assert bench.push().is_success
    assert bench.on_device(0, ENTRY).answer.body == first


def test_what_is_not_committed_on_panorama_is_not_pushed() -> None:
    bench = steered()
    bench.enroll_in()
    assert bench.results(bench.push().job) == {"fw-1": "OK", "fw-2": "OK"}
    assert held(bench) == []


def test_what_left_the_template_leaves_the_devices() -> None:
    bench = committed()
    assert bench.push().is_success
    assert held(settle(bench)) == [NAME]
    assert bench.config("delete", f"{CERTIFICATES['T1']}/entry[@name='{NAME}']").is_success
    assert bench.partial().is_success
    assert bench.push().is_success
    assert held(settle(bench)) == []


def test_the_stack_comes_before_its_templates_and_these_in_their_order() -> None:
    bench = PanoramaBench()
    places_of = {"S1": places.in_stack("S1"), "T1": places.in_template("T1"), "T2": places.in_template("T2")}
    for number, (owner, names) in enumerate((("S1", "a"), ("T1", "ab"), ("T2", "abc"))):
        for name in names:
            bench.panorama.install_certificate(name, certificate(key(number)), key(number), places_of[owner])
    assert bench.push().is_success
    entries = settle(bench).on_device(0, f"{SHARED}/entry").root.findall("result/entry")
    assert {entry.get("name"): entry.get("ptpl") for entry in entries} == {"a": "S1", "b": "T1", "c": "T2"}
    firewall = bench.devices[0].firewall
    assert [spki(firewall.private_key(name)) for name in "abc"] == [spki(key(number)) for number in range(3)]


@pytest.mark.parametrize(
    ("kind", "inside", "reached"),
    [
        ("template-stack", "<name>S1</name>", [0, 1]),
        ("template-stack", "<name>S1</name><device><member>{0}</member></device>", [0]),
        ("template-stack", "<name>S1</name><device><member>{1}</member><member>{0}</member></device>", [0, 1]),
        ("template", "<name>T1</name>", [0, 1]),
        ("template", "<name>T2</name><device><member>{1}</member></device>", [1]),
        ("shared-policy", "<device-group><entry name='D'/></device-group><include-template>yes</include-template>", [0]),
        ("shared-policy", "<device-group><entry name='D'/></device-group><include-template>no</include-template>", []),
        ("template-stack", "<name>S1</name><validate-only>yes</validate-only>", []),
    ],
)  # fmt: skip
def test_which_devices_a_push_reaches(kind: str, inside: str, reached: list[int]) -> None:
    bench = committed()
    serials = [device.serial for device in bench.devices]
    group = "/config/devices/entry[@name='localhost.localdomain']/device-group/entry[@name='D']/devices"
    bench.panorama.install(group, f"<entry name='{serials[0]}'/>")
    pushed = bench.push(inside.format(*serials), kind)
    assert set(bench.results(pushed.job).values()) == {"OK"}
    assert [index for index in (0, 1) if held(bench, index)] == reached


@pytest.mark.parametrize(
    ("kind", "inside"),
    [
        ("template-stack", "<name>none</name>"),
        ("template-stack", "<name>S1</name><device><member>0</member></device>"),
        ("template-stack", "<name>S1</name><nonsense/>"),
        ("template-stack", "<name>S1</name><name>S1</name>"),
        ("template-stack", "<name>S1</name><force-template-values>maybe</force-template-values>"),
        ("template-stack", "<name>S1</name><include-template>yes</include-template>"),
        ("template-stack", "<description>x</description>"),
        ("template-stack", "<name>S1</name><admin/>"),
        ("shared-policy", "<name>S1</name>"),
        ("shared-policy", "<device-group><entry name='none'/></device-group>"),
        ("nonsense", "<name>S1</name>"),
    ],
)
def test_pushes_that_are_refused(kind: str, inside: str) -> None:
    bench = committed()
    assert bench.push(inside, kind).summary[:2] == ("error", "17")
    assert bench.panorama.pushes == []


def test_a_firewall_knows_no_pushes() -> None:
    bench = committed()
    command = "<commit-all><template-stack><name>S1</name></template-stack></commit-all>"
    assert bench.commit(command, action="all", target=bench.devices[0].serial).code == "400"


# --- what is local on a device ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("force", "wins"), [("", "local"), ("no", "local"), ("yes", "template")])
def test_local_values_stay_unless_forced(force: str, wins: str) -> None:
    bench = committed()
    firewall = bench.devices[0].firewall
    firewall.install_certificate(NAME, certificate(key(50)), key(50))
    firewall.install_certificate("other", certificate(key(51)), key(51))
    more = f"<force-template-values>{force}</force-template-values>" if force else ""
    assert bench.push(f"<name>S1</name>{more}").is_success
    own = spki(settle(bench).devices[0].firewall.private_key(NAME))
    assert (own == spki(key(50))) == (wins == "local")
    assert held(bench) == ["other", NAME], "what no template has is nobody's business"
    entry = bench.on_device(0, ENTRY).root.find("result/entry")
    assert entry is not None and entry.get("src") == (None if wins == "local" else "tpl")


@pytest.mark.parametrize("text", ["need_to_override", "cannot_be_overridden"])
def test_a_leaf_of_a_pushed_object_is_not_changed_and_a_whole_object_is_overridden(text: Any) -> None:
    bench = committed(switches=PanosSwitches(template_refusal=text))
    bench.panorama.install_profile("P", NAME, places.in_template("T1"))
    assert bench.push().is_success
    firewall, profile = bench.devices[0].firewall, f"{DEVICE_PROFILES}/entry[@name='P']"
    firewall.install_certificate("own", certificate(key(50)), key(50))
    leaf = bench.on_device(0, f"{profile}/certificate", "edit", element="<certificate>own</certificate>")
    words = "set failed, may need to override template object P first"
    assert leaf.summary == ("error", "13", words if text == "need_to_override" else "Object cannot be overridden")
    partly = "<entry name='P'><certificate>own</certificate></entry>"
    assert not bench.on_device(0, profile, "edit", element=partly).is_success, "not every field is there"
    settings = "<protocol-settings><min-version>tls1-2</min-version><max-version>max</max-version></protocol-settings>"
    whole = f"<entry name='P'>{settings}<certificate>own</certificate></entry>"
    assert bench.on_device(0, profile, "edit", element=whole).is_success
    assert firewall.profile_certificate("P", running=False) == "own"
    entry = bench.on_device(0, profile).root.find("result/entry")
    assert entry is not None and {mark for mark, _ in marks(entry)} == {None}
    assert bench.push().is_success
    assert settle(bench) and firewall.profile_certificate("P", running=False) == "own", "an override outlives a push"
    assert bench.on_device(0, profile, "delete").is_success
    assert firewall.profile_certificate("P", running=False) == NAME, "the template's comes back"


def test_override_is_an_action_of_its_own() -> None:
    bench = committed()
    bench.panorama.install_profile("P", NAME, places.in_template("T1"))
    bench.devices[0].firewall.install_profile("local", "nothing")
    assert bench.push().is_success
    bench = settle(bench)
    local = f"{DEVICE_PROFILES}/entry[@name='local']"
    refused = bench.on_device(0, local, "override", element="<entry name='local'/>")
    assert refused.summary == ("error", "13", "Object cannot be overridden")


@pytest.mark.parametrize(
    ("unasked", "merge", "is_committed"),
    [(True, "", True), (False, "", False), (True, "no", False), (False, "no", False), (False, "yes", True)],
)
def test_uncommitted_work_on_a_device_goes_along_only_when_merged(
    unasked: bool, merge: str, is_committed: bool
) -> None:
    bench = committed(push_merges_unasked=unasked)
    firewall = bench.devices[0].firewall
    firewall.change_as(ALICE, SHARED, "<entry name='alices'><ca>yes</ca></entry>")
    more = f"<merge-with-candidate-cfg>{merge}</merge-with-candidate-cfg>" if merge else ""
    assert bench.push(f"<name>S1</name>{more}").is_success
    assert held(settle(bench)) == (["alices", NAME] if is_committed else [NAME])
    assert [change.owner for change in firewall.pending_changes()] == ([] if is_committed else [ALICE])


# --- devices that do not take it ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "expected"),
    [("left_out", {"fw-1": "OK"}), ("fails", {"fw-1": "OK", "fw-2": "FAIL"}), ("refused", None)],
)
def test_a_device_that_is_off(position: Any, expected: dict[str, str] | None) -> None:
    bench = committed(push_to_disconnected=position)
    bench.devices[1].is_connected = False
    pushed = bench.push()
    assert pushed.is_success == (expected is not None)
    if expected is not None:
        assert bench.results(pushed.job) == expected
    assert held(bench, 1) == []
    bench.devices[1].is_connected = True
    assert bench.results(bench.push().job) == {"fw-1": "OK", "fw-2": "OK"}
    assert held(bench, 1) == [NAME]


@pytest.mark.parametrize("position", ["ok", "worst"])
def test_a_device_that_fails(position: Any) -> None:
    bench = committed(push_result=position)
    bench.devices[1].trouble = "Details: management server restarted"
    pushed = bench.push()
    job = bench.job(pushed.job)
    assert job.findtext("result") == ("OK" if position == "ok" else "FAIL")
    assert bench.results(pushed.job) == {"fw-1": "OK", "fw-2": "FAIL"}
    lines = [line.text for line in job.findall("devices/entry[2]/details/msg/errors/line")]
    assert lines == ["Details: management server restarted", "Commit failed"]
    assert job.findall("devices/entry[1]/details/msg/errors/line") == []


def test_a_device_fails_whose_configuration_would_be_invalid_or_whose_commits_are_locked() -> None:
    bench = committed()
    first, second = (device.firewall for device in bench.devices)
    first.install_profile("Q", "none")
    second.lock_as(ALICE, "commit")
    pushed = bench.push()
    entries = bench.job(pushed.job).findall("devices/entry")
    texts = [" ".join(line.text or "" for line in entry.iter("line")) for entry in entries]
    assert "'none' is not a valid reference" in texts[0] and "Commit failed" in texts[0]
    assert texts[1] == "Other administrators are holding device wide commit locks."
    assert bench.results(pushed.job) == {"fw-1": "FAIL", "fw-2": "FAIL"}
    assert held(bench) == held(bench, 1) == []


@pytest.mark.parametrize("is_first", [True, False])
def test_the_job_may_end_before_its_devices(is_first: bool) -> None:
    bench = committed(commit_seconds=20.0, push_ends_before_devices=is_first)
    for device, seconds in zip(bench.devices, (10, 30), strict=True):
        device.push_seconds = seconds
    pushed = bench.push()
    seen = []
    for _ in range(6):
        status = bench.job(pushed.job).findtext("status")
        seen.append((status, *bench.results(pushed.job).values(), len(held(bench)), len(held(bench, 1))))
        bench.clock.advance(10)
    parent = ["ACT", "ACT", *(["FIN"] * 4 if is_first else ["ACT", "ACT", "ACT", "FIN"])]
    first = ["PEND"] * 3 + ["OK"] * 3
    second = ["PEND"] * 5 + ["OK"]
    assert seen == [
        (status, one, two, int(one == "OK"), int(two == "OK"))
        for status, one, two in zip(parent, first, second, strict=True)
    ]


def test_a_device_may_hang() -> None:
    bench = committed()
    bench.devices[1].hangs = True
    pushed = bench.push()
    bench.clock.advance(24 * 3600)
    assert bench.results(pushed.job) == {"fw-1": "OK", "fw-2": "PEND"}
    bench.devices[1].hangs = False
    assert bench.results(pushed.job) == {"fw-1": "OK", "fw-2": "OK"}


def test_a_push_waits_for_nobody() -> None:
    bench = committed(commit_seconds=20.0)
    first = bench.push()
    assert bench.push().text.startswith("Another commit/validate is in progress.")
    bench.clock.advance(60)
    bench.panorama.lock_as(ALICE, "commit")
    assert bench.push().summary == ("error", "14", "Other administrators are holding device wide commit locks.")
    assert bench.results(first.job) == {"fw-1": "OK", "fw-2": "OK"}


# --- whose changes go along -------------------------------------------------------------------------------------------


def with_alices(**values: Any) -> PanoramaBench:
    """Another administrator has committed to the same template, and pushed nothing."""
    bench = committed(**values)
    ca = pem(certificate(key(60), start=certificate(key(1)).not_valid_before_utc, is_ca=True))
    assert bench.upload("alices", ca, ALICE, target_tpl="T1").is_success
    assert bench.partial(ALICE).is_success
    return settle(bench)


@pytest.mark.parametrize(
    ("values", "admin", "expected"),
    [
        ({}, "", ["alices", NAME]),
        ({}, SVC, [NAME]),
        ({}, ALICE, ["alices"]),
        ({"push_of_admin": "ignored"}, SVC, ["alices", NAME]),
        ({"push_of_admin": "unexpected"}, SVC, None),
        ({"sw_version": "10.1.14"}, SVC, None),
        ({"sw_version": "10.2.9"}, SVC, [NAME]),
        ({"sw_version": "10.1.14", "push_of_admin": "honoured"}, SVC, [NAME]),
    ],
)
def test_what_others_committed_goes_along_unless_an_administrator_is_named(
    values: dict[str, Any], admin: str, expected: list[str] | None
) -> None:
    bench = with_alices(**values)
    inside = f"<admin><member>{admin}</member></admin>" if admin else ""
    pushed = bench.push(f"<name>S1</name>{inside}")
    assert pushed.is_success == (expected is not None)
    assert held(settle(bench)) == (expected or [])
    assert bench.push().is_success
    assert held(settle(bench)) == ["alices", NAME]


# --- managed devices ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("which", "names"), [("all", ["fw-1", None]), ("connected", ["fw-1"])])
def test_the_list_of_devices(which: str, names: list[str | None]) -> None:
    bench = PanoramaBench()
    bench.devices[1].is_connected = False
    bench.devices[0].ha_state = "active"
    entries = bench.op(f"<show><devices><{which}/></devices></show>").root.findall("result/devices/entry")
    assert [entry.findtext("hostname") for entry in entries] == names
    assert [entry.get("name") for entry in entries] == [d.serial for d in bench.devices][: len(names)]
    assert [entry.findtext("connected") for entry in entries] == ["yes", "no"][: len(names)]
    assert entries[0].findtext("ha/state") == "active"


def test_requests_for_a_device_are_passed_on() -> None:
    bench = PanoramaBench()
    serial, firewall = bench.devices[1].serial, bench.devices[1].firewall
    info = bench.op("<show><system><info/></system></show>", target=serial).root
    assert info.findtext("result/system/hostname") == "fw-2"
    assert bench.on_device(1, SHARED, "set", element="<entry name='x'><ca>yes</ca></entry>").is_success
    assert [(change.owner, change.path[-1].name) for change in firewall.pending_changes()] == [(SVC, "x")]
    assert bench.panorama.pending_changes() == []
    assert bench.commit(target=serial).is_success
    assert sorted(firewall.certificates(running=True)) == ["x"]
    assert bench.op("<show><devices><all/></devices></show>", target=serial).code == "17"
    exported = bench.ask(type="export", category="certificate", certificate_name="x", format="pem",
                         include_key="no", target=serial)  # fmt: skip
    assert exported.text == "certificate x has no certificate"


@pytest.mark.parametrize("type_", ["version", "import"])
def test_what_cannot_be_targeted(type_: str) -> None:
    bench = PanoramaBench()
    refused = bench.ask(type=type_, target=bench.devices[0].serial)
    assert (refused.code, refused.text) == ("400", f'Illegal value for parameter "type" [{type_}].')


def test_a_device_that_is_off_or_unknown_cannot_be_targeted() -> None:
    bench = PanoramaBench()
    bench.devices[0].is_connected = False
    for serial in (bench.devices[0].serial, "0"):
        refused = bench.op("<show><clock/></show>", target=serial)
        assert refused.summary == ("error", "13", f"{serial} not connected")


def test_a_reboot_of_panorama_loses_its_jobs() -> None:
    bench = committed(commit_seconds=20.0)
    pushed = bench.push()
    bench.panorama.reboot()
    bench.clock.advance(3600)
    assert bench.op(JOB.format(pushed.job)).code == "7"
    assert held(settle(bench)) == []
