"""`list`: every certificate on the selected firewalls, managed or not, and who uses it. Changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from paloaltofw.errors import AgentError, PeerError
from paloaltofw.execution.clients import scope_of
from paloaltofw.execution.observe import StoredState, read_certificate, read_state
from paloaltofw.execution.outcomes import unexpected
from paloaltofw.execution.units import open_unit_to_read
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.ownership import is_ours
from paloaltofw.lifecycle.succession import CertificateGeneration, series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import CertificateEntry
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.listing import FirewallListing, ListedCertificate
from paloaltofw.model.references import Reference, Usage
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope, scopes_beside
from paloaltofw.panos.panorama_client import PanoramaClient
from paloaltofw.panos.reference_kinds import PROFILE_KINDS, SERVICE_PROFILE
from paloaltofw.panos.references import ReferenceSearch, together
from paloaltofw.pki.certificate import Csr, VerificationError, parse_csr
from paloaltofw.storage.store import Store
from paloaltofw.workflows.session import Session

# Their own configurations may use what a template gives them, and are not read here.
ON_FIREWALLS = "what the firewalls themselves configure beside their templates"


@dataclass(frozen=True)
class Wanted:
    """What the options ask for; no `profiles`: all certificates."""

    firewalls: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    with_references: bool = False
    expiring: int | None = None


def list_certificates(session: Session, wanted: Wanted) -> list[FirewallListing]:
    """Read the selected firewalls, several at once; one that cannot be read does not keep the others from it."""
    places = _selected(session, wanted)
    workers = max(1, min(session.configuration.settings.concurrency, len(places)))
    with ThreadPoolExecutor(max_workers=workers) as executor:
        return list(executor.map(lambda firewall: _listing(session, firewall, wanted), places))


def _selected(session: Session, wanted: Wanted) -> list[FirewallProfile]:
    """The firewalls of the options; of two profiles for one device, which differ in their vsys, the first."""
    named = {profile.firewall for profile in session.profiles} if wanted.profiles else set()
    chosen = {name.removesuffix(".yaml") for name in wanted.firewalls}
    devices: dict[str, FirewallProfile] = {}
    for firewall in session.configuration.firewalls.values():
        if (not chosen or firewall.id in chosen) and (not wanted.profiles or firewall.id in named):
            devices.setdefault(firewall.url, firewall)
    return list(devices.values())


def _listing(session: Session, firewall: FirewallProfile, wanted: Wanted) -> FirewallListing:
    try:
        client, unit = open_unit_to_read(session.configuration, firewall, session.clock)
        with contextlib.closing(client):
            found, untold = _read(session, client, unit, wanted)
        return FirewallListing(firewall.id, unit.address, tuple(found), untold)
    except AgentError as error:
        return FirewallListing(firewall.id, firewall.address, error=error)
    except Exception as error:
        return FirewallListing(firewall.id, firewall.address, error=unexpected(error, firewall.title))


def _read(
    session: Session, client: PanosClient, firewall: FirewallProfile, wanted: Wanted
) -> tuple[list[ListedCertificate], tuple[str, ...]]:
    profiles = _profiles_here(session, firewall)
    scopes, found = _scopes(client, firewall), []
    for scope in scopes:
        managed = {profile.id: (profile, state) for profile, state, place in profiles if place == scope}
        for entry in client.certificates(scope).values():
            shown = _with_csr(client, entry, scope)
            found.append(_listed(firewall.id, scope.title, shown, _profile_of(shown, managed)))
    found = [item for item in found if _is_wanted(session, item, wanted)]
    if not wanted.with_references:
        return found, ()
    return _with_references(client, found, scopes)


def _scopes(client: PanosClient, firewall: FirewallProfile) -> list[Scope]:
    """Every place of the device that holds certificates of ours or of others."""
    if isinstance(client, PanoramaClient):
        return list(client.scopes())
    names = client.vsys_names() or ({firewall.vsys} - {"shared"})
    return [Scope(name) for name in ("shared", *sorted(names, key=_by_number))]


def _with_csr(client: PanosClient, entry: CertificateEntry, scope: Scope) -> CertificateEntry:
    """The entry with its CSR, which some administrators do not see in it but may export (panos.md §5)."""
    if entry.certificate_pem or entry.csr_pem:
        return entry
    try:
        return replace(entry, csr_pem=client.exported_csr(entry.name, scope))
    except PeerError:
        return entry


def _by_number(vsys: str) -> tuple[int, str]:
    return int(vsys.removeprefix("vsys") or 0) if vsys.removeprefix("vsys").isdigit() else 0, vsys


def _profiles_here(session: Session, firewall: FirewallProfile) -> list[tuple[CertificateProfile, StoredState, Scope]]:
    """The certificate profiles of this device, with what the state folder knows of each, and their scopes."""
    store, firewalls = Store(session.configuration.settings.state), session.configuration.firewalls
    found = []
    for profile in session.configuration.certificates.values():
        place = firewalls.get(profile.firewall)
        if place is not None and firewall.url in place.urls:
            found.append((profile, read_state(store, profile), scope_of(place)))
    return found


def _profile_of(entry: CertificateEntry, managed: Mapping[str, tuple[CertificateProfile, StoredState]]) -> str:
    """The profile that an entry belongs to, by the rule of contract.md §11; an empty text if it is nobody's."""
    for name, (profile, state) in managed.items():
        number = series_number(profile.name, entry.name)
        if number is None:
            continue
        certificate, csr = read_certificate(entry.certificate_pem), _csr(entry)
        item = CertificateGeneration(number, entry.name, certificate, csr, entry.has_private_key)
        if is_ours(item, profile, Observation(known=state.known)):
            return name
    return ""


