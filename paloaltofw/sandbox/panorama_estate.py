"""A Panorama with two templates, a stack of both, and two firewalls in it: `sandbox --serve --with panorama`."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from paloaltofw.sandbox.base.clock import Clock
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.panorama.device import Panorama
from paloaltofw.sandbox.panos.panorama.service import PanoramaSite
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.service import PanosSite
from paloaltofw.sandbox.panos.switches import Latencies, PanosSwitches, Role

PANORAMA, TEMPLATES, STACK, MANAGED = "panorama", ("edge", "base"), "edge-stack", ("fw-managed-1", "fw-managed-2")
PROFILE = "panorama-web"
# Whoever tries it wants to see a certificate made: the default of the switch lets none be made in a template.
USEFUL = PanoramaSwitches(generate_under_target="template")


@dataclass
class PanoramaEstate:
    """The devices, before anything listens for them."""

    clock: Clock
    switches: PanosSwitches
    latencies: Latencies
    panorama_switches: PanoramaSwitches = USEFUL
    panorama: Panorama = field(init=False)
    firewalls: dict[str, Firewall] = field(init=False)
    # Of the agent's administrator.
    password: str = field(init=False)

    def __post_init__(self) -> None:
        self.panorama = Panorama(PANORAMA, self.clock, self.switches, self.latencies, panorama=self.panorama_switches)
        for template in TEMPLATES:
            self.panorama.add_template(template)
        self.panorama.add_stack(STACK, list(TEMPLATES))
        self.firewalls = {name: Firewall(name, self.clock, self.switches, self.latencies) for name in MANAGED}
        for firewall in self.firewalls.values():
            self.panorama.manage(firewall, STACK)
        self.password = secrets.token_urlsafe(12)

    def add_admins(self, agent: str, role: Role, people: tuple[str, ...]) -> None:
        """The agent's administrator is Panorama's alone; people are on every device."""
        self.panorama.add_admin(agent, self.password, replace(role, may_commit_for_others=False))
        for device in (self.panorama, *self.firewalls.values()):
            for person in people:
                device.add_admin(person, secrets.token_urlsafe(12))

    def sites(self) -> Iterator[tuple[str, PanosSite]]:
        """What answers for each device."""
        yield PANORAMA, PanoramaSite(self.panorama)
        for name, firewall in self.firewalls.items():
            yield name, PanosSite(firewall)

    @staticmethod
    def profile_keys() -> dict[str, object]:
        """What a firewall profile says beside address and credentials."""
        return {"type": "panorama", "panorama": {"template": TEMPLATES[0]}}
