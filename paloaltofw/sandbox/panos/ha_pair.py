"""Two simulated firewalls as an HA pair: states, failovers, the synchronisation after a commit (panos.md §3, §10).

One clock and one lock for both. What was committed on the active unit is taken over by the other one after a time, in
which that one refuses changes; what was not committed never leaves its unit.
"""

from __future__ import annotations

import copy
import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import NOT_FOUND, PanosError, text_element, text_of
from paloaltofw.sandbox.panos.configuration import Configuration, put
from paloaltofw.sandbox.panos.xpath import Step, Xpath, find

if TYPE_CHECKING:
    from paloaltofw.sandbox.panos.device import Firewall

ACTIVE, PASSIVE, SUSPENDED, INITIAL = "active", "passive", "suspended", "initial"
PRIMARY, SECONDARY = "active-primary", "active-secondary"
Mode = Literal["Active-Passive", "Active-Active"]
IN_STEP, BEHIND, UNDER_WAY = "synchronized", "not synchronized", "synchronization in progress"
COMMIT_PENDING = "A commit is pending. Please try again later."
DENIED = 15
# Every change that reached a unit which was not the active one at that moment, in this process: tests look here.
WRITES_TO_PASSIVE: list[str] = []
_SYSTEM: Xpath = (
    Step("config"), Step("devices"), Step("entry", name="localhost.localdomain"), Step("deviceconfig"), Step("system"),
)  # fmt: skip


@dataclass
class _Sync:
    """A synchronisation under way: what the source was running when it began."""

    source: Firewall
    content: Element
    end: datetime.datetime


