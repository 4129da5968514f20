"""Tokens, and where they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.errors import AgentError, Busy, CredentialsRefused, InvalidAnswer
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.scm.access_token import is_trusted_token_url, token_url_of
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
