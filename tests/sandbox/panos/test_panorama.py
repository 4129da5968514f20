"""A simulated Panorama: who it is, where certificates go, targets, names, references, changes, locks, its own commits."""

from __future__ import annotations

from typing import Any

import pytest

from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.switches import PanosSwitches
from tests.sandbox.panos.bench import ALICE, BOB, SVC, certificate, key, pem
from tests.sandbox.panos.panorama_bench import (
    CERTIFICATES,
    OWN_CERTIFICATES,
    PROFILES,
    STACK_CERTIFICATES,
    PanoramaBench,
    steered,
)

STACK_TARGET = "<template-stack><name>S1</name></template-stack>"
VSYS1 = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']"
TEMPLATE_VSYS = CERTIFICATES["T1"].removesuffix("/config/shared/certificate") + VSYS1 + "/certificate"


def names_at(bench: PanoramaBench, parent: str) -> list[str | None]:
    """The certificates at a place of the candidate."""
    return [node.get("name") for node in bench.config("get", f"{parent}/entry").root.findall("result/entry")]


def everywhere(bench: PanoramaBench) -> dict[str, list[str | None]]:
    """All places that hold a certificate, by a short name."""
    parents = {"panorama": OWN_CERTIFICATES, **CERTIFICATES, "S1": STACK_CERTIFICATES, "T1 vsys1": TEMPLATE_VSYS}
    return {place: names for place, parent in parents.items() if (names := names_at(bench, parent))}


def test_the_defaults_are_the_least_forgiving_positions() -> None:
    switches = PanoramaSwitches()
    assert (switches.generate_under_target, switches.target_bound_to) == ("panorama", "administrator")
    assert (switches.target_template_stack, switches.target_tpl_vsys) == ("unexpected", "ignored")
    assert (switches.push_to_disconnected, switches.push_ends_before_devices, switches.push_result) == (
        "left_out", True, "ok"
    )  # fmt: skip


def test_it_says_that_it_is_a_panorama() -> None:
    bench = PanoramaBench()
    assert bench.ask(type="version").root.findtext("result/model") == "Panorama"
    info = bench.op("<show><system><info/></system></show>").root
    assert info.findtext("result/system/model") == "Panorama"
    assert info.findtext("result/system/serial") == bench.panorama.serial


@pytest.mark.parametrize("state", [None, "primary-active", "secondary-passive"])
def test_its_ha_state_has_no_group(state: str | None) -> None:
    bench = PanoramaBench()
    bench.panorama.ha_state = state
    result = bench.op("<show><high-availability><state/></high-availability></show>").root.find("result")
    assert result is not None and result.find("group") is None
    assert result.findtext("enabled") == ("no" if state is None else "yes")
    assert result.findtext("local-info/state") == state


@pytest.mark.parametrize("parameters", [{"type": "op", "cmd": "<show><clock/></show>", "vsys": "vsys1"}])
def test_it_has_no_virtual_systems(parameters: dict[str, str]) -> None:
    assert PanoramaBench().ask(**parameters).code == "400"
    assert PanoramaBench().upload("x", pem(certificate(key(1))), vsys="vsys1").code == "400"


# --- set system setting target -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("position", "target", "where"),
    [
        ("template", "<template><name>T1</name></template>", {"T1": ["vpn-2026"]}),
        ("template", "<template><name>T2</name></template>", {"T2": ["vpn-2026"]}),
        ("template", "<template><name>T1</name><vsys>vsys1</vsys></template>", {"T1 vsys1": ["vpn-2026"]}),
        ("template", "<template><name>T1</name><vsys>shared</vsys></template>", {"T1": ["vpn-2026"]}),
        ("template", "<none/>", {"panorama": ["vpn-2026"]}),
        ("panorama", "<template><name>T1</name></template>", {"panorama": ["vpn-2026"]}),
        ("refused", "<template><name>T1</name></template>", {}),
        ("refused", "<none/>", {"panorama": ["vpn-2026"]}),
    ],
)
def test_where_a_key_is_made(position: Any, target: str, where: dict[str, list[str]]) -> None:
    bench = PanoramaBench(generate_under_target=position)
    assert bench.target(target).is_success
    assert bench.generate().is_success == bool(where)
    assert everywhere(bench) == where


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("<template><name>none</name></template>", "none does not exist"),
        ("<template><name>T1</name><vsys>vsys9</vsys></template>", "vsys9 does not exist"),
        ("<template><name>S1</name></template>", "S1 does not exist"),
        ("<template/>", "is invalid"),
        ("<template><name>T1</name><x/></template>", "is invalid"),
        ("", "is invalid"),
        ("<device-group><name>D</name></device-group>", "is unexpected"),
        (STACK_TARGET, "is unexpected"),
    ],
)
def test_targets_that_are_refused_leave_the_one_before(target: str, words: str) -> None:
    bench = steered()
    assert bench.target().is_success
    refused = bench.target(target)
    assert refused.summary[:2] == ("error", "17") and words in refused.text
    assert bench.generate().is_success and everywhere(bench) == {"T1": ["vpn-2026"]}


