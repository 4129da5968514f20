"""A peer over real HTTPS that answers what a test tells it to."""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paloaltofw.sandbox.authority import TlsAuthority
from paloaltofw.sandbox.https import Answer, HttpsServer, Request, server_context

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