def _csr(entry: CertificateEntry) -> Csr | None:
    try:
        return parse_csr(entry.csr_pem) if entry.csr_pem else None
    except VerificationError:
        return None


def _listed(firewall: str, scope: str, entry: CertificateEntry, profile: str) -> ListedCertificate:
    certificate, csr = read_certificate(entry.certificate_pem), _csr(entry)
    item = ListedCertificate(firewall, entry.name, scope, profile=profile, template=entry.template)
    holder = certificate or csr
    if holder is None:
        return replace(item, is_pending=not entry.certificate_pem)
    item = replace(
        item,
        common_name=holder.names.common_name,
        sans=tuple(sorted(holder.names.all)),
        key=f"{holder.key_type} {holder.key_bits}",
        is_pending=certificate is None and not entry.certificate_pem,
    )
    if certificate is None:
        return item
    return replace(
        item,
        issuer=certificate.issuer,
        serial=certificate.serial,
        not_after=certificate.not_after,
        is_ca=certificate.is_ca,
    )


def _is_wanted(session: Session, item: ListedCertificate, wanted: Wanted) -> bool:
    if wanted.profiles and item.profile not in {profile.id for profile in session.profiles}:
        return False
    left = item.days_left(session.clock.now())
    return wanted.expiring is None or (left is not None and left <= wanted.expiring)


def _with_references(
    client: PanosClient, found: Sequence[ListedCertificate], scopes: Sequence[Scope]
) -> tuple[list[ListedCertificate], tuple[str, ...]]:
    """The same with who uses each: also whoever uses the SSL/TLS service profiles that serve it.

    Each configuration is searched once, however many places with certificates it may use.
    """
    by_title, beside = {scope.title: scope for scope in scopes}, _beside(client, scopes)
    places = tuple(dict.fromkeys(place for item in found for place in beside[item.scope]))
    names = {item.name for item in found}
    usages = {place: ReferenceSearch(client, inside=place).usage(names) for place in places}
    served = {user.user for usage in usages.values() for user in usage.references if _is_service_profile(user)}
    kinds = PROFILE_KINDS if served else ()
    services = {place: ReferenceSearch(client, kinds, place).usage(served) for place in places}
    listed = []
    for item in found:
        usage, service = (together([known[place] for place in beside[item.scope]]) for known in (usages, services))
        listed.append(replace(item, references=_users(usage, service, item.name, by_title[item.scope].vsys)))
    untold = together([*usages.values(), *services.values()]).untold
    return listed, (ON_FIREWALLS, *untold) if isinstance(client, PanoramaClient) else untold


def _beside(client: PanosClient, scopes: Sequence[Scope]) -> dict[str, tuple[Scope, ...]]:
    """For each place, by its title, whose configurations may use what is in it: the firewall's is one."""
    if not isinstance(client, PanoramaClient):
        return {scope.title: (Scope(),) for scope in scopes}
    stacks = client.template_stacks()
    return {scope.title: scopes_beside(scope, stacks) for scope in scopes}


def _is_service_profile(user: Reference) -> bool:
    """Whether a user is one by name, whose own users can be looked for."""
    return user.kind == SERVICE_PROFILE.words and bool(user.user)


def _users(usage: Usage, services: Usage, name: str, vsys: str) -> tuple[Reference, ...]:
    direct = usage.of(name, vsys)
    through: list[Reference] = []
    for user in direct:
        if _is_service_profile(user):
            through += services.of(user.user, user.scope)
    return tuple(dict.fromkeys((*direct, *through)))
