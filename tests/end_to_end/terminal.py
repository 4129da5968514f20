"""The agent on a terminal: prompts are answered, and all that it shows is kept."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.end_to_end.harness import ENVIRONMENT, SCRIPT, Done, clean_environment

PATIENCE = 30.0


def run_on_terminal(
    config: Path | None, argv: Sequence[str], answers: Sequence[tuple[str, str | int]], **environment: str
) -> Done:
    """Run the agent on a pseudo-terminal; each answer is typed when its prompt was shown. `out` is the whole screen.

    An answer that is a number is a signal, which the process gets.
    """
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *(["--config", str(config)] if config else []), *argv], stdin=theirs, stdout=theirs, stderr=theirs,
        env=clean_environment(**{**ENVIRONMENT, "TERM": "dumb", "COLUMNS": "200", **environment}), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    screen, waiting, seen = "", list(answers), 0
    while True:
        ready, _, _ = select.select([ours], [], [], PATIENCE)
        assert ready, f"nothing more was shown after: {screen!r}"
        try:
            screen += os.read(ours, 65536).decode("utf-8", "replace")
        except OSError:
            break  # the terminal's other end is closed
        if waiting and waiting[0][0] in screen[seen:]:
            seen = len(screen)
            answer = waiting.pop(0)[1]
            if isinstance(answer, int):
                process.send_signal(answer)
            else:
                os.write(ours, answer.encode() + b"\n")
    code = process.wait()
    os.close(ours)
    assert not waiting, f"never asked: {waiting[0][0]!r}; shown: {screen!r}"
    return Done(code, screen.replace("\r\n", "\n"), "")
