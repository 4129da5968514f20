"""type=op: the operational commands that a certificate's life needs (panos.md §3, §4, §9)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos import certificate_requests as certificates
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import (
    ABSENT,
    INVALID_COMMAND,
    PanosError,
    Unauthorized,
    UnknownCommand,
    invalid,
    success,
    success_lines,
    text_element,
    text_of,
    unexpected,
)
from paloaltofw.sandbox.panos.commit_jobs import describe
from paloaltofw.sandbox.panos.commit_orders import CommitOrder
from paloaltofw.sandbox.panos.commit_requests import validate
from paloaltofw.sandbox.panos.configuration import Place
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.display_requests import candidate_config, running_config
from paloaltofw.sandbox.panos.ha_requests import ha_change, ha_state, sync_to_remote
from paloaltofw.sandbox.panos.locks import COMMIT, CONFIG, Lock
from paloaltofw.sandbox.panos.session_requests import session_info
from paloaltofw.sandbox.panos.switches import Right
from paloaltofw.sandbox.panos.xpath import to_text

LOCK_TIME = "%Y/%m/%d %H:%M:%S"


@dataclass(frozen=True)
class Operation:
    """An operational command on its way. `vsys` is the vsys= parameter, empty if absent."""

    firewall: Firewall
    admin: Administrator
    element: Element
    path: tuple[str, ...]
    vsys: str

    def parameters(self, *allowed: str) -> dict[str, str]:
        """Texts of the child elements; code 17 for others and for repeated ones."""
        if text_of(self.element):
            raise invalid(*self.path)
        values: dict[str, str] = {}
        for child in self.element:
            if child.tag not in allowed or child.tag in values or len(child):
                raise unexpected(*self.path, child.tag)
            values[child.tag] = text_of(child)
        return values

    @property
    def place(self) -> Place:
        """Where the certificates are that the command is about."""
        return self.firewall.place_for({"vsys": self.vsys})

    def require_change(self) -> None:
        self.admin.require(Right.OPERATIONAL, is_change=True)


Handler = Callable[[Operation], Answer]
Commands = dict[str, Union[Handler, "Commands"]]


def answer_op(
    firewall: Firewall, admin: Administrator, root: Element, vsys: str, commands: Commands | None = None
) -> Answer:
    """Answer an operational request: walk down the table of commands, strictly."""
    admin.require(Right.OPERATIONAL)
    known: Commands = COMMANDS if commands is None else commands
    element = root
    path: tuple[str, ...] = (root.tag,)
    while True:
        following = known.get(element.tag)
        if following is None:
            raise UnknownCommand(*path)
        if not isinstance(following, dict):
            return following(Operation(firewall, admin, element, path, vsys))
        element, known = _only_child(element, path), following
        path = (*path, element.tag)


def _only_child(element: Element, path: tuple[str, ...]) -> Element:
    if not len(element) or text_of(element):
        raise PanosError(f" {' -> '.join(path)} is incomplete", code=INVALID_COMMAND)
    if len(element) > 1:
        raise unexpected(*path, element[1].tag)
    return element[0]


# --- who is it -----------------------------------------------------------------------------------------------------


def version(firewall: Firewall) -> Answer:
    """type=version."""
    fields = {"sw-version": firewall.sw_version, "model": firewall.model, "serial": firewall.serial}
    if firewall.switches.version_tells_multi_vsys:
        fields["multi-vsys"] = _on(firewall.is_multi_vsys)
    return success(*(text_element(tag, text) for tag, text in fields.items()))


def _on(value: bool) -> str:
    return "on" if value else "off"


def _system_info(operation: Operation) -> Answer:
    operation.parameters()
    firewall = operation.firewall
    up = int((firewall.clock.now() - firewall.started).total_seconds())
    fields = {
        "hostname": firewall.name,
        "ip-address": "192.0.2.1",
        "devicename": firewall.name,
        "time": f"{firewall.local_now():%a %b %d %H:%M:%S %Y}",
        "uptime": f"{up // 86400} days, {up // 3600 % 24}:{up // 60 % 60:02d}:{up % 60:02d}",
        "family": "vm",
        "model": firewall.model,
        "serial": firewall.serial,
        "sw-version": firewall.sw_version,
        "app-version": "8833-8682",
        "multi-vsys": _on(firewall.is_multi_vsys),
        "operational-mode": "normal",
        "platform-family": "vm",
        "device-certificate-status": "None",
    }
    system = Element("system")
    system.extend(text_element(tag, text) for tag, text in fields.items())
    return success(system)


def _clock(operation: Operation) -> Answer:
    operation.parameters()
    return success(text=f"{operation.firewall.local_now():%a %b %d %H:%M:%S %Z %Y} \n")


def _admins(operation: Operation) -> Answer:
    """Sessions; the one that asks bears `<self/>` since 10.0 (panos.md §3)."""
    operation.parameters()
    firewall, holder = operation.firewall, Element("admins")
    for name, (start, last) in firewall.sessions.items():
        entry = SubElement(holder, "entry")
        idle = int((firewall.clock.now() - last).total_seconds())
        fields = {
            "admin": name,
            "from": "127.0.0.1",
            "type": "Web",
            "session-start": f"{start.astimezone(firewall.zone):%m/%d %H:%M:%S}",
            "idle-for": f"{idle // 3600:02d}:{idle // 60 % 60:02d}:{idle % 60:02d}s",
        }
        entry.extend(text_element(tag, text) for tag, text in fields.items())
        if name == operation.admin.name and firewall.switches.show_self:
            SubElement(entry, "self")
    return success(holder)


def _chassis_ready(operation: Operation) -> Answer:
    operation.parameters()
    return success(text="yes\n")


# --- changes -------------------------------------------------------------------------------------------------------


def _changes(operation: Operation) -> Answer:
    """The journal (panos.md §3)."""
    operation.parameters()
    switches = operation.firewall.switches
    if switches.changes_shape == "unknown_command":
        raise UnknownCommand(*operation.path)
    is_shown = switches.changes_shape == "journal"
    changes = operation.firewall.configuration.journal(switches.journal_paths) if is_shown else []
    if not changes:
        return success()
    journal = Element("journal")
    for change in changes:
        entry = SubElement(journal, "entry")
        fields = {
            "xpath": to_text(change.path),
            "owner": change.owner,
            "action": f" {change.action}",
            "admin-history": ",".join(change.admins),
            "component-type": operation.firewall.component_type(change.path),
        }
        entry.extend(text_element(tag, text) for tag, text in fields.items())
    return success(journal)


def _pending_changes(operation: Operation) -> Answer:
    """Says yes, too, after an edit that came to nothing (panos.md §3)."""
    operation.parameters()
    return success(text="yes" if operation.firewall.configuration.is_touched else "no")


def _full_commit_required(operation: Operation) -> Answer:
    operation.parameters()
    return success(text="yes" if operation.firewall.is_full_commit_required else "no")


def _revert(operation: Operation) -> Answer:
    """Undo what some administrators changed (panos.md §9)."""
    operation.require_change()
    names = _admin_members(operation)
    if not operation.admin.role.is_superuser and set(names) != {operation.admin.name}:
        raise Unauthorized
    operation.firewall.locks.require_config(operation.admin.name, "shared")
    configuration = operation.firewall.configuration
    mine = [change.path for change in configuration.pending() if set(names) & set(change.admins)]
    configuration.revert(mine)
    return success_lines("Configuration reverted")


def _admin_members(operation: Operation) -> list[str]:
    path = operation.path
    holders = list(operation.element)
    for holder in holders:
        if holder.tag != "admin" or len(holders) > 1:
            raise unexpected(*path, holder.tag)
    members = [text_of(child) for holder in holders for child in holder if child.tag == "member"]
    if not members or not all(members) or len(members) != len(holders[0]):
        raise invalid(*path, "admin")
    return members


def _load(operation: Operation) -> Answer:
    """Throws away everybody's changes (panos.md §9: never use)."""
    operation.require_change()
    values = operation.parameters("from")
    if values.get("from") != "running-config.xml":
        raise PanosError(f"{values.get('from', '')} does not exist")
    for vsys in ("shared", *operation.firewall.vsys_names):
        operation.firewall.locks.require_config(operation.admin.name, vsys)
    operation.firewall.configuration.revert_all()
    operation.firewall.is_full_commit_required = True
    return success_lines("Config loaded from running-config.xml")


