"""The agent is killed before and after every request and every state write, and run again until the job is done."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.story import COMMANDS, Story, Tally, spread

# Long enough for a commit to outlive the run that sent it and the preparations of the next.
COMMIT_REQUESTS = 14


# With firewalls in parallel no two runs have the same order of points, so every eleventh of them meets every kind of step.
FLEET, FLEET_STRIDE = 4, 11


def points_of_each_step(key: str, size: int = 1) -> list[int]:
    """How many points an undisturbed story has in each step."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), key, COMMIT_REQUESTS, size)
        with story.scene:
            counts = []
            for step in range(len(COMMANDS)):
                story.prepare(step)
                counts.append(len(story.run(step).points))
                story.check(step)
            assert story.tally.problems == []
            assert all(len(firewall.commits) == len(COMMANDS) for firewall in story.firewalls.values())
            return counts


def tell(key: str, point: int, side: str, counts: list[int], size: int = 1) -> Tally:
    """One story in which every step that has this point is killed there."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), key, COMMIT_REQUESTS, size)
        with story.scene:
            for step in range(len(COMMANDS)):
                story.prepare(step)
                if point <= counts[step]:
                    before = len(story.scene.world.scm.orders)
                    done = story.run(step, kill_at=(point, side))
                    if done.code is not None and size == 1:
                        story.problem(f"step {step} was not killed at point {point}")
                    story.tally.accidents += done.code is None
                    story.tally.lost_answers += story.lost_orders(before)
                story.recover(step)
                story.check(step)
            tally = story.finish()
            tally.problems = [f"{key}, {side} point {point}: {text}" for text in tally.problems]
            return tally


# A key that stays differs from one that goes in few steps: every third point meets each of them.
STRIDES = {"rotate": 1, "reuse": 3}


@pytest.mark.sweep
@pytest.mark.parametrize("key", STRIDES)
def test_killed_at_every_point_the_job_is_finished_by_the_next_runs(
    key: str, figures: Callable[[str], None], stride: Callable[[int], int]
) -> None:
    counts = points_of_each_step(key)
    points = [(point, side) for point in range(1, max(counts) + 1) for side in ("before", "after")]
    cases = [(key, point, side, counts) for point, side in points[:: stride(STRIDES[key])]]
    tally = spread(tell, cases)
    kills = sum(point <= count for _, point, _, _ in cases for count in counts)
    figures(f"kill sweep, key {key}: {kills} kill points in {len(cases)} stories ({counts} a step); {tally}")
    assert tally.problems == []
    assert tally.accidents == kills


@pytest.mark.sweep
def test_killed_in_the_midst_of_four_firewalls_the_job_is_finished_by_the_next_runs(
    figures: Callable[[str], None], stride: Callable[[int], int]
) -> None:
    counts = points_of_each_step("rotate", FLEET)
    points = range(1, max(counts) + 1, stride(FLEET_STRIDE))
    cases = [("rotate", point, ("before", "after")[point % 2], counts, FLEET) for point in points]
    tally = spread(tell, cases)
    figures(f"kill sweep, {FLEET} firewalls in parallel: {len(cases)} stories ({counts} points a step); {tally}")
    assert tally.problems == []
    assert tally.accidents > len(cases)


def test_the_story_undisturbed_and_killed_at_a_few_points() -> None:
    counts = points_of_each_step("rotate")
    assert all(count > 10 for count in counts)
    assert tell("rotate", 12, "after", counts).problems == []
