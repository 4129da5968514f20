"""The agent's own locks: taken before the first change, released in every case (contract.md §5, `lock`).

Their comment is in the journal before they are asked for, so that the next run finds what this one leaves (left_locks).
"""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, AnswerLost, Busy, PeerError, PermissionDenied, PlanBlocked, Refused
from paloaltofw.execution import commit
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.left_locks import WORD, is_agents, release, tell_left
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.steps import (
    Bind,
    Commit,
    DeletePredecessor,
    GenerateCsr,
    ImportCertificate,
    ImportChain,
    RemoveUnproven,
    Stage,
    Step,
)
from paloaltofw.model.firewall_objects import Lock
from paloaltofw.model.firewall_profile import LOCKS
from paloaltofw.model.records import LockRecord

# What changes the firewall in each stage. No lock is held while certificates are waited for, which may take long.
_CHANGES: dict[Stage, tuple[type[Step], ...]] = {
    Stage.ORDER: (GenerateCsr, RemoveUnproven),
    Stage.INSTALL: (ImportChain, ImportCertificate, Bind, DeletePredecessor),
    Stage.SERVE: (Bind, DeletePredecessor),
    Stage.COMMIT: (),
}


@dataclass
class AgentLocks:
    """The locks of one run on one firewall: held while something is changed, and not while anything is waited for."""

    context: Context
    record: LockRecord | None = None
    granted: set[str] = field(default_factory=set)

    def before(self, stage: Stage, tasks: Sequence[CertificateTask]) -> bool:
        """Take the locks if the stage changes something, release them if it is none of those that do.

        False if it must be left out: then the tasks say why.
        """
        if stage not in _CHANGES:
            self.release()
        elif self.record is None and LOCKS[self.context.firewall.lock]:
            changing = [task for task in tasks if _changes(task, stage)]
            owing = [task for task in tasks if stage is Stage.COMMIT and task.step(Commit)]
            if changing or commit.is_needed(self.context, owing):
                return self._is_taken(changing, owing)
        return True

    def _is_taken(self, changing: Sequence[CertificateTask], owing: Sequence[CertificateTask]) -> bool:
        try:
            self.take()
        except AgentError as error:
            self.release()
            commit.tell(owing, error)
            for task in changing:
                task.error = error
            return not owing
        return True

    def take(self) -> None:
        """Take what `lock` says, all or nothing; waits as long as `busy_wait` allows. Raises AgentError."""
        context = self.context
        # What this run could not release before is still its own.
        left = context.store.load_lock(context.firewall.id)
        comment = left.comment if left else f"{WORD} {secrets.token_hex(6)} {context.firewall.id}"
        now = format_time(context.clock.now())
        self.record = LockRecord(context.firewall.id, comment, now, context.firewall.url)
        context.store.save_lock(self.record)
        context.change(self._take_all)

    def _take_all(self) -> None:
        """One attempt. Nothing is held while another's lock is waited for."""
        self.granted.clear()
        try:
            for kind in LOCKS[self.context.firewall.lock]:
                self._take(kind)
            self._see()
        except AgentError:
            with contextlib.suppress(PeerError):  # tried again at the end, and told then
                self._let_go()
            raise

    def _take(self, kind: str) -> None:
        context, record = self.context, self._record
        try:
            context.client.take_lock(kind, record.comment)
            self.granted.add(kind)
        except PermissionDenied as error:
            raise _with_remedy(error, "let the role take locks, or set lock: none; nothing was changed") from None
        except (AnswerLost, Busy, Refused) as error:
            # Whatever the answer says, the list tells who holds it.
            locks = [lock for lock in context.client.locks() if lock.kind == kind]
            if any(is_agents(lock, context.firewall) and lock.comment != record.comment for lock in locks):
                what = f"another run of the agent holds a {kind}"
                raise Busy(what, context.firewall.title, "the next run tries again") from None
            if not any(map(self._covers, locks)):
                raise _with_remedy(error, "if this device knows no such lock: set lock: none") from None
        events.info("firewall=%s %s taken", context.firewall.id, kind)

    @property
    def _record(self) -> LockRecord:
        assert self.record is not None  # nosec B101  # narrows a type
        return self.record

    def _covers(self, lock: Lock) -> bool:
        """Whether a lock keeps the others away: ours, or one that a person took as our administrator."""
        firewall = self.context.firewall
        is_here = lock.owner == firewall.admin and lock.scope == firewall.vsys
        is_other_runs = is_agents(lock, firewall) and lock.comment != self._record.comment
        return is_here and not is_other_runs

    def _see(self) -> None:
        """What was taken has to be told from a person's by its comment, by the next run if this one is killed."""
        covering = [lock for lock in self.context.client.locks() if self._covers(lock)]
        there = {lock.kind for lock in covering}
        missing = [kind for kind in LOCKS[self.context.firewall.lock] if kind not in there]
        where = self.context.firewall.title
        if missing:
            raise Busy(f"the {missing[0]} that was taken is not there", where, "the next run tries again")
        nameless = [lock for lock in covering if lock.kind in self.granted and lock.comment != self._record.comment]
        for lock in nameless:
            self.context.client.release_lock(lock.kind, lock.scope)  # just granted, and there is but one: it is ours
        if nameless:
            what = f"the firewall does not keep a {nameless[0].kind}'s comment: it could not be told from a person's"
            raise PlanBlocked(what, where, "nothing was changed; set lock: none in the firewall profile")

    def _let_go(self) -> None:
        """Release what this run took; raises PeerError."""
        comment = self._record.comment
        release(self.context, lambda lock: lock.owner == self.context.firewall.admin and lock.comment == comment)

    def release(self) -> None:
        """Release everything. What cannot be seen to be released is told, and left to the next run."""
        if self.record is None:
            return
        try:
            self._let_go()
        except PeerError as error:
            tell_left(self.context, error)
        else:
            self.context.lock_trouble = None
            self.context.store.remove_lock(self.context.firewall.id)
        self.record = None


def _changes(task: CertificateTask, stage: Stage) -> bool:
    return task.is_open and any(isinstance(step, _CHANGES[stage]) for step in task.decision.steps)


def _with_remedy(error: PeerError, remedy: str) -> PeerError:
    """The same error; a refusal with a word on the key that turns locks off."""
    if isinstance(error, (Refused, PermissionDenied)):
        error.remedy = f"{error.remedy}; {remedy}" if error.remedy else remedy
    return error


@contextlib.contextmanager
def held(context: Context) -> Iterator[None]:
    """Hold the locks that `lock` says while something is changed outside of the stages. Raises AgentError."""
    locks = AgentLocks(context)
    try:
        if LOCKS[context.firewall.lock]:
            locks.take()
        yield
    finally:
        locks.release()
