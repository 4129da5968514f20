"""The plans: which steps, in which order, lead to a certificate in service."""

from __future__ import annotations

from dataclasses import replace

from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Bind,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    ImportChain,
    Prove,
    RecordId,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration, next_entry, requirements
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.pki.certificate import VerificationError
from paloaltofw.pki.verification import verify_csr

_IN_WINDOW = (ImportChain, ImportCertificate, Bind, DeletePredecessor, Commit, RecordId)


def outside_window(decision: Decision, opens: str) -> Decision:
    """The plan while the firewall's commit window is closed: everything is prepared, nothing imported or committed."""
    steps = tuple(step for step in decision.steps if not isinstance(step, _IN_WINDOW))
    if steps == decision.steps:
        return decision
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
    """A new key under a free name, or under a fitting pending CSR of ours, ordered and installed."""
    adopted = adoptable(profile, observed, request)
    entry = adopted.name if adopted else next_entry(profile.name, observed.generations)
    make: Step = AdoptCsr(entry) if adopted else GenerateCsr(entry, profile.key)
    submit = SubmitOrder(operation, profile.account, profile.type, previous_certificate_id)
    return (make, submit, Collect(None), *install_steps(profile, observed, entry, request))


def adoptable(profile: CertificateProfile, observed: Observation, request: RunRequest) -> CertificateGeneration | None:
    """The newest entry, if it is a pending CSR that fits the profile and is not another administrator's work."""
    newest = observed.generations[-1] if observed.generations else None
    if newest is None or not newest.is_pending or newest.csr is None or not newest.changed_by <= {request.admin}:
        return None
    try:
        verify_csr(newest.csr, requirements(profile))
    except VerificationError:
        return None
    return newest


def install_steps(
    profile: CertificateProfile, observed: Observation, entry: str, request: RunRequest
) -> tuple[Step, ...]:
    """Return the steps from a chain in hand to a certificate in service under `entry`."""
    steps: list[Step] = [Prove()]
    steps += [ImportCertificate(entry, True)] if request.bundles_chain else [ImportChain(), ImportCertificate(entry)]
    return (*steps, *move_steps(profile, observed, entry), Commit(request.admin), RecordId(profile.id))


def move_steps(profile: CertificateProfile, observed: Observation, entry: str) -> tuple[Step, ...]:
    """Move references to the entry and let its predecessors go."""
    predecessors = tuple(item.name for item in observed.generations if item.is_complete and item.name != entry)
    steps: list[Step] = []
    if profile.ssl_tls_service_profiles or predecessors:
        steps.append(Bind(entry, profile.ssl_tls_service_profiles, predecessors))
    steps.extend(DeletePredecessor(name) for name in predecessors)
    return tuple(steps)


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
