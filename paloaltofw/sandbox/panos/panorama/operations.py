"""Operational commands of a Panorama: a firewall's, and those on templates and managed devices (panos.md §3, §4)."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos import certificate_requests as certificates
from paloaltofw.sandbox.panos.answers import invalid, success, text_element, text_of, unexpected
from paloaltofw.sandbox.panos.locks import COMMIT, CONFIG
from paloaltofw.sandbox.panos.op_requests import COMMANDS, Commands, Handler, Operation, locks_of
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice, Panorama
from paloaltofw.sandbox.panos.xpath import Step, find, find_all

_DEVICE_GROUP = "device-group"


def _panorama(operation: Operation) -> Panorama:
    if not isinstance(operation.firewall, Panorama):
        raise TypeError(operation.firewall)
    return operation.firewall


def _set_target(operation: Operation) -> Answer:
    """set system setting target (panos.md §4)."""
    panorama, path = _panorama(operation), operation.path
    if len(operation.element) != 1 or text_of(operation.element):
        raise invalid(*path)
    kind = operation.element[0]
    if kind.tag == "none" and not len(kind):
        panorama.set_target(None)
        return success()
    is_stack_known = panorama.panorama.target_template_stack == "accepted"
    if kind.tag not in (places.TEMPLATE, *((places.TEMPLATE_STACK,) if is_stack_known else ())):
        raise unexpected(*path, kind.tag)
    given = {child.tag: text_of(child) for child in kind}
    if not given.get("name") or set(given) - {"name", "vsys"} or len(kind) != len(given):
        raise invalid(*path, kind.tag)
    owner = (places.template if kind.tag == places.TEMPLATE else places.stack)(given["name"])
    root = panorama.configuration.candidate
    if find(root, owner) is None:
        raise invalid(*path, kind.tag, "name", why=f"{given['name']} does not exist")
    vsys = given.get("vsys", "")
    if vsys not in ("", "shared") and find(root, places.inside(owner, vsys)) is None:
        raise invalid(*path, kind.tag, "vsys", why=f"{vsys} does not exist")
    panorama.set_target(owner, vsys)
    return success()


def _generate(operation: Operation) -> Answer:
    operation.require_change()
    panorama = _panorama(operation)
    return certificates.generate(panorama, operation.admin, operation.element, panorama.place_to_generate())


def _ha_state(operation: Operation) -> Answer:
    """Without the `group` of a firewall (panos.md §3)."""
    operation.parameters()
    state = _panorama(operation).ha_state
    if state is None:
        return success(text_element("enabled", "no"))
    local = Element("local-info")
    local.append(text_element("state", state))
    peer = Element("peer-info")
    peer.append(text_element("conn-status", "up"))
    return success(text_element("enabled", "yes"), local, peer, text_element("running-sync", "synchronized"))


def _devices(only_connected: bool) -> Handler:
    def answer(operation: Operation) -> Answer:
        operation.parameters()
        holder = Element("devices")
        for device in _panorama(operation).devices.values():
            if device.is_connected or not only_connected:
                holder.append(_device(device))
        return success(holder)

    return answer


def _device(device: ManagedDevice) -> Element:
    firewall, entry = device.firewall, Element("entry", {"name": device.serial})
    # A device that is away is known by its number alone.
    known = {
        "hostname": firewall.name,
        "ip-address": "192.0.2.1",
        "uptime": "1 day, 0:00:00",
        "family": "vm",
        "model": firewall.model,
        "sw-version": firewall.sw_version,
        "multi-vsys": "yes" if firewall.is_multi_vsys else "no",
    }
    fields = {"serial": device.serial, "connected": "yes" if device.is_connected else "no"}
    if device.is_connected:
        fields.update(known)
    entry.extend(text_element(tag, text) for tag, text in fields.items())
    if device.ha_state:
        SubElement(entry, "ha").append(text_element("state", device.ha_state))
    vsys = SubElement(entry, "vsys")
    for name in firewall.vsys_names:
        vsys_entry = SubElement(vsys, "entry", {"name": name})
        vsys_entry.append(text_element("display-name", name))
    return entry


def _device_groups(operation: Operation) -> Answer:
    operation.parameters()
    panorama, holder = _panorama(operation), Element("devicegroups")
    for group in find_all(panorama.configuration.running, (*places.DEVICES, Step(_DEVICE_GROUP), Step("entry"))):
        entry = SubElement(holder, "entry", {"name": group.get("name", "")})
        devices = SubElement(entry, "devices")
        for member in group.findall("devices/entry"):
            device = panorama.devices.get(member.get("name", ""))
            if device is not None:
                devices.append(_device(device))
    return success(holder)


def _commands() -> Commands:
    """The table of a firewall, with what is different here."""
    show, request = dict(COMMANDS["show"]), dict(COMMANDS["request"])  # type: ignore[arg-type]
    show |= {
        "high-availability": {"state": _ha_state, "all": _ha_state},
        "devices": {"all": _devices(only_connected=False), "connected": _devices(only_connected=True)},
        "devicegroups": _device_groups,
        # `<vsys>all</vsys>` is not accepted on Panorama (panos.md §11).
        "config-locks": locks_of(CONFIG),
        "commit-locks": locks_of(COMMIT),
    }
    request["certificate"] = {**request["certificate"], "generate": _generate}  # type: ignore[dict-item]
    return {**COMMANDS, "show": show, "request": request, "set": {"system": {"setting": {"target": _set_target}}}}


PANORAMA_COMMANDS = _commands()
