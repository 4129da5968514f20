"""Answers of SCM that some client has met or that no document rules out (scm.md §2.2, §2.4, §6)."""

from __future__ import annotations

import json

from paloaltofw.sandbox.base.https import Answer

PROCESSING = "Being processed by Sectigo"
_JSON = "application/json"


def say_ordered(kind: str, order_id: str) -> Answer:
    """An answer to an order that was taken: by `certId` it says so, by all others the client has to find out."""
    number = int(order_id) if order_id.isascii() and order_id.isdigit() else order_id
    bodies: dict[str, dict[str, object]] = {
        "certId": {"certId": order_id},
        "id": {"id": number},
        "sslId": {"sslId": number, "renewId": "abc"},
        "no_id": {},
    }
    if kind in bodies:
        return Answer(200, json.dumps(bodies[kind]).encode(), _JSON)
    odd = {
        "html": Answer(200, b"<html><body>Thank you</body></html>", "text/html"),
        "gzip": Answer(200, b"\x1f\x8b\x08 nonsense", _JSON, {"Content-Encoding": "gzip"}),
        "302": Answer(302, headers={"Location": "/maintenance"}),
        "408": Answer(408, b"Request Timeout", "text/plain"),
        "499": Answer(499, b"", "text/html"),
        "500": Answer(500, b'{"code": -1, "description": "Internal error"}', _JSON),
    }
    return odd[kind]


def say_processing(is_json: bool) -> Answer:
    """A certificate that is not ready, as clients of the Admin API meet it."""
    if is_json:
        return Answer(400, json.dumps({"code": 0, "description": PROCESSING}).encode(), _JSON)
    return Answer(400, PROCESSING.encode(), "text/plain")
