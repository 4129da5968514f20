"""The commit: only the agent's own changes, once for all certificates of a firewall, and seen to its end."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AnswerLost, Busy, CommitFailed, PeerError, PlanBlocked, ProofFailed, Refused
from paloaltofw.observation import read_certificate
from paloaltofw.panos_xml import Change, Job
from paloaltofw.scm import REVOKED
from paloaltofw.storage import CommitRecord, InstalledRecord, OrderRecord
from paloaltofw.work import Context, Work, log

# Faster polling slows the job down (fact sheet PAN-OS §1). Seconds.
FIRST_POLL = 2.0
SLOWEST_POLL = 15.0
# A pause is this share of the time that the job has taken so far: that much is lost at most when it ends.
POLL_SHARE = 1 / 12
DESCRIPTION_CHARACTERS = 511
# RFC 5280 §5.3.1.
SUPERSEDED = 4
# What the agent itself changes: certificate entries and the certificate of SSL/TLS service profiles.
OWN_XPATHS = ("/certificate/entry", "/ssl-tls-service-profile/entry", "/certificate", "/ssl-tls-service-profile")


def identify(context: Context) -> None:
    """Before the first change: the API key must be the configured administrator's, whose changes will be committed.

    Raises PlanBlocked if it is another's, or if that administrator has uncommitted work that the agent did not do.
    """
    if context.is_identified:
        return
    where = f"firewall {context.firewall.id}"
    name = context.client.own_name()
    if name is not None and name != context.firewall.admin:
        what = f"the API key belongs to {name}, the profile says {context.firewall.admin}"
        raise PlanBlocked(what, where, "correct admin or api_key in the firewall profile")
    strange = [change for change in context.client.changes() or () if _is_foreign(change, context.firewall.admin)]
    if strange:
        what = (
            f"{context.firewall.admin} has uncommitted changes that the agent did not make ({strange[0].xpath[:120]})"
        )
        raise PlanBlocked(what, where, "commit or revert them, and give the agent an administrator of its own")
    context.patiently(lambda: _ensure_unlocked(context))
    context.is_identified = True


def _ensure_unlocked(context: Context) -> None:
    """Another administrator's lock on our scope is respected before anything is changed; raises Busy."""
    scopes = ("shared", context.firewall.vsys)
    for lock in context.client.locks():
        if lock.owner != context.firewall.admin and lock.scope in scopes:
            what = f"{lock.owner} holds a {lock.kind} on {lock.scope}"
            raise Busy(what, f"firewall {context.firewall.id}", "the next run tries again")


def _is_foreign(change: Change, admin: str) -> bool:
    return change.owner == admin and not any(part in change.xpath for part in OWN_XPATHS)


def finish_earlier(context: Context) -> None:
    """A commit that an earlier run sent and did not see end: find it, wait for it, forget it."""
    record = context.store.commit(context.firewall.id)
    if record is None:
        return
    job_id = record.job_id or _find(context, record)
    if job_id is not None:
        log.info("firewall=%s commit job %s of an earlier run is followed", context.firewall.id, job_id)
        if record.job_id is None:
            context.store.save_commit(replace(record, job_id=job_id))
        job = _follow(context, job_id)
        log.info("firewall=%s commit job %s ended: %s", context.firewall.id, job_id, job.result if job else "unknown")
    context.store.remove_commit(context.firewall.id)


def _find(context: Context, record: CommitRecord) -> str | None:
    """A commit whose answer was lost: by its description, else an unfinished one of the same administrator."""
    jobs = [job for job in context.client.jobs() if job.type.lower().startswith("commit")]
    token = record.description.rpartition("[")[2]
    described = [job for job in jobs if token and token in job.description]
    unfinished = [job for job in jobs if job.user == context.firewall.admin and not job.is_finished]
    return next((job.id for job in (*described, *unfinished)), None)


def commit(context: Context, works: Sequence[Work]) -> None:
    """Commit and follow the job to its end; raises CommitFailed or a PeerError if it did not end well."""
    admin = context.firewall.admin
    before = context.client.changes()
    description = _description(context, works)
    record = CommitRecord(context.firewall.id, description, format_time(context.clock.now()))
    context.store.save_commit(record)
    job_id = _send(context, record)
    if job_id is None:
        log.info("firewall=%s nothing to commit", context.firewall.id)
    else:
        log.info("firewall=%s commit job %s of %s enqueued", context.firewall.id, job_id, admin)
        _see_through(context, job_id)
    context.store.remove_commit(context.firewall.id)
    _compare_changes(context, before)


