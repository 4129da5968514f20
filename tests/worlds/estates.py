"""Years by chance in real estates: virtual systems, HA pairs, a Panorama, services that are asked after the commit."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.etree.ElementTree import tostring

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panorama_estate import PANORAMA
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.ha_pair import HaPair
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice
from tests.worlds.acts import fails_over_before
from tests.worlds.managed import devices_of, in_order, put_up
from tests.worlds.served import mend_service, services_of
from tests.worlds.stage import Call, Rule, Stage
from tests.worlds.wire import Handle

if TYPE_CHECKING:
    from tests.worlds.chance import Event

MANAGED_SITE = "pano0"
KINDS: dict[str, int] = {
    "failover": 5, "failover_in_a_run": 8, "ha_trouble": 4, "device_trouble": 6, "device_draft": 4, "wrong_serve": 10,
}  # fmt: skip
# What a service may answer instead of what was committed.
WRONG: dict[str, dict[str, object]] = {
    "the leaf alone": {"served_chain": "entry_only"},
    "the old certificate": {"data_plane": "stays_old"},
    "another's certificate": {"data_plane": "another"},
    "a reset": {"data_plane": "resets"},
    "an hour late": {"data_plane_delay": 3600.0},
    "nobody": {},
}


@dataclass(frozen=True)
class Estate:
    """What the devices of a story are, beside firewalls that stand alone. `asked`: sites, and what follows a wrong answer."""

    vsys: str = "shared"
    pairs: tuple[str, ...] = ()
    has_panorama: bool = False
    asked: tuple[tuple[str, str], ...] = ()


STANDALONE = Estate()


def draw_estate(rng: random.Random, firewalls: Sequence[str], bound: Sequence[str]) -> Estate:
    """One in three stories has pairs, one in four is in a vsys, one in seven has a Panorama; `bound`: who may be asked."""
    return Estate(
        rng.choice(("shared", "shared", "shared", "vsys1")),
        tuple(name for name in firewalls if rng.random() < 0.6) if rng.random() < 0.35 else (),
        rng.random() < 0.15,
        tuple((name, rng.choice(("report", "rollback"))) for name in bound if rng.random() < 0.3),
    )


def kinds_of(estate: Estate) -> dict[str, int]:
    """Which events can happen in it, and how often."""
    there = {
        "failover": estate.pairs, "failover_in_a_run": estate.pairs, "ha_trouble": estate.pairs,
        "device_trouble": estate.has_panorama, "device_draft": estate.has_panorama, "wrong_serve": estate.asked,
    }  # fmt: skip
    return {kind: weight for kind, weight in KINDS.items() if there[kind]}


@dataclass
class Watch:
    """A firewall under Panorama: until when its certificate is valid, and the drafts of others on it."""

    device: ManagedDevice
    seen: datetime.datetime | None = None
    drafts: set[str] = field(default_factory=set)


class EstateTale:
    """The estate of a story while it is told. `mark`: these firewalls have trouble for so many nights from now on."""

    def __init__(self, estate: Estate, stage: Stage, mark: Callable[[Sequence[str], int], None]) -> None:
        self.estate = estate
        self.stage = stage
        self._mark = mark
        self.watches: list[Watch] = []
        # Whose predecessors have entries of their own; what each of these services presented last while it was well, a
        # serial number by host; and who answers wrong now.
        self.hosts: set[str] = set()
        self.good: dict[str, int] = {}
        self.wrong: set[str] = set()

    def build(self) -> None:
        """Before the first certificate profile is there."""
        for name in self.estate.pairs:
            self.stage.pair_up(name, f"{name}-b")
        if self.estate.has_panorama:
            put_up(self.stage)
            self.watches = [Watch(device) for device in devices_of(self.stage)]

    def serve_check(self, site: str) -> dict[str, object]:
        """The key `serve_check` of a profile whose service is asked; nothing for others."""
        on_wrong = dict(self.estate.asked).get(site)
        return {"serve_check": {"endpoints": [f"{site}.example.com:443"], "on_wrong": on_wrong}} if on_wrong else {}

    def open_service(self, site: str, firewall: str, profile: str, has_predecessor: bool) -> None:
        """The service of a site answers from now on. `has_predecessor`: a successor does not replace it in its entry."""
        host = f"{site}.example.com"
        services_of(self.stage).add(host, firewall, profile)
        self.hosts |= {host} if has_predecessor else set()

    # --- events ------------------------------------------------------------------------------------------------------

    def begin(self, event: Event, rng: random.Random, later: Callable[[Callable[[], None]], None]) -> str:
        """Something begins; `later`: what ends it. The words of the diary."""
        return str(getattr(self, f"_{event.kind}")(event, rng, later))

    def _pair(self, rng: random.Random) -> tuple[str, HaPair]:
        name = rng.choice(self.estate.pairs)
        pair = self.stage.firewalls[name].ha
        assert pair is not None
        return name, pair

    def _failover(self, event: Event, rng: random.Random, later: object) -> str:
        """Between two runs, and for good."""
        name, pair = self._pair(rng)
        pair.failover()
        self._mark([name], 1)
        return name

    def _failover_in_a_run(self, event: Event, rng: random.Random, later: Callable[[Callable[[], None]], None]) -> str:
        """Before any request of the next run; people fail back some nights later."""
        name, pair = self._pair(rng)
        number, before = rng.randint(1, 60), pair.active
        rule = Rule("(fw|scm) .*", fails_over_before(number, lambda _: pair))
        self.stage.rules.append(rule)

        def undo() -> None:
            if rule in self.stage.rules:
                self.stage.rules.remove(rule)
            if pair.active is not before:
                pair.failover()

        later(undo)
        self._mark([name], event.nights)
        return f"{name} before request {number}"

    def _ha_trouble(self, event: Event, rng: random.Random, later: Callable[[Callable[[], None]], None]) -> str:
        name, pair = self._pair(rng)
        unit = rng.choice(pair.units)
        troubles: dict[str, Callable[[], object]] = {
            "both active": pair.split,
            "none active": lambda: pair.split("passive"),
            "in no known state": lambda: pair.split("engaged"),
            f"{unit.name} suspended": lambda: pair.suspend(unit),
            f"{unit.name} off": lambda: pair.lose(unit),
            "a synchronisation that never ends": lambda: setattr(pair, "sync_seconds", None),
        }
        words = rng.choice(list(troubles))
        troubles[words]()

        def undo() -> None:
            pair.sync_seconds = 60.0
            pair.restore()

        later(undo)
        self._mark([name], event.nights)
        return f"{name}: {words}"

    def _device_trouble(self, event: Event, rng: random.Random, later: Callable[[Callable[[], None]], None]) -> str:
        device = rng.choice(devices_of(self.stage))
        words = rng.choice(("away", "refuses", "hangs"))
        device.is_connected, device.hangs = words != "away", words == "hangs"
        device.trouble = "the disk is full" if words == "refuses" else None
        later(lambda: in_order(device))
        self._mark([PANORAMA], event.nights)
        return f"{device.firewall.name} {words}"

    def _device_draft(self, event: Event, rng: random.Random, later: Callable[[Callable[[], None]], None]) -> str:
        """Alice has not committed yet what she changes on a firewall under Panorama."""
        watch = rng.choice(self.watches)
        firewall, name = watch.device.firewall, f"draft-{event.night}"
        path = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
        firewall.change_as("alice", path, f"<entry name='{name}'><ip-netmask>192.0.2.7/32</ip-netmask></entry>")
        watch.drafts.add(name)

        def undo() -> None:
            with firewall.settled():
                mine = [c.path for c in firewall.configuration.pending() if "alice" in c.admins]
                firewall.configuration.revert(mine)
            watch.drafts.clear()

        later(undo)
        return f"{firewall.name} {name}"

    def _wrong_serve(self, event: Event, rng: random.Random, later: Callable[[Callable[[], None]], None]) -> str:
        """A service answers wrong, from now on or from the next commit on."""
        services = services_of(self.stage).by_host
        if not services:
            return "nothing"
        host = rng.choice(sorted(services))
        service, words = services[host], rng.choice(list(WRONG))
        names = [unit.name for unit in self.stage.units(service.firewall)]
        # What a data plane does concerns all services of its firewall.
        beside = {name for name, other in services.items() if other.firewall == service.firewall}
        hosts = {host} if words == "nobody" else beside

        def go_wrong() -> None:
            self.wrong |= hosts
            service.is_down = words == "nobody"
            for name in names:
                self.stage.switch_panos(name, **WRONG[words])

        def act(call: Call, handle: Handle) -> Answer:
            go_wrong()
            return handle(call.request)

        rules = [Rule("fw commit", act, peer=name) for name in names] if rng.random() < 0.6 else []
        self.stage.rules += rules
        if not rules:
            go_wrong()

        def undo() -> None:
            self.stage.rules[:] = [rule for rule in self.stage.rules if rule not in rules]
            self.wrong -= hosts
            mend_service(self.stage, service)

        later(undo)
        self._mark([service.firewall], event.nights)
        return f"{host}: {words}{' from the next commit on' if rules else ''}"

    # --- the observer ------------------------------------------------------------------------------------------------

    def look(self, may_expire: bool) -> set[int]:
        """Judge the firewalls under Panorama; the serial numbers of what they hold with its key."""
        serials: set[int] = set()
        for watch in self.watches:
            firewall = watch.device.firewall
            held = [view for view in firewall.certificates(running=True).values() if view.leaf and view.has_key]
            serials |= {view.leaf.serial_number for view in held if view.leaf}
            last = max((view.leaf.not_valid_after_utc for view in held if view.leaf), default=None)
            self._judge(watch, last, may_expire)
            drafts = {name for name in watch.drafts if _runs_with(firewall, name)}
            if drafts:
                self.stage.problem(
                    f"a push committed what alice had not committed on {firewall.name}: {sorted(drafts)}"
                )
        self._look_at_services()
        return serials

    def _look_at_services(self) -> None:
        """What a service presented while it was well stays on the firewall until it is well again."""
        for host, service in services_of(self.stage).by_host.items() if self.estate.asked else ():
            held = self.stage.serials_in_service(self.stage.unit(service.firewall).name)
            if host not in self.wrong:
                serial = self.stage.served(service.firewall, service.profile).serial
                self.good.update({host: serial} if serial is not None else {})
            elif host in self.hosts and self.good.get(host) not in (None, *held):
                self.stage.problem(f"the predecessor of what {host} does not serve yet is gone")

    def is_loaded(self, firewall: str) -> None:
        """Somebody loaded another configuration into a firewall: what was there before may be gone."""
        for host, service in services_of(self.stage).by_host.items() if self.estate.asked else ():
            if service.firewall == firewall:
                self.good.pop(host, None)

    def _judge(self, watch: Watch, last: datetime.datetime | None, may_expire: bool) -> None:
        now, place = self.stage.clock.now(), watch.device.firewall.name
        if watch.seen is not None and last is None:
            self.stage.problem(f"{place} holds no certificate any more")
        elif last is not None and last <= now and not may_expire:
            self.stage.problem(f"all certificates on {place} have expired")
        watch.seen = last or watch.seen


def _runs_with(firewall: Firewall, name: str) -> bool:
    with firewall.settled():
        return f'name="{name}"' in tostring(firewall.configuration.running, encoding="unicode")


__all__ = ["MANAGED_SITE", "STANDALONE", "Estate", "EstateTale", "draw_estate", "kinds_of"]
