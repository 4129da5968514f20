"""What stops a plan that costs money: what must speak against it, what must not, and what a person may overrule."""

from __future__ import annotations

import datetime
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.clock import format_time
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, State
from paloaltofw.lifecycle.guards import costs_money, guarded
from paloaltofw.lifecycle.inputs import Observation, RunRequest
from paloaltofw.lifecycle.requested import requested_of
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
    RemoveUnproven,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.firewall_objects import OBJECT_NAME_LIMIT, Namesake, ServiceProfile
from paloaltofw.model.records import Answer, InstalledRecord, LedgerEntry
from tests import x509
from tests.lifecycle.cases import (
    CSR,
    DUE,
    EXPIRED,
    GOOD,
    IMPORTED,
    ORDER,
    OTHER,
    PROFILE,
    REPLACE,
    RESUBMIT,
    RUN,
    STRANGER,
    held,
)

KEY = PROFILE.key
GENERATE = GenerateCsr("www-4", KEY)
SUBMIT = SubmitOrder("enroll", "A", "DV")
COSTLY = Decision(State.DUE, Action.RENEW, "due", (GENERATE, SUBMIT, Collect(None), Prove()), in_service="www")
FOREIGN_CSR = x509.csr("other.example.com")
# A CSR of the profile whose key is not that of the order in `cases`.
NEXT_CSR = x509.csr(private_key=x509.key(8))
FORCE = replace(RUN, force=True)
ASKED = [RESUBMIT, REPLACE, FORCE]


def stop(observed: Observation, request: RunRequest = RUN, decision: Decision = COSTLY) -> Blocked | None:
    """What the guards say to a plan; a plan that is let through must come back as it was."""
    result = guarded(PROFILE, observed, request, x509.NOW, decision)
    if result.blocked is None:
        assert result is decision
        return None
    assert (result.action, result.steps, result.alarm) == (Action.FAILED, (), None)
    assert (result.state, result.in_service, result.notes) == (decision.state, decision.in_service, decision.notes)
    assert result.reason == result.blocked.message
    assert result.blocked.hint
    return result.blocked


def code(observed: Observation, request: RunRequest = RUN, decision: Decision = COSTLY) -> str | None:
    blocked = stop(observed, request, decision)
    return blocked.code if blocked else None


def bare(number: int, **more: object) -> CertificateGeneration:
    """An entry that shows no key."""
    return replace(held(number, **more), has_key=False)


def ordered(spki_sha256: str, profile: str = "www", **more: Any) -> LedgerEntry:
    """An order of two months ago, so that the brake itself lets the next one pass."""
    at = format_time(x509.NOW - datetime.timedelta(days=60))
    entry = LedgerEntry(profile, "r", at, "enroll", "absent", requested_of(PROFILE), spki_sha256=spki_sha256)
    return replace(entry, **more)


# --- which plans are looked at -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("step", "costs"),
    [
        (GENERATE, True),
        (AdoptCsr("www"), True),
        (SUBMIT, True),
        (RemoveUnproven("www", "00"), False),
        (Collect("17"), False),
        (Prove(), False),
        (ImportChain(), False),
        (ImportCertificate("www"), False),
        (Bind("www", ("vpn",)), False),
        (DeletePredecessor("www", "00"), False),
        (Commit("svc"), False),
        (RecordId("www"), False),
    ],
)
def test_keys_and_orders_cost_money_and_nothing_else_does(step: Step, costs: bool) -> None:
    decision = replace(COSTLY, steps=(Prove(), step))
    assert costs_money(decision) is costs
    # A plan that only finishes what is paid for is not held up, whatever speaks against a new order.
    everything_is_wrong = Observation((held(certificate=STRANGER),), running=(held(2, certificate=GOOD),))
    assert (code(everything_is_wrong, decision=decision) is None) is not costs


# --- name-taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [RUN, *ASKED])
@pytest.mark.parametrize(
    ("item", "words"),
    [
        (held(2, certificate=STRANGER), "www-2 on the firewall is for 'other.example.com'"),
        (held(2, csr=FOREIGN_CSR), "www-2 on the firewall is for 'other.example.com'"),
        (held(3), "www-3 on the firewall holds neither a certificate nor a CSR to be read"),
    ],
)
def test_a_strangers_entry_stops_every_order_whoever_asks(
    item: CertificateGeneration, words: str, request_: RunRequest
) -> None:
    for observed in (Observation((item,)), Observation((), running=(item,)), Observation((item,), running=(item,))):
        blocked = stop(observed, request_)
        assert blocked is not None
        assert blocked.code == "name-taken"
        assert words in blocked.message
        assert blocked.hint == "rename it there, or set another name in the profile www"


