"""How a world is played, and what must hold in each."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.worlds.stage import Night, Rule, Stage

NIGHTS = 30
CALM_NIGHTS = 2
NAME, COMMON_NAME = "www", "www.example.com"
Scene = Callable[[Stage], object]


def nothing(stage: Stage) -> None:
    """Nothing happens."""


@dataclass(frozen=True)
class World:
    """One world. `orders`: allowed in all nights; `codes`: the exit codes allowed in them; `tells`: one of these error codes
    must be in the JSON of some night; `says`: a pattern that some night's stderr must match; `never_says`: none may.

    `start`: new (nothing on the firewall), served (a certificate of the agent in service), due (one that is to be
    renewed). `commits`: after each night the keys of all orders that SCM holds are in the running configuration. After the nights everything extraordinary ends (rules, outages, clocks, approvals), `mends` is what people
    do, and `out` are documented commands that are tried in turn; then calm nights must follow.
    """

    title: str
    orders: int = 1
    codes: tuple[int | None, ...] = (0,)
    start: str = "new"
    kind: str = "DV"
    rules: tuple[tuple[Any, ...], ...] = ()
    scene: Scene = nothing
    events: Mapping[int, Scene] = field(default_factory=dict)
    tells: tuple[str, ...] = ()
    says: str = ""
    never_says: str = ""
    ends: tuple[int | None, ...] | None = None
    mends: Scene = nothing
    out: tuple[str, ...] = ()
    out_orders: int | None = None
    keys: int | None = None
    way_out_keys: int | None = None
    commits: bool = True
    profile: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    nights: int = NIGHTS
    may_expire: bool = False
    installs: bool = True
    firewalls: tuple[str, ...] = ("fw",)
    setup: Scene | None = None
    vsys: str = "shared"


class StoryBroken(Exception):
    """The world cannot be played."""


@dataclass
class Verdict:
    """How a world ended."""

    title: str
    orders: int
    allowed: int
    codes: str
    keys: int
    problems: list[str]
    diary: list[str]
    seconds: float = 0.0

    @property
    def holds(self) -> bool:
        return not self.problems


def play(world: World) -> Verdict:
    """Play a world from its beginning to its end."""
    with tempfile.TemporaryDirectory(prefix="world", dir=_quick_folder()) as name:
        stage = Stage(Path(name), world.firewalls, world.kind, world.vsys)
        verdict = Verdict(world.title, 0, world.orders, "", 0, stage.problems, stage.diary)
        started = time.monotonic()
        with stage:
            try:
                _tell(world, stage, verdict)
            except StoryBroken as broken:
                stage.problem(str(broken))
        stage.search_files()
        verdict.seconds = time.monotonic() - started
        return verdict


def _tell(world: World, stage: Stage, verdict: Verdict) -> None:
    _prepare(world, stage)
    _nights(world, stage)
    verdict.orders, verdict.keys = len(stage.orders), stage.keys_made
    verdict.codes = "".join(str(n.code) if n.code is not None else "-" for n in stage.nights)
    _judge(world, stage)
    stage.orders_allowed = max(world.orders, len(stage.orders) + _orders_on_the_way_out(world))
    _way_out(world, stage)


def _orders_on_the_way_out(world: World) -> int:
    """By default one, but none where nothing was ever to be ordered."""
    if world.out_orders is not None:
        return world.out_orders
    return 0 if world.start == "served" and world.orders == 0 and not world.out else 1


def _quick_folder() -> str | None:
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def _prepare(world: World, stage: Stage) -> None:
    (world.setup or _one_profile(world))(stage)
    for section, values in world.settings.items():
        stage.configure(section, **values)
    if world.start != "new":
        _be_born(stage)
        stage.skip({"served": 10, "due": 160, "last": 192}[world.start])
    for watched in stage.watched:
        watched.may_expire = world.may_expire
    stage.count_from_here()
    stage.rules += [Rule(*rule) for rule in world.rules]
    world.scene(stage)
    stage.orders_allowed = world.orders


def _one_profile(world: World) -> Scene:
    return lambda stage: stage.add_profile(NAME, COMMON_NAME, **world.profile)


def _be_born(stage: Stage) -> None:
    approves = stage.account.auto_approve
    stage.account.auto_approve = True
    night = stage.night()
    stage.account.auto_approve = approves
    if night.code != 0 or stage.problems:
        raise StoryBroken(f"the story cannot begin: {night.code} {night.err} {stage.problems}")


def _nights(world: World, stage: Stage) -> None:
    for number in range(1, world.nights + 1):
        if number in world.events:
            world.events[number](stage)
        stage.diary.append(f"night {number}")
        night = stage.night()
        stage.diary.append(f"  -> {night.code} {night.err.strip()[:300]}")
        if world.commits and night.code is not None and (orders := stage.uncommitted_orders()):
            stage.problem(f"the key of order {orders[0]}, which SCM holds, is not committed")
        if night.code not in world.codes:
            stage.problem(f"exit code {night.code}, not one of {world.codes}: {night.err.strip()[:200]}")


def _judge(world: World, stage: Stage) -> None:
    ends = world.ends or world.codes
    if stage.nights[-1].code not in ends:
        stage.problem(f"the last exit code is {stage.nights[-1].code}, not one of {ends}")
    seen = {code for night in stage.nights for code in night.error_codes}
    if world.tells and not seen & set(world.tells):
        stage.problem(f"no night told {' or '.join(world.tells)}, but {sorted(seen)}")
    errors = "\n".join(night.err for night in stage.nights)
    if world.says and not re.search(world.says, errors):
        stage.problem(f"no night said {world.says!r}: {errors.strip()[:200]}")
    if world.never_says and (found := re.search(world.never_says, errors)):
        stage.problem(f"a night said {found[0]!r}")
    most = world.orders + 1 if world.keys is None else world.keys
    if stage.keys_made > most:
        stage.problem(f"{stage.keys_made} keys were made, allowed are {most}")


def become_ordinary(stage: Stage) -> None:
    """Everything extraordinary ends."""
    stage.rules.clear()
    for peer in stage.peers.values():
        peer.down, peer.is_trusted, peer.sends_date = "", True, True
    for clock in (stage.host, stage.scm_clock, *stage.clocks.values()):
        clock.skew *= 0
    for account in stage.accounts.values():
        account.auto_approve, account.refusal, account.age_days, account.lifetime_days = True, None, 0, 200
    stage.scm.approve_all()


def _way_out(world: World, stage: Stage) -> None:
    become_ordinary(stage)
    world.mends(stage)
    keys = stage.keys_made
    stage.diary.append("the way out")
    _settle(stage)
    if world.out and not _is_calm(world, stage):
        for command in world.out:
            stage.person(command)
            _settle(stage)
            if _is_calm(world, stage):
                break
    if world.way_out_keys is not None and stage.keys_made - keys > world.way_out_keys:
        stage.problem(f"the way out made {stage.keys_made - keys} keys, allowed are {world.way_out_keys}")
    _judge_end(world, stage)


def _judge_end(world: World, stage: Stage) -> None:
    reason = _unrest(world, stage)
    if reason:
        stage.problem(f"no way out: {reason}")
    done = stage.agent("status")
    if done.code != 0:
        stage.problem(f"status says {done.code} in the end: {done.err.strip()[:200]}")


def _settle(stage: Stage) -> list[Night]:
    return [stage.night() for _ in range(CALM_NIGHTS)]


def _is_calm(world: World, stage: Stage) -> bool:
    return not _unrest(world, stage)


def _unrest(world: World, stage: Stage) -> str:
    """What is not as it should be on an ordinary night; an empty text if all is well."""
    last = stage.nights[-1]
    if last.code != 0:
        return f"exit code {last.code}: {last.err.strip()[:200]}"
    serials = {order.certificate.serial_number for order in stage.scm.orders if order.certificate}
    for watched in stage.watched:
        served = stage.served(watched.firewall, watched.profile)
        if served.serial is None or served.not_after <= stage.clock.now():
            return f"{watched.profile} serves nothing good"
        if world.installs and served.serial not in serials:
            return f"{watched.profile} does not serve a certificate of SCM"
    return ""
