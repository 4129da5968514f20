"""Services of firewalls' data planes in a world without sockets: the agent's handshakes lead to them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.data_plane import DataPlane, Reset
from paloaltofw.transport import served_chain
from paloaltofw.transport.served_chain import Presented
from tests.worlds.stage import PORTAL, Act, Call, Stage
from tests.worlds.wire import Handle

HOST = "www.example.com"
ENDPOINT = f"{HOST}:443"
HANDSHAKE_SECONDS = 0.2


@dataclass
class Service:
    """Whoever asks its host meets it; `is_down`: nobody listens there. Of a pair the active unit answers."""

    firewall: str
    profile: str
    planes: dict[str, DataPlane] = field(default_factory=dict)
    is_down: bool = False


@dataclass
class Services:
    """All services of a world, by host. `asked` counts handshakes."""

    stage: Stage
    by_host: dict[str, Service] = field(default_factory=dict)
    asked: int = 0

    def served_chain(self, host: str, port: int, server_name: str, seconds: float = 10.0) -> Presented:
        self.asked += 1
        self.stage.clock.advance(HANDSHAKE_SECONDS)
        service = self.by_host.get(host)
        if service is None or service.is_down:
            return Presented(failure="connection refused", is_reached=False)
        plane = service.planes[self.stage.unit(service.firewall).name]
        try:
            found = plane.presented(service.profile, self.stage.vsys)
        except Reset:
            return Presented(failure="the connection was reset")
        return Presented(tuple(item.public_bytes(Encoding.DER) for item in found.certificates))

    def add(self, host: str, firewall: str, profile: str, **switches: Any) -> Service:
        """A service that answers from now on. By default it finds the issuers, so that a good certificate passes."""
        service = self.by_host[host] = Service(firewall, profile)
        for unit in self.stage.units(firewall):
            self.stage.switch_panos(unit.name, **{"served_chain": "found_by_issuer", **switches})
            plane = service.planes[unit.name] = DataPlane(unit)
            plane.add(profile, self.stage.vsys)
        return service


SERVICES: WeakKeyDictionary[Stage, Services] = WeakKeyDictionary()


def services_of(stage: Stage) -> Services:
    """The services of this world; from the first time on the agent's handshakes lead to them."""
    if stage not in SERVICES:
        services = SERVICES[stage] = Services(stage)
        stage._exits.enter_context(mock.patch.object(served_chain, "served_chain", services.served_chain))
    return SERVICES[stage]


def serve(stage: Stage, **switches: Any) -> Services:
    """From now on the portal's service answers."""
    services = services_of(stage)
    services.add(HOST, "fw", PORTAL, **switches)
    return services


def at_commit(**switches: Any) -> Act:
    """From this commit on the data plane behaves otherwise."""

    def act(call: Call, handle: Handle) -> Answer:
        call.stage.switch_panos(call.peer, **switches)
        return handle(call.request)

    return act


def down_at_commit(call: Call, handle: Handle) -> Answer:
    """From this commit on nobody listens."""
    for service in SERVICES[call.stage].by_host.values():
        service.is_down = True
    return handle(call.request)


def mend(stage: Stage) -> None:
    """Everybody listens, and serves what was committed with its chain."""
    for service in SERVICES[stage].by_host.values():
        mend_service(stage, service)


def mend_service(stage: Stage, service: Service) -> None:
    """It listens, and its firewall serves what was committed with its chain."""
    service.is_down = False
    for name in service.planes:
        stage.switch_panos(name, data_plane="follows", served_chain="found_by_issuer", data_plane_delay=0.0)
