"""What a Panorama is asked and told, against scripted answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree

import pytest

from paloaltofw.errors import AgentError, AnswerLost, InvalidAnswer, Refused
from paloaltofw.model.panorama import ManagedDevice, PanoramaTarget, PushJob, TemplateStack
from paloaltofw.model.trust import Trust
from paloaltofw.panos.location import Scope
from paloaltofw.panos.panorama import push_command, read_devices, read_push_jobs, target_command
from paloaltofw.panos.panorama_client import PanoramaClient
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.secret import Secret
from tests.panos.bench import EMPTY, KEY, OK, REQUEST, error, xml
from tests.peers import QuickClock, Scripted, ca_file, scripted

TEMPLATE = Scope(template="T1")
BASE = "/config/devices/entry[@name='localhost.localdomain']"
JOB = (
    '<response status="success" code="19"><result><msg><line>Job enqueued</line></msg><job>7</job></result></response>'
)


@contextmanager
def panorama(
    tmp_path: Path, script: Callable[[Request], Answer], scope: Scope = TEMPLATE
) -> Iterator[tuple[PanoramaClient, Scripted]]:
    with scripted(script) as (site, server):
        client = PanoramaClient(
            "pan", server.url, Secret(KEY), Trust(ca_file=ca_file(tmp_path)), 5, scope, QuickClock()
        )
        yield client, site
        client.close()


@pytest.mark.parametrize(
    ("scope", "xpath", "target"),
    [
        (TEMPLATE, f"{BASE}/template/entry[@name='T1']/config/shared/certificate", "T1"),
        (Scope(template_stack="S1"), f"{BASE}/template-stack/entry[@name='S1']/config/shared/certificate", "S1"),
        (Scope(is_panorama_itself=True), "/config/panorama/certificate", None),
    ],
)
def test_where_certificates_are_read_and_imported(tmp_path: Path, scope: Scope, xpath: str, target: str | None) -> None:
    with panorama(tmp_path, lambda _: xml(EMPTY), scope) as (client, site):
        client.certificates()
        client.import_certificate("www", "PEM")
    read, imported = (request.form for request in site.requests)
    assert read["xpath"] == xpath
    assert imported.get("target-tpl") == target
    assert not {"vsys", "target-tpl-vsys"} & imported.keys()


def commands(site: Scripted) -> list[str]:
    return [request.form.get("cmd", "") for request in site.requests]


def cuts(word: str) -> Callable[[Request], Answer]:
    def script(request: Request) -> Answer:
        if word in request.form.get("cmd", ""):
            raise Cut()
        return xml(OK)

    return script


def refuses(word: str, answer: Answer) -> Callable[[Request], Answer]:
    return lambda request: answer if word in request.form.get("cmd", "") else xml(OK)


@pytest.mark.parametrize(
    ("script", "outcome"),
    [
        (lambda _: xml(OK), None),
        (refuses("generate", xml(error(17, "is unexpected"))), Refused),
        (cuts("generate"), AnswerLost),
        (refuses("<name>T1", xml(error(17, "is unexpected"))), Refused),
        (cuts("<name>T1"), AnswerLost),
    ],
)
def test_the_session_points_at_nothing_after_a_key_whatever_happened(
    tmp_path: Path, script: Callable[[Request], Answer], outcome: type[AgentError] | None
) -> None:
    with panorama(tmp_path, script) as (client, site):
        if outcome is None:
            client.generate_csr(REQUEST)
        else:
            with pytest.raises(outcome):
                client.generate_csr(REQUEST)
        assert client.notes == []
    assert commands(site)[0] == target_command("template", "T1")
    assert commands(site)[-1] == target_command()


def test_a_session_that_cannot_be_released_is_told(tmp_path: Path) -> None:
    with panorama(tmp_path, refuses("<none", xml(error(13, "try later")))) as (client, site):
        client.generate_csr(REQUEST)
        assert len(client.notes) == 1
        assert "may still point at the template T1" in client.notes[0]
    assert commands(site).count(target_command()) == 2


def test_a_push_is_one_administrators_where_the_release_can_do_that(tmp_path: Path) -> None:
    with panorama(tmp_path, lambda _: xml(JOB)) as (client, site):
        assert client.push("S1", "renewal [1]", "svc", ["2", "1"]) == ("7", True)
    (form,) = (request.form for request in site.requests)
    assert (form["type"], form["action"]) == ("commit", "all")
    stack = ElementTree.fromstring(form["cmd"]).find("template-stack")
    assert stack is not None
    switches = ["force-template-values", "merge-with-candidate-cfg"]
    assert [child.tag for child in stack] == ["name", "description", "admin", *switches, "device"]
    assert [member.text for member in stack.iter("member")] == ["svc", "1", "2"]
    assert stack.findtext("force-template-values") == "no"


@pytest.mark.parametrize(("code", "sent"), [(17, 2), (13, 1), (None, 1)])
def test_only_a_command_that_is_not_understood_is_sent_without_the_administrator(
    tmp_path: Path, code: int | None, sent: int
) -> None:
    with panorama(tmp_path, refuses("<admin>", xml(error(code, "no")))) as (client, site):
        if sent == 2:
            assert client.push("S1", "d", "svc", ()) == (None, False)
        else:
            with pytest.raises(Refused):
                client.push("S1", "d", "svc", ())
    assert len(site.requests) == sent
    assert "<device>" not in commands(site)[-1]


@pytest.mark.parametrize("code", [1, 17])
def test_a_push_is_never_sent_without_the_element_that_spares_uncommitted_changes(tmp_path: Path, code: int) -> None:
    with panorama(tmp_path, refuses("<merge-", xml(error(code, "no")))) as (client, site):
        with pytest.raises(Refused, match="nothing is pushed without merge-with-candidate-cfg no"):
            client.push("S1", "d", "svc", ())
    assert ["<admin>" in command for command in commands(site)] == [True, False]
    assert all("<merge-with-candidate-cfg>no<" in command for command in commands(site))


def test_locks_are_asked_for_without_a_vsys(tmp_path: Path) -> None:
    with panorama(tmp_path, lambda _: xml(OK)) as (client, site):
        client.locks()
        client.take_lock("config-lock", "ours")
    assert "vsys" not in "".join(commands(site))
    assert all("vsys" not in request.form and "target-tpl" not in request.form for request in site.requests)


def device(serial: str, connected: str, name: str = "") -> str:
    known = f"<hostname>{name}</hostname>" if name else ""
    return f"<entry name='{serial}'><serial>{serial}</serial><connected>{connected}</connected>{known}</entry>"


def test_devices_that_are_away_are_known_by_their_number(tmp_path: Path) -> None:
    body = f"<devices>{device('001', 'yes', 'fw-1')}{device('002', 'no')}</devices>"
    with panorama(tmp_path, lambda _: xml(f"<response status='success'><result>{body}</result></response>")) as (
        pan,
        _,
    ):
        found = pan.managed_devices()
    assert found == (ManagedDevice("001", "fw-1", True), ManagedDevice("002", "", False))
    assert [item.words for item in found] == ["fw-1 (001)", "002"]


def test_an_answer_without_devices_is_none(tmp_path: Path) -> None:
    with panorama(tmp_path, lambda _: xml(OK)) as (client, _), pytest.raises(InvalidAnswer):
        client.managed_devices()
    assert read_devices(ElementTree.fromstring("<result><devices/></result>")) == ()


def job(status: str, *devices: str) -> PushJob:
    body = f"<result><job><id>9</id><status>{status}</status><devices>{''.join(devices)}</devices></job></result>"
    (found,) = read_push_jobs(ElementTree.fromstring(body))
    return found


def part(serial: str, result: str, *lines: str) -> str:
    errors = "".join(f"<line>{line}</line>" for line in lines)
    return (
        f"<entry><serial-no>{serial}</serial-no><devicename>fw</devicename><result>{result}</result>"
        f"<details><msg><errors>{errors}</errors><warnings><line>w</line></warnings></msg></details></entry>"
    )


@pytest.mark.parametrize(
    ("found", "is_over"),
    [
        (job("FIN", part("1", "OK")), True),
        # The job may end before its devices do.
        (job("FIN", part("1", "OK"), part("2", "PEND")), False),
        (job("ACT", part("1", "OK")), False),
        (job("FIN"), True),
        (job("FIN", part("1", "something new")), True),
    ],
)
def test_a_push_is_over_when_its_devices_are(found: PushJob, is_over: bool) -> None:
    assert found.is_over == is_over


def test_only_the_words_that_are_known_are_believed() -> None:
    found = job("FIN", part("1", "ok"), part("2", "FAIL", "refused", "by rule"), part("3", "done"), part("4", ""))
    assert [(item.serial, item.result) for item in found.devices] == [
        ("1", "OK"), ("2", "FAIL"), ("3", "FAIL"), ("4", "FAIL")
    ]  # fmt: skip
    assert found.devices[1].details == "refused / by rule"


S1, S2 = TemplateStack("S1", frozenset({"T1"}), frozenset({"1"})), TemplateStack("S2", frozenset({"T2"}), frozenset())


@pytest.mark.parametrize(
    ("target", "held", "words"),
    [
        (PanoramaTarget("T1"), [True, False], "the template stacks that hold T1"),
        (PanoramaTarget("T2", "", ("S2",)), [False, True], "the template stack S2"),
        (PanoramaTarget("", "S1"), [True, False], "the template stack S1"),
        (PanoramaTarget("", "T1"), [False, False], "the template stack T1"),
    ],
)
def test_which_stacks_hold_it(target: PanoramaTarget, held: list[bool], words: str) -> None:
    assert [target.holds(stack) for stack in (S1, S2)] == held
    assert target.pushed_to == words


STACK = "/template-stack/entry[@name='S1']"
VARIABLE = '<variable><entry name="$dns"><type><ip-netmask>192.0.2.53</ip-netmask></type></entry></variable>'
PARTS = {
    "/template-stack/entry/@name": '<entry name="S1"/>',
    f"{STACK}/templates": "<templates><member>T1</member><member>T2</member></templates>",
    # As the names alone, and as the whole nodes that a device could have below them.
    f"{STACK}/devices/entry/@name": '<entry name="001"/><entry name="002"/>',
    f"{STACK}/devices": f'<devices><entry name="001">{VARIABLE}</entry><entry name="002"/></devices>',
}


def answers_of_a_stack(request: Request) -> Answer:
    body = PARTS[request.form["xpath"].removeprefix(BASE)]
    return xml(f'<response status="success" code="19"><result>{body}</result></response>')


def test_the_values_of_a_devices_variables_are_no_devices(tmp_path: Path) -> None:
    with panorama(tmp_path, answers_of_a_stack) as (client, _):
        assert client.template_stacks() == (TemplateStack("S1", frozenset({"T1", "T2"}), frozenset({"001", "002"})),)


def test_an_incomplete_list_of_templates_is_none(tmp_path: Path) -> None:
    def cut(request: Request) -> Answer:
        if not request.form["xpath"].endswith("/templates"):
            return answers_of_a_stack(request)
        return xml(
            '<response status="success" code="19"><result total-count="2" count="1"><templates/></result></response>'
        )

    with panorama(tmp_path, cut) as (client, _), pytest.raises(InvalidAnswer, match="incomplete"):
        client.template_stacks()


def test_a_description_is_no_xml() -> None:
    made = ElementTree.fromstring(push_command("S & T", "a < b", None, ()))
    assert (made.findtext("template-stack/name"), made.findtext("template-stack/description")) == ("S & T", "a < b")
    assert made.find("template-stack/admin") is None


@pytest.mark.parametrize(("admin", "devices"), [("svc", ()), (None, ()), ("svc", ["1"]), (None, ["1"])])
def test_no_push_takes_uncommitted_changes_on_the_firewalls_along(admin: str | None, devices: list[str]) -> None:
    made = ElementTree.fromstring(push_command("S1", "d", admin, devices))
    assert made.findtext("template-stack/merge-with-candidate-cfg") == "no"
