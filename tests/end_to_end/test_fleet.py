"""Many firewalls in one run: side by side, each committed once and at its own pace, none asked two things at once."""

from __future__ import annotations

import datetime
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from paloaltofw.model.commit_window import DAYS
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from paloaltofw.sandbox.panos.switches import Latencies
from paloaltofw.sandbox.scm.orders import ScmSwitches
from paloaltofw.sandbox.world import certificate_profile
from tests.end_to_end.harness import ENVIRONMENT, SCRIPT, Scene, WorldOptions, clean_environment
from tests.sweeps import one_in

Handle = Callable[[Request], Answer]
NAMES = [f"fw{number}" for number in range(6)]


class Watch:
    """Sees every request: in which order, and how many at a time."""

    def __init__(self, place: Scene) -> None:
        self.seen: list[tuple[str, str]] = []
        self.now: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.hook: Callable[[str, Request, Handle], Answer] = lambda name, request, handle: handle(request)
        for name, server in (("scm", place.world.scm_server), *place.world.servers.items()):
            server.interceptor = self._interceptor(name)

    def _interceptor(self, name: str) -> Callable[[Request, Handle], Answer]:
        def intercept(request: Request, handle: Handle) -> Answer:
            kinds = {name}
            if "token" not in request.path:  # another one may be asked for while an order is made
                kinds.add(f"{name} {request.method}")
            with self._lock:
                self.seen.append((name, kind(request)))
                self.now.update(kinds)
                self.most |= self.now
            try:
                return self.hook(name, request, handle)
            finally:
                with self._lock:
                    self.now.subtract(kinds)

        return intercept

    def where(self, name: str, what: str) -> list[int]:
        return [number for number, item in enumerate(self.seen) if item == (name, what)]


def kind(request: Request) -> str:
    form = request.form
    if form.get("cmd", "").startswith("<show><jobs><id>"):
        return "job"
    if form.get("type") == "op" and "<generate>" in form.get("cmd", ""):
        return "generate"
    return form.get("type") or request.method


def fleet(
    folder: Path, per_firewall: int = 2, concurrency: int = 64, clock: ManualClock | None = None, **options: Any
) -> Scene:
    certificates = {
        f"{name}-c{number}x": certificate_profile(name, f"c{number}.{name}.example.com")
        for name in NAMES
        for number in range(per_firewall)
    }
    place = Scene(folder, certificates, WorldOptions(firewalls=NAMES, **options), clock=clock)
    change(place.config, concurrency=concurrency)
    for name in NAMES:
        change(firewall_profile(place, name), commit_timeout="20h")
    return place


def change(path: Path, **values: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), **values}), "utf-8")


def firewall_profile(place: Scene, name: str) -> Path:
    return place.folder / f"profiles/firewalls/{name}.yaml"


@pytest.mark.parametrize("concurrency", one_in(3, [2, 1, 64]))
def test_one_commit_each_and_no_firewall_is_asked_two_things_at_once(tmp_path: Path, concurrency: int) -> None:
    clock = ManualClock(datetime.datetime.now(datetime.timezone.utc))
    with fleet(tmp_path, concurrency=concurrency, clock=clock, latencies=Latencies(commit_seconds=60)) as place:
        watch = Watch(place)

        def hook(name: str, request: Request, handle: Handle) -> Answer:
            # Commits end when all are under way: also with one slot, who waits for a job lets the others go on.
            if kind(request) == "job" and all(watch.where(other, "commit") for other in NAMES):
                clock.advance(60)
            return handle(request)

        watch.hook = hook
        done = place.run("run")
        assert (done.code, done.out, done.err) == (0, "", "")
        for name in NAMES:
            firewall = place.world.firewalls[name]
            assert len(firewall.commits) == 1
            assert len([item for item in firewall.certificates(running=True).values() if item.has_key]) == 2
            assert watch.most[name] == 1
            assert len(watch.where(name, "commit")) == 1
        assert len(place.world.scm.orders) == 2 * len(NAMES)
        assert sum(watch.most[name] > 0 for name in NAMES) == len(NAMES)
        assert watch.most["scm POST"] == 1
        assert watch.most["scm"] <= 5
        quiet = Watch(place)
        assert place.run("run").code == 0
        assert Counter(name for name, _ in quiet.seen) == Counter(NAMES)


