"""What a decision is made from: what was observed, and what the user asked for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.firewall_objects import Namesake, ServiceProfile
from paloaltofw.model.records import InstalledRecord, LedgerEntry, OrderRecord, ServeRecord
from paloaltofw.model.settings import DEFAULT_PENDING_ALARM
from paloaltofw.pki.certificate import Certificate


@dataclass(frozen=True)
class Observation:
    """What was observed for one certificate. `generations` ascend; `service_profiles` is None if not read.

    `unapplied`: the candidate configuration holds changes of the agent's own administrator to this certificate that the
    running configuration lacks. `running` is what the running configuration holds of the series, None if it was not
    read. `known` are fingerprints of certificates and public keys (hex) that the state folder calls the profile's own.
    `is_key_elsewhere`: the narrow way shows the key of the open order, although the list does not. `doubt`: why SCM's
    word on the certificate in service is not believed yet. `owes_commit`: an earlier run changed the firewall, and its
    commit was not seen to end well. `namesakes`: what bears a name of the series, or of a bound profile, in a
    scope that shadows this one or is shadowed by it; read before anything is ordered. `serve`: how far the last serve
    check is. `owes_push`: devices of a Panorama may lack what it has committed.
    """

    generations: tuple[CertificateGeneration, ...] = ()
    order: OrderRecord | None = None
    issued: Certificate | None = None
    certificate_id: str | None = None
    installed: InstalledRecord | None = None
    is_revoked_at_scm: bool = False
    service_profiles: Mapping[str, ServiceProfile] | None = None
    unapplied: bool = False
    running: tuple[CertificateGeneration, ...] | None = None
    known: frozenset[str] = frozenset()
    ledger: tuple[LedgerEntry, ...] = ()
    admin: str = ""
    is_key_elsewhere: bool = False
    doubt: str = ""
    owes_commit: bool = False
    serve: ServeRecord | None = None
    namesakes: tuple[Namesake, ...] = ()
    owes_push: bool = False


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for: the command, its options, and the settings that decisions depend on.

    `order_limit`: at most so many automatic orders in so many seconds; None is the rule of contract.md §10.
    `pending_alarm` is in seconds. `pushes_to`: where a Panorama pushes to, in words; empty for a firewall.
    """

    enroll: bool = False
    renew: bool = False
    replace: bool = False
    force: bool = False
    resubmit: bool = False
    revoke_predecessor: bool = False
    hold_lost_orders: bool = False
    renew_before_days: int | None = None
    admin: str = ""
    bundles_chain: bool = False
    order_limit: tuple[int, float] | None = None
    pending_alarm: float = DEFAULT_PENDING_ALARM
    pushes_to: str = ""

    @property
    def is_asked_for(self) -> bool:
        """Whether a person asked for an order: the brake on automatic ones does not hold (contract.md §10)."""
        return self.resubmit or self.replace or self.force
