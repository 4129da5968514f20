"""The firewall profile: one PAN-OS device and how to reach it."""

from __future__ import annotations

from dataclasses import dataclass

from paloaltofw.model.commit_window import ALWAYS, CommitWindow
from paloaltofw.model.firewall_objects import firewall_title
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
class FirewallProfile:
    """One PAN-OS device. `timeout`, `commit_timeout` and `busy_wait` are in seconds.

    `chain`: intermediates become entries of their own (separate), or follow the certificate in its entry (bundle).
    `lock`: which locks are taken around changes, a key of `LOCKS`; `validates`: a validate job precedes each commit.
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

    @property
    def address(self) -> str:
        """Host, and port where it is not 443, of the management interface."""
        return self.url.removeprefix("https://")

    @property
    def title(self) -> str:
        """How errors and logs name it: once, with its address."""
        return firewall_title(self.id, self.url)
