"""What a firewall holds, as values: certificate entries, SSL/TLS service profiles, changes, locks, jobs."""

from __future__ import annotations

from dataclasses import dataclass

# PAN-OS allows 63 characters in a certificate's name, 31 where Panorama is involved (panos.md §7); the agent keeps to
# the smaller one everywhere and leaves room for the suffix -2 … -999 of successors.
OBJECT_NAME_LIMIT = 31
SUFFIX_ROOM = len("-999")
CERTIFICATE_NAME_LIMIT = OBJECT_NAME_LIMIT - SUFFIX_ROOM


def firewall_title(name: str, url: str) -> str:
    """Return how errors and logs name a firewall: once, with its address."""
    return f"firewall {name} ({url.removeprefix('https://').rstrip('/')})"


@dataclass(frozen=True)
class SystemInfo:
    """Who answers (panos.md §3, type=version)."""

    model: str
    version: str
    serial: str

    @property
    def is_panorama(self) -> bool:
        """Panorama, or an M-series appliance, which runs it."""
        return self.model == "Panorama" or self.model.startswith("M-")


@dataclass(frozen=True)
class CertificateEntry:
    """A certificate entry of the configuration (panos.md §6), without its private key.

    `changed_by` names the administrators of uncommitted changes; empty if there are none. `template` names the Panorama
    template that pushed the entry.
    """

    name: str
    certificate_pem: str
    csr_pem: str
    has_private_key: bool
    is_revoked: bool = False
    changed_by: frozenset[str] = frozenset()
    template: str = ""


@dataclass(frozen=True)
class ServiceProfile:
    """An SSL/TLS service profile and the certificate that it serves (panos.md §8)."""

    name: str
    certificate: str
    changed_by: frozenset[str] = frozenset()
    template: str = ""


@dataclass(frozen=True)
class Change:
    """One entry of the list of uncommitted changes (panos.md §3)."""

    owner: str
    xpath: str
    action: str


@dataclass(frozen=True)
class Lock:
    """A config or commit lock (panos.md §3). `scope` is shared or a vsys."""

    owner: str
    kind: str
    scope: str


@dataclass(frozen=True)
class Job:
    """A job (panos.md §9). `progress` is 0 to 100."""

    id: str
    type: str
    status: str
    result: str
    progress: int
    user: str
    description: str
    details: str

    @property
    def is_finished(self) -> bool:
        """FIN is the only final status."""
        return self.status == "FIN"

    @property
    def is_ok(self) -> bool:
        """Finished, and well."""
        return self.is_finished and self.result == "OK"
