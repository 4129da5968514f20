"""The simulated HA pair: what is taken over, what is refused meanwhile, and other people's HA helpers against it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import panos.firewall
import pytest

from paloaltofw.sandbox.base.clock import SystemClock
from paloaltofw.sandbox.base.https import LOOPBACK, Cut, HttpsServer
from paloaltofw.sandbox.panos.device import Firewall, PanosSwitches
from paloaltofw.sandbox.panos.ha_pair import WRITES_TO_PASSIVE, HaPair
from paloaltofw.sandbox.panos.service import PanosSite
from tests.sandbox.panos.bench import PASSWORD, SVC, Bench, certificate, pem
from tests.sandbox.panos.test_other_clients import tls_context

STATE = "<show><high-availability><state/></high-availability></show>"


class Pair:
    """Two benches in a pair, one clock."""

    def __init__(self, sync_seconds: float = 60.0, mode: Any = "Active-Passive", **switches: Any) -> None:
        made = replace(PanosSwitches(), **switches)
        self.one, self.other = Bench(made), Bench(made)
        self.clock = self.one.clock
        self.other.firewall.name, self.other.firewall.clock = "fw-2", self.clock
        self.ha = HaPair(self.one.firewall, self.other.firewall, sync_seconds, mode)

    def state(self, bench: Bench, path: str = "group/local-info/state") -> str:
        return bench.op(STATE).root.findtext(f"result/{path}") or ""

    def sync(self) -> str:
        return self.state(self.one, "group/running-sync")


def test_alone_it_says_no() -> None:
    assert Bench().op(STATE).root.findtext("result/enabled") == "no"


def test_both_units_describe_each_other() -> None:
    pair = Pair()
    assert (pair.state(pair.one), pair.state(pair.other)) == ("active", "passive")
    for mine, others in ((pair.one, pair.other), (pair.other, pair.one)):
        assert pair.state(mine, "group/peer-info/state") == pair.state(others)
        assert pair.state(mine, "group/peer-info/mgmt-ip") == pair.state(others, "group/local-info/mgmt-ip")
    assert (pair.sync(), pair.state(pair.one, "group/running-sync-enabled")) == ("synchronized", "yes")
    assert pair.state(pair.one, "group/mode") == "Active-Passive"


def test_roles_change() -> None:
    pair = Pair()
    pair.ha.failover()
    assert (pair.state(pair.one), pair.state(pair.other)) == ("passive", "active")
    pair.ha.suspend(pair.other.firewall)
    assert (pair.state(pair.one), pair.state(pair.other)) == ("active", "suspended")
    pair.ha.resume(pair.other.firewall)
    assert (pair.state(pair.one), pair.state(pair.other)) == ("active", "passive")
    pair.ha.split()
    assert (pair.state(pair.one), pair.state(pair.other)) == ("active", "active")
    pair.ha.restore()
    pair.ha.lose(pair.one.firewall)
    assert (pair.state(pair.other), pair.state(pair.other, "group/peer-info/conn-status")) == ("active", "down")
    with pytest.raises(Cut):
        pair.one.op(STATE)


def test_people_change_the_roles_by_the_operational_commands() -> None:
    pair = Pair()
    for word, states in (("suspend", ("suspended", "active")), ("functional", ("passive", "active"))):
        command = f"<request><high-availability><state><{word}/></state></high-availability></request>"
        assert pair.one.op(command).is_success
        assert (pair.state(pair.one), pair.state(pair.other)) == states


def test_a_commit_goes_over_after_its_time_with_the_key_and_refuses_changes_meanwhile() -> None:
    pair = Pair()
    issued = pair.one.enroll()
    assert "vpn-2026" not in pair.other.firewall.certificates(running=False), "uncommitted"
    assert pair.one.partial().is_success
    pair.one.op(STATE)
    assert pair.sync() == "synchronization in progress"
    pair.ha.failover()
    for answer in (pair.other.generate("another"), pair.other.partial(), pair.other.upload("x", pem(issued))):
        assert answer.summary == ("error", "13", "A commit is pending. Please try again later.")
    pair.clock.advance(61)
    assert pair.sync() == "synchronized"
    assert pair.other.firewall.running_certificate("vpn-2026") == issued
    assert pair.other.firewall.private_key("vpn-2026") is not None
    assert pair.other.generate("another").is_success


@pytest.mark.parametrize("position", ["accepted", "refused"])
def test_a_change_on_the_passive_unit_is_seen_and_lost_or_refused(position: str) -> None:
    pair = Pair(sync_seconds=0.0, ha_passive_writes=position)
    answer = pair.other.generate("lost")
    assert answer.is_success is (position == "accepted")
    assert answer.code == (None if position == "accepted" else "15") or answer.is_success
    assert [line.partition(":")[0] for line in WRITES_TO_PASSIVE] == ["fw-2, which is passive"]
    assert pair.one.generate().is_success and pair.one.partial().is_success
    pair.one.op(STATE)
    assert list(pair.other.firewall.certificates(running=False)) == ["vpn-2026"]
    WRITES_TO_PASSIVE.clear()


def test_what_only_asks_is_no_change() -> None:
    pair = Pair()
    pair.other.config("get", "/config/shared/certificate")
    pair.other.ask(type="version")
    pair.other.ask(type="commit")
    pair.other.ask(type="export", category="certificate", certificate_name="x", format="pkcs10", include_key="no")
    assert WRITES_TO_PASSIVE == []


def test_the_other_position_of_the_candidate() -> None:
    pair = Pair(sync_seconds=0.0, ha_sync_candidate="kept")
    pair.ha.failover()
    pair.other.generate("here")
    pair.ha.failover()
    assert pair.one.generate().is_success and pair.one.partial().is_success
    pair.one.op(STATE)
    assert sorted(pair.other.firewall.certificates(running=False)) == ["here", "vpn-2026"]
    assert sorted(pair.other.firewall.certificates(running=True)) == ["vpn-2026"]


def test_the_other_position_of_the_keys() -> None:
    pair = Pair(sync_seconds=0.0, ha_sync_certificates="without_keys")
    pair.one.enroll()
    pair.one.partial()
    pair.one.op(STATE)
    view = pair.other.firewall.certificates(running=True)["vpn-2026"]
    assert view.certificates and not view.has_key


@pytest.mark.parametrize("goes_over", [False, True])
def test_what_the_management_interface_serves_stays_unless_told(goes_over: bool) -> None:
    pair = Pair(sync_seconds=0.0, ha_sync_management=goes_over)
    pair.one.firewall.install_certificate("mgmt", certificate(pair.one.firewall.key_source(_spec())))
    pair.one.firewall.install_profile("P", "mgmt")
    system = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/system"
    pair.one.firewall.install(system, "<ssl-tls-service-profile>P</ssl-tls-service-profile>")
    pair.ha.synchronise(pair.one.firewall)
    found = pair.other.config("show", f"{system}/ssl-tls-service-profile")
    assert found.is_success is goes_over
    assert pair.other.firewall.profile_certificate("P") == "mgmt"


def _spec() -> Any:
    from paloaltofw.sandbox.panos.keystore import KeySpec

    return KeySpec("ECDSA", 256)


@pytest.mark.parametrize(
    ("position", "word"), [("lower", "active-primary"), ("capitalised", "Active-Primary"), ("spaced", "active primary")]
)
def test_the_form_of_the_words(position: str, word: str) -> None:
    pair = Pair(mode="Active-Active", ha_state_words=position)
    assert pair.state(pair.one) == word


def test_a_synchronisation_is_forced_on_the_active_unit() -> None:
    pair = Pair(sync_seconds=10.0**6)
    pair.one.enroll()
    pair.one.partial()
    command = (
        "<request><high-availability><sync-to-remote><running-config/></sync-to-remote></high-availability></request>"
    )
    assert "queued on peer" in pair.one.op(command).text
    assert pair.sync() == "synchronized"
    assert not Bench().op(command).is_success


@pytest.fixture
def served() -> Iterator[tuple[HaPair, Any, Any]]:
    """A pair over real HTTPS, and pan-os-python's view of both units."""
    units = [Firewall(name, SystemClock()) for name in ("fw-1", "fw-2")]
    for unit in units:
        unit.add_admin(SVC, PASSWORD)
    pair = HaPair(units[0], units[1])
    servers = [HttpsServer(PanosSite(unit), tls_context()).start() for unit in units]
    clients = [
        panos.firewall.Firewall(LOOPBACK, api_key=unit.api_key(SVC), port=server.port)
        for unit, server in zip(units, servers, strict=True)
    ]
    yield pair, *clients
    for server in servers:
        server.stop()


def test_pan_os_python_finds_the_active_unit_and_synchronises(served: tuple[HaPair, Any, Any]) -> None:
    pair, one, other = served
    one.set_ha_peers(other)
    assert one.refresh_ha_active() == "active"
    assert one.active() is one
    assert one.config_sync_state() == "synchronized"
    pair.failover()
    assert one.refresh_ha_active() == "passive"
    assert one.active() is other
    assert other.show_highavailability_state()[0] == "active"
    pair.is_in_step = False
    assert not one.config_synced()
    assert one.synchronize_config()
    assert one.config_synced()
