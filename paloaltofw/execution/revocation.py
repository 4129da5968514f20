"""Revocation: asked of SCM, carried out at SCM, remembered in the journal."""

from __future__ import annotations

import datetime
from dataclasses import replace

from paloaltofw.clock import Clock, format_time, parse_time
from paloaltofw.errors import PeerError, Refused
from paloaltofw.execution.clients import ScmClientPool
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.succession import in_service, requirements
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord
from paloaltofw.model.settings import Configuration
from paloaltofw.scm.answers import OrderState
from paloaltofw.scm.client import ScmClient
from paloaltofw.scm.codes import REVOKED
from paloaltofw.storage.store import Store

# RFC 5280 §5.3.1.
SUPERSEDED = 4


def revoke_predecessor(context: Context, task: CertificateTask, order: OrderRecord) -> None:
    """Revoke what was asked to be revoked, now that nothing depends on it; a failure is tried again by the next run."""
    if order.superseded_certificate_id is None or order.superseded_certificate_id == order.certificate_id:
        return
    try:
        context.scm(task.profile.account).revoke(
            order.superseded_certificate_id, SUPERSEDED, "superseded by a new certificate"
        )
    except Refused as refused:
        if refused.peer_code not in REVOKED:
            task.notes.append(
                f"the predecessor (certificate ID {order.superseded_certificate_id}) was not revoked: {refused.what}"
            )
            return
    context.task_event(task, "predecessor %s revoked", order.superseded_certificate_id)


def revoke_certificate(
    configuration: Configuration, profile: CertificateProfile, certificate_id: str, reason_code: int, clock: Clock
) -> None:
    """Revoke a certificate at SCM and remember it; one that is revoked already counts as done."""
    pool = ScmClientPool(configuration, clock)
    try:
        pool(profile.account).revoke(certificate_id, reason_code, "revoked with paloaltoagent")
    except Refused as refused:
        if refused.peer_code not in REVOKED:
            raise
    finally:
        pool.close()
    store = Store(configuration.settings.state)
    known = store.load_installed(profile.id)
    if known is not None:
        store.save_installed(profile.id, replace(known, revoked=True, checked_at=format_time(clock.now())))
    events.info("profile=%s certificate ID %s revoked, reason code %d", profile.id, certificate_id, reason_code)


def check_revocation(
    context: Context, profile: CertificateProfile, observed: Observation, is_dry: bool
) -> tuple[Observation, str]:
    """Ask SCM whether the certificate in service is revoked, if it is time; return what is known now, and a note."""
    now = context.clock.now()
    certificate_id = _id_to_check(observed, context.settings.revocation_check, now)
    if certificate_id is None:
        return observed, ""
    revoked, note = _ask_scm(context.scm(profile.account), certificate_id)
    if revoked is None:
        return observed, note
    current = in_service(observed.generations, requirements(profile))
    if current is not None and not is_dry:
        checked_at = format_time(now)
        known = observed.installed or InstalledRecord(certificate_id, current.name, "", "", checked_at)
        context.store.save_installed(profile.id, replace(known, checked_at=checked_at, revoked=revoked))
    return replace(observed, is_revoked_at_scm=revoked), note


def _id_to_check(observed: Observation, interval: float, now: datetime.datetime) -> str | None:
    """The certificate ID that SCM is to be asked about; `interval` is in seconds, infinite for never."""
    if observed.order is not None or interval == float("inf") or observed.is_revoked_at_scm:
        return None
    if observed.installed is None:
        is_due = any(item.is_complete for item in observed.generations)
    else:
        is_due = (now - parse_time(observed.installed.checked_at)).total_seconds() >= interval
    return observed.certificate_id if is_due else None


def _ask_scm(scm: ScmClient, certificate_id: str) -> tuple[bool | None, str]:
    """Whether SCM calls the certificate revoked; None, with a note, if it could not be asked."""
    try:
        return scm.status(certificate_id).state is OrderState.REVOKED, ""
    except Refused:
        return False, f"SCM does not know the saved certificate ID {certificate_id}"
    except PeerError as error:
        return None, f"revocation could not be checked: {error}"
