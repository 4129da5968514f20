"""A probe finds out what a device does, leaves no trace of itself, and its report makes the sandbox alike."""

from __future__ import annotations

import dataclasses
import functools
import json
import types
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.errors import AgentError, Busy, PermissionDenied, PlanBlocked
from paloaltofw.execution.probe_closing import CLOSING
from paloaltofw.execution.probe_questions import KEYS, QUESTIONS
from paloaltofw.model.probe_report import NOT_ASKED, PROBE_PREFIX, PROBE_SUFFIXES, UNCLEAR, read_report
from paloaltofw.model.records import ProbeRecord
from paloaltofw.panos.connection import Connection
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.sandbox.likeness import read_likeness
from paloaltofw.sandbox.panos.device import SUPERUSER
from paloaltofw.sandbox.panos.switches import PanosSwitches, Right, Role
from paloaltofw.sandbox.panos.xpath import parse, remove
from paloaltofw.sandbox.switchboard import set_switches
from paloaltofw.sandbox.tour import begin_peoples_work
from paloaltofw.sandbox.world import AGENT_ADMIN, PEOPLE
from paloaltofw.storage.probe_reports import kept_report
from paloaltofw.storage.store import Store
from paloaltofw.workflows.check import check_everything
from paloaltofw.workflows.probe import Done, probe
from tests.end_to_end.harness import ENVIRONMENT, Scene
from tests.probes import MOST_REQUESTS, answers, assert_harmless, firewall_of, run_probe, scene, session_of, traces
from tests.sweeps import one_in

ADDRESS = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
DRAFT = "<entry name='draft'><ip-netmask>192.0.2.99/32</ip-netmask></entry>"
TABLE = (*QUESTIONS, *CLOSING)
SWITCHES = {item.id: item for item in TABLE if item.is_switch}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)


# --- the table -------------------------------------------------------------------------------------------------------


def test_each_question_is_a_switch_of_the_sandbox_and_each_answer_its_position() -> None:
    assert len({item.id for item in TABLE}) == len(TABLE)
    for name, question in SWITCHES.items():
        for answer in question.answers:
            set_switches([f"{name}={answer}"])
    assert [item.id for item in TABLE if not item.is_switch] == ["csr_export"]
    assert {f"{key.type.lower()}{key.bits}" for key in KEYS} < set(PROBE_SUFFIXES)
    assert all(len(PROBE_PREFIX + suffix) <= 31 for suffix in PROBE_SUFFIXES)


# --- there and back --------------------------------------------------------------------------------------------------

# Positions of the switches whose type does not list them.
SAMPLES: dict[str, tuple[Any, ...]] = {
    "bad_key_http_status": (200, 403), "role_denial_http_status": (200, 403), "bad_request_http_status": (200, 400),
    "api_key_lifetime": (None, 3600.0), "config_lock_code": (None, 14), "busy_code": (None, 14),
    "mismatch_text": ("Public key does not match the private key!", "Mismatched keys of Bratislava."),
    "commit_pending": (2,), "auto_commit_unfinished": (2,), "transient_import_failures": (2,),
}  # fmt: skip


def positions() -> Iterator[tuple[str, Any]]:
    for name, kind in typing.get_type_hints(PanosSwitches).items():
        default = getattr(PanosSwitches(), name)
        if name in SAMPLES:
            values: tuple[Any, ...] = SAMPLES[name]
        elif kind is bool:
            values = (True, False)
        elif typing.get_origin(kind) is typing.Literal:
            values = typing.get_args(kind)
        else:
            alternatives = typing.get_args(kind) if isinstance(kind, types.UnionType) else (kind,)
            values = (default,) if {str, int, float} & set(alternatives) else ()
        assert values, f"{name} needs samples"
        # A device without any switch set is one row, the first.
        yield from ((name, value) for value in values if value != default or name == "bad_key_http_status")


def as_like(done: Done, folder: Path) -> PanosSwitches:
    """The switches of `sandbox --serve --like`."""
    folder.mkdir(exist_ok=True)
    (folder / "report.json").write_text(json.dumps(done.report.document), "utf-8")
    return set_switches(read_likeness(str(folder / "report.json")).settings)[0]


