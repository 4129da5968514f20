"""What is shown: no secret, and nothing that could steer a terminal, wherever the text came from."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.reporting.terminal import TerminalProgress, say
from paloaltofw.secret import Secret

REWRITE = "\r\x1b[K"


@given(st.text())
def test_a_peers_words_cannot_steer_the_terminal(words: str) -> None:
    shown = io.StringIO()
    progress = TerminalProgress(shown)
    progress.waiting("fw", words)
    assert shown.getvalue().startswith(REWRITE)
    assert shown.getvalue().removeprefix(REWRITE).isprintable()
    said = io.StringIO()
    say(words, said)
    assert said.getvalue().replace("\n", "").isprintable()


def test_a_secret_is_shown_in_no_line() -> None:
    Secret("Hunter2-hunter2")
    shown = io.StringIO()
    progress = TerminalProgress(shown)
    progress.waiting("fw", "the answer was Hunter2-hunter2")
    say("the answer was Hunter2-hunter2", shown)
    assert "unter2" not in shown.getvalue()
    assert shown.getvalue().count("***") == 2
