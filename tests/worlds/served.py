"""A service of a firewall's data plane in a world without sockets: the agent's handshakes lead to it."""

from __future__ import annotations

from dataclasses import dataclass
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
    """Whoever asks HOST meets it; `is_down`: nobody listens there. `asked` counts handshakes."""

    stage: Stage
    plane: DataPlane
    is_down: bool = False
    asked: int = 0

    def served_chain(self, host: str, port: int, server_name: str, seconds: float = 10.0) -> Presented:
        self.asked += 1
        self.stage.clock.advance(HANDSHAKE_SECONDS)
        if self.is_down or host != HOST:
            return Presented(failure="connection refused", is_reached=False)
        try:
            found = self.plane.presented(PORTAL)
        except Reset:
            return Presented(failure="the connection was reset")
        return Presented(tuple(item.public_bytes(Encoding.DER) for item in found.certificates))


SERVICES: WeakKeyDictionary[Stage, Service] = WeakKeyDictionary()


def serve(stage: Stage, **switches: Any) -> Service:
    """From now on the portal's service answers. By default it finds the issuers, so that a good certificate passes."""
    stage.switch_panos("fw", **{"served_chain": "found_by_issuer", **switches})
    service = SERVICES[stage] = Service(stage, DataPlane(stage.firewalls["fw"]))
    service.plane.add(PORTAL)
    stage._exits.enter_context(mock.patch.object(served_chain, "served_chain", service.served_chain))
    return service


def at_commit(**switches: Any) -> Act:
    """From this commit on the data plane behaves otherwise."""

    def act(call: Call, handle: Handle) -> Answer:
        call.stage.switch_panos("fw", **switches)
        return handle(call.request)

    return act


def down_at_commit(call: Call, handle: Handle) -> Answer:
    """From this commit on nobody listens."""
    SERVICES[call.stage].is_down = True
    return handle(call.request)


def mend(stage: Stage) -> None:
    """Everybody listens, and serves what was committed with its chain."""
    SERVICES[stage].is_down = False
    stage.switch_panos("fw", data_plane="follows", served_chain="found_by_issuer", data_plane_delay=0.0)