def test_a_release_may_know_template_stacks_as_targets() -> None:
    bench = steered(target_template_stack="accepted")
    assert bench.target(STACK_TARGET).is_success
    assert bench.generate().is_success and everywhere(bench) == {"S1": ["vpn-2026"]}


@pytest.mark.parametrize("bound_to", ["administrator", "api_key"])
def test_a_target_is_of_one_administrator_or_of_one_key(bound_to: Any) -> None:
    bench = steered(target_bound_to=bound_to, switches=PanosSwitches(api_key_lifetime=1000, keygen_ends_old_key=False))
    first = bench.panorama.api_key(SVC)
    assert bench.target().is_success
    assert bench.generate("alices", ALICE).is_success
    assert everywhere(bench) == {"panorama": ["alices"]}, "another administrator has a target of his own"
    second = bench.ask(type="keygen", user=SVC, password="p&s@w?rd").root.findtext("result/key")
    assert second and second != first and bench.panorama.api_key(SVC) == second
    assert bench.generate("mine").is_success
    expected = {"T1": ["mine"], "panorama": ["alices"]}
    assert everywhere(bench) == (expected if bound_to == "administrator" else {"panorama": ["alices", "mine"]})


def test_a_target_is_forgotten_after_its_lifetime_and_by_a_reboot() -> None:
    bench = steered(target_lifetime=60.0)
    assert bench.target().is_success
    bench.clock.advance(59)
    assert bench.generate("a").is_success
    bench.clock.advance(1)
    assert bench.generate("b").is_success
    assert everywhere(bench) == {"T1": ["a"], "panorama": ["b"]}
    assert bench.target().is_success
    bench.panorama.reboot()
    assert bench.generate("c").is_success
    assert everywhere(bench) == {"panorama": ["c"]}, "what was not committed is lost too"


def test_imports_and_exports_follow_the_target_where_they_name_no_template() -> None:
    bench = steered()
    assert bench.target().is_success and bench.generate().is_success
    fields = {"type": "export", "category": "certificate", "certificate_name": "vpn-2026", "format": "pkcs10",
              "include_key": "no"}  # fmt: skip
    assert b"BEGIN CERTIFICATE REQUEST" in bench.ask(**fields).answer.body
    issued = certificate(bench.csr(parent=CERTIFICATES["T1"]))
    assert bench.upload("vpn-2026", pem(issued)).is_success
    assert bench.panorama.certificates(running=False, vsys=places.in_template("T1"))["vpn-2026"].leaf == issued
    assert bench.target("<none/>").is_success
    assert bench.ask(**fields).summary == ("error", None, "Failed to prepare certificate")
    assert b"BEGIN CERTIFICATE REQUEST" in bench.ask(**fields, target_tpl="T1").answer.body


