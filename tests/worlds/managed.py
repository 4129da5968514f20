"""A Panorama with two firewalls in one stack, in a world without sockets."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from paloaltofw.sandbox.panorama_estate import PANORAMA, TEMPLATES, PanoramaEstate
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice
from paloaltofw.sandbox.panos.panorama.service import PanoramaSite
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.switches import SUPERUSER, Latencies, PanosSwitches
from paloaltofw.sandbox.panos.xpath import Step, to_text
from paloaltofw.sandbox.world import AGENT_ADMIN, PEOPLE, write_yaml
from tests.worlds.stage import SkewedClock, Stage
from tests.worlds.wire import Peer

HOST = "192.0.2.200"
ESTATES: WeakKeyDictionary[Stage, PanoramaEstate] = WeakKeyDictionary()


def put_up(stage: Stage, **switches: Any) -> PanoramaEstate:
    """Add a Panorama, which makes keys in its templates, and the firewall profile that leads to it."""
    clock = SkewedClock(stage.clock)
    made = PanoramaSwitches(**{"generate_under_target": "template", **switches})
    estate = PanoramaEstate(clock, PanosSwitches(), Latencies(), made)
    estate.add_admins(AGENT_ADMIN, SUPERUSER, PEOPLE)
    panorama, ESTATES[stage] = estate.panorama, estate
    stage.firewalls[PANORAMA], stage.clocks[PANORAMA], stage.hosts[PANORAMA] = panorama, clock, HOST
    stage.kept_at[PANORAMA] = to_text((*places.in_template(TEMPLATES[0]), Step("certificate")))
    site, key = PanoramaSite(panorama), panorama.api_key(AGENT_ADMIN)
    stage.peers[HOST] = Peer(PANORAMA, lambda request: stage._panos(PANORAMA, site, request), clock.now)
    stage.canaries.add("the API key of the Panorama", key)
    profile = {"url": f"https://{HOST}", "admin": AGENT_ADMIN, "api_key": key, "timeout": 3, "commit_timeout": "10m"}
    write_yaml(stage.folder / f"profiles/firewalls/{PANORAMA}.yaml", {**profile, **estate.profile_keys()})
    return estate


def devices_of(stage: Stage) -> list[ManagedDevice]:
    """Its firewalls."""
    return list(ESTATES[stage].panorama.devices.values())


def in_order(device: ManagedDevice) -> None:
    """The firewall is there again, and well."""
    device.is_connected, device.trouble, device.hangs = True, None, False
