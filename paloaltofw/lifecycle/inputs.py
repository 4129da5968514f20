"""What a decision is made from: what was observed, and what the user asked for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord
from paloaltofw.pki.certificate import Certificate


@dataclass(frozen=True)
class Observation:
    """What was observed for one certificate. `generations` ascend; `service_profiles` is None if not read.

    `unapplied`: the candidate configuration holds changes of the agent's own administrator to this certificate that the
    running configuration lacks.
    """

    generations: tuple[CertificateGeneration, ...] = ()
    order: OrderRecord | None = None
    issued: Certificate | None = None
    certificate_id: str | None = None
    installed: InstalledRecord | None = None
    is_revoked_at_scm: bool = False
    service_profiles: Mapping[str, ServiceProfile] | None = None
    unapplied: bool = False


@dataclass(frozen=True)
class RunRequest:
    """What the user asked for: the command, its options, and the settings that decisions depend on."""

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


def requested_digest(profile: CertificateProfile) -> str:
    """A digest of everything that goes into a CSR, to see later whether the profile was edited since the order."""
    wanted = {"subject": asdict(profile.subject), "sans": asdict(profile.sans), "key": asdict(profile.key)}
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
