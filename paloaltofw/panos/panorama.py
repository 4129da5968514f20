"""The commands and answers of a Panorama, as XML. Pure functions, no I/O.

Source: docs/reference/panos.md, cited as panos.md.
"""

from __future__ import annotations

from collections.abc import Collection
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # builds, parses nothing

from paloaltofw.model.panorama import DeviceResult, ManagedDevice, PushJob
from paloaltofw.panos.commands import add_members, nested, to_xml
from paloaltofw.panos.envelope import Malformed, integer_of, text_of

RESULTS = ("OK", "FAIL", "PEND")
TOLD_CHARACTERS = 2000


def target_command(kind: str = "", name: str = "") -> str:
    """Point this administrator's session at a template or template stack; without a name: at none (panos.md §4)."""
    root, target = nested("set/system/setting/target")
    if name:
        SubElement(SubElement(target, kind), "name").text = name
    else:
        SubElement(target, "none")
    return to_xml(root)


def push_command(stack: str, description: str, admin: str | None, devices: Collection[str]) -> str:
    """A push of one template stack; without devices to all of it, without an administrator everybody's (panos.md §9).

    Values that a firewall has overridden stay as they are, and uncommitted changes there stay uncommitted.
    """
    root, inner = nested("commit-all/template-stack")
    SubElement(inner, "name").text = stack
    SubElement(inner, "description").text = description
    add_members(inner, "admin", [admin] if admin else [])
    SubElement(inner, "force-template-values").text = "no"
    # Left out, everybody's uncommitted changes on the firewalls may go along (panos.md §9).
    SubElement(inner, "merge-with-candidate-cfg").text = "no"
    add_members(inner, "device", sorted(devices))
    return to_xml(root)


def read_devices(result: Element | None) -> tuple[ManagedDevice, ...]:
    """`show devices all`: every managed device. Raises Malformed."""
    holder = result.find("devices") if result is not None else None
    if holder is None:
        raise Malformed("no <devices>")
    return tuple(
        ManagedDevice(serial, text_of(entry, "hostname"), text_of(entry, "connected") == "yes")
        for entry in holder.findall("entry")
        if (serial := text_of(entry, "serial") or entry.get("name", ""))
    )


def read_push_jobs(result: Element | None) -> tuple[PushJob, ...]:
    """Jobs with what became of their devices; entries without an ID are left out (panos.md §3)."""
    found = result.findall("job") if result is not None else []
    return tuple(job for job in map(_push_job, found) if job.id)


def _push_job(element: Element) -> PushJob:
    entries = element.findall("devices/entry")
    return PushJob(
        id=text_of(element, "id"),
        status=text_of(element, "status").upper(),
        result=text_of(element, "result").upper(),
        description=text_of(element, "description"),
        devices=tuple(_device_result(entry) for entry in entries),
        details=_lines(element.find("details")),
        progress=min(max(integer_of(text_of(element, "progress")) or 0, 0), 100),
    )


def _device_result(entry: Element) -> DeviceResult:
    """A device's part. A word that is none of the known ones is no success."""
    word = text_of(entry, "result").upper()
    serial = text_of(entry, "serial-no") or entry.get("name", "")
    details = _lines(entry.find("details/msg/errors")) or _lines(entry.find("details"))
    return DeviceResult(serial, text_of(entry, "devicename"), word if word in RESULTS else "FAIL", details)


def _lines(element: Element | None) -> str:
    texts = (" ".join(text.split()) for text in element.itertext()) if element is not None else ()
    return " / ".join(text for text in texts if text)[:TOLD_CHARACTERS]
