"""Answers of SCM that some client has met or that no document rules out."""

from __future__ import annotations

import json
import urllib.parse
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization.pkcs7 import load_der_pkcs7_certificates, load_pem_pkcs7_certificates

from paloaltofw.sandbox.base.authority import ChainForm
from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.scm.token_server import OTHER_TOKEN_PATH, TOKEN_PATH
from tests.sandbox.scm.desk import API, SECRET, Desk, body_of, csr, encoded, refused, request

FORM = "application/x-www-form-urlencoded"

ODD: list[tuple[str, int, Any]] = [
    ("certId", 200, {"certId": "1000"}),
    ("id", 200, {"id": 1000}),
    ("sslId", 200, {"sslId": 1000, "renewId": "abc"}),
    ("no_id", 200, {}),
    ("html", 200, None),
    ("gzip", 200, None),
    ("302", 302, None),
    ("408", 408, None),
    ("499", 499, None),
    ("500", 500, {"code": -1, "description": "Internal error"}),
]


@pytest.mark.parametrize(("kind", "status", "body"), ODD)
def test_an_order_is_taken_whatever_is_said_to_it(kind: str, status: int, body: Any) -> None:
    desk = Desk(order_answer=(kind,))
    answer = desk.enroll()
    assert answer.status == status
    if body is None:
        with pytest.raises((json.JSONDecodeError, UnicodeDecodeError)):
            json.loads(answer.body)
    else:
        assert body_of(answer) == body
    assert [(order.id, order.state) for order in desk.site.orders] == [("1000", "Issued")]
    assert ("Content-Encoding" in answer.headers) is (kind == "gzip")
    assert ("Location" in answer.headers) is (kind == "302")


def test_odd_answers_come_in_turn_and_to_every_kind_of_order() -> None:
    desk = Desk(order_answer=("500", "id", "certId"), certificate_ids="base64")
    assert desk.enroll().status == 500
    first = desk.site.orders[0].id
    assert body_of(desk.on("POST", first, "renew")) == {"id": desk.site.orders[1].id}
    for _ in range(2):
        assert set(body_of(desk.on("POST", first, "renew"))) == {"certId"}


def test_a_refused_order_is_not_answered_oddly() -> None:
    desk = Desk({"refusal": (-107, "DCV is incomplete")}, order_answer=("500",))
    assert refused(desk.enroll(), -107)
    assert desk.site.orders == []


# --- not ready -------------------------------------------------------------------------------------------------------

PENDING: list[tuple[str, int, Any]] = [
    ("-103", 404, -103),
    ("-109", 404, -109),
    ("empty", 200, None),
    ("processing", 400, 0),
    ("processing_text", 400, None),
]


@pytest.mark.parametrize(("kind", "status", "code"), PENDING)
def test_forms_of_not_ready(kind: str, status: int, code: int | None) -> None:
    desk = Desk(not_ready=(kind,))
    order_id = desk.ordered("OV")
    for _ in range(2):
        answer = desk.on("GET", order_id, kind="OV")
        assert answer.status == status
        if code is not None:
            assert refused(answer, code, status)
        else:
            assert answer.body in (b"", b"Being processed by Sectigo")
    desk.site.approve(order_id)
    assert desk.leaf(order_id, "OV").subject


# --- the token URL ---------------------------------------------------------------------------------------------------


def challenged(desk: Desk) -> str:
    """The path that a 401 names."""
    answer = desk.site.handle(request("GET", f"{API}/1"))
    assert answer.status == 401
    return urllib.parse.urlsplit(answer.headers["WWW-Authenticate"].partition('"')[2].rstrip('"')).path


def asked(desk: Desk, path: str) -> Answer:
    form = {"grant_type": "client_credentials", "client_id": "id-DV", "client_secret": SECRET}
    return desk.site.handle(request("POST", path, urllib.parse.urlencode(form).encode(), FORM))


@pytest.mark.parametrize(("kind", "status"), [("works", 200), ("404", 404), ("405", 405), ("html", 200)])
@pytest.mark.parametrize("place", ["usual", "elsewhere"])
def test_the_usual_token_url_may_be_wrong_and_the_401_names_the_right_one(kind: str, status: int, place: str) -> None:
    desk = Desk(usual_token_url=kind, token_place=place)
    usual = asked(desk, TOKEN_PATH)
    assert usual.status == status
    assert (usual.content_type == "application/json") is (kind == "works")
    other = asked(desk, OTHER_TOKEN_PATH)
    assert challenged(desk) == (OTHER_TOKEN_PATH if place == "elsewhere" else TOKEN_PATH)
    assert other.status == (200 if place == "elsewhere" else 404)
    if place == "elsewhere":
        bearer = f"Bearer {body_of(other)['access_token']}"
        sent = {"csr": encoded(csr())}
        assert desk.site.handle(request("POST", API, sent, "", Authorization=bearer)).status == 200


# --- chains ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("encoding", "content_type"),
    [
        ("pem", "application/x-pem-file"),
        ("pkcs7_pem", "application/x-pem-file"),
        ("pkcs7_der", "application/pkcs7-mime"),
    ],
)
def test_the_encoding_of_a_download(encoding: Any, content_type: str) -> None:
    desk = Desk(chain=ChainForm(encoding=encoding))
    answer = desk.on("GET", desk.ordered())
    assert (answer.status, answer.content_type) == (200, content_type)
    load = {
        "pem": x509.load_pem_x509_certificates,
        "pkcs7_pem": load_pem_pkcs7_certificates,
        "pkcs7_der": load_der_pkcs7_certificates,
    }[encoding]
    assert len(load(answer.body)) == 3
