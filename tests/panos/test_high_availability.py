"""What a unit says of its pair, and what follows from it."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from paloaltofw.model.high_availability import HaState, pair_objection
from paloaltofw.panos.envelope import Malformed
from paloaltofw.panos.high_availability import read_ha_state

# As captured (panos.md §3), abridged.
CAPTURED = """<result><enabled>yes</enabled><group><mode>Active-Passive</mode>
<local-info><state>active</state><priority>64</priority><mgmt-ip>192.0.2.1/24</mgmt-ip><mode>Active-Passive</mode></local-info>
<peer-info><state>passive</state><conn-status>up</conn-status><mgmt-ip>192.0.2.2</mgmt-ip></peer-info>
<running-sync>synchronized</running-sync><running-sync-enabled>yes</running-sync-enabled></group></result>"""
PANORAMA = """<result><enabled>yes</enabled><local-info><state>primary-active</state></local-info>
<peer-info><state>secondary-passive</state></peer-info><running-sync>synchronized</running-sync></result>"""


def read(text: str) -> HaState:
    return read_ha_state(ElementTree.fromstring(text))


def test_the_captured_answer() -> None:
    state = read(CAPTURED)
    assert state == HaState(True, "active", "passive", "192.0.2.1", "192.0.2.2", True, "synchronized")
    assert (state.is_active, state.is_in_step, state.objection) == (True, True, "")
    assert state.words == "active, peer passive, running configuration synchronized"


@pytest.mark.parametrize(
    "text",
    ["<result><enabled>no</enabled></result>", "<result><enabled>no</enabled><group><local-info/></group></result>"],
)
def test_a_firewall_that_stands_alone(text: str) -> None:
    assert read(text) == HaState(is_enabled=False)
    assert (read(text).is_active, read(text).objection, read(text).words) == (True, "", "not in an HA pair")


@pytest.mark.parametrize(
    "text",
    [
        "<result/>",
        "<result><enabled>maybe</enabled></result>",
        "<result><group><local-info><state>active</state></local-info></group></result>",
    ],
)
def test_an_answer_that_does_not_tell(text: str) -> None:
    with pytest.raises(Malformed):
        read(text)


def test_no_answer_at_all() -> None:
    with pytest.raises(Malformed):
        read_ha_state(None)


@pytest.mark.parametrize(("word", "is_active"), [
    ("active", True), ("Active", True), (" active ", True), ("active-primary", True), ("Active-Primary", True), ("active-secondary", False),
    ("passive", False), ("initial", False), ("suspended", False), ("non-functional", False), ("tentative", False),
    ("active primary", False), ("primary-active", False), ("inactive", False), ("", False),
])  # fmt: skip
def test_only_a_known_word_is_active(word: str, is_active: bool) -> None:
    state = read(CAPTURED.replace("<state>active<", f"<state>{word}<"))
    assert state.is_active is is_active
    assert bool(state.objection) is not is_active


def test_a_panorama_has_words_of_its_own() -> None:
    assert read(PANORAMA).is_active
    assert not read(PANORAMA.replace("primary-active", "secondary-passive")).is_active


def test_a_unit_that_calls_its_peer_active_too_is_not_touched() -> None:
    assert "so, it says, is the other one" in read(CAPTURED.replace("<state>passive<", "<state>active<")).objection


A = HaState(True, "active", "passive", "192.0.2.1", "192.0.2.2", True, "synchronized")
B = HaState(True, "passive", "active", "192.0.2.2", "192.0.2.1", True, "synchronized")
PAIRS = [
    (A, B, ""),
    (A, HaState(True, "initial", "active"), ""),
    (A, HaState(True, "non-functional", "active"), ""),
    (HaState(True, "active-primary", "active-secondary"), HaState(True, "active-secondary", "active-primary"), ""),
    (A, A, "one describes another unit as its peer"),
    (HaState(True, "active", "passive"), HaState(True, "active", "passive"), "both say that they are active"),
    (B, HaState(True, "passive", "active", "192.0.2.1", "192.0.2.2"), "neither is active"),
    (B, HaState(True, "suspended", "passive", "192.0.2.1", "192.0.2.2"), "neither is active"),
    (A, HaState(True, "suspended", "active", "192.0.2.2", "192.0.2.1"), "the other one is suspended"),
    (A, HaState(True, "engaged", "active"), "the other one is engaged"),
    (A, HaState(is_enabled=False), "they are no HA pair"),
    (A, HaState(True, "passive", "active", "192.0.2.9", "192.0.2.1"), "one describes another unit as its peer"),
    (A, HaState(True, "passive", "active", "192.0.2.2", "192.0.2.9"), "one describes another unit as its peer"),
    (HaState(True, "active", "active"), HaState(True, "passive", "active"), "so, it says, is the other one"),
]


@pytest.mark.parametrize(("one", "other", "words"), PAIRS)
def test_which_of_two_units_may_be_worked_on(one: HaState, other: HaState, words: str) -> None:
    for pair in ((one, other), (other, one)):
        objection = pair_objection(pair)
        assert words in objection
        assert bool(objection) is bool(words)
