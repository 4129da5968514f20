"""Tokens, and where they come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from paloaltofw.errors import AgentError, Busy, CredentialsRefused, InvalidAnswer, Unreachable
from paloaltofw.model.account import Account
from paloaltofw.sandbox.base.https import Answer, Cut, HttpsServer, Request
from paloaltofw.scm import access_token
from paloaltofw.scm.access_token import is_trusted_token_url, token_url_of
from paloaltofw.scm.client import ScmClient
from paloaltofw.secret import Secret
from tests.peers import QuickClock, Scripted, ca_file, scripted
from tests.scm.bench import ORDER, TOKEN, client, reply


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
        ("https://AUTH.Sectigo.com:443/x", True), ("https://configured.example:443/y", True),
        ("https://evil.example\\.sectigo.com/x", False), ("https://evil.example\\@auth.sectigo.com/x", False),
        ("https://evil.example%2f.sectigo.com/x", False), ("https://auth.\u017fectigo.com/x", False),
        ("https://evil_.sectigo.com/x", False), ("https://*.sectigo.com/x", False), ("https://sectigo.com/x", False),
        ("https://@configured.example/x", False), ("ftp://auth.sectigo.com/x", False),
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


GARBAGE = [
    "https://auth.sectigo.com:99999/x", "https://auth.sectigo.com:port/x", "https://[bad/x", "https://[::1.sectigo.com/x",
    "https://auth.sectigo.com]/x", "https://\u2100.sectigo.com/x", "https://auth.sectigo.com:-1/x", "https:///x", "https://:443/x",
    "https://.sectigo.com/x", "https://a..sectigo.com/x", "https://" + "a" * 300 + ".sectigo.com/x", "https://",
    "https://*.sectigo.com/x", "https://auth.sectigo.com:0/x",
]  # fmt: skip


@pytest.mark.parametrize("garbage", GARBAGE)
@pytest.mark.parametrize("quoted", [True, False])
def test_garbage_for_a_token_server_is_a_clear_error(tmp_path: Path, garbage: str, quoted: bool) -> None:
    """The order was refused with a 401, so nothing was done: no lost answer, and no crash."""
    header = f'Bearer authorization_uri="{garbage}"' if quoted else garbage
    header = header.encode("utf-8").decode("latin-1")
    with client(tmp_path, lambda _: reply(401, WWW_Authenticate=header)) as (scm, site, _):
        with pytest.raises((CredentialsRefused, Unreachable)) as caught:
            scm.enroll(ORDER)
        assert str(caught.value).isprintable()
    assert [r.path for r in site.requests].count("/token") <= 2


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (reply(401, {"error": "unauthorized_client"}), CredentialsRefused, "may have been reset"),
        (reply(400, {"error": "invalid_client"}), CredentialsRefused, "may have been reset"),
        (reply(400, {"error": "unsupported_grant_type"}), InvalidAnswer, "'unsupported_grant_type'"),
        (reply(400, {"error": ["invalid_client"]}), InvalidAnswer, "check scm.token_url"),
        (reply(401, b"<html>", "text/html"), InvalidAnswer, "check scm.token_url and proxies"),
        (reply(401), InvalidAnswer, "check scm.token_url"),
        (reply(403, b"<html>", "text/html"), InvalidAnswer, "check scm.token_url"),
        (reply(404, {"error": "Realm does not exist"}), InvalidAnswer, "'Realm does not exist'"),
        (reply(404, b"<html>", "text/html"), InvalidAnswer, "HTTP 404"),
        (reply(405), InvalidAnswer, "HTTP 405"),
        (reply(204), InvalidAnswer, "HTTP 204"),
        (reply(302, Location="/x"), InvalidAnswer, "redirect"),
        (reply(200, b"<html>", "text/html"), InvalidAnswer, "sent no token"),
        (reply(200, {"access_token": ""}), InvalidAnswer, "sent no token"),
        (reply(200, {"access_token": "a\nb"}), InvalidAnswer, "sent no token"),
        (reply(503, b"<html>", "text/html"), Busy, "HTTP 503"),
        (reply(429), Busy, "HTTP 429"),
    ],
)
def test_token_failures(tmp_path: Path, answer: Answer, error: type[AgentError], words: str) -> None:
    with client(tmp_path, lambda _: TOKEN, lambda _: answer) as (scm, site, _), pytest.raises(error) as caught:
        scm.enroll(ORDER)
    assert type(caught.value) is error
    assert words in str(caught.value)
    assert ("reset" in str(caught.value)) is (error is CredentialsRefused), "only a token server knows of the secret"
    assert all(r.path == "/token" for r in site.requests)
    assert "s]e.c!r,et" not in str(caught.value)


def test_a_lost_token_is_no_lost_order(tmp_path: Path) -> None:
    def cut(_: Request) -> Answer:
        raise Cut

    with client(tmp_path, lambda _: TOKEN, cut) as (scm, _, _clock), pytest.raises(Unreachable, match="no token"):
        scm.enroll(ORDER)


# --- the place of the tokens is found before the first one ------------------------------------------------------------


@contextmanager
def unknowing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, api: Callable[[Request], Answer]
) -> Iterator[tuple[ScmClient, Scripted, HttpsServer]]:
    """A client that knows only the usual token URL; here that is the usual place of this test's own server."""
    with scripted(api) as (site, server):
        usual = f"{server.url}/usual"
        monkeypatch.setattr(access_token, "DEFAULT_TOKEN_URL", usual)
        scm = ScmClient(Account("A", "id", Secret("s]e.c!r,et"), server.url), usual, ca_file(tmp_path), 5, QuickClock())
        yield scm, site, server
        scm.close()