def test_one_token_for_each_account_and_run(tmp_path: Path) -> None:
    with fleet(tmp_path, scm=ScmSwitches(token_seconds=9_000_000)) as place:  # the agent's time runs quickly here
        tokens: list[str] = []
        watch = Watch(place)

        def hook(name: str, request: Request, handle: Handle) -> Answer:
            if "token" in request.path:
                tokens.append(name)
            return handle(request)

        watch.hook = hook
        assert place.run("run").code == 0
        assert len(tokens) == 1


@pytest.mark.parametrize("trouble", one_in(2, ["dead", "locked", "slow"]))
def test_a_firewall_in_trouble_delays_only_itself(tmp_path: Path, trouble: str) -> None:
    with fleet(tmp_path, per_firewall=1) as place:
        others_done = threading.Event()
        watch = Watch(place)
        change(firewall_profile(place, "fw0"), timeout=20)

        def hook(name: str, request: Request, handle: Handle) -> Answer:
            if name == "fw0" and trouble == "dead":
                raise Cut
            if name == "fw0" and trouble == "slow":
                # The others' work has to end while this one does not answer.
                assert others_done.wait(15), "the others wait for the slow one"
            answer = handle(request)
            if all(place.world.firewalls[other].commits for other in NAMES[1:]):
                others_done.set()
            return answer

        watch.hook = hook
        if trouble == "locked":
            place.world.firewalls["fw0"].lock_as("alice", "commit")
        done = place.run("run", "--json")
        rows = done.profiles
        assert all(rows[f"{name}-c0x"]["state"] == "valid" for name in NAMES[1:])
        if trouble == "slow":
            assert done.code == 0
        else:
            assert done.code == 1
            assert rows["fw0-c0x"]["error"]
            place.world.firewalls["fw0"].unlock_as("alice", "commit") if trouble == "locked" else None
            watch.hook = lambda name, request, handle: handle(request)
            assert place.run("run").code == 0
        assert len(place.world.scm.orders) == len(NAMES)


def test_a_lock_is_respected_before_anything_is_changed(tmp_path: Path) -> None:
    with fleet(tmp_path, per_firewall=1) as place:
        for name in NAMES:
            place.world.firewalls[name].lock_as("alice", "commit")
        done = place.run("run")
        assert done.code == 1
        assert done.err.count("alice holds a commit-lock on shared") == len(NAMES)
        assert not place.world.scm.orders
        assert not any(place.world.firewalls[name].certificates(running=False) for name in NAMES)


def test_busy_wait_is_the_budget_for_other_peoples_locks(tmp_path: Path) -> None:
    with fleet(tmp_path, per_firewall=1) as place:
        watch = Watch(place)
        for name in NAMES:
            change(firewall_profile(place, name), busy_wait=0)
        place.world.firewalls["fw0"].lock_as("alice", "commit")
        assert place.run("run").code == 1
        # The certificates in both configurations, who uses them, the names of every vsys, the HA state, which device, whose
        # key, changes, locks of both kinds: asked once, since there is no time to wait.
        assert len([name for name, _ in watch.seen if name == "fw0"]) <= 10


def closed_window() -> dict[str, object]:
    """A window on another day, whatever day it is, and whatever the time zone."""
    day = (datetime.datetime.now().weekday() + 3) % 7
    return {"days": [DAYS[day]], "hours": "10:00-11:00"}


