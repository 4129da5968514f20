"""A client of SCM against scripted answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paloaltofw.model.account import Account
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.scm.client import OrderRequest, ScmClient
from paloaltofw.secret import Secret
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
