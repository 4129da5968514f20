"""Reads firewall and state folder into what `decide` needs. Changes nothing anywhere."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from paloaltofw.errors import PeerError, StateError
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.ownership import current_of
from paloaltofw.lifecycle.succession import CertificateGeneration, series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import CertificateEntry, Namesake, ServiceProfile
from paloaltofw.model.records import InstalledRecord, LedgerEntry, OrderRecord, Phase, ServeRecord
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.namesakes import CERTIFICATE, Namesakes, find_namesakes
from paloaltofw.pki.certificate import Certificate, Csr, VerificationError, parse_certificates, parse_csr
from paloaltofw.storage.store import Store

_AT_SCM = (Phase.SUBMITTING.value, Phase.ORDERED.value, Phase.ISSUED.value)


@dataclass(frozen=True)
class FirewallSeen:
    """One firewall's candidate configuration, as far as certificates go; the running one only where they may differ.

    `exported` are CSRs that the list does not show but an export does; `unclear` says why an export could not be had.
    """

    entries: Mapping[str, CertificateEntry]
    service_profiles: Mapping[str, ServiceProfile] | None = None
    running: Mapping[str, CertificateEntry] | None = None
    running_profiles: Mapping[str, ServiceProfile] | None = None
    exported: Mapping[str, str] = field(default_factory=dict)
    unclear: Mapping[str, PeerError] = field(default_factory=dict)
    owes_commit: bool = False
    namesakes: tuple[Namesake, ...] = ()
    owes_push: bool = False

    @property
    def hides_keys(self) -> bool:
        """Whether no key is shown at all: then the administrator's role hides them, and a missing one is no proof."""
        return not any(entry.has_private_key for entry in self.entries.values())


@dataclass(frozen=True)
class StoredState:
    """What the state folder holds for one profile; `error` if it cannot be used."""

    order: OrderRecord | None = None
    certificate_id: str | None = None
    installed: InstalledRecord | None = None
    ledger: tuple[LedgerEntry, ...] = ()
    serve: ServeRecord | None = None
    error: StateError | None = None

    @property
    def known(self) -> frozenset[str]:
        """Fingerprints of certificates and public keys that are the profile's own."""
        found = {entry.sha256 for entry in self.ledger} | {entry.spki_sha256 for entry in self.ledger}
        for record in (self.order, self.installed):
            leaf = read_certificate(record.chain) if record else None
            csr = _csr(record.csr) if record else None
            found |= {leaf.sha256} if leaf else set()
            found |= {csr.spki_sha256} if csr else set()
        found.add(self.order.spki_sha256 if self.order else "")
        return frozenset(found - {""})


def read_state(store: Store, profile: CertificateProfile) -> StoredState:
    """Read a profile's state."""
    try:
        return StoredState(
            store.load_order(profile.id), store.load_certificate_id(profile.id), store.load_installed(profile.id),
            store.load_ledger(profile.firewall, profile.name), store.load_serve(profile.id),
        )  # fmt: skip
    except StateError as error:
        return StoredState(error=error)


def read_firewall(
    client: PanosClient,
    admin: str,
    profiles: Sequence[CertificateProfile],
    stored: Sequence[StoredState],
    owes_commit: bool = False,
) -> FirewallSeen:
    """Read a firewall: one request; one more if service profiles matter, and more only if something is unfinished."""
    entries = client.certificates()
    wants_profiles = any(profile.ssl_tls_service_profiles for profile in profiles)
    is_installing = any(item.order is not None and item.order.phase == Phase.ISSUED for item in stored)
    service_profiles = client.service_profiles() if wants_profiles or is_installing else None
    names = [profile.name for profile in profiles]
    is_changed = any(entry.changed_by and _is_of(names, entry.name) for entry in entries.values())
    is_open = any(item.order is not None and item.order.phase in _AT_SCM for item in stored)
    seen = FirewallSeen(entries, service_profiles, owes_commit=owes_commit)
    # The marks of uncommitted nodes are a hint; whether anything is uncommitted is told by the running configuration.
    if is_changed or is_open or owes_commit:
        seen = replace(seen, running=client.running_certificates())
    if service_profiles and (
        is_installing or any(admin in profile.changed_by for profile in service_profiles.values())
    ):
        seen = replace(seen, running_profiles=client.running_service_profiles())
    return _with_exports(client, seen, _hidden(names, seen, stored))


