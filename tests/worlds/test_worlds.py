"""The catalogue: some worlds in the normal suite, all of them by `pytest -m sweep tests/worlds/test_worlds.py`."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from tests.sweeps import one_in
from tests.worlds import OPEN
from tests.worlds.catalogue import BY_TITLE, REPRESENTATIVE, WORLDS
from tests.worlds.play import Verdict, play


def play_title(title: str) -> Verdict:
    return play(BY_TITLE[title])


def told(verdict: Verdict) -> str:
    return "\n".join([verdict.title, *verdict.problems, "", *verdict.diary[-60:]])


@pytest.mark.parametrize("title", one_in(15, REPRESENTATIVE))
def test_a_representative_world(title: str) -> None:
    verdict = play_title(title)
    assert verdict.holds is (title not in OPEN), told(verdict)


@pytest.mark.sweep
def test_every_world(figures: Callable[[str], None]) -> None:
    """All of them, on two cores; one that is known to be open must fail: whoever mends it takes it out of OPEN."""
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        verdicts = list(pool.map(play_title, BY_TITLE))
    figures(f"{len(verdicts)} worlds, {sum(verdict.orders for verdict in verdicts)} orders")
    wrong = [told(verdict) for verdict in verdicts if verdict.holds is (verdict.title in OPEN)]
    assert not wrong, "\n\n".join(wrong)


def test_open_worlds_exist() -> None:
    assert OPEN.keys() <= BY_TITLE.keys()


def test_the_catalogue_is_large() -> None:
    assert len(WORLDS) >= 150
