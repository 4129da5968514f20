"""The inside of a simulated firewall: configuration, keys, jobs, locks, administrators. Requests come via PanosSite."""

from __future__ import annotations

import contextlib
import datetime
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from paloaltofw.sandbox.base.clock import UTC, Clock
from paloaltofw.sandbox.panos.administrators import Administrators
from paloaltofw.sandbox.panos.answers import (
    INVALID_OBJECT,
    NOT_FOUND,
    PanosError,
    illegal,
    parse_fragments,
    text_element,
    text_of,
)
from paloaltofw.sandbox.panos.certificate_store import CertificateStore, entry_path
from paloaltofw.sandbox.panos.commit_jobs import CommitRecord, Jobs
from paloaltofw.sandbox.panos.configuration import (
    Configuration,
    PendingChange,
    Place,
    TemplateRefusal,
    clean,
    mark_pushed,
    merge,
    place_of,
    vsys_of,
)
from paloaltofw.sandbox.panos.factory import factory_configuration
from paloaltofw.sandbox.panos.ha_pair import COMMIT_PENDING, HaPair
from paloaltofw.sandbox.panos.keystore import KeySource, PrivateKey
from paloaltofw.sandbox.panos.locks import Lock, Locks
from paloaltofw.sandbox.panos.schema import CONFIG, NAME_LIMIT, Schema
from paloaltofw.sandbox.panos.switches import SUPERREADER, SUPERUSER, Latencies, PanosSwitches, Right, Role
from paloaltofw.sandbox.panos.views import CertificateView, LogEntry
from paloaltofw.sandbox.panos.xpath import Step, Xpath, create, find, parse

__all__ = [
    "SUPERREADER", "SUPERUSER", "CertificateView", "Firewall", "Latencies", "LogEntry", "PanosSwitches", "Right",
    "Role",
]  # fmt: skip
_SYSTEM: Xpath = (
    Step("config"), Step("devices"), Step("entry", name="localhost.localdomain"), Step("deviceconfig"), Step("system"),
)  # fmt: skip
_USERS: Xpath = (Step("config"), Step("mgt-config"), Step("users"))


# The certificate that signs API keys must be of this strength (panos.md §1).
_API_KEY_CERTIFICATE_BITS = 3072