# --- import with target-tpl ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("switches", "parameters", "where"),
    [
        ({}, {}, {"panorama": ["ca"]}),
        ({}, {"target_tpl": "T1"}, {"T1": ["ca"]}),
        ({}, {"target_tpl": "S1"}, {"S1": ["ca"]}),
        ({}, {"target_tpl": "T1", "target_tpl_vsys": "vsys1"}, {"T1": ["ca"]}),
        ({}, {"target_tpl": "T1", "target_tpl_vsys": "shared"}, {"T1": ["ca"]}),
        ({"target_tpl_vsys": "honoured"}, {"target_tpl": "T1", "target_tpl_vsys": "vsys1"}, {"T1 vsys1": ["ca"]}),
        ({"target_tpl_vsys": "refused"}, {"target_tpl": "T1", "target_tpl_vsys": "vsys1"}, {}),
        ({"import_into_stack": "refused"}, {"target_tpl": "S1"}, {}),
        ({}, {"target_tpl": "none"}, {}),
    ],
)
def test_where_an_import_lands(
    switches: dict[str, Any], parameters: dict[str, str], where: dict[str, list[str]]
) -> None:
    bench = PanoramaBench(**switches)
    imported = bench.upload("ca", pem(certificate(key(1), is_ca=True)), **parameters)
    assert imported.is_success == bool(where)
    assert everywhere(bench) == where


@pytest.mark.parametrize(("length", "is_taken"), [(31, True), (32, False), (63, False)])
def test_names_have_31_characters(length: int, is_taken: bool) -> None:
    bench, name = steered(), "n" * length
    assert bench.target().is_success
    answers = [
        bench.generate(name),
        bench.upload(name, pem(certificate(key(1))), target_tpl="T2"),
        bench.config("set", f"{CERTIFICATES['T1']}/entry[@name='{name}']", element="<ca>no</ca>"),
        bench.config("set", CERTIFICATES["T1"], element=f"<entry name='{name}'><ca>no</ca></entry>"),
    ]
    assert [answer.is_success for answer in answers] == [is_taken] * 4
    if not is_taken:
        assert {answer.code for answer in answers[:2]} == {"17"}
        assert all("can be at most 31 characters" in answer.text for answer in answers)
        assert everywhere(bench) == {}


# --- references ----------------------------------------------------------------------------------------------------


def bound() -> PanoramaBench:
    """A template with a profile that serves a certificate, and a stack with a profile that serves a template's."""
    bench = PanoramaBench()
    for number, (name, place) in enumerate((("one", "T1"), ("two", "T2"))):
        bench.panorama.install_certificate(name, certificate(key(number)), key(number), places.in_template(place))
    bench.panorama.install_profile("P", "one", places.in_template("T1"))
    bench.panorama.install_profile("Q", "two", places.in_stack("S1"))
    return bench


def test_a_referenced_certificate_is_not_deleted() -> None:
    bench = bound()
    refused = bench.config("delete", f"{CERTIFICATES['T1']}/entry[@name='one']")
    lines = [line.text for line in refused.root.iter("line")]
    assert refused.code == "10" and lines[0] == " one cannot be deleted because of references from:"
    assert lines[1:] == [" template -> T1 -> config -> shared -> ssl-tls-service-profile -> P -> certificate"]
    other = bench.config("delete", f"{CERTIFICATES['T2']}/entry[@name='two']")
    assert other.code == "10" and "template-stack -> S1" in other.text
    edited = bench.config("edit", f"{PROFILES}/entry[@name='P']/certificate", element="<certificate>two</certificate>")
    assert edited.code == "12", "another template's certificate is none of this one's"


def test_after_the_reference_moved_it_is_deleted() -> None:
    bench = bound()
    bench.panorama.install_certificate("new", certificate(key(3)), key(3), places.in_template("T1"))
    path = f"{PROFILES}/entry[@name='P']/certificate"
    assert bench.config("edit", path, element="<certificate>new</certificate>").is_success
    assert bench.config("delete", f"{CERTIFICATES['T1']}/entry[@name='one']").is_success
    assert everywhere(bench) == {"T1": ["new"], "T2": ["two"]}


# --- changes, locks, revert ------------------------------------------------------------------------------------------


def component_types(bench: PanoramaBench) -> list[tuple[str | None, str | None]]:
    entries = bench.op("<show><config><list><changes/></list></config></show>").root.findall("result/journal/entry")
    return [(entry.findtext("owner"), entry.findtext("component-type")) for entry in entries]


