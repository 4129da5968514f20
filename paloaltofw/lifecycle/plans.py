"""The plans: which steps, in which order, lead to a certificate in service."""

from __future__ import annotations

from dataclasses import replace

from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.ownership import current_of, is_ours, own
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Bind,
    CheckService,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    GoBack,
    ImportCertificate,
    ImportChain,
    NoteServed,
    Predecessor,
    Prove,
    Push,
    RecordId,
    RevokePredecessor,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration, next_entry, requirements, series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import LedgerEntry
from paloaltofw.pki.certificate import VerificationError
from paloaltofw.pki.verification import verify_csr

_IN_WINDOW = (
    ImportChain, ImportCertificate, NoteServed, Bind, DeletePredecessor, Commit, Push, RecordId, RevokePredecessor,
    GoBack,
)  # fmt: skip


def outside_window(decision: Decision, opens: str) -> Decision:
    """The plan while the firewall's commit window is closed: everything is prepared, nothing imported or committed."""
    steps = tuple(step for step in decision.steps if not isinstance(step, _IN_WINDOW))
    if steps == decision.steps:
        return decision
    # What is not committed is not served.
    steps = tuple(step for step in steps if not isinstance(step, CheckService))
    if decision.is_clean_up:
        return replace(decision, steps=())
    return replace(decision, steps=steps, waits_for=f"the commit window, which opens {opens}")


def blocked_decision(state: State, reason: str, blocked: Blocked, in_service: str | None = None) -> Decision:
    """Return a decision to do nothing until a person acts."""
    return Decision(state, Action.FAILED, reason, blocked=blocked, in_service=in_service)


def order_new_key(
    profile: CertificateProfile,
    observed: Observation,
    operation: str,
    previous_certificate_id: str | None,
    request: RunRequest,
) -> tuple[Step, ...]:
    """A new key under a free name, or under a fitting pending CSR that a person lets be ordered; ordered, installed."""
    adopted = unknown_request(profile, observed) if request.resubmit else None
    current = current_of(profile, observed)
    is_newest = adopted is not None and adopted.number > (current.number if current else 0)
    if adopted is not None and is_newest and is_adoptable(adopted, profile, request):
        make: Step = AdoptCsr(adopted.name)
        entry = adopted.name
    else:
        entry = free_entry(profile, observed)
        make = GenerateCsr(entry, profile.key)
    submit = SubmitOrder(operation, profile.account, profile.type, previous_certificate_id)
    return (make, submit, Collect(None), *install_steps(profile, observed, entry, request))


def free_entry(profile: CertificateProfile, observed: Observation) -> str:
    """A name that is free in the candidate and in the running configuration."""
    return next_entry(profile.name, (*observed.generations, *(observed.running or ())))


def usable_id(profile: CertificateProfile, observed: Observation) -> str | None:
    """The saved certificate ID, if the profile's account is still the one that it belongs to."""
    installed = observed.installed
    is_elsewhere = installed is not None and installed.account not in ("", profile.account)
    return None if is_elsewhere else observed.certificate_id


def unknown_request(profile: CertificateProfile, observed: Observation) -> CertificateGeneration | None:
    """The newest pending CSR of the profile that the state folder knows nothing of; it may have been ordered."""
    ordered = {entry.spki_sha256 for entry in observed.ledger if entry.may_be_held}
    journal = observed.order.entry if observed.order else None
    pending = [
        item
        for item in observed.generations
        if item.is_pending and item.name != journal and is_ours(item, profile, observed)
    ]
    unknown = [item for item in pending if item.csr is not None and item.csr.spki_sha256 not in ordered]
    return unknown[-1] if unknown else None


def ordered_by_another(profile: CertificateProfile, observed: Observation) -> LedgerEntry | None:
    """The order for a pending CSR of the series that another profile made: this one's file may have been renamed."""
    pending = {item.csr.spki_sha256 for item in observed.generations if item.is_pending and item.csr is not None}
    present = {item.certificate.spki_sha256 for item in observed.generations if item.certificate is not None}
    found = [
        entry
        for entry in observed.ledger
        if entry.may_be_held
        and entry.profile != profile.id
        and (entry.spki_sha256 in pending or (not entry.not_after and entry.spki_sha256 in present))
    ]
    return found[-1] if found and observed.order is None else None


def is_adoptable(item: CertificateGeneration, profile: CertificateProfile, request: RunRequest) -> bool:
    """Whether an entry is a pending CSR that fits the profile and is not another administrator's work."""
    if not item.is_pending or item.csr is None or not item.changed_by <= {request.admin}:
        return False
    try:
        verify_csr(item.csr, requirements(profile))
    except VerificationError:
        return False
    return True


def install_steps(
    profile: CertificateProfile, observed: Observation, entry: str, request: RunRequest
) -> tuple[Step, ...]:
    """Return the steps from a chain in hand to a certificate in service under `entry`."""
    steps: list[Step] = [Prove()]
    steps += [ImportCertificate(entry, True)] if request.bundles_chain else [ImportChain(), ImportCertificate(entry)]
    steps += [*move_steps(profile, observed, entry, request), *commit_steps(request), RecordId(profile.id)]
    return (*steps, *check_steps(profile, entry))


