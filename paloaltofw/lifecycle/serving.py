"""Whether a certificate was seen to be served, and what follows from it for predecessors and references."""

from __future__ import annotations

import datetime
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from paloaltofw.clock import parse_time
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import ServePhase, ServeRecord
from paloaltofw.pki.certificate import MAX_CHAIN, Certificate

_LINKS = frozenset(map(str, range(MAX_CHAIN + 1)))


class Serving(Enum):
    """How a certificate stands with its serve check."""

    UNASKED = 1  # there is none
    OWED = 2  # to be asked
    PASSED = 3
    GOING_BACK = 4  # what was moved is to go back, and is not seen committed
    HELD = 5  # what was moved went back: a person acts


def record_of(observed: Observation, certificate: Certificate) -> ServeRecord | None:
    """The record of this certificate; one of another says nothing."""
    record = observed.serve
    return record if record is not None and record.sha256 == certificate.sha256 else None


def serving_of(
    profile: CertificateProfile, observed: Observation, certificate: Certificate, now: datetime.datetime
) -> Serving:
    """How a certificate stands with the serve check that the profile asks for today.

    Who edits `serve_check` acts: then it is asked anew. What went back stays back no longer than its predecessor may
    serve: an expired certificate is worse than any finding.
    """
    if not profile.serve_check.endpoints:
        return Serving.UNASKED
    record = record_of(observed, certificate)
    if record is None or record.asked != profile.serve_check.text:
        return Serving.OWED
    if record.phase == ServePhase.PASSED:
        return Serving.PASSED
    if record.phase in (ServePhase.GOING_BACK, ServePhase.WENT_BACK) and may_serve_again(record, now):
        return Serving.GOING_BACK if record.phase == ServePhase.GOING_BACK else Serving.HELD
    return Serving.OWED


def may_serve_again(record: ServeRecord, now: datetime.datetime) -> bool:
    """Whether there is a predecessor to go back to that is not in the last twentieth of its life."""
    return bool(record.back_until) and now < parse_time(record.back_until)


def went_back(observed: Observation, certificate: Certificate) -> bool:
    """Whether what was moved to this certificate went back, or began to."""
    record = record_of(observed, certificate)
    return record is not None and record.phase in (ServePhase.GOING_BACK, ServePhase.WENT_BACK)


@dataclass(frozen=True)
class Moved:
    """A service profile, the entry that it served before, and the fingerprint of that certificate.

    `vsys` is where the profile is, empty for the firewall's own scope.
    """

    service_profile: str
    entry: str
    sha256: str
    vsys: str = ""

    @property
    def title(self) -> str:
        """The profile as notes name it."""
        return f"{self.service_profile} of {self.vsys}" if self.vsys else self.service_profile


def write_moved(items: Iterable[Moved]) -> str:
    """Names hold no tab and no line break (configuration/names.py, panos.md §7)."""
    lines = ((item.sha256, item.entry, item.service_profile, *filter(None, [item.vsys])) for item in items)
    return "\n".join(map("\t".join, lines))


def read_moved(text: str) -> tuple[Moved, ...]:
    """What `write_moved` wrote; a line that it did not write is left out, so nothing is moved because of it."""
    lines = [line.split("\t") for line in text.split("\n")]
    return tuple(Moved(parts[2], parts[1], parts[0], *parts[3:]) for parts in lines if len(parts) in (3, 4))


def write_before(standings: Iterable[tuple[str, str, int]]) -> str:
    """Endpoint, fingerprint of the leaf (empty if there was none), links of its path: a line each."""
    return "\n".join(f"{links}\t{sha256}\t{endpoint}" for endpoint, sha256, links in standings)


def read_before(text: str) -> dict[str, tuple[str, int]]:
    """What `write_before` wrote, by endpoint."""
    lines = [line.split("\t") for line in text.split("\n")]
    return {parts[2]: (parts[1], int(parts[0])) for parts in lines if len(parts) == 3 and parts[0] in _LINKS}