class Firewall:
    """One simulated firewall. Every method may be called from any thread."""

    schema: Schema = CONFIG
    # How long the name of a certificate may be (panos.md §7).
    name_limit = NAME_LIMIT

    def __init__(
        self,
        name: str,
        clock: Clock,
        switches: PanosSwitches | None = None,
        latencies: Latencies | None = None,
        model: str = "PA-VM",
        sw_version: str = "",
        multi_vsys: bool = False,
        zone: datetime.tzinfo = UTC,
    ) -> None:
        self.name = name
        self.clock = clock
        self.switches = switches or PanosSwitches()
        self.latencies = latencies or Latencies()
        self.model = model
        self.sw_version = sw_version or self.switches.sw_version
        self.serial = f"0079{secrets.randbelow(10**11):011d}"
        self.is_multi_vsys = multi_vsys
        self.vsys_names: tuple[str, ...] = ("vsys1", "vsys2") if multi_vsys else ("vsys1",)
        self.zone = zone
        self.started = clock.now()
        self.lock = threading.RLock()
        self.log: list[LogEntry] = []
        self.admins = Administrators(clock, self.switches)
        self.sessions: dict[str, tuple[datetime.datetime, datetime.datetime]] = {}
        self.configuration = Configuration(self._factory_configuration())
        if self.switches.template_refusal == "cannot_be_overridden":
            self.configuration.refusal = TemplateRefusal("Object cannot be overridden")
        self.configuration.lists_net_zero = self.switches.net_zero_changes == "listed"
        nameless_fails = self.switches.nameless_certificate == "fails_commits"
        self.jobs = Jobs(self.configuration, self.latencies.commit_seconds, nameless_fails)
        # How often each of the counted switches has still to happen.
        counted = ("commit_pending", "auto_commit_unfinished", "transient_import_failures", "commit_stumbles")
        self.still_to_happen: dict[str, int] = {name: getattr(self.switches, name) for name in counted}
        # The certificate that signs API keys: its name, and what it was when it was chosen.
        self._api_key_certificate: tuple[str, str] | None = None
        self.locks = Locks(self.switches)
        self.store = CertificateStore(self.switches)
        self.is_full_commit_required = False
        # The HA pair that it is a unit of, and whether it is off: then it answers nobody.
        self.ha: HaPair | None = None
        self.is_off = False
        # Whether a commit was taken, so that the API may stumble (panos.md §10).
        self.is_stumbling = False
        # Called after each commit that took effect.
        self.listeners: list[Callable[[], None]] = []

    def _factory_configuration(self) -> Element:
        return factory_configuration(self.name, self.vsys_names)

    # --- places --------------------------------------------------------------------------------------------------

    def place_for(self, parameters: Mapping[str, str]) -> Place:
        """Where certificates go, shared without vsys=; `vsys=shared` is not confirmed (panos.md §4)."""
        vsys = parameters.get("vsys") or ""
        if not vsys:
            return "shared"
        if vsys in self.vsys_names or (vsys == "shared" and self.switches.vsys_shared):
            return vsys
        raise illegal("vsys", vsys)

    def lock_scope(self, path: Xpath) -> str:
        """Whose config lock keeps others from this path."""
        return vsys_of(path)

    def scopes_touched(self, path: Xpath) -> tuple[str, ...]:
        """The scopes of locks that a change at this path can reach: above the vsys level, all of them."""
        is_above = len(path) == 1 or (path[1].tag == "devices" and len(path) < 5 and path[3:4] in ((), (Step("vsys"),)))
        return ("shared", *self.vsys_names) if is_above else (self.lock_scope(path),)

    def scopes(self) -> list[str]:
        """Everything beside shared that a lock can be of."""
        return list(self.vsys_names)

    def component_type(self, path: Xpath) -> str:
        """What part of the configuration the list of changes calls this."""
        return "shared" if path[1].tag == "shared" else "device"

    @property
    def key_source(self) -> KeySource:
        """Makes the private keys; tests put ready ones here, since RSA keys take their time."""
        return self.store.key_source

    @key_source.setter
    def key_source(self, source: KeySource) -> None:
        self.store.key_source = source

    def local_now(self) -> datetime.datetime:
        """The device's local time."""
        return self.clock.now().astimezone(self.zone)

    def happens(self, trouble: str) -> bool:
        """Whether a counted trouble happens this time."""
        left = self.still_to_happen[trouble]
        self.still_to_happen[trouble] = max(left - 1, 0)
        return left > 0

    def require_no_pending_commit(self) -> None:
        """An HA peer takes no changes while it takes over the other's commit (panos.md §11)."""
        if self.happens("commit_pending"):
            raise PanosError(COMMIT_PENDING, code=NOT_FOUND)
        if self.ha is not None:
            self.ha.require_idle(self)

    # --- administrators ------------------------------------------------------------------------------------------

    def add_admin(self, name: str, password: str, role: Role = SUPERUSER) -> None:
        """Add an administrator, as if it had always been there."""
        with self.lock:
            self.admins.add(name, password, role)
            for root in self._roots():
                entry = create(root, (*_USERS, Step("entry", name=name)))
                create(entry, (Step("entry"), Step("permissions"), Step("role-based")))

    def api_key(self, admin: str) -> str:
        """A valid API key of an administrator; ends no other."""
        with self.settled():
            return self.admins.current_key(admin)

    def set_password(self, admin: str, password: str) -> None:
        """Change a password, which ends the administrator's API keys."""
        with self.lock:
            self.admins.set_password(admin, password)

    def expire_api_keys(self) -> None:
        """End all API keys."""
        with self.lock:
            self.admins.expire_keys()

    def set_api_key_certificate(self, name: str) -> None:
        """An administrator chooses, and commits, the certificate that signs API keys; that ends all (panos.md §1)."""
        with self.settled():
            view = self.certificates(running=True).get(name)
            key = self.private_key(name)
            is_strong = isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _API_KEY_CERTIFICATE_BITS
            is_fit = view is not None and view.leaf is not None and view.leaf.issuer == view.leaf.subject and is_strong
            if not self.switches.api_key_certificate or not is_fit:
                raise PanosError(f"{name} cannot be the API key certificate", code=INVALID_OBJECT)
            self._api_key_certificate = (name, self._public_key_text(name))
            self.admins.expire_keys()

    def _public_key_text(self, name: str) -> str:
        entry = find(self.configuration.running, entry_path(name, "shared"))
        return text_of(entry.find("public-key")) if entry is not None else ""

    def _notice_api_key_certificate(self) -> None:
        """All API keys end when the certificate that signs them is changed (panos.md §1)."""
        if self._api_key_certificate is None:
            return
        name, before = self._api_key_certificate
        if self._public_key_text(name) != before:
            self._api_key_certificate = (name, self._public_key_text(name))
            self.admins.expire_keys()

    def is_admin_configured(self, name: str) -> bool:
        """Keys die with their administrator (panos.md §1)."""
        return find(self.configuration.running, (*_USERS, Step("entry", name=name))) is not None

    # --- what happens to a firewall ------------------------------------------------------------------------------

    def install(self, xpath: str, xml: str) -> None:
        """Put configuration into both candidate and running, as if it had always been there."""
        with self.settled():
            for root in self._roots():
                self._set(root, xpath, xml)

    def install_certificate(
        self, name: str, certificate: x509.Certificate, key: PrivateKey | None = None, vsys: Place = "shared"
    ) -> None:
        """Put a finished entry into both configurations."""
        with self.settled():
            entry = Element("entry", {"name": name})
            self.store.fill(entry, [certificate], key)
            for root in self._roots():
                merge(create(root, entry_path(name, vsys)), entry)

    def change_as(self, admin: str, xpath: str, xml: str) -> None:
        """Another administrator's change of the candidate, made in the web interface."""
        with self.settled(), self.configuration.change(admin, self.local_now(), parse(xpath)) as root:
            self._set(root, xpath, xml)

    @staticmethod
    def _set(root: Element, xpath: str, xml: str) -> None:
        holder = Element("holder")
        holder.extend(clean(element) for element in parse_fragments(xml))
        merge(create(root, parse(xpath)), holder)

    def lock_as(self, admin: str, kind: str = "config", scope: str = "shared", comment: str = "(null)") -> None:
        """Another administrator takes a lock: config or commit."""
        with self.settled():
            self.locks.add(Lock(kind, scope, admin, comment, self.clock.now()))

    def unlock_as(self, admin: str, kind: str = "config", scope: str = "shared") -> None:
        """The administrator gives the lock back."""
        with self.settled():
            self.locks.remove(kind, scope, admin)

    def mark_revoked(self, name: str, vsys: Place = "shared") -> None:
        """The certificate was revoked on the box itself (panos.md §6)."""
        epoch = str(int(self.clock.now().timestamp()))
        with self.settled():
            for entry in self._entries(name, vsys):
                for tag in ("status", "revoke-date-epoch"):
                    for old in entry.findall(tag):
                        entry.remove(old)
                entry.extend([text_element("status", "revoked"), text_element("revoke-date-epoch", epoch)])

    def mark_template(self, name: str, template: str = "T", vsys: Place = "shared") -> None:
        """The entry was pushed by a Panorama template: every node says so, the highest alone its name (panos.md §6)."""
        with self.settled():
            for entry in self._entries(name, vsys):
                mark_pushed(entry, template)

    def mark_pushed(self, xpath: str, template: str = "T") -> None:
        """Whatever stands at this path was pushed by a Panorama template."""
        with self.settled():
            found = [node for node in (find(root, parse(xpath)) for root in self._roots()) if node is not None]
            for node in found:
                mark_pushed(node, template)
            if not found:
                raise KeyError(xpath)

    def reboot(self) -> None:
        """Uncommitted changes and unfinished jobs are lost."""
        with self.settled():
            self.jobs.lose()
            self.configuration.revert_all()
            self.sessions.clear()
            self.started = self.clock.now()

    def _roots(self) -> tuple[Element, Element]:
        return self.configuration.running, self.configuration.candidate

    def _entries(self, name: str, vsys: Place) -> list[Element]:
        found = [find(root, entry_path(name, vsys)) for root in self._roots()]
        entries = [entry for entry in found if entry is not None]
        if not entries:
            raise KeyError(name)
        return entries

    # --- what observers see ----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Hold the lock, with every job carried out whose time is over."""
        with self.lock:
            for job in self.jobs.settle(self.clock.now()):
                is_done = job.result == "OK" and job.is_commit
                if is_done and self.switches.commit_releases_locks:
                    self.locks.release(job.admin)
                if is_done and not job.order.is_partial:
                    self.is_full_commit_required = False
                if is_done:
                    self._notice_api_key_certificate()
                    for listener in self.listeners:
                        listener()
            if self.ha is not None:
                self.ha.settle()
            yield

    def _root(self, running: bool) -> Element:
        return self.configuration.running if running else self.configuration.candidate

    def private_key(self, name: str, running: bool = True, vsys: Place = "shared") -> PrivateKey | None:
        """The private key of an entry; no API call gives it."""
        with self.settled():
            return self.store.key_of(find(self._root(running), entry_path(name, vsys)))

    def running_certificate(self, name: str, vsys: Place = "shared") -> x509.Certificate | None:
        """The certificate of an entry in the running configuration."""
        view = self.certificates(running=True, vsys=vsys).get(name)
        return view.leaf if view else None

    def certificates(self, running: bool, vsys: Place = "shared") -> dict[str, CertificateView]:
        """All certificate entries of a place."""
        with self.settled():
            container = find(self._root(running), (*place_of(vsys), Step("certificate")))
            entries = list(container) if container is not None else []
            return {entry.get("name", ""): self._view(entry) for entry in entries}

    def _view(self, entry: Element) -> CertificateView:
        return CertificateView(
            name=entry.get("name", ""),
            certificates=tuple(self.store.certificates_of(entry)),
            csr=self.store.csr_of(entry),
            has_key=entry.find("private-key") is not None,
            is_revoked=text_of(entry.find("status")) == "revoked",
        )

    def profile_certificate(self, profile: str, running: bool = True, vsys: Place = "shared") -> str | None:
        """The name of the certificate that an SSL/TLS service profile serves."""
        path = (*place_of(vsys), Step("ssl-tls-service-profile"), Step("entry", name=profile), Step("certificate"))
        with self.settled():
            return text_of(find(self._root(running), path)) or None

    def management_identity(self) -> tuple[list[x509.Certificate], PrivateKey] | None:
        """What the management interface presents (panos.md §8): None where no SSL/TLS service profile is set for it."""
        with self.settled():
            profile = text_of(find(self._root(running=True), (*_SYSTEM, Step("ssl-tls-service-profile"))))
            name = self.profile_certificate(profile) if profile else None
            view = self.certificates(running=True).get(name) if name else None
            key = self.private_key(name) if name else None
            return (list(view.certificates), key) if view and view.certificates and key else None

    def install_profile(self, profile: str, certificate: str, vsys: Place = "shared") -> None:
        """Put an SSL/TLS service profile into both configurations."""
        path = (*place_of(vsys), Step("ssl-tls-service-profile"), Step("entry", name=profile))
        with self.settled():
            for root in self._roots():
                entry = create(root, path)
                settings = SubElement(entry, "protocol-settings")
                settings.extend([text_element("min-version", "tls1-2"), text_element("max-version", "max")])
                entry.append(text_element("certificate", certificate))

    def pending_changes(self) -> list[PendingChange]:
        """Uncommitted changes of all administrators."""
        with self.settled():
            return self.configuration.pending()

    @property
    def commits(self) -> list[CommitRecord]:
        """All commits so far, finished or not."""
        with self.settled():
            return [job.record for job in self.jobs.all if job.is_commit]