def test_what_the_journal_knows_is_no_strangers_entry() -> None:
    item = held(2, certificate=STRANGER)
    assert code(Observation((item,), known=frozenset({STRANGER.sha256}))) is None
    assert code(Observation((item,), known=frozenset({STRANGER.spki_sha256}))) is None
    assert code(Observation((item,), order=replace(ORDER, entry="www-2"))) is None


@pytest.mark.parametrize(("length", "expected"), [(OBJECT_NAME_LIMIT, None), (OBJECT_NAME_LIMIT + 1, "name-taken")])
def test_a_name_that_the_device_cannot_hold_is_not_asked_for(length: int, expected: str | None) -> None:
    decision = replace(COSTLY, steps=(Prove(), GenerateCsr("w" * length, KEY), SUBMIT))
    for request in (RUN, *ASKED):
        blocked = stop(Observation(), request, decision)
        assert (blocked.code if blocked else None) == expected
        assert blocked is None or blocked.hint == "set another name in the profile, or rename the highest entry"
    assert code(Observation(), RUN, replace(COSTLY, steps=(AdoptCsr("w" * length), SUBMIT))) is None


# --- shadowed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_", [RUN, *ASKED])
def test_one_name_in_two_scopes_stops_every_order_whoever_asks(request_: RunRequest) -> None:
    found = (Namesake("certificate", "www-2", "vsys3"), Namesake("SSL/TLS service profile", "portal", "vsys1"))
    assert stop(Observation(namesakes=found), request_) == Blocked(
        "shadowed",
        "there is also the certificate www-2 of vsys3, and which of the two is used under this name is not certain",
        "rename one of them on the firewall, or choose other names in the profile",
    )
    assert stop(Observation(), request_) is None


# --- candidate-differs -----------------------------------------------------------------------------------------------

BOB = frozenset({"bob"})
SVC = frozenset({"svc"})
BOTH = BOB | SVC
KNOWN = frozenset({GOOD.sha256})
KNOWN_KEY = frozenset({GOOD.spki_sha256})
ORDERED = replace(ORDER, entry="www-2")