def expected(name: str, value: Any) -> str:
    """The answer that tells a position, to an administrator with a restricted role."""
    if name.endswith("_hidden_from"):
        return "nobody" if value == "nobody" else "everybody"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("of Bratislava.", "of …")


@pytest.mark.parametrize(("name", "value"), one_in(120, positions()))
def test_a_report_makes_a_sandbox_that_gives_the_same_report(tmp_path: Path, name: str, value: Any) -> None:
    with scene(tmp_path / "one", PanosSwitches(**{name: value})) as place:
        first = run_probe(place)
    if name in SWITCHES:
        assert answers(first)[name] == expected(name, value)
    with scene(tmp_path / "two", as_like(first, tmp_path / "two")) as place:
        assert answers(run_probe(place)) == answers(first)


LEAST = PanosSwitches(
    show_self=False, malformed_xpath="bad_xpath", unrooted_xpath="bad_xpath", ecdsa_521="ok", rsa_2048="refused",
    cn_in_san=True, alt_email="ignored", generate_existing="overwrite", generate_answer="result_text",
    private_key_hidden_from="nobody", csr_hidden_from="nobody", subject_form="spaced", dots_in_names="dropped",
    export_absent="code_7", keyless_import="refused", reimport_mismatch="accepted", pending_mismatch="accepted",
    bundle="whole", csr_kept_after_import=False, commit_description="direct_only", vsys_shared=True,
    journal_paths="container", net_zero_changes="listed", validate_partial="accepted",
)  # fmt: skip


@pytest.mark.sweep
def test_many_positions_at_once_are_told_apart(tmp_path: Path) -> None:
    with scene(tmp_path / "one", LEAST) as place:
        first = run_probe(place)
        assert UNCLEAR not in answers(first).values()
        seen = {name: answer for name, answer in answers(first).items() if name in SWITCHES}
        for name in seen.keys() - {"mismatch_text"}:
            assert seen[name] == expected(name, getattr(LEAST, name)), name
    with scene(tmp_path / "two", as_like(first, tmp_path / "two")) as place:
        assert answers(run_probe(place)) == answers(first)


