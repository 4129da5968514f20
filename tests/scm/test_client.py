"""The SCM client: what it sends, and what it makes of every answer."""

from __future__ import annotations

import json
from collections.abc import Callable
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
from paloaltofw.model.account import Account
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.scm.answers import NotReady, OrderState
from paloaltofw.scm.client import OrderRequest, ScmClient
from paloaltofw.secret import Secret
from tests.peers import QuickClock, scripted
from tests.scm.bench import ORDER, PEM, TOKEN, client, reply


def test_an_order_is_sent_as_documented(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: reply(200, {"certId": "17"})) as (scm, site, _):
        assert scm.enroll(ORDER) == "17"
    token, order = site.requests
    assert token.form == {"grant_type": "client_credentials", "client_id": "id", "client_secret": "s]e.c!r,et"}
    assert (order.method, order.target) == ("POST", "/api/v1/certificates")
    assert order.headers["authorization"] == "Bearer token-1"
    assert json.loads(order.body) == {"csr": "MIIB", "subjAltNames": ["www.example.com"], "comments": "comment"}


def test_ids_are_percent_encoded_and_one_token_serves_all(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: reply(200, {"status": "Issued"})) as (scm, site, _):
        scm.status("a+b/c==")
        scm.status("a+b/c==")
    assert [r.target for r in site.requests] == ["/token", *["/api/v1/certificates/a%2Bb%2Fc%3D%3D/status"] * 2]


WRITE_ANSWERS: list[tuple[Answer, type[AgentError]]] = [
    (reply(400, {"code": -10, "description": "bad CSR"}), Refused),
    (reply(400, {"code": -16, "description": "Unknown user"}), CredentialsRefused),
    (reply(400, {"code": -3, "description": "no right"}), PermissionDenied),
    (reply(403, {"code": -1}), PermissionDenied),
    (reply(400, b"Being processed", "text/plain"), InvalidAnswer),
    (reply(409, b"<html>", "text/html"), InvalidAnswer),
    (reply(302, Location="https://evil.example/"), InvalidAnswer),
    (reply(429, {"code": -1}, Retry_After="7"), Busy),
    (reply(500, b"<html>", "text/html"), AnswerLost),
    (reply(502), AnswerLost),
    (reply(503, b"<html>", "text/html"), AnswerLost),
    (reply(200), AnswerLost),
    (reply(200, b"<html>ok</html>", "text/html"), AnswerLost),
    (reply(200, {"id": "17"}), AnswerLost),
    (reply(200, {"certId": ""}), AnswerLost),
    (reply(200, {"certId": None}), AnswerLost),
    (reply(200, b"[1]"), AnswerLost),
]


@pytest.mark.parametrize(("answer", "error"), WRITE_ANSWERS)
def test_an_order_is_never_repeated_whatever_the_answer(
    tmp_path: Path, answer: Answer, error: type[AgentError]
) -> None:
    with client(tmp_path, lambda _: answer) as (scm, site, clock):
        with pytest.raises(error) as caught:
            scm.enroll(ORDER)
        assert type(caught.value) is error
    assert len([r for r in site.requests if r.path != "/token"]) == 1
    assert clock.slept == []
    assert "s]e.c!r,et" not in str(caught.value)
    assert "token-1" not in str(caught.value)


def cut(_: Request) -> Answer:
    raise Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")


def cut_at_once(_: Request) -> Answer:
    raise Cut


@pytest.mark.parametrize("script", [cut, cut_at_once])
def test_a_broken_connection_is_a_lost_answer(tmp_path: Path, script: Callable[[Request], Answer]) -> None:
    with client(tmp_path, script) as (scm, site, _), pytest.raises(AnswerLost):
        scm.enroll(ORDER)
    assert len(site.requests) == 2


def test_a_refused_connection_is_unreachable(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: TOKEN) as (scm, _site, clock):
        pass
    with pytest.raises(Unreachable):
        scm.enroll(ORDER)
    with pytest.raises(Unreachable):
        scm.status("1")
    assert clock.slept == [0.5, 2.5]