def look_again(
    client: PanosClient, seen: FirewallSeen, orders: Iterable[OrderRecord], profiles: Sequence[CertificateProfile]
) -> FirewallSeen:
    """Before anything is ordered: the running configuration too, who uses what, the keys of open orders by export, and
    the names of other scopes.
    """
    if seen.running is None:
        seen = replace(seen, running=client.running_certificates())
    if seen.service_profiles is None:
        seen = replace(seen, service_profiles=client.service_profiles())
    seen = replace(seen, namesakes=namesakes_of(client, profiles).found)
    missing = {order.entry for order in orders if order.csr and order.entry not in seen.entries}
    return _with_exports(client, seen, sorted(missing - seen.exported.keys()))


def namesakes_of(client: PanosClient, profiles: Sequence[CertificateProfile]) -> Namesakes:
    """What bears a name of these profiles' series, or of what they bind, in a scope that shadows or is shadowed."""
    names = [profile.name for profile in profiles]
    bound = {name for profile in profiles for name in profile.ssl_tls_service_profiles}
    return find_namesakes(client, lambda name: _is_of(names, name), bound.__contains__ if bound else None)


def _hidden(names: Sequence[str], seen: FirewallSeen, stored: Sequence[StoredState]) -> list[str]:
    """Entries of ours whose key or CSR the list does not show, and the state folder does not know either."""
    known = frozenset[str]().union(*(item.known for item in stored))
    return [name for name, entry in seen.entries.items() if _is_of(names, name) and _is_unclear(entry, seen, known)]


def _is_unclear(entry: CertificateEntry, seen: FirewallSeen, known: frozenset[str]) -> bool:
    certificate = read_certificate(entry.certificate_pem)
    if certificate is None:
        return not entry.csr_pem
    return not entry.has_private_key and not (seen.hides_keys and certificate.sha256 in known)


def _with_exports(client: PanosClient, seen: FirewallSeen, names: Iterable[str]) -> FirewallSeen:
    exported, unclear = dict(seen.exported), dict(seen.unclear)
    for name in names:
        try:
            exported[name] = client.exported_csr(name)
        except PeerError as error:
            unclear[name] = error
    return replace(seen, exported=exported, unclear=unclear)


def _is_of(names: Sequence[str], entry: str) -> bool:
    return any(series_number(name, entry) is not None for name in names)


def combine(profile: CertificateProfile, admin: str, firewall: FirewallSeen, stored: StoredState) -> Observation:
    """What is seen of one certificate."""
    generations = _series(profile, firewall, stored, firewall.entries)
    running = _series(profile, firewall, stored, firewall.running) if firewall.running is not None else None
    observed = Observation(
        generations=generations,
        order=stored.order,
        issued=_leaf(stored.order),
        certificate_id=stored.certificate_id,
        installed=stored.installed,
        service_profiles=firewall.service_profiles,
        running=running,
        known=stored.known,
        ledger=stored.ledger,
        admin=admin,
        is_key_elsewhere=_is_key_elsewhere(stored.order, firewall),
        owes_commit=firewall.owes_commit,
        serve=stored.serve,
        namesakes=tuple(item for item in firewall.namesakes if _concerns(item, profile)),
        owes_push=firewall.owes_push,
    )
    return replace(
        observed,
        is_revoked_at_scm=_is_known_revoked(profile, observed),
        unapplied=firewall.owes_commit or _is_unapplied(profile, observed, firewall),
    )


