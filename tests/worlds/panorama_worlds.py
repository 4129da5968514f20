"""Worlds with a Panorama: two firewalls in one stack, and whatever is between them and their certificate."""

from __future__ import annotations

from typing import Any

from paloaltofw.sandbox.panorama_estate import PANORAMA
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from tests.worlds import managed as panoramas
from tests.worlds.managed import ESTATES, devices_of
from tests.worlds.play import COMMON_NAME, NAME, Scene, World
from tests.worlds.stage import Stage


def managed(away: bool = False, trouble: str | None = None, hangs: bool = False, **switches: Any) -> Scene:
    """A Panorama with a certificate profile; the second of its firewalls is away, or in trouble."""

    def setup(stage: Stage) -> None:
        panoramas.put_up(stage, **switches)
        stage.add_profile(NAME, COMMON_NAME, PANORAMA, bound=None)
        device = devices_of(stage)[1]
        device.is_connected, device.trouble, device.hangs = not away, trouble, hangs

    return setup


def in_order(stage: Stage) -> None:
    """The second firewall is there again, and well."""
    panoramas.in_order(devices_of(stage)[1])


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
