"""The SCM client: what it sends, and what it makes of every answer."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from paloaltofw.errors import (
    AgentError,
    AnswerLost,
    Busy,
    CredentialsRefused,
    InvalidAnswer,
    OrderWithoutId,
    PermissionDenied,
    Refused,
    Unreachable,
)
from paloaltofw.model.account import Account
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.scm.answers import NotReady, OrderState
from paloaltofw.scm.client import OrderRequest, ScmClient
from paloaltofw.secret import Secret
from tests.peers import QuickClock, ca_file, raw_peer, scripted
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


# What proves that nothing was done, and what does not (scm.md §9).
PROVEN: list[tuple[Answer, type[AgentError]]] = [
    (reply(400, {"code": -10, "description": "bad CSR"}), Refused),
    (reply(404, {"code": -124}), Refused),
    (reply(409, {"code": -62, "description": "custom field"}, "text/plain"), Refused),
    (reply(400, {"code": -16, "description": "Unknown user"}), CredentialsRefused),
    (reply(400, {"code": -3, "description": "no right"}), PermissionDenied),
    (reply(403, {"code": -1}), PermissionDenied),
    (reply(403, b"<html>", "text/html"), PermissionDenied),
    (reply(403, b"\x1f\x8b", Content_Encoding="gzip"), PermissionDenied),
    (reply(403, b"x" * 2_000_000), PermissionDenied),
    (reply(401, b"\x1f\x8b", Content_Encoding="br"), CredentialsRefused),
    (reply(429, {"code": -1}, Retry_After="7"), Busy),
    (reply(429, b"<html>", "text/html"), Busy),
]
LOST: list[tuple[Answer, type[AgentError]]] = [
    *((reply(400, {"code": code, "description": "internal"}), AnswerLost) for code in (-1, -2, -14, -65)),
    (reply(400, {"code": 0, "description": "Being processed by Sectigo"}), AnswerLost),
    (reply(400, {"code": 400, "message": "a gateway's"}), AnswerLost),
    (reply(400, {"code": True}), AnswerLost),
    (reply(400, {"code": "-10"}), AnswerLost),
    (reply(400, [{"code": -10}]), AnswerLost),
    (reply(400, b"Being processed", "text/plain"), AnswerLost),
    (reply(404, b"<html>", "text/html"), AnswerLost),
    (reply(404), AnswerLost),
    (reply(408, {"code": -10}), AnswerLost),
    (reply(499, {"code": -10}), AnswerLost),
    (reply(409, b"<html>", "text/html"), AnswerLost),
    (reply(400, b"\x1f\x8b", Content_Encoding="gzip"), AnswerLost),
    (reply(400, b"x" * 2_000_000), AnswerLost),
    (reply(302, Location="https://evil.example/"), AnswerLost),
    (reply(304), AnswerLost),
    (reply(500, {"code": -10}), AnswerLost),
    (reply(500, b"<html>", "text/html"), AnswerLost),
    (reply(502), AnswerLost),
    (reply(503, b"<html>", "text/html"), AnswerLost),
    (reply(999), AnswerLost),
    (reply(200, b"<html>ok</html>", "text/html"), AnswerLost),
    (reply(200, b" <html>ok</html>"), AnswerLost),
    (reply(200, b"welcome", "text/html"), AnswerLost),
    (reply(200, b"\x1f\x8b", Content_Encoding="gzip"), AnswerLost),
    (reply(200, b"x" * 2_000_000), AnswerLost),
]
WITHOUT_ID: list[tuple[Answer, type[AgentError]]] = [
    (reply(200), OrderWithoutId),
    (reply(204), OrderWithoutId),
    (reply(200, b"[1]"), OrderWithoutId),
    (reply(200, b"{"), OrderWithoutId),
    (reply(202, {"status": "Requested"}), OrderWithoutId),
    *(
        (reply(200, {"certId": value}), OrderWithoutId)
        for value in ("", " ", None, True, 1.5, [1], "1\n2", "x" * 513, ".", "..")
    ),
]


@pytest.mark.parametrize(("answer", "error"), [*PROVEN, *LOST, *WITHOUT_ID])
def test_an_order_is_never_repeated_whatever_the_answer(
    tmp_path: Path, answer: Answer, error: type[AgentError]
) -> None:
    with client(tmp_path, lambda _: answer) as (scm, site, clock):
        with pytest.raises(error) as caught:
            scm.enroll(ORDER)
        assert type(caught.value) is error
        assert caught.value.code == ("answer-lost" if issubclass(error, AnswerLost) else error.code)
    # A 401 proves that nothing was done, so it alone may be followed by a second attempt, with a new token.
    assert len([r for r in site.requests if r.path != "/token"]) == (2 if answer.status == 401 else 1)
    assert clock.slept == []
    assert "s]e.c!r,et" not in str(caught.value)
    assert "token-1" not in str(caught.value)


WRITES: dict[str, Callable[[ScmClient], object]] = {
    "renew": lambda scm: scm.renew("1", ORDER),
    "replace": lambda scm: scm.replace("1", ORDER),
    "revoke": lambda scm: scm.revoke("1", 0, "m"),
}


@pytest.mark.parametrize("name", WRITES)
def test_every_write_knows_what_is_proven(tmp_path: Path, name: str) -> None:
    now: list[Answer] = []
    with client(tmp_path, lambda _: now[-1]) as (scm, _site, _clock):
        for answer, error in [*PROVEN, *LOST]:
            now.append(answer)
            with pytest.raises(error) as caught:
                WRITES[name](scm)
            assert type(caught.value) is error, answer


@pytest.mark.parametrize(
    ("body", "certificate_id"),
    [
        ({"certId": "17", "id": "18"}, "17"), ({"id": "18", "sslId": 19}, "18"), ({"sslId": 19}, "19"),
        ({"certId": None, "id": 18}, "18"), ({"certId": "a b+/="}, "a b+/="),
    ],
)  # fmt: skip
@pytest.mark.parametrize("content_type", ["application/json", "text/html", ""])
def test_the_id_is_read_in_every_form(
    tmp_path: Path, body: dict[str, object], certificate_id: str, content_type: str
) -> None:
    with client(tmp_path, lambda _: reply(200, body, content_type)) as (scm, _, _clock):
        assert scm.enroll(ORDER) == certificate_id


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


PROCESSED = {"code": 0, "description": "Being processed by Sectigo"}


@pytest.mark.parametrize(
    "answer",
    [
        reply(200, b" \n", "application/x-pem-file"), reply(204), reply(400, PROCESSED), reply(404, PROCESSED),
        reply(200, PROCESSED), reply(400, b"Being processed by Sectigo\n", "text/plain"),
        reply(200, b"being processed by Sectigo", "application/x-pem-file"), reply(200, {"code": -1400}),
        reply(400, {"description": "Being Processed by Sectigo"}),
    ],
)  # fmt: skip
def test_other_ways_to_say_that_it_is_not_ready(tmp_path: Path, answer: Answer) -> None:
    with client(tmp_path, lambda _: answer) as (scm, _, _clock), pytest.raises(NotReady):
        scm.download("1")


@pytest.mark.parametrize(
    ("answer", "error", "code"),
    [
        (reply(404, {"code": -124, "description": "unknown"}), Refused, -124),
        (reply(404, b"<html>", "text/html"), Refused, None),
        (reply(400, b"<html>Being processed by the proxy", "text/html"), Refused, None),
        (reply(404), Refused, None),
        (reply(408), Refused, None),
        (reply(400, {"code": -16}), Refused, -16),
        (reply(404, {"code": -3}), Refused, -3),
        (reply(400, {"code": -1}), Refused, -1),
        (reply(200, {"code": -110}), Refused, -110),
        (reply(401), CredentialsRefused, None),
        (reply(403, {"code": -103}), PermissionDenied, None),
        (reply(429, {"code": -103}), Busy, None),
        (reply(500, PROCESSED), Busy, None),
        (reply(200, b"<html>", "text/html"), InvalidAnswer, None),
        (reply(200, b"<html>", "application/x-pem-file"), InvalidAnswer, None),
        (reply(200, b"not a certificate", "application/x-pem-file"), InvalidAnswer, None),
        (reply(200, {"status": "Issued"}), InvalidAnswer, None),
        (reply(200, PEM, Content_Encoding="gzip"), InvalidAnswer, None),
        (reply(301, Location="/x"), InvalidAnswer, None),
        (reply(199), InvalidAnswer, None),
    ],
)
def test_a_download_that_is_none(tmp_path: Path, answer: Answer, error: type[AgentError], code: int | None) -> None:
    with client(tmp_path, lambda _: answer) as (scm, _, _clock), pytest.raises(error) as caught:
        scm.download("1")
    assert type(caught.value) is error
    assert getattr(caught.value, "peer_code", None) == code


@pytest.mark.parametrize(
    "content",
    [PEM, b"text before\r\n" + PEM, b"\x30\x82\x01\x0a\x00\xff", b"MIIG" + b"abcdEFGH\n" * 40 + b"AA==\n"],
)
@pytest.mark.parametrize("content_type", ["application/x-pem-file", "application/pkcs7-mime", ""])
def test_a_download_is_bytes_in_whatever_form(tmp_path: Path, content: bytes, content_type: str) -> None:
    with client(tmp_path, lambda _: reply(200, content, content_type)) as (scm, site, _):
        assert scm.download("1") == content
    assert site.requests[-1].headers["accept"].startswith("application/x-pem-file")


def test_a_chain_under_the_type_of_a_page_is_a_chain(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: reply(200, PEM, "text/html")) as (scm, _, _clock):
        assert scm.download("1") == PEM


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
    assert json.loads(site.requests[2].body) == {"comments": "c", "customFields": {}}


@pytest.mark.parametrize(("profile", "sent"), [("12", 12), ("12a", "12a"), ("\u0662", "\u0662"), ("", None)])
def test_the_profile_to_renew_is_sent_with_renew_only(tmp_path: Path, profile: str, sent: object) -> None:
    order = OrderRequest("MIIB", (), "c", custom_fields=(("f", "v"),), profile_id=profile)
    with client(tmp_path, lambda _: reply(200, {"certId": "2"})) as (scm, site, _):
        scm.renew("1", order)
        scm.enroll(order)
        scm.replace("1", order)
    renew, enroll, replace = (json.loads(request.body) for request in site.requests[1:])
    assert renew.get("profileId") == sent
    assert renew["customFields"] == {"f": "v"}
    assert "profileId" not in {**enroll, **replace}


def test_the_clock_of_scm(tmp_path: Path) -> None:
    """The date of the last answer, over whichever connection it came."""
    dates = iter([b"Sat, 28 Nov 2026 10:00:00 GMT", b"Sat, 28 Nov 2026 09:00:00 GMT", b"soon"])

    def script(peer: ssl.SSLSocket, head: bytes) -> None:
        is_token = b"/token" in head
        body = TOKEN.body if is_token else b'{"status": "Issued"}'
        date = b"Sat, 28 Nov 2026 08:00:00 GMT" if is_token else next(dates)
        peer.sendall(b"HTTP/1.1 200 OK\r\nDate: %s\r\nContent-Length: %d\r\n\r\n%s" % (date, len(body), body))

    with raw_peer(script) as (url, _):
        account = Account("A", "id", Secret("secret"), url)
        scm = ScmClient(account, url + "/token", ca_file(tmp_path), 5, QuickClock())
        seen = [scm.peer_date]
        scm.prove_credentials()
        seen.append(scm.peer_date)
        for _ in range(3):
            scm.status("1")
            seen.append(scm.peer_date)
        scm.close()
    assert [date and date.isoformat() for date in seen] == [
        None, "2026-11-28T08:00:00+00:00", "2026-11-28T10:00:00+00:00", "2026-11-28T09:00:00+00:00", None,
    ]  # fmt: skip
