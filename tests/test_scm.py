"""The SCM client: what it sends, and what it makes of every answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from paloaltofw.credentials import Account, Secret
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
from paloaltofw.sandbox.https import Answer, Cut, Request
from paloaltofw.scm import (
    NotReady,
    OrderRequest,
    OrderState,
    ScmClient,
    is_trusted_token_url,
    read_status,
    token_url_of,
)
from tests.peers import QuickClock, Scripted, ca_file, scripted

TOKEN = Answer(200, b'{"access_token": "token-1", "expires_in": 300}', "application/json")
ORDER = OrderRequest("MIIB", ("www.example.com",), "comment")
PEM = b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"


def reply(status: int, body: object = None, content_type: str = "application/json", **headers: str) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
    return Answer(status, content, content_type, {k.replace("_", "-"): v for k, v in headers.items()})


@contextmanager
def client(
    tmp_path: Path, api: Callable[[Request], Answer], token: Callable[[Request], Answer] = lambda _: TOKEN
) -> Iterator[tuple[ScmClient, Scripted, QuickClock]]:
    clock = QuickClock()
    with scripted(lambda r: token(r) if r.path == "/token" else api(r)) as (site, server):
        account = Account("A", "id", Secret("s]e.c!r,et"), server.url)
        scm = ScmClient(account, server.url + "/token", ca_file(tmp_path), 5, clock)
        yield scm, site, clock
        scm.close()


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


def test_a_token_is_renewed_after_most_of_its_life(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: reply(200, {"status": "Issued"})) as (scm, site, clock):
        scm.status("1")
        clock.sleep(239)
        scm.status("1")
        clock.sleep(2)
        scm.status("1")
    assert [r.path for r in site.requests].count("/token") == 2


def test_a_401_renews_the_token_once(tmp_path: Path) -> None:
    answers = iter([reply(401), reply(200, {"certId": "1"}), reply(401), reply(401)])
    with client(tmp_path, lambda _: next(answers)) as (scm, site, _):
        assert scm.enroll(ORDER) == "1"
        with pytest.raises(CredentialsRefused):
            scm.enroll(ORDER)
    assert [r.path for r in site.requests].count("/token") == 3


@pytest.mark.parametrize(
    "header",
    [
        'Bearer authorization_uri="{}"', "Bearer authorization_uri={}", "{}",
        'Bearer realm="x", authorization_uri="{}", error="invalid_token"',
    ],
)  # fmt: skip
def test_the_token_server_is_found_in_every_form_of_the_header(tmp_path: Path, header: str) -> None:
    url = "https://auth.other.sectigo.com/token"
    assert token_url_of(header.format(url)) == url
    seen = []

    def api(request: Request) -> Answer:
        seen.append(request)
        if len(seen) == 1:
            new = f"https://{request.headers['host']}/other-token"
            return reply(401, WWW_Authenticate=header.format(new))
        return TOKEN if request.path == "/other-token" else reply(200, {"certId": "1"})

    with client(tmp_path, api) as (scm, site, _):
        assert scm.enroll(ORDER) == "1"
    assert [r.path for r in site.requests if "token" in r.path] == ["/token", "/other-token"]


@pytest.mark.parametrize(
    ("url", "trusted"),
    [
        ("https://auth.sso.sectigo.com/x", True), ("https://other.sectigo.com/x", True),
        ("https://configured.example/x", True), ("http://auth.sso.sectigo.com/x", False),
        ("https://sectigo.com.evil.example/x", False), ("https://evil-sectigo.com/x", False),
        ("https://user@auth.sectigo.com/x", False), ("https://auth.sectigo.com:8443/x", False),
        ("https://configured.example:444/x", False),
    ],
)  # fmt: skip
def test_the_secret_is_sent_to_trusted_hosts_only(url: str, trusted: bool) -> None:
    assert is_trusted_token_url(url, "https://configured.example/token") is trusted


def test_an_untrusted_token_server_is_reported_and_not_asked(tmp_path: Path) -> None:
    header = 'Bearer authorization_uri="https://evil.example/token"'
    with (
        client(tmp_path, lambda _: reply(401, WWW_Authenticate=header)) as (scm, site, _),
        pytest.raises(CredentialsRefused, match=r"evil\.example"),
    ):
        scm.enroll(ORDER)
    assert len(site.requests) == 2


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


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Issued", OrderState.ISSUED), ("ISSUED", OrderState.ISSUED), ("Requested", OrderState.PENDING),
        ("Approved", OrderState.PENDING), ("SA Approved", OrderState.PENDING), ("SAApproved", OrderState.PENDING),
        ("sa_approved", OrderState.PENDING), ("Applied", OrderState.PENDING), ("Init", OrderState.PENDING),
        ("Declined", OrderState.FAILED), ("rejected", OrderState.FAILED), ("Invalid", OrderState.FAILED),
        ("Revoked", OrderState.REVOKED), ("Expired", OrderState.EXPIRED), ("Replaced", OrderState.REPLACED),
        ("Something New", OrderState.PENDING),
    ],
)  # fmt: skip
def test_status_words(word: str, state: OrderState) -> None:
    assert read_status({"status": word}).state is state


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_names_that_wait_for_validation_are_named(wrapped: bool) -> None:
    log = [
        {"dcvStatus": "Awaiting Validation", "domainName": "b.example.com"},
        {"dcvStatus": "Validated", "domainName": "a"},
    ]
    info: object = {"dcvLog": {"log": log}}
    status = read_status({"status": "Applied", "dcvInfo": [info] if wrapped else info})
    assert status.waits_for == "domain validation of b.example.com"


@pytest.mark.parametrize("body", [None, [], {}, {"status": 5}, {"status": ""}, "Issued"])
def test_a_status_without_status_is_refused(tmp_path: Path, body: object) -> None:
    with client(tmp_path, lambda _: reply(200, body)) as (scm, _, _clock), pytest.raises(InvalidAnswer):
        scm.status("1")


@pytest.mark.parametrize(
    "info", [None, 5, "x", [], {}, {"dcvLog": 3}, {"dcvLog": {"log": 3}}, {"dcvLog": {"log": [1, {}]}}]
)
def test_odd_dcv_information_does_no_harm(info: object) -> None:
    assert read_status({"status": "Applied", "dcvInfo": info}).state is OrderState.PENDING


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (reply(401, {"error": "unauthorized_client"}), CredentialsRefused),
        (reply(400, {"error": "invalid_client"}), CredentialsRefused),
        (reply(200, b"<html>", "text/html"), InvalidAnswer),
        (reply(200, {"access_token": ""}), InvalidAnswer),
        (reply(200, {"access_token": "a\nb"}), InvalidAnswer),
        (reply(503, b"<html>", "text/html"), Busy),
    ],
)
def test_token_failures(tmp_path: Path, answer: Answer, error: type[AgentError]) -> None:
    with client(tmp_path, lambda _: TOKEN, lambda _: answer) as (scm, site, _), pytest.raises(error) as caught:
        scm.enroll(ORDER)
    assert all(r.path == "/token" for r in site.requests)
    assert "s]e.c!r,et" not in str(caught.value)


@pytest.mark.parametrize("life", [None, "300", -5, 0, 1e300, True])
def test_odd_token_lives_do_no_harm(tmp_path: Path, life: object) -> None:
    token = reply(200, {"access_token": "t", "expires_in": life})
    with client(tmp_path, lambda _: reply(200, {"certId": "1"}), lambda _: token) as (scm, _, _clock):
        assert scm.enroll(ORDER) == "1"


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
