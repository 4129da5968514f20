"""The clients that a run uses: one for each SCM account, one for each firewall."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, StateError
from paloaltofw.execution.observe import read_certificate
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.settings import Configuration
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope
from paloaltofw.scm.client import ScmClient
from paloaltofw.storage.store import Store


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


def open_firewall(configuration: Configuration, profile: FirewallProfile, clock: Clock) -> PanosClient:
    """A client for a firewall profile. It trusts the certificates that the agent itself put onto that firewall.

    So a management certificate that the agent renews does not lock it out: the key of such a certificate never left
    the firewall, and its fingerprint is in the journal since before it was imported.
    """
    ids = [item.id for item in configuration.certificates.values() if item.firewall == profile.id]
    store = Store(configuration.settings.state)
    return PanosClient(
        profile.id, profile.url, profile.api_key, profile.trust, profile.timeout, Scope(profile.vsys), clock,
        lambda: own_certificates(store, ids),
    )  # fmt: skip


def own_certificates(store: Store, profiles: Iterable[str]) -> frozenset[str]:
    """Fingerprints (hex) of the certificates that the agent obtained for keys of the firewall of these profiles."""
    found = set()
    for profile in profiles:
        try:
            records = (store.load_order(profile), store.load_installed(profile))
        except StateError:
            continue  # reported where the profile is worked on
        leaves = (read_certificate(record.chain) for record in records if record is not None)
        found |= {leaf.sha256 for leaf in leaves if leaf is not None}
    return frozenset(found)
