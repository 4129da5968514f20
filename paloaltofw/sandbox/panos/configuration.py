"""Candidate and running configuration, and the journal of who changed what (panos.md §3, §6, §9)."""

from __future__ import annotations

import contextlib
import copy
import datetime
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import NOT_FOUND, PanosError
from paloaltofw.sandbox.panos.xpath import Step, Xpath, create, find, find_all, remove

DEVICE = Step("entry", name="localhost.localdomain")
SHARED: Xpath = (Step("config"), Step("shared"))
# Entries below these are places that hold objects, not objects.
_TEMPLATES = ("template", "template-stack")
_PLACES = ("devices", "vsys", *_TEMPLATES)
_MARKS = ("admin", "dirtyId", "time")
_TEMPLATE_MARKS = ("src", "ptpl")
Objects = Mapping[Xpath, "Element | None"]
# `shared`, the name of a vsys, or the node itself that holds certificates.
Place = str | Xpath


@dataclass(frozen=True)
class ChangeRecord:
    """One administrator's change of one object. `written` is the path of the request that made it."""

    sequence: int
    path: Xpath
    owner: str
    written: Xpath

    def path_at(self, level: str) -> Xpath:
        """The path that the journal gives."""
        if level == "object":
            return self.path
        container = self.path[:-1] if self.path[-1].tag == "entry" else self.path
        return container if level == "container" else self.written or container


@dataclass(frozen=True)
class PendingChange:
    """An object whose candidate differs from the running configuration. `owner` changed it last."""

    path: Xpath
    action: str
    owner: str
    admins: tuple[str, ...]


def place_of(vsys: Place) -> Xpath:
    """The node that holds the certificates of shared or of a vsys (panos.md §6)."""
    if not isinstance(vsys, str):
        return vsys
    if vsys == "shared":
        return SHARED
    return (Step("config"), Step("devices"), DEVICE, Step("vsys"), Step("entry", name=vsys))


def vsys_of(path: Xpath) -> str:
    """The vsys that a path lies in, or shared."""
    inner = path[len(owner_of(path)) :]
    is_in_vsys = len(inner) > 4 and inner[3].tag == "vsys" and inner[4].name
    return inner[4].name or "shared" if is_in_vsys else "shared"


def owner_of(path: Xpath) -> Xpath:
    """The template or template stack whose configuration a path lies in; empty where it is the device's own."""
    is_inside = len(path) > 5 and path[3].tag in _TEMPLATES and path[5].tag == "config"
    return path[:5] if is_inside else ()


def is_same(one: Element | None, other: Element | None) -> bool:
    """Whether two nodes configure the same."""
    if one is None or other is None:
        return one is other
    if one.tag != other.tag or one.get("name") != other.get("name") or len(one) != len(other):
        return False
    if (one.text or "").strip() != (other.text or "").strip():
        return False
    return all(is_same(left, right) for left, right in zip(one, other, strict=True))


def objects(root: Element) -> dict[Xpath, Element]:
    """Every object: named entries, and outside of these values and lists."""
    gathered: dict[Xpath, Element] = {}
    _gather(root, (Step(root.tag),), gathered)
    return gathered


def _gather(element: Element, path: Xpath, gathered: dict[Xpath, Element]) -> None:
    is_object = element.tag == "entry" and not _is_place(element, path)
    if is_object or element.find("member") is not None or (not len(element) and (element.text or "").strip()):
        gathered[path] = element
        return
    for child in element:
        _gather(child, (*path, Step(child.tag, name=child.get("name"))), gathered)


def _is_place(element: Element, path: Xpath) -> bool:
    """A device of a template stack is an object, and so is whatever holds nothing yet."""
    is_managed_device = path[-2].tag == "devices" and path[-1] != DEVICE
    return path[-2].tag in _PLACES and not is_managed_device and len(element) > 0


def _places_gone(before: Element, after: Element) -> list[Xpath]:
    """Templates, template stacks and vsys that are no longer there: the place itself is gone, not only what it held."""
    container: Xpath = (Step("config"), Step("devices"), DEVICE)
    paths = [
        (*container, Step(kind), Step("entry", name=entry.get("name")))
        for kind in ("vsys", *_TEMPLATES)
        for entry in find_all(before, (*container, Step(kind), Step("entry")))
    ]
    return [path for path in paths if find(after, path) is None]


def mark_pushed(node: Element, template: str) -> None:
    """Mark a node as one that a template pushed: every node says so, the highest alone its name (panos.md §6)."""
    for child in node.iter():
        child.set("src", "tpl")
    node.set("ptpl", template)


def without(element: Element, *, template_marks: bool) -> Element:
    """A copy without the marks of uncommitted nodes, and without those of a template if so told."""
    duplicate = copy.deepcopy(element)
    unwanted = (*_MARKS, *_TEMPLATE_MARKS) if template_marks else _MARKS
    for node in duplicate.iter():
        for mark in unwanted:
            node.attrib.pop(mark, None)
    return duplicate


