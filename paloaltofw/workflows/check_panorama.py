"""What `check` proves of a Panorama: template, stacks, devices; and what a user must know of this mode."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from paloaltofw.errors import PlanBlocked
from paloaltofw.execution.push import stacks_of
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
    stacks = client.template_stacks()
    is_there = target.template in client.templates() or any(stack.name == target.template_stack for stack in stacks)
    if not is_there:
        raise PlanBlocked(f"there is no {target.words.removeprefix('the ')}", remedy="correct panorama in the profile")
    found = [stack.name for stack in stacks_of(target, stacks)]
    missing = sorted(set(target.push_stacks) - set(found))
    if missing or not found:
        what = f"the template stack {missing[0]} does not hold it" if missing else "no template stack holds it"
        raise PlanBlocked(what, remedy="correct panorama.push in the profile, or the stack on Panorama")
    return f"{target.words} is there; pushed to {', '.join(found)}"


def _devices(client: PanoramaClient, target: PanoramaTarget) -> str:
    members = {serial for stack in stacks_of(target, client.template_stacks()) for serial in stack.devices}
    strange = sorted(set(target.push_devices) - members)
    if strange:
        raise PlanBlocked(
            f"the device {strange[0]} is in no stack that is pushed", remedy="correct panorama.push.devices"
        )
    wanted = set(target.push_devices) or members
    connected = {device.serial: device for device in client.managed_devices() if device.is_connected}
    away = sorted(wanted - connected.keys())
    if away:
        what = f"{', '.join(away)} {'is' if len(away) == 1 else 'are'} not connected"
        raise PlanBlocked(what, remedy="nothing can be pushed to it before; the other devices get what there is")
    return f"connected: {', '.join(connected[serial].words for serial in sorted(wanted)) or 'there are none'}"


def _limits(client: PanoramaClient) -> str:
    version = client.version().version
    match = re.match(r"(\d+)\.(\d+)", version)
    if match and (int(match[1]), int(match[2])) >= LIMITED_SINCE:
        return "are limited to the administrator's own changes"
    return f"PAN-OS {version or '?'} may not limit them: what others have committed and not pushed yet would go along"