@pytest.mark.parametrize(
    ("candidate", "running", "more", "words"),
    [
        # The same in both, also where somebody edits it: no order depends on that.
        (held(2, certificate=GOOD), held(2, certificate=GOOD), {}, None),
        (held(2, certificate=GOOD, changed_by=BOB), held(2, certificate=GOOD), {}, None),
        # A certificate that the candidate lacks: somebody deleted it, or loaded something old.
        (None, held(2, certificate=GOOD), {}, "only the running configuration holds the certificate www-2"),
        (None, held(2, certificate=GOOD), {"known": KNOWN}, "only the running configuration holds"),
        (held(2, csr=CSR), held(2, certificate=GOOD), {}, "only the running configuration holds"),
        (
            held(2, csr=CSR, changed_by=BOTH),
            held(2, certificate=GOOD),
            {},
            "only the running configuration holds the certificate www-2 (changed by bob)",
        ),
        # A certificate that only the candidate holds: another's, unless the agent alone put it there, or knows it.
        (held(2, certificate=GOOD), None, {}, "only the candidate configuration holds the certificate www-2"),
        (held(2, certificate=GOOD, changed_by=BOB), None, {}, "certificate www-2 (changed by bob)"),
        (held(2, certificate=GOOD, changed_by=BOTH), None, {}, "certificate www-2 (changed by bob)"),
        (held(2, certificate=GOOD, changed_by=SVC), None, {}, None),
        (held(2, certificate=GOOD, changed_by=BOB), None, {"known": KNOWN}, None),
        (held(2, certificate=GOOD, changed_by=BOB), None, {"known": KNOWN_KEY}, None),
        (held(2, certificate=GOOD, changed_by=SVC), held(2, csr=CSR), {}, None),
        (
            held(2, certificate=GOOD, changed_by=BOB),
            held(2, csr=CSR),
            {},
            "only the candidate configuration holds the certificate www-2 (changed by bob)",
        ),
        # Different certificates.
        (
            held(2, certificate=GOOD),
            held(2, certificate=DUE),
            {},
            "candidate and running configuration hold different certificates as www-2",
        ),
        (held(2, certificate=GOOD, changed_by=SVC), held(2, certificate=DUE), {}, None),
        (held(2, certificate=GOOD), held(2, certificate=DUE), {"known": KNOWN}, None),
        # Keys without a certificate: only that of the open order must not be in the running configuration alone.
        (None, held(2, csr=CSR), {}, None),
        (None, held(2, csr=CSR), {"order": ORDERED}, "only the running configuration holds the certificate www-2"),
        (None, held(2, csr=CSR), {"order": replace(ORDERED, spki_sha256="00")}, None),
        (held(2, csr=CSR), held(2, csr=CSR), {"order": ORDERED}, None),
        (held(2, csr=CSR), None, {"order": ORDERED}, None),
        # The narrow way shows the key of the order, although the list does not.
        (
            None,
            None,
            {"order": ORDERED, "is_key_elsewhere": True},
            "the list of certificates lacks www-2, but its CSR is there",
        ),
    ],
)
def test_what_is_in_one_configuration_only_is_somebodys_work(
    candidate: CertificateGeneration | None,
    running: CertificateGeneration | None,
    more: dict[str, Any],
    words: str | None,
) -> None:
    committed = held(certificate=DUE)
    observed = replace(
        Observation(
            (committed, *([candidate] if candidate else [])),
            running=(committed, *([running] if running else [])),
            admin="svc",
        ),
        **more,
    )
    for request in (RUN, *ASKED):
        blocked = stop(observed, request)
        assert (blocked.code if blocked else None) == ("candidate-differs" if words else None)
        assert words is None or words in (blocked.message if blocked else "")
    # Where the running configuration was not read, nothing can be told from it.
    assert code(replace(observed, running=None), RESUBMIT) is None


@given(
    st.dictionaries(st.integers(1, 5), st.sampled_from([GOOD, DUE, EXPIRED]), max_size=4),
    st.dictionaries(st.integers(1, 5), st.sampled_from([GOOD, DUE, EXPIRED]), max_size=4),
)
def test_unknown_certificates_that_nobody_is_said_to_have_changed_must_be_the_same_in_both(
    candidate: dict[int, object], running: dict[int, object]
) -> None:
    def entries(side: dict[int, object]) -> tuple[CertificateGeneration, ...]:
        return tuple(held(number, certificate=side[number]) for number in sorted(side))

    observed = Observation(entries(candidate), running=entries(running), admin="svc")
    assert code(observed) == (None if candidate == running else "candidate-differs")


# --- list-differs ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("served", "expected"),
    [
        ("www", None),
        ("www-2", "list-differs"),
        ("www-37", "list-differs"),
        ("www-02", None),
        ("wwwx", None),
        ("other-2", None),
        ("", None),
    ],
)
def test_a_list_that_lacks_what_is_served_is_not_believed(served: str, expected: str | None) -> None:
    there = {"web": ServiceProfile("web", "www"), "vpn": ServiceProfile("vpn", served)}
    observed = Observation((held(certificate=DUE),), service_profiles=there)
    for request in (RUN, *ASKED):
        blocked = stop(observed, request)
        assert (blocked.code if blocked else None) == expected
        assert blocked is None or f"vpn serves {served}" in blocked.message
    assert code(replace(observed, service_profiles=None)) is None


# --- key-not-seen ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "more", "expected"),
    [
        ((bare(1, certificate=GOOD),), {}, "www"),
        ((held(1, certificate=DUE), bare(2, certificate=GOOD)), {}, "www-2"),
        ((bare(1, certificate=GOOD), bare(2, certificate=GOOD)), {}, "www"),
        # One that has ended, or that is older than what serves, is of no use with its key either.
        ((bare(1, certificate=EXPIRED),), {}, None),
        ((bare(1, certificate=GOOD), held(2, certificate=DUE)), {}, None),
        # What has its key, or is none of ours, does not hide one.
        ((held(1, certificate=GOOD),), {}, None),
        ((bare(1, csr=CSR),), {}, None),
        ((bare(1, certificate=STRANGER),), {"order": ORDER}, None),
    ],
)
def test_a_key_that_is_not_shown_is_not_proven_to_be_lost(
    entries: tuple[CertificateGeneration, ...], more: dict[str, Any], expected: str | None
) -> None:
    observed = replace(Observation(entries), **more)
    blocked = stop(observed)
    assert (blocked.code if blocked else None) == ("key-not-seen" if expected else None)
    if blocked:
        assert f"does not show that {expected} has its key" in blocked.message
        assert "enroll --resubmit -p www" in blocked.hint
    # Whoever asks for an order knows that it is lost.
    assert [code(observed, request) for request in ASKED] == [None] * len(ASKED)


