"""decide: tables for every state, and properties over generated observations."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Decision, State
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.ownership import is_ours
from paloaltofw.lifecycle.requested import requested_of
from paloaltofw.lifecycle.steps import (
    AdoptCsr,
    Bind,
    Collect,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    RecordId,
    RemoveUnproven,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.certificate_profile import CertificateProfile, Renewal
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord, Phase
from paloaltofw.pki.certificate import Certificate
from tests import x509
from tests.lifecycle.cases import (
    CSR,
    DUE,
    ENROLL,
    EXPIRED,
    FULL,
    GOOD,
    IMPORTED,
    ORDER,
    OTHER,
    PROFILE,
    RENEW,
    REPLACE,
    RESUBMIT,
    ROTATION,
    RUN,
    STRANGER,
    held,
    kinds,
)


@pytest.mark.parametrize(
    ("observed", "asked", "state", "action", "steps"),
    [
        (Observation(), RUN, State.ABSENT, Action.ENROLL, FULL),
        (Observation(), ENROLL, State.ABSENT, Action.ENROLL, FULL),
        (Observation(), RENEW, State.ABSENT, Action.FAILED, []),
        (Observation((held(csr=CSR),)), RUN, State.ABSENT, Action.FAILED, []),
        (Observation((held(csr=CSR),)), RESUBMIT, State.ABSENT, Action.ENROLL, ["AdoptCsr", *FULL[1:]]),
        (Observation((held(certificate=STRANGER),)), RUN, State.ABSENT, Action.FAILED, []),
        (Observation((held(certificate=GOOD),)), RUN, State.VALID, Action.NONE, []),
        (Observation((held(certificate=GOOD),)), ENROLL, State.VALID, Action.NONE, []),
        (Observation((held(certificate=GOOD),)), replace(RENEW, force=True), State.VALID, Action.RENEW, ROTATION),
        (Observation((held(certificate=GOOD),)), REPLACE, State.VALID, Action.RENEW, ROTATION),
        (Observation((held(certificate=DUE),)), RUN, State.DUE, Action.RENEW, ROTATION),
        (Observation((held(certificate=DUE),)), ENROLL, State.DUE, Action.NONE, []),
        (Observation((held(certificate=EXPIRED),)), ENROLL, State.EXPIRED, Action.ENROLL, ROTATION),
        (Observation((held(certificate=GOOD, is_revoked=True),)), ENROLL, State.REVOKED, Action.ENROLL, ROTATION),
        (Observation((held(certificate=GOOD),), is_revoked_at_scm=True), RUN, State.REVOKED, Action.ENROLL, ROTATION),
        (Observation((held(certificate=OTHER),)), RUN, State.MISMATCH, Action.RENEW, ROTATION),
        (Observation((held(certificate=OTHER),)), ENROLL, State.MISMATCH, Action.NONE, []),
        (Observation((held(certificate=GOOD),), unapplied=True), RUN, State.VALID, Action.INSTALL, ["Commit"]),
        (Observation((held(certificate=GOOD, template="T"),)), RUN, State.UNKNOWN, Action.FAILED, []),
    ],
)
def test_what_is_done_without_an_open_order(
    observed: Observation, asked: RunRequest, state: State, action: Action, steps: list[str]
) -> None:
    decision = decide(PROFILE, observed, asked, x509.NOW)
    assert (decision.state, decision.action, kinds(decision)) == (state, action, steps)


@pytest.mark.parametrize(
    ("certificate", "asked", "operation", "previous"),
    [
        (DUE, RUN, "renew", "9"),
        (OTHER, RUN, "replace", "9"),
        (GOOD, REPLACE, "replace", "9"),
        (EXPIRED, RUN, "enroll", None),
    ],
)
def test_the_operation_at_scm(
    certificate: Certificate, asked: RunRequest, operation: str, previous: str | None
) -> None:
    decision = decide(PROFILE, Observation((held(certificate=certificate),), certificate_id="9"), asked, x509.NOW)
    submit = next(step for step in decision.steps if isinstance(step, SubmitOrder))
    assert (submit.operation, submit.previous_certificate_id) == (operation, previous)


def test_reuse_keeps_name_and_key() -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=30, key="reuse"))
    decision = decide(profile, Observation((held(certificate=DUE),), certificate_id="9"), RUN, x509.NOW)
    assert kinds(decision) == FULL[1:]
    assert ImportCertificate("www") in decision.steps


def test_reuse_without_id_and_csr_makes_a_new_key() -> None:
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=30, key="reuse"))
    decision = decide(profile, Observation((held(certificate=DUE),)), RUN, x509.NOW)
    assert kinds(decision) == ROTATION


@pytest.mark.parametrize("certificate", [DUE, EXPIRED, OTHER])
def test_renewal_that_is_switched_off_is_reported_and_not_done(certificate: Certificate) -> None:
    profile = replace(PROFILE, renewal=Renewal(auto=False, renew_before_days=30))
    decision = decide(profile, Observation((held(certificate=certificate),)), RUN, x509.NOW)
    assert (decision.action, decision.steps) == (Action.NONE, ())
    assert any("renewal.auto is false" in note for note in decision.notes)


def test_service_profiles_that_serve_another_certificate_are_bound() -> None:
    profile = replace(PROFILE, ssl_tls_service_profiles=("vpn", "web"))
    there = {"vpn": ServiceProfile("vpn", "www"), "web": ServiceProfile("web", "old")}
    observed = Observation((held(certificate=GOOD),), service_profiles=there)
    assert decide(profile, observed, RUN, x509.NOW).steps == (Bind("www", ("web",)), Commit("svc"))
    missing = decide(profile, replace(observed, service_profiles={"vpn": there["vpn"]}), RUN, x509.NOW)
    assert missing.blocked is not None
    assert "web" in missing.blocked.message


def test_a_predecessor_that_is_still_used_is_noted_and_fails_before_it_expires() -> None:
    def found(age: float) -> Decision:
        old = held(certificate=x509.certificate(age=age))
        return decide(PROFILE, Observation((old, held(2, certificate=GOOD))), RUN, x509.NOW)

    assert found(100).alarm is None
    assert "predecessor www is still there" in found(100).notes[0]
    # It is tried again each night, as a clean-up that need not succeed.
    assert (kinds(found(100)), found(100).is_clean_up) == (["Bind", "DeletePredecessor", "Commit"], True)
    for age in (191, 201):
        late = found(age)
        assert late.alarm is not None
        assert late.alarm.code == "predecessor"
        assert "www-2" in late.alarm.hint


def test_a_profile_that_was_edited_since_the_order_is_a_mismatch() -> None:
    record = InstalledRecord("9", "www", requested_of(PROFILE), "", "2026-11-24T00:00:00Z")
    observed = Observation((held(certificate=GOOD),), installed=record)
    assert decide(PROFILE, observed, RUN, x509.NOW).state is State.VALID
    edited = replace(PROFILE, subject=replace(PROFILE.subject, organization="New Ltd"))
    assert decide(edited, observed, RUN, x509.NOW).state is State.MISMATCH


CERTIFICATES = st.sampled_from([GOOD, DUE, EXPIRED, OTHER, IMPORTED, STRANGER])
FOREIGN = x509.csr(private_key=x509.key(9))
HELD = st.builds(
    held,
    number=st.integers(1, 4),
    certificate=st.none() | CERTIFICATES,
    csr=st.sampled_from([None, CSR, FOREIGN]),
    is_revoked=st.booleans(),
    changed_by=st.sampled_from([frozenset(), frozenset({"svc"}), frozenset({"bob"})]),
)
ORDERS = st.builds(
    replace,
    st.just(ORDER),
    phase=st.sampled_from([phase.value for phase in Phase]),
    entry=st.sampled_from(["www", "www-2", "www-4"]),
    operation=st.sampled_from(["enroll", "renew", "replace"]),
    previous_certificate_id=st.just("3"),
    failure=st.just("declined"),
)
OBSERVATIONS = st.builds(
    lambda items, **more: Observation(
        tuple(sorted({i.number: i for i in items}.values(), key=lambda i: i.number)), **more
    ),
    st.lists(HELD, max_size=4),
    order=st.none() | ORDERS,
    issued=st.sampled_from([None, IMPORTED]),
    certificate_id=st.sampled_from([None, "3"]),
    is_revoked_at_scm=st.booleans(),
    unapplied=st.booleans(),
    service_profiles=st.sampled_from(
        [None, {"vpn": ServiceProfile("vpn", "www")}, {"vpn": ServiceProfile("vpn", "x")}]
    ),
)
REQUESTS = st.builds(
    RunRequest, enroll=st.booleans(), renew=st.booleans(), replace=st.booleans(), force=st.booleans(),
    resubmit=st.booleans(), hold_lost_orders=st.booleans(), admin=st.just("svc"),
)  # fmt: skip
PROFILES = st.builds(
    replace, st.just(PROFILE), type=st.sampled_from(["DV", "OV", "EV"]),
    renewal=st.builds(Renewal, auto=st.booleans(), key=st.sampled_from(["rotate", "reuse"])),
    ssl_tls_service_profiles=st.sampled_from([(), ("vpn",)]),
)  # fmt: skip


@given(PROFILES, OBSERVATIONS, REQUESTS)
@settings(max_examples=1500, deadline=None)
def test_properties_of_every_decision(profile: CertificateProfile, observed: Observation, asked: RunRequest) -> None:
    decision = decide(profile, observed, asked, x509.NOW)
    steps = decision.steps
    assert decision == decide(profile, observed, asked, x509.NOW)
    submits = [step for step in steps if isinstance(step, SubmitOrder)]
    # Never an order while one is open whose key is there, unless a person asks for it, or it expired in hand.
    is_asked = asked.resubmit or asked.replace
    if (
        observed.order
        and observed.order.phase in (Phase.ORDERED.value, Phase.ISSUED.value)
        and submits
        and not is_asked
    ):
        assert submits[0].operation == "replace"
        assert any(isinstance(step, GenerateCsr | AdoptCsr) for step in steps)
        assert not any(_holds(item, observed.order) for item in observed.generations)
    # After a lost answer the same CSR or none.
    if observed.order and observed.order.phase == Phase.SUBMITTING.value and submits and not is_asked:
        assert submits[0].is_resubmission
        assert not any(isinstance(step, GenerateCsr | AdoptCsr) for step in steps)
    # Never a key or an order beside a stranger's entry, and never a stranger's entry as a predecessor.
    foreign = {item.name for item in observed.generations if not is_ours(item, profile, observed)}
    assert not (submits and foreign - {observed.order.entry if observed.order else ""})
    assert not any(isinstance(step, DeletePredecessor) and step.entry in foreign for step in steps)
    # Never a key onto a name that is taken; never a deletion of what will be in service.
    taken = {item.name for item in observed.generations}
    installed = {step.entry for step in steps if isinstance(step, ImportCertificate)}
    removed = {step.entry for step in steps if isinstance(step, RemoveUnproven)}
    for step in steps:
        assert not (isinstance(step, GenerateCsr) and step.entry in taken - removed)
        assert not (isinstance(step, DeletePredecessor) and (step.entry in installed or step.entry not in taken))
    # Deletion only after the new certificate is there and references were moved.
    names = kinds(decision)
    if "DeletePredecessor" in names:
        is_failed = observed.order is not None and observed.order.phase == Phase.FAILED.value
        assert is_failed or names.index("Bind") < names.index("DeletePredecessor")
        assert names.index("ImportCertificate") < names.index("DeletePredecessor") < names.index("Commit")
    # Never a commit without a change.
    if any(isinstance(step, Commit) for step in steps):
        changes = (GenerateCsr, AdoptCsr, ImportCertificate, Bind, DeletePredecessor)
        assert observed.unapplied or any(isinstance(step, changes) for step in steps)
    # Always progress: either steps, or nothing to do, or a person is told what to do.
    assert steps or decision.action is Action.NONE or (decision.blocked and decision.blocked.hint)
    # One order at most, and what is ordered is collected, proven, imported, committed and recorded.
    assert len(submits) <= 1
    if submits:
        assert [n for n in names if n in FULL[1:]] == FULL[1:]
        assert isinstance(steps[-1], RecordId)
        assert any(isinstance(step, Collect) for step in steps)


def _holds(item: CertificateGeneration, order: OrderRecord) -> bool:
    known = item.csr.spki_sha256 if item.csr else item.certificate.spki_sha256 if item.certificate else None
    return item.name == order.entry and item.has_key and known == order.spki_sha256 and order.chain != ""
