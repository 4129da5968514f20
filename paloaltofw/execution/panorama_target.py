"""What must hold of the place on a Panorama that a firewall profile names: its template, its stacks, their devices.

A run asks before it changes something, and `check` asks the same.
"""

from __future__ import annotations

from collections.abc import Sequence

from paloaltofw.errors import PlanBlocked
from paloaltofw.model.panorama import PanoramaTarget, TemplateStack
from paloaltofw.panos.panorama_client import PanoramaClient


def ensure_template(client: PanoramaClient, target: PanoramaTarget, where: str = "") -> None:
    """A template that is not there looks like one without certificates; raises PlanBlocked."""
    stacks = {stack.name for stack in client.template_stacks()} if target.template_stack else set()
    if target.template not in client.templates() and target.template_stack not in stacks:
        remedy = "correct panorama in the profile, or the administrator's rights"
        raise PlanBlocked(f"Panorama does not show {target.words}", where, remedy)


def stacks_of(target: PanoramaTarget, known: Sequence[TemplateStack]) -> list[TemplateStack]:
    """The known stacks that hold the target and are meant to be pushed."""
    return [
        stack for stack in known if target.holds(stack) and (not target.push_stacks or stack.name in target.push_stacks)
    ]


def ensure_stacks(target: PanoramaTarget, known: Sequence[TemplateStack], where: str = "") -> list[TemplateStack]:
    """The stacks that are pushed: those that are named, else all that hold the template. Raises PlanBlocked."""
    found = stacks_of(target, known)
    missing = sorted(set(target.push_stacks) - {stack.name for stack in found})
    if missing or not found:
        what = f"the template stack {missing[0]} does not hold {target.words}" if missing else ""
        what = what or f"no template stack holds {target.words}, so nothing can be pushed"
        raise PlanBlocked(what, where, "correct panorama.push in the profile, or the stack on Panorama")
    return found


def ensure_devices(target: PanoramaTarget, stacks: Sequence[TemplateStack], where: str = "") -> set[str]:
    """The serial numbers of all devices that are to have it. Raises PlanBlocked for one that no stack holds."""
    members = {serial for stack in stacks for serial in stack.devices}
    places = ", ".join(stack.name for stack in stacks) or f"the stacks that hold {target.words}"
    strange = sorted(set(target.push_devices) - members)
    if strange:
        what = f"the device {strange[0]} is in none of {places}"
        raise PlanBlocked(what, where, "correct panorama.push.devices in the profile")
    if not members:
        # Also what a role that sees no devices would be told: no reason to call it pushed.
        what = f"Panorama shows no firewall in {places}, so nothing can be pushed"
        raise PlanBlocked(what, where, "see to the stack, or to the administrator's rights")
    return set(target.push_devices) or members
