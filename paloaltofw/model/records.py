"""What the journal holds: orders, installed certificates, commits."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Phase(str, Enum):
    """How far an order is. Each value is on the disk before the request that it announces is sent."""

    GENERATING = "generating"  # the firewall may have been asked for a key and CSR under `entry`
    READY = "ready"  # the CSR is read and proven; nothing is ordered
    SUBMITTING = "submitting"  # the order may have been sent; its answer is not known
    ORDERED = "ordered"  # SCM gave `certificate_id`
    ISSUED = "issued"  # the proven chain is in `chain`
    FAILED = "failed"  # final: declined, rejected or the like; `failure` says what


class Record:
    """Base of what is stored as JSON."""


@dataclass(frozen=True)
class OrderRecord(Record):
    """An unfinished order. Times are RFC 3339; `requested` says what the profile asked for (lifecycle/requested.py).

    `previous_certificate_id` is what renew and replace work on; `superseded_certificate_id` is to be revoked once the
    successor is in service. `account` is where the order is; `is_automatic`: no person asked for it. `is_held`: SCM
    took the order without naming its ID, so it is never sent again by itself.
    """

    profile: str
    firewall: str
    entry: str
    operation: str
    phase: str
    requested: str
    reference: str
    reason: str
    created_at: str
    csr: str = ""
    csr_sha256: str = ""
    spki_sha256: str = ""
    previous_certificate_id: str | None = None
    superseded_certificate_id: str | None = None
    certificate_id: str | None = None
    ordered_at: str | None = None
    same_key: bool = False
    submissions: int = 0
    chain: str = ""
    failure: str = ""
    waits_for: str = ""
    account: str = ""
    is_automatic: bool = True
    is_held: bool = False


@dataclass(frozen=True)
class InstalledRecord(Record):
    """The certificate in service: what was asked for it, and when SCM last said that it is not revoked.

    `called_revoked_at`: when SCM first called it revoked, which one answer does not prove; `revoked_by_person_at`: when
    `revoke` was run. `entry` is empty where `revoke` was run and nothing was known of the certificate but its ID.
    """

    certificate_id: str
    entry: str
    requested: str
    csr: str
    checked_at: str
    revoked: bool = False
    chain: str = ""
    account: str = ""
    installed_at: str = ""
    called_revoked_at: str = ""
    revoked_by_person_at: str = ""


class Answer(str, Enum):
    """How an order in the ledger was answered, as far as is known."""

    UNKNOWN = "unknown"  # sent, or about to be: SCM may hold it
    REFUSED = "refused"  # SCM understood and said no: nothing was ordered
    TAKEN = "taken"  # SCM named an ID


@dataclass(frozen=True)
class LedgerEntry(Record):
    """One order that was made for a certificate, kept after the order has ended (contract.md §10).

    Times are RFC 3339. `sha256`, `not_before` and `not_after` are those of the certificate that it gave.
    """

    profile: str
    reference: str
    ordered_at: str
    operation: str
    reason: str
    requested: str
    account: str = ""
    spki_sha256: str = ""
    is_automatic: bool = True
    answer: str = Answer.UNKNOWN.value
    certificate_id: str | None = None
    sha256: str = ""
    not_before: str = ""
    not_after: str = ""

    @property
    def may_be_held(self) -> bool:
        """Whether SCM holds this order, or may hold it."""
        return self.answer != Answer.REFUSED.value


@dataclass(frozen=True)
class CommitRecord(Record):
    """A commit that was sent; without `job_id` its answer was lost.

    `url`: the unit of an HA pair to which it was sent, since each numbers its jobs for itself; empty: the first one.
    """

    firewall: str
    description: str
    started_at: str
    job_id: str | None = None
    url: str = ""


@dataclass(frozen=True)
class LockRecord(Record):
    """Locks that were asked for and not seen to be released. `comment` is theirs; `url`: the device that was asked."""

    firewall: str
    comment: str
    taken_at: str
    url: str = ""


@dataclass(frozen=True)
class PushRecord(Record):
    """What a Panorama has, or is about to have, that its devices lack. It is there before the commit is sent.

    `lacking`: serial numbers of the devices that are known to lack it, one a line; empty: any may. `stack` is the
    template stack whose push was sent and not seen to end, with its `description`; without `job_id` the answer was
    lost.
    """

    firewall: str
    since: str
    lacking: str = ""
    stack: str = ""
    description: str = ""
    job_id: str | None = None


@dataclass(frozen=True)
class HookRecord(Record):
    """A certificate is in service whose hook has not ended yet."""

    profile: str
    certificate_id: str


class ServePhase(str, Enum):
    """How far the serve check of a certificate is. Without a record nothing was asked yet."""

    NOTED = "noted"  # what was served before the commit is in `before` and `moved`; or a revocation is owed
    WRONG = "wrong"  # asked, and it did not pass: the next run asks again
    PASSED = "passed"  # asked, and every endpoint serves it
    GOING_BACK = "going-back"  # the references may have been moved back, which is not seen committed
    WENT_BACK = "went-back"  # the predecessor serves again, until a person acts


@dataclass(frozen=True)
class ServeRecord(Record):
    """The serve check of the certificate with the fingerprint `sha256`; it says nothing of any other.

    `asked`: the endpoints, and what was to happen (ServeCheck.text): a finding counts for this alone. `finding` is what
    was wrong. `before`: what the endpoints served before the commit, `moved`: what the service profiles served
    (lifecycle/serving.py reads both). `back_until`: until when the predecessor may serve again. The successor's hook,
    or its predecessor's revocation, may be owed until the check has passed.
    """

    profile: str
    sha256: str
    asked: str
    phase: str
    at: str
    finding: str = ""
    before: str = ""
    moved: str = ""
    back_until: str = ""
    superseded_certificate_id: str | None = None
    account: str = ""
    owes_hook: bool = False


@dataclass(frozen=True)
class DeviceRecord(Record):
    """Which device, at which address, a firewall profile works on; an empty serial number tells devices not apart.

    `serial` is followed by the vsys: two profiles may work on two of them. The other unit of an HA pair is a device of
    the same profile, known once it was worked on or asked.
    """

    firewall: str
    serial: str
    url: str = ""
    peer_serial: str = ""
    peer_url: str = ""

    @property
    def units(self) -> dict[str, str]:
        """The serial number at each address."""
        return {self.url: self.serial, **({self.peer_url: self.peer_serial} if self.peer_url else {})}


@dataclass(frozen=True)
class ManagementRecord(Record):
    """The entries that a firewall's management interface serves, as a trusted connection saw them.

    `running` is what it presents, `candidate` what it presents after the next commit; empty where it names none.
    """

    firewall: str
    running: str
    candidate: str


@dataclass(frozen=True)
class ProbeRecord(Record):
    """A probe was begun on a firewall and its clean-up was not seen to end well."""

    firewall: str
    admin: str
    started_at: str


@dataclass(frozen=True)
class RunRecord(Record):
    """One run that came to its end, in numbers. Times are RFC 3339; `orders` and `commits` are those made in it."""

    command: str
    started_at: str
    ended_at: str
    exit_code: int
    certificates: int = 0
    orders: int = 0
    commits: int = 0
    failures: int = 0
    pending: int = 0
