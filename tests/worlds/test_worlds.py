"""The catalogue: some worlds in the normal suite, all of them by `pytest -m sweep tests/worlds/test_worlds.py -n 2`."""

from __future__ import annotations

import pytest

from tests.worlds import OPEN
from tests.worlds.catalogue import BY_TITLE, REPRESENTATIVE, WORLDS
from tests.worlds.play import play


def marked(titles: list[str]) -> list[object]:
    """Worlds that are known to be open must fail: whoever mends one takes it out of OPEN."""
    return [
        pytest.param(title, marks=[pytest.mark.xfail(strict=True, reason=OPEN[title])] if title in OPEN else [])
        for title in titles
    ]


def check(title: str) -> None:
    verdict = play(BY_TITLE[title])
    assert verdict.holds, "\n".join([*verdict.problems, "", *verdict.diary[-60:]])


@pytest.mark.parametrize("title", marked(list(REPRESENTATIVE)))
def test_a_representative_world(title: str) -> None:
    check(title)


@pytest.mark.sweep
@pytest.mark.parametrize("title", marked([world.title for world in WORLDS]))
def test_a_world(title: str) -> None:
    check(title)


def test_open_worlds_exist() -> None:
    assert OPEN.keys() <= BY_TITLE.keys()


def test_the_catalogue_is_large() -> None:
    assert len(WORLDS) >= 150
