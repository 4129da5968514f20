"""Reads firewall and state folder into what `decide` needs. Changes nothing anywhere."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from paloaltofw.errors import StateError
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.succession import CertificateGeneration, in_service, requirements, series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import CertificateEntry, ServiceProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord, Phase
from paloaltofw.panos.client import PanosClient
from paloaltofw.pki.certificate import Certificate, Csr, VerificationError, parse_certificates, parse_csr
from paloaltofw.storage.store import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FirewallSeen:
    """One firewall's candidate configuration, as far as certificates go; the running one only where they may differ."""

    entries: Mapping[str, CertificateEntry]
    service_profiles: Mapping[str, ServiceProfile] | None = None
    running: Mapping[str, CertificateEntry] | None = None
    running_profiles: Mapping[str, ServiceProfile] | None = None


@dataclass(frozen=True)
class StoredState:
    """What the state folder holds for one profile; `error` if it cannot be used."""

    order: OrderRecord | None = None
    certificate_id: str | None = None
    installed: InstalledRecord | None = None
    error: StateError | None = None


def read_state(store: Store, profile: CertificateProfile) -> StoredState:
    """Read a profile's state."""
    try:
        return StoredState(
            store.load_order(profile.id), store.load_certificate_id(profile.id), store.load_installed(profile.id)
        )
    except StateError as error:
        return StoredState(error=error)


def read_firewall(
    client: PanosClient, admin: str, profiles: Sequence[CertificateProfile], stored: Sequence[StoredState]
) -> FirewallSeen:
    """Read a firewall: one request; one more if service profiles matter, and more only if something is uncommitted."""
    entries = client.certificates()
    wants_profiles = any(profile.ssl_tls_service_profiles for profile in profiles)
    is_installing = any(item.order is not None and item.order.phase == Phase.ISSUED for item in stored)
    service_profiles = client.service_profiles() if wants_profiles or is_installing else None
    names = [profile.name for profile in profiles]
    ours = [entry for entry in entries.values() if admin in entry.changed_by and _is_of(names, entry.name)]
    observed = FirewallSeen(entries, service_profiles)
    # The marks of uncommitted nodes are a hint; whether anything is uncommitted is told by the running configuration.
    if ours:
        observed = replace(observed, running=client.running_certificates())
    if service_profiles and any(admin in profile.changed_by for profile in service_profiles.values()):
        observed = replace(observed, running_profiles=client.running_service_profiles())
    return observed


def _is_of(names: Sequence[str], entry: str) -> bool:
    return any(series_number(name, entry) is not None for name in names)


def combine(profile: CertificateProfile, admin: str, firewall: FirewallSeen, stored: StoredState) -> Observation:
    """What is seen of one certificate."""
    numbered = ((series_number(profile.name, name), entry) for name, entry in firewall.entries.items())
    generations = sorted(
        (_generation(number, entry) for number, entry in numbered if number), key=lambda item: item.number
    )
    return Observation(
        generations=tuple(generations),
        order=stored.order,
        issued=_leaf(stored.order),
        certificate_id=stored.certificate_id,
        installed=stored.installed,
        is_revoked_at_scm=_is_known_revoked(profile, tuple(generations), stored),
        service_profiles=firewall.service_profiles,
        unapplied=_is_unapplied(profile, admin, firewall, generations),
    )


def _generation(number: int, entry: CertificateEntry) -> CertificateGeneration:
    return CertificateGeneration(
        number=number,
        name=entry.name,
        certificate=read_certificate(entry.certificate_pem),
        csr=_csr(entry.csr_pem),
        has_key=entry.has_private_key,
        is_revoked=entry.is_revoked,
        changed_by=entry.changed_by,
        template=entry.template,
    )


def read_certificate(pem: str) -> Certificate | None:
    """The leaf of an entry's public-key (which may hold a bundle, leaf first); None if there is none to be read."""
    try:
        found = parse_certificates(pem)
    except VerificationError:
        return None
    return found[0] if found else None


def _csr(pem: str) -> Csr | None:
    try:
        return parse_csr(pem) if pem else None
    except VerificationError:
        return None


def _leaf(order: OrderRecord | None) -> Certificate | None:
    return read_certificate(order.chain) if order and order.chain else None


def _is_known_revoked(
    profile: CertificateProfile, generations: tuple[CertificateGeneration, ...], stored: StoredState
) -> bool:
    """Whether the certificate in service is the one that SCM called revoked before."""
    if stored.installed is None or not stored.installed.revoked:
        return False
    current = in_service(generations, requirements(profile))
    return current is not None and current.name == stored.installed.entry


def _is_unapplied(
    profile: CertificateProfile, admin: str, firewall: FirewallSeen, generations: Sequence[CertificateGeneration]
) -> bool:
    for item in generations:
        if admin in item.changed_by and firewall.running is not None:
            candidate, running = firewall.entries[item.name], firewall.running.get(item.name)
            if running is None or _content(candidate) != _content(running):
                return True
    for name in profile.ssl_tls_service_profiles:
        bound = (firewall.service_profiles or {}).get(name)
        if bound and admin in bound.changed_by and firewall.running_profiles is not None:
            before = firewall.running_profiles.get(name)
            if before is None or before.certificate != bound.certificate:
                return True
    return False


def _content(entry: CertificateEntry) -> tuple[str, str, bool]:
    return "".join(entry.certificate_pem.split()), "".join(entry.csr_pem.split()), entry.has_private_key
