"""What the steps of a run share: the run, and the context of one firewall in it."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, Busy
from paloaltofw.execution.progress import Progress, Silent
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.inputs import RunRequest
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import CertificateEntry
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.records import OrderRecord
from paloaltofw.model.settings import Configuration, Settings
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.references import ReferenceSearch
from paloaltofw.pki.certificate import first_der
from paloaltofw.scm.client import ScmClient
from paloaltofw.storage.store import Store

T = TypeVar("T")


def _nothing() -> None:
    """Nothing is to be asked before a change."""


events = logging.getLogger("paloaltofw.events")
# Seconds between two attempts while a lock or another commit is in the way.
BUSY_PAUSE = 15.0
# The same while another profile of the same Panorama has its turn.
TURN_PAUSE = 1.0


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


class Shared:
    """What the firewalls of one run share, besides the SCM clients; thread-safe. `firewalls`: the urls of each in use.

    `revocations`: how many certificates may be replaced on SCM's word alone, which an outage may give of all.
    """

    def __init__(self, revocations: int, firewalls: Mapping[str, frozenset[str]]) -> None:
        self.firewalls = firewalls
        self._revocations = revocations
        self._devices: dict[str, str] = {}
        self._busy: set[str] = set()
        self._lock = threading.Lock()

    def take_revocation(self) -> bool:
        """Whether one more certificate may be replaced because SCM calls it revoked."""
        with self._lock:
            self._revocations -= 1
            return self._revocations >= 0

    def claim_device(self, serial: str, firewall: str) -> str:
        """Return the firewall profile that works on a device in this run: the first one that asks."""
        with self._lock:
            return self._devices.setdefault(serial, firewall)

    @contextlib.contextmanager
    def alone_on(self, firewall: FirewallProfile, clock: Clock) -> Iterator[None]:
        """One profile of a Panorama at a time: where its session points may be one state for all (panos.md §4)."""
        if firewall.panorama is None:
            yield
            return
        while not self._take(firewall.url):
            clock.sleep(TURN_PAUSE)
        try:
            yield
        finally:
            with self._lock:
                self._busy.discard(firewall.url)

    def _take(self, url: str) -> bool:
        with self._lock:
            is_free = url not in self._busy
            self._busy.add(url)
            return is_free


@dataclass
class Context:
    """One run on one firewall. `busy_budget` (seconds) is what it may spend waiting for locks and other commits.

    `certificate_names` are those of all profiles of this firewall, whether they are selected or not. `lock_trouble`: a
    lock of the agent may be left on the firewall; `commit_barred`: why nothing may be committed. `imported` are the
    intermediates (DER) that this run has imported, by their entries. `firewall` and `client` are of the unit that is
    worked on; `peer` is the client of the other unit of an HA pair where the profile names both, `peer_trouble` why
    that one cannot be asked, `first_url` the profile's own. `ensure_active` is called before each change: it raises
    NotActive where the unit may not be changed (units.py).
    """

    settings: Settings
    firewall: FirewallProfile
    client: PanosClient
    scm: Callable[[str], ScmClient]
    shared: Shared
    store: Store
    clock: Clock
    progress: Progress
    wait: float
    busy_budget: float
    has_changed: bool = False
    is_device_claimed: bool = False
    certificate_names: frozenset[str] = frozenset()
    entries: dict[str, CertificateEntry] | None = None
    present: set[bytes] = field(default_factory=set)
    references: tuple[ReferenceSearch, ...] | None = None
    imported: dict[str, bytes] = field(default_factory=dict)
    lock_trouble: AgentError | None = None
    commit_barred: AgentError | None = None
    peer: PanosClient | None = None
    peer_trouble: str = ""
    first_url: str = ""
    is_in_pair: bool = False
    ensure_active: Callable[[], None] = _nothing
    notes: list[str] = field(default_factory=list)

    def scm_of(self, order: OrderRecord, profile: CertificateProfile) -> ScmClient:
        """The client of the account that an order was made with, whatever account the profile names by now."""
        return self.scm(order.account or profile.account)

    def read_entries(self) -> dict[str, CertificateEntry]:
        """The certificate entries as they were when the first of the run's certificates was to be installed.

        `present` gets the certificates (DER) that no other administrator's uncommitted change brought in.
        """
        if self.entries is None:
            self.entries = self.client.certificates()
            ours = (entry for entry in self.entries.values() if entry.changed_by <= {self.firewall.admin})
            self.present = {der for der in (first_der(entry.certificate_pem) for entry in ours) if der}
        return self.entries

    def change(self, action: Callable[[], T]) -> T:
        """Change something on the firewall, if its unit still is the one to work on, and again while it is busy."""

        def act() -> T:
            self.ensure_active()
            return action()

        return self.retry_while_busy(act)

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

    def event(self, profile: CertificateProfile, certificate_id: str | None, text: str, *details: object) -> None:
        """Write one line to the log for a main event of a certificate."""
        prefix = "profile=%s firewall=%s order=%s "
        events.info(prefix + text, profile.id, self.firewall.id, certificate_id or "-", *details)

    def task_event(self, task: CertificateTask, text: str, *details: object) -> None:
        """The same for a certificate's task."""
        self.event(task.profile, task.certificate_id, text, *details)
