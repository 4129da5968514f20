"""What `check` proves of a Panorama: template, stacks, devices; and what a user must know of this mode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from paloaltofw.errors import PlanBlocked
from paloaltofw.execution.panorama_target import ensure_devices, ensure_stacks, ensure_template, stacks_of
from paloaltofw.model.panorama import PanoramaTarget
from paloaltofw.panos.panorama_client import PanoramaClient

# From which release on a push can be limited to one administrator's changes (panos.md §9).
LIMITED_SINCE = (10, 2)
Proof = tuple[str, Callable[[], str]]


def panorama_proofs(client: PanoramaClient, target: PanoramaTarget) -> Iterator[Proof]:
    """Each proof with its title."""
    yield "keys", lambda: f"are made on this Panorama, in {target.words}, and pushed: they do not stay on one firewall"
    yield "template", lambda: _template(client, target)
    yield "devices", lambda: _devices(client, target)
    yield "pushes", lambda: _limits(client)


def _template(client: PanoramaClient, target: PanoramaTarget) -> str:
    ensure_template(client, target)
    stacks = ensure_stacks(target, client.template_stacks())
    return f"{target.words} is there; pushed to {', '.join(stack.name for stack in stacks)}"


def _devices(client: PanoramaClient, target: PanoramaTarget) -> str:
    wanted = ensure_devices(target, stacks_of(target, client.template_stacks()))
    connected = {device.serial: device for device in client.managed_devices() if device.is_connected}
    away = sorted(wanted - connected.keys())
    if away:
        what = f"{', '.join(away)} {'is' if len(away) == 1 else 'are'} not connected"
        raise PlanBlocked(what, remedy="nothing can be pushed to it before; the other devices get what there is")
    return f"connected: {', '.join(connected[serial].words for serial in sorted(wanted))}"


def _limits(client: PanoramaClient) -> str:
    version = client.version().version
    match = re.match(r"(\d+)\.(\d+)", version)
    if match and (int(match[1]), int(match[2])) >= LIMITED_SINCE:
        return "are limited to the administrator's own changes"
    return f"PAN-OS {version or '?'} may not limit them: what others have committed and not pushed yet would go along"
