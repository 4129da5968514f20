"""After a serve check that did not pass: what was moved goes back to what it served, in one more commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, PlanBlocked, ProofFailed, RolledBack
from paloaltofw.execution import admission, units
from paloaltofw.execution.commit import commit
from paloaltofw.execution.context import Context
from paloaltofw.execution.locking import held
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.serve import rebind
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.serving import Moved, may_serve_again, read_before, read_moved
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import ServePhase, ServeRecord
from paloaltofw.panos.location import Scope
from paloaltofw.pki.served import Look, Served, is_worse


def phase_after(
    context: Context, task: CertificateTask, record: ServeRecord, looks: Mapping[str, tuple[Look, Served]]
) -> ServePhase:
    """What a finding leads to: it goes back where clients are worse off than before, and a predecessor may serve again.

    Only the first check after the commit decides: what goes wrong later is not the commit's doing. While the firewall
    may not be committed, that is left to the next run.
    """
    now = context.clock.now()
    if task.profile.serve_check.on_wrong != "rollback" or record.phase != ServePhase.NOTED:
        return ServePhase.WRONG
    before = read_before(record.before)
    is_worse_now = any(is_worse(before.get(name, ("", 0)), look, found) for name, (look, found) in looks.items())
    if not is_worse_now or not may_serve_again(record, now):
        return ServePhase.WRONG
    opens = context.firewall.commit_window.closed_until(now)
    if opens:
        task.notes.append(
            f"what was moved goes back once the commit window is open, {opens}, unless it is served by then"
        )
    return ServePhase.NOTED if opens else ServePhase.GOING_BACK


def go_back(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Move back what was moved, commit, and see it in the running configuration.

    The journal says since before the first change that it goes back, so that no later run moves forward again.
    """
    try:
        units.admit(context, tasks)
        admission.identify(context)
        context.store.save_owed_commit(context.firewall.id)
        with held(context):
            _go_back(context, tasks)
    except AgentError as error:
        for task in tasks:
            task.notes.append("what was moved could not go back yet; the next run tries again")
            task.error = error


def _go_back(context: Context, tasks: Sequence[CertificateTask]) -> None:
    moved = [(task, _move_back(context, task)) for task in tasks]
    back = [task for task, entries in moved if entries]
    if back:
        commit(context, back)
        _see_running(context, moved)
    for task, entries in moved:
        if task.error is None:
            _note(context, task, list(entries.values()))


def _see_running(context: Context, moved: Sequence[tuple[CertificateTask, Mapping[Moved, str]]]) -> None:
    """What went back is to be in the running configuration; else the next run tries again."""
    try:
        scopes = {_scope_of(context, item) for _, entries in moved for item in entries}
        running = {scope: context.client.running_service_profiles(scope) for scope in scopes}
    except AgentError as error:
        for task, _ in moved:
            task.error = task.error or error
        return
    for task, entries in moved:
        missing = [item for item in entries if not _serves(running[_scope_of(context, item)], item)]
        if missing and task.error is None:
            what = f"{missing[0].title} does not serve {missing[0].entry} again after the commit"
            where = f"{context.firewall.title}, running configuration"
            task.error = ProofFailed(what, where, "look at the commit's details; the next run tries again")


def _scope_of(context: Context, item: Moved) -> Scope:
    return Scope(item.vsys) if item.vsys else context.client.scope


def _serves(profiles: Mapping[str, ServiceProfile], item: Moved) -> bool:
    """Whether the profile serves again what it served before."""
    profile = profiles.get(item.service_profile)
    return profile is not None and profile.certificate == item.entry


def _move_back(context: Context, task: CertificateTask) -> dict[Moved, str]:
    """Move back the service profiles that still serve the new certificate; return what each of them serves again."""
    record, back = _record(context, task), dict[Moved, str]()
    moved = read_moved(record.moved)
    profiles = {scope: context.client.service_profiles(scope) for scope in {_scope_of(context, item) for item in moved}}
    for item in moved:
        profile = profiles[_scope_of(context, item)].get(item.service_profile)
        if profile is None or profile.template or profile.changed_by - {context.firewall.admin}:
            task.notes.append(f"{item.title} is not moved back: it is gone, pushed, or another's work by now")
        elif profile.certificate == item.entry:
            back[item] = item.entry
        elif profile.certificate != _new_entry(task):
            task.notes.append(f"{item.title} is not moved back: somebody let it serve {profile.certificate}")
        elif not _is_good(context, item):
            task.notes.append(f"{item.title} is not moved back: {item.entry} is not what it was")
        else:
            rebind(context, item.service_profile, item.entry, _scope_of(context, item))
            back[item] = item.entry
            context.task_event(task, "SSL/TLS service profile %s serves %s again", item.title, item.entry)
    return back


def _new_entry(task: CertificateTask) -> str:
    record = task.phase.record
    return record.entry if record is not None else task.decision.in_service or ""


def _is_good(context: Context, item: Moved) -> bool:
    """Whether the entry holds the same certificate, and nobody else's changes; its life was looked at before."""
    entry = context.client.certificate(item.entry)
    if entry is None or entry.is_revoked or entry.changed_by - {context.firewall.admin}:
        return False
    certificate = read_certificate(entry.certificate_pem)
    return certificate is not None and certificate.sha256 == item.sha256


def _note(context: Context, task: CertificateTask, entries: Sequence[str]) -> None:
    """Write down that it went back; where nothing could be moved, the finding stays as it is."""
    try:
        record = _record(context, task)
        if not entries:
            context.store.save_serve(replace(record, phase=ServePhase.WRONG.value))
            what = f"nothing could go back, although {record.finding}"
            blocked = PlanBlocked(what, context.firewall.title, "see the notes in the log; the next run asks again")
            task.service_failure = task.service_failure or blocked
            return
        is_owed = record.owes_hook or context.store.load_hook(task.profile.id) is not None
        now = format_time(context.clock.now())
        context.store.save_serve(replace(record, phase=ServePhase.WENT_BACK.value, at=now, owes_hook=is_owed))
        context.store.remove_hook(task.profile.id)
    except AgentError as error:
        task.error = error
        return
    what = f"{', '.join(dict.fromkeys(entries))} serves again, because {record.finding}"
    remedy = f"mend that, then run: paloaltoagent enroll --resubmit -p {task.profile.id}"
    task.service_failure = RolledBack(what, context.firewall.title, remedy)
    task.put_back = entries[0]
    context.task_event(task, "went back to %s", entries[0])


def _record(context: Context, task: CertificateTask) -> ServeRecord:
    record = context.store.load_serve(task.profile.id)
    if record is None:
        raise AgentError("the record of the serve check is gone", str(context.store.folder), "the next run looks again")
    return record