def test_a_probe_is_short_and_asks_each_thing_once(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        done = run_probe(place)
        assert len(firewall_of(place).log) <= MOST_REQUESTS
        assert [fact.id for fact in done.report.facts] == [item.id for item in TABLE]
        assert not {UNCLEAR, NOT_ASKED} & set(answers(done).values())
        assert (done.report.model, done.report.sw_version) == ("PA-VM", "11.1.4")


# --- who may not ask -------------------------------------------------------------------------------------------------


def lock(place: Scene) -> None:
    firewall_of(place).lock_as("alice")


def own_change(place: Scene) -> None:
    firewall_of(place).change_as(AGENT_ADMIN, ADDRESS, DRAFT)


def same_name(place: Scene) -> None:
    xml = f"<entry name='{PROBE_PREFIX}rsa2048'><common-name>x</common-name></entry>"
    firewall_of(place).install("/config/shared/certificate", xml)


def other_key(place: Scene) -> None:
    path = place.folder / "profiles/firewalls/fw-edge.yaml"
    mine, theirs = (firewall_of(place).api_key(name) for name in (AGENT_ADMIN, "alice"))
    path.write_text(path.read_text("utf-8").replace(mine, theirs), "utf-8")


def owed(place: Scene) -> None:
    store = Store(place.folder / "state")
    store.prepare()
    store.save_owed_commit("fw-edge")


def answering(place: Scene, command: str, body: str) -> None:
    """Let the firewall answer one command otherwise."""

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        is_it = command in request.form.get("cmd", "") or command == f"type={request.form.get('type')}"
        return Answer(200, body.encode(), "application/xml") if is_it else handle(request)

    place.world.servers["fw-edge"].interceptor = intercept


def ha(state: str) -> Callable[[Scene], None]:
    group = f"<group><local-info><state>{state}</state></local-info></group>"
    body = f'<response status="success"><result><enabled>yes</enabled>{group}</result></response>'
    return functools.partial(answering, command="<high-availability>", body=body)


PANORAMA = (
    '<response status="success"><result><model>Panorama</model><sw-version>11.1.4</sw-version></result></response>'
)
REFUSED: dict[str, tuple[Callable[[Scene], None], str]] = {
    "a lock": (lock, "alice holds a config lock on shared"),
    "own changes": (own_change, "has uncommitted changes already"),
    "a name that is not its own": (same_name, "is there already, and no note of a probe tells of it"),
    "another administrator's key": (other_key, "the API key belongs to alice"),
    "unfinished work of a run": (owed, "a run has begun changes"),
    "a passive unit": (ha("passive"), "this unit of the HA pair is passive"),
    "a suspended unit": (ha("suspended"), "this unit of the HA pair is suspended"),
    "a unit without a word": (ha(""), "in no state that it names"),
    "a Panorama": (functools.partial(answering, command="type=version", body=PANORAMA), "is a Panorama"),
}  # fmt: skip


@pytest.mark.parametrize("title", REFUSED)
def test_where_it_might_do_harm_nothing_is_asked(tmp_path: Path, title: str) -> None:
    spoil, words = REFUSED[title]
    with scene(tmp_path) as place:
        spoil(place)
        before = firewall_of(place).pending_changes()
        with pytest.raises((PlanBlocked, Busy), match=words):
            probe(session_of(place), "fw-edge", lambda text: None)
        assert firewall_of(place).pending_changes() == before
        assert not any("generate" in line.summary for line in firewall_of(place).log)


@pytest.mark.parametrize("state", ["active", "active-primary"])
def test_the_active_unit_is_asked(tmp_path: Path, state: str) -> None:
    with scene(tmp_path) as place:
        ha(state)(place)
        assert answers(run_probe(place))["rsa_2048"] == "ok"


# --- neighbours ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", one_in(3, ["container", "request", "object"]))
@pytest.mark.parametrize("net_zero", ["forgotten", "listed"])
def test_other_peoples_work_stays_as_it_is(tmp_path: Path, shape: Any, net_zero: Any) -> None:
    with scene(tmp_path, PanosSwitches(journal_paths=shape, net_zero_changes=net_zero)) as place:
        firewall = firewall_of(place)
        begin_peoples_work(firewall)
        before = firewall.pending_changes()
        done = run_probe(place)
        assert firewall.pending_changes() == before
        assert {change.owner for change in before} == set(PEOPLE)
        assert answers(done)["commit_description"] == NOT_ASKED


def adds(place: Scene) -> None:
    xml = "<entry name='bobs'><common-name>x</common-name></entry>"
    firewall_of(place).change_as("bob", "/config/shared/certificate", xml)


def deletes(place: Scene) -> None:
    firewall = firewall_of(place)
    firewall.install("/config/shared/certificate", "<entry name='bobs'><common-name>x</common-name></entry>")
    with firewall.settled(), firewall.configuration.change("bob", firewall.local_now()) as root:
        remove(root, parse("/config/shared/certificate/entry[@name='bobs']"))


@pytest.mark.parametrize("shape", ["request", "object"])
@pytest.mark.parametrize("work", one_in(2, [adds, deletes]))
def test_nothing_is_reverted_beside_somebody_at_work_on_certificates(
    tmp_path: Path, work: Callable[[Scene], None], shape: Any
) -> None:
    """Whether a revert of one administrator's changes keeps to them is not known where both are in one container."""
    with scene(tmp_path, PanosSwitches(net_zero_changes="listed", journal_paths=shape)) as place:
        firewall = firewall_of(place)
        work(place)
        done = probe(session_of(place), "fw-edge", lambda text: None)
        assert [text for text in done.left if "revert them in the web interface" in text] == list(done.left) != []
        assert {change.owner for change in firewall.pending_changes()} >= {"bob"}
        assert not any("revert" in line.summary for line in firewall.log)


def test_an_entry_that_somebody_commits_meanwhile_is_told_and_left(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        firewall, name = firewall_of(place), f"{PROBE_PREFIX}leaf"

        def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
            answer = handle(request)
            if request.query.get("certificate-name", "") == name or name in str(request.body):
                with firewall.settled():
                    configuration = firewall.configuration
                    configuration.adopt(configuration.candidate, {}, configuration.sequence)
            return answer

        place.world.servers["fw-edge"].interceptor = intercept
        done = probe(session_of(place), "fw-edge", lambda text: None)
        assert any(name in text and "was committed by somebody" in text for text in done.left)
        assert not any(line.summary.startswith("delete") and name in line.summary for line in firewall.log)


# --- interruptions ---------------------------------------------------------------------------------------------------


class Killed(BaseException):
    """What ends a process without a word."""


def dying_at(monkeypatch: pytest.MonkeyPatch, number: int, error: type[BaseException], once: bool) -> None:
    """Before the request of this number the process ends; with `once` only an exception passes through it."""
    counter = iter(range(1, 10_000))
    real = Connection.send

    def send(self: Connection, *args: Any, **more: Any) -> Any:
        count = next(counter)
        if count == number or (count > number and not once):
            raise error
        return real(self, *args, **more)

    monkeypatch.setattr(Connection, "send", send)


@pytest.mark.parametrize("number", one_in(10, range(1, 80, 8)))
@pytest.mark.parametrize("way_out", ["probe", "check"])
def test_after_a_kill_the_next_probe_or_check_removes_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, way_out: str
) -> None:
    with scene(tmp_path) as place:
        with monkeypatch.context() as patched:
            dying_at(patched, number, Killed, once=False)
            with pytest.raises(Killed):
                probe(session_of(place), "fw-edge", lambda text: None)
        if way_out == "probe":
            assert answers(run_probe(place))["rsa_2048"] == "ok"
        else:
            findings = list(check_everything(session_of(place)))
            assert all(finding.is_ok for finding in findings), findings
            assert_harmless(place)


@pytest.mark.parametrize("number", one_in(16, range(1, 93, 6)))
def test_ctrl_c_cleans_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    with scene(tmp_path) as place:
        dying_at(monkeypatch, number, KeyboardInterrupt, once=True)
        with pytest.raises(KeyboardInterrupt):
            probe(session_of(place), "fw-edge", lambda text: None)
        if place.state("journal/probes/fw-edge.json").exists():  # in the midst of the clean-up itself
            run_probe(place)
        assert_harmless(place)


@pytest.mark.parametrize("number", one_in(16, range(1, 93, 6)))
@pytest.mark.parametrize("is_carried_out", [True, False])
def test_a_lost_answer_is_unclear_or_ends_it_and_nothing_is_left(
    tmp_path: Path, number: int, is_carried_out: bool
) -> None:
    counter = iter(range(1, 10_000))

    def intercept(request: Request, handle: Callable[[Request], Answer]) -> Answer:
        if next(counter) != number:
            return handle(request)
        if is_carried_out:
            handle(request)
        raise Cut

    with scene(tmp_path) as place:
        place.world.servers["fw-edge"].interceptor = intercept
        try:
            left = probe(session_of(place), "fw-edge", lambda text: None).left
        except AgentError:
            left = ("an error",)
        if left:
            run_probe(place)
        assert_harmless(place)


def test_check_leaves_what_somebody_else_did_as_the_agents_administrator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(tmp_path) as place:
        with monkeypatch.context() as patched:
            dying_at(patched, 40, Killed, once=False)
            with pytest.raises(Killed):
                probe(session_of(place), "fw-edge", lambda text: None)
        own_change(place)
        xml = "<entry name='by-hand'><common-name>x</common-name></entry>"
        firewall_of(place).change_as(AGENT_ADMIN, "/config/shared/certificate", xml)
        found = {finding.name: finding for finding in check_everything(session_of(place))}
        assert found["an earlier probe"].is_ok
        assert "nothing is left" in found["an earlier probe"].text
        assert not found["uncommitted changes"].is_ok
        assert len(traces(place)) == 2, "both changes are there, and no entry of the probe"
        assert not any("revert" in line.summary for line in firewall_of(place).log)


def test_certificates_of_a_vsys_are_asked_about_there(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        path = tmp_path / "profiles/firewalls/fw-edge.yaml"
        path.write_text(path.read_text("utf-8") + "vsys: vsys1\n", "utf-8")
        found = answers(run_probe(place))
        assert found.pop("vsys_shared") == NOT_ASKED
        assert not {UNCLEAR, NOT_ASKED} & set(found.values())
        firewall = firewall_of(place)
        assert not any(name.startswith(PROBE_PREFIX) for name in firewall.certificates(running=False, vsys="vsys1"))
        assert not any(PROBE_PREFIX in line.summary and "/shared/" in line.summary for line in firewall.log)


def test_a_run_that_meets_what_a_probe_left_names_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with scene(tmp_path) as place:
        with monkeypatch.context() as patched:
            dying_at(patched, 40, Killed, once=False)
            with pytest.raises(Killed):
                probe(session_of(place), "fw-edge", lambda text: None)
        assert traces(place)
        done = place.run("run")
        assert done.code == 1
        assert "paloaltoagent probe --firewall fw-edge" in done.err
        assert place.world.scm.orders == []
        assert place.run("probe", "--firewall", "fw-edge", "--yes").code == 0
        assert place.run("run").code == 0


# --- odd devices -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("right", list(Right))
def test_a_right_that_lacks_is_no_answer_of_the_device(tmp_path: Path, right: Right) -> None:
    role = Role(frozenset(Right) - {right}, may_commit_for_others=False)
    with scene(tmp_path, role=role) as place:
        if right in (Right.CONFIGURATION, Right.OPERATIONAL):
            with pytest.raises(PermissionDenied):
                probe(session_of(place), "fw-edge", lambda text: None)
            return
        done = probe(session_of(place), "fw-edge", lambda text: None)
        assert traces(place) == []
        usual = {field.name: getattr(PanosSwitches(), field.name) for field in dataclasses.fields(PanosSwitches)}
        for name, answer in answers(done).items():
            if name in usual and not name.endswith("_hidden_from"):
                assert answer in (expected(name, usual[name]), UNCLEAR, NOT_ASKED), name
        assert {UNCLEAR, NOT_ASKED} & set(answers(done).values())


def test_a_superuser_sees_more(tmp_path: Path) -> None:
    with scene(tmp_path, role=SUPERUSER) as place:
        assert answers(run_probe(place))["private_key_hidden_from"] == "nobody"


ODD = ["<html>", "<response status='success'><result/></response>", "<response status='error' code='4'><msg/></response>",
       "<response status='odd' code='99'><msg><line>Was soll das</line></msg></response>", ""]  # fmt: skip


@pytest.mark.parametrize("body", one_in(5, ODD))
@pytest.mark.parametrize("command", ["<generate>", "type=export", "type=import", "<changes", "<validate>", "<admins"])
def test_an_answer_that_is_not_understood_is_unclear_and_no_crash(tmp_path: Path, body: str, command: str) -> None:
    with scene(tmp_path) as place:
        answering(place, command, body)
        try:
            done = probe(session_of(place), "fw-edge", lambda text: None)
        except AgentError:
            return
        finally:
            assert traces(place) == []
        assert "soll" not in json.dumps(done.report.document)


# --- the report that is kept -----------------------------------------------------------------------------------------


def test_the_newest_report_is_kept_and_an_odd_one_is_nothing(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        done = run_probe(place)
        store = Store(place.folder / "state")
        kept = kept_report(store, "fw-edge")
        assert kept is not None
        assert kept.report == done.report == read_report(json.loads(json.dumps(done.report.document)))
        path = place.state("probes/fw-edge.json")
        assert path.stat().st_mode & 0o077 == 0
        for text in ("{", "[]", '{"version": 2}', '{"version": 1, "taken_at": "x", "report": {"version": 1}}'):
            path.write_text(text, "utf-8")
            assert kept_report(store, "fw-edge") is None


def test_a_note_that_cannot_be_read_stops_a_probe(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        store = Store(place.folder / "state")
        store.prepare()
        store.save_probe(ProbeRecord("fw-edge", AGENT_ADMIN, "2026-01-01T00:00:00Z"))
        place.state("journal/probes/fw-edge.json").write_text("{", "utf-8")
        with pytest.raises(AgentError, match="corrupt"):
            probe(session_of(place), "fw-edge", lambda text: None)
