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
from paloaltofw.panos.location import Scope
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
    found = []
    for scope in _scopes(client, firewall):
        managed = {profile.id: (profile, state) for profile, state, place in profiles if place == scope}
        for entry in client.certificates(scope).values():
            shown = _with_csr(client, entry, scope)
            found.append(_listed(firewall.id, scope.title, shown, _profile_of(shown, managed)))
    found = [item for item in found if _is_wanted(session, item, wanted)]
    if not wanted.with_references:
        return found, ()
    if isinstance(client, PanoramaClient):
        return _with_references_in_templates(client, found)
    return _with_references(client, found)


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
    client: PanosClient, found: Sequence[ListedCertificate]
) -> tuple[list[ListedCertificate], tuple[str, ...]]:
    """The same with who uses each: also whoever uses the SSL/TLS service profiles that serve it."""
    usage, services = _usage(client, found, [None])
    listed = [replace(item, references=_users(usage, services, item, item.scope)) for item in found]
    return listed, together([usage, services]).untold


def _with_references_in_templates(
    client: PanoramaClient, found: Sequence[ListedCertificate]
) -> tuple[list[ListedCertificate], tuple[str, ...]]:
    """The same on a Panorama: whoever uses it in any template or stack that reaches the same firewalls."""
    places = {scope.title: scope for scope in client.scopes()}
    listed, untold = list(found), [ON_FIREWALLS]
    for title in dict.fromkeys(item.scope for item in found):
        here = [item for item in found if item.scope == title]
        usage, services = _usage(client, here, client.scopes_beside(places[title]))
        untold += together([usage, services]).untold
        with_users = {item.name: _users(usage, services, item, "shared") for item in here}
        listed = [replace(item, references=with_users[item.name]) if item.scope == title else item for item in listed]
    return listed, tuple(dict.fromkeys(untold))


def _usage(
    client: PanosClient, found: Sequence[ListedCertificate], places: Sequence[Scope | None]
) -> tuple[Usage, Usage]:
    """Who uses these certificates in these places, and who there uses the SSL/TLS service profiles among them."""
    names = {item.name for item in found}
    usage = together([ReferenceSearch(client, inside=place).usage(names) for place in places])
    served = {item.user for item in usage.references if item.kind == SERVICE_PROFILE.words and item.user}
    if not served:
        return usage, Usage()
    return usage, together([ReferenceSearch(client, PROFILE_KINDS, place).usage(served) for place in places])


def _users(usage: Usage, services: Usage, item: ListedCertificate, scope: str) -> tuple[Reference, ...]:
    direct = usage.of(item.name, scope)
    through: list[Reference] = []
    for user in direct:
        if user.kind == SERVICE_PROFILE.words and user.user:
            through += services.of(user.user, user.scope)
    return tuple(dict.fromkeys((*direct, *through)))