class HaPair:
    """Two firewalls in a pair; the first one is active. `sync_seconds`: how long it takes to take a commit over."""

    def __init__(
        self, first: Firewall, second: Firewall, sync_seconds: float = 0.0, mode: Mode = "Active-Passive"
    ) -> None:
        self.units = (first, second)
        self.mode = mode
        self.sync_seconds: float | None = sync_seconds  # None: it never ends
        self.is_sync_enabled = True
        self.is_in_step = True
        words = (ACTIVE, PASSIVE) if mode == "Active-Passive" else (PRIMARY, SECONDARY)
        self.states = {unit.name: word for unit, word in zip(self.units, words, strict=True)}
        self.addresses = {first.name: "192.0.2.1/24", second.name: "192.0.2.2/24"}
        self._sync: _Sync | None = None
        # A pair has one master key; else the one could not read the other's private keys.
        second.lock, second.store.master_key = first.lock, first.store.master_key
        for unit in self.units:
            unit.ha = self
            unit.listeners.append(lambda unit=unit: self._begin(unit))  # type: ignore[misc]  # a default, no argument
        self._take_over(first, second)

    # --- what happens to a pair --------------------------------------------------------------------------------------

    @property
    def active(self) -> Firewall:
        """The unit that is worked on; the first one where both or none are active."""
        found = [unit for unit in self.units if self._is_active(unit)]
        return found[0] if len(found) == 1 else self.units[0]

    def other(self, unit: Firewall) -> Firewall:
        """The other unit."""
        return self.units[0] if unit is self.units[1] else self.units[1]

    def failover(self) -> None:
        """The units change their roles, whatever the synchronisation has come to."""
        first, second = (unit.name for unit in self.units)
        with self.units[0].lock:
            self.settle()
            self.states = {first: self.states[second], second: self.states[first]}

    def suspend(self, unit: Firewall) -> None:
        """Somebody suspends a unit; the other one becomes active."""
        self.states = {unit.name: SUSPENDED, self.other(unit).name: self._words[0]}

    def resume(self, unit: Firewall) -> None:
        """A suspended unit comes back as the passive one."""
        self.states[unit.name] = self._words[1]

    def split(self, word: str = ACTIVE) -> None:
        """Both units are in the same state: active after a split of the HA links, or passive, or initial."""
        self.states = {unit.name: word for unit in self.units}

    def lose(self, unit: Firewall) -> None:
        """A unit is off: it answers nobody, and the other one is active."""
        unit.is_off = True
        self.states = {unit.name: "unknown", self.other(unit).name: self._words[0]}
        self.is_in_step = False

    def restore(self) -> None:
        """Everything ends well: one unit is active, the other one passive, and they are in step."""
        active = self.active
        for unit in self.units:
            unit.is_off = False
        self.states = {active.name: self._words[0], self.other(active).name: self._words[1]}
        self.synchronise(active)

    def synchronise(self, source: Firewall) -> None:
        """Somebody lets the other unit take over what this one is running, at once."""
        self._take_over(source, self.other(source))
        self.is_in_step, self._sync = True, None

    @property
    def _words(self) -> tuple[str, str]:
        return (ACTIVE, PASSIVE) if self.mode == "Active-Passive" else (PRIMARY, SECONDARY)

    # --- synchronisation ---------------------------------------------------------------------------------------------

    def _begin(self, unit: Firewall) -> None:
        """A commit of a unit took effect."""
        self.is_in_step = False
        other = self.other(unit)
        if not self.is_sync_enabled or other.is_off or not self._is_active(unit) or self._is_active(other):
            return
        seconds = 10.0**9 if self.sync_seconds is None else self.sync_seconds
        end = unit.clock.now() + datetime.timedelta(seconds=seconds)
        self._sync = _Sync(unit, copy.deepcopy(unit.configuration.running), end)
        self.settle()

    def settle(self) -> None:
        """Carry out a synchronisation whose time is over."""
        sync = self._sync
        if sync is None or sync.source.clock.now() < sync.end:
            return
        self._sync = None
        other = self.other(sync.source)
        if not other.is_off:
            self._take_over(sync.source, other, sync.content)
            self.is_in_step = True

    def _take_over(self, source: Firewall, target: Firewall, content: Element | None = None) -> None:
        """The running configuration goes over; what is each unit's own stays (panos.md §10)."""
        switches = target.switches
        old, new = target.configuration, copy.deepcopy(source.configuration.running if content is None else content)
        own = ["hostname", "ip-address", *(["ssl-tls-service-profile"] if not switches.ha_sync_management else [])]
        for tag in own:
            put(new, (*_SYSTEM, Step(tag)), copy.deepcopy(find(old.running, (*_SYSTEM, Step(tag)))))
        if switches.ha_sync_certificates == "without_keys":
            _drop_new_keys(new, old.running)
        if switches.ha_sync_candidate == "overwritten":
            target.configuration.running = new
            target.configuration.revert_all()
        else:
            _carry_candidate(old, new)

    def require_idle(self, unit: Firewall) -> None:
        """The unit that takes a commit over refuses changes (panos.md §11, code 13)."""
        self.settle()
        if self._sync is not None and unit is not self._sync.source:
            raise PanosError(COMMIT_PENDING, code=NOT_FOUND)

    # --- what a unit answers -----------------------------------------------------------------------------------------

    def _is_active(self, unit: Firewall) -> bool:
        return self.states[unit.name] in (ACTIVE, PRIMARY)

    def admit(self, unit: Firewall, what: str) -> None:
        """A change reaches a unit: one that is not active refuses it, or takes it, to lose it later (not known)."""
        if self._is_active(unit):
            return
        WRITES_TO_PASSIVE.append(f"{unit.name}, which is {self.states[unit.name]}: {what}")
        if unit.switches.ha_passive_writes == "refused":
            raise PanosError("Operation not allowed on passive device", code=DENIED)

    def describe(self, unit: Firewall) -> list[Element]:
        """`show high-availability state` as this unit gives it."""
        self.settle()
        other = self.other(unit)
        group = Element("group")
        group.append(text_element("mode", self.mode))
        for tag, place, whose in (("local-info", unit, unit), ("peer-info", other, unit)):
            info = SubElement(group, tag)
            fields = {
                "mode": self.mode,
                "state": self._spelled(self.states[place.name], whose),
                "priority": "100" if place is self.units[0] else "110",
                "mgmt-ip": self.addresses[place.name],
                "preemptive": "no",
            }
            if tag == "peer-info":
                fields["conn-status"] = "down" if place.is_off else "up"
            info.extend(text_element(name, text) for name, text in fields.items())
        sync = UNDER_WAY if self._sync is not None else IN_STEP if self.is_in_step else BEHIND
        group.append(text_element("running-sync", sync))
        group.append(text_element("running-sync-enabled", "yes" if self.is_sync_enabled else "no"))
        return [text_element("enabled", "yes"), group]

    @staticmethod
    def _spelled(word: str, unit: Firewall) -> str:
        if unit.switches.ha_state_words == "capitalised":
            return word.title()
        return word.replace("-", " ") if unit.switches.ha_state_words == "spaced" else word


def _carry_candidate(configuration: Configuration, running: Element) -> None:
    """The other position: what is uncommitted on the unit stays in its candidate."""
    content = configuration.snapshot([change.path for change in configuration.pending()])
    candidate = copy.deepcopy(running)
    for path, node in content.items():
        put(candidate, path, find(configuration.candidate, path) if node is not None else None)
    configuration.running, configuration.candidate = running, candidate


def _drop_new_keys(running: Element, before: Element) -> None:
    """The other position: a private key stays where it was made."""
    there = {text_of(key) for key in before.iter("private-key")}
    for entry in list(running.iter("entry")):
        for key in entry.findall("private-key"):
            if text_of(key) not in there:
                entry.remove(key)
