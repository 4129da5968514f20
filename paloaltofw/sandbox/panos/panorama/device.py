"""The inside of a simulated Panorama: a management plane like a firewall's, templates, and the devices it manages."""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from xml.etree.ElementTree import Element, fromstring  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.clock import UTC, Clock
from paloaltofw.sandbox.panos.answers import INVALID_COMMAND, PanosError, illegal
from paloaltofw.sandbox.panos.configuration import Place, owner_of
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.schema import NAME_LIMIT, PANORAMA_CONFIG
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.switches import Latencies, PanosSwitches
from paloaltofw.sandbox.panos.xpath import Step, Xpath, create, to_text

_FACTORY = """<config>
<mgt-config><users/><devices/></mgt-config>
<panorama><certificate/><ssl-tls-service-profile/></panorama>
<shared/>
<devices><entry name="localhost.localdomain">
<deviceconfig><system><hostname>panorama</hostname><ip-address>192.0.2.2</ip-address>
<timezone>UTC</timezone></system></deviceconfig>
<template/><template-stack/><device-group/>
</entry></devices></config>"""
_HOSTNAME: Xpath = (*places.DEVICES, Step("deviceconfig"), Step("system"), Step("hostname"))
_EMPTY_TEMPLATE = (
    "<settings><default-vsys>vsys1</default-vsys></settings><config><shared><certificate/><ssl-tls-service-profile/>"
    "</shared><devices><entry name='localhost.localdomain'><deviceconfig><system/></deviceconfig>"
    "<vsys><entry name='vsys1'><certificate/><ssl-tls-service-profile/></entry></vsys></entry></devices></config>"
)


@dataclass
class ManagedDevice:
    """A firewall as its Panorama knows it. `trouble` is what its part of every push fails with."""

    firewall: Firewall
    is_connected: bool = True
    push_seconds: float = 0.0
    trouble: str | None = None
    # Its part of a push never ends.
    hangs: bool = False
    # Of a firewall that is a unit of an HA pair: each unit gets the push of its own.
    ha_state: str | None = None
    # Private keys as Panorama and as the device write them.
    keys: dict[str, str] = field(default_factory=dict)
    # Panorama's configuration as it was pushed to this device last.
    pushed: Element | None = None

    @property
    def serial(self) -> str:
        return self.firewall.serial

    def translate(self, panorama: Firewall, ciphertext: str) -> str:
        """A private key that the device itself can read."""
        if ciphertext not in self.keys:
            key = panorama.store.master_key.decrypt(ciphertext)
            self.keys[ciphertext] = self.firewall.store.master_key.encrypt(key) if key is not None else ""
        return self.keys[ciphertext]


class Settling(Protocol):
    """What goes on after its job has ended."""

    def settle(self, now: datetime.datetime) -> None: ...


@dataclass(frozen=True)
class Target:
    """What `set system setting target` has set, and when."""

    owner: Xpath
    vsys: str
    since: datetime.datetime


