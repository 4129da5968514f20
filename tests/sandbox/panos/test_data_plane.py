"""The simulated data plane, met by plain ssl: it serves the running configuration, or what a switch says."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.base.authority import CertificateAuthority, ChainForm, Organization, Product
from paloaltofw.sandbox.base.clock import ManualClock
from paloaltofw.sandbox.panos.data_plane import DataPlane, DataPlaneServer
from paloaltofw.sandbox.panos.device import Firewall, PanosSwitches
from tests.sandbox.panos import bench

PORTAL = "vpn-portal"
START = datetime.datetime(2027, 3, 1, tzinfo=datetime.timezone.utc)


class Bench:
    """One firewall, whose portal serves `www` on a loopback port."""

    def __init__(self) -> None:
        self.clock = ManualClock(START)
        self.authority = CertificateAuthority(self.clock)
        self.firewall = Firewall("fw", self.clock)
        self.chains: dict[str, list[x509.Certificate]] = {}
        for number, name in enumerate(("www", "www-2")):
            self.install(name, bench.key(number))
        self.firewall.install_profile(PORTAL, "www")
        self.server = DataPlaneServer(DataPlane(self.firewall), PORTAL).start()

    def install(self, name: str, key: Any) -> None:
        subject = bench.name("www.example.com")
        csr = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
        leaf = self.authority.issue(csr, Product("DV", 200, Organization()), ["www.example.com"], START)
        self.chains[name] = self.authority._chain(leaf, ChainForm())
        self.firewall.install_certificate(name, leaf, key)

    def switch(self, **values: Any) -> None:
        self.firewall.switches = replace(self.firewall.switches, **values)

    def commit(self, entry: str) -> None:
        """As somebody's commit does, which bound another entry."""
        for root in self.firewall._roots():
            leaf = root.find(f"shared/ssl-tls-service-profile/entry[@name='{PORTAL}']/certificate")
            assert leaf is not None
            leaf.text = entry
        for listener in self.firewall.listeners:
            listener()

    def met(self) -> list[bytes]:
        """What a client is presented; nothing where the handshake does not come about."""
        host, _, port = self.server.address.partition(":")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        try:
            with socket.create_connection((host, int(port)), 5) as plain, context.wrap_socket(plain) as secured:
                inner: Any = secured._sslobj  # type: ignore[attr-defined]
                if inner is None:
                    return []  # reset before the handshake began
                return [item.public_bytes(2) for item in inner.get_unverified_chain()]
        except OSError:
            return []

    def der(self, name: str, count: int = 1) -> list[bytes]:
        return [item.public_bytes(Encoding.DER) for item in self.chains[name][:count]]


@pytest.fixture
def place() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.server.stop()


def test_it_serves_what_was_committed(place: Bench) -> None:
    assert place.met() == place.der("www")
    place.commit("www-2")
    assert place.met() == place.der("www-2")


def test_a_commit_takes_effect_after_a_while(place: Bench) -> None:
    place.switch(data_plane_delay=60.0)
    place.commit("www-2")
    assert place.met() == place.der("www")
    place.clock.advance(59)
    assert place.met() == place.der("www")
    place.clock.advance(1)
    assert place.met() == place.der("www-2")


def test_it_may_keep_what_it_had_until_it_follows_again(place: Bench) -> None:
    place.switch(data_plane="stays_old")
    place.commit("www-2")
    assert place.met() == place.der("www")
    place.switch(data_plane="follows")
    assert place.met() == place.der("www-2")


def test_it_may_serve_anothers_or_reset(place: Bench) -> None:
    place.switch(data_plane="another")
    (other,) = place.met()
    assert x509.load_der_x509_certificate(other).subject.rfc4514_string() == "CN=default.invalid"
    place.switch(data_plane="resets")
    assert place.met() == []
    place.switch(data_plane="follows")
    place.commit("nobody")
    assert place.met() == []


def test_issuers_in_entries_of_their_own_are_sent_only_where_the_switch_says_so(place: Bench) -> None:
    chain = place.chains["www"]
    assert len(chain) > 1
    for number, item in enumerate(chain[1:]):
        place.firewall.install_certificate(f"ca-{number}", item)
    assert place.met() == place.der("www")
    place.switch(served_chain="found_by_issuer")
    assert place.met() == place.der("www", len(chain))


@pytest.mark.parametrize(("bundle", "whole"), [("whole", True), ("leaf_only", False)])
def test_a_bundle_is_sent_whole_or_not(place: Bench, bundle: str, whole: bool) -> None:
    chain, key = place.chains["www"], bench.key(0)
    place.switch(served_bundle=bundle)
    for root in place.firewall._roots():
        entry = root.find("shared/certificate/entry[@name='www']")
        assert entry is not None
        entry[:] = []
        place.firewall.store.fill(entry, chain, key)
    assert place.met() == place.der("www", len(chain) if whole else 1)


def test_it_ends_with_its_threads_and_its_port() -> None:
    before = threading.active_count()
    made = Bench()
    host, _, port = made.server.address.partition(":")
    with socket.create_connection((host, int(port)), 5):
        pass
    assert made.met()
    made.server.stop()
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), 1).close()


def test_the_defaults_are_the_least_forgiving_ones() -> None:
    assert PanosSwitches().served_chain == "entry_only"
