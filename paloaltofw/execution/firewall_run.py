"""The strict sequence for one firewall: observe, decide, act stage by stage, report.

One certificate's failure never stops another's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, ConfigurationError
from paloaltofw.execution import admission, collect, commit, enroll, install, record
from paloaltofw.execution.clients import ScmClientPool, open_firewall
from paloaltofw.execution.context import CertificateTask, Context, Run, events
from paloaltofw.execution.observe import StoredState, combine, read_firewall, read_state
from paloaltofw.execution.revocation import ask_for_revocation, is_check_due
from paloaltofw.lifecycle.decide import decide
from paloaltofw.lifecycle.decision import Action, Blocked, Decision, Outcome, State
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.plans import outside_window
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
    Stage,
    Step,
    SubmitOrder,
)
from paloaltofw.lifecycle.succession import in_service, requirements
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.records import InstalledRecord
from paloaltofw.pki.certificate import Certificate
from paloaltofw.storage.store import Store

log = logging.getLogger(__name__)
_HANDLERS: Mapping[type, Callable[[Context, CertificateTask, Any], None]] = {
    GenerateCsr: enroll.generate_csr,
    AdoptCsr: enroll.adopt_csr,
    SubmitOrder: enroll.submit_order,
    Prove: install.prove,
    ImportChain: install.import_chain,
    ImportCertificate: install.import_certificate,
    Bind: install.bind,
    DeletePredecessor: install.delete_predecessor,
}
_CHANGES_FIREWALL = (GenerateCsr, AdoptCsr, ImportChain, ImportCertificate, Bind, DeletePredecessor, Commit)


class FirewallRun:
    """The strict sequence for one firewall."""

    def __init__(self, run: Run, firewall: FirewallProfile, pool: ScmClientPool) -> None:
        self._run = run
        self._request = replace(run.request, admin=firewall.admin, bundles_chain=firewall.chain == "bundle")
        self._context = Context(
            settings=run.configuration.settings,
            firewall=firewall,
            client=open_firewall(run.configuration, firewall, run.clock),
            scm=pool,
            store=Store(run.configuration.settings.state),
            clock=run.clock,
            progress=run.progress,
            wait=run.wait,
            busy_budget=firewall.busy_wait,
        )

    def execute(self, profiles: Sequence[CertificateProfile]) -> list[Outcome]:
        """Observe, decide, act; whatever fails becomes part of an outcome."""
        try:
            tasks = self._plan(profiles)
            if not self._run.is_dry:
                self._act([task for task in tasks if task.decision.steps or task.decision.waits_for])
            if tasks:
                tasks[0].notes.extend(self._context.client.notes)
            return [self._outcome(task) for task in tasks]
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

    def _plan(self, profiles: Sequence[CertificateProfile]) -> list[CertificateTask]:
        context = self._context
        if not self._run.is_dry:
            commit.finish_earlier(context)
        stored = [read_state(context.store, profile) for profile in profiles]
        firewall = read_firewall(context.client, context.firewall.admin, profiles, stored)
        tasks = []
        for profile, state in zip(profiles, stored, strict=True):
            observed = combine(profile, context.firewall.admin, firewall, state)
            tasks.append(self._decide(profile, observed, state))
        return tasks

    def _decide(self, profile: CertificateProfile, observed: Observation, stored: StoredState) -> CertificateTask:
        if stored.error is not None:
            decision = Decision(State.UNKNOWN, Action.FAILED, stored.error.what)
            return CertificateTask(profile, observed, decision, error=stored.error)
        observed, note = self._check_revocation(profile, observed)
        decision = self._held_back(decide(profile, observed, self._request, self._run.clock.now()))
        task = CertificateTask(
            profile, observed, decision, self._request.revoke_predecessor, observed.order, notes=list(decision.notes)
        )
        if note:
            task.notes.append(note)
        if (
            self._run.asks_orders
            and observed.order is not None
            and observed.order.certificate_id
            and not observed.order.chain
        ):
            self._ask_order(task, observed.order.certificate_id)
        return task

    def _held_back(self, decision: Decision) -> Decision:
        """A plan without what has to wait for the firewall's commit window."""
        opens = self._context.firewall.commit_window.closed_until(self._run.clock.now())
        return outside_window(decision, opens) if opens else decision

    def _ask_order(self, task: CertificateTask, certificate_id: str) -> None:
        try:
            status = self._context.scm(task.profile.account).status(certificate_id)
            task.waits_for = status.waits_for
            task.notes.append(f"order {certificate_id} is {status.word} at SCM")
        except AgentError as error:
            task.notes.append(f"SCM could not be asked about order {certificate_id}: {error}")

    def _check_revocation(self, profile: CertificateProfile, observed: Observation) -> tuple[Observation, str]:
        interval = self._context.settings.revocation_check
        if not is_check_due(observed, interval, self._run.clock.now()):
            return observed, ""
        revoked, note = ask_for_revocation(self._context.scm(profile.account), observed)
        if revoked is None:
            return observed, note
        current = in_service(observed.generations, requirements(profile))
        if current is not None and not self._run.is_dry:
            self._save_check(profile, observed, current.name, revoked)
        return replace(observed, is_revoked_at_scm=revoked), note

    def _save_check(self, profile: CertificateProfile, observed: Observation, entry: str, revoked: bool) -> None:
        assert observed.certificate_id is not None  # nosec B101  # narrows a type
        now = format_time(self._run.clock.now())
        known = observed.installed or InstalledRecord(observed.certificate_id, entry, "", "", now)
        record = replace(known, checked_at=now, revoked=revoked)
        self._context.store.save_installed(profile.id, record)

    # --- act -----------------------------------------------------------------------------------------------------

    def _act(self, tasks: list[CertificateTask]) -> None:
        if not tasks:
            return
        if any(isinstance(step, _CHANGES_FIREWALL) for task in tasks for step in task.decision.steps):
            admission.identify(self._context)
        self._stage(tasks, Stage.ORDER)
        collecting = [task for task in tasks if task.is_open and _has(task, Collect)]
        for task in collecting:
            self._announce(task, next(step for step in task.decision.steps if isinstance(step, Collect)))
        collect.collect(self._context, collecting)
        for task in tasks:
            task.decision = self._held_back(task.decision)  # the window may have closed meanwhile
        self._stage(tasks, Stage.INSTALL)
        install.read_back(self._context, tasks)
        self._stage(tasks, Stage.SERVE)
        self._commit(tasks)
        self._record([task for task in tasks if task.is_open and _has(task, RecordId)])
        self._leave_to_window([task for task in tasks if task.is_open and task.decision.waits_for])

    def _leave_to_window(self, tasks: Sequence[CertificateTask]) -> None:
        for task in tasks:
            task.is_pending = True
            task.waits_for = task.decision.waits_for
            self._context.event(task, "prepared, waits for %s", task.waits_for)

    def _stage(self, tasks: Sequence[CertificateTask], stage: Stage) -> None:
        for task in tasks:
            for step in task.decision.steps:
                if step.stage is stage and task.is_open:
                    self._announce(task, step)
                    self._do(task, step)

    def _do(self, task: CertificateTask, step: Step) -> None:
        try:
            _HANDLERS[type(step)](self._context, task, step)
        except AgentError as error:
            task.error = error
        except Exception as error:
            log.exception("unexpected failure in %s of %s", type(step).__name__, task.profile.id)
            task.error = _unexpected(error, f"profile {task.profile.id}, {type(step).__name__}")

    def _announce(self, task: CertificateTask, step: Step) -> None:
        self._run.progress.step(task.profile.id, self._context.firewall.id, step)

    def _commit(self, tasks: Sequence[CertificateTask]) -> None:
        """One commit for everything that changed, pending CSRs included: else a revert or restart would lose them."""
        owed = [task for task in tasks if _has(task, Commit) and (task.is_open or task.is_pending)]
        if not owed or not (self._context.has_changed or any(task.observed.unapplied for task in owed)):
            return
        self._announce(owed[0], next(step for step in owed[0].decision.steps if isinstance(step, Commit)))
        try:
            commit.commit(self._context, owed)
        except AgentError as error:
            for task in owed:
                if task.is_open:
                    task.error = error
                else:
                    task.notes.append(f"its CSR is not committed yet: {error}")

    def _record(self, tasks: Sequence[CertificateTask]) -> None:
        if not tasks:
            return
        try:
            running = self._context.client.running_certificates()
        except AgentError as error:
            for task in tasks:
                task.error = error
            return
        entries = {name: entry.certificate_pem for name, entry in running.items()}
        for task in tasks:
            step = next(step for step in task.decision.steps if isinstance(step, RecordId))
            self._announce(task, step)
            try:
                record.record_id(self._context, task, entries)
            except AgentError as error:
                task.error = error

    # --- report --------------------------------------------------------------------------------------------------

    def _outcome(self, task: CertificateTask) -> Outcome:
        decision = task.decision
        error: AgentError | Blocked | None = task.error or decision.blocked
        outcome = Outcome(
            profile=task.profile.id,
            firewall=task.profile.firewall,
            state=decision.state,
            action=decision.action,
            reason=decision.reason,
            certificate_id=task.observed.certificate_id,
            ordered_certificate_id=task.order.certificate_id if task.order else None,
            ordered_at=task.order.ordered_at if task.order else None,
            waits_for=task.waits_for or decision.waits_for,
            certificate=_certificate_of(task),
            entry=decision.in_service,
            steps=decision.steps,
            notes=tuple(task.notes),
            error=error,
        )
        if self._run.is_dry:
            return outcome
        self._log(outcome)
        return self._after(task, outcome)

    def _log(self, outcome: Outcome) -> None:
        for note in outcome.notes:
            events.warning("profile=%s firewall=%s %s", outcome.profile, outcome.firewall, note)
        if outcome.error is not None:
            events.error("profile=%s firewall=%s %s", outcome.profile, outcome.firewall, outcome.error)

    def _after(self, task: CertificateTask, outcome: Outcome) -> Outcome:
        """What an outcome is after a run that did something."""
        if outcome.error is not None:
            return replace(outcome, action=Action.FAILED)
        if task.is_pending:
            certificate_id = self._context.store.load_certificate_id(task.profile.id)
            return replace(outcome, state=State.PENDING, certificate_id=certificate_id)
        if not task.decision.steps:
            return outcome
        certificate_id = self._context.store.load_certificate_id(task.profile.id)
        entry = task.order.entry if task.order else outcome.entry
        return replace(outcome, state=State.VALID, certificate_id=certificate_id, entry=entry, reason="in service")


def _has(task: CertificateTask, kind: type) -> bool:
    return any(isinstance(step, kind) for step in task.decision.steps)


def _certificate_of(task: CertificateTask) -> Certificate | None:
    if task.certificate is not None and task.error is None:
        return task.certificate
    return next((item.certificate for item in task.observed.generations if item.name == task.decision.in_service), None)


def _unknown(profile: CertificateProfile, error: AgentError) -> Outcome:
    return Outcome(profile.id, profile.firewall, State.UNKNOWN, Action.FAILED, error.what, error=error)


def _unexpected(error: Exception, where: str) -> AgentError:
    if isinstance(error, ConfigurationError):
        return error
    what = f"unexpected {type(error).__name__}"
    return AgentError(what, where, "this is a flaw of the agent: run again with --debug and report it")
