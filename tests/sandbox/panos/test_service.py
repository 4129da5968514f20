"""The simulated firewall's transport, queries and locks."""

from __future__ import annotations

import datetime
import threading
import urllib.parse
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.sandbox.panos.device import PanosSwitches, Role
from tests.sandbox.panos.bench import (
    ALICE,
    BOB,
    SHARED,
    SVC,
    SYSTEM,
    VSYS1,
    Bench,
    Response,
    certificate,
    headers,
    key,
    multipart,
    pem,
    profiled,
    switched,
)

FORM = "application/x-www-form-urlencoded"


# --- transport -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/api", "/api/"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_parameters_may_stand_in_the_url_or_in_the_body(path: str, method: str) -> None:
    bench = Bench()
    fields = urllib.parse.urlencode({"type": "version", "key": bench.firewall.api_key(SVC)})
    in_url = bench.send(method, f"{path}?{fields}", headers())
    in_body = bench.send("POST", path, headers(Content_Type=FORM), fields.encode())
    content_type, body = multipart(dict(urllib.parse.parse_qsl(fields)), b"")
    in_parts = bench.send("POST", path, headers(Content_Type=content_type), body)
    for response in (in_url, in_body, in_parts):
        assert response.answer.content_type == "application/xml; charset=UTF-8"
        assert response.root.findtext("result/model") == "PA-VM"
        assert response.root.findtext("result/sw-version") == "11.1.4"
        assert response.root.findtext("result/serial") == bench.firewall.serial


@pytest.mark.parametrize(("web_interface", "status"), [("page", 200), ("not_found", 404)])
def test_what_is_no_request_to_the_api_gets_a_page_for_people(web_interface: str, status: int) -> None:
    bench = switched(web_interface=web_interface)
    key = bench.firewall.api_key("svc")
    wrong = [bench.send("GET", path, headers(X_PAN_KEY=key)) for path in ("/", "/api/x", "/php/login.php")]
    for content_type in ("application/json", "text/xml", ""):
        head = headers(X_PAN_KEY=key, **({"Content_Type": content_type} if content_type else {}))
        wrong.append(bench.send("POST", "/api/?type=version", head, b"type=version"))
    for response in wrong:
        assert (response.answer.status, response.answer.content_type.partition(";")[0]) == (status, "text/html")
    assert bench.firewall.log == []
    assert bench.send("PUT", "/api/", headers()).answer.status == 405
    assert bench.send("POST", "/api/?type=version", headers(X_PAN_KEY=key)).is_success


@pytest.mark.parametrize("status", [400, 200])
def test_missing_and_unknown_parameters_have_the_400_form(status: int) -> None:
    bench = Bench(PanosSwitches(bad_request_http_status=status))
    unknown = bench.ask(type="nonsense")
    text = b"Illegal value for parameter &quot;type&quot; [nonsense]."
    form = b"<response status = 'error' code = '400'><result><msg>" + text + b"</msg></result></response>"
    assert (unknown.answer.status, unknown.answer.body) == (status, form)
    assert 'parameter "type"' in bench.ask().text
    assert 'parameter "cmd"' in bench.ask(type="op").text
    assert 'parameter "cmd"' in bench.ask(type="commit").text
    assert 'parameter "action"' in bench.ask(type="config").text
    assert 'parameter "action" [frob]' in bench.config("frob", SHARED).text
    assert 'parameter "xpath"' in bench.ask(type="config", action="get").text
    assert 'parameter "element"' in bench.config("set", SHARED).text
    assert 'parameter "vsys" [vsys9]' in bench.op("<show><clock/></show>", vsys="vsys9").text
    assert 'parameter "target" [007]' in bench.ask(type="version", target="007").text
    assert bench.ask(type="commit", cmd="<commit/>", action="all").code == "400"


@pytest.mark.parametrize(
    "xml",
    ["", "<a", "<a/><b/>", "<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>", "<a>" * 90 + "</a>" * 90, "<a>\x00</a>", "text"],
)
def test_unsafe_or_broken_xml_is_malformed(xml: str) -> None:
    bench = Bench()
    assert bench.op(xml or " ").code == "18"
    if xml != "<a/><b/>":
        assert bench.config("set", SHARED, element=xml or " ").code == "18"


