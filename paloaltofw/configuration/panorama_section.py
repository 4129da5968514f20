"""Reads `type` and `panorama` of a firewall profile."""

from __future__ import annotations

import re

from paloaltofw.configuration.names import panos_name
from paloaltofw.configuration.rules import BadValue, one_of, takes, text_schema
from paloaltofw.configuration.yaml_document import Section
from paloaltofw.model.panorama import PanoramaTarget

KINDS = ("firewall", "panorama")
_SERIAL = r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}"


@takes(text_schema(_SERIAL))
def serial_number(text: str) -> str:
    """A rule: the serial number of a device."""
    if not re.fullmatch(_SERIAL, text):
        raise BadValue(f"{text!r} is not a serial number", "letters and digits, in quotes, as Panorama shows it")
    return text


def read_panorama(document: Section, vsys: str) -> PanoramaTarget | None:
    """Where on a Panorama certificates are; None for a firewall, or with the problem recorded."""
    kind = document.value_or("type", one_of(*KINDS), KINDS[0])
    section = document.section("panorama")
    template, stack = section.value("template", panos_name), section.value("template_stack", panos_name)
    push = section.section("push")
    stacks, devices = push.values("template_stacks", panos_name), push.values("devices", serial_number)
    push.close()
    section.close()
    if kind != "panorama":
        if template or stack:
            document.refuse("panorama", "is for a Panorama only", "write type: panorama, or remove it")
        return None
    if section.has("template") == section.has("template_stack"):
        document.refuse("panorama", "needs exactly one of template and template_stack", "name where certificates are")
        return None
    if vsys != "shared":
        # An import lands in the template's shared place whatever vsys is named (PAN-257229, panos.md §7).
        document.refuse("vsys", "is not possible in a template", "certificates of a template are shared: remove it")
    if document.has("ha_peer"):
        what, remedy = "is not possible with a Panorama: its jobs are each unit's own", "name the active unit in url"
        document.refuse("ha_peer", what, remedy)
    if stack is not None and set(stacks) - {stack}:
        document.refuse("panorama", f"only the stack {stack} itself holds its certificates", "leave push out")
    return PanoramaTarget(template or "", stack or "", stacks, devices)
