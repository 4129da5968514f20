"""Runs plans: one strict sequence for each firewall, firewalls side by side, stage by stage.

The steps themselves are in `ordering`, `installing` and `committing`. One certificate's failure never stops another's.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from paloaltofw import committing, installing, ordering
from paloaltofw.certificate_profile import CertificateProfile
from paloaltofw.certificates import Certificate
from paloaltofw.clock import Clock, YieldingClock, format_time
from paloaltofw.errors import AgentError, ConfigurationError, Refused
from paloaltofw.firewall_profile import FirewallProfile
from paloaltofw.lifecycle import Seen, Wish, decide, outside_window
from paloaltofw.observation import (
    Kept,
    ask_for_revocation,
    combine,
    is_check_due,
    look_at,
    look_into,
    own_certificates,
)
from paloaltofw.panos import PanosClient, Scope
from paloaltofw.scm import REVOKED, ScmClient
from paloaltofw.series import in_service, requirements
from paloaltofw.settings import Configuration
from paloaltofw.steps import (
    Action,
    AdoptCsr,
    Bind,
    Blocked,
    Collect,
    Commit,
    Decision,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    ImportChain,
    Prove,
    RecordId,
    Stage,
    State,
    Step,
    SubmitOrder,
)
from paloaltofw.storage import InstalledRecord, Store
from paloaltofw.work import Context, Outcome, Progress, Silent, Work

log = logging.getLogger(__name__)
events = logging.getLogger("paloaltofw.events")

# Firewalls that may be on the way at once, most of them waiting for a commit job or for issuance: a thread each.
MAX_THREADS = 1000

_HANDLERS: Mapping[type, Callable[[Context, Work, Any], None]] = {
    GenerateCsr: ordering.generate_csr,
    AdoptCsr: ordering.adopt_csr,
    SubmitOrder: ordering.submit_order,
    Prove: installing.prove,
    ImportChain: installing.import_chain,
    ImportCertificate: installing.import_certificate,
    Bind: installing.bind,
    DeletePredecessor: installing.delete_predecessor,
}
_CHANGES_FIREWALL = (GenerateCsr, AdoptCsr, ImportChain, ImportCertificate, Bind, DeletePredecessor, Commit)


@dataclass(frozen=True)
class Run:
    """What one invocation of the program does. `is_dry` plans only; `wait` is in seconds.

    `asks_orders`: SCM is asked how open orders stand, for `status`.
    """

    configuration: Configuration
    wish: Wish
    clock: Clock
    wait: float
    is_dry: bool = False
    asks_orders: bool = False
    progress: Progress = Silent()  # noqa: RUF009 - it has no state


class Accounts:
    """SCM clients, made when first needed: one for each account, so that each fetches one token a run."""

    def __init__(self, configuration: Configuration, clock: Clock) -> None:
        self._configuration = configuration
        self._clock = clock
        self._clients: dict[str, ScmClient] = {}
        self._lock = threading.Lock()

    def __call__(self, label: str) -> ScmClient:
        """The client of an account."""
        with self._lock:
            if label not in self._clients:
                settings = self._configuration.settings
                self._clients[label] = ScmClient(
                    self._configuration.accounts[label],
                    settings.token_url,
                    settings.ca_bundle,
                    settings.scm_timeout,
                    self._clock,
                )
            return self._clients[label]

    def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            client.close()


def open_firewall(configuration: Configuration, profile: FirewallProfile, clock: Clock) -> PanosClient:
    """A client for a firewall profile. It trusts the certificates that the agent itself put onto that firewall.

    So a management certificate that the agent renews does not lock it out: the key of such a certificate never left
    the firewall, and its fingerprint is in the journal since before it was imported.
    """
    ids = [item.id for item in configuration.certificates.values() if item.firewall == profile.id]
    store = Store(configuration.settings.state)
    return PanosClient(
        profile.id, profile.url, profile.api_key, profile.trust, profile.timeout, Scope(profile.vsys), clock,
        lambda: own_certificates(store, ids),
    )  # fmt: skip


def execute(run: Run, profiles: Sequence[CertificateProfile]) -> list[Outcome]:
    """Do (or, dry, plan) what is to be done for these profiles; outcomes in the order of the profiles."""
    by_firewall: dict[str, list[CertificateProfile]] = {}
    for profile in profiles:
        by_firewall.setdefault(profile.firewall, []).append(profile)
    outcomes = _side_by_side(run, by_firewall)
    order = {profile.id: index for index, profile in enumerate(profiles)}
    return sorted(outcomes, key=lambda outcome: order[outcome.profile])


def _side_by_side(run: Run, by_firewall: Mapping[str, Sequence[CertificateProfile]]) -> list[Outcome]:
    """All firewalls at once. `concurrency` of them are talked to; those that wait for something do not count.

    A firewall gets its thread only when there is a slot for it, so that a run with nothing to do needs few threads.
    """
    slots = threading.BoundedSemaphore(run.configuration.settings.concurrency)
    threads = threading.BoundedSemaphore(MAX_THREADS)
    run = replace(run, clock=YieldingClock(run.clock, slots))
    accounts = Accounts(run.configuration, run.clock)

    def work_on(name: str) -> list[Outcome]:
        try:
            return FirewallRun(run, run.configuration.firewalls[name], accounts).execute(by_firewall[name])
        finally:
            slots.release()
            threads.release()

    futures = []
    try:
        with ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(by_firewall)))) as pool:
            for name in by_firewall:
                threads.acquire()
                slots.acquire()
                futures.append(pool.submit(work_on, name))
        return [outcome for future in futures for outcome in future.result()]
    finally:
        accounts.close()


def revoke_certificate(
    configuration: Configuration, profile: CertificateProfile, certificate_id: str, reason_code: int, clock: Clock
) -> None:
    """Revoke a certificate at SCM and remember it; one that is revoked already counts as done."""
    accounts = Accounts(configuration, clock)
    try:
        accounts(profile.account).revoke(certificate_id, reason_code, "revoked with paloaltoagent")
    except Refused as refused:
        if refused.peer_code not in REVOKED:
            raise
    finally:
        accounts.close()
    store = Store(configuration.settings.state)
    known = store.installed(profile.id)
    if known is not None:
        store.save_installed(profile.id, replace(known, revoked=True, checked_at=format_time(clock.now())))
    events.info("profile=%s certificate ID %s revoked, reason code %d", profile.id, certificate_id, reason_code)


class FirewallRun:
    """The strict sequence for one firewall."""

    def __init__(self, run: Run, firewall: FirewallProfile, accounts: Accounts) -> None:
        self._run = run
        self._wish = replace(run.wish, admin=firewall.admin, bundles_chain=firewall.chain == "bundle")
        self._context = Context(
            settings=run.configuration.settings,
            firewall=firewall,
            client=open_firewall(run.configuration, firewall, run.clock),
            scm=accounts,
            store=Store(run.configuration.settings.state),
            clock=run.clock,
            progress=run.progress,
            wait=run.wait,
            busy_budget=firewall.busy_wait,
        )

    def execute(self, profiles: Sequence[CertificateProfile]) -> list[Outcome]:
        """Observe, decide, act; whatever fails becomes part of an outcome."""
        try:
            works = self._plan(profiles)
            if not self._run.is_dry:
                self._act([work for work in works if work.decision.steps or work.decision.waits_for])
            if works:
                works[0].notes.extend(self._context.client.remarks)
            return [self._outcome(work) for work in works]
        except AgentError as error:
            events.error("firewall=%s %s", self._context.firewall.id, error)
            return [_unknown(profile, error) for profile in profiles]
        except Exception as error:
            # A flaw of ours on one firewall must not keep the others from being done.
            log.exception("unexpected failure on firewall %s", self._context.firewall.id)
            wrapped = _unexpected(error, self._context.firewall.id)
            return [_unknown(profile, wrapped) for profile in profiles]
        finally:
            self._context.client.close()

    # --- observe and decide --------------------------------------------------------------------------------------

    def _plan(self, profiles: Sequence[CertificateProfile]) -> list[Work]:
        context = self._context
        if not self._run.is_dry:
            committing.finish_earlier(context)
        kept = [look_into(context.store, profile) for profile in profiles]
        firewall = look_at(context.client, context.firewall.admin, profiles, kept)
        works = []
        for profile, state in zip(profiles, kept, strict=True):
            seen = combine(profile, context.firewall.admin, firewall, state)
            works.append(self._decide(profile, seen, state))
        return works

    def _decide(self, profile: CertificateProfile, seen: Seen, kept: Kept) -> Work:
        if kept.error is not None:
            decision = Decision(State.UNKNOWN, Action.FAILED, kept.error.what)
            return Work(profile, seen, decision, error=kept.error)
        seen, note = self._check_revocation(profile, seen)
        decision = self._held_back(decide(profile, seen, self._wish, self._run.clock.now()))
        work = Work(profile, seen, decision, self._wish.revoke_predecessor, seen.order, notes=list(decision.notes))
        if note:
            work.notes.append(note)
        if self._run.asks_orders and seen.order is not None and seen.order.order_id and not seen.order.chain:
            self._ask_order(work, seen.order.order_id)
        return work

    def _held_back(self, decision: Decision) -> Decision:
        """A plan without what has to wait for the firewall's commit window."""
        opens = self._context.firewall.commit_window.closed_until(self._run.clock.now())
        return outside_window(decision, opens) if opens else decision

    def _ask_order(self, work: Work, order_id: str) -> None:
        try:
            status = self._context.scm(work.profile.account).status(order_id)
            work.waits_for = status.waits_for
            work.notes.append(f"order {order_id} is {status.word} at SCM")
        except AgentError as error:
            work.notes.append(f"SCM could not be asked about order {order_id}: {error}")

    def _check_revocation(self, profile: CertificateProfile, seen: Seen) -> tuple[Seen, str]:
        interval = self._context.settings.revocation_check
        if not is_check_due(seen, interval, self._run.clock.now()):
            return seen, ""
        revoked, note = ask_for_revocation(self._context.scm(profile.account), seen)
        if revoked is None:
            return seen, note
        current = in_service(seen.held, requirements(profile))
        if current is not None and not self._run.is_dry:
            self._save_check(profile, seen, current.name, revoked)
        return replace(seen, is_revoked_at_scm=revoked), note

    def _save_check(self, profile: CertificateProfile, seen: Seen, entry: str, revoked: bool) -> None:
        assert seen.certificate_id is not None  # nosec B101  # narrows a type
        now = format_time(self._run.clock.now())
        known = seen.installed or InstalledRecord(seen.certificate_id, entry, "", "", now)
        record = replace(known, checked_at=now, revoked=revoked)
        self._context.store.save_installed(profile.id, record)

    # --- act -----------------------------------------------------------------------------------------------------

    def _act(self, works: list[Work]) -> None:
        if not works:
            return
        if any(isinstance(step, _CHANGES_FIREWALL) for work in works for step in work.decision.steps):
            committing.identify(self._context)
        self._stage(works, Stage.ORDER)
        collecting = [work for work in works if work.is_open and _has(work, Collect)]
        for work in collecting:
            self._announce(work, next(step for step in work.decision.steps if isinstance(step, Collect)))
        ordering.collect(self._context, collecting)
        for work in works:
            work.decision = self._held_back(work.decision)  # the window may have closed meanwhile
        self._stage(works, Stage.INSTALL)
        installing.read_back(self._context, works)
        self._stage(works, Stage.SERVE)
        self._commit(works)
        self._record([work for work in works if work.is_open and _has(work, RecordId)])
        self._leave_to_window([work for work in works if work.is_open and work.decision.waits_for])

    def _leave_to_window(self, works: Sequence[Work]) -> None:
        for work in works:
            work.is_pending = True
            work.waits_for = work.decision.waits_for
            self._context.event(work, "prepared, waits for %s", work.waits_for)

    def _stage(self, works: Sequence[Work], stage: Stage) -> None:
        for work in works:
            for step in work.decision.steps:
                if step.stage is stage and work.is_open:
                    self._announce(work, step)
                    self._do(work, step)

    def _do(self, work: Work, step: Step) -> None:
        try:
            _HANDLERS[type(step)](self._context, work, step)
        except AgentError as error:
            work.error = error
        except Exception as error:
            log.exception("unexpected failure in %s of %s", type(step).__name__, work.profile.id)
            work.error = _unexpected(error, f"profile {work.profile.id}, {type(step).__name__}")

    def _announce(self, work: Work, step: Step) -> None:
        self._run.progress.step(work.profile.id, self._context.firewall.id, step)

    def _commit(self, works: Sequence[Work]) -> None:
        """One commit for everything that changed, pending CSRs included: else a revert or restart would lose them."""
        owed = [work for work in works if _has(work, Commit) and (work.is_open or work.is_pending)]
        if not owed or not (self._context.has_changed or any(work.seen.unapplied for work in owed)):
            return
        self._announce(owed[0], next(step for step in owed[0].decision.steps if isinstance(step, Commit)))
        try:
            committing.commit(self._context, owed)
        except AgentError as error:
            for work in owed:
                if work.is_open:
                    work.error = error
                else:
                    work.notes.append(f"its CSR is not committed yet: {error}")

    def _record(self, works: Sequence[Work]) -> None:
        if not works:
            return
        try:
            running = self._context.client.running_certificates()
        except AgentError as error:
            for work in works:
                work.error = error
            return
        entries = {name: entry.certificate_pem for name, entry in running.items()}
        for work in works:
            step = next(step for step in work.decision.steps if isinstance(step, RecordId))
            self._announce(work, step)
            try:
                committing.record_id(self._context, work, entries)
            except AgentError as error:
                work.error = error

    # --- report --------------------------------------------------------------------------------------------------

    def _outcome(self, work: Work) -> Outcome:
        decision = work.decision
        error: AgentError | Blocked | None = work.error or decision.blocked
        outcome = Outcome(
            profile=work.profile.id,
            firewall=work.profile.firewall,
            state=decision.state,
            action=decision.action,
            reason=decision.reason,
            certificate_id=work.seen.certificate_id,
            order_id=work.order.order_id if work.order else None,
            ordered_at=work.order.ordered_at if work.order else None,
            waits_for=work.waits_for or decision.waits_for,
            certificate=_certificate_of(work),
            entry=decision.in_service,
            steps=decision.steps,
            notes=tuple(work.notes),
            error=error,
        )
        if self._run.is_dry:
            return outcome
        self._log(outcome)
        return self._after(work, outcome)

    def _log(self, outcome: Outcome) -> None:
        for note in outcome.notes:
            events.warning("profile=%s firewall=%s %s", outcome.profile, outcome.firewall, note)
        if outcome.error is not None:
            events.error("profile=%s firewall=%s %s", outcome.profile, outcome.firewall, outcome.error)

    def _after(self, work: Work, outcome: Outcome) -> Outcome:
        """What an outcome is after a run that did something."""
        if outcome.error is not None:
            return replace(outcome, action=Action.FAILED)
        if work.is_pending:
            certificate_id = self._context.store.certificate_id(work.profile.id)
            return replace(outcome, state=State.PENDING, certificate_id=certificate_id)
        if not work.decision.steps:
            return outcome
        certificate_id = self._context.store.certificate_id(work.profile.id)
        entry = work.order.entry if work.order else outcome.entry
        return replace(outcome, state=State.VALID, certificate_id=certificate_id, entry=entry, reason="in service")


def _has(work: Work, kind: type) -> bool:
    return any(isinstance(step, kind) for step in work.decision.steps)


def _certificate_of(work: Work) -> Certificate | None:
    if work.certificate is not None and work.error is None:
        return work.certificate
    return next((item.certificate for item in work.seen.held if item.name == work.decision.in_service), None)


def _unknown(profile: CertificateProfile, error: AgentError) -> Outcome:
    return Outcome(profile.id, profile.firewall, State.UNKNOWN, Action.FAILED, error.what, error=error)


def _unexpected(error: Exception, where: str) -> AgentError:
    if isinstance(error, ConfigurationError):
        return error
    what = f"unexpected {type(error).__name__}"
    return AgentError(what, where, "this is a flaw of the agent: run again with --debug and report it")
