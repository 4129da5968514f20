"""The order ledger of a certificate: written before each order, asked before each automatic one (contract.md §10)."""

from __future__ import annotations

from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import OrderLimit
from paloaltofw.execution.context import Context
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.brake import held_back
from paloaltofw.model.records import Answer, LedgerEntry, OrderRecord
from paloaltofw.pki.certificate import Certificate


def ensure_allowed(context: Context, task: CertificateTask, record: OrderRecord) -> None:
    """Raises OrderLimit if an order is automatic and one too many."""
    if not record.is_automatic:
        return
    limit, now = context.settings.order_limit, context.clock.now()
    blocked = held_back(task.profile, _entries(context, task), task.observed.installed, limit, now)
    if blocked is not None:
        raise OrderLimit(blocked.message, context.firewall.title, blocked.hint)


def enter(context: Context, task: CertificateTask, record: OrderRecord) -> None:
    """Write down that an order is about to be sent; one that is sent again stays one order."""
    entries = _entries(context, task)
    others = tuple(entry for entry in entries if entry.reference != record.reference)
    before = next((entry for entry in entries if entry.reference == record.reference), None)
    entry = before or LedgerEntry(
        record.profile, record.reference, format_time(context.clock.now()), record.operation, record.reason,
        record.requested, record.account, record.spki_sha256, record.is_automatic,
    )  # fmt: skip
    _save(context, task, (*others, replace(entry, operation=record.operation, answer=Answer.UNKNOWN.value)))


def note_answer(
    context: Context, task: CertificateTask, record: OrderRecord, answer: Answer, certificate_id: str | None = None
) -> None:
    """Write down how SCM answered an order."""
    _change(context, task, record, answer=answer.value, certificate_id=certificate_id)


def note_issued(context: Context, task: CertificateTask, record: OrderRecord, leaf: Certificate) -> None:
    """Write down which certificate an order gave: its lifetime sets the pace of further ones."""
    not_before, not_after = format_time(leaf.not_before), format_time(leaf.not_after)
    _change(context, task, record, sha256=leaf.sha256, not_before=not_before, not_after=not_after)


def _change(context: Context, task: CertificateTask, record: OrderRecord, **values: str | None) -> None:
    entries = _entries(context, task)
    changed = tuple(
        replace(entry, **values) if entry.reference == record.reference else entry  # type: ignore[arg-type]
        for entry in entries
    )
    if changed != entries:
        _save(context, task, changed)


def _entries(context: Context, task: CertificateTask) -> tuple[LedgerEntry, ...]:
    return context.store.load_ledger(context.firewall.id, task.profile.name)


def _save(context: Context, task: CertificateTask, entries: tuple[LedgerEntry, ...]) -> None:
    context.store.save_ledger(context.firewall.id, task.profile.name, entries)
