"""What of templates reaches a managed firewall: the stack's own values first, then its templates' (panos.md §6, §9)."""

from __future__ import annotations

import copy
from collections.abc import Callable
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.configuration import clean, counterpart_of
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.xpath import Step, Xpath, find

_SOURCE, _TEMPLATE = "src", "ptpl"
# Translates a private key of Panorama into one of the device, which has a master key of its own.
Translation = Callable[[str], str]


def layer_of(root: Element, stack_name: str, translate: Translation) -> Element:
    """Everything that a template stack gives its devices, each node with the name of the template that it is from."""
    layer = Element("config")
    owners: list[tuple[str, Xpath]] = [(stack_name, places.stack(stack_name))]
    owners += [(name, places.template(name)) for name in places.templates_of(root, stack_name)]
    for name, owner in owners:
        source = find(root, (*owner, Step("config")))
        if source is not None:
            _add(layer, _marked(clean(source), name))
    for key in layer.iter("private-key"):
        key.text = translate(key.text or "")
    return layer


def _marked(element: Element, template: str) -> Element:
    for node in element.iter():
        node.set(_SOURCE, "tpl")
        node.set(_TEMPLATE, template)
    return element


def _is_whole(element: Element, parent: Element) -> bool:
    """Leaves are taken whole, lists of members too, and certificates: half of one and half of another is none."""
    return not len(element) or element.find("member") is not None or parent.tag == "certificate"


def _add(target: Element, source: Element) -> None:
    """Add what is not there yet."""
    for child in source:
        known = counterpart_of(child, target)
        if known is None:
            target.append(copy.deepcopy(child))
        elif not _is_whole(child, source):
            _add(known, child)


def apply(root: Element, layer: Element, is_forced: bool) -> None:
    """Let a firewall's configuration hold this layer instead of the one before; local values stay, unless forced."""
    _strip(root)
    fill(root, layer, is_forced)


def _strip(parent: Element) -> None:
    """Take out what templates gave; what is local below a template's node stays, and the node with it."""
    for child in list(parent):
        _strip(child)
        if child.get(_SOURCE) == "tpl":
            if len(child):
                for mark in (_SOURCE, _TEMPLATE):
                    child.attrib.pop(mark, None)
            else:
                parent.remove(child)


def fill(target: Element, source: Element, is_forced: bool = False) -> None:
    """Add what the layer has and the firewall has not."""
    for child in source:
        known = counterpart_of(child, target)
        if known is not None and not _is_whole(child, source):
            fill(known, child, is_forced)
        elif known is None or is_forced:
            if known is not None:
                target.remove(known)
            target.append(_shortened(copy.deepcopy(child)))


def _shortened(node: Element, inherited: str | None = None) -> Element:
    """Only the highest node bears the name of the template, and below it those that are another's (panos.md §11)."""
    own = node.get(_TEMPLATE)
    for child in node:
        _shortened(child, own)
    if own == inherited:
        node.attrib.pop(_TEMPLATE, None)
    return node