def _validate(operation: Operation) -> Answer:
    operation.parameters()
    operation.require_change()
    order = CommitOrder(is_validation=True)
    return validate(operation.firewall, operation.admin, order)


def _validate_partial(operation: Operation) -> Answer:
    """The changes of some administrators alone (panos.md §9: not known to exist)."""
    if operation.firewall.switches.validate_partial == "unexpected":
        raise unexpected(*operation.path)
    operation.require_change()
    order = CommitOrder(admins=tuple(_admin_members(operation)), is_partial=True, is_validation=True)
    return validate(operation.firewall, operation.admin, order)


# --- jobs ----------------------------------------------------------------------------------------------------------


def _jobs(*states: bool) -> Handler:
    """A list of jobs, newest first: open ones, finished ones, or both."""

    def answer(operation: Operation) -> Answer:
        operation.parameters()
        jobs = operation.firewall.jobs.all
        return success(*(_job(operation.firewall, index) for index in reversed(range(len(jobs)))
                         if jobs[index].is_open in states))  # fmt: skip

    return answer


def _job(firewall: Firewall, index: int) -> Element:
    job = firewall.jobs.all[index]
    position, form = firewall.jobs.position(job), firewall.switches.job_form
    return describe(job, position, firewall.clock.now(), firewall.zone, form)