def _send(context: Context, record: CommitRecord) -> str | None:
    try:
        job_id = context.patiently(lambda: context.client.commit(context.firewall.admin, record.description))
    except AnswerLost:
        job_id = _find(context, record)
        if job_id is None:
            raise
    except PeerError:
        context.store.remove_commit(context.firewall.id)  # refused: nothing was enqueued
        raise
    if job_id is not None:
        context.store.save_commit(replace(record, job_id=job_id))
    return job_id


def _description(context: Context, works: Sequence[Work]) -> str:
    """The configured text, what the commit is for, and a token by which a lost answer's job is found again."""
    names = ", ".join(
        f"{work.profile.id} (order {work.order.order_id})" if work.order and work.order.order_id else work.profile.id
        for work in works
    )
    tail = f" [{secrets.token_hex(4)}]"
    text = f"{context.firewall.commit_description}: {names}"
    return text[: DESCRIPTION_CHARACTERS - len(tail)] + tail


def _see_through(context: Context, job_id: str) -> None:
    job = _follow(context, job_id)
    where = f"firewall {context.firewall.id}, commit job {job_id}"
    if job is not None and job.is_finished and not job.is_ok:
        context.store.remove_commit(context.firewall.id)
        what = f"the commit failed: {job.details or job.result}"
        raise CommitFailed(what, where, "the changes stay in the candidate configuration; correct the cause")
    if job is not None and not job.is_finished:
        what = f"the commit has not ended after {context.firewall.commit_timeout:g} s"
        raise AnswerLost(what, where, "the next run looks for it")


def _follow(context: Context, job_id: str) -> Job | None:
    """Poll a job until it ends or the commit's time is over; None if the device does not know it.

    While a commit runs the device may refuse connections, answer 502, or deny the key for a moment, because its
    services restart (fact sheet PAN-OS §10): every failure of a poll is borne until the time is over.
    """
    started = context.clock.monotonic()
    deadline = started + context.firewall.commit_timeout
    job: Job | None = None
    while True:
        elapsed = context.clock.monotonic() - started
        context.clock.sleep(min(max(FIRST_POLL, elapsed * POLL_SHARE), SLOWEST_POLL))
        try:
            job = context.client.job(job_id)
            if job is None or job.is_finished:
                return job
            context.progress.waiting(context.firewall.id, f"commit job {job_id}, {job.progress} %")
        except PeerError as error:
            if context.clock.monotonic() >= deadline:
                raise
            context.progress.waiting(context.firewall.id, f"commit job {job_id}: {error.what}")
        if context.clock.monotonic() >= deadline:
            return job


def _compare_changes(context: Context, before: Sequence[Change] | None) -> None:
    """Other administrators' uncommitted changes must still be there; a report of the contrary exists (sheet §9)."""
    if not before:
        return
    after = context.client.changes()
    others = {change for change in before if change.owner != context.firewall.admin}
    lost = others - set(after or ())
    if lost and after is not None:
        owners = ", ".join(sorted({change.owner for change in lost}))
        log.warning("firewall=%s uncommitted changes of %s are gone since the commit", context.firewall.id, owners)


def record_id(context: Context, work: Work, entries: dict[str, str]) -> None:
    """See the running configuration hold the certificate, save its ID, end the journal entry."""
    order = work.order
    assert order is not None and order.order_id is not None  # nosec B101  # narrows a type
    leaf = work.certificate or work.seen.issued
    assert leaf is not None  # nosec B101  # narrows a type
    running = read_certificate(entries.get(order.entry, ""))
    if running is None or running.sha256 != leaf.sha256:
        where = f"firewall {context.firewall.id}, running configuration"
        remedy = "look at the commit's details on the firewall; the next run tries again"
        raise ProofFailed(f"{order.entry} does not hold the new certificate after the commit", where, remedy)
    now = format_time(context.clock.now())
    context.store.save_certificate_id(work.profile.id, order.order_id)
    installed = InstalledRecord(order.order_id, order.entry, order.requested, order.csr, now, chain=order.chain)
    context.store.save_installed(work.profile.id, installed)
    work.certificate = leaf
    _revoke_predecessor(context, work, order)
    context.store.remove_order(work.profile.id)
    context.event(work, "in service as %s until %s", order.entry, f"{leaf.not_after:%Y-%m-%d}")


def _revoke_predecessor(context: Context, work: Work, order: OrderRecord) -> None:
    """Revoke what was asked to be revoked, now that nothing depends on it; a failure is tried again by the next run."""
    if order.revoke_id is None or order.revoke_id == order.order_id:
        return
    try:
        context.scm(work.profile.account).revoke(order.revoke_id, SUPERSEDED, "superseded by a new certificate")
    except Refused as refused:
        if refused.peer_code not in REVOKED:
            work.notes.append(f"the predecessor (certificate ID {order.revoke_id}) was not revoked: {refused.what}")
            return
    context.event(work, "predecessor %s revoked", order.revoke_id)
