"""HTTPS without sockets: what urllib3 writes goes to a simulated peer, and the peer's bytes come back to be parsed.

Only the TCP and TLS connection is replaced (`HTTPSConnection.connect`): http.client, urllib3, requests and all of the
agent's own transport read and judge the bytes, so a lost answer is translated by the same code as in real life.
"""

from __future__ import annotations

import contextlib
import datetime
import email.parser
import email.policy
import email.utils
import hashlib
import io
import socket
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from unittest import mock

import urllib3.connection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.transport import peer_certificate

Handle = Callable[[Request], Answer]


class Silence(Exception):
    """Raised by whoever answers: nothing more comes, after `sent` raw bytes, until the client's patience ends."""

    def __init__(self, sent: bytes = b"") -> None:
        super().__init__("silence")
        self.sent = sent


@dataclass
class Peer:
    """Somebody who answers at an address. `down`: how it cannot be reached now, or an empty text."""

    name: str
    handle: Handle
    now: Callable[[], datetime.datetime]
    certificate: bytes = b"a certificate in DER"
    is_trusted: bool = True
    down: str = ""  # refused | timeout | unresolved
    sends_date: bool = True


class _Stream(io.RawIOBase):
    """The bytes of an answer; then the end, or silence."""

    def __init__(self, content: bytes, is_open: bool) -> None:
        self._content = io.BytesIO(content)
        self._is_open = is_open

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._content.read(len(buffer))
        if not data and len(buffer) and self._is_open:
            raise TimeoutError("timed out")
        buffer[: len(data)] = data
        return len(data)


@dataclass
class _Socket:
    """Stands for a connected socket."""

    peer: Peer
    patience: Callable[[float], None]
    quiet: socket.socket
    timeout: float = 30.0
    sent: bytearray = field(default_factory=bytearray)
    is_closed: bool = False

    def sendall(self, data: bytes, *_: object) -> None:
        if self.is_closed:
            raise BrokenPipeError(32, "Broken pipe")
        self.sent += data

    def makefile(self, *_: object, **__: object) -> io.BufferedReader:
        content, is_open = self._answer()
        return io.BufferedReader(_Stream(content, is_open))

    def settimeout(self, seconds: float | None) -> None:
        self.timeout = seconds or self.timeout

    def gettimeout(self) -> float:
        return self.timeout

    def fileno(self) -> int:
        return self.quiet.fileno()

    def shutdown(self, *_: object) -> None:
        self.is_closed = True

    def close(self) -> None:
        self.is_closed = True

    def getpeercert(self, binary_form: bool = False) -> bytes:
        return b""

    def _answer(self) -> tuple[bytes, bool]:
        """The bytes that the peer sends, and whether the connection stays open behind them."""
        request = parse_request(bytes(self.sent))
        self.sent.clear()
        if self.peer.down:
            self.is_closed = True
            return b"", False
        try:
            answer = self.peer.handle(request)
        except Cut as cut:
            self.is_closed = True
            return cut.sent, False
        except Silence as silence:
            self.patience(self.timeout)
            return silence.sent, True
        return render(answer, self.peer.now() if self.peer.sends_date else None), True


def parse_request(data: bytes) -> Request:
    """What a server makes of the bytes of one request."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, _, fields = head.partition(b"\r\n")
    method, target, _ = first.decode("latin-1").split(" ", 2)
    headers = email.parser.BytesParser(policy=email.policy.compat32).parsebytes(fields + b"\r\n\r\n")
    if "chunked" in str(headers.get("transfer-encoding", "")):
        raise AssertionError("the agent sends no chunks")
    return Request(method, target, headers, body)


def render(answer: Answer, now: datetime.datetime | None) -> bytes:
    """An answer as the bytes of HTTP/1.1."""
    try:
        reason = answer.reason or HTTPStatus(answer.status).phrase
    except ValueError:
        reason = "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {reason}", "Server: simulated"]
    names = {name.lower() for name in answer.headers}
    if now is not None and "date" not in names:
        lines.append(f"Date: {email.utils.format_datetime(now, usegmt=True)}")
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    if "content-length" not in names:
        lines.append(f"Content-Length: {len(answer.body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + answer.body


@contextlib.contextmanager
def connected(peers: dict[str, Peer], patience: Callable[[float], None]) -> Iterator[None]:
    """Every HTTPS connection of this process leads to these peers, by host; `patience` lets seconds pass."""
    quiet, other = socket.socketpair()

    def connect(connection: Any) -> None:
        peer = peers.get(connection.host)
        if peer is None or peer.down == "unresolved":
            raise NameResolutionError(connection.host, connection, socket.gaierror(-2, "unknown"))
        if peer.down == "refused":
            raise NewConnectionError(connection, "Connection refused")
        if peer.down == "timeout":
            patience(10.0)
            raise ConnectTimeoutError(connection, "timed out")
        pin = str(connection.assert_fingerprint or "").replace(":", "").lower()
        if pin and pin != hashlib.sha256(peer.certificate).hexdigest():
            raise urllib3.exceptions.SSLError("Fingerprints did not match")
        if not pin and not peer.is_trusted:
            raise urllib3.exceptions.SSLError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: unknown CA")
        connection.sock = _Socket(peer, patience, quiet)
        connection.is_verified = True

    def presented(url: str, timeout: float) -> bytes:
        return peers[urllib.parse.urlsplit(url).hostname or ""].certificate

    with (
        quiet,
        other,
        mock.patch.object(urllib3.connection.HTTPSConnection, "connect", connect),
        mock.patch.object(peer_certificate, "presented", presented),
    ):
        yield
