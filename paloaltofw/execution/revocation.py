"""Revocation: asked of SCM, carried out at SCM, remembered in the journal."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, replace

from paloaltofw.clock import Clock, format_time, parse_time
from paloaltofw.errors import AgentError, PeerError, PlanBlocked, Refused
from paloaltofw.execution.clients import ScmClientPool
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.ownership import current_of
from paloaltofw.lifecycle.steps import RevokePredecessor
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord
from paloaltofw.model.settings import Configuration
from paloaltofw.pki.certificate import Certificate, VerificationError
from paloaltofw.pki.delivery import read_delivery
from paloaltofw.scm.answers import NotReady, OrderState
from paloaltofw.scm.client import ScmClient
from paloaltofw.scm.codes import REVOKED
from paloaltofw.storage.store import Store

# RFC 5280 §5.3.1.
SUPERSEDED = 4
# A second answer counts as one of its own after this time.
SECOND_ANSWER = datetime.timedelta(hours=1)


def revoke_predecessor(context: Context, task: CertificateTask, order: OrderRecord) -> None:
    """Revoke what was asked to be revoked, now that nothing depends on it; a failure is told."""
    superseded = order.superseded_certificate_id
    if superseded is None or superseded == order.certificate_id:
        return
    _revoke_superseded(context, task, superseded, order.account)


def revoke_after_check(context: Context, task: CertificateTask, step: RevokePredecessor, phase: object) -> None:
    """The same once the serve check has passed and the predecessor is gone; it is tried once, and then a person's."""
    _revoke_superseded(context, task, step.certificate_id, step.account)
    record = context.store.load_serve(task.profile.id)
    if record is not None:
        context.store.save_serve(replace(record, superseded_certificate_id=None))


def _revoke_superseded(context: Context, task: CertificateTask, superseded: str, account: str) -> None:
    if task.kept_predecessors:
        kept = next(iter(task.kept_predecessors))
        what = f"the predecessor (certificate ID {superseded}) was not revoked, because {kept} is in use"
        task.trouble = PlanBlocked(what, context.firewall.title, "revoke it in SCM once nothing uses it any more")
        return
    if context.store.load_push(context.firewall.id) is not None:
        what = f"the predecessor (certificate ID {superseded}) was not revoked, because devices may still serve it"
        task.trouble = PlanBlocked(what, context.firewall.title, "revoke it in SCM once every device was pushed to")
        return
    try:
        context.scm(account or task.profile.account).revoke(superseded, SUPERSEDED, "superseded by a new certificate")
    except PeerError as error:
        if not isinstance(error, Refused) or error.peer_code not in REVOKED:
            what = f"the predecessor (certificate ID {superseded}) was not revoked: {error.what}"
            task.trouble = PlanBlocked(what, error.where, "its successor is in service; revoke it in the SCM portal")
            return
    context.task_event(task, "predecessor %s revoked", superseded)


def revoke_certificate(
    configuration: Configuration, profile: CertificateProfile, certificate_id: str, reason_code: int, clock: Clock
) -> None:
    """Revoke a certificate at SCM and remember it; one that is revoked already counts as done."""
    store = Store(configuration.settings.state)
    known = store.load_installed(profile.id)
    label = known.account if known is not None and known.account else profile.account
    pool = ScmClientPool(configuration, clock)
    try:
        pool(label).revoke(certificate_id, reason_code, "revoked with paloaltoagent")
    except Refused as refused:
        if refused.peer_code not in REVOKED:
            raise
    finally:
        pool.close()
    now = format_time(clock.now())
    known = known or InstalledRecord(certificate_id, "", "", "", now)
    store.save_installed(profile.id, replace(known, revoked=True, checked_at=now, revoked_by_person_at=now))
    events.info("profile=%s certificate ID %s revoked, reason code %d", profile.id, certificate_id, reason_code)


@dataclass(frozen=True)
class _Inquiry:
    """One certificate in service, and what is asked about it."""

    context: Context
    profile: CertificateProfile
    certificate_id: str
    current: CertificateGeneration
    certificate: Certificate
    known: InstalledRecord
    now: datetime.datetime

    @property
    def scm(self) -> ScmClient:
        """The account that the certificate is of."""
        return self.context.scm(self.known.account or self.profile.account)


def check_revocation(
    context: Context, profile: CertificateProfile, observed: Observation, is_dry: bool
) -> tuple[Observation, str]:
    """Ask SCM whether the certificate in service is revoked, if it is time; return what is known now, and a note."""
    inquiry = _inquiry(context, profile, observed)
    if inquiry is None:
        return observed, ""
    try:
        record, doubt, note = _ask(inquiry)
    except AgentError as error:
        return observed, f"revocation could not be checked: {error}"
    if not is_dry:
        context.store.save_installed(profile.id, record)
    return replace(observed, is_revoked_at_scm=record.revoked, installed=record, doubt=doubt), note


