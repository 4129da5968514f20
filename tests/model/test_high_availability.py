"""What the units of an HA pair say, and which of them may be worked on: every word with every other."""

from __future__ import annotations

import itertools

import pytest

from paloaltofw.model.high_availability import HaState, pair_objection

ALONE = HaState(is_enabled=False)
WORDS = ("active", "active-primary", "active-secondary", "passive", "suspended", "initial", "", "gibberish")


def unit(state: str, peer: str = "", **more: object) -> HaState:
    return HaState(True, state, peer, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("word", WORDS)
def test_only_a_word_that_means_active_lets_a_unit_be_changed(word: str) -> None:
    state = unit(word, "passive")
    assert state.is_active == (word in ("active", "active-primary"))
    assert bool(state.objection) != state.is_active
    assert word in state.objection or state.is_active or not word


def test_a_unit_that_stands_alone_may_be_changed() -> None:
    assert ALONE.is_active and not ALONE.is_standby and ALONE.objection == ""
    assert ALONE.words == "not in an HA pair"


def test_a_unit_whose_peer_is_active_too_may_not_be_changed() -> None:
    assert "so, it says, is the other one" in unit("active", "active").objection
    assert unit("active", "passive").objection == ""


@pytest.mark.parametrize("word", ["primary-active", "secondary-active"])
def test_a_panorama_has_words_of_its_own(word: str) -> None:
    assert unit(word, is_panorama=True).is_active
    assert not unit(word).is_active


@pytest.mark.parametrize(("one", "other"), list(itertools.product(WORDS, WORDS)))
def test_of_two_units_exactly_one_is_worked_on_while_the_other_stands_by(one: str, other: str) -> None:
    units = unit(one, other), unit(other, one)
    active = [item.is_active for item in units]
    standby = [item.is_standby for item in units]
    is_allowed = sum(active) == 1 and standby[active.index(False)]
    assert (pair_objection(units) == "") == is_allowed
    assert (pair_objection(units[::-1]) == "") == is_allowed


def test_two_that_are_no_pair_are_not_worked_on() -> None:
    assert pair_objection((ALONE, unit("active"))) == "they are no HA pair"
    strange = unit("active", "passive", address="192.0.2.1", peer_address="192.0.2.3")
    assert "another unit" in pair_objection((strange, unit("passive", "active", address="192.0.2.2")))
    assert pair_objection((strange, unit("passive", "active", address="192.0.2.3", peer_address="192.0.2.1"))) == ""


def test_what_the_active_one_says_of_its_peer_counts_too() -> None:
    assert "so, it says" in pair_objection((unit("active", "active"), unit("passive", "active")))


def test_in_step_and_in_words() -> None:
    state = unit("active", "passive", is_sync_enabled=True, running_sync="synchronized")
    assert state.is_in_step
    assert state.words == "active, peer passive, running configuration synchronized"
    behind = unit("active", "", is_sync_enabled=True)
    assert not behind.is_in_step and behind.words == "active, peer unknown, running configuration sync not told"
    assert unit("", "passive").words == "no state, peer passive, no sync"
