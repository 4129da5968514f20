"""When an installation cannot be completed: nothing of it is left in the candidate configuration.

What the agent leaves there goes with the next full commit of anybody. Where nothing else of its own waits for a commit,
and a revert can cost neither a key nor anybody's work, its own changes are reverted; else what it imported is removed
piece by piece. A pending key is never touched: what cannot be put right is left, and said.
"""

from __future__ import annotations

from collections.abc import Sequence

from paloaltofw.errors import AgentError, PeerError, PlanBlocked
from paloaltofw.execution import commit
from paloaltofw.execution.context import Context
from paloaltofw.execution.failed_commit import take_back_unfinished
from paloaltofw.execution.task import CertificateTask, Issued
from paloaltofw.lifecycle.steps import Commit
from paloaltofw.pki.certificate import first_der


def clean_up(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """After everything is imported and bound: put right what belongs to certificates whose installation has failed."""
    failed = [task for task in tasks if task.error is not None and isinstance(task.phase, Issued)]
    is_committing = commit.is_needed(context, [task for task in tasks if task.step(Commit)])
    if not failed or not (context.has_changed or is_committing):
        return
    try:
        if is_committing:
            _ensure_service(context, failed)
            _remove_intermediates(context, tasks)
            return
        done, words = take_back_unfinished(context, tasks)
        if not done:
            _remove_intermediates(context, tasks)
            words = words and f"what was begun is left in the candidate configuration: {words}"
        if words:
            failed[0].notes.append(words)
    except PeerError as error:
        failed[0].notes.append(f"what was begun could not be cleaned up: {error.what}")


def _ensure_service(context: Context, failed: Sequence[CertificateTask]) -> None:
    """Others' changes are to be committed: an entry in service must not go along with anything but ours in it."""
    reused = [(task, task.phase) for task in failed if isinstance(task.phase, Issued) and task.phase.record.same_key]
    if not reused:
        return
    try:
        candidate, running = context.client.certificates(), context.client.running_certificates()
    except PeerError as error:
        context.commit_barred = error  # whether it would be safe cannot be told
        return
    for task, phase in reused:
        now, before = candidate.get(phase.record.entry), running.get(phase.record.entry)
        held = first_der(now.certificate_pem) if now else None
        good = first_der(before.certificate_pem) if before else None
        if before is None or good is None or held in (good, phase.chain.leaf.der):
            continue
        name = phase.record.entry
        if _is_put_back(context, name, before.certificate_pem, good):
            task.notes.append(f"{name} holds in the candidate configuration what it holds in service, again")
            continue
        what = f"the candidate configuration holds something else in {name}, which is in service, than was imported"
        context.commit_barred = PlanBlocked(what, context.firewall.title, "nothing was committed: look at the entry")


def _is_put_back(context: Context, name: str, pem: str, der: bytes) -> bool:
    try:
        context.change(lambda: context.client.import_certificate(name, pem))
        entry = context.client.certificates().get(name)
    except AgentError:
        return False
    return entry is not None and first_der(entry.certificate_pem) == der


def _remove_intermediates(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Delete the intermediates that this run imported for nobody but certificates that failed."""
    needed = {
        item.der
        for task in tasks
        if task.error is None and isinstance(task.phase, Issued)
        for item in task.phase.chain.intermediates
    }
    unused = {name: der for name, der in context.imported.items() if der not in needed}
    if not unused:
        return
    candidate, running = context.client.certificates(), context.client.running_certificates()
    for name, der in unused.items():
        entry = candidate.get(name)
        is_ours = entry is not None and first_der(entry.certificate_pem) == der and not entry.has_private_key
        if name in running or not is_ours or (entry and entry.changed_by - {context.firewall.admin}):
            continue
        _delete(context, name)
        context.present.discard(der)


def _delete(context: Context, name: str) -> None:
    context.change(lambda: context.client.delete_certificate(name))
    del context.imported[name]
