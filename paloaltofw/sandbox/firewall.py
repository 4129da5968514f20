"""A simulated firewall's inside: candidate and running configuration, who changed what, keys, locks, commit jobs.

Section numbers are those of the fact sheet on the PAN-OS XML API.
"""

from __future__ import annotations

import copy
import datetime
import secrets
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, fromstring

from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from paloaltofw.sandbox import xpath
from paloaltofw.sandbox.clock import Clock
from paloaltofw.sandbox.panos_answers import INVALID_COMMAND, NOT_POSSIBLE, REFERENCED, PanosError, text_of
from paloaltofw.sandbox.panos_switches import SUPERUSER, Latencies, PanosSwitches, Role
from paloaltofw.sandbox.xpath import Step, Xpath

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
MARKS = ("admin", "dirtyId", "time")
KEY_PREFIX = "-AQ=="
DEVICE = "/config/devices/entry[@name='localhost.localdomain']"
SHARED_CERTIFICATES = "/config/shared/certificate"
_DEFAULT_CONFIG = """<config version="11.1.0">
 <mgt-config><users/></mgt-config>
 <shared><certificate/><ssl-tls-service-profile/></shared>
 <devices><entry name="localhost.localdomain">
  <deviceconfig><system><hostname/></system></deviceconfig>
  <vsys><entry name="vsys1"><certificate/><ssl-tls-service-profile/><address/>
   <rulebase><security><rules/></security></rulebase></entry></vsys>
 </entry></devices>
</config>"""


@dataclass
class Administrator:
    name: str
    password: str
    role: Role
    api_key: str
    key_expires: datetime.datetime | None = None


@dataclass(frozen=True)
class Change:
    """An uncommitted change of one object."""

    owner: str
    path: str
    action: str


@dataclass(frozen=True)
class Replacement:
    """What a commit puts into the running configuration at one path; None removes it."""

    path: str
    content: Element | None
    change: Change


@dataclass
class Job:
    """A commit job. `duration` in seconds; it starts when the one before it has ended."""

    id: int
    user: str
    kind: str
    description: str
    enqueued: datetime.datetime
    starts: datetime.datetime
    duration: float
    replacements: tuple[Replacement, ...]
    admins: tuple[str, ...]
    result: str = "PEND"
    details: tuple[str, ...] = ()

    @property
    def ends(self) -> datetime.datetime:
        return self.starts + datetime.timedelta(seconds=self.duration)