def _job_by_id(operation: Operation) -> Answer:
    text = text_of(operation.element)
    if len(operation.element) or not text.isascii() or not text.isdigit():
        raise invalid(*operation.path)
    firewall = operation.firewall
    job = firewall.jobs.get(int(text[:9]))
    if job is None:
        raise PanosError(f"job {text} not found", code=ABSENT)
    return success(_job(firewall, firewall.jobs.all.index(job)))


# --- locks ---------------------------------------------------------------------------------------------------------


def _scope(operation: Operation, given: str = "") -> str:
    scope = given or operation.vsys or "shared"
    if scope not in ("all", "shared", *operation.firewall.scopes()):
        raise invalid(*operation.path, "vsys")
    return scope


def locks_of(kind: str, *parameters: str) -> Handler:
    """The locks of a kind; `parameters` may say of which scope."""

    def answer(operation: Operation) -> Answer:
        scope = _scope(operation, operation.parameters(*parameters).get("vsys", ""))
        holder = Element(f"{kind}-locks")
        holder.extend(_lock(operation.firewall, lock) for lock in operation.firewall.locks.of(kind, scope))
        return success(holder)

    return answer


def _lock(firewall: Firewall, lock: Lock) -> Element:
    entry = Element("entry", {"name": lock.owner})
    created = f"{lock.created.astimezone(firewall.zone):{LOCK_TIME}}"
    fields = {
        "type": "shared" if lock.scope == "shared" else "vsys",
        "name": lock.scope,
        "created": created,
        "last-activity": created,
        "loggedin": "yes" if lock.owner in firewall.sessions else "no",
        "comment": lock.comment,
    }
    entry.extend(text_element(tag, text) for tag, text in fields.items())
    return entry


def _add_lock(kind: str) -> Handler:
    def answer(operation: Operation) -> Answer:
        operation.require_change()
        comment = operation.parameters("comment").get("comment") or "(null)"
        firewall, name = operation.firewall, operation.admin.name
        firewall.locks.add(Lock(kind, _scope(operation), name, comment, firewall.clock.now()))
        what = "modify configuration" if kind == CONFIG else "commit"
        others = f"Other administrators will not be able to {what} until lock is released by {name}."
        return success(text=f"Successfully acquired lock. {others}")

    return answer


def _remove_lock(kind: str) -> Handler:
    def answer(operation: Operation) -> Answer:
        operation.require_change()
        given = operation.parameters(*(["admin"] if kind == COMMIT else []))
        owner = given.get("admin") or operation.admin.name
        if owner != operation.admin.name and not operation.admin.role.is_superuser:
            raise Unauthorized
        operation.firewall.locks.remove(kind, _scope(operation), owner)
        return success(text=f"{kind.capitalize()} lock released for scope {_scope(operation)}")

    return answer


# --- certificates --------------------------------------------------------------------------------------------------


def _generate(operation: Operation) -> Answer:
    operation.require_change()
    return certificates.generate(operation.firewall, operation.admin, operation.element, operation.place)


def _certificate_show(operation: Operation) -> Answer:
    name = operation.parameters("certificate-name").get("certificate-name")
    return certificates.show(operation.firewall, operation.place, name)


COMMANDS: Commands = {
    "show": {
        "system": {"info": _system_info},
        "session": {"info": session_info},
        "clock": _clock,
        "admins": _admins,
        "chassis-ready": _chassis_ready,
        "high-availability": {"state": ha_state, "all": ha_state},
        "config": {"list": {"changes": _changes}, "running": running_config, "candidate": candidate_config},
        "config-locks": locks_of(CONFIG, "vsys"),
        "commit-locks": locks_of(COMMIT, "vsys"),
        "jobs": {"id": _job_by_id, "all": _jobs(True, False), "pending": _jobs(True), "processed": _jobs(False)},
    },
    "check": {"pending-changes": _pending_changes, "full-commit-required": _full_commit_required},
    "request": {
        "certificate": {"generate": _generate, "show": _certificate_show},
        "high-availability": {
            "sync-to-remote": {"running-config": sync_to_remote},
            "state": {"suspend": ha_change("suspend"), "functional": ha_change("functional")},
        },
        "config-lock": {"add": _add_lock(CONFIG), "remove": _remove_lock(CONFIG)},
        "commit-lock": {"add": _add_lock(COMMIT), "remove": _remove_lock(COMMIT)},
    },
    "revert": {"config": {"partial": _revert}},
    "load": {"config": _load},
    "validate": {"full": _validate, "partial": _validate_partial},
}
