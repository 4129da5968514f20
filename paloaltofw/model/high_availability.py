"""High availability: what one unit of a pair says of itself and of the other, and which of two may be worked on."""

from __future__ import annotations

from dataclasses import dataclass

# Active-active: the spelling is not confirmed (panos.md §3), so every other word stops the agent.
_ACTIVE = ("active", "active-primary")
# A Panorama has words of its own, and either of its two may be the active one (panos.md §3).
_ACTIVE_PANORAMA = (*_ACTIVE, "primary-active", "secondary-active")
# What the other unit may be while this one is worked on. Not `suspended`: somebody is at work on the pair.
_STANDBY = (
    "passive", "active-secondary", "initial", "tentative", "non-functional", "secondary-passive", "primary-passive",
)  # fmt: skip
SYNCHRONISED = "synchronized"


@dataclass(frozen=True)
class HaState:
    """The answer of one unit (panos.md §3). Words are as the device writes them, in lower case; empty if it has none.

    `address` and `peer_address` are those of the management interfaces as the units know them, which may not be the
    ones that the agent uses. `is_panorama`: the answer has a Panorama's form.
    """

    is_enabled: bool
    state: str = ""
    peer_state: str = ""
    address: str = ""
    peer_address: str = ""
    is_sync_enabled: bool = False
    running_sync: str = ""
    is_panorama: bool = False

    @property
    def is_active(self) -> bool:
        """Whether this unit is the one on which a configuration is changed: it stands alone, or says so."""
        return not self.is_enabled or self._means_active(self.state)

    @property
    def is_standby(self) -> bool:
        """Whether it says that the other unit is to be worked on, in a word that is understood."""
        return self.is_enabled and self.state in _STANDBY

    @property
    def is_in_step(self) -> bool:
        """Whether the other unit has the running configuration of this one."""
        return self.running_sync == SYNCHRONISED

    @property
    def objection(self) -> str:
        """Why nothing may be changed on this unit, by its own word; empty if nothing speaks against it."""
        if not self.is_active:
            return f"this unit of the HA pair is {self.state or 'in no state that it names'}"
        if self.is_enabled and self._means_active(self.peer_state):
            return f"this unit of the HA pair is {self.state}, and so, it says, is the other one ({self.peer_state})"
        return ""

    @property
    def words(self) -> str:
        """For people: `active, peer passive, running configuration synchronized`."""
        if not self.is_enabled:
            return "not in an HA pair"
        sync = f"running configuration {self.running_sync or 'sync not told'}" if self.is_sync_enabled else "no sync"
        return f"{self.state or 'no state'}, peer {self.peer_state or 'unknown'}, {sync}"

    def _means_active(self, word: str) -> bool:
        return word in (_ACTIVE_PANORAMA if self.is_panorama else _ACTIVE)


def pair_objection(units: tuple[HaState, HaState]) -> str:
    """Why nothing may be changed on either of two units that both answered; empty if exactly one is to be worked on."""
    if not all(unit.is_enabled for unit in units):
        return "they are no HA pair"
    if not all(_describes(one, other) for one, other in (units, units[::-1])):
        return "they are no pair: one describes another unit as its peer"
    active = [unit for unit in units if unit.is_active]
    if len(active) == 2:
        return "both say that they are active"
    if not active:
        return "neither is active"
    idle = next(unit for unit in units if not unit.is_active)
    if not idle.is_standby:
        return f"one is active, but the other one is {idle.state or 'in no state that it names'}"
    return active[0].objection


def _describes(one: HaState, other: HaState) -> bool:
    """Whether what a unit calls its peer can be the other one."""
    return not one.peer_address or not other.address or one.peer_address == other.address
