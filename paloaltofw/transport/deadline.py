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

# The thread ends when there was nothing to watch for this long (seconds).
IDLE_SECONDS = 5.0


class Guard:
    """One request under way.

    It holds a descriptor of its own for the request's TCP connection: with `Connection: close` the HTTP library gives
    its reference up at the end of the headers, and while TLS is set up the socket object changes, but the connection
    stays the same.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.has_fired = False
        self.is_done = False
        # Whether a connection was ready for the request: before that, nothing of it can have been sent.
        self.is_connected = False
        self._held: socket.socket | None = None

    def hold(self, sock: socket.socket) -> None:
        """The request goes over this connection, which is shut down at once if the time is over already."""
        self.release()
        self._held = socket.fromfd(sock.fileno(), socket.AF_INET, socket.SOCK_STREAM)
        if self.has_fired:
            self.fire()

    def fire(self) -> None:
        """Shut the connection down: whoever reads from it sees the end."""
        self.has_fired = True
        if self._held is not None:
            with contextlib.suppress(OSError):
                self._held.shutdown(socket.SHUT_RDWR)

    def release(self) -> None:
        """Give the descriptor back; the connection itself stays as it is."""
        if self._held is not None:
            self._held.close()
            self._held = None


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
                guard.release()

    def hold(self, sock: socket.socket) -> None:
        """The calling thread's request goes over this connection."""
        guard: Guard | None = getattr(self._local, "guard", None)
        if guard is not None:
            with self._condition:
                guard.hold(sock)

    def connected(self) -> None:
        """From now on something of the calling thread's request may reach the peer."""
        guard: Guard | None = getattr(self._local, "guard", None)
        if guard is not None:
            guard.is_connected = True

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
