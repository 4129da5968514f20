"""A peer over real HTTPS that answers what a test tells it to."""

from __future__ import annotations

import contextlib
import datetime
import functools
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paloaltofw.sandbox.base.authority import TlsAuthority
from paloaltofw.sandbox.base.https import Answer, HttpsServer, Request, server_context

Script = Callable[[Request], Answer]


@functools.cache
def tls() -> TlsAuthority:
    return TlsAuthority()


class Scripted:
    """Answers with a function, and keeps the requests."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Request] = []

    def handle(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.script(request)


@contextmanager
def scripted(script: Script) -> Iterator[tuple[Scripted, HttpsServer]]:
    site = Scripted(script)
    server = HttpsServer(site, server_context(*tls().server_identity("127.0.0.1", "localhost"))).start()
    try:
        yield site, server
    finally:
        server.stop()


def ca_file(folder: Path) -> Path:
    path = folder / "ca.pem"
    path.write_bytes(tls().ca_pem)
    return path


class QuickClock:
    """Real time that never waits; the waits are kept."""

    def __init__(self) -> None:
        from paloaltofw.clock import SystemClock

        self._clock = SystemClock()
        self.slept: list[float] = []

    def now(self) -> datetime.datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.monotonic() + sum(self.slept)

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@contextmanager
def connect_proxy() -> Iterator[tuple[str, list[str]]]:
    """An HTTP proxy that tunnels (RFC 9110 §9.3.6); gives its URL and the hosts it was asked for."""
    listener = socket.create_server(("127.0.0.1", 0))
    asked: list[str] = []

    def pump(source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def tunnel(client: socket.socket) -> None:
        with client:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            host = head.split()[1].decode("ascii")
            asked.append(host)
            name, _, port = host.rpartition(":")
            with socket.create_connection((name, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pump, args=(server, client), daemon=True)
                back.start()
                pump(client, server)
                back.join()

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=tunnel, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", asked
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


RawScript = Callable[[ssl.SSLSocket, bytes], None]


@contextmanager
def raw_peer(script: RawScript) -> Iterator[tuple[str, list[bytes]]]:
    """A TLS server that answers each request with whatever the script writes; gives its URL and the requests' heads."""
    context = server_context(*tls().server_identity("127.0.0.1", "localhost"))
    listener = socket.create_server(("127.0.0.1", 0))
    heads: list[bytes] = []

    def converse(client: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError), context.wrap_socket(client, server_side=True) as secured:
            secured.settimeout(20)
            head = read_head(secured)
            heads.append(head)
            script(secured, head)

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=converse, args=(listener.accept()[0],), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", heads
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def read_head(secured: ssl.SSLSocket) -> bytes:
    """A request's head; its body is read too, and thrown away."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += secured.recv(4096) or b"\r\n\r\n"
    head, _, body = data.partition(b"\r\n\r\n")
    match = re.search(rb"content-length: *(\d+)", head, re.IGNORECASE)
    while match and len(body) < int(match[1]):
        body += secured.recv(4096) or b" " * int(match[1])
    return head