def clean(element: Element) -> Element:
    """A copy of an element from outside: of its attributes only names count."""
    duplicate = copy.deepcopy(element)
    for node in duplicate.iter():
        name = node.get("name") if node.tag == "entry" else None
        node.attrib.clear()
        if name is not None:
            node.set("name", name)
        node.tail = None
    return duplicate


def put(root: Element, path: Xpath, element: Element | None) -> None:
    """Let the node at a path be a copy of this element, or be gone."""
    if element is None:
        remove(root, path)
        return
    node = create(root, path)
    duplicate = copy.deepcopy(element)
    node.attrib.clear()
    node.attrib.update(duplicate.attrib)
    node.text = duplicate.text
    node[:] = list(duplicate)


def merge(target: Element, source: Element) -> None:
    """Merge an element's content into a node, as `set` does: what is not named stays."""
    if not len(source):
        if (source.text or "").strip():
            target.text = source.text
        return
    for child in source:
        counterpart = counterpart_of(child, target)
        if counterpart is None:
            counterpart = SubElement(target, child.tag, dict(child.attrib))
            counterpart.text = child.text
        merge(counterpart, child)


def counterpart_of(child: Element, parent: Element | None) -> Element | None:
    """The node of the same identity below another parent: by tag, and by name or a member's text."""
    for node in parent if parent is not None else ():
        is_alike = node.tag == child.tag and node.get("name") == child.get("name")
        if is_alike and (child.tag != "member" or (node.text or "").strip() == (child.text or "").strip()):
            return node
    return None


class Configuration:
    """Both configurations. The caller serialises access."""

    def __init__(self, running: Element) -> None:
        self.running = running
        self.candidate = copy.deepcopy(running)
        self._records: list[ChangeRecord] = []
        self._sequence = 0
        # What a Panorama has pushed comes back where nothing local stands in its place.
        self.refill: Callable[[Element], None] = lambda candidate: None
        self.refusal = TemplateRefusal()
        # Whether the list of changes keeps naming what is again as it is running.
        self.lists_net_zero = False
        # Whether anything was edited since the last commit or revert, even if it came to nothing.
        self.is_touched = False

    @property
    def sequence(self) -> int:
        """Number of the latest change."""
        return self._sequence

    @contextlib.contextmanager
    def change(
        self,
        admin: str,
        moment: datetime.datetime,
        written: Xpath = (),
        override: Xpath = (),
        takes_over: bool = False,
    ) -> Iterator[Element]:
        """Edit the candidate in a with statement. An exception undoes it; else it is marked and entered.

        `written` is the path that the request names, where it names one; at `override` a local object may take the
        place of a template's. An edit takes over what others have changed below it, although it leaves it as it is
        (panos.md §8).
        """
        before = self.candidate
        self.candidate = copy.deepcopy(before)
        try:
            yield self.candidate
            self.refusal.check(before, self.candidate, override)
            self.refill(self.candidate)
        except BaseException:
            self.candidate = before
            raise
        self._enter(before, admin, moment, written)
        if takes_over:
            self._take_over(admin, written)
        self.is_touched = True

    def _take_over(self, admin: str, written: Xpath) -> None:
        for path in {record.path for record in self._records}:
            if len(path) > len(written) and path[: len(written)] == written:
                self._sequence += 1
                self._records.append(ChangeRecord(self._sequence, path, admin, written))

    def _enter(self, before: Element, admin: str, moment: datetime.datetime, written: Xpath) -> None:
        old, new = objects(before), objects(self.candidate)
        for path in dict.fromkeys((*old, *new)):
            node, counterpart = new.get(path), old.get(path)
            if is_same(counterpart, node):
                if node is not None and counterpart is not None:
                    _carry(node, counterpart)
                continue
            self._sequence += 1
            self._records.append(ChangeRecord(self._sequence, path, admin, written))
            if node is not None:
                marks = {"admin": admin, "dirtyId": str(self._sequence), "time": f"{moment:%Y/%m/%d %H:%M:%S}"}
                _mark(node, counterpart, marks)
        for path in _places_gone(before, self.candidate):
            self._sequence += 1
            self._records.append(ChangeRecord(self._sequence, path, admin, written))
        self._forget_settled()

    def pending(self) -> list[PendingChange]:
        """Uncommitted changes, one for each object, in the order in which they began."""
        self._forget_settled()
        paths = dict.fromkeys(record.path for record in self._records)
        return [self._pending(path) for path in paths]

    def _pending(self, path: Xpath) -> PendingChange:
        owners = [record.owner for record in self._records if record.path == path]
        if find(self.running, path) is None:
            action = "CREATE"
        else:
            action = "DELETE" if find(self.candidate, path) is None else "EDIT"
        return PendingChange(path, action, owners[-1], tuple(dict.fromkeys(owners)))

    def journal(self, level: str) -> list[PendingChange]:
        """Uncommitted changes as the list of changes shows them (panos.md §3), one for each path of that level."""
        actions = {change.path: change.action for change in self.pending()}
        lines: dict[Xpath, list[ChangeRecord]] = {}
        for record in self._records:
            lines.setdefault(record.path_at(level), []).append(record)
        return [
            PendingChange(
                path, actions.get(path, "EDIT"), records[-1].owner, tuple(dict.fromkeys(r.owner for r in records))
            )
            for path, records in lines.items()
        ]

    def _forget_settled(self) -> None:
        """Drop records and marks of objects that are again what is running."""
        for path in {record.path for record in self._records}:
            node = find(self.candidate, path)
            if is_same(node, find(self.running, path)):
                self._unmark(path, self._sequence)
                if not self.lists_net_zero:
                    self._forget(path, self._sequence)

    def _forget(self, path: Xpath, sequence: int) -> None:
        self._records = [item for item in self._records if item.path != path or item.sequence > sequence]
        self._unmark(path, sequence)

    def _unmark(self, path: Xpath, sequence: int) -> None:
        node = find(self.candidate, path)
        for child in node.iter() if node is not None else ():
            if int(child.get("dirtyId", "0")) <= sequence:
                for mark in _MARKS:
                    child.attrib.pop(mark, None)

    def snapshot(self, paths: Collection[Xpath]) -> dict[Xpath, Element | None]:
        """What the candidate holds at these paths."""
        nodes = {path: find(self.candidate, path) for path in paths}
        return {path: without(node, template_marks=False) if node is not None else None for path, node in nodes.items()}

    def running_with(self, changes: Objects) -> Element:
        """The running configuration as it would be with these objects."""
        root = copy.deepcopy(self.running)
        for path, node in changes.items():
            put(root, path, node)
        return root

    def adopt(self, running: Element, changes: Objects, sequence: int) -> None:
        """A commit has succeeded: changes of these objects up to `sequence` are no longer pending."""
        self.running = running
        for path in changes:
            self._forget(path, sequence)
        self._forget_settled()
        self.is_touched = bool(self._records)

    def replace(self, running: Element, candidate: Element) -> None:
        """A Panorama has pushed: both configurations are new; what is the same in both is no longer pending."""
        self.running, self.candidate = running, candidate
        self._forget_settled()

    def revert(self, paths: Collection[Xpath]) -> None:
        """Let the candidate be again what is running at these paths."""
        for path in paths:
            put(self.candidate, path, find(self.running, path))
            self._forget(path, self._sequence)
        self._forget_settled()
        self.is_touched = bool(self._records)

    def revert_all(self) -> None:
        """Let the whole candidate be again what is running."""
        self.candidate = copy.deepcopy(self.running)
        self._records.clear()
        self.is_touched = False


