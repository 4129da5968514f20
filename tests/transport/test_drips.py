"""Peers that send a byte now and then, for ever: whatever the framing, a request ends in twice its timeout."""

from __future__ import annotations

import contextlib
import itertools
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from paloaltofw.errors import AnswerLost, PeerError, Unreachable
from paloaltofw.model.account import Account
from paloaltofw.model.trust import Trust
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope
from paloaltofw.scm.client import ScmClient
from paloaltofw.secret import Secret
from paloaltofw.transport import https
from paloaltofw.transport.deadline import Watchdog
from paloaltofw.transport.https import TOTAL_TIMES, Transport
from tests.peers import QuickClock, RawScript, ca_file, connect_proxy, raw_peer, scripted
from tests.scm.bench import ORDER, TOKEN

TIMEOUT = 0.8
LIMIT = TIMEOUT * TOTAL_TIMES
PAUSE = 0.05
FRAMINGS = {
    "close-delimited": (b"Connection: close\r\n", b"x"),
    "chunked": (b"Transfer-Encoding: chunked\r\n", b"1\r\nx\r\n"),
    "chunked and closed": (b"Transfer-Encoding: chunked\r\nConnection: close\r\n", b"1\r\nx\r\n"),
    "of a length": (b"Content-Length: 1000000\r\n", b"x"),
    "of a length and closed": (b"Content-Length: 1000000\r\nConnection: close\r\n", b"x"),
}
PLACES = ("headers", "body")
PEERS = ("firewall", "SCM", "token server")
CASES = list(itertools.product(PEERS, FRAMINGS, PLACES))
WAIT = threading.Event()


def dripping(framing: str, place: str) -> RawScript:
    fields, drop = FRAMINGS[framing]
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + fields
    start, drop = (head + b"X-Slow: ", b"x") if place == "headers" else (head + b"\r\n", drop)

    def script(peer: ssl.SSLSocket, _: bytes) -> None:
        peer.sendall(start)
        while not WAIT.wait(PAUSE):
            peer.sendall(drop)

    return script


@dataclass(frozen=True)
class Ended:
    error: PeerError
    seconds: float


def ask(peer: str, url: str, trusted: Path) -> Ended:
    started = time.monotonic()
    try:
        with contextlib.ExitStack() as stack:
            if peer == "firewall":
                clock = QuickClock()
                trust = Trust(ca_file=trusted)
                panos = PanosClient("fw", url, Secret("secret-key"), trust, TIMEOUT, Scope(), clock)
                stack.callback(panos.close)
                panos.delete_certificate("x")
            else:
                good = stack.enter_context(scripted(lambda _: TOKEN))[1].url
                api, token = (url, good) if peer == "SCM" else (good, url)
                account = Account("A", "id", Secret("secret-of-it"), api)
                scm = ScmClient(account, token + "/token", trusted, TIMEOUT, QuickClock())
                stack.callback(scm.close)
                started = time.monotonic()
                scm.enroll(ORDER)
    except PeerError as error:
        return Ended(error, time.monotonic() - started)
    raise AssertionError("a drip is no answer")


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[tuple[str, str, str], Ended]]:
    """How each case ends; all are asked at the same time, so that the table takes as long as one of them."""
    trusted = ca_file(tmp_path_factory.mktemp("drips"))

    def run(case: tuple[str, str, str]) -> Ended:
        peer, framing, place = case
        with raw_peer(dripping(framing, place)) as (url, _):
            return ask(peer, url, trusted)

    with ThreadPoolExecutor(len(CASES)) as pool:
        yield dict(zip(CASES, pool.map(run, CASES), strict=True))


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_a_drip_is_bounded(ended: dict[tuple[str, str, str], Ended], case: tuple[str, str, str]) -> None:
    end = ended[case]
    assert LIMIT * 0.9 < end.seconds < LIMIT + 4
    assert f"longer than {LIMIT:g} s" in str(end.error)
    # Without a token nothing was ordered, whatever became of the request for it.
    assert type(end.error) is (Unreachable if case[0] == "token server" else AnswerLost)


def raw_tcp(script: RawScript) -> contextlib.AbstractContextManager[str]:
    """A TCP server that never gets as far as TLS."""

    @contextlib.contextmanager
    def served() -> Iterator[str]:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client = listener.accept()[0]
                    threading.Thread(target=converse, args=(client,), daemon=True).start()

        def converse(client: socket.socket) -> None:
            with contextlib.suppress(OSError), client:
                script(client, client.recv(4096))  # type: ignore[arg-type]

        threading.Thread(target=serve, daemon=True).start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()

    return served()


def dripping_bytes(start: bytes, drop: bytes) -> RawScript:
    def script(peer: ssl.SSLSocket, _: bytes) -> None:
        peer.sendall(start)
        while not WAIT.wait(PAUSE):
            peer.sendall(drop)

    return script


@pytest.mark.parametrize(
    ("script", "by_proxy"),
    [
        (dripping_bytes(b"\x16\x03\x03\x40\x00\x02", b"\x00"), False),
        (dripping_bytes(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), True),
        (dripping_bytes(b"", b"HTTP/1.1 200 OK\r\nX-A: b\r\n"), True),
        (lambda peer, _: peer.close(), False),
        (lambda peer, _: peer.close(), True),
    ],
    ids=["TLS", "a proxy's header", "a proxy's headers", "cut in TLS", "cut by the proxy"],
)
def test_before_tls_is_done_nothing_was_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: RawScript, by_proxy: bool
) -> None:
    transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 0.4)
    with raw_tcp(script) as address:
        if by_proxy:
            monkeypatch.setenv("HTTPS_PROXY", f"http://{address}")
        url = "https://192.0.2.1/" if by_proxy else f"https://{address}/"
        started = time.monotonic()
        with pytest.raises(Unreachable):
            transport.send(https.Request("POST", url, "x", is_write=True))
        assert time.monotonic() - started < 5


def test_a_body_that_drips_through_a_proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    transport = Transport("peer", Trust(ca_file=ca_file(tmp_path)), 0.4)
    with raw_peer(dripping("close-delimited", "body")) as (url, _), connect_proxy() as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        with pytest.raises(AnswerLost, match=r"longer than 0\.8 s"):
            transport.send(https.Request("GET", url, "x"))
        assert asked


def test_a_connection_that_comes_too_late_is_shut_at_once() -> None:
    """Where finding the address took all the time, the watchdog has fired before there was anything to shut."""
    ours, theirs = socket.socketpair()
    watchdog = Watchdog()
    with ours, theirs, watchdog.watch(0.0) as guard:
        theirs.settimeout(5)
        while not guard.has_fired:
            WAIT.wait(0.01)
        watchdog.hold(ours)
        assert theirs.recv(1) == b""


def test_the_peer_is_not_kept_waiting_by_a_descriptor() -> None:
    ours, theirs = socket.socketpair()
    theirs.settimeout(5)
    watchdog = Watchdog()
    with theirs:
        with watchdog.watch(60):
            watchdog.hold(ours)
            ours.close()
        assert theirs.recv(1) == b""


def test_a_connection_of_nobodys_request_is_left_alone() -> None:
    ours, theirs = socket.socketpair()
    watchdog = Watchdog()
    with ours, theirs:
        with watchdog.watch(0.0) as guard:
            pass
        watchdog.hold(ours)
        watchdog.connected()
        assert not guard.is_connected
        ours.sendall(b"x")
        assert theirs.recv(1) == b"x"
