"""Which of the agent's own certificates stand in for a firewall's management certificate."""

from __future__ import annotations

import dataclasses
import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from paloaltofw.errors import PeerError, Refused
from paloaltofw.execution.clients import own_certificates, remember_management
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.records import InstalledRecord, ManagementRecord, OrderRecord
from paloaltofw.model.trust import Trust
from paloaltofw.panos.client import PanosClient
from paloaltofw.secret import Secret
from paloaltofw.storage.store import Store
from tests.lifecycle.cases import PROFILE
from tests.x509 import NOW, certificate

FIREWALL = FirewallProfile("fw", "https://192.0.2.1", "svc", Secret("secret-key"))
OURS, ORDERED, OTHERS = (certificate(name, age=10) for name in ("www.example.com", "www.example.com", "x.example.com"))


def profile(name: str) -> CertificateProfile:
    return dataclasses.replace(PROFILE, id=f"id-of-{name}", name=name)


WWW, OTHER = profile("www"), profile("other")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = Store(tmp_path / "state")
    made.prepare()
    made.save_installed(WWW.id, InstalledRecord("1", "www", "d", "", "", chain=OURS.pem))
    made.save_installed(OTHER.id, InstalledRecord("2", "other", "d", "", "", chain=OTHERS.pem))
    order = OrderRecord(WWW.id, "fw", "www-2", "renew", "issued", "d", "r", "due", "", chain=ORDERED.pem)
    made.save_order(order)
    return made


def own(store: Store, days: float = 0, **more: Any) -> set[str]:
    now = NOW + datetime.timedelta(days=days)
    return set(own_certificates(store, dataclasses.replace(FIREWALL, **more), [WWW, OTHER], now))


@pytest.mark.parametrize(
    ("running", "candidate", "found"),
    [
        ("", "", set()),
        ("www", "www", {OURS.sha256, ORDERED.sha256}),
        ("www-7", "www-7", {OURS.sha256, ORDERED.sha256}),
        ("factory", "www", {OURS.sha256, ORDERED.sha256}),
        ("other", "factory", {OTHERS.sha256}),
        ("www", "other", {OURS.sha256, ORDERED.sha256, OTHERS.sha256}),
        ("wwww", "www-x", set()),
        ("factory", "www-02", set()),
    ],
)
def test_those_that_the_management_interface_names(store: Store, running: str, candidate: str, found: set[str]) -> None:
    assert own(store) == set(), "nothing is known yet"
    store.save_management(ManagementRecord("fw", running, candidate))
    store.save_management(ManagementRecord("fw-2", "other", "www"))
    assert own(store) == found
    assert own(store, trust_own=True) == {OURS.sha256, ORDERED.sha256, OTHERS.sha256}


def test_none_that_is_expired_or_revoked(store: Store) -> None:
    everything = {OURS.sha256, ORDERED.sha256, OTHERS.sha256}
    assert own(store, trust_own=True, days=189) == everything
    assert own(store, trust_own=True, days=191) == set()
    store.save_installed(OTHER.id, InstalledRecord("2", "other", "d", "", "", revoked=True, chain=OTHERS.pem))
    assert own(store, trust_own=True) == everything - {OTHERS.sha256}


@pytest.mark.parametrize("place", ["management/fw.json", f"orders/{WWW.id}.json", f"installed/{WWW.id}.json"])
def test_what_cannot_be_read_is_no_reason_to_trust(store: Store, place: str) -> None:
    store.save_management(ManagementRecord("fw", "www", ""))
    (store.folder / "journal" / place).write_text("{", "utf-8")
    assert own(store) == set()


class Interface:
    """A firewall whose management interface serves an entry, or that refuses to say so."""

    def __init__(self, running: str = "", candidate: str = "", error: PeerError | None = None) -> None:
        self.names = {True: running, False: candidate}
        self.error = error
        self.calls = 0

    def management_certificate(self, running: bool = True) -> str:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return self.names[running]


def remember(store: Store, interface: Interface, firewall: FirewallProfile = FIREWALL) -> ManagementRecord | None:
    remember_management(store, cast("PanosClient", interface), firewall)
    return store.load_management("fw")


def test_what_the_interface_serves_is_remembered(store: Store) -> None:
    assert remember(store, Interface("factory", "www")) == ManagementRecord("fw", "factory", "www")
    assert remember(store, Interface(error=Refused("no"))) == ManagementRecord("fw", "factory", "www")
    before = (store.folder / "journal/management/fw.json").stat().st_ino
    remember(store, Interface("factory", "www"))
    assert (store.folder / "journal/management/fw.json").stat().st_ino == before, "written only where it is news"
    assert remember(store, Interface()) == ManagementRecord("fw", "", "")


@pytest.mark.parametrize("more", [{"trust": Trust(pin="00" * 32)}, {"trust": Trust(off=True)}, {"trust_own": True}])
def test_nothing_is_asked_where_it_would_change_nothing(store: Store, more: dict[str, Any]) -> None:
    interface = Interface("www", "www")
    assert remember(store, interface, dataclasses.replace(FIREWALL, **more)) is None
    assert interface.calls == 0


def test_a_state_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    assert remember(Store(tmp_path / "none"), Interface("www", "www")) is None
