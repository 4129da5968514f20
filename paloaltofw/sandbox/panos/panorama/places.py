"""Where things are in a Panorama's configuration (panos.md §6)."""

from __future__ import annotations

from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import text_of
from paloaltofw.sandbox.panos.configuration import DEVICE, place_of
from paloaltofw.sandbox.panos.references import PANORAMA
from paloaltofw.sandbox.panos.xpath import Step, Xpath, find, find_all

__all__ = ["PANORAMA", "TEMPLATE", "TEMPLATE_STACK"]

TEMPLATE, TEMPLATE_STACK = "template", "template-stack"
DEVICES: Xpath = (Step("config"), Step("devices"), DEVICE)
MANAGED: Xpath = (Step("config"), Step("mgt-config"), Step("devices"))


def template(name: str) -> Xpath:
    return (*DEVICES, Step(TEMPLATE), Step("entry", name=name))


def stack(name: str) -> Xpath:
    return (*DEVICES, Step(TEMPLATE_STACK), Step("entry", name=name))


def inside(owner: Xpath, vsys: str = "shared") -> Xpath:
    """The shared place, or that of a vsys, in a template or a template stack."""
    return (*owner, *place_of(vsys))


def in_template(name: str, vsys: str = "shared") -> Xpath:
    """Where a template holds certificates and profiles."""
    return inside(template(name), vsys)


def in_stack(name: str, vsys: str = "shared") -> Xpath:
    """Where a template stack holds certificates and profiles."""
    return inside(stack(name), vsys)


def named(root: Element, name: str) -> Xpath | None:
    """The template or template stack of this name."""
    return next((path for path in (template(name), stack(name)) if find(root, path) is not None), None)


def names(root: Element, kind: str) -> list[str]:
    """All templates, or all template stacks."""
    return [entry.get("name", "") for entry in find_all(root, (*DEVICES, Step(kind), Step("entry")))]


def templates_of(root: Element, stack_name: str) -> list[str]:
    """The templates of a template stack, the strongest first."""
    return [text_of(member) for member in find_all(root, (*stack(stack_name), Step("templates"), Step("member")))]


def devices_of(root: Element, owner: Xpath) -> list[str]:
    """Serial numbers of the devices of a template stack, template or device group."""
    return [entry.get("name", "") for entry in find_all(root, (*owner, Step("devices"), Step("entry")))]


def stack_of(root: Element, serial: str) -> str | None:
    """The template stack that a device belongs to."""
    stacks = names(root, TEMPLATE_STACK)
    return next((name for name in stacks if serial in devices_of(root, stack(name))), None)
