"""A simulated Panorama on the bench: two templates, a stack of both, two managed firewalls."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from paloaltofw.sandbox.panos.device import SUPERUSER, Firewall, Latencies, PanosSwitches
from paloaltofw.sandbox.panos.panorama import places
from paloaltofw.sandbox.panos.panorama.device import ManagedDevice, Panorama
from paloaltofw.sandbox.panos.panorama.service import PanoramaSite
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.xpath import to_text
from tests.sandbox.panos.bench import ALICE, BOB, PASSWORD, SVC, Bench, KeyPool, Response, certificate, pem

CERTIFICATES = {name: to_text(places.in_template(name)) + "/certificate" for name in ("T1", "T2")}
STACK_CERTIFICATES = to_text(places.in_stack("S1")) + "/certificate"
OWN_CERTIFICATES = "/config/panorama/certificate"
PROFILES = to_text(places.in_template("T1")) + "/ssl-tls-service-profile"
TARGET = "<set><system><setting><target>{}</target></setting></system></set>"


class PanoramaBench(Bench):
    """A Panorama with three administrators; `firewall` is the Panorama, `devices` are what it manages."""

    def __init__(self, commit_seconds: float = 0.0, switches: PanosSwitches | None = None,
                 sw_version: str = "11.1.4", **panorama: Any) -> None:  # fmt: skip
        super().__init__(switches, commit_seconds)
        latencies = Latencies(commit_seconds=commit_seconds)
        self.panorama = Panorama(
            "panorama-1", self.clock, switches, latencies, sw_version, panorama=PanoramaSwitches(**panorama)
        )
        self.panorama.key_source = KeyPool()
        self.firewall = self.panorama
        for admin in (SVC, ALICE, BOB):
            self.panorama.add_admin(admin, PASSWORD, SUPERUSER)
        self.site = PanoramaSite(self.panorama)
        self.panorama.add_template("T1")
        self.panorama.add_template("T2")
        self.panorama.add_stack("S1", ["T1", "T2"])
        self.devices = [self._device(number) for number in (1, 2)]

    def _device(self, number: int) -> ManagedDevice:
        firewall = Firewall(f"fw-{number}", self.clock, self.firewall.switches, Latencies())
        for admin in (SVC, ALICE):
            firewall.add_admin(admin, PASSWORD)
        return self.panorama.manage(firewall, "S1")

    def upload(self, certificate_name: str, content: bytes, admin: str = SVC, part: str = "file",
               quote: str = "", **more: str) -> Response:  # fmt: skip
        """An import; `target_tpl` and its like are written with dashes."""
        fields = {name.replace("_", "-"): value for name, value in more.items()}
        return super().upload(certificate_name, content, admin, part, quote, **fields)

    def stack_of(self, index: int) -> str | None:
        """The template stack of a device, once every job whose time is over has been carried out."""
        with self.panorama.settled():
            return places.stack_of(self.panorama.configuration.running, self.devices[index].serial)

    def target(self, inside: str = "<template><name>T1</name></template>", admin: str = SVC) -> Response:
        return self.op(TARGET.format(inside), admin)

    def enroll_in(self, template: str = "T1", name: str = "vpn-2026") -> None:
        """Key and certificate in a template's candidate, as the switch `generate_under_target` allows it."""
        assert self.target(f"<template><name>{template}</name></template>").is_success
        assert self.generate(name).is_success
        issued = certificate(self.csr(name, CERTIFICATES[template]))
        assert self.upload(name, pem(issued), target_tpl=template).is_success

    def push(self, inside: str = "<name>S1</name>", kind: str = "template-stack", admin: str = SVC) -> Response:
        return self.commit(f"<commit-all><{kind}>{inside}</{kind}></commit-all>", admin, action="all")

    def results(self, job: str) -> dict[str, str]:
        """Device name -> result."""
        entries = self.job(job).findall("devices/entry")
        return {entry.findtext("devicename", ""): entry.findtext("result", "") for entry in entries}

    def on_device(self, index: int, xpath: str, action: str = "get", **more: str) -> Response:
        """A config request that Panorama passes on."""
        return self.config(action, xpath, target=self.devices[index].serial, **more)


def steered(**values: Any) -> PanoramaBench:
    """A bench on which set-target steers `generate`."""
    return PanoramaBench(generate_under_target="template", **values)


def marks(element: Element) -> list[tuple[str | None, str | None]]:
    """src and ptpl of an element and of its children."""
    return [(node.get("src"), node.get("ptpl")) for node in (element, *element)]
