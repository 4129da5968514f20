"""Years by chance, and whether the observer sees what single rules of the agent prevent."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Callable

import pytest

from paloaltofw.execution import enroll, units
from paloaltofw.lifecycle import brake, decide, guards, plans, resume
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.serving import Serving
from paloaltofw.lifecycle.steps import Predecessor
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.panos import panorama_client
from tests.worlds.chance import draw, many, shrink, summary, tell
from tests.worlds.estates import STANDALONE, Estate

SEEDS = range(1000, 1087)


@pytest.mark.sweep
def test_years_by_chance(figures: Callable[[str], None]) -> None:
    years = many(SEEDS)
    figures(f"seeds {SEEDS.start} to {SEEDS.stop - 1}: {summary(years)}")
    broken = [f"seed {year.seed}: {problem}" for year in years for problem in year.problems]
    assert sum(year.firewalls for year in years) >= 300
    assert not broken, "\n".join(broken)


def test_a_month_by_chance() -> None:
    year = tell(draw(8, days=34))
    assert not year.problems, "\n".join([*year.problems, *year.diary[-80:]])
    assert year.orders > 0


def test_the_same_seed_tells_the_same_story() -> None:
    one, two = tell(draw(3, days=14)), tell(draw(3, days=14))
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
    """As an agent that takes every entry with a lower number for a predecessor of its own."""
    monkeypatch.setattr(guards, "_name_taken", lambda *_: None)
    monkeypatch.setattr(plans, "predecessors_of", everything_lower)


def everything_lower(profile: CertificateProfile, observed: Observation, entry: str) -> tuple[Predecessor, ...]:
    number = series_number(profile.name, entry) or 0
    return tuple(
        Predecessor(item.name, item.certificate.sha256)
        for item in observed.generations
        if item.certificate is not None and item.number < number
    )


def no_question_before_a_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an agent that asks for the state of a pair once a night."""
    monkeypatch.setattr(units.Watch, "__call__", lambda self: None)


def pushes_with_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an agent that leaves a push's default as it is."""
    without = "<merge-with-candidate-cfg>no</merge-with-candidate-cfg>"
    send = panorama_client.PanoramaClient._push
    monkeypatch.setattr(
        panorama_client.PanoramaClient,
        "_push",
        lambda self, stack, command: send(self, stack, command.replace(without, "")),
    )


def no_wait_for_the_serve_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an agent that takes a commit for the proof that something is served."""
    monkeypatch.setattr(decide, "serving_of", lambda *_: Serving.PASSED)


# What switches a rule off, what the observer then says, which events are told (the others would only take time), in
# which estate, and the seed to begin with.
RULES: dict[str, tuple[Callable[[pytest.MonkeyPatch], None], str, tuple[str, ...], Estate, int]] = {
    "the brake": (no_brake, "orders in the", ("load", "sans", "fault", "revoke", "revert"), STANDALONE, 2000),
    "the limit of submissions": (no_limit_of_submissions, "the same CSR", ("fault",), STANDALONE, 2000),
    "ownership": (no_ownership, "stranger", ("stranger",), STANDALONE, 2000),
    "the question before a change": (
        no_question_before_a_change, "a change reached", ("failover_in_a_run",), Estate(pairs=("fw0", "fw1")), 2011,
    ),
    "pushes that leave candidates alone": (
        pushes_with_candidates, "a push committed", ("device_draft",), Estate(has_panorama=True), 2000,
    ),
    "predecessors that stay until their successor is served": (
        no_wait_for_the_serve_check, "does not serve yet is gone", ("wrong_serve",),
        Estate(asked=(("site0", "report"), ("site1", "report"))), 2003,
    ),
}  # fmt: skip


@pytest.mark.sweep
@pytest.mark.parametrize("rule", RULES)
def test_the_observer_sees_a_rule_that_is_off(rule: str, monkeypatch: pytest.MonkeyPatch) -> None:
    switch_off, words, kinds, estate, first = RULES[rule]
    switch_off(monkeypatch)
    for seed in range(first, first + 40):
        story = draw(seed, estate=estate)
        events = tuple(event for event in story.events if event.kind in kinds)
        year = tell(dataclasses.replace(story, events=events, lost_answer="resubmit"))
        if any(words in problem for problem in year.problems):
            return
    pytest.fail(f"no seed fails without {rule}")
