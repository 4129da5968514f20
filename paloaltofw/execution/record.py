"""The last step: the running configuration is seen to hold the certificates, and their IDs are saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, ProofFailed
from paloaltofw.execution.context import Context
from paloaltofw.execution.hooks import owe_hook
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.revocation import revoke_predecessor
from paloaltofw.execution.serve_check import postpone_revocation
from paloaltofw.execution.task import CertificateTask, InService, Issued
from paloaltofw.model.firewall_objects import CertificateEntry
from paloaltofw.model.records import InstalledRecord


def record_ids(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Read the running configuration once, and record each certificate that it holds."""
    installed = [(task, task.phase) for task in tasks if task.is_open and isinstance(task.phase, Issued)]
    if not installed:
        return
    try:
        running = context.client.running_certificates()
    except AgentError as error:
        for task, _ in installed:
            task.error = error
        return
    for task, phase in installed:
        try:
            _record_id(context, task, phase, running)
        except AgentError as error:
            task.error = error


def _record_id(context: Context, task: CertificateTask, phase: Issued, running: Mapping[str, CertificateEntry]) -> None:
    """See the running configuration hold the certificate, save its ID, end the journal entry."""
    record, leaf = phase.record, phase.chain.leaf
    entry = running.get(record.entry)
    held = read_certificate(entry.certificate_pem) if entry else None
    if held is None or held.sha256 != leaf.sha256:
        where = f"{context.firewall.title}, running configuration"
        remedy = "look at the commit's details on the firewall; the next run tries again"
        raise ProofFailed(f"{record.entry} does not hold the new certificate after the commit", where, remedy)
    now = format_time(context.clock.now())
    context.store.save_certificate_id(task.profile.id, phase.certificate_id)
    installed = InstalledRecord(
        phase.certificate_id, record.entry, record.requested, record.csr, now, chain=record.chain,
        account=record.account, installed_at=now,
    )  # fmt: skip
    context.store.save_installed(task.profile.id, installed)
    task.phase = InService(record, phase.certificate_id, phase.chain)
    owe_hook(context, task.profile, phase.certificate_id)
    if not postpone_revocation(context, task, record, leaf):
        revoke_predecessor(context, task, record)
    context.store.remove_order(task.profile.id)
    context.task_event(task, "in service as %s until %s", record.entry, f"{leaf.not_after:%Y-%m-%d}")