@dataclass(frozen=True)
class TemplateRefusal:
    """Objects that a Panorama template pushed can only be overridden (panos.md §10)."""

    text: str = "set failed, may need to override template object {name} first"

    def check(self, before: Element, after: Element, override: Xpath) -> None:
        """Refuse any other change of them."""
        for path, node in objects(before).items():
            is_kept = _keeps(node, find(after, path))
            if not is_kept and (path != override or not _replaces(find(after, path), node)):
                raise PanosError(self.text.format(name=path[-1].name or path[-1].tag), code=NOT_FOUND)


def _keeps(node: Element, after: Element | None) -> bool:
    """Whether whatever is from a template in this node is still the same."""
    if node.get("src") == "tpl":
        return is_same(node, after)
    return all(_keeps(child, counterpart_of(child, after)) for child in node)


def _replaces(node: Element | None, pushed: Element) -> bool:
    """Whether a local object has every field of the template's (panos.md §11); then it loses the template's marks."""
    if node is None or {child.tag for child in pushed} - {child.tag for child in node}:
        return False
    for child in node.iter():
        for mark in _TEMPLATE_MARKS:
            child.attrib.pop(mark, None)
    return True


def _mark(node: Element, before: Element | None, marks: Mapping[str, str]) -> None:
    """Mark a changed node and its changed children; unchanged ones keep the marks that they had."""
    node.attrib.update(marks)
    is_override = before is not None and before.get("src") == "tpl"
    for child in node:
        counterpart = None if is_override else counterpart_of(child, before)
        if counterpart is not None and is_same(child, counterpart):
            _carry(child, counterpart)
        else:
            _mark(child, counterpart, marks)


def _carry(node: Element, before: Element) -> None:
    """Keep the marks of a node that an edit has replaced by its like."""
    if not any(mark in before.attrib for mark in (*_MARKS, *_TEMPLATE_MARKS)):
        return  # the children of an unmarked node are unmarked
    for mark in (*_MARKS, *_TEMPLATE_MARKS):
        if before.get(mark) is not None:
            node.set(mark, before.get(mark, ""))
    for child, counterpart in zip(node, before, strict=True):
        _carry(child, counterpart)
