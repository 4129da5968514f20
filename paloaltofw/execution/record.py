"""The last step: the running configuration is seen to hold the certificate, and its ID is saved."""

from __future__ import annotations

from paloaltofw.clock import format_time
from paloaltofw.errors import ProofFailed
from paloaltofw.execution.context import CertificateTask, Context
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.revocation import revoke_predecessor
from paloaltofw.model.records import InstalledRecord


def record_id(context: Context, task: CertificateTask, entries: dict[str, str]) -> None:
    """See the running configuration hold the certificate, save its ID, end the journal entry."""
    order = task.order
    assert order is not None and order.certificate_id is not None  # nosec B101  # narrows a type
    leaf = task.certificate or task.observed.issued
    assert leaf is not None  # nosec B101  # narrows a type
    running = read_certificate(entries.get(order.entry, ""))
    if running is None or running.sha256 != leaf.sha256:
        where = f"firewall {context.firewall.id}, running configuration"
        remedy = "look at the commit's details on the firewall; the next run tries again"
        raise ProofFailed(f"{order.entry} does not hold the new certificate after the commit", where, remedy)
    now = format_time(context.clock.now())
    context.store.save_certificate_id(task.profile.id, order.certificate_id)
    installed = InstalledRecord(order.certificate_id, order.entry, order.requested, order.csr, now, chain=order.chain)
    context.store.save_installed(task.profile.id, installed)
    task.certificate = leaf
    revoke_predecessor(context, task, order)
    context.store.remove_order(task.profile.id)
    context.event(task, "in service as %s until %s", order.entry, f"{leaf.not_after:%Y-%m-%d}")