def test_a_certificate_without_its_key_matters_until_the_moment_it_ends() -> None:
    observed = Observation((bare(1, certificate=GOOD),))
    before = guarded(PROFILE, observed, RUN, GOOD.not_after - datetime.timedelta(seconds=1), COSTLY)
    assert before.blocked is not None
    assert guarded(PROFILE, observed, RUN, GOOD.not_after, COSTLY) is COSTLY


# --- unknown-order -----------------------------------------------------------------------------------------------------

TAKEN = ordered(CSR.spki_sha256)


@pytest.mark.parametrize(
    ("entries", "more", "words"),
    [
        ((held(csr=CSR),), {}, "the pending CSR www, which may have been ordered by a state folder that is lost"),
        ((held(1, csr=CSR), held(2, csr=NEXT_CSR)), {}, "the pending CSR www-2"),
        ((held(1, csr=CSR), held(2, csr=NEXT_CSR)), {"ledger": (TAKEN,)}, "the pending CSR www-2"),
        ((held(csr=CSR),), {"ledger": (replace(TAKEN, answer=Answer.REFUSED.value),)}, "the pending CSR www"),
        ((held(csr=CSR),), {"ledger": (TAKEN,)}, None),
        ((held(csr=CSR),), {"order": ORDER}, None),
        ((bare(1, csr=CSR),), {}, None),
        ((held(certificate=DUE),), {}, None),
        # Another profile's order for a CSR of these names: this profile's file may have been renamed.
        ((held(csr=CSR),), {"ledger": (replace(TAKEN, profile="old"),)}, "the profile old ordered a certificate"),
        (
            (held(csr=CSR),),
            {"ledger": (replace(TAKEN, profile="older"), replace(TAKEN, profile="old"))},
            "the profile old ordered",
        ),
        ((held(csr=CSR),), {"ledger": (replace(TAKEN, profile="old"),), "order": ORDER}, None),
        (
            (held(csr=CSR),),
            {"ledger": (replace(TAKEN, profile="old", answer=Answer.REFUSED.value),)},
            "the pending CSR www",
        ),
        ((held(csr=CSR),), {"ledger": (replace(TAKEN, profile="old", spki_sha256="00"),)}, "the pending CSR www"),
        (
            (held(csr=CSR),),
            {"ledger": (replace(TAKEN, profile="old", not_before="2026-06-01T00:00:00Z", not_after="2026-09-01T00:00:00Z"),)},
            "the profile old ordered",
        ),
    ],
)  # fmt: skip
def test_a_pending_csr_that_nobody_here_ordered_may_be_ordered_already(
    entries: tuple[CertificateGeneration, ...], more: dict[str, Any], words: str | None
) -> None:
    observed = replace(Observation(entries), **more)
    blocked = stop(observed)
    assert (blocked.code if blocked else None) == ("unknown-order" if words else None)
    assert words is None or words in (blocked.message if blocked else "")
    assert blocked is None or "enroll --resubmit -p www" in blocked.hint
    assert [code(observed, request) for request in ASKED] == [None] * len(ASKED)


# --- order-limit ---------------------------------------------------------------------------------------------------------

RECENT = replace(ordered("00"), ordered_at=format_time(x509.NOW - datetime.timedelta(hours=1)))