def test_outside_of_the_commit_window_all_is_prepared_and_nothing_committed(tmp_path: Path) -> None:
    with fleet(tmp_path, per_firewall=1) as place:
        for name in NAMES[:3]:
            change(firewall_profile(place, name), commit_window=closed_window())
        dry = place.run("run", "--dry-run", "--json").profiles
        assert dry["fw0-c0x"]["waits_for"].startswith("the commit window, which opens ")
        done = place.run("run", "--json")
        assert done.code == 3
        assert done.profiles["fw0-c0x"]["state"] == "pending"
        assert done.profiles["fw0-c0x"]["waits_for"].startswith("the commit window, which opens ")
        assert done.profiles["fw3-c0x"]["state"] == "valid"
        assert len(place.world.scm.orders) == len(NAMES)
        for name in NAMES[:3]:
            assert not place.world.firewalls[name].commits
            assert not any(view.leaf for view in place.world.firewalls[name].certificates(running=False).values())
        watch = Watch(place)
        assert place.run("run").code == 3
        assert not any(name == "scm" for name, _ in watch.seen), "what is in hand is not asked for again"
        for name in NAMES[:3]:
            change(firewall_profile(place, name), commit_window={"days": list(DAYS)})
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == len(NAMES)
        assert all(len(place.world.firewalls[name].commits) == 1 for name in NAMES)


def test_pending_orders_take_two_commits_at_most(tmp_path: Path) -> None:
    certificates = {
        name: certificate_profile("fw0", f"{name}.example.com", type_)
        for name, type_ in (("a", "DV"), ("b", "OV"), ("c", "EV"))
    }
    with Scene(tmp_path, certificates, WorldOptions(firewalls=["fw0"], scm=ScmSwitches())) as place:
        assert place.run("run").code == 3
        assert len(place.world.firewalls["fw0"].commits) == 1
        place.world.scm.approve_all()
        assert place.run("run").code == 0
        assert place.run("run").code == 0
        assert len(place.world.firewalls["fw0"].commits) == 2


def test_a_fleet_split_over_two_hosts(tmp_path: Path) -> None:
    """Each host has its own config.yaml and state, and its share of the firewalls; both run at the same time."""
    with fleet(tmp_path, per_firewall=1) as place:
        config = yaml.safe_load(place.config.read_text("utf-8"))
        runs = []
        for number, share in enumerate((NAMES[:3], NAMES[3:])):
            path = place.folder / f"host{number}.yaml"
            path.write_text(yaml.safe_dump({**config, "state": {"path": f"state{number}"}}), "utf-8")
            argv = [sys.executable, str(SCRIPT), "--config", str(path), "run"]
            for name in share:
                argv += ["--firewall", name]
            runs.append(subprocess.Popen(argv, env=clean_environment(**ENVIRONMENT)))
        assert [run.wait() for run in runs] == [0, 0]
        assert len(place.world.scm.orders) == len(NAMES)
        assert all(len(place.world.firewalls[name].commits) == 1 for name in NAMES)
        for number, share in enumerate((NAMES[:3], NAMES[3:])):
            ids = {path.name for path in (place.folder / f"state{number}").glob("*.ids")}
            assert ids == {f"{name}-c0x.ids" for name in share}


def test_ctrl_c_ends_the_work_at_once_and_the_next_run_finishes_it(tmp_path: Path) -> None:
    clock = ManualClock(datetime.datetime.now(datetime.timezone.utc))
    with fleet(tmp_path, per_firewall=1, clock=clock, latencies=Latencies(commit_seconds=3600)) as place:
        watch = Watch(place)
        argv = [sys.executable, str(SCRIPT), "--config", str(place.config), "run"]
        environment = clean_environment(**{**ENVIRONMENT, "PALOALTOAGENT_SANDBOX_PACE": "0.1"})
        run = subprocess.Popen(argv, env=environment, stderr=subprocess.PIPE, text=True)
        committing = threading.Event()

        def hook(name: str, request: Request, handle: Handle) -> Answer:
            if all(watch.where(other, "job") for other in NAMES):
                committing.set()
            return handle(request)

        watch.hook = hook
        try:
            assert committing.wait(30)
            run.send_signal(signal.SIGINT)
            _, told = run.communicate(timeout=10)
        finally:
            run.kill()
        assert run.returncode == -signal.SIGINT
        assert told.strip() == "interrupted; the next run goes on from here"
        assert "interrupted" in place.log
        clock.advance(3600)
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == len(NAMES)
        assert all(len(place.world.firewalls[name].commits) == 1 for name in NAMES)
