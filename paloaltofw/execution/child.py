"""Runs a program of the user's: without a shell, in a process group of its own, with a bound on time and output."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess  # nosec B404  # what the user asks for, without a shell
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import IO

MOST_BYTES = 64 * 1024
# After its time is over a program may clean up for so long (seconds).
GRACE = 2.0
# Output that was written before the program ended is read within this time; what it left running may hold the pipe.
LAST_WORDS = 1.0


@dataclass(frozen=True)
class Ended:
    """How a program ended: `code` as Python has it, negative for a signal. `is_cut`: there was more output."""

    code: int
    lines: tuple[str, ...]
    is_late: bool = False
    is_cut: bool = False


class _Reader(threading.Thread):
    """Drains a pipe, so that the program never waits for it, and keeps the first of it."""

    def __init__(self, pipe: IO[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe = pipe
        self._is_over = threading.Event()
        self.kept = bytearray()
        self.is_cut = False

    def run(self) -> None:
        poll = select.poll()
        poll.register(self._pipe, select.POLLIN)
        while not self._is_over.is_set():
            if not poll.poll(100):
                continue
            block = os.read(self._pipe.fileno(), 8192)
            if not block:
                return
            room = MOST_BYTES - len(self.kept)
            self.kept += block[:room]
            self.is_cut |= len(block) > room

    def close(self) -> None:
        """Take what was written until now, and hear no more."""
        self.join(LAST_WORDS)
        self._is_over.set()
        self.join()
        self._pipe.close()


def run_program(words: Sequence[str], environment: Mapping[str, str], timeout: float) -> Ended:
    """Run a program to its end, or kill it with all that it started; raises OSError if it cannot be started.

    It reads nothing, and its two outputs are one. What it leaves running after a good end goes on, but is not heard.
    """
    process = subprocess.Popen(  # nosec B603  # the program is the user's own, and no shell reads its arguments
        list(words), env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        cwd="/", start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None  # nosec B101  # narrows a type
    reader = _Reader(process.stdout)
    reader.start()
    is_late = False
    try:
        process.wait(timeout)
    except subprocess.TimeoutExpired:
        is_late = True
    finally:
        if process.poll() is None:
            _end(process)
    reader.close()
    text = bytes(reader.kept).decode("utf-8", "replace")
    return Ended(process.returncode, tuple(line for line in text.splitlines() if line.strip()), is_late, reader.is_cut)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole group to end, then end it: a child that heeds no request does not outlive its time."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
