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
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from tests.panos.bench import ENVELOPES, KEY, OK, REQUEST, client, error, xml


def test_the_key_travels_in_a_header_of_a_post_and_nowhere_else(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: xml(OK)) as (panos, site, _):
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
    (xml(error(17, "generate -> foo is unexpected")), Refused),
    (xml(error(7, "Object not present")), Refused),
    (xml('<response status="success" code="7"><result/></response>'), Refused),
    (xml(error(None, "Import of N failed. Mismatched public and private keys.")), Refused),
    (xml("<html>login</html>", content_type="text/html"), AnswerLost),
    (xml(""), AnswerLost),
    (xml('<response status="success"><result>'), AnswerLost),
    (xml("<html/>", 404, "text/html"), InvalidAnswer),
    (Answer(302, b"", headers={"Location": "https://evil.example/"}), InvalidAnswer),
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


def test_a_refused_description_is_left_out(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        return xml(error(17, "commit -> description is unexpected") if "description" in request.form["cmd"] else OK)

    with client(tmp_path, script) as (panos, site, _):
        assert panos.commit("svc", "text") is None
    assert len(site.requests) == 2


def test_the_csr_is_exported_where_the_configuration_does_not_show_it(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        if request.form["type"] == "export":
            return Answer(200, b"-----BEGIN CERTIFICATE REQUEST-----", "application/octet-stream")
        return xml('<response status="success" code="7"><result/></response>')

    with client(tmp_path, script) as (panos, site, _):
        assert panos.csr("vpn-2").startswith("-----BEGIN")
    assert site.requests[1].form["include-key"] == "no"


def test_a_pinned_certificate(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: xml(OK), trust=Trust(pin="00" * 32)) as (panos, site, clock):
        with pytest.raises(Unreachable, match="not the pinned one"):
            panos.certificates()
    assert (site.requests, clock.slept) == ([], [])