@given(st.text(max_size=80))
def test_any_text_comes_back_as_well_formed_xml(text: str) -> None:
    bench = Bench()
    for response in (
        bench.ask(type=text),
        bench.config("get", text),
        bench.op(text),
        bench.config("set", SYSTEM, element=f"<hostname>{text}</hostname>"),
        bench.upload(text, b"x"),
        bench.config("delete", f"{SHARED}/entry[@name='{text}']"),
    ):
        assert response.root.tag == "response"


def test_concurrent_writes_are_all_kept() -> None:
    bench = Bench()

    def work(number: int) -> None:
        for item in range(5):
            bench.config("set", f"{VSYS1}/address", element=f"<entry name='a-{number}-{item}'><fqdn>x</fqdn></entry>")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(bench.changes()) == 30


# --- queries -------------------------------------------------------------------------------------------------------


def test_system_info_clock_and_high_availability() -> None:
    bench = Bench(zone=datetime.timezone(datetime.timedelta(hours=-7), "PDT"))
    system = bench.op("<show><system><info/></system></show>").root.find("result/system")
    assert system is not None
    values = {child.tag: child.text for child in system}
    assert {"hostname": "fw-1", "sw-version": "11.1.4", "model": "PA-VM", "multi-vsys": "off"}.items() <= values.items()
    assert {"ip-address", "devicename", "time", "uptime", "family", "serial", "operational-mode", "app-version",
            "platform-family", "device-certificate-status"} <= set(values)  # fmt: skip
    clock = bench.op("<show><clock/></show>").root.findtext("result")
    assert clock == "Thu Jan 01 05:00:00 PDT 2026 \n"
    state = bench.op("<show><high-availability><state/></high-availability></show>").root
    assert state.findtext("result/enabled") == "no"
    assert bench.op("<show><chassis-ready/></show>").text == "yes"


@pytest.mark.parametrize("show_self", [True, False])
def test_show_admins_tells_who_asks_unless_the_release_is_old(show_self: bool) -> None:
    bench = Bench(PanosSwitches(show_self=show_self))
    bench.ask(ALICE, type="version")
    entries = bench.op("<show><admins/></show>").root.findall("result/admins/entry")
    assert {entry.findtext("admin") for entry in entries} == {ALICE, SVC}
    own = [entry.findtext("admin") for entry in entries if entry.find("self") is not None]
    assert own == ([SVC] if show_self else [])


@pytest.mark.parametrize(
    ("command", "text"),
    [
        ("<foo/>", "foo is unexpected"),
        ("<show><foo/></show>", "show -> foo is unexpected"),
        ("<show><clock/><clock/></show>", "show -> clock is unexpected"),
        ("<show><clock><x/></clock></show>", "show -> clock -> x is unexpected"),
        ("<show><clock>x</clock></show>", "show -> clock is invalid"),
        ("<show><system/></show>", "show -> system is incomplete"),
        ("<show>x</show>", "show is incomplete"),
        ("<show><jobs><id>x</id></jobs></show>", "show -> jobs -> id is invalid"),
        ("<show><config-locks><vsys>vsys9</vsys></config-locks></show>", "show -> config-locks -> vsys is invalid"),
        ("<request><certificate><show><x/></show></certificate></request>",
         "request -> certificate -> show -> x is unexpected"),
        ("<validate><full><x/></full></validate>", "validate -> full -> x is unexpected"),
        ("<revert><config><partial/></config></revert>", "revert -> config -> partial -> admin is invalid"),
    ],
)  # fmt: skip
def test_a_wrong_command_has_code_17(command: str, text: str) -> None:
    assert Bench().op(command).summary == ("error", "17", text)


@pytest.mark.parametrize(
    "path",
    ["show/system/info", "show/clock", "show/admins", "show/chassis-ready", "show/high-availability/state",
     "show/config/list/changes", "show/config-locks", "show/commit-locks", "show/jobs/all", "show/jobs/pending",
     "show/jobs/processed", "check/pending-changes", "check/full-commit-required", "request/config-lock/add",
     "request/config-lock/remove", "request/commit-lock/add", "request/commit-lock/remove", "validate/full",
     "request/certificate/show", "request/certificate/generate", "revert/config/partial", "load/config"],
)  # fmt: skip
def test_no_command_takes_parameters_that_it_does_not_know(path: str) -> None:
    tags = path.split("/")
    start, end = "".join(f"<{tag}>" for tag in tags), "".join(f"</{tag}>" for tag in reversed(tags))
    refused = Bench().op(f"{start}<strange>x</strange>{end}")
    assert refused.summary == ("error", "17", f"{' -> '.join(tags)} -> strange is unexpected")


