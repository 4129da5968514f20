"""Reads firewall, state folder and SCM into what `decide` needs. Changes nothing anywhere."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from paloaltofw.certificate_profile import CertificateProfile
from paloaltofw.certificates import Certificate, Csr, Unproven, parse_certificates, parse_csr
from paloaltofw.clock import parse_time
from paloaltofw.errors import PeerError, Refused, StateError
from paloaltofw.lifecycle import Seen
from paloaltofw.panos import PanosClient
from paloaltofw.panos_xml import CertificateEntry, ServiceProfile
from paloaltofw.scm import OrderState, ScmClient
from paloaltofw.series import Held, in_service, requirements, series_number
from paloaltofw.storage import InstalledRecord, OrderRecord, Phase, Store

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class FirewallSeen:
    """One firewall's candidate configuration, as far as certificates go; the running one only where they may differ."""

    entries: Mapping[str, CertificateEntry]
    service_profiles: Mapping[str, ServiceProfile] | None = None
    running: Mapping[str, CertificateEntry] | None = None
    running_profiles: Mapping[str, ServiceProfile] | None = None


@dataclass(frozen=True)
class Kept:
    """What the state folder holds for one profile; `error` if it cannot be used."""

    order: OrderRecord | None = None
    certificate_id: str | None = None
    installed: InstalledRecord | None = None
    error: StateError | None = None


def look_into(store: Store, profile: CertificateProfile) -> Kept:
    """Read a profile's state."""
    try:
        return Kept(store.order(profile.id), store.certificate_id(profile.id), store.installed(profile.id))
    except StateError as error:
        return Kept(error=error)


def own_certificates(store: Store, profiles: Iterable[str]) -> frozenset[str]:
    """Fingerprints (hex) of the certificates that the agent obtained for keys of the firewall of these profiles."""
    found = set()
    for profile in profiles:
        try:
            records = (store.order(profile), store.installed(profile))
        except StateError:
            continue  # reported where the profile is worked on
        leaves = (read_certificate(record.chain) for record in records if record is not None)
        found |= {leaf.sha256 for leaf in leaves if leaf is not None}
    return frozenset(found)


def look_at(
    client: PanosClient, admin: str, profiles: Sequence[CertificateProfile], kept: Sequence[Kept]
) -> FirewallSeen:
    """Read a firewall: one request; one more if service profiles matter, and more only if something is uncommitted."""
    entries = client.certificates()
    wants_profiles = any(profile.ssl_tls_service_profiles for profile in profiles)
    is_installing = any(item.order is not None and item.order.phase == Phase.ISSUED for item in kept)
    service_profiles = client.service_profiles() if wants_profiles or is_installing else None
    names = [profile.name for profile in profiles]
    ours = [entry for entry in entries.values() if admin in entry.changed_by and _is_of(names, entry.name)]
    seen = FirewallSeen(entries, service_profiles)
    # The marks of uncommitted nodes are a hint; whether anything is uncommitted is told by the running configuration.
    if ours:
        seen = replace(seen, running=client.running_certificates())
    if service_profiles and any(admin in profile.changed_by for profile in service_profiles.values()):
        seen = replace(seen, running_profiles=client.running_service_profiles())
    return seen


def _is_of(names: Sequence[str], entry: str) -> bool:
    return any(series_number(name, entry) is not None for name in names)


def combine(profile: CertificateProfile, admin: str, firewall: FirewallSeen, kept: Kept) -> Seen:
    """What is seen of one certificate."""
    numbered = ((series_number(profile.name, name), entry) for name, entry in firewall.entries.items())
    held = sorted((_held(number, entry) for number, entry in numbered if number), key=lambda item: item.number)
    return Seen(
        held=tuple(held),
        order=kept.order,
        issued=_leaf(kept.order),
        certificate_id=kept.certificate_id,
        installed=kept.installed,
        is_revoked_at_scm=_is_known_revoked(profile, tuple(held), kept),
        service_profiles=firewall.service_profiles,
        unapplied=_is_unapplied(profile, admin, firewall, held),
    )


def _held(number: int, entry: CertificateEntry) -> Held:
    return Held(
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
    except Unproven:
        return None
    return found[0] if found else None


def _csr(pem: str) -> Csr | None:
    try:
        return parse_csr(pem) if pem else None
    except Unproven:
        return None


def _leaf(order: OrderRecord | None) -> Certificate | None:
    return read_certificate(order.chain) if order and order.chain else None


def _is_known_revoked(profile: CertificateProfile, held: tuple[Held, ...], kept: Kept) -> bool:
    """Whether the certificate in service is the one that SCM called revoked before."""
    if kept.installed is None or not kept.installed.revoked:
        return False
    current = in_service(held, requirements(profile))
    return current is not None and current.name == kept.installed.entry


def _is_unapplied(profile: CertificateProfile, admin: str, firewall: FirewallSeen, held: Sequence[Held]) -> bool:
    for item in held:
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


def is_check_due(seen: Seen, interval: float, now: datetime.datetime) -> bool:
    """Whether SCM is to be asked for a revocation; `interval` is in seconds, infinite for never."""
    if seen.certificate_id is None or seen.order is not None or interval == float("inf") or seen.is_revoked_at_scm:
        return False
    if seen.installed is None:
        return any(item.is_complete for item in seen.held)
    return (now - parse_time(seen.installed.checked_at)).total_seconds() >= interval


def ask_for_revocation(scm: ScmClient, seen: Seen) -> tuple[bool | None, str]:
    """Whether SCM calls the certificate revoked; None, with a note, if it could not be asked."""
    assert seen.certificate_id is not None  # nosec B101  # narrows a type
    try:
        return scm.status(seen.certificate_id).state is OrderState.REVOKED, ""
    except Refused:
        return False, f"SCM does not know the saved certificate ID {seen.certificate_id}"
    except PeerError as error:
        return None, f"revocation could not be checked: {error}"
