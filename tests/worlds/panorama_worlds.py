"""Worlds with a Panorama: two firewalls in one stack, and whatever is between them and their certificate."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from paloaltofw.sandbox.panorama_estate import PANORAMA, PanoramaEstate
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice
from paloaltofw.sandbox.panos.panorama.service import PanoramaSite
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.switches import SUPERUSER, Latencies, PanosSwitches
from paloaltofw.sandbox.world import AGENT_ADMIN, PEOPLE, write_yaml
from tests.worlds.play import COMMON_NAME, NAME, Scene, World
from tests.worlds.stage import SkewedClock, Stage
from tests.worlds.wire import Peer

HOST = "192.0.2.200"
ESTATES: WeakKeyDictionary[Stage, PanoramaEstate] = WeakKeyDictionary()


def managed(away: bool = False, trouble: str | None = None, hangs: bool = False, **switches: Any) -> Scene:
    """A Panorama with a certificate profile; the second of its firewalls is away, or in trouble."""

    def setup(stage: Stage) -> None:
        clock = SkewedClock(stage.clock)
        made = PanoramaSwitches(**{"generate_under_target": "template", **switches})
        estate = PanoramaEstate(clock, PanosSwitches(), Latencies(), made)
        estate.add_admins(AGENT_ADMIN, SUPERUSER, PEOPLE)
        panorama, ESTATES[stage] = estate.panorama, estate
        stage.firewalls[PANORAMA], stage.clocks[PANORAMA], stage.hosts[PANORAMA] = panorama, clock, HOST
        site, key = PanoramaSite(panorama), panorama.api_key(AGENT_ADMIN)
        stage.peers[HOST] = Peer(PANORAMA, lambda request: stage._panos(PANORAMA, site, request), clock.now)
        stage.canaries.add("the API key of the Panorama", key)
        profile = {
            "url": f"https://{HOST}",
            "admin": AGENT_ADMIN,
            "api_key": key,
            "timeout": 3,
            "commit_timeout": "10m",
        }
        write_yaml(stage.folder / f"profiles/firewalls/{PANORAMA}.yaml", {**profile, **estate.profile_keys()})
        stage.add_profile(NAME, COMMON_NAME, PANORAMA, bound=None)
        device = second(stage)
        device.is_connected, device.trouble, device.hangs = not away, trouble, hangs

    return setup


def second(stage: Stage) -> ManagedDevice:
    return list(ESTATES[stage].panorama.devices.values())[1]


def in_order(stage: Stage) -> None:
    """The second firewall is there again, and well."""
    device = second(stage)
    device.is_connected, device.trouble, device.hangs = True, None, False


def makes_keys_in_templates(stage: Stage) -> None:
    """A new release of Panorama."""
    panorama = ESTATES[stage].panorama
    panorama.panorama = PanoramaSwitches(generate_under_target="template")


WORLDS = (
    World("Panorama: one of two firewalls is away for ten nights", setup=managed(away=True), codes=(1,), nights=10,
          tells=("push",), says="is not connected", mends=in_order),
    World("Panorama: a firewall that is away has the whole push refused", nights=10, codes=(1,), tells=("push",),
          setup=managed(away=True, push_to_disconnected="refused"), mends=in_order),
    World("Panorama: one of two firewalls refuses what is pushed", setup=managed(trouble="full"), codes=(1,), nights=10,
          tells=("push",), says="refused it: full", mends=in_order),
    World("Panorama: the push to one of two firewalls never ends", setup=managed(hangs=True), codes=(1,), nights=5,
          tells=("push",), says="has not ended", mends=in_order),
    World("Panorama: keys are made elsewhere", setup=managed(generate_under_target="panorama"), codes=(1,), nights=10,
          orders=0, keys=10, tells=("blocked",), says="did not make the key in the template",
          mends=makes_keys_in_templates),
    World("Panorama: keys are refused in templates", setup=managed(generate_under_target="refused"), codes=(1,),
          nights=10, orders=0, keys=0, tells=("blocked",), says="makes no key in the template",
          mends=makes_keys_in_templates),
    World("Panorama: an OV order that waits", setup=managed(), kind="OV", codes=(3,), nights=5),
)  # fmt: skip