def paths(site: Scripted) -> list[str]:
    return [request.path for request in site.requests]


def test_the_place_of_the_tokens_is_found_before_the_first_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def api(request: Request) -> Answer:
        if request.path == "/customer/token":
            return reply(200, {"access_token": "t", "expires_in": 300})
        if "authorization" not in request.headers:
            url = f"https://{request.headers['host']}/customer/token"
            return reply(401, WWW_Authenticate=f'Bearer authorization_uri="{url}"')
        return reply(200, {"certId": "1"})

    with unknowing(tmp_path, monkeypatch, api) as (scm, site, _):
        assert scm.enroll(ORDER) == "1"
        assert scm.enroll(ORDER) == "1"
    order = "/api/v1/certificates"
    assert paths(site) == [f"{order}/0/status", "/customer/token", order, order]
    assert not site.requests[0].body


@pytest.mark.parametrize(
    "answer",
    [reply(401), reply(401, WWW_Authenticate='Bearer realm="x"'), reply(404), reply(503), reply(302), None,
     reply(200, WWW_Authenticate="https://auth.sectigo.com/not-a-401")],
)  # fmt: skip
def test_where_the_api_names_no_place_the_usual_one_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Answer | None
) -> None:
    def api(request: Request) -> Answer:
        if request.path == "/usual":
            return TOKEN
        if "authorization" in request.headers:
            return reply(200, {"certId": "1"})
        if answer is None:
            raise Cut
        return answer

    with unknowing(tmp_path, monkeypatch, api) as (scm, site, _):
        assert scm.enroll(ORDER) == "1"
    assert paths(site)[1:] == ["/usual", "/api/v1/certificates"]


def test_an_untrusted_place_is_reported_before_any_secret_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    header = "Bearer authorization_uri=https://evil.example/token"
    with (
        unknowing(tmp_path, monkeypatch, lambda _: reply(401, WWW_Authenticate=header)) as (scm, site, _),
        pytest.raises(CredentialsRefused, match=r"evil\.example"),
    ):
        scm.prove_credentials()
    assert paths(site) == ["/api/v1/certificates/0/status"]


def test_an_account_may_have_a_token_server_of_its_own(tmp_path: Path) -> None:
    with scripted(lambda r: TOKEN if r.path == "/own" else reply(200, {"certId": "1"})) as (site, server):
        account = Account("A", "id", Secret("s]e.c!r,et"), server.url, f"{server.url}/own")
        scm = ScmClient(account, f"{server.url}/token", ca_file(tmp_path), 5, QuickClock())
        assert scm.enroll(ORDER) == "1"
        scm.close()
    assert paths(site) == ["/own", "/api/v1/certificates"]


@pytest.mark.parametrize("life", [None, "300", -5, 0, 1e300, True])
def test_odd_token_lives_do_no_harm(tmp_path: Path, life: object) -> None:
    token = reply(200, {"access_token": "t", "expires_in": life})
    with client(tmp_path, lambda _: reply(200, {"certId": "1"}), lambda _: token) as (scm, _, _clock):
        assert scm.enroll(ORDER) == "1"


def test_a_token_that_is_replaced_already_is_not_rejected_twice(tmp_path: Path) -> None:
    """Two requests may meet a 401 with the same token; the second must not throw away what the first has fetched."""
    numbers = iter(range(9))
    answer = lambda _: reply(200, {"access_token": f"token-{next(numbers)}", "expires_in": 300})  # noqa: E731
    with client(tmp_path, lambda _: TOKEN, answer) as (scm, _, _clock):
        tokens = scm._tokens
        old = tokens.token()
        tokens.reject(old, "")
        new = tokens.token()
        tokens.reject(old, "")
        assert tokens.token() == new != old