@pytest.mark.parametrize(
    ("request_", "submit", "expected"),
    [
        (RUN, SUBMIT, "order-limit"),
        (RunRequest(enroll=True), SUBMIT, "order-limit"),
        (replace(RUN, order_limit=(2, 86400.0)), SUBMIT, None),
        (replace(RUN, order_limit=(1, 86400.0)), SUBMIT, "order-limit"),
        (RESUBMIT, SUBMIT, None),
        (REPLACE, SUBMIT, None),
        (FORCE, SUBMIT, None),
        # The same CSR after a lost answer has a bound of its own.
        (RUN, replace(SUBMIT, is_resubmission=True), None),
    ],
)
def test_the_brake_holds_what_no_person_asked_for(
    request_: RunRequest, submit: SubmitOrder, expected: str | None
) -> None:
    decision = replace(COSTLY, steps=(GENERATE, submit), alarm=Blocked("urgent", "is late", "hurry"))
    assert code(Observation(ledger=(RECENT,)), request_, decision) == expected


def test_who_revoked_a_certificate_may_have_another_at_once() -> None:
    revoked = InstalledRecord("9", "www", "", "", "", revoked_by_person_at=format_time(x509.NOW))
    assert code(Observation(ledger=(RECENT,), installed=revoked)) is None
    assert code(Observation(ledger=(RECENT,), installed=replace(revoked, revoked_by_person_at=""))) == "order-limit"


def test_a_key_alone_is_no_order() -> None:
    assert code(Observation(ledger=(RECENT,)), RUN, replace(COSTLY, steps=(GENERATE,))) is None


@pytest.mark.parametrize("request_", [RUN, replace(RUN, order_limit=(1, 1e9))])
def test_every_automatic_order_of_decide_goes_by_the_brake(request_: RunRequest) -> None:
    for entries in ((held(certificate=DUE),), (held(certificate=EXPIRED),), (held(certificate=OTHER),), ()):
        observed = Observation(entries, ledger=(RECENT,), admin="svc")
        decision = decide(PROFILE, observed, request_, x509.NOW)
        assert decision.blocked is not None
        assert (decision.blocked.code, decision.steps) == ("order-limit", ())
        free = decide(PROFILE, replace(observed, ledger=()), request_, x509.NOW)
        assert costs_money(free)


def test_what_is_paid_for_is_installed_whatever_the_guards_say() -> None:
    order = replace(ORDER, entry="www-2", phase="issued")
    entries = (held(certificate=DUE), held(2, csr=CSR), held(3, certificate=STRANGER))
    observed = Observation(entries, order=order, issued=IMPORTED, ledger=(RECENT,), admin="svc")
    decision = decide(PROFILE, observed, RUN, x509.NOW)
    assert (decision.blocked, decision.action) == (None, Action.INSTALL)


# --- word for word -------------------------------------------------------------------------------------------------------

LOOK = "commit or revert the change on the firewall; the next run looks again"
ASK_AGAIN = "paloaltoagent enroll --resubmit -p www"


@pytest.mark.parametrize(
    ("observed", "expected"),
    [
        (
            Observation((held(2, certificate=STRANGER),)),
            Blocked(
                "name-taken",
                "the entry www-2 on the firewall is for 'other.example.com', so it is not this profile's",
                "rename it there, or set another name in the profile www",
            ),
        ),
        (
            Observation((held(3),)),
            Blocked(
                "name-taken",
                "the entry www-3 on the firewall holds neither a certificate nor a CSR to be read, so it is not this profile's",
                "rename it there, or set another name in the profile www",
            ),
        ),
        (
            Observation((), running=(), order=ORDERED, is_key_elsewhere=True),
            Blocked(
                "candidate-differs",
                "the list of certificates lacks www-2, but its CSR is there",
                "look at the firewall's uncommitted changes; the next run looks again",
            ),
        ),
        (
            Observation((), running=(), is_key_elsewhere=True),
            Blocked(
                "candidate-differs",
                "the list of certificates lacks ?, but its CSR is there",
                "look at the firewall's uncommitted changes; the next run looks again",
            ),
        ),
        (
            Observation((), running=(held(2, certificate=GOOD),)),
            Blocked("candidate-differs", "only the running configuration holds the certificate www-2", LOOK),
        ),
        (
            Observation(
                (held(2, certificate=GOOD, changed_by=frozenset({"eve", "bob", "svc"})),), running=(), admin="svc"
            ),
            Blocked(
                "candidate-differs",
                "only the candidate configuration holds the certificate www-2 (changed by bob, eve)",
                LOOK,
            ),
        ),
        (
            Observation((held(certificate=GOOD),), running=(held(certificate=DUE),)),
            Blocked(
                "candidate-differs", "candidate and running configuration hold different certificates as www", LOOK
            ),
        ),
        (
            Observation((), service_profiles={"vpn": ServiceProfile("vpn", "www-2")}),
            Blocked(
                "list-differs",
                "the SSL/TLS service profile vpn serves www-2, which the list does not show",
                "look at both on the firewall, and at the rights of the administrator; the next run looks again",
            ),
        ),
        (
            Observation((bare(1, certificate=GOOD),)),
            Blocked(
                "key-not-seen",
                "the firewall does not show that www has its key, and no other way proves it",
                f"give the administrator the right to see it, or, if the key is lost, run: {ASK_AGAIN}",
            ),
        ),
        (
            Observation((held(csr=CSR),), ledger=(replace(TAKEN, profile="old"),)),
            Blocked(
                "unknown-order",
                "the profile old ordered a certificate for this entry, whose order may still be open",
                f"rename the profile back, or run: {ASK_AGAIN}",
            ),
        ),
        (
            Observation((held(csr=CSR),)),
            Blocked(
                "unknown-order",
                "the firewall holds the pending CSR www, which may have been ordered by a state folder that is lost",
                f"look in the SCM portal, then run: {ASK_AGAIN}",
            ),
        ),
    ],
)
def test_what_stops_an_order_word_for_word(observed: Observation, expected: Blocked) -> None:
    assert stop(observed) == expected


