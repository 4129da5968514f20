"""The simulated token server, and what the API says to those without a token."""

from __future__ import annotations

import base64
import json
import urllib.parse

import pytest

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.scm.token_server import TOKEN_PATH
from tests.sandbox.scm.desk import API, FORM, SECRET, Desk, body_of, request

GOOD = {"grant_type": "client_credentials", "client_id": "id-DV", "client_secret": SECRET}


def post(desk: Desk, body: str, content_type: str = FORM, method: str = "POST", target: str = TOKEN_PATH) -> Answer:
    return desk.site.handle(request(method, target, body.encode(), content_type))


def test_a_token_with_the_fields_of_keycloak() -> None:
    desk = Desk(token_seconds=77)
    answer = desk.token_answer()
    body = body_of(answer)
    assert (answer.status, answer.content_type, answer.headers["Cache-Control"]) == (
        200,
        "application/json",
        "no-store",
    )
    assert len(body.pop("access_token")) >= 40
    assert body == {
        "expires_in": 77, "refresh_expires_in": 0, "token_type": "Bearer", "not-before-policy": 0,
        "scope": "email profile",
    }  # fmt: skip


def test_every_token_is_another_one_and_all_of_them_work() -> None:
    desk = Desk()
    tokens = [desk.token(), desk.token()]
    assert tokens[0] != tokens[1]
    assert [with_token(desk, token).status for token in tokens] == [404, 404]


def with_token(desk: Desk, token: str, scheme: str = "Bearer") -> Answer:
    return desk.site.handle(request("GET", API + "/1/status", Authorization=f"{scheme} {token}"))


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({k: v for k, v in GOOD.items() if k != "grant_type"}, "invalid_request"),
        ({**GOOD, "grant_type": "password"}, "unsupported_grant_type"),
        ({**GOOD, "grant_type": ""}, "unsupported_grant_type"),
        ({}, "invalid_request"),
    ],
)
def test_a_missing_or_wrong_grant(fields: dict[str, str], error: str) -> None:
    answer = Desk().token_answer(fields)
    assert (answer.status, body_of(answer)["error"]) == (400, error)


@pytest.mark.parametrize(
    "fields",
    [
        {**GOOD, "client_secret": "wrong"}, {**GOOD, "client_id": "nobody"}, {**GOOD, "client_secret": ""},
        {**GOOD, "client_secret": SECRET.encode().hex()}, {"grant_type": "client_credentials"},
        {**GOOD, "client_secret": "é"},
    ],
)  # fmt: skip
@pytest.mark.parametrize(("style", "status"), [("unauthorized_client", 401), ("invalid_client", 400)])
def test_wrong_credentials_in_both_styles(fields: dict[str, str], style: str, status: int) -> None:
    answer = Desk(token_error=style).token_answer(fields)
    assert answer.status == status
    assert body_of(answer) == {"error": style, "error_description": "Invalid client or Invalid client credentials"}


def test_an_unencoded_secret_is_another_secret() -> None:
    body = f"grant_type=client_credentials&client_id=id-DV&client_secret={SECRET}"
    assert post(Desk(), body).status == 401


def test_only_a_form_is_read() -> None:
    desk, form = Desk(), urllib.parse.urlencode(GOOD)
    assert post(desk, form).status == 200
    assert post(desk, form, FORM + "; charset=utf-8").status == 200
    for body, content_type in ((json.dumps(GOOD), "application/json"), (form, "text/plain"), (form, "")):
        answer = post(desk, body, content_type)
        assert (answer.status, body_of(answer)["error"]) == (400, "invalid_request")
    assert post(desk, "", target=f"{TOKEN_PATH}?{form}").status == 400
    for again in ("&client_id=id-OV", "&client_id=", "&grant_type="):
        assert body_of(post(desk, form + again))["error_description"] == "duplicated parameter"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_only_post_is_served(method: str) -> None:
    answer = post(Desk(), urllib.parse.urlencode(GOOD), method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("user", "password", "status"),
    [("id-DV", urllib.parse.quote_plus(SECRET), 200), ("id-DV", "wrong", 401), ("id-OV", urllib.parse.quote_plus(SECRET), 200)],
)  # fmt: skip
def test_basic_credentials_by_switch(user: str, password: str, status: int) -> None:
    header = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
    grant = {"grant_type": "client_credentials"}
    assert Desk().token_answer(grant, Authorization=header).status == status
    assert Desk(token_basic=False).token_answer(grant, Authorization=header).status == 401


@pytest.mark.parametrize("value", ["Basic !!!", "Basic", "Basic /w==", "Basic aWQtRFY="])
def test_malformed_basic_credentials_are_wrong_ones(value: str) -> None:
    assert Desk().token_answer({"grant_type": "client_credentials"}, Authorization=value).status == 401


def test_a_token_dies_by_the_clock() -> None:
    desk = Desk(token_seconds=300)
    token = desk.token()
    desk.clock.advance(299.9)
    assert with_token(desk, token).status == 404
    desk.clock.advance(0.1)
    assert with_token(desk, token).status == 401


@pytest.mark.parametrize(
    ("form", "header"),
    [
        ("quoted", 'Bearer authorization_uri="{}"'), ("unquoted", "Bearer authorization_uri={}"), ("bare_url", "{}"),
        ("realm_first", 'Bearer realm="SCM", authorization_uri="{}", error="invalid_token"'),
    ],
)  # fmt: skip
def test_a_401_names_the_token_server_and_has_no_body(form: str, header: str) -> None:
    desk = Desk(challenge=form)
    answer = desk.site.handle(request("GET", API + "/1/status"))
    assert (answer.status, answer.body, answer.content_type) == (401, b"", "")
    assert answer.headers["WWW-Authenticate"] == header.format("https://scm.example" + TOKEN_PATH)


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
def test_only_bearer_counts(scheme: str) -> None:
    desk = Desk()
    assert with_token(desk, desk.token(), scheme).status == 401
    assert with_token(desk, "made-up").status == 401
    assert with_token(desk, desk.token(), "bearer").status == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", ""), ("GET", "/1"), ("DELETE", "/1"), ("GET", "/1/status"), ("POST", "/1/renew"), ("POST", "/1/replace"),
        ("POST", "/1/dcv-recheck"), ("GET", "/1/2/3"),
    ],
)  # fmt: skip
def test_every_operation_wants_a_token(method: str, path: str) -> None:
    assert Desk().site.handle(request(method, API + path)).status == 401


def test_a_reset_secret_ends_the_old_one_and_its_tokens_only() -> None:
    desk = Desk()
    old, other = desk.token("DV"), desk.token("OV")
    new = desk.site.reset_secret("DV")
    assert desk.token_answer().status == 401
    assert with_token(desk, old).status == 401
    assert with_token(desk, other).status == 404
    assert desk.token_answer({**GOOD, "client_secret": new}).status == 200
    with pytest.raises(KeyError):
        desk.site.reset_secret("nobody")


def test_all_tokens_can_be_ended_at_once() -> None:
    desk = Desk()
    token = desk.token()
    desk.site.expire_tokens()
    assert with_token(desk, token).status == 401
    assert desk.token_answer().status == 200
