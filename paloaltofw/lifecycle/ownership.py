"""What of a series is ours: known to the journal, or holding the profile's common name. The rest is a stranger's."""

from __future__ import annotations

from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.succession import CertificateGeneration, in_service, requirements
from paloaltofw.model.certificate_profile import CertificateProfile


def is_ours(item: CertificateGeneration, profile: CertificateProfile, observed: Observation) -> bool:
    """Whether an entry of the series is this profile's (contract.md §11)."""
    wanted = profile.subject.common_name
    if item.certificate is not None:
        certificate = item.certificate
        is_known = not observed.known.isdisjoint({certificate.sha256, certificate.spki_sha256})
        return is_known or wanted in certificate.names.dns | {certificate.names.common_name}
    if item.csr is not None:
        return item.csr.spki_sha256 in observed.known or item.csr.names.common_name == wanted
    return False


def own(profile: CertificateProfile, observed: Observation) -> tuple[CertificateGeneration, ...]:
    """The profile's own entries of the candidate configuration, without what other administrators only drafted."""
    return tuple(
        item for item in observed.generations if is_ours(item, profile, observed) and not is_draft(item, observed)
    )


def is_draft(item: CertificateGeneration, observed: Observation) -> bool:
    """Whether another administrator's uncommitted change brought this certificate in: it serves nobody yet."""
    if observed.running is None or not item.changed_by - {observed.admin}:
        return False
    before = next((other for other in observed.running if other.name == item.name), None)
    return before is None or before.content != item.content


def current_of(profile: CertificateProfile, observed: Observation) -> CertificateGeneration | None:
    """The entry in service: of the profile's own entries the highest that matches, else the highest complete one."""
    return in_service(own(profile, observed), requirements(profile))


def strangers(profile: CertificateProfile, observed: Observation) -> tuple[CertificateGeneration, ...]:
    """Entries of the series, in the candidate or the running configuration, that are not this profile's.

    The entry of an open order is ours by the journal: it may have lost its CSR, or hold one that was not asked for.
    """
    journal = observed.order.entry if observed.order else None
    everything = {item.name: item for item in (*(observed.running or ()), *observed.generations)}
    return tuple(item for name, item in everything.items() if name != journal and not is_ours(item, profile, observed))