def _inquiry(context: Context, profile: CertificateProfile, observed: Observation) -> _Inquiry | None:
    """What SCM is to be asked; None if it is not to be asked now."""
    interval, now = context.settings.revocation_check, context.clock.now()
    current = current_of(profile, observed)
    if observed.order is not None or interval == float("inf"):
        return None
    if observed.is_revoked_at_scm and observed.installed is not None and observed.installed.revoked_by_person_at:
        return None
    if current is None or current.certificate is None or observed.certificate_id is None:
        return None
    known = observed.installed
    if known is not None and known.certificate_id == observed.certificate_id and known.entry == current.name:
        is_called_revoked = known.revoked or known.called_revoked_at
        if not is_called_revoked and 0 <= (now - parse_time(known.checked_at)).total_seconds() < interval:
            return None  # a time in the future (a clock was wrong) counts as never
    else:
        known = InstalledRecord(observed.certificate_id, current.name, "", "", "")
    return _Inquiry(context, profile, observed.certificate_id, current, current.certificate, known, now)


def _ask(inquiry: _Inquiry) -> tuple[InstalledRecord, str, str]:
    """Return what is to be remembered, what is in doubt (a failure in words), and a note."""
    checked = replace(inquiry.known, checked_at=format_time(inquiry.now), revoked=False)
    try:
        state = inquiry.scm.status(inquiry.certificate_id).state
    except Refused:
        checked = replace(checked, revoked=inquiry.known.revoked)  # this is no word against it
        return checked, "", f"SCM does not know the saved certificate ID {inquiry.certificate_id}"
    chain, is_second_word = _ask_by_download(inquiry, state)
    leaf = read_certificate(chain)
    is_ours = leaf is not None and leaf.sha256 == inquiry.certificate.sha256
    checked = replace(checked, chain=chain)
    if state is not OrderState.REVOKED:
        note = (
            f"the saved certificate ID {inquiry.certificate_id} is that of another certificate than the one in service"
        )
        return replace(checked, called_revoked_at=""), "", note if leaf is not None and not is_ours else ""
    return _weigh(inquiry, checked, is_ours, is_second_word)


def _ask_by_download(inquiry: _Inquiry, state: OrderState) -> tuple[str, bool]:
    """The chain that belongs to the ID, as PEM, and whether the download is refused as that of a revoked certificate.

    It is asked where the ID was never shown to be that of the certificate in service, and where it is called revoked.
    """
    if state is not OrderState.REVOKED and (inquiry.known.chain or inquiry.known.requested):
        return inquiry.known.chain, False
    try:
        delivery = read_delivery(inquiry.scm.download(inquiry.certificate_id))
    except Refused as refused:
        return inquiry.known.chain, refused.peer_code in REVOKED
    except (PeerError, NotReady, VerificationError):
        return inquiry.known.chain, False
    if inquiry.known.chain:
        return inquiry.known.chain, False
    found = [item for item in delivery.certificates if item.sha256 == inquiry.certificate.sha256]
    leaves = found or [item for item in delivery.certificates if not item.is_ca]
    return leaves[0].pem if leaves else "", False


def _weigh(
    inquiry: _Inquiry, checked: InstalledRecord, is_ours: bool, is_second_word: bool
) -> tuple[InstalledRecord, str, str]:
    """SCM calls it revoked: believed where the ID is that of the certificate in service, a second answer agrees, and
    SCM does not say it of everything at once.
    """
    first = parse_time(inquiry.known.called_revoked_at) if inquiry.known.called_revoked_at else inquiry.now
    told = replace(checked, called_revoked_at=format_time(first))
    if inquiry.known.revoked:
        return replace(told, revoked=True), "", ""  # believed by an earlier run
    title = f"SCM calls certificate ID {inquiry.certificate_id} revoked"
    if checked.chain and not is_ours:
        return told, "", f"{title}, which is not that of the certificate in service"
    if not is_ours:
        return told, f"{title}, but the ID cannot be shown to be that of {inquiry.current.name}", ""
    if not is_second_word and inquiry.now - first < SECOND_ANSWER:
        return told, f"{title}, but delivers it all the same", ""
    if not inquiry.context.shared.take_revocation():
        return told, f"{title}, and others too: on its word alone only a few are replaced in one run", ""
    return replace(told, revoked=True), "", ""