def commit_steps(request: RunRequest) -> tuple[Step, ...]:
    """A commit; on a Panorama its devices get it too."""
    commit = Commit(request.admin)
    return (commit, Push(request.pushes_to)) if request.pushes_to else (commit,)


def with_owed_push(observed: Observation, request: RunRequest, decision: Decision) -> Decision:
    """The decision, with the push that an earlier run owes, whatever else is to be done or stands in the way."""
    is_there = any(isinstance(step, Push) for step in decision.steps)
    if not observed.owes_push or not request.pushes_to or is_there or not (request.enroll or request.renew):
        return decision
    steps = (*decision.steps, Push(request.pushes_to))
    if decision.action is not Action.NONE:
        return replace(decision, steps=steps)
    reason = f"{decision.reason}; to be pushed to {request.pushes_to}"
    return replace(decision, steps=steps, action=Action.INSTALL, reason=reason, is_clean_up=False)


def move_steps(profile: CertificateProfile, observed: Observation, entry: str, request: RunRequest) -> tuple[Step, ...]:
    """Move references to the entry and let its predecessors go; with a serve check they stay until it has passed.

    Not those on a Panorama: its devices use them until each has taken the successor (see `clean_up_steps`).
    """
    followed = followed_by(profile, observed, entry)
    steps: list[Step] = []
    if profile.ssl_tls_service_profiles or followed:
        steps += note_steps(profile, observed, entry)
        steps.append(Bind(entry, profile.ssl_tls_service_profiles, followed))
    if not profile.serve_check.endpoints and not request.pushes_to:
        steps.extend(DeletePredecessor(item.entry, item.holds) for item in predecessors_of(profile, observed, entry))
    return tuple(steps)


def note_steps(profile: CertificateProfile, observed: Observation, entry: str) -> tuple[Step, ...]:
    """Before references are moved that may have to go back to a predecessor: note what serves it."""
    followed, check = followed_by(profile, observed, entry), profile.serve_check
    may_go_back = bool(check.endpoints) and check.on_wrong == "rollback" and bool(followed)
    return (NoteServed(entry, followed),) if may_go_back else ()


def check_steps(profile: CertificateProfile, entry: str) -> tuple[Step, ...]:
    """Ask the endpoints, if there are any."""
    endpoints = profile.serve_check.endpoints
    return (CheckService(entry, endpoints),) if endpoints else ()


def clean_up_steps(
    profile: CertificateProfile, observed: Observation, entry: str, request: RunRequest, is_served: bool = True
) -> tuple[Step, ...]:
    """What an earlier run could not do: move what still serves a predecessor, and let the predecessor go.

    `is_served`: the serve check has passed, or there is none.
    """
    is_served = is_served and not observed.owes_push
    predecessors = predecessors_of(profile, observed, entry) if is_served else ()
    served = {item.certificate for item in (observed.service_profiles or {}).values()}
    followed = followed_by(profile, observed, entry)
    record = observed.serve if is_served and profile.serve_check.endpoints else None
    superseded = record.superseded_certificate_id if record else None
    last = (RevokePredecessor(superseded, record.account),) if record and superseded else ()
    if not predecessors and not any(item.entry in served for item in followed):
        return last
    deletions = [DeletePredecessor(item.entry, item.holds) for item in predecessors]
    return (Bind(entry, (), followed), *deletions, *commit_steps(request), *last)


def predecessors_of(profile: CertificateProfile, observed: Observation, entry: str) -> tuple[Predecessor, ...]:
    """Our complete entries with a lower number, which may go. One whose key is not seen is kept: see `followed_by`."""
    complete = {item.name for item in own(profile, observed) if item.is_complete}
    return tuple(item for item in followed_by(profile, observed, entry) if item.entry in complete)


def followed_by(profile: CertificateProfile, observed: Observation, entry: str) -> tuple[Predecessor, ...]:
    """Our certificates with a lower number, whose users are moved to `entry`.

    A role that sees no private keys sees none of a certificate that somebody made by hand either, and yet it may be in
    service. What is newer is never moved away from, and never deleted.
    """
    number, current = series_number(profile.name, entry) or 0, current_of(profile, observed)
    latest = current.certificate.not_after if current and current.certificate else None
    return tuple(
        Predecessor(item.name, item.certificate.sha256)
        for item in own(profile, observed)
        if item.certificate is not None
        and item.number < number
        # Somebody may have put a later certificate under a lower number: it is not ours to take away.
        and (item.certificate.sha256 in observed.known or latest is None or item.certificate.not_after <= latest)
    )


def unbound_profiles(
    profile: CertificateProfile, observed: Observation, entry: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Service profiles that serve another certificate, and those that do not exist."""
    if observed.service_profiles is None:
        return (), ()
    names = profile.ssl_tls_service_profiles
    missing = tuple(name for name in names if name not in observed.service_profiles)
    there = [observed.service_profiles[name] for name in names if name in observed.service_profiles]
    return tuple(item.name for item in there if item.certificate != entry), missing
