"""The part of XPath that PAN-OS clients use to name configuration nodes, parsed strictly."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

# /tag, /entry[@name='x'], /member[text()='x'], /entry[./certificate='N'] (panos.md §6, §8). Everything else is refused.
_STEP = re.compile(
    r"/(?P<tag>[A-Za-z_][\w.-]*)"
    r"(?:\[\s*(?P<left>@name|text\(\)|\./(?P<child>[A-Za-z_][\w.-]*))\s*=\s*(?P<literal>'[^']*'|\"[^\"]*\")\s*\])?",
    re.ASCII,
)


class BadXpath(ValueError):
    """Not an absolute path of the supported kind."""


@dataclass(frozen=True)
class Step:
    """One step: a tag and at most one condition."""

    tag: str
    name: str | None = None
    text: str | None = None
    child: tuple[str, str] | None = None

    def matches(self, element: Element) -> bool:
        if element.tag != self.tag or (self.name is not None and element.get("name") != self.name):
            return False
        if self.text is not None and (element.text or "").strip() != self.text:
            return False
        if self.child is None:
            return True
        tag, value = self.child
        return any((node.text or "").strip() == value for node in element.findall(tag))

    @property
    def is_definite(self) -> bool:
        """Whether the step can name no more than one node, so that it can be created."""
        if self.child is not None:
            return False
        if self.tag == "entry":
            return self.name is not None
        return self.text is not None if self.tag == "member" else True


Xpath = tuple[Step, ...]


def parse(text: str) -> Xpath:
    """Parse an absolute path below /config; raises BadXpath."""
    steps, position = [], 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise BadXpath(text)
        steps.append(_step(match))
        position = match.end()
    if not steps or steps[0] != Step("config"):
        raise BadXpath(text)
    return tuple(steps)


def _step(match: re.Match[str]) -> Step:
    tag, left = match["tag"], match["left"]
    if left is None:
        return Step(tag)
    value = match["literal"][1:-1]
    if left == "@name":
        return Step(tag, name=value)
    return Step(tag, text=value) if left == "text()" else Step(tag, child=(match["child"], value))


def to_text(path: Iterable[Step]) -> str:
    """A path of definite steps as text."""
    return "".join(f"/{step.tag}{_condition(step)}" for step in path)


def _condition(step: Step) -> str:
    if step.name is not None:
        return f"[@name='{step.name}']"
    return f"[text()='{step.text}']" if step.text is not None else ""


def find_all(root: Element, path: Xpath) -> list[Element]:
    """All nodes at a path; `root` is the config element."""
    nodes = [root] if path[0].matches(root) else []
    for step in path[1:]:
        nodes = [child for node in nodes for child in node if step.matches(child)]
    return nodes


def find(root: Element, path: Xpath) -> Element | None:
    """The first node at a path."""
    nodes = find_all(root, path)
    return nodes[0] if nodes else None


def create(root: Element, path: Xpath) -> Element:
    """The node at a path of definite steps, made with its ancestors where missing."""
    node = root
    for step in path[1:]:
        child = next((child for child in node if step.matches(child)), None)
        node = _append(node, step) if child is None else child
    return node


def _append(parent: Element, step: Step) -> Element:
    child = SubElement(parent, step.tag, {"name": step.name} if step.name is not None else {})
    child.text = step.text
    return child


def remove(root: Element, path: Xpath) -> None:
    """Take out all nodes at a path; other nodes stay."""
    for parent in find_all(root, path[:-1]):
        for child in [child for child in parent if path[-1].matches(child)]:
            parent.remove(child)
