"""HTTPS: what is trusted, also through a proxy, and what a CA file that is none leads to."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest

from paloaltofw.errors import NotTrusted, Unreachable
from paloaltofw.model.trust import Trust
from paloaltofw.sandbox.base.https import Answer, HttpsServer
from paloaltofw.transport import https
from paloaltofw.transport.https import Transport
from paloaltofw.transport.peer_certificate import fingerprint
from tests.peers import ca_file, connect_proxy, scripted

HELLO = Answer(200, b"hello", "text/plain")


def presented(server: HttpsServer) -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", server.port))
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def get(server: HttpsServer, trust: Trust) -> bytes:
    transport = Transport("peer", trust, 5)
    try:
        return transport.send(https.Request("GET", f"{server.url}/", "hello", {"Authorization": "secret"})).body
    finally:
        transport.close()


@pytest.mark.parametrize("by_proxy", [False, True])
def test_trust_by_file_by_pin_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_proxy: bool) -> None:
    with scripted(lambda _: HELLO) as (site, server), connect_proxy() as (proxy, asked):
        pin = presented(server)
        if by_proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy)
        for good in (Trust(ca_file=ca_file(tmp_path)), Trust(pin=pin), Trust(off=True)):
            assert get(server, good) == b"hello"
        served = len(site.requests)
        for bad in (Trust(), Trust(pin="00" * 32)):
            with pytest.raises(NotTrusted, match="sha256:"):
                get(server, bad)
        assert len(site.requests) == served, "nothing is sent to a peer that is not trusted"
        assert bool(asked) is by_proxy


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_the_environment_names_cas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    from paloaltofw.transport import tls

    with scripted(lambda _: HELLO) as (_, server):
        tls._context.cache_clear()
        monkeypatch.setenv(variable, str(ca_file(tmp_path)))
        assert get(server, Trust()) == b"hello"
        tls._context.cache_clear()


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"
    path.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n", "utf-8")
    with scripted(lambda _: HELLO) as (_, server):
        with pytest.raises(Unreachable, match="the file of trusted CAs cannot be loaded"):
            get(server, Trust(ca_file=path))


def test_the_netrc_file_is_not_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login eve password eve\n", "utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    with scripted(lambda _: HELLO) as (site, server):
        get(server, Trust(ca_file=ca_file(tmp_path)))
        assert site.requests[0].headers["Authorization"] == "secret"


def test_nobody_presents_nothing() -> None:
    with scripted(lambda _: HELLO) as (_, server):
        url = server.url
    assert fingerprint(url, 1) is None
