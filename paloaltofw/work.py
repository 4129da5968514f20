"""What the rooms of the executor share: the run's context, and the work on one certificate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from paloaltofw.certificate_profile import CertificateProfile
from paloaltofw.certificates import Certificate, Chain, Csr, first_der
from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, Busy
from paloaltofw.firewall_profile import FirewallProfile
from paloaltofw.lifecycle import Seen
from paloaltofw.panos import PanosClient
from paloaltofw.panos_xml import CertificateEntry
from paloaltofw.scm import ScmClient
from paloaltofw.settings import Settings
from paloaltofw.steps import Action, Blocked, Decision, State, Step
from paloaltofw.storage import OrderRecord, Store

T = TypeVar("T")
log = logging.getLogger("paloaltofw.events")
# Seconds between two attempts while a lock or another commit is in the way.
BUSY_PAUSE = 15.0


class Progress(Protocol):
    """Where a run tells how it goes. The silent one is the default."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins."""

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time."""


class Silent:
    """Progress for cron."""

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """Say nothing."""

    def waiting(self, firewall: str, text: str) -> None:
        """Say nothing."""


@dataclass
class Work:
    """The work on one certificate, while it goes on."""

    profile: CertificateProfile
    seen: Seen
    decision: Decision
    revoke_predecessor: bool = False
    order: OrderRecord | None = None
    csr: Csr | None = None
    chain: Chain | None = None
    notes: list[str] = field(default_factory=list)
    error: AgentError | None = None
    is_pending: bool = False
    waits_for: str = ""
    state: State | None = None
    certificate: Certificate | None = None
    imported_as: str | None = None

    @property
    def is_open(self) -> bool:
        """Whether the next step of the plan may be made."""
        return self.error is None and not self.is_pending


@dataclass(frozen=True)
class Outcome:
    """What became of one certificate, for report and JSON."""

    profile: str
    firewall: str
    state: State
    action: Action
    reason: str = ""
    certificate_id: str | None = None
    order_id: str | None = None
    ordered_at: str | None = None
    waits_for: str = ""
    certificate: Certificate | None = None
    entry: str | None = None
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    error: AgentError | Blocked | None = None


@dataclass
class Context:
    """One run on one firewall. `busy_budget` (seconds) is what it may spend waiting for locks and other commits."""

    settings: Settings
    firewall: FirewallProfile
    client: PanosClient
    scm: Callable[[str], ScmClient]
    store: Store
    clock: Clock
    progress: Progress
    wait: float
    busy_budget: float
    has_changed: bool = False
    is_identified: bool = False
    changed_profiles: set[str] = field(default_factory=set)
    entries: dict[str, CertificateEntry] | None = None
    held: set[bytes] = field(default_factory=set)

    def read_entries(self) -> dict[str, CertificateEntry]:
        """The certificate entries as they were when the first of the run's certificates was to be installed.

        `held` gets the certificates (DER) that no other administrator's uncommitted change brought in.
        """
        if self.entries is None:
            self.entries = self.client.certificates()
            ours = (entry for entry in self.entries.values() if entry.changed_by <= {self.firewall.admin})
            self.held = {der for der in (first_der(entry.certificate_pem) for entry in ours) if der}
        return self.entries

    def patiently(self, action: Callable[[], T]) -> T:
        """Do something that the firewall may refuse for a lock or a commit; a refusal changes nothing, so try again."""
        while True:
            try:
                return action()
            except Busy as busy:
                pause = busy.retry_after or BUSY_PAUSE
                if self.busy_budget < pause:
                    raise
                self.busy_budget -= pause
                self.progress.waiting(self.firewall.id, busy.what)
                log.info("firewall=%s waits: %s", self.firewall.id, busy.what)
                self.clock.sleep(pause)

    def event(self, work: Work, text: str, *details: object) -> None:
        """One line in the log for a main event."""
        order = work.order.order_id if work.order and work.order.order_id else "-"
        prefix = "profile=%s firewall=%s order=%s "
        log.info(prefix + text, work.profile.id, self.firewall.id, order, *details)
