"""What a commit command asks for (panos.md §9)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import invalid, text_of, unexpected
from paloaltofw.sandbox.panos.configuration import PendingChange, vsys_of
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.panos.xpath import Xpath

DESCRIPTION_LIMIT = 512
SHARED_OBJECT, POLICY_AND_OBJECTS, DEVICE_AND_NETWORK = "shared-object", "policy-and-objects", "device-and-network"


@dataclass(frozen=True)
class CommitOrder:
    """A parsed commit. `admins` and `vsys` are None where all are meant."""

    admins: tuple[str, ...] | None = None
    excluded: frozenset[str] = frozenset()
    vsys: tuple[str, ...] | None = None
    description: str = ""
    is_partial: bool = False
    is_forced: bool = False
    is_validation: bool = False

    def covers(self, change: PendingChange) -> bool:
        """Whether a pending change goes along."""
        if self.admins is not None and not set(self.admins) & set(change.admins):
            return False
        if part_of(change.path) in self.excluded:
            return False
        return self.vsys is None or vsys_of(change.path) in self.vsys


def part_of(path: Xpath) -> str:
    """The part of the configuration that a path belongs to, as the exclusions name them."""
    if path[1].tag == "shared":
        return SHARED_OBJECT
    is_in_vsys = len(path) > 3 and path[3].tag == "vsys"
    return POLICY_AND_OBJECTS if is_in_vsys else DEVICE_AND_NETWORK


def parse_commit(root: Element, switches: PanosSwitches) -> CommitOrder:
    """Understand `<commit>…</commit>`; refuses what it does not know with code 17."""
    if root.tag != "commit":
        raise unexpected(root.tag)
    return _read(root, CommitOrder(), ["commit"], switches)


def _read(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    if text_of(element):
        raise invalid(*path)
    for child in element:
        here = [*path, child.tag]
        if child.tag in path or here.count(child.tag) > 1 or len(element.findall(child.tag)) > 1:
            raise unexpected(*here)
        reader = _WRAPPERS.get(child.tag) if path[-1] in ("commit", "validate", "force") else _PARTS.get(child.tag)
        if child.tag == "description":
            reader = _description
        if reader is None:
            raise unexpected(*here)
        order = reader(child, order, here, switches)
    return order


def _partial(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    if order.is_forced and not (path[-2] == "force" and switches.forced_partial == "nested"):
        raise unexpected(*path)
    return _read(element, replace(order, is_partial=True), path, switches)


def _force(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    if order.is_partial:
        raise unexpected(*path)
    return _read(element, replace(order, is_forced=True), path, switches)


def _validation(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    order = replace(order, is_validation=True)
    full = element.find("full")
    if full is not None and len(element) == 1 and not len(full) and not text_of(full):
        return order
    return _read(element, order, path, switches)


def _description(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    position = "partial_only" if path[-2] == "partial" else "direct_only"
    if switches.commit_description not in ("both", position) or path[-2] not in ("commit", "partial"):
        raise unexpected(*path)
    text = text_of(element)
    if len(element) or not text or len(text) > DESCRIPTION_LIMIT:
        raise invalid(*path)
    return replace(order, description=text)


def _admins(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    return replace(order, admins=members(element, path))


def _vsys(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    return replace(order, vsys=(*(order.vsys or ()), *members(element, path)))


def _no_vsys(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    if len(element) or text_of(element):
        raise invalid(*path)
    return replace(order, vsys=(*(order.vsys or ()), "shared"))


def _exclusion(element: Element, order: CommitOrder, path: list[str], switches: PanosSwitches) -> CommitOrder:
    if len(element) or text_of(element) != "excluded":
        raise invalid(*path)
    return replace(order, excluded=order.excluded | {element.tag})


def members(element: Element, path: Sequence[str]) -> tuple[str, ...]:
    """The texts of a list of members, which may not be empty."""
    for child in element:
        if child.tag != "member" or len(child):
            raise unexpected(*path, child.tag)
    found = tuple(text_of(child) for child in element)
    if not found or not all(found) or text_of(element):
        raise invalid(*path)
    return found


Reader = Callable[[Element, CommitOrder, list[str], PanosSwitches], CommitOrder]
_WRAPPERS: dict[str, Reader] = {
    "partial": _partial,
    "force": _force,
    "validate": _validation,
}
_PARTS: dict[str, Reader] = {
    "admin": _admins,
    "vsys": _vsys,
    "no-vsys": _no_vsys,
    SHARED_OBJECT: _exclusion,
    POLICY_AND_OBJECTS: _exclusion,
    DEVICE_AND_NETWORK: _exclusion,
}
