"""A push to managed devices: one job on Panorama, one part for each device, a commit on each (panos.md §9)."""

from __future__ import annotations

import copy
import datetime
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import PanosError, text_element
from paloaltofw.sandbox.panos.commit_jobs import Job, Jobs
from paloaltofw.sandbox.panos.commit_orders import CommitOrder
from paloaltofw.sandbox.panos.configuration import without
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.panorama import layers, places
from paloaltofw.sandbox.panos.panorama.commit_orders import PushOrder
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice, Panorama

BUSY = "Another commit/validate is in progress. Please try again later"


@dataclass
class DevicePart:
    """What a push does to one device. `content` is the Panorama configuration that it brings."""

    device: ManagedDevice
    content: Element
    start: datetime.datetime
    end: datetime.datetime
    result: str = "PEND"
    errors: list[str] = field(default_factory=list)


@dataclass
class ReceivedPush(Job):
    """The job of a push on the device itself."""

    @property
    def kind(self) -> str:
        return "CommitAll"

    @property
    def is_commit(self) -> bool:
        return False


@dataclass
class PushJob(ReceivedPush):
    """The job of a push on Panorama."""

    panorama: Panorama = field(kw_only=True)
    push: PushOrder = field(kw_only=True)
    parts: list[DevicePart] = field(kw_only=True)

    def finish(self, jobs: Jobs) -> None:
        """The job itself has ended; its devices may go on."""
        self.settle(self.end)
        has_failed = any(part.result == "FAIL" for part in self.parts)
        self.result = "FAIL" if has_failed and self.panorama.panorama.push_result == "worst" else "OK"

    def settle(self, now: datetime.datetime) -> None:
        """Carry out the parts whose time is over."""
        if self.result == "LOST":
            return
        for part in self.parts:
            if part.result == "PEND" and part.end <= now and not part.device.hangs:
                part.errors = self._deliver(part)
                part.result = "FAIL" if part.errors else "OK"

    def _deliver(self, part: DevicePart) -> list[str]:
        """Bring it to the device; gives what went wrong."""
        device = part.device
        if not device.is_connected:
            return ["Device is not connected"]
        if device.trouble is not None:
            return [device.trouble, "Commit failed"]
        errors = deliver(self.panorama, device, part.content, self.push)
        if not errors and not self.push.is_validation:
            device.pushed = part.content
        return errors

    def describe(self, element: Element) -> None:
        zone = self.panorama.zone
        holder = SubElement(element, "devices")
        for part in self.parts:
            entry = SubElement(holder, "entry")
            finished = f"{part.end.astimezone(zone):%H:%M:%S}" if part.result != "PEND" else "Still Active"
            fields = {
                "serial-no": part.device.serial,
                "devicename": part.device.firewall.name,
                "result": part.result,
                "status": "ACT" if part.result == "PEND" else "FIN",
                "tstart": f"{part.start.astimezone(zone):%H:%M:%S}",
                "tfin": finished,
            }
            entry.extend(text_element(tag, text) for tag, text in fields.items())
            message = SubElement(SubElement(entry, "details"), "msg")
            errors = SubElement(message, "errors")
            errors.extend(text_element("line", line) for line in part.errors)
            SubElement(message, "warnings")


def deliver(panorama: Panorama, device: ManagedDevice, root: Element, push: PushOrder) -> list[str]:
    """Let a device have what its template stack says, and commit it there; gives message lines of what went wrong."""
    firewall = device.firewall
    stack = places.stack_of(root, device.serial) if push.with_templates else None
    with firewall.settled():
        if firewall.jobs.is_busy:
            return [BUSY]
        try:
            firewall.locks.require_commit("")
        except PanosError as error:
            return list(error.lines)
        layer = layers.layer_of(root, stack, lambda text: device.translate(panorama, text)) if stack else None
        errors = _commit(firewall, layer, push)
        _record(firewall, push, errors)
        if not errors and not push.is_validation:
            for listener in firewall.listeners:
                listener()
        return errors


def _commit(firewall: Firewall, layer: Element | None, push: PushOrder) -> list[str]:
    """The device's candidate stays as it is, unless it is to be merged: then everybody's changes go along."""
    configuration = firewall.configuration
    base = configuration.candidate if push.is_merging else configuration.running
    running, candidate = without(base, template_marks=False), copy.deepcopy(configuration.candidate)
    if layer is not None:
        layers.apply(running, layer, push.is_forced)
        layers.apply(candidate, layer, push.is_forced)
    broken = firewall.jobs.broken(running)
    if broken:
        return [*broken, "Commit failed"]
    if not push.is_validation:
        configuration.replace(running, candidate)
        if layer is not None:
            configuration.refill = lambda root: layers.fill(root, layer)
    return []


def _record(firewall: Firewall, push: PushOrder, errors: list[str]) -> None:
    now, order = firewall.clock.now(), CommitOrder(description=push.description)
    job = ReceivedPush(firewall.jobs.next_id(), "Panorama", order, {}, 0, now, now, now)
    job.result = "FAIL" if errors else "OK"
    job.details += errors or ["Configuration committed successfully"]
    firewall.jobs.add(job)