def test_the_list_of_changes_tells_templates_stacks_and_panorama_apart() -> None:
    bench = steered()
    bench.enroll_in("T1")
    ca = pem(certificate(key(1), is_ca=True))
    assert bench.upload("ca", ca, ALICE, target_tpl="S1").is_success
    assert bench.upload("ca", ca, BOB).is_success
    assert sorted(component_types(bench)) == [
        (ALICE, "template-stack"), (BOB, "panorama"), (SVC, "template")
    ]  # fmt: skip
    reverted = bench.op(f"<revert><config><partial><admin><member>{SVC}</member></admin></partial></config></revert>")
    assert reverted.is_success
    assert sorted(component_types(bench)) == [(ALICE, "template-stack"), (BOB, "panorama")]
    assert everywhere(bench) == {"panorama": ["ca"], "S1": ["ca"]}


@pytest.mark.parametrize(
    ("scope", "kept_from"), [("T1", {"T1"}), ("T2", {"T2"}), ("S1", {"S1"}), ("shared", {"T1", "T2", "S1", "own"})]
)
def test_a_config_lock_keeps_others_from_its_template(scope: str, kept_from: set[str]) -> None:
    bench = PanoramaBench()
    bench.panorama.lock_as(ALICE, scope=scope)
    ca = pem(certificate(key(1), is_ca=True))
    answers = {place: bench.upload("ca", ca, target_tpl=place) for place in ("T1", "T2", "S1")}
    answers["own"] = bench.upload("ca", ca)
    assert {place for place, answer in answers.items() if not answer.is_success} == kept_from
    assert all(answers[place].text == f"Configuration is locked by {ALICE}" for place in kept_from)
    assert bench.upload("own", ca, ALICE, target_tpl="T1").is_success


def test_locks_are_taken_for_the_target_that_is_set() -> None:
    bench = PanoramaBench()
    assert bench.target().is_success
    assert bench.op("<request><config-lock><add><comment>x</comment></add></config-lock></request>").is_success
    held = bench.panorama.locks.of("config", "all")
    assert [(lock.owner, lock.scope) for lock in held] == [(SVC, "T1")]
    assert bench.op("<show><config-locks><vsys>all</vsys></config-locks></show>").code == "17"
    assert bench.op("<request><config-lock><remove/></config-lock></request>").is_success
    assert bench.panorama.locks.of("config", "all") == []


# --- commits of Panorama itself ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("inside", "committed"),
    [
        ("", ["S1", "T1", "T2", "panorama"]),
        ("<template><member>T1</member></template>", ["S1", "T1", "panorama"]),
        ("<template><member>T2</member></template><no-template-stack/>", ["T2", "panorama"]),
        ("<no-template/><template-stack><member>S1</member></template-stack>", ["S1", "panorama"]),
        ("<device-and-network>excluded</device-and-network>", []),
    ],
)
def test_a_partial_commit_takes_what_it_names_of_its_administrator(inside: str, committed: list[str]) -> None:
    bench = PanoramaBench()
    ca = pem(certificate(key(1), is_ca=True))
    for place in ({"target_tpl": "T1"}, {"target_tpl": "T2"}, {"target_tpl": "S1"}, {}):
        assert bench.upload("mine", ca, **place).is_success
        assert bench.upload("alices", ca, ALICE, **place).is_success
    assert bench.partial(inside=inside).is_success
    running = {
        name: sorted(bench.panorama.certificates(running=True, vsys=place))
        for name, place in (("T1", places.in_template("T1")), ("T2", places.in_template("T2")),
                            ("S1", places.in_stack("S1")), ("panorama", places.PANORAMA))
    }  # fmt: skip
    assert sorted(name for name, held in running.items() if held == ["mine"]) == committed
    assert "alices" not in str(running)


def test_a_stack_gets_and_loses_devices_by_a_commit() -> None:
    bench = PanoramaBench()
    serial = bench.devices[0].serial
    devices = STACK_CERTIFICATES.removesuffix("/config/shared/certificate") + "/devices"
    listed = bench.config("get", f"{devices}/entry").root.findall("result/entry")
    assert [entry.get("name") for entry in listed] == [device.serial for device in bench.devices]
    assert bench.config("delete", f"{devices}/entry[@name='{serial}']").is_success
    assert bench.stack_of(0) == "S1"
    assert bench.partial().is_success
    assert bench.stack_of(0) is None
    assert bench.config("set", devices, element=f"<entry name='{serial}'/>").is_success
    assert bench.partial().is_success
    assert bench.stack_of(0) == "S1"
