"""Worlds with an HA pair: failovers at every step, states in which nothing may be done, synchronisations that never end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import yaml

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.ha_pair import PASSIVE, HaPair
from paloaltofw.sandbox.world import write_yaml
from tests.worlds.acts import fails_over_before
from tests.worlds.play import COMMON_NAME, NAME, Scene, World
from tests.worlds.stage import Call, Stage
from tests.worlds.wire import Handle

UNIT, OTHER = "fw", "fw-b"


def paired(sync_seconds: float = 60.0, **switches: Any) -> Scene:
    """One certificate on a pair."""

    def setup(stage: Stage) -> None:
        stage.add_profile(NAME, COMMON_NAME)
        stage.pair_up(UNIT, OTHER, sync_seconds)
        for unit in (UNIT, OTHER):
            stage.switch_panos(unit, **switches)

    return setup


def pair_of(stage: Stage) -> HaPair:
    pair = stage.firewalls[UNIT].ha
    assert pair is not None
    return pair


def both(*steps: Scene) -> Scene:
    """One after the other."""

    def scene(stage: Stage) -> None:
        for step in steps:
            step(stage)

    return scene


def with_pair(action: Callable[[HaPair], object]) -> Scene:
    return lambda stage: action(pair_of(stage))


def fails_over_behind(label: str) -> tuple[Any, ...]:
    """A rule: the pair fails over when such a request has been answered, once."""

    def act(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        pair_of(call.stage).failover()
        return answer

    return label, act, lambda night: night == 1, 1


def fail_back(stage: Stage) -> None:
    """People let the first unit be active again."""
    pair = pair_of(stage)
    if pair.active is not stage.firewalls[UNIT]:
        pair.failover()


def failover_world(number: int, start: str = "due", kind: str = "DV", **switches: Any) -> World:
    """The pair fails over before one request. Then it stays so; in the end people fail back.

    At worst the key of the order is on the passive unit alone: then all is held until they do, and nothing is ordered
    again.
    """
    words = "".join(f", {name}={value}" for name, value in switches.items())
    return World(
        f"HA: a pair fails over before request {number} ({start}, {kind}{words})", start=start, kind=kind,
        rules=(("(fw|scm) .*", fails_over_before(number, pair_of), lambda night: night == 1),),
        setup=paired(**switches), codes=(0, 1, 3), orders=1, keys=3, nights=5,
        commits=False, mends=fail_back,
    )  # fmt: skip


# A night that renews one certificate makes so many requests, or fewer.
FAILOVER_REQUESTS = 70

FAILOVER_WORLDS = [failover_world(number) for number in (12, 23, 28, 34, 44, 50, 56)]

STATE_WORLDS = [
    World("HA: both units are active", start="due", setup=paired(), orders=0, codes=(1,), keys=0, nights=3,
          scene=with_pair(HaPair.split), mends=with_pair(HaPair.restore), tells=("ha",),
          says=r"192\.0\.2\.10.*192\.0\.2\.11"),
    World("HA: neither unit is active", start="due", setup=paired(), orders=0, codes=(1,), keys=0, nights=3,
          scene=with_pair(lambda pair: pair.split(PASSIVE)), mends=with_pair(HaPair.restore), tells=("ha",),
          says=r"192\.0\.2\.10.*192\.0\.2\.11"),
    World("HA: a unit is suspended", start="due", setup=paired(), orders=0, codes=(1,), keys=0, nights=3,
          scene=with_pair(lambda pair: pair.suspend(pair.units[0])), mends=with_pair(HaPair.restore), tells=("ha",)),
    World("HA: the states are in words that are not known", start="due", orders=0, codes=(1,), keys=0, nights=3,
          setup=paired(), scene=with_pair(lambda pair: pair.split("engaged")), mends=with_pair(HaPair.restore),
          tells=("ha",)),
    World("HA: the first unit is off", start="due", setup=paired(), codes=(0,), nights=3,
          scene=with_pair(lambda pair: pair.lose(pair.units[0])), mends=with_pair(HaPair.restore)),
    World("HA: the second unit is off", start="due", setup=paired(), codes=(0,), nights=3,
          scene=with_pair(lambda pair: pair.lose(pair.units[1])), mends=with_pair(HaPair.restore)),
    World("HA: a synchronisation never ends", start="due", setup=paired(), codes=(0,), nights=3,
          scene=lambda stage: setattr(pair_of(stage), "sync_seconds", None), mends=with_pair(HaPair.restore)),
]  # fmt: skip


def one_named(stage: Stage) -> None:
    """The profile names the first unit alone, as those of earlier releases do."""
    path = stage.folder / f"profiles/firewalls/{UNIT}.yaml"
    profile = yaml.safe_load(path.read_text("utf-8"))
    write_yaml(path, {name: value for name, value in profile.items() if name != "ha_peer"})


def key_left_on_a_unit_that_is_off(stage: Stage) -> None:
    """After the night in which the pair failed over behind the order, the unit that has the key goes off."""
    pair_of(stage).lose(stage.firewalls[UNIT])


def comes_back_active(stage: Stage) -> None:
    """The unit that was off is the active one again, with the candidate that it had."""
    pair = pair_of(stage)
    stage.firewalls[UNIT].is_off = False
    pair.states = dict(zip((UNIT, OTHER), ("active", "passive"), strict=True))
    pair.is_in_step = True


ORDER = "scm (enroll|renew)"
SINGLE_WORLDS = [
    World("HA: the one unit that is named is passive", start="due", orders=0, codes=(1,), keys=0, nights=3,
          setup=paired(), scene=both(one_named, with_pair(HaPair.failover)), mends=fail_back, tells=("ha",),
          says="this unit of the HA pair is passive"),
    World("HA: the one unit that is named is active, then passive, then active", start="due", codes=(0,), nights=4,
          setup=paired(), scene=one_named, events={2: with_pair(HaPair.failover), 3: with_pair(HaPair.failover)}),
    World("HA: the one unit that is named fails over behind the order", start="due", codes=(1,), nights=3, orders=1,
          setup=paired(), scene=one_named, rules=(fails_over_behind(ORDER),), commits=False, mends=fail_back, keys=3,
          tells=("ha",)),
    World("HA: the unit with the key of an open order is off", start="due", codes=(1,), nights=4, orders=1, keys=1,
          setup=paired(), rules=(fails_over_behind(ORDER),), commits=False, tells=("ha-key",),
          events={2: key_left_on_a_unit_that_is_off}, says="cannot be asked", mends=comes_back_active),
]  # fmt: skip

WORLDS = [*FAILOVER_WORLDS, *STATE_WORLDS, *SINGLE_WORLDS]
