"""A simulated clock drives nightly runs for a fleet through 400 days, with outages. Nothing expires, nothing is wasted."""

from __future__ import annotations

import collections
import datetime
import email.utils
import math
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from paloaltofw.configuration import loader
from paloaltofw.execution import run
from paloaltofw.execution.context import Run
from paloaltofw.lifecycle.inputs import RunRequest
from paloaltofw.reporting.report import exit_code
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.scm.orders import Account
from paloaltofw.sandbox.tour import begin_peoples_work
from paloaltofw.sandbox.world import World, WorldOptions, certificate_profile
from paloaltofw.storage.store import Store

DAYS = 400
LIFETIMES = (200, 100, 47)
FIREWALLS = tuple(f"fw-{number}" for number in range(5))
CERTIFICATES = 50
FIREWALL_DOWN = ("fw-2", range(120, 127))
SCM_DOWN = range(260, 263)
# The window is at most one third plus the spread of one twentieth (lifecycle.py).
LATEST_SHARE = 1 - 1 / 3
EARLIEST_SHARE = LATEST_SHARE - 1 / 20


class SimulatedClock:
    """The world's clock, which the agent's waits advance."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock

    def now(self) -> datetime.datetime:
        return self._clock.now()

    def monotonic(self) -> float:
        return self._clock.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self._clock.advance(seconds)


def hang_up(request: Request, handle: object) -> Answer:
    raise Cut


def unavailable(request: Request, handle: object) -> Answer:
    return Answer(503, b"<html>maintenance</html>", "text/html")


def expired(firewall: Firewall, name: str, now: datetime.datetime) -> bool:
    """Whether no certificate of a series is valid in the running configuration."""
    series = (name, *(f"{name}-{n}" for n in range(2, 40)))
    held = firewall.certificates(running=True)
    leaves = [held[entry].leaf for entry in series if entry in held]
    return not any(leaf is not None and leaf.not_valid_after_utc > now for leaf in leaves)


@pytest.mark.sweep
def test_a_year_in_a_minute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, figures: Callable[[str], None]) -> None:
    monkeypatch.setattr(run, "MAX_THREADS", 1)  # so that the simulated time is the same in every run
    start = datetime.datetime.now(datetime.timezone.utc).replace(hour=2, minute=17, second=0, microsecond=0)
    clock = ManualClock(start)
    # The peers' clocks go with the simulated time too: the agent compares them with its own before it orders.
    monkeypatch.setattr(
        BaseHTTPRequestHandler, "date_time_string", lambda *_: email.utils.format_datetime(clock.now(), usegmt=True)
    )
    accounts = [Account(f"A{days}", f"id-{days}", "s]ecret", lifetime_days=days) for days in LIFETIMES]
    world = World(WorldOptions(firewalls=FIREWALLS, accounts=accounts), clock)
    lifetimes: dict[str, int] = {}
    profiles = {}
    for number in range(CERTIFICATES):
        name = f"site{number:02}"
        lifetimes[name] = LIFETIMES[number % 3]
        profile = certificate_profile(FIREWALLS[number % 5], f"{name}.example.com")
        profiles[name] = {**profile, "account": f"A{lifetimes[name]}"}
    config = world.write_configuration(tmp_path, profiles)
    for firewall in world.firewalls.values():
        begin_peoples_work(firewall)
    orders_per_night: collections.Counter[int] = collections.Counter()
    failed_nights = 0
    with world:
        for day in range(DAYS):
            clock.advance((start + datetime.timedelta(days=day) - clock.now()).total_seconds())
            name, down = FIREWALL_DOWN
            world.servers[name].interceptor = hang_up if day in down else None
            world.scm_server.interceptor = unavailable if day in SCM_DOWN else None
            before = len(world.scm.orders)
            commits = {name: len(firewall.commits) for name, firewall in world.firewalls.items()}
            configuration = loader.load(config)
            store = Store(configuration.settings.state)
            store.prepare()
            tonight = Run(configuration, RunRequest(enroll=True, renew=True), SimulatedClock(clock), 60.0)
            outcomes = run.execute(tonight, list(configuration.certificates.values()))
            orders_per_night[day] = len(world.scm.orders) - before
            failed_nights += exit_code(outcomes) != 0
            for firewall_name, firewall in world.firewalls.items():
                assert len(firewall.commits) <= commits[firewall_name] + 1, "more than one commit a night"
            if day not in down and day not in SCM_DOWN:
                assert exit_code(outcomes) == 0, [str(o.error) for o in outcomes if o.error]
            for profile_id, profile in profiles.items():
                gone = expired(world.firewalls[str(profile["firewall"])], profile_id, clock.now())
                assert not gone, f"{profile_id} has expired on day {day}"
    report(world, lifetimes, orders_per_night, failed_nights, figures)


def report(
    world: World,
    lifetimes: dict[str, int],
    orders_per_night: collections.Counter[int],
    failed_nights: int,
    figures: Callable[[str], None],
) -> None:
    orders: collections.Counter[str] = collections.Counter()
    for order in world.scm.orders:
        orders[next(name for name in lifetimes if name in order.csr.subject.rfc4514_string())] += 1
    figures(
        f"{CERTIFICATES} certificates on {len(FIREWALLS)} firewalls, {DAYS} nights, {failed_nights} nights with failures"
    )
    for days in LIFETIMES:
        counts = sorted(orders[name] for name, lifetime in lifetimes.items() if lifetime == days)
        fewest = 1 + math.floor((DAYS - 1) / (days * LATEST_SHARE + 1))
        most = 1 + math.ceil(DAYS / (days * EARLIEST_SHARE - 1))
        figures(
            f"  {days:3} days: {counts[0]} to {counts[-1]} orders a certificate (the window allows {fewest} to {most})"
        )
        assert fewest <= counts[0]
        assert counts[-1] <= most
    renewals = {day: count for day, count in orders_per_night.items() if day > 0 and count}
    commits = {name: len(firewall.commits) for name, firewall in world.firewalls.items()}
    figures(f"  {sum(orders.values())} orders; at most {max(renewals.values())} renewals a night; commits {commits}")
    assert max(renewals.values()) <= CERTIFICATES // 3
