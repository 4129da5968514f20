"""type=commit&action=all: whether a push is accepted, to which devices it goes, and what it brings (panos.md §9)."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Mapping
from dataclasses import replace
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import (
    INVALID_COMMAND,
    SUCCESS,
    PanosError,
    missing,
    parse_xml,
    success_lines,
    text_element,
    unexpected,
)
from paloaltofw.sandbox.panos.commit_orders import CommitOrder
from paloaltofw.sandbox.panos.commit_requests import require_idle
from paloaltofw.sandbox.panos.configuration import is_same, put
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.commit_orders import PushOrder, parse_push
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice, Panorama
from paloaltofw.sandbox.panos.panorama.push_jobs import DevicePart, PushJob
from paloaltofw.sandbox.panos.switches import Right
from paloaltofw.sandbox.panos.xpath import Step, find


def answer_push(panorama: Panorama, admin: Administrator, parameters: Mapping[str, str]) -> Answer:
    """Answer a commit request with action=all."""
    admin.require(Right.COMMIT, is_change=True)
    if not parameters.get("cmd"):
        raise missing("cmd")
    push = _by_release(panorama, parse_push(parse_xml(parameters["cmd"])))
    panorama.locks.require_commit(admin.name)
    require_idle(panorama)
    job = _enqueue(panorama, admin, push, _devices(panorama, push))
    return success_lines(f"Job enqueued with jobid {job.id}", code=SUCCESS, extra=[text_element("job", str(job.id))])


def _by_release(panorama: Panorama, push: PushOrder) -> PushOrder:
    """`admin` in a push is of 10.2 and later; other elements are taken as the switches say."""
    rule = panorama.panorama.push_of_admin
    if push.admins and (rule == "unexpected" or (rule == "by_release" and panorama.release < (10, 2))):
        raise unexpected("commit-all", push.kind, "admin")
    if push.kind == places.TEMPLATE and panorama.panorama.push_of_template == "refused":
        raise unexpected("commit-all", push.kind)
    says_merge = push.is_merging is not None and push.kind == places.TEMPLATE_STACK
    if says_merge and panorama.panorama.push_of_merge == "unexpected":
        raise unexpected("commit-all", push.kind, "merge-with-candidate-cfg")
    is_merging = panorama.panorama.push_merges_unasked if push.is_merging is None else push.is_merging
    return replace(push, is_merging=is_merging)


def _devices(panorama: Panorama, push: PushOrder) -> list[ManagedDevice]:
    """The devices of a push: all that belong to what is pushed, or those that it names."""
    members = _members(panorama.configuration.running, push)
    if members is None:
        raise _not_valid(push, "name", push.name)
    for serial in push.devices or ():
        if serial not in members:
            raise _not_valid(push, "device", serial)
    chosen = [panorama.devices[serial] for serial in push.devices or members if serial in panorama.devices]
    away = [device.serial for device in chosen if not device.is_connected]
    if away and panorama.panorama.push_to_disconnected == "refused":
        raise PanosError(
            *(f"{serial} not connected" for serial in away), code=panorama.panorama.target_not_connected_code
        )
    is_silent = panorama.panorama.push_to_disconnected == "left_out"
    return [device for device in chosen if device.is_connected or not is_silent]


def _members(root: Element, push: PushOrder) -> list[str] | None:
    """The serial numbers of all devices of what is pushed; None where there is no such thing."""
    owner = {
        places.TEMPLATE: places.template(push.name),
        places.TEMPLATE_STACK: places.stack(push.name),
        "shared-policy": (*places.DEVICES, Step("device-group"), Step("entry", name=push.name)),
    }[push.kind]
    if find(root, owner) is None:
        return None
    serials = places.devices_of(root, owner)
    if push.kind == places.TEMPLATE:
        for stack in places.names(root, places.TEMPLATE_STACK):
            if push.name in places.templates_of(root, stack):
                serials += places.devices_of(root, places.stack(stack))
    return list(dict.fromkeys(serials))


def _not_valid(push: PushOrder, tag: str, name: str) -> PanosError:
    return PanosError(f" commit-all -> {push.kind} -> {tag} '{name}' is not a valid reference", code=INVALID_COMMAND)


def _enqueue(panorama: Panorama, admin: Administrator, push: PushOrder, devices: list[ManagedDevice]) -> PushJob:
    """Add the job, and what each device will get: the running configuration of now."""
    switches, now = panorama.panorama, panorama.clock.now()
    start = panorama.jobs.free_from(now)
    own_end = start + datetime.timedelta(seconds=panorama.push_seconds)
    parts = [
        DevicePart(device, content_for(panorama, device, push.admins), own_end,
                   own_end + datetime.timedelta(seconds=device.push_seconds))
        for device in devices
    ]  # fmt: skip
    is_first = switches.push_ends_before_devices and switches.push_result == "ok"
    end = own_end if is_first else max([own_end, *(part.end for part in parts)])
    order = CommitOrder(admins=push.admins, description=push.description)
    job = PushJob(
        panorama.jobs.next_id(), admin.name, order, {}, 0, now, start, end, panorama=panorama, push=push, parts=parts
    )
    panorama.jobs.add(job)
    panorama.pushes.append(job)
    return job


def content_for(panorama: Panorama, device: ManagedDevice, admins: tuple[str, ...] | None) -> Element:
    """The running configuration, or with `admins` only what these have committed since the last push to this device."""
    root = copy.deepcopy(panorama.configuration.running)
    if admins is None or panorama.panorama.push_of_admin == "ignored":
        return root
    for path, owners in panorama.committed_by.items():
        before = find(device.pushed, path) if device.pushed is not None else None
        if not set(admins) & set(owners) and not is_same(before, find(root, path)):
            put(root, path, before)
    return root