def test_a_name_that_is_too_long_is_told_word_for_word() -> None:
    entry = "w" * (OBJECT_NAME_LIMIT + 1)
    assert stop(Observation(), RUN, replace(COSTLY, steps=(GenerateCsr(entry, KEY), SUBMIT))) == Blocked(
        "name-taken",
        f"the next name of the series, {entry}, has more than {OBJECT_NAME_LIMIT} characters",
        "set another name in the profile, or rename the highest entry",
    )


@pytest.mark.parametrize(
    ("candidate", "more", "is_ours"),
    [
        # An earlier run of ours deleted the predecessor, and its commit did not come about.
        (None, {"known": KNOWN, "owes_commit": True}, True),
        (None, {"known": KNOWN}, False),
        (None, {"owes_commit": True}, False),
        # The entry is still there: nobody deleted it.
        (held(2, csr=CSR), {"known": KNOWN, "owes_commit": True}, False),
    ],
)
def test_a_predecessor_that_the_agent_deleted_and_could_not_commit_is_its_own_work(
    candidate: CertificateGeneration | None, more: dict[str, Any], is_ours: bool
) -> None:
    entries = (candidate,) if candidate else ()
    observed = replace(Observation(entries, running=(held(2, certificate=GOOD),), admin="svc"), **more)
    assert code(observed, RESUBMIT) == (None if is_ours else "candidate-differs")


def test_a_differing_certificate_of_the_agents_own_does_not_hide_somebody_elses() -> None:
    own_work = held(2, certificate=GOOD, changed_by=SVC)
    observed = Observation((own_work, held(3, certificate=DUE)), running=(), admin="svc")
    blocked = stop(observed)
    assert blocked is not None
    assert blocked.message == "only the candidate configuration holds the certificate www-3"
    # A list that lacks what serves is seen whatever else serves.
    there = {"a": ServiceProfile("a", "other"), "b": ServiceProfile("b", "www"), "c": ServiceProfile("c", "www-5")}
    assert code(Observation((held(certificate=DUE),), service_profiles=there)) == "list-differs"
    # Nor does a certificate with its key hide one without.
    assert code(Observation((held(1, certificate=DUE), held(2, csr=CSR), bare(3, certificate=GOOD)))) == "key-not-seen"
    # Nor does another step hide a name that is too long.
    steps = (SUBMIT, GenerateCsr("www", KEY), GenerateCsr("w" * (OBJECT_NAME_LIMIT + 1), KEY))
    assert code(Observation(), RUN, replace(COSTLY, steps=steps)) == "name-taken"


@pytest.mark.parametrize(("here", "there"), [(True, False), (False, True)])
def test_what_is_revoked_in_one_configuration_only_is_no_word_to_pay_for(here: bool, there: bool) -> None:
    candidate, running = (held(certificate=GOOD, is_revoked=revoked) for revoked in (here, there))
    assert code(Observation((candidate,), running=(running,))) == "candidate-differs"
    both = replace(candidate, is_revoked=True)
    assert code(Observation((both,), running=(both,))) is None
