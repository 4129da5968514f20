"""Ends connections whose time is over, whatever the peer still sends.

A socket's own timeout starts anew with every byte. So one thread keeps the deadlines of all requests under way,
and shuts the socket of a request down when its time is over: whoever reads from it then sees the end.
"""

from __future__ import annotations

import contextlib
import heapq
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

# The thread ends when there was nothing to watch for this long (seconds).
IDLE_SECONDS = 5.0


class Guard:
    """One request under way. `connection` is urllib3's, from the moment it is used."""

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.connection: Any = None
        self.has_fired = False
        self.is_done = False

    def fire(self) -> None:
        """Shut the connection down."""
        self.has_fired = True
        sock = getattr(self.connection, "sock", None)
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown, which takes the TLS layer away under the thread that reads.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


class Watchdog:
    """Watches requests of all threads, with one thread of its own while there are any."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._heap: list[tuple[float, int, Guard]] = []
        self._numbers = itertools.count()
        self._thread: threading.Thread | None = None
        self._local = threading.local()

    @contextlib.contextmanager
    def watch(self, seconds: float) -> Iterator[Guard]:
        """Allow what happens inside so many seconds on the connection that it uses."""
        guard = Guard(time.monotonic() + seconds)
        self._add(guard)
        self._local.guard = guard
        try:
            yield guard
        finally:
            self._local.guard = None
            with self._condition:
                guard.is_done = True

    def use(self, connection: Any) -> None:
        """The calling thread's request goes over this connection."""
        guard: Guard | None = getattr(self._local, "guard", None)
        if guard is not None:
            guard.connection = connection

    def _add(self, guard: Guard) -> None:
        with self._condition:
            heapq.heappush(self._heap, (guard.deadline, next(self._numbers), guard))
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="watchdog", daemon=True)
                self._thread.start()
            elif self._heap[0][2] is guard:
                self._condition.notify()

    def _run(self) -> None:
        with self._condition:
            while self._heap or self._condition.wait(IDLE_SECONDS):
                while self._heap and self._heap[0][2].is_done:
                    heapq.heappop(self._heap)
                if not self._heap:
                    continue
                left = self._heap[0][0] - time.monotonic()
                if left > 0:
                    self._condition.wait(left)
                    continue
                # Under the lock, so that a connection that is given back is never shut down.
                heapq.heappop(self._heap)[2].fire()
            self._thread = None


WATCHDOG = Watchdog()