# --- locks ---------------------------------------------------------------------------------------------------------


def lock(bench: Bench, kind: str, action: str, admin: str, inside: str = "", **more: str) -> Response:
    return bench.op(f"<request><{kind}-lock><{action}>{inside}</{action}></{kind}-lock></request>", admin, **more)


def test_a_config_lock_stops_everybody_else() -> None:
    bench = profiled()
    taken = lock(bench, "config", "add", ALICE, "<comment>mine</comment>")
    assert taken.text == (
        "Successfully acquired lock. Other administrators will not be able to modify configuration until lock is"
        " released by alice."
    )
    for refused in (
        bench.generate(),
        bench.upload("x", pem(certificate(key()))),
        bench.config("set", SYSTEM, element="<hostname>x</hostname>"),
        bench.config("delete", f"{SHARED}/entry[@name='new']"),
        bench.op("<revert><config><partial><admin><member>svc</member></admin></partial></config></revert>"),
        bench.op("<load><config><from>running-config.xml</from></config></load>"),
        bench.generate(vsys="vsys1"),
    ):
        assert refused.summary == ("error", "14", "Configuration is locked by alice")
    assert bench.generate(admin=ALICE).is_success
    entry = bench.op("<show><config-locks/></show>").root.find("result/config-locks/entry")
    assert entry is not None
    values = {child.tag: child.text for child in entry}
    assert entry.get("name") == ALICE
    assert values == {
        "type": "shared", "name": "shared", "created": "2026/01/01 12:00:00", "last-activity": "2026/01/01 12:00:00",
        "loggedin": "yes", "comment": "mine",
    }  # fmt: skip
    assert lock(bench, "config", "remove", ALICE).is_success
    assert bench.op("<show><config-locks/></show>").root.find("result/config-locks/entry") is None
    assert bench.generate("second").is_success


def test_a_vsys_lock_covers_its_vsys_and_what_is_above() -> None:
    bench = Bench(multi_vsys=True)
    assert lock(bench, "config", "add", ALICE, vsys="vsys1").is_success
    assert bench.generate(vsys="vsys1").text == "Configuration is locked by alice"
    assert bench.generate(vsys="vsys2").is_success and bench.generate().is_success
    above = VSYS1.rpartition("/")[0]
    assert bench.config("set", above, element="<entry name='vsys1'><display-name>x</display-name></entry>").code == "14"
    shared = bench.op("<show><config-locks/></show>").root
    everything = bench.op("<show><config-locks><vsys>all</vsys></config-locks></show>").root
    assert shared.find(".//entry") is None
    assert everything.findtext(".//entry/name") == "vsys1"


@pytest.mark.parametrize(
    ("held", "text"),
    [("scope_is_locked", "Config for scope shared is currently locked by alice"),
     ("already_held", "Config lock is already held by alice")],
)  # fmt: skip
def test_texts_of_refused_locks(held: str, text: str) -> None:
    bench = Bench(replace(PanosSwitches(config_lock_code=None), config_lock_held=held))  # type: ignore[arg-type]
    assert lock(bench, "config", "remove", SVC).text == "Config is not currently locked for scope shared"
    assert lock(bench, "commit", "remove", SVC).text == "Commit lock is not currently held by svc"
    for kind in ("config", "commit"):
        assert lock(bench, kind, "add", ALICE).is_success
    assert lock(bench, "config", "add", ALICE).text == "You already own a config lock for scope shared"
    assert lock(bench, "config", "add", SVC).text == text
    assert lock(bench, "commit", "add", ALICE).text == "Commit lock is already held by alice"
    assert lock(bench, "config", "remove", SVC).text == "Config for scope shared is currently locked by alice"
    assert bench.generate().summary == ("error", None, "Configuration is locked by alice")
    assert lock(bench, "config", "add", SVC, "<x/>").code == "17"


def test_only_a_superuser_takes_away_anothers_commit_lock() -> None:
    bench = Bench(role=Role())
    bench.firewall.lock_as(ALICE, "commit")
    assert lock(bench, "commit", "remove", SVC, "<admin>alice</admin>").code == "16"
    assert lock(bench, "commit", "remove", BOB, "<admin>alice</admin>").is_success
    bench.firewall.lock_as(ALICE, "commit")
    bench.firewall.unlock_as(ALICE, "commit")
    assert bench.op("<show><commit-locks/></show>").root.find(".//entry") is None