class Firewall:
    """One device. Every public method is called under `lock`, or by a test while nobody else asks."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        switches: PanosSwitches | None = None,
        latencies: Latencies | None = None,
        model: str = "PA-VM",
        version: str = "11.1.4",
    ) -> None:
        self.name = name
        self.clock = clock
        self.switches = switches or PanosSwitches()
        self.latencies = latencies or Latencies()
        self.model = model
        self.version = version
        self.serial = f"0079{secrets.randbelow(10**11):011d}"
        self.lock = threading.RLock()
        self.admins: dict[str, Administrator] = {}
        self.candidate = fromstring("".join(line.strip() for line in _DEFAULT_CONFIG.splitlines()))
        self.running = copy.deepcopy(self.candidate)
        self.changes: dict[str, Change] = {}
        self.jobs: list[Job] = []
        self.config_locks: dict[str, str] = {}
        self.commit_locks: dict[str, str] = {}
        self._dirty_id = 0
        self._master_key = Fernet(Fernet.generate_key())

    # --- administrators (§1) ---------------------------------------------------------------------------------------

    def add_admin(self, name: str, password: str, role: Role = SUPERUSER) -> None:
        self.admins[name] = Administrator(name, password, role, new_api_key())

    def api_key(self, name: str) -> str:
        return self.admins[name].api_key

    def keygen(self, admin: Administrator) -> str:
        """Without a lifetime it is not known whether the same key comes again: a switch."""
        if self.switches.api_key_lifetime is not None:
            admin.key_expires = self.clock.now() + datetime.timedelta(seconds=self.switches.api_key_lifetime)
        if self.switches.api_key_lifetime is not None or self.switches.keygen_without_lifetime == "new_key":
            admin.api_key = new_api_key()
        return admin.api_key

    # --- candidate configuration -----------------------------------------------------------------------------------

    def check_config_lock(self, admin: str) -> None:
        for scope, owner in self.config_locks.items():
            if owner != admin:
                text = f"Configuration is locked by {owner}"
                if self.switches.config_lock_held == "scope_is_locked":
                    text = f"Config for scope {scope} is currently locked by {owner}"
                raise PanosError(text, code=self.switches.config_lock_code)

    def touch(self, path: Xpath, admin: str, action: str) -> None:
        """Record and mark a change of the object that a path leads to."""
        self._dirty_id += 1
        target = object_path(path)
        text = xpath.to_text(target)
        self.changes[text] = Change(admin, text, action)
        node = xpath.find(self.candidate, target)
        for element in node.iter() if node is not None else ():
            element.set("admin", admin)
            element.set("dirtyId", str(self._dirty_id))
            element.set("time", f"{self.clock.now():%Y/%m/%d %H:%M:%S}")

    def merge(self, path: Xpath, elements: Iterable[Element], admin: str) -> None:
        """`set`: add and overwrite, keep the rest (§8)."""
        self.check_config_lock(admin)
        before = copy.deepcopy(self.candidate)
        target = xpath.create(self.candidate, path)
        for element in elements:
            _merge(target, element)
        self._check_references_or_undo(before)
        for element in elements:
            named = Step(element.tag, name=element.get("name")) if element.get("name") else Step(element.tag)
            self.touch((*path, named), admin, "EDIT")

    def replace(self, path: Xpath, element: Element, admin: str) -> None:
        """`edit`: replace a node with everything below it (§8)."""
        self.check_config_lock(admin)
        before = copy.deepcopy(self.candidate)
        node = xpath.find(self.candidate, path)
        if node is None:
            node = xpath.create(self.candidate, path)
        name = node.get("name")
        node.clear()
        if name is not None:
            node.set("name", name)
        node.text = element.text
        node.extend(copy.deepcopy(child) for child in element)
        self._check_references_or_undo(before)
        self.touch(path, admin, "EDIT")

    def remove(self, path: Xpath, admin: str) -> None:
        """`delete`; refused while something refers to a certificate (§8)."""
        self.check_config_lock(admin)
        node = xpath.find(self.candidate, path)
        if node is None:
            raise PanosError("Object not present", code=7)
        if len(path) >= 2 and path[-2].tag == "certificate" and path[-1].name:
            self._refuse_referenced(path[-1].name)
        target = object_path(path)
        xpath.remove(self.candidate, path)
        self.touch(target, admin, "DELETE")

    def _refuse_referenced(self, name: str) -> None:
        references = self._references_to(self.candidate, name)
        if references:
            lines = [f"{name} cannot be deleted because of references from:", *references]
            raise PanosError(*lines, code=REFERENCED)

    def _references_to(self, root: Element, name: str) -> list[str]:
        found: list[str] = []

        def walk(node: Element, trail: tuple[str, ...]) -> None:
            if node.tag == "certificate" and len(node):
                return
            for child in node:
                label = child.get("name") if child.tag == "entry" else child.tag
                walk(child, (*trail, label or child.tag))
            if not len(node) and text_of(node) == name and trail and trail[-1] != "hostname":
                found.append(" -> ".join(trail))

        walk(root, ())
        return found

    def _check_references_or_undo(self, before: Element) -> None:
        if self.switches.dangling_reference == "refused_at_once":
            problems = dangling(self.candidate)
            if problems:
                self.candidate = before
                raise PanosError(*problems, code=12)

    # --- certificates and keys -----------------------------------------------------------------------------------

    def seal(self, key: PrivateKey) -> str:
        """A private key as the configuration holds it: encrypted with the device's master key (§6)."""
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return KEY_PREFIX + self._master_key.encrypt(pem).decode()

    def unseal(self, text: str) -> PrivateKey:
        key = load_pem_private_key(self._master_key.decrypt(text.removeprefix(KEY_PREFIX).encode()), None)
        assert isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
        return key

    def certificate_entry(self, name: str, running: bool = True, parent: str = SHARED_CERTIFICATES) -> Element | None:
        root = self.running if running else self.candidate
        return xpath.find(root, (*xpath.parse(parent), Step("entry", name=name)))

    def private_key(self, name: str, running: bool = True) -> PrivateKey | None:
        """The key behind an entry, for tests: no API call gives it in clear."""
        entry = self.certificate_entry(name, running)
        sealed = text_of(entry.find("private-key")) if entry is not None else ""
        return self.unseal(sealed) if sealed else None

    def certificate_entries(self, running: bool = True) -> list[Element]:
        root = self.running if running else self.candidate
        return xpath.find_all(root, (*xpath.parse(SHARED_CERTIFICATES), Step("entry")))

    def certificate_names(self, running: bool = True) -> list[str]:
        return [entry.get("name", "") for entry in self.certificate_entries(running)]

    def mark_revoked(self, name: str) -> None:
        """Somebody revokes a certificate on the box."""
        for running in (False, True):
            entry = self.certificate_entry(name, running)
            if entry is not None:
                SubElement(entry, "status").text = "revoked"
                SubElement(entry, "revoke-date-epoch").text = str(int(self.clock.now().timestamp()))

    def mark_template(self, name: str, template: str) -> None:
        """A Panorama template pushed this entry (§6)."""
        for running in (False, True):
            entry = self.certificate_entry(name, running)
            if entry is not None:
                entry.set("src", "tpl")
                entry.set("ptpl", template)

    # --- locks (§3) --------------------------------------------------------------------------------------------------

    def take_lock(self, locks: dict[str, str], kind: str, scope: str, admin: str) -> str:
        owner = locks.get(scope)
        if owner == admin:
            raise PanosError(f"You already own a {kind.lower()} lock for scope {scope}")
        if owner is not None:
            raise PanosError(f"{kind} lock is already held by {owner}")
        locks[scope] = admin
        what = "modify configuration" if kind == "Config" else "commit"
        others = f"Other administrators will not be able to {what} until lock is released by {admin}."
        return f"Successfully acquired lock. {others}"

    def release_lock(self, locks: dict[str, str], kind: str, scope: str, owner: str) -> str:
        if locks.get(scope) != owner:
            raise PanosError(f"{kind} is not currently locked for scope {scope}")
        del locks[scope]
        return f"{kind} lock released for scope {scope}"

    # --- commit (§9) -------------------------------------------------------------------------------------------------

    def commit(
        self, user: str, admins: tuple[str, ...], description: str, excluded: frozenset[str], force: bool
    ) -> Job | None:
        """Enqueue a commit of these administrators' changes (all, if none is named); None if there is nothing."""
        self.tick()
        holders = {owner for owner in self.commit_locks.values() if owner != user}
        if holders:
            raise PanosError("Other administrators are holding device wide commit locks.", code=NOT_POSSIBLE)
        last = self.jobs[-1] if self.jobs and self.jobs[-1].result == "PEND" else None
        if last is not None and self.switches.busy_commit == "refuse":
            text = "Another commit/validate is in progress. Please try again later"
            raise PanosError(text, code=self.switches.busy_code)
        chosen = [
            c for c in self.changes.values() if (not admins or c.owner in admins) and _part(c.path) not in excluded
        ]
        if not chosen and not force:
            return None
        now = self.clock.now()
        job = Job(
            id=70 + len(self.jobs), user=user, kind="Commit", description=description, enqueued=now,
            starts=max(now, last.ends) if last else now, duration=self.latencies.commit_seconds,
            replacements=tuple(self._replacement(change) for change in chosen), admins=admins,
        )  # fmt: skip
        self.jobs.append(job)
        self.tick()
        return job

    def _replacement(self, change: Change) -> Replacement:
        node = xpath.find(self.candidate, xpath.parse(change.path))
        return Replacement(change.path, without_marks(node) if node is not None else None, change)

    def tick(self) -> None:
        """Finish the jobs whose time is over. Their content is what the candidate held when they were enqueued."""
        for job in self.jobs:
            if job.result == "PEND" and self.clock.now() >= job.ends:
                self._finish(job)

    def _finish(self, job: Job) -> None:
        future = copy.deepcopy(self.running)
        for replacement in job.replacements:
            put(future, xpath.parse(replacement.path), replacement.content)
        problems = dangling(future)
        if problems:
            job.result, job.details = "FAIL", (*problems, "Commit failed")
            return
        self.running = future
        job.result, job.details = "OK", ("Configuration committed successfully",)
        for replacement in job.replacements:
            if self.changes.get(replacement.path) is replacement.change:
                del self.changes[replacement.path]
                node = xpath.find(self.candidate, xpath.parse(replacement.path))
                if node is not None:
                    strip_marks(node)
        if self.switches.commit_releases_locks:
            for locks in (self.config_locks, self.commit_locks):
                for scope in [scope for scope, owner in locks.items() if owner == job.user]:
                    del locks[scope]

    def revert(self, admins: tuple[str, ...]) -> None:
        """Throw away uncommitted changes of these administrators; pending CSRs go with them (§9)."""
        for change in [c for c in self.changes.values() if c.owner in admins]:
            node = xpath.find(self.running, xpath.parse(change.path))
            put(self.candidate, xpath.parse(change.path), copy.deepcopy(node) if node is not None else None)
            del self.changes[change.path]

    def reboot(self) -> None:
        """Everything uncommitted is lost, and so are jobs and locks."""
        with self.lock:
            self.candidate = copy.deepcopy(self.running)
            self.changes.clear()
            self.config_locks.clear()
            self.commit_locks.clear()
            self.jobs.clear()


