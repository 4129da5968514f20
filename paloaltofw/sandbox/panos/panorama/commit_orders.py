"""What commits on a Panorama ask for: of Panorama itself, and pushes to devices (panos.md §9)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, replace
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import invalid, text_of, unexpected
from paloaltofw.sandbox.panos.commit_orders import DESCRIPTION_LIMIT, CommitOrder, members, parse_commit
from paloaltofw.sandbox.panos.configuration import PendingChange
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.switches import PanosSwitches

# In `<partial>`: what a commit is limited to, each with its way to say "none of these".
_KINDS = (places.TEMPLATE, places.TEMPLATE_STACK, "device-group")


@dataclass(frozen=True)
class PanoramaCommit(CommitOrder):
    """A commit of Panorama's own configuration; `only` names templates, stacks or device groups."""

    only: tuple[tuple[str, tuple[str, ...]], ...] | None = None

    def covers(self, change: PendingChange) -> bool:
        if not super().covers(change):
            return False
        path = change.path
        kind = path[3].tag if len(path) > 4 and path[3].tag in _KINDS else ""
        for limited, names in self.only or ():
            if limited == kind:
                return path[4].name in names
        return True


def parse_panorama_commit(root: Element, switches: PanosSwitches) -> CommitOrder:
    """Understand `<commit>…</commit>` on a Panorama."""
    root = copy.deepcopy(root)
    only: list[tuple[str, tuple[str, ...]]] = []
    partial = root.find("partial")
    for kind in _KINDS:
        for child in partial.findall(kind) if partial is not None else ():
            only.append((kind, members(child, ("commit", "partial", kind))))
            partial.remove(child)  # type: ignore[union-attr]
        for child in partial.findall(f"no-{kind}") if partial is not None else ():
            only.append((kind, ()))
            partial.remove(child)  # type: ignore[union-attr]
    order = parse_commit(root, switches)
    plain = {name: getattr(order, name) for name in CommitOrder.__dataclass_fields__}
    return PanoramaCommit(**plain, only=tuple(only) or None)


@dataclass(frozen=True)
class PushOrder:
    """A parsed `<commit-all>`: what is pushed by kind and name; `devices` and `admins` are None where all are."""

    kind: str
    name: str
    description: str = ""
    admins: tuple[str, ...] | None = None
    devices: tuple[str, ...] | None = None
    is_forced: bool = False
    # None where it is not said.
    is_merging: bool | None = None
    is_validation: bool = False
    with_templates: bool = True


def parse_push(root: Element) -> PushOrder:
    """Understand `<commit-all>…</commit-all>`; refuses what it does not know with code 17."""
    if root.tag != "commit-all" or text_of(root):
        raise unexpected(root.tag)
    if len(root) != 1:
        raise invalid("commit-all")
    kind = root[0]
    path = ("commit-all", kind.tag)
    if kind.tag not in (places.TEMPLATE, places.TEMPLATE_STACK, "shared-policy"):
        raise unexpected(*path)
    order = PushOrder(kind.tag, "", with_templates=kind.tag != "shared-policy")
    for child in kind:
        reader = _ELEMENTS.get(child.tag)
        belongs = child.tag not in _OF_ONE_KIND or (child.tag in _OF_POLICY) == (kind.tag == "shared-policy")
        if reader is None or not belongs or len(kind.findall(child.tag)) > 1:
            raise unexpected(*path, child.tag)
        order = reader(child, order, (*path, child.tag))
    if not order.name:
        raise invalid(*path, why="name is missing")
    return order


_OF_POLICY = ("device-group", "include-template")
_OF_ONE_KIND = ("name", "device", *_OF_POLICY)


def _name(element: Element, order: PushOrder, path: tuple[str, ...]) -> PushOrder:
    if len(element) or not text_of(element):
        raise invalid(*path)
    return replace(order, name=text_of(element))


def _description(element: Element, order: PushOrder, path: tuple[str, ...]) -> PushOrder:
    if len(element) or len(text_of(element)) > DESCRIPTION_LIMIT:
        raise invalid(*path)
    return replace(order, description=text_of(element))


def _device_group(element: Element, order: PushOrder, path: tuple[str, ...]) -> PushOrder:
    entries = list(element)
    if not entries and text_of(element):
        return replace(order, name=text_of(element))  # as pan-python writes it
    if len(entries) != 1 or entries[0].tag != "entry" or not entries[0].get("name"):
        raise invalid(*path)
    devices = tuple(entry.get("name", "") for entry in entries[0].findall("devices/entry"))
    return replace(order, name=entries[0].get("name", ""), devices=devices or None)


def _yes(element: Element, path: tuple[str, ...]) -> bool:
    if len(element) or text_of(element) not in ("yes", "no"):
        raise invalid(*path)
    return text_of(element) == "yes"


_ELEMENTS: dict[str, Callable[[Element, PushOrder, tuple[str, ...]], PushOrder]] = {
    "name": _name,
    "description": _description,
    "device-group": _device_group,
    "admin": lambda element, order, path: replace(order, admins=members(element, path)),
    "device": lambda element, order, path: replace(order, devices=members(element, path)),
    "force-template-values": lambda element, order, path: replace(order, is_forced=_yes(element, path)),
    "merge-with-candidate-cfg": lambda element, order, path: replace(order, is_merging=_yes(element, path)),
    "validate-only": lambda element, order, path: replace(order, is_validation=_yes(element, path)),
    "include-template": lambda element, order, path: replace(order, with_templates=_yes(element, path)),
}
