"""The work on one certificate while it goes on: a type for each phase, so that no step finds half of what it needs.

    Planned -> Requested -> Ordered -> Delivered -> Issued -> Imported -> Installed -> InService
                               `-> Failed

A later phase is also the earlier ones from Ordered on: what needs an order's ID takes an issued certificate too.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from paloaltofw.errors import AgentError, StateError
from paloaltofw.lifecycle.decision import Decision
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.steps import Step
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.pki.certificate import Csr, VerificationError, parse_certificates, parse_csr
from paloaltofw.pki.chain import Chain, build_chain

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
OPERATIONS = ("enroll", "renew", "replace")


@dataclass(frozen=True)
class Planned:
    """Nothing is ordered. A record in the journal says at most that a key and a CSR may have been asked for."""

    record: OrderRecord | None = None


@dataclass(frozen=True)
class Requested:
    """The request is in the journal. `csr` is verified; None where SCM uses its own copy for the same key."""

    record: OrderRecord
    csr: Csr | None


@dataclass(frozen=True)
class Ordered:
    """SCM holds the order."""

    record: OrderRecord
    certificate_id: str


@dataclass(frozen=True)
class Delivered(Ordered):
    """SCM delivered a chain, which is in order but not verified."""

    chain: Chain


@dataclass(frozen=True)
class Issued(Delivered):
    """The chain is verified and in the journal."""


@dataclass(frozen=True)
class Imported(Issued):
    """The firewall took the certificate under `entry`; whether it holds it is not seen yet."""

    entry: str


@dataclass(frozen=True)
class Installed(Imported):
    """The candidate configuration was seen to hold the certificate."""


@dataclass(frozen=True)
class InService(Issued):
    """The running configuration was seen to hold the certificate, and its ID is saved."""


@dataclass(frozen=True)
class Failed:
    """The order has ended without a certificate."""

    record: OrderRecord


TaskPhase = Planned | Requested | Ordered | Failed


def phase_of(record: OrderRecord | None, name: str, firewall: str) -> TaskPhase:
    """Return the phase that the journal is in; raises StateError where the record lacks what its phase needs.

    `name` is the certificate's name on the firewall: an order under another name, or on another firewall, is not this
    profile's any more.
    """
    if record is None:
        return Planned(record)
    try:
        _verify(record, name)
        if record.firewall != firewall:
            raise VerificationError(f"it was made for the firewall {record.firewall}")
        if record.phase == Phase.GENERATING:
            return Planned(record)
        if record.phase == Phase.FAILED:
            return Failed(record)
        if record.phase in (Phase.READY, Phase.SUBMITTING):
            return Requested(record, parse_csr(record.csr) if record.csr else None)
        if record.certificate_id is None:
            raise VerificationError("there is no certificate ID")
        if record.phase == Phase.ORDERED:
            return Ordered(record, record.certificate_id)
        chain = build_chain(parse_certificates(record.chain), record.spki_sha256)
        return Issued(record, record.certificate_id, chain)
    except VerificationError as error:
        where = f"order journal of {record.profile}, phase {record.phase}"
        remedy = f"look for the order in the SCM portal, then run: paloaltoagent forget --order -p {record.profile}"
        raise StateError(f"cannot be used: {error}", where, remedy) from None


def _verify(record: OrderRecord, name: str) -> None:
    """See that a record holds values that the agent writes; raises VerificationError."""
    if record.phase not in {phase.value for phase in Phase}:
        raise VerificationError(f"there is no phase {record.phase[:40]!r}")
    if record.operation not in OPERATIONS:
        raise VerificationError(f"there is no operation {record.operation[:40]!r}")
    if record.phase not in (Phase.GENERATING, Phase.FAILED) and not _FINGERPRINT.fullmatch(record.spki_sha256):
        raise VerificationError("it does not say which key was ordered")
    if series_number(name, record.entry) is None:
        raise VerificationError(f"its entry {record.entry[:63]!r} is not of the series {name}")


@dataclass
class CertificateTask:
    """The work on one certificate: what was observed and decided, and how far it is.

    `waits_for` says in words what keeps it pending; `notes` are for report and log; `revokes_predecessor`: the user
    asked for that; `is_asked_for`: a person asked for an order. `trouble` is a failure that keeps no further step from
    being made; `service_failure` is one of the serve check, `hook_failure` one of the hook, `device_failure` one of the
    firewall besides: the certificate is installed all the same. `put_back`: the entry that serves again because of the
    serve check. `kept_predecessors`: why each was kept.
    """

    profile: CertificateProfile
    observed: Observation
    decision: Decision
    phase: TaskPhase = Planned()
    revokes_predecessor: bool = False
    notes: list[str] = field(default_factory=list)
    error: AgentError | None = None
    is_pending: bool = False
    waits_for: str = ""
    is_asked_for: bool = False
    trouble: AgentError | None = None
    kept_predecessors: dict[str, str] = field(default_factory=dict)
    service_failure: AgentError | None = None
    device_failure: AgentError | None = None
    hook_failure: AgentError | None = None
    put_back: str = ""

    @property
    def is_open(self) -> bool:
        """Whether the next step of the plan may be made."""
        return self.error is None and not self.is_pending

    @property
    def certificate_id(self) -> str | None:
        """The ID of the order that is on its way; None if SCM has named none."""
        return self.phase.record.certificate_id if self.phase.record else None

    def step(self, kind: type[Step]) -> Step | None:
        """The plan's step of a kind; None if there is none."""
        return next((step for step in self.decision.steps if isinstance(step, kind)), None)