def new_api_key() -> str:
    """A key of the real look: Base64 that ends in =."""
    return "LUFRPT1" + secrets.token_urlsafe(60).replace("-", "+").replace("_", "/") + "=="


def object_path(path: Xpath) -> Xpath:
    """The object that a change belongs to: up to the last named entry below a device or shared scope."""
    last = max((i for i, step in enumerate(path) if step.tag == "entry" and step.name), default=len(path) - 1)
    is_container = path[last].name in ("localhost.localdomain",) or (last >= 1 and path[last - 1].tag == "vsys")
    return path if is_container else path[: last + 1]


def put(root: Element, path: Xpath, content: Element | None) -> None:
    """Replace, create or remove the node at a path."""
    xpath.remove(root, path)
    if content is not None:
        parent = xpath.create(root, path[:-1])
        parent.append(copy.deepcopy(content))


def strip_marks(node: Element) -> None:
    for element in node.iter():
        for mark in MARKS:
            element.attrib.pop(mark, None)


def without_marks(node: Element) -> Element:
    clean = copy.deepcopy(node)
    strip_marks(clean)
    return clean


def _merge(target: Element, element: Element) -> None:
    same = Step(element.tag, name=element.get("name"))
    found = None if element.tag == "member" else next((child for child in target if same.matches(child)), None)
    if found is None:
        target.append(copy.deepcopy(element))
        return
    if not len(element):
        found.text = element.text
    for child in element:
        _merge(found, child)


