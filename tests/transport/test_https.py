"""HTTPS: what is trusted, also through a proxy, and what a CA file that is none leads to."""

from __future__ import annotations

import dataclasses
import datetime
import hashlib
import ssl
from pathlib import Path

import pytest

from paloaltofw.errors import AnswerLost, InvalidAnswer, NotTrusted, Unreachable
from paloaltofw.model.trust import Trust
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope
from paloaltofw.sandbox.base.https import Answer, HttpsServer, server_context
from paloaltofw.secret import Secret
from paloaltofw.transport import https, peer_certificate
from paloaltofw.transport.https import Transport
from paloaltofw.transport.peer_certificate import fingerprint
from tests.peers import QuickClock, ca_file, connect_proxy, raw_peer, scripted, tls

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


URLS = [
    "", "https://", "https:///x", "http://192.0.2.1/", "https://[bad/x", "https://x:99999/", "https://x:port/",
    "https://x:0/", "https://x:-1/", "https://bad]/", "https://a.example\\.b.example/", "https://x/\r\nX-A: b",
    "https://\u2100.example/", "ftp://x/",
]  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_garbage_for_a_url_is_never_sent(tmp_path: Path, url: str) -> None:
    transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 1)
    with pytest.raises(Unreachable, match="no https URL"):
        transport.send(https.Request("POST", url, "x", is_write=True))
    with pytest.raises(Unreachable):
        peer_certificate.presented(url, 0.1)


@pytest.mark.parametrize("url", ["https://a..example/", "https://" + "a" * 300 + ".example/"])
@pytest.mark.parametrize("proxy", ["", "http://[bad", "nonsense://x:y"])
def test_what_no_library_can_send_was_never_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str, proxy: str
) -> None:
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 1)
    with pytest.raises(Unreachable):
        transport.send(https.Request("POST", url, "x", is_write=True))


SPOILED = {
    "compressed": Answer(200, b"\x1f\x8b", "", {"Content-Encoding": "gzip"}),
    "too large": Answer(200, b"x" * 200_000),
    "a redirect": Answer(302, b"", "", {"Location": "/x"}),
    "a redirect without a place": Answer(304),
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_write_with_a_spoiled_answer_may_have_been_carried_out(tmp_path: Path, name: str) -> None:
    with scripted(lambda _: SPOILED[name]) as (_, server):
        transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 5, limit=100_000)
        for is_write, error in ((True, AnswerLost), (False, InvalidAnswer)):
            with pytest.raises(error):
                transport.send(https.Request("POST", server.url, "x", is_write=is_write))


@pytest.mark.parametrize("status", [401, 403, 429])
@pytest.mark.parametrize("name", ["compressed", "too large"])
def test_a_refusal_by_its_status_needs_no_body(tmp_path: Path, name: str, status: int) -> None:
    answer = dataclasses.replace(SPOILED[name], status=status)
    with scripted(lambda _: answer) as (_, server):
        transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 5, limit=100_000)
        for is_write in (True, False):
            response = transport.send(https.Request("POST", server.url, "x", is_write=is_write))
            assert (response.status, response.body) == (status, b"")


DATES = {
    "Sat, 28 Nov 2026 10:00:00 GMT": "2026-11-28T10:00:00+00:00",
    "Sat, 28 Nov 2026 10:00:00 +0200": "2026-11-28T08:00:00+00:00",
    "Sat, 28 Nov 2026 10:00:00 -0000": "2026-11-28T10:00:00+00:00",
    "Saturday, 28-Nov-26 10:00:00 GMT": "2026-11-28T10:00:00+00:00",
    "Sat Nov 28 10:00:00 2026": "2026-11-28T10:00:00+00:00",
    "": None,
    "soon": None,
    "Sat, 28 Nov 99999 10:00:00 GMT": None,
    "Fri, 31 Dec 9999 23:59:59 -1400": None,
    "Sat, 31 Feb 2026 10:00:00 GMT": None,
    "1 2 3 4 5 6": None,
}


def test_the_clock_of_the_peer(tmp_path: Path) -> None:
    """The Date header in every form that RFC 9110 §5.6.7 lets a server send, and in forms that it does not."""
    dates = list(DATES)

    def script(peer: ssl.SSLSocket, _: bytes) -> None:
        head = f"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\nDate: {dates.pop(0)}\r\n\r\n"
        peer.sendall(head.encode())

    transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 5)
    assert transport.peer_date is None
    with raw_peer(script) as (url, _):
        for text, expected in DATES.items():
            transport.send(https.Request("GET", url, "x"))
            assert (transport.peer_date and transport.peer_date.isoformat()) == expected, text


def test_the_clock_of_a_firewall(tmp_path: Path) -> None:
    date = b"Sat, 28 Nov 2026 10:00:00 GMT"
    answer = b"<response status='success'><result><serial>1</serial></result></response>"

    def script(peer: ssl.SSLSocket, _: bytes) -> None:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nDate: %s\r\n\r\n%s" % (len(answer), date, answer))

    with raw_peer(script) as (url, _):
        trust = Trust(ca_file=ca_file(tmp_path))
        panos = PanosClient("fw", url, Secret("secret-key"), trust, 5, Scope(), QuickClock())
        assert panos.peer_date is None
        panos.version()
        assert panos.peer_date == datetime.datetime(2026, 11, 28, 10, tzinfo=datetime.timezone.utc)
        panos.close()


@pytest.mark.parametrize(
    ("trust", "own", "accepted"),
    [("ca", True, True), ("ca", False, False), ("pin", True, False), ("pin", False, False)],
)
def test_own_certificates_stand_in_for_a_ca_but_never_for_a_pin(
    tmp_path: Path, trust: str, own: bool, accepted: bool
) -> None:
    with scripted(lambda _: HELLO) as (site, server):
        known = {presented(server)} if own else set()
        asked_for = Trust(pin="00" * 32) if trust == "pin" else Trust()
        transport = Transport("peer", asked_for, 5, lambda: known)
        request = https.Request("GET", f"{server.url}/", "hello")
        if accepted:
            assert transport.send(request).body == b"hello"
            assert "the agent itself installed" in transport.notes[0]
            # Another of our own may follow in the same run: what stands in for a CA is not the user's pin.
            other = server_context(*tls().server_identity("127.0.0.2"))
            server.use_context(other)
            transport.close()
            with pytest.raises(NotTrusted):
                transport.send(request)
            known.add(presented(server))
            assert transport.send(request).body == b"hello"
        else:
            with pytest.raises(NotTrusted):
                transport.send(request)
            assert site.requests == []
        transport.close()


def test_nobody_presents_nothing() -> None:
    with scripted(lambda _: HELLO) as (_, server):
        url = server.url
    assert fingerprint(url, 1) is None


def test_a_peer_that_shows_its_certificate_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a second look there is nothing to compare, so trust stays refused."""
    with scripted(lambda _: HELLO) as (site, server):
        monkeypatch.setattr(https, "fingerprint", lambda *_: None)
        own = {presented(server)}
        transport = Transport("peer", Trust(), 5, lambda: own)
        with pytest.raises(NotTrusted, match=r"not trusted \(.*\); trust its CA"):
            transport.send(https.Request("GET", f"{server.url}/", "hello"))
        assert site.requests == []
