"""Revocation: asked of SCM, carried out at SCM, remembered in the journal."""

from __future__ import annotations

import datetime
from dataclasses import replace

from paloaltofw.clock import Clock, format_time, parse_time
from paloaltofw.errors import PeerError, Refused
from paloaltofw.execution.clients import ScmClientPool
from paloaltofw.execution.context import CertificateTask, Context, events
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import OrderRecord
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
    context.event(task, "predecessor %s revoked", order.superseded_certificate_id)


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


def is_check_due(observed: Observation, interval: float, now: datetime.datetime) -> bool:
    """Whether SCM is to be asked for a revocation; `interval` is in seconds, infinite for never."""
    if (
        observed.certificate_id is None
        or observed.order is not None
        or interval == float("inf")
        or observed.is_revoked_at_scm
    ):
        return False
    if observed.installed is None:
        return any(item.is_complete for item in observed.generations)
    return (now - parse_time(observed.installed.checked_at)).total_seconds() >= interval


def ask_for_revocation(scm: ScmClient, observed: Observation) -> tuple[bool | None, str]:
    """Whether SCM calls the certificate revoked; None, with a note, if it could not be asked."""
    assert observed.certificate_id is not None  # nosec B101  # narrows a type
    try:
        return scm.status(observed.certificate_id).state is OrderState.REVOKED, ""
    except Refused:
        return False, f"SCM does not know the saved certificate ID {observed.certificate_id}"
    except PeerError as error:
        return None, f"revocation could not be checked: {error}"
