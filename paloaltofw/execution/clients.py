"""The clients that a run uses: one for each SCM account, one for each firewall."""

from __future__ import annotations

import datetime
import logging
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, PeerError, StateError
from paloaltofw.execution.observe import read_certificate
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.records import ManagementRecord
from paloaltofw.model.settings import Configuration
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope
from paloaltofw.panos.panorama_client import PanoramaClient
from paloaltofw.pki.certificate import Certificate
from paloaltofw.scm.client import ScmClient
from paloaltofw.storage.store import Store

log = logging.getLogger(__name__)


class ScmClientPool:
    """SCM clients, made when first needed: one for each account, so that each fetches one token a run."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._clients: dict[str, ScmClient] = {}
        self._lock = threading.Lock()

    def __call__(self, label: str) -> ScmClient:
        """The client of an account; raises AgentError if there is none (an order may be older than the credentials)."""
        with self._lock:
            if label not in self._configuration.accounts:
                where = str(self._configuration.settings.credentials)
                what = f"there is no SCM account {label!r}, with which an order was made"
                raise AgentError(what, where, "add it again, or run: paloaltoagent forget --order -p NAME")
            if label not in self._clients:
                settings = self._configuration.settings
                self._clients[label] = ScmClient(
                    self._configuration.accounts[label],
                    settings.token_url,
                    settings.ca_bundle,
                    settings.scm_timeout,
                    self._clock,
                )
            return self._clients[label]

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()


C = TypeVar("C", bound=PanosClient)


def open_firewall(configuration: Configuration, profile: FirewallProfile, clock: Clock) -> PanosClient:
    """The client of a run."""
    kind = PanosClient if profile.panorama is None else PanoramaClient
    return open_firewall_as(kind, configuration, profile, clock)


def open_firewall_as(kind: type[C], configuration: Configuration, profile: FirewallProfile, clock: Clock) -> C:
    """A client for a firewall profile. It trusts the management certificates that the agent itself put onto it.

    So a management certificate that the agent renews does not lock it out: the key of such a certificate never left
    the firewall, and its fingerprint is in the journal since before it was imported.
    """
    certificates = [item for item in configuration.certificates.values() if item.firewall == profile.id]
    store = Store(configuration.settings.state)
    return kind(
        profile.id, profile.url, profile.api_key, profile.trust, profile.timeout, scope_of(profile), clock,
        lambda: own_certificates(store, profile, certificates, clock.now()),
    )  # fmt: skip


def scope_of(profile: FirewallProfile) -> Scope:
    """Where on the device the certificates of a firewall profile are."""
    place = profile.panorama
    return Scope(profile.vsys, place.template, place.template_stack) if place else Scope(profile.vsys)


def own_certificates(
    store: Store, firewall: FirewallProfile, profiles: Iterable[CertificateProfile], now: datetime.datetime
) -> frozenset[str]:
    """Fingerprints (hex) of the agent's own certificates that a firewall's management interface may present.

    Only those of the profiles whose entries the interface was last seen to serve, or of all with `trust_own`; none that
    has expired, and none that SCM calls revoked: whoever has the key of another service must not be taken for the
    firewall.
    """
    named = profiles if firewall.trust_own else _served_by_management(store, firewall, profiles)
    leaves = (leaf for profile in named for leaf in _leaves(store, profile.id))
    return frozenset(leaf.sha256 for leaf in leaves if leaf.not_after > now)


def remember_management(store: Store, client: PanosClient, firewall: FirewallProfile) -> None:
    """Note which entries the management interface serves, now and after the next commit.

    To be called over a connection that is trusted: at the end of an observation, and before a commit that moves a
    service profile. What cannot be read leaves the memory as it is. Nothing is asked where nothing would be trusted
    because of it.
    """
    if firewall.trust.pin or firewall.trust.off or firewall.trust_own:
        return
    if firewall.vsys != "shared" or firewall.panorama:
        return  # in a vsys or a template nothing is ours that the interface could serve: that is one of shared
    try:
        running = client.management_certificate()
        record = ManagementRecord(firewall.id, running, client.management_certificate(running=False))
        if _memory(store, firewall) != record:
            store.save_management(record)
    except (PeerError, StateError) as error:
        log.info("firewall=%s what its management interface serves is not known: %s", firewall.id, error)


def _served_by_management(
    store: Store, firewall: FirewallProfile, profiles: Iterable[CertificateProfile]
) -> list[CertificateProfile]:
    memory = _memory(store, firewall) if firewall.vsys == "shared" else None
    entries = (memory.running, memory.candidate) if memory is not None else ()
    return [item for item in profiles if any(series_number(item.name, entry) is not None for entry in entries)]


def _memory(store: Store, firewall: FirewallProfile) -> ManagementRecord | None:
    try:
        return store.load_management(firewall.id)
    except StateError as error:
        log.warning("%s", error)
        return None


def _leaves(store: Store, profile: str) -> Iterator[Certificate]:
    """The certificates that were issued for a profile's keys and are not known to be revoked."""
    try:
        order, installed = store.load_order(profile), store.load_installed(profile)
    except StateError:
        return  # reported where the profile is worked on
    chains = [order.chain if order is not None else ""]
    chains.append(installed.chain if installed is not None and not installed.revoked else "")
    for chain in chains:
        leaf = read_certificate(chain)
        if leaf is not None:
            yield leaf