class Panorama(Firewall):
    """One simulated Panorama. Every method may be called from any thread."""

    schema = PANORAMA_CONFIG
    name_limit = NAME_LIMIT

    def __init__(
        self,
        name: str,
        clock: Clock,
        switches: PanosSwitches | None = None,
        latencies: Latencies | None = None,
        sw_version: str = "11.1.4",
        zone: datetime.tzinfo = UTC,
        panorama: PanoramaSwitches | None = None,
        **more: Any,
    ) -> None:
        super().__init__(name, clock, switches, latencies, "Panorama", sw_version, False, zone, **more)
        self.panorama = panorama or PanoramaSwitches()
        self.vsys_names = ()
        self.devices: dict[str, ManagedDevice] = {}
        # Of whom the request is that is being answered: set-target binds to it (panos.md §4).
        self.asker = ""
        self.targets: dict[str, Target] = {}
        self.ha_state: str | None = None
        self.push_seconds = self.latencies.commit_seconds
        # Who committed the latest change of each object.
        self.committed_by: dict[Xpath, tuple[str, ...]] = {}
        self.pushes: list[Settling] = []

    def _factory_configuration(self) -> Element:
        root = fromstring(_FACTORY)  # nosec B314  # without DTD
        for node in root.iter():
            node.tail = None
            node.text = (node.text or "").strip() or None
        create(root, _HOSTNAME).text = self.name
        return root

    @property
    def release(self) -> tuple[int, int]:
        """Major and minor number."""
        major, minor = self.sw_version.split(".")[:2]
        return int(major), int(minor)

    # --- what it manages -------------------------------------------------------------------------------------------

    def add_template(self, name: str) -> None:
        """A template that has always been there."""
        self.install(to_text(places.template(name)), _EMPTY_TEMPLATE)

    def add_stack(self, name: str, templates: list[str], devices: list[str] | None = None) -> None:
        """A template stack that has always been there; its first template is the strongest."""
        members = "".join(f"<member>{template}</member>" for template in templates)
        entries = "".join(f"<entry name='{serial}'/>" for serial in devices or [])
        content = f"<templates>{members}</templates><devices>{entries}</devices><config><shared/></config>"
        self.install(to_text(places.stack(name)), f"<settings/>{content}")

    def manage(self, firewall: Firewall, stack: str | None = None) -> ManagedDevice:
        """Take a firewall under management, in a template stack if one is named."""
        device = ManagedDevice(firewall, push_seconds=self.latencies.commit_seconds)
        with self.settled():
            self.devices[firewall.serial] = device
            paths = [places.MANAGED, *([(*places.stack(stack), Step("devices"))] if stack else [])]
            for root in self._roots():
                for path in paths:
                    create(root, (*path, Step("entry", name=firewall.serial)))
        return device

    # --- set system setting target ---------------------------------------------------------------------------------

    def set_target(self, owner: Xpath | None, vsys: str = "") -> None:
        """Remember, or forget, what the asker works on."""
        if owner is None:
            self.targets.pop(self.asker, None)
        else:
            self.targets[self.asker] = Target(owner, vsys or "shared", self.clock.now())

    @property
    def target(self) -> Target | None:
        """What the asker works on."""
        target, lifetime = self.targets.get(self.asker), self.panorama.target_lifetime
        is_old = target and lifetime is not None and (self.clock.now() - target.since).total_seconds() >= lifetime
        return None if is_old else target

    def place_for(self, parameters: Mapping[str, str]) -> Place:
        """Where an import goes, or an export comes from: target-tpl, else the target set, else Panorama itself."""
        if parameters.get("vsys"):
            raise illegal("vsys", parameters["vsys"])
        name, target = parameters.get("target-tpl", ""), self.target
        if not name:
            return places.inside(target.owner, target.vsys) if target else places.PANORAMA
        owner = places.named(self.configuration.candidate, name)
        is_stack = owner is not None and owner[3].tag == places.TEMPLATE_STACK
        if owner is None or (is_stack and self.panorama.import_into_stack == "refused"):
            raise PanosError(f"template {name} does not exist", code=INVALID_COMMAND)
        return places.inside(owner, self._vsys_of_target(parameters.get("target-tpl-vsys", "")))

    def _vsys_of_target(self, vsys: str) -> str:
        """PAN-257229: whatever the vsys, the certificate lands in shared (panos.md §7)."""
        if vsys and self.panorama.target_tpl_vsys == "refused":
            raise illegal("target-tpl-vsys", vsys)
        return vsys if vsys and self.panorama.target_tpl_vsys == "honoured" else "shared"

    def place_to_generate(self) -> Place:
        """Where `request certificate generate` makes its key."""
        target, steers = self.target, self.panorama.generate_under_target
        if target is None or steers == "panorama":
            return places.PANORAMA
        if steers == "refused":
            raise PanosError(" request -> certificate -> generate is not allowed in this mode", code=INVALID_COMMAND)
        return places.inside(target.owner, target.vsys)

    # --- scopes ----------------------------------------------------------------------------------------------------

    def lock_scope(self, path: Xpath) -> str:
        owner = owner_of(path) or (path[:5] if len(path) > 4 and path[3].tag in _OWNERS else ())
        return owner[-1].name or "shared" if owner else "shared"

    def scopes_touched(self, path: Xpath) -> tuple[str, ...]:
        is_above = len(path) < 5 and path[:3] == places.DEVICES[: len(path[:3])]
        return ("shared", *self.scopes()) if is_above else (self.lock_scope(path),)

    def scopes(self) -> list[str]:
        """Everything beside shared that a lock can be of."""
        root = self.configuration.candidate
        return [name for kind in _OWNERS for name in places.names(root, kind)]

    def component_type(self, path: Xpath) -> str:
        if len(path) > 4 and path[3].tag in _OWNERS:
            return path[3].tag
        return "shared" if path[1].tag == "shared" else "panorama"

    # --- time ------------------------------------------------------------------------------------------------------

    def reboot(self) -> None:
        super().reboot()
        self.targets.clear()

    @contextlib.contextmanager
    def settled(self) -> Iterator[None]:
        """Hold the lock, with everything carried out whose time is over."""
        with self.lock:
            open_commits = [job for job in self.jobs.all if job.is_open and job.is_commit]
            with super().settled():
                for job in open_commits:
                    if job.result == "OK":
                        self.committed_by.update(job.owners)
                for push in self.pushes:
                    push.settle(self.clock.now())
                yield


_OWNERS = (places.TEMPLATE, places.TEMPLATE_STACK, "device-group")
