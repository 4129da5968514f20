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
    """An unfinished order. Times are RFC 3339; `requested` is the digest of what the profile asked for.

    `previous_certificate_id` is what renew and replace work on; `superseded_certificate_id` is to be revoked once the
    successor is in service.
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


@dataclass(frozen=True)
class InstalledRecord(Record):
    """The certificate in service: what was asked for it, and when SCM last said that it is not revoked."""

    certificate_id: str
    entry: str
    requested: str
    csr: str
    checked_at: str
    revoked: bool = False
    chain: str = ""


@dataclass(frozen=True)
class CommitRecord(Record):
    """A commit that was sent; without `job_id` its answer was lost."""

    firewall: str
    description: str
    started_at: str
    job_id: str | None = None


@dataclass(frozen=True)
class ManagementRecord(Record):
    """The entries that a firewall's management interface serves, as a trusted connection saw them.

    `running` is what it presents, `candidate` what it presents after the next commit; empty where it names none.
    """

    firewall: str
    running: str
    candidate: str
