"""What the steps of a run share: the run's context, and the work on one certificate."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, Busy
from paloaltofw.execution.progress import Progress, Silent
from paloaltofw.lifecycle.decision import Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import CertificateEntry
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.records import OrderRecord
from paloaltofw.model.settings import Configuration, Settings
from paloaltofw.panos.client import PanosClient
from paloaltofw.pki.certificate import Certificate, Csr, first_der
from paloaltofw.pki.chain import Chain
from paloaltofw.scm.client import ScmClient
from paloaltofw.storage.store import Store

T = TypeVar("T")
events = logging.getLogger("paloaltofw.events")
# Seconds between two attempts while a lock or another commit is in the way.
BUSY_PAUSE = 15.0


@dataclass(frozen=True)
class Run:
    """What one invocation of the program does. `is_dry` plans only; `wait` is in seconds.

    `asks_orders`: SCM is asked how open orders stand, for `status`.
    """

    configuration: Configuration
    request: RunRequest
    clock: Clock
    wait: float
    is_dry: bool = False
    asks_orders: bool = False
    progress: Progress = Silent()  # noqa: RUF009 - it has no state


@dataclass
class CertificateTask:
    """The work on one certificate, while it goes on."""

    profile: CertificateProfile
    observed: Observation
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
    generations: set[bytes] = field(default_factory=set)

    def read_entries(self) -> dict[str, CertificateEntry]:
        """The certificate entries as they were when the first of the run's certificates was to be installed.

        `held` gets the certificates (DER) that no other administrator's uncommitted change brought in.
        """
        if self.entries is None:
            self.entries = self.client.certificates()
            ours = (entry for entry in self.entries.values() if entry.changed_by <= {self.firewall.admin})
            self.generations = {der for der in (first_der(entry.certificate_pem) for entry in ours) if der}
        return self.entries

    def retry_while_busy(self, action: Callable[[], T]) -> T:
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
                events.info("firewall=%s waits: %s", self.firewall.id, busy.what)
                self.clock.sleep(pause)

    def event(self, task: CertificateTask, text: str, *details: object) -> None:
        """One line in the log for a main event."""
        order = task.order.certificate_id if task.order and task.order.certificate_id else "-"
        prefix = "profile=%s firewall=%s order=%s "
        events.info(prefix + text, task.profile.id, self.firewall.id, order, *details)
