"""type=config (panos.md §2, §6, §8): get and show, and the actions that change the candidate configuration."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos import schema
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import (
    ABSENT,
    BAD_XPATH,
    COMMAND_SUCCEEDED,
    INVALID_OBJECT,
    NOT_FOUND,
    NOT_POSSIBLE,
    NOT_UNIQUE,
    REFERENCED,
    NothingThere,
    OutsideConfiguration,
    PanosError,
    found,
    illegal,
    missing,
    parse_fragments,
    success,
    success_message,
    text_of,
)
from paloaltofw.sandbox.panos.configuration import clean, merge, put, without
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.references import dangling, not_valid, users_of
from paloaltofw.sandbox.panos.switches import Right
from paloaltofw.sandbox.panos.xpath import BadXpath, Step, Xpath, create, find, find_all, parse, remove, to_text

Parameters = Mapping[str, str]
_NAMES = "/entry/@name"
_ROOTED = re.compile(r"/config(?![\w.-])", re.ASCII)


def answer_config(firewall: Firewall, admin: Administrator, parameters: Parameters) -> Answer:
    """Answer a config request."""
    action = parameters.get("action")
    if not action:
        raise missing("action")
    if action in _READS:
        admin.require(Right.CONFIGURATION)
        if str(parameters.get("xpath", "")).endswith(_NAMES):
            return _names(firewall, {**parameters, "xpath": parameters["xpath"].removesuffix("/@name")})
        whole = (Step("config"),) if action == "show" and not parameters.get("xpath") else None
        return _READS[action](firewall, admin, whole or _xpath(firewall, parameters))
    if action in _WRITES:
        admin.require(Right.CONFIGURATION, is_change=True)
        return _write(firewall, admin, _xpath(firewall, parameters), parameters)
    if action in _UNAVAILABLE:
        raise PanosError(f"{action} is not available on this device", code=NOT_POSSIBLE)
    raise illegal("action", action, (*_READS, *_WRITES, *_UNAVAILABLE))


def _names(firewall: Firewall, parameters: Parameters) -> Answer:
    """The names of entries, without what is in them (panos.md §3)."""
    is_get = parameters["action"] == "get"
    root = firewall.configuration.candidate if is_get else firewall.configuration.running
    nodes = find_all(root, _xpath(firewall, parameters))
    return (
        found([Element("entry", {"name": node.get("name", "")}) for node in nodes]) if nodes else success(code=ABSENT)
    )


def _xpath(firewall: Firewall, parameters: Parameters) -> Xpath:
    text = parameters.get("xpath")
    if not text:
        raise missing("xpath")
    if firewall.switches.unrooted_xpath == "unauth" and not _ROOTED.match(text):
        raise OutsideConfiguration
    try:
        return parse(text)
    except BadXpath:
        if firewall.switches.malformed_xpath == "absent" and _ROOTED.match(text):
            raise NothingThere from None
        raise PanosError(f"Bad xpath: {text}", code=BAD_XPATH) from None


# --- reading -------------------------------------------------------------------------------------------------------


def _get(firewall: Firewall, admin: Administrator, path: Xpath) -> Answer:
    """The candidate; many nodes are allowed, and none is a success with code 7 (panos.md §2)."""
    nodes = visible(firewall, admin, find_all(firewall.configuration.candidate, path))
    return found(nodes) if nodes else success(code=ABSENT)


def _show(firewall: Firewall, admin: Administrator, path: Xpath) -> Answer:
    """The running configuration; a single node, without the attributes of uncommitted ones."""
    nodes = visible(firewall, admin, find_all(firewall.configuration.running, path))
    if not nodes:
        raise PanosError("No such node")
    if len(nodes) > 1:
        raise PanosError(f"Bad xpath: {to_text(path)} names more than one node", code=BAD_XPATH)
    return success(without(nodes[0], template_marks=True))


def visible(firewall: Firewall, admin: Administrator, nodes: list[Element]) -> list[Element]:
    """The nodes without what this administrator may not see (panos.md §6)."""
    switches = firewall.switches
    levels = {"private-key": switches.private_key_hidden_from, "csr": switches.csr_hidden_from}
    blind = ("everybody",) if admin.role.is_superuser else ("everybody", "restricted")
    hidden = {tag for tag, level in levels.items() if level in blind}
    shown = [node for node in nodes if node.tag not in hidden]
    return [_without_tags(node, hidden) for node in shown] if hidden else shown


def _without_tags(node: Element, tags: set[str]) -> Element:
    duplicate = copy.deepcopy(node)
    for parent in list(duplicate.iter()):
        for child in [child for child in parent if child.tag in tags]:
            parent.remove(child)
    return duplicate


# --- changing ------------------------------------------------------------------------------------------------------


def _write(firewall: Firewall, admin: Administrator, path: Xpath, parameters: Parameters) -> Answer:
    action = parameters["action"]
    firewall.require_no_pending_commit()
    if action == "delete" and not find_all(firewall.configuration.candidate, path):
        return success_message("Object doesn't exist", ABSENT)
    schema.at(path, firewall.schema, firewall.name_limit)
    for scope in firewall.scopes_touched(path):
        firewall.locks.require_config(admin.name, scope)
    before = dangling(firewall.configuration.candidate)
    override = path if action in ("edit", "override") else ()
    with firewall.configuration.change(admin.name, firewall.local_now(), path, override, action == "edit") as root:
        _WRITES[action](firewall, root, path, parameters)
        if firewall.switches.dangling_reference == "refused_at_once":
            broken = [reference for reference in dangling(root) if reference not in before]
            if broken:
                raise PanosError(*map(not_valid, broken), code=INVALID_OBJECT)
    return success_message("command succeeded", COMMAND_SUCCEEDED)


def _set(firewall: Firewall, root: Element, path: Xpath, parameters: Parameters) -> None:
    """Merge; missing nodes are made."""
    holder = Element(path[-1].tag, {"name": path[-1].name} if path[-1].name else {})
    holder.extend(_elements(firewall, parameters))
    _check(firewall, holder, path)
    merge(create(root, path), holder)


def _edit(firewall: Firewall, root: Element, path: Xpath, parameters: Parameters) -> None:
    """Replace the node, which the element must name again; its parents must be there."""
    elements = _elements(firewall, parameters)
    if len(elements) != 1 or not path[-1].matches(elements[0]):
        raise PanosError(" element does not match the last node of the xpath", code=INVALID_OBJECT)
    _check(firewall, elements[0], path)
    for length in range(1, len(path)):
        if path[length - 1].name is not None and find(root, path[:length]) is None:
            raise PanosError("No such node", code=ABSENT)
    put(root, path, elements[0])


def _override(firewall: Firewall, root: Element, path: Xpath, parameters: Parameters) -> None:
    """Put a local object in the place of one that a template pushed (panos.md §10)."""
    node = find(root, path)
    if node is None or node.get("src") != "tpl":
        raise PanosError("Object cannot be overridden", code=NOT_FOUND)
    _edit(firewall, root, path, parameters)


def _check(firewall: Firewall, element: Element, path: Xpath) -> None:
    known = schema.at(path, firewall.schema, firewall.name_limit)
    schema.check(element, known, schema.label(path), firewall.name_limit)


def _delete(firewall: Firewall, root: Element, path: Xpath, parameters: Parameters) -> None:
    if len(path) < 3:
        raise PanosError(f" {path[-1].tag} cannot be deleted", code=INVALID_OBJECT)
    _require_unused(firewall, root, path, "deleted")
    remove(root, path)


def _rename(firewall: Firewall, root: Element, path: Xpath, parameters: Parameters) -> None:
    name, entry = parameters.get("newname"), find(root, path)
    if not name:
        raise missing("newname")
    if path[-1].name is None:
        raise PanosError(" only entries can be renamed", code=INVALID_OBJECT)
    if entry is None:
        raise PanosError("No such node", code=ABSENT)
    renamed = (*path[:-1], Step("entry", name=name))
    schema.at(renamed, firewall.schema, firewall.name_limit)
    if find(root, renamed) is not None:
        raise PanosError(f"{name} already exists", code=NOT_UNIQUE)
    _require_unused(firewall, root, path, "renamed")
    entry.set("name", name)


def _require_unused(firewall: Firewall, root: Element, path: Xpath, what: str) -> None:
    users = users_of(root, path, firewall.switches.same_name)
    if users:
        name = schema.label(path)[-1]
        heading = f" {name} cannot be {what} because of references from:"
        raise PanosError(heading, *(f" {user.line}" for user in users), code=REFERENCED)


def _elements(firewall: Firewall, parameters: Parameters) -> list[Element]:
    """The element parameter; a private key can only be one that this device has encrypted."""
    text = parameters.get("element")
    if not text:
        raise missing("element")
    elements = [clean(element) for element in parse_fragments(text)]
    for element in elements:
        for key in element.iter("private-key"):
            if firewall.store.master_key.decrypt(text_of(key)) is None:
                raise PanosError(" private-key is invalid", code=INVALID_OBJECT)
    return elements


_READS: dict[str, Callable[[Firewall, Administrator, Xpath], Answer]] = {"get": _get, "show": _show}
_WRITES: dict[str, Callable[[Firewall, Element, Xpath, Parameters], None]] = {
    "set": _set,
    "edit": _edit,
    "delete": _delete,
    "rename": _rename,
    "override": _override,
}
# Known to PAN-OS (panos.md §8), but a part of no certificate's life here.
_UNAVAILABLE = ("clone", "move", "multi-move", "multi-clone", "multi-config", "complete")
