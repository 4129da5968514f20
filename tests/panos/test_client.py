"""The PAN-OS client: what it sends, and what it makes of every answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.errors import (
    AgentError,
    AnswerLost,
    Busy,
    CredentialsRefused,
    InvalidAnswer,
    PermissionDenied,
    Refused,
    Unreachable,
)
from paloaltofw.model.trust import Trust
from paloaltofw.panos.location import Scope
from paloaltofw.panos.refusals import Transient
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from tests.panos.bench import EMPTY, ENVELOPES, KEY, OK, REQUEST, client, error, xml

PKCS10 = "-----BEGIN CERTIFICATE REQUEST-----\nMIIBAAA=\n-----END CERTIFICATE REQUEST-----"
CONTAINER = "/config/shared/certificate"


def test_the_key_travels_in_a_header_of_a_post_and_nowhere_else(tmp_path: Path) -> None:
    with client(tmp_path, lambda request: xml(EMPTY if request.form.get("xpath") == CONTAINER else OK)) as (
        panos,
        site,
        _,
    ):
        panos.certificates()
        panos.generate_csr(REQUEST)
        panos.import_certificate("vpn-2", "-----BEGIN CERTIFICATE-----")
        panos.bind("portal", "vpn-2")
        panos.delete_certificate("vpn")
        panos.commit("svc", "text")
    assert len(site.requests) == 6
    for request in site.requests:
        assert (request.method, request.target) == ("POST", "/api/")
        assert request.headers["x-pan-key"] == KEY
        assert KEY.encode() not in request.body
        assert b"canary" not in request.body


WRITE_ANSWERS: list[tuple[Answer, type[AgentError]]] = [
    (xml("<response status = 'error' code = '403'><result><msg>Invalid credentials.</msg></result></response>", 403),
     CredentialsRefused),
    (xml("<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>"),
     CredentialsRefused),
    (xml(error(16, "Unauthorized request")), PermissionDenied),
    (xml(error(16, "Unauthorized request"), 403), PermissionDenied),
    (xml(error(14, "Other administrators are holding device wide commit locks.")), Busy),
    (xml(error(None, "Configuration is locked by alice")), Busy),
    (xml(error(14, "Config for scope shared is currently locked by alice")), Busy),
    (xml(error(13, "Another commit/validate is in progress. Please try again later")), Busy),
    (xml(error(None, "A commit is in progress.")), Busy),
    (xml(error(13, "A commit is pending. Please try again later.")), Busy),
    (xml(error(None, "Commit job was not queued since auto-commit not yet finished")), Busy),
    (xml(error(None, "Another sync is in progress. Please try again later")), Busy),
    (xml(error(None, "Local commit jobs are queued. Please try again later")), Busy),
    (xml(error(None, "Failed to synchronize running configuration with HA peer")), Refused),
    (xml(error(13, "no such object")), Refused),
    (xml(error(None, "Failed to find begining of certificate in vpn-2.pem")), Transient),
    (xml('<response status="unauth" code="16"><msg><line>Unauthorized request</line></msg></response>'), PermissionDenied),
    (xml("<response status = 'error' code = '403'><result><msg>Not Authenticated</msg></result></response>", 403),
     PermissionDenied),
    (xml(error(17, "generate -> foo is unexpected")), Refused),
    (xml(error(7, "Object not present")), Refused),
    (xml('<response status="success" code="7"><result/></response>'), Refused),
    (xml(error(None, "Import of N failed. Mismatched public and private keys.")), Refused),
    (xml("<html>login</html>", content_type="text/html"), AnswerLost),
    (xml(""), AnswerLost),
    (xml('<response status="success"><result>'), AnswerLost),
    (xml("<html/>", 404, "text/html"), InvalidAnswer),
    (Answer(302, b"", headers={"Location": "https://evil.example/"}), AnswerLost),
    (xml("Request Timeout", 408, "text/plain"), AnswerLost),
    (xml("", 499, "text/html"), AnswerLost),
    (xml("<html/>", 502, "text/html"), AnswerLost),
    (xml("", 500), AnswerLost),
    (xml("", 429), Busy),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind"), WRITE_ANSWERS)
def test_a_write_is_never_repeated_and_its_failure_has_a_type(
    tmp_path: Path, answer: Answer, kind: type[AgentError]
) -> None:
    with client(tmp_path, lambda _: answer) as (panos, site, clock), pytest.raises(AgentError) as caught:
        panos.import_certificate("vpn-2", "PEM")
    assert type(caught.value) is kind
    assert (len(site.requests), clock.slept) == (1, [])
    assert "canary" not in str(caught.value)
    assert ", importing vpn-2: " in str(caught.value)
    assert str(caught.value).startswith("firewall fw (127.0.0.1:")


@pytest.mark.parametrize("trouble", [xml("<html/>", 502, "text/html"), None])
def test_reads_are_repeated(tmp_path: Path, trouble: Answer | None) -> None:
    calls: list[Request] = []

    def script(request: Request) -> Answer:
        calls.append(request)
        if len(calls) > 1:
            return xml('<response status="success" code="19"><result/></response>')
        if trouble is None:
            raise Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<resp")
        return trouble

    with client(tmp_path, script) as (panos, _, clock):
        assert panos.certificates() == {}
    assert clock.slept == [0.5]


def test_a_missing_container_is_no_certificates(tmp_path: Path) -> None:
    for body in ENVELOPES[3][0], ENVELOPES[4][0]:
        with client(tmp_path, lambda _, body=body: xml(body)) as (panos, _, _clock):  # type: ignore[misc]
            assert panos.running_certificates() == {}


def test_a_commit_gives_its_job_or_nothing(tmp_path: Path) -> None:
    enqueued = (
        '<response status="success" code="19"><result><msg><line>Commit job enqueued with jobid 70</line></msg>'
        "<job>70</job></result></response>"
    )
    with client(tmp_path, lambda _: xml(enqueued)) as (panos, site, _):
        assert panos.commit("svc", "text") == "70"
    assert site.requests[0].form["action"] == "partial"
    nothing = '<response status="success" code="19"><msg>There are no changes to commit.</msg></response>'
    with client(tmp_path, lambda _: xml(nothing)) as (panos, _, _clock):
        assert panos.commit("svc", "text") is None


def test_a_revert_names_its_administrator_and_is_sent_once(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: xml(OK)) as (panos, site, _):
        panos.revert("svc")
        for nobody in ("", " "):
            with pytest.raises(ValueError, match="everybody"):
                panos.revert(nobody)
    assert [request.form["type"] for request in site.requests] == ["op"]
    assert "<partial><admin><member>svc</member></admin></partial>" in site.requests[0].form["cmd"]
    for answer, kind in ((xml(error(17, "revert is unexpected")), Refused), (Answer(502, b""), AnswerLost)):
        with client(tmp_path, lambda _, answer=answer: answer) as (panos, site, _):  # type: ignore[misc]
            with pytest.raises(kind):
                panos.revert("svc")
            assert len(site.requests) == 1


def test_a_refused_description_is_left_out(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        return xml(error(17, "commit -> description is unexpected") if "description" in request.form["cmd"] else OK)

    with client(tmp_path, script) as (panos, site, _):
        assert panos.commit("svc", "text") is None
    assert len(site.requests) == 2


@pytest.mark.parametrize(
    "body",
    [
        ENVELOPES[3][0],
        '<response status="success" code="19"><result><csr/></result></response>',
        '<response status="success" code="19"><result><csr>********</csr></result></response>',
    ],
)
def test_the_csr_is_exported_where_the_configuration_does_not_show_it(tmp_path: Path, body: str) -> None:
    def script(request: Request) -> Answer:
        is_export = request.form["type"] == "export"
        return Answer(200, PKCS10.encode(), "application/octet-stream") if is_export else xml(body)

    with client(tmp_path, script) as (panos, site, _):
        assert panos.csr("vpn-2") == PKCS10
    assert (site.requests[1].form["include-key"], site.requests[1].form["format"]) == ("no", "pkcs10")


EXPORTS: list[tuple[Answer, type[AgentError] | str]] = [
    (Answer(200, f"\r\n{PKCS10}\n".encode(), "application/octet-stream"), PKCS10),
    (Answer(200, PKCS10.replace(" CERT", " NEW CERT").encode(), "text/html"), PKCS10.replace(" CERT", " NEW CERT")),
    (xml(error(None, "Failed to prepare certificate")), ""),
    (xml(error(7, "Object not present")), ""),
    (xml(error(None, "No such node")), ""),
    (xml(error(16, "Unauthorized request")), PermissionDenied),
    (xml(error(None, "A commit is in progress.")), Busy),
    (xml(error(17, "export -> format is invalid")), Refused),
    (xml(error(13, "certificate has expired")), Refused),
    (xml("<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>", 403),
     CredentialsRefused),
    (xml(OK), InvalidAnswer),
    (xml("<html>login</html>", content_type="text/html"), InvalidAnswer),
    (xml(PKCS10, 404), InvalidAnswer),
    (Answer(200, b"", "application/octet-stream"), InvalidAnswer),
    (Answer(200, PKCS10[:60].encode(), "application/octet-stream"), InvalidAnswer),
    (Answer(200, b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"), InvalidAnswer),
    (Answer(503, b""), Busy),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "outcome"), EXPORTS)
def test_no_csr_is_believed_only_of_a_device_that_says_so(
    tmp_path: Path, answer: Answer, outcome: type[AgentError] | str
) -> None:
    with client(tmp_path, lambda _: answer) as (panos, _, _clock):
        if isinstance(outcome, str):
            assert panos.exported_csr("vpn-2") == outcome
        else:
            with pytest.raises(outcome):
                panos.exported_csr("vpn-2")


ENTRY = '<response status="success" code="19"><result total-count="1" count="1"><entry name="{}"/></result></response>'
NARROW: list[tuple[str, type[AgentError] | str | None]] = [
    (ENTRY.format("vpn-2"), "vpn-2"),
    (ENVELOPES[3][0], None),
    (ENVELOPES[4][0], None),
    ('<response status="success" code="19"><result total-count="0" count="0"/></response>', None),
    (ENTRY.format("vpn"), InvalidAnswer),
    ('<response status="success" code="19"><result/></response>', InvalidAnswer),
    ('<response status="success" code="19"/>', InvalidAnswer),
    (OK, InvalidAnswer),
    (error(13, "not connected"), Refused),
]


@pytest.mark.parametrize("call", ["certificate", "running_certificate"])
@pytest.mark.parametrize(("body", "outcome"), NARROW)
def test_one_entry_is_absent_only_where_the_device_says_so(
    tmp_path: Path, call: str, body: str, outcome: type[AgentError] | str | None
) -> None:
    with client(tmp_path, lambda _: xml(body)) as (panos, site, _clock):
        if isinstance(outcome, type):
            with pytest.raises(outcome):
                getattr(panos, call)("vpn-2")
        else:
            assert getattr(getattr(panos, call)("vpn-2"), "name", None) == outcome
    assert site.requests[0].form["xpath"] == "/config/shared/certificate/entry[@name='vpn-2']"
    assert site.requests[0].form["action"] == ("get" if call == "certificate" else "show")


LISTS = ["certificates", "running_certificates", "service_profiles", "running_service_profiles"]


@pytest.mark.parametrize("call", LISTS)
def test_an_incomplete_list_is_an_invalid_answer(tmp_path: Path, call: str) -> None:
    body = ENTRY.format("vpn-2").replace('"1"', '"2"')
    with client(tmp_path, lambda _: xml(body)) as (panos, _, _clock):
        with pytest.raises(InvalidAnswer, match="the list is incomplete"):
            getattr(panos, call)()


def test_a_transient_failure_of_an_import_is_busy_twice(tmp_path: Path) -> None:
    answers = [xml(error(None, "Failed to find begining of certificate"))] * 3 + [xml(OK)]
    answers += [xml(error(None, "Failed to find begining of certificate"))] * 2
    with client(tmp_path, lambda _: answers.pop(0)) as (panos, _, _clock):
        for _ in range(2):
            with pytest.raises(Transient) as caught:
                panos.import_certificate("vpn-2", "PEM")
            assert 0 < (caught.value.retry_after or 0) < 10
        with pytest.raises(Refused, match="begining of certificate"):
            panos.import_certificate("vpn-2", "PEM")
        panos.import_certificate("vpn-2", "PEM")
        for _ in range(2):  # a success begins the count again
            with pytest.raises(Transient):
                panos.import_certificate("vpn-2", "PEM")


@pytest.mark.parametrize(
    "text", ["set failed, may need to override template object vpn first", "Object cannot be overridden"]
)
def test_an_object_of_a_template_is_a_matter_of_panorama(tmp_path: Path, text: str) -> None:
    with client(tmp_path, lambda _: xml(error(13, text))) as (panos, _, _clock):
        with pytest.raises(Refused, match="Panorama") as caught:
            panos.bind("portal", "vpn-2")
    assert caught.value.peer_code == 13


def leaf(tag: str, text: str) -> str:
    return f'<response status="success"><result><{tag}>{text}</{tag}></result></response>'


PROFILE = "ssl-tls-service-profile"
MANAGEMENT: list[tuple[str, str, type[AgentError] | str]] = [
    (leaf(PROFILE, " mgmt "), leaf("certificate", "vpn"), "vpn"),
    (leaf(PROFILE, "mgmt"), leaf("certificate", ""), ""),
    (leaf(PROFILE, "mgmt"), ENVELOPES[4][0], ""),
    (leaf(PROFILE, ""), error(1, "never asked"), ""),
    (ENVELOPES[4][0], error(1, "never asked"), ""),
    (ENVELOPES[3][0], error(1, "never asked"), ""),
    (leaf("system", "mgmt"), error(1, "never asked"), InvalidAnswer),
    (OK, error(1, "never asked"), InvalidAnswer),
    (leaf(PROFILE, "mgmt"), OK, InvalidAnswer),
    (leaf(PROFILE, "mgmt"), error(16, "Unauthorized request"), PermissionDenied),
]


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(("first", "second", "outcome"), MANAGEMENT)
def test_the_certificate_of_the_management_interface(
    tmp_path: Path, first: str, second: str, outcome: type[AgentError] | str, running: bool
) -> None:
    def script(request: Request) -> Answer:
        assert request.form["action"] == ("show" if running else "get")
        return xml(first if request.form["xpath"].endswith(f"/deviceconfig/system/{PROFILE}") else second)

    with client(tmp_path, script, Scope("vsys1")) as (panos, site, _clock):
        if isinstance(outcome, str):
            assert panos.management_certificate(running) == outcome
        else:
            with pytest.raises(outcome):
                panos.management_certificate(running)
    for request in site.requests[1:]:
        assert request.form["xpath"] == f"/config/shared/{PROFILE}/entry[@name='mgmt']/certificate"


@pytest.mark.parametrize(("number", "is_known"), [("70", True), ("71", False)])
def test_a_job_is_the_one_that_was_asked_for(tmp_path: Path, number: str, is_known: bool) -> None:
    body = f'<response status="success"><result><job><id>{number}</id><status>FIN</status></job></result></response>'
    with client(tmp_path, lambda _: xml(body)) as (panos, _, _clock):
        if is_known:
            assert getattr(panos.job("70"), "id", "") == "70"
        else:
            with pytest.raises(InvalidAnswer):
                panos.job("70")


def test_a_pinned_certificate(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: xml(OK), trust=Trust(pin="00" * 32)) as (panos, site, clock):
        with pytest.raises(Unreachable, match="not the pinned one"):
            panos.certificates()
    assert (site.requests, clock.slept) == ([], [])


@pytest.mark.parametrize("code", [1, 17])
def test_a_release_without_a_list_of_changes(tmp_path: Path, code: int) -> None:
    with client(tmp_path, lambda _: xml(error(code, "show -> config -> list is unexpected"))) as (panos, *_):
        assert panos.changes() is None
    with client(tmp_path, lambda _: xml(error(14, "not now"))) as (panos, *_), pytest.raises(Refused):
        panos.changes()
