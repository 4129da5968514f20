"""The firewall profile: one PAN-OS device and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from paloaltofw.model.commit_window import ALWAYS, CommitWindow
from paloaltofw.model.firewall_objects import firewall_title
from paloaltofw.model.panorama import PanoramaTarget
from paloaltofw.model.trust import SYSTEM_TRUST, Trust
from paloaltofw.secret import Secret

# The config lock first: whoever holds it alone keeps nobody from committing.
LOCKS = {
    "none": (),
    "commit": ("commit-lock",),
    "config": ("config-lock",),
    "both": ("config-lock", "commit-lock"),
}
DEFAULT_DESCRIPTION = "certificate renewal by the Sectigo connector"


@dataclass(frozen=True)
class HaPeer:
    """How the other unit of an HA pair is reached; administrator and everything else are those of the profile."""

    url: str
    api_key: Secret
    trust: Trust = SYSTEM_TRUST


@dataclass(frozen=True)
class FirewallProfile:
    """One PAN-OS device, or an HA pair. `timeout`, `commit_timeout`, `busy_wait`, `ha_sync_timeout` are in seconds.

    `chain`: intermediates become entries of their own (separate), or follow the certificate in its entry (bundle).
    `lock`: which locks are taken around changes, a key of `LOCKS`; `validates`: a validate job precedes each commit.
    `panorama`: the device is a Panorama, and certificates are in one of its templates.
    `trust_own`: every certificate that the agent obtained for this firewall may be its management certificate.
    """

    id: str
    url: str
    admin: str
    api_key: Secret
    commit_description: str = DEFAULT_DESCRIPTION
    vsys: str = "shared"
    chain: str = "separate"
    trust: Trust = SYSTEM_TRUST
    timeout: float = 60.0
    commit_timeout: float = 1200.0
    busy_wait: float = 300.0
    commit_window: CommitWindow = ALWAYS
    trust_own: bool = False
    lock: str = "none"
    validates: bool = False
    ha_peer: HaPeer | None = None
    ha_sync_timeout: float = 600.0
    panorama: PanoramaTarget | None = None

    @property
    def address(self) -> str:
        """Host, and port where it is not 443, of the management interface."""
        return self.url.removeprefix("https://")

    @property
    def title(self) -> str:
        """How errors and logs name it: once, with its address."""
        return firewall_title(self.id, self.url)

    @property
    def urls(self) -> frozenset[str]:
        """The addresses of all its units."""
        return frozenset({self.url} | ({self.ha_peer.url} if self.ha_peer else set()))

    @property
    def pair_title(self) -> str:
        """The same as `title` with the addresses of both units."""
        peer = f" and {self.ha_peer.url.removeprefix('https://')}" if self.ha_peer else ""
        return firewall_title(self.id, f"{self.url}{peer}")

    def other_unit(self) -> FirewallProfile:
        """The profile with its two units exchanged; itself where there is one."""
        if self.ha_peer is None:
            return self
        first = HaPeer(self.url, self.api_key, self.trust)
        return replace(
            self, url=self.ha_peer.url, api_key=self.ha_peer.api_key, trust=self.ha_peer.trust, ha_peer=first
        )