def _part(path: str) -> str:
    """Which exclusion of a partial commit covers a path (§9)."""
    if path.startswith("/config/shared"):
        return "shared-object"
    return "device-and-network" if "/deviceconfig" in path or "/network" in path else "policy-and-objects"


def dangling(root: Element) -> list[str]:
    """What refers to certificates or profiles that do not exist."""
    problems = []
    scopes = [root.find("shared"), *root.findall("devices/entry/vsys/entry")]
    certificates = {e.get("name") for scope in scopes if scope is not None for e in scope.findall("certificate/entry")}
    profiles = [e for scope in scopes if scope is not None for e in scope.findall("ssl-tls-service-profile/entry")]
    for profile in profiles:
        used = text_of(profile.find("certificate"))
        if used and used not in certificates:
            problems.append(
                f" ssl-tls-service-profile -> {profile.get('name')} -> certificate '{used}' is not a valid reference"
            )
    names = {profile.get("name") for profile in profiles}
    for user in root.findall("devices/entry/deviceconfig/system/ssl-tls-service-profile"):
        if text_of(user) not in names:
            problems.append(
                f" deviceconfig -> system -> ssl-tls-service-profile '{text_of(user)}' is not a valid reference"
            )
    return problems


def refuse_name(name: str) -> None:
    """Names of certificates: at most 63 characters, not beginning with * or _ (§7)."""
    if len(name) > 63:
        raise PanosError(
            f" certificate-name  is invalid. {name[:20]}... is longer than 63 characters", code=INVALID_COMMAND
        )
    if not name or name[0] in "*_" or not all(c.isalnum() or c in " ._-" for c in name) or not name.isascii():
        raise PanosError(" certificate-name  is invalid", code=INVALID_COMMAND)
