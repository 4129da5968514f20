"""Years by chance, and whether the observer sees what single rules of the agent prevent."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest

from paloaltofw.execution import admission, enroll, serve
from paloaltofw.lifecycle import brake, guards, ownership, resume
from tests.worlds.chance import Event, draw, many, shrink, summary, tell

SEEDS = range(1000, 1088)


@pytest.mark.sweep
def test_three_hundred_firewall_years() -> None:
    years = many(SEEDS)
    print(f"\nseeds {SEEDS.start} to {SEEDS.stop - 1}: {summary(years)}")
    broken = [f"seed {year.seed}: {problem}" for year in years for problem in year.problems]
    assert sum(year.firewalls for year in years) >= 300
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("seed", [7, 8])
def test_two_months_by_chance(seed: int) -> None:
    year = tell(draw(seed, days=60))
    assert not year.problems, "\n".join([*year.problems, *year.diary[-80:]])
    assert year.orders > 0


def test_the_same_seed_tells_the_same_story() -> None:
    one, two = tell(draw(3, days=30)), tell(draw(3, days=30))
    assert [line for line in one.diary if line.startswith("*")] == [line for line in two.diary if line.startswith("*")]
    assert (one.orders, one.nights, one.requests) == (two.orders, two.nights, two.requests)


def test_shrinking_finds_the_one_event_that_matters() -> None:
    story = draw(5)
    culprit = story.events[len(story.events) // 2]
    assert shrink(story, lambda fewer: culprit in fewer.events).events == (culprit,)


def no_brake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brake, "MOST_ORDERS", 10**6)
    monkeypatch.setattr(brake, "PAUSE", datetime.timedelta(0))


def no_limit_of_submissions(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (resume, enroll):
        monkeypatch.setattr(module, "MAX_SUBMISSIONS", 10**6)


def no_ownership(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ownership, "is_ours", lambda *_: True)
    monkeypatch.setattr(guards, "_name_taken", lambda *_: None)
    monkeypatch.setattr(serve, "_holds", lambda *_: True)


def no_admission(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admission, "_is_foreign", lambda *_: False)


RULES: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str]] = {
    "the brake": (no_brake, "orders in the"),
    "the limit of submissions": (no_limit_of_submissions, "the same CSR"),
    "ownership": (no_ownership, "stranger"),
}


@pytest.mark.sweep
@pytest.mark.parametrize("rule", RULES)
def test_the_observer_sees_a_rule_that_is_off(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    switch_off, words = RULES[rule]
    switch_off(monkeypatch)
    for seed in range(2000, 2040):
        if any(words in problem for problem in tell(draw(seed)).problems):
            return
    pytest.fail(f"no seed fails without {rule}")


__all__ = ["Event"]
