"""What a terminal shows: lines without secrets and control characters, and progress."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from paloaltofw.lifecycle.steps import Step
from paloaltofw.secret import redact


def say(text: str, stream: TextIO | None = None) -> None:
    """Print a line; secrets are removed, and control characters escaped, whatever the text came from."""
    print("\n".join(clean(line) for line in redact(text).split("\n")), file=stream or sys.stdout, flush=True)


def clean(line: str) -> str:
    """A line in which nothing can move a terminal's cursor or change its colours."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


class TerminalProgress:
    """Progress for a person: a line a step, and one that is rewritten while something takes time."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lock = threading.Lock()
        self._is_line_open = False

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""
        with self._lock:
            self._end_line()
            say(f"  {firewall}  {profile}: {step.words}: {step}", self._stream)

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""
        with self._lock:
            self._stream.write(f"\r\x1b[K  {clean(redact(f'{firewall}  … {text}'))[:110]}")
            self._stream.flush()
            self._is_line_open = True

    def close(self) -> None:
        """End an open line."""
        with self._lock:
            self._end_line()

    def _end_line(self) -> None:
        if self._is_line_open:
            self._stream.write("\r\x1b[K")
            self._is_line_open = False
