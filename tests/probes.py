"""Probes of simulated firewalls, in this process and without waiting for keys."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from pathlib import Path

from paloaltofw.model.probe_report import PROBE_PREFIX
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.keystore import KeySpec, PrivateKey, generate_key
from paloaltofw.sandbox.panos.switches import AGENT_ROLE, PanosSwitches, Role
from paloaltofw.sandbox.world import AGENT_ADMIN, certificate_profile
from paloaltofw.workflows.probe import Done, probe
from paloaltofw.workflows.session import Options, Session, open_session
from tests.end_to_end.harness import Scene, WorldOptions

WWW = certificate_profile("fw-edge", "www.example.com")
# How many requests a probe may send: two minutes, where each takes a second.
MOST_REQUESTS = 110


@functools.cache
def _keys(spec: KeySpec) -> Iterator[PrivateKey]:
    """Three keys of each kind, in turn: a key that is made anew is another one."""
    return itertools.cycle(generate_key(spec) for _ in range(3))


def scene(folder: Path, switches: PanosSwitches | None = None, role: Role = AGENT_ROLE) -> Scene:
    """One firewall, and one certificate profile."""
    made = Scene(folder, {"www": WWW}, WorldOptions(["fw-edge"], panos=switches or PanosSwitches(), agent_role=role))
    firewall_of(made).key_source = lambda spec: next(_keys(spec))
    return made


def firewall_of(place: Scene) -> Firewall:
    return place.world.firewalls["fw-edge"]


def session_of(place: Scene) -> Session:
    return open_session(Options(config=str(place.config)), (), ("fw-edge",))


def run_probe(place: Scene) -> Done:
    """A probe, which must leave nothing."""
    done = probe(session_of(place), "fw-edge", lambda text: None)
    assert done.left == ()
    assert_harmless(place)
    return done


def answers(done: Done) -> dict[str, str]:
    return {fact.id: fact.answer for fact in done.report.facts}


def assert_harmless(place: Scene) -> None:
    """No entry, change, commit or order of a probe is there, no note, and only its own names were ever written."""
    firewall = firewall_of(place)
    assert traces(place) == []
    assert firewall.commits == []
    assert place.world.scm.orders == []
    assert not place.state("journal/probes/fw-edge.json").exists()
    for line in firewall.log:
        is_write = line.type == "import" and "certificate" in line.summary
        is_write |= line.type == "op" and "generate" in line.summary
        is_write |= line.type == "config" and not line.summary.startswith(("get", "show"))
        assert not is_write or PROBE_PREFIX in line.summary, line


def traces(place: Scene) -> list[str]:
    """What of a probe is on the firewall: entries of either configuration, and changes of the agent's administrator."""
    firewall = firewall_of(place)
    held = [name for running in (True, False) for name in firewall.certificates(running)]
    mine = [str(change.path) for change in firewall.pending_changes() if AGENT_ADMIN in change.admins]
    return [name for name in held if name.startswith(PROBE_PREFIX)] + mine