def test_an_untrusted_certificate_is_unreachable_and_not_retried(tmp_path: Path) -> None:
    clock = QuickClock()
    with scripted(lambda _: TOKEN) as (site, server):
        scm = ScmClient(Account("A", "id", Secret("secret"), server.url), server.url + "/token", None, 5, clock)
        with pytest.raises(Unreachable, match="not trusted"):
            scm.status("1")
    assert (site.requests, clock.slept) == ([], [])


@pytest.mark.parametrize("trouble", [reply(502), reply(503, b"<html>", "text/html"), reply(429, Retry_After="7"), None])
def test_reads_are_repeated(tmp_path: Path, trouble: Answer | None) -> None:
    calls = []

    def api(request: Request) -> Answer:
        calls.append(request)
        if len(calls) > 1:
            return reply(200, {"status": "Applied"})
        return trouble if trouble else cut(request)

    with client(tmp_path, api) as (scm, _, clock):
        assert scm.status("1").state is OrderState.PENDING
    assert clock.slept == [7.0 if trouble and trouble.status == 429 else 0.5]


@pytest.mark.parametrize("code", [-103, -109, -1400, -183])
def test_not_issued_yet(tmp_path: Path, code: int) -> None:
    answer = reply(404, {"code": code, "description": "later"})
    with client(tmp_path, lambda _: answer) as (scm, _, _clock), pytest.raises(NotReady):
        scm.download("1")


def test_an_empty_download_means_not_ready(tmp_path: Path) -> None:
    answer = reply(200, b" \n", "application/x-pem-file")
    with client(tmp_path, lambda _: answer) as (scm, _, _clock), pytest.raises(NotReady):
        scm.download("1")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(404, {"code": -124, "description": "unknown"}), Refused),
        (reply(404, b"<html>", "text/html"), InvalidAnswer),
        (reply(200, b"<html>", "text/html"), InvalidAnswer),
        (reply(200, b"not a certificate", "application/x-pem-file"), InvalidAnswer),
        (reply(301, Location="/x"), InvalidAnswer),
    ],
)
def test_a_download_that_is_none(tmp_path: Path, answer: Answer, error: type[AgentError]) -> None:
    with client(tmp_path, lambda _: answer) as (scm, _, _clock), pytest.raises(error):
        scm.download("1")


def test_a_download_is_text(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: reply(200, PEM, "application/x-pem-file")) as (scm, site, _):
        assert scm.download("1") == PEM.decode()
    assert site.requests[-1].headers["accept"].startswith("application/x-pem-file")


@pytest.mark.parametrize("body", [None, [], {}, {"status": 5}, {"status": ""}, "Issued"])
def test_a_status_without_status_is_refused(tmp_path: Path, body: object) -> None:
    with client(tmp_path, lambda _: reply(200, body)) as (scm, _, _clock), pytest.raises(InvalidAnswer):
        scm.status("1")


def test_revoke_and_recheck(tmp_path: Path) -> None:
    with client(tmp_path, lambda r: reply(202 if r.method == "POST" else 200)) as (scm, site, _):
        scm.revoke("17", 4, "superseded")
        scm.recheck_dcv("17")
    revoke, recheck = site.requests[1:]
    assert (revoke.method, json.loads(revoke.body)) == ("DELETE", {"reasonCode": 4, "message": "superseded"})
    assert (recheck.method, recheck.target) == ("POST", "/api/v1/certificates/17/dcv-recheck")


def test_replace_sends_only_what_it_may(tmp_path: Path) -> None:
    order = OrderRequest("MIIB", ("a.example.com",), "c", "x@example.com", (("f", "v"),))
    with client(tmp_path, lambda _: reply(200, {"certId": "2"})) as (scm, site, _):
        assert scm.replace("1", order) == "2"
        assert scm.renew("1", OrderRequest(None, (), "c")) == "2"
    assert set(json.loads(site.requests[1].body)) == {"csr", "subjAltNames", "comments"}
    assert json.loads(site.requests[2].body) == {"comments": "c"}