def _concerns(item: Namesake, profile: CertificateProfile) -> bool:
    if item.kind == CERTIFICATE:
        return series_number(profile.name, item.name) is not None
    return item.name in profile.ssl_tls_service_profiles


def unclear_of(profile: CertificateProfile, firewall: FirewallSeen) -> PeerError | None:
    """Why it cannot be told what an entry of the series holds; None if it can."""
    return next((error for name, error in firewall.unclear.items() if series_number(profile.name, name)), None)


def _series(
    profile: CertificateProfile, firewall: FirewallSeen, stored: StoredState, entries: Mapping[str, CertificateEntry]
) -> tuple[CertificateGeneration, ...]:
    numbered = ((series_number(profile.name, name), entry) for name, entry in entries.items())
    found = [_generation(number, entry, firewall, stored) for number, entry in numbered if number]
    return tuple(sorted(found, key=lambda item: item.number))


def _generation(
    number: int, entry: CertificateEntry, firewall: FirewallSeen, stored: StoredState
) -> CertificateGeneration:
    certificate = read_certificate(entry.certificate_pem)
    csr = _csr(entry.csr_pem or firewall.exported.get(entry.name, ""))
    return CertificateGeneration(
        number=number,
        name=entry.name,
        certificate=certificate,
        csr=csr,
        has_key=entry.has_private_key or _is_key_proven(certificate, csr, firewall, stored),
        is_revoked=entry.is_revoked,
        changed_by=entry.changed_by,
        template=entry.template,
    )


def _is_key_proven(
    certificate: Certificate | None, csr: Csr | None, firewall: FirewallSeen, stored: StoredState
) -> bool:
    """Whether the key is there although it is not shown: its CSR was made there, or we saw it where all are hidden."""
    if certificate is None:
        return csr is not None
    if csr is not None and csr.spki_sha256 == certificate.spki_sha256:
        return True
    return firewall.hides_keys and not stored.known.isdisjoint({certificate.sha256, certificate.spki_sha256})


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


def _is_key_elsewhere(order: OrderRecord | None, firewall: FirewallSeen) -> bool:
    """Whether an export shows the CSR of an open order that the list lacks."""
    if order is None or order.entry in firewall.entries:
        return False
    csr = _csr(firewall.exported.get(order.entry, ""))
    return csr is not None and csr.spki_sha256 == order.spki_sha256


def _is_known_revoked(profile: CertificateProfile, observed: Observation) -> bool:
    """Whether the certificate in service is the one that was called revoked before."""
    installed = observed.installed
    if installed is None or not installed.revoked:
        return False
    current = current_of(profile, observed)
    if current is None or current.certificate is None:
        return False
    if not installed.entry:  # `revoke` knew the ID alone, which is that of the certificate in service
        return installed.certificate_id == observed.certificate_id
    if current.name != installed.entry:
        return False
    before = read_certificate(installed.chain)
    return before is None or before.sha256 == current.certificate.sha256


def _is_unapplied(profile: CertificateProfile, observed: Observation, firewall: FirewallSeen) -> bool:
    """Whether the candidate configuration holds work of ours that the running one lacks."""
    if observed.running is not None:
        before = {item.name: item for item in observed.running}
        for item in observed.generations:
            there = before.get(item.name)
            if _is_our_work(item, observed) and (there is None or there.content != item.content):
                return True
    for name in profile.ssl_tls_service_profiles:
        bound = (firewall.service_profiles or {}).get(name)
        if bound and not bound.changed_by - {observed.admin} and firewall.running_profiles is not None:
            served = firewall.running_profiles.get(name)
            if served is None or served.certificate != bound.certificate:
                return True
    return False


def _is_our_work(item: CertificateGeneration, observed: Observation) -> bool:
    if item.changed_by:
        return item.changed_by == {observed.admin}
    if observed.order is not None and item.name == observed.order.entry:
        return True
    return item.certificate is not None and item.certificate.sha256 in observed.known
