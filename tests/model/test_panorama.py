"""What a Panorama adds: targets, stacks, devices, pushes."""

from __future__ import annotations

import pytest

from paloaltofw.model.panorama import DeviceResult, ManagedDevice, PanoramaTarget, PushJob, TemplateStack

S1 = TemplateStack("S1", frozenset({"T1", "T2"}), frozenset({"001"}))


@pytest.mark.parametrize(
    ("target", "words", "pushed_to", "holds"),
    [
        (PanoramaTarget(template="T1"), "the template T1", "the template stacks that hold T1", True),
        (PanoramaTarget(template="T3"), "the template T3", "the template stacks that hold T3", False),
        (PanoramaTarget(template_stack="S1"), "the template stack S1", "the template stack S1", True),
        (PanoramaTarget(template_stack="S2"), "the template stack S2", "the template stack S2", False),
        (PanoramaTarget("T1", push_stacks=("S1", "S2")), "the template T1", "the template stacks S1, S2", True),
    ],
)
def test_a_target_in_words_and_what_it_is_pushed_to(
    target: PanoramaTarget, words: str, pushed_to: str, holds: bool
) -> None:
    assert (target.words, target.pushed_to, target.holds(S1)) == (words, pushed_to, holds)


def test_a_device_that_is_away_may_be_a_number_alone() -> None:
    assert ManagedDevice("001", "fw-1", True).words == "fw-1 (001)"
    assert ManagedDevice("001", "", False).words == "001"


def test_a_push_is_over_when_no_device_goes_on() -> None:
    ended, going = DeviceResult("001", "fw-1", "OK"), DeviceResult("002", "fw-2", "PEND")
    assert PushJob("7", "FIN", "OK", "", (ended,)).is_over
    assert not PushJob("7", "FIN", "OK", "", (ended, going)).is_over
    assert not PushJob("7", "ACT", "PEND", "", (ended,)).is_over
