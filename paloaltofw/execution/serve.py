"""The steps that let the new certificate serve: references are moved to it, its predecessors go."""

from __future__ import annotations

from collections.abc import Mapping

from paloaltofw.errors import AnswerLost, Busy, PermissionDenied, PlanBlocked, Refused
from paloaltofw.execution import device_users
from paloaltofw.execution.context import Context
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.task import CertificateTask, TaskPhase
from paloaltofw.execution.usage import USED_BY, why_kept
from paloaltofw.lifecycle.steps import Bind, DeletePredecessor, Predecessor
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.panos.codes import REFERENCED_CODE
from paloaltofw.panos.location import Scope
from paloaltofw.panos.reference_kinds import SERVICE_PROFILE, VSYS
from paloaltofw.pki.certificate import VerificationError, parse_csr


def bind(context: Context, task: CertificateTask, step: Bind, phase: TaskPhase) -> None:
    """Move SSL/TLS service profiles to the certificate: the ones named, and all that serve a predecessor.

    One that cannot be moved is the task's trouble, and keeps nothing else from being installed.
    """
    profiles = context.client.service_profiles()
    missing = [name for name in step.service_profiles if name not in profiles]
    if missing:
        what = f"there is no SSL/TLS service profile {missing[0]!r}"
        task.trouble = PlanBlocked(what, context.firewall.title, "create it, or correct bind in the profile")
    followed = _still_ours(context, step, profiles)
    for profile in profiles.values():
        is_meant = profile.name in step.service_profiles or profile.certificate in followed
        if is_meant and profile.certificate != step.entry and not _serves_newer(task, profile, step.entry):
            _move(context, task, profile, step.entry, context.client.scope)
    if step.predecessors and context.client.scope == Scope():
        try:
            _follow_in_vsys(context, task, step)
        except (Refused, PermissionDenied) as error:
            # Whoever cannot be asked keeps its predecessor, and nothing else from being installed.
            context.task_event(task, "what every vsys serves is not told: %s", error.what)


def _follow_in_vsys(context: Context, task: CertificateTask, step: Bind) -> None:
    """The profiles of every vsys that serve a predecessor of shared: one request where none does.

    Where a vsys has an entry of one of the names itself, it is not certain which of the two is meant (panos.md §8).
    """
    client, names = context.client, {item.entry for item in step.predecessors}
    label = "reading what the SSL/TLS service profiles of every vsys serve"
    if names.isdisjoint(client.texts_at(label, SERVICE_PROFILE.everywhere(VSYS))):
        return
    for scope in map(Scope, sorted(client.vsys_names())):
        profiles = client.service_profiles(scope)
        served = {profile.certificate for profile in profiles.values()} & names
        own = client.names_at(f"reading the names of {scope.vsys}'s certificates", f"{scope.certificates}/entry/@name")
        if not served or own & (served | {step.entry}):
            continue
        followed = _still_ours(context, step, profiles)
        for profile in profiles.values():
            if profile.certificate in followed and not _serves_newer(task, profile, step.entry):
                _move(context, task, profile, step.entry, scope)


def _still_ours(context: Context, step: Bind, profiles: Mapping[str, ServiceProfile]) -> set[str]:
    """The predecessors that something serves and that still hold what the plan saw there."""
    served = {profile.certificate for profile in profiles.values()}
    return {item.entry for item in step.predecessors if item.entry in served and _holds(context, item)}


def _holds(context: Context, item: Predecessor | DeletePredecessor) -> bool:
    """Whether an entry holds the certificate, or the pending CSR's key, with this fingerprint, and is nobody's work."""
    entry = context.client.certificate(item.entry)
    if entry is None or entry.template or entry.changed_by - {context.firewall.admin}:
        return False
    certificate = read_certificate(entry.certificate_pem)
    if certificate is not None:
        return certificate.sha256 == item.holds
    try:
        return parse_csr(entry.csr_pem or context.client.exported_csr(item.entry)).spki_sha256 == item.holds
    except VerificationError:
        return False


def _serves_newer(task: CertificateTask, profile: ServiceProfile, entry: str) -> bool:
    """Whether it serves a later certificate of the series: nothing newer is ever moved away from."""
    served, ours = (series_number(task.profile.name, name) for name in (profile.certificate, entry))
    return served is not None and ours is not None and served > ours


def _move(context: Context, task: CertificateTask, profile: ServiceProfile, entry: str, scope: Scope) -> None:
    where = context.firewall.title
    others = sorted(profile.changed_by - {context.firewall.admin})
    if profile.template:
        what = f"the SSL/TLS service profile {profile.name} is pushed by the template {profile.template}"
        task.trouble = PlanBlocked(what, where, "bind the certificate on Panorama")
        return
    if others:
        what = f"the SSL/TLS service profile {profile.name} holds uncommitted changes of {', '.join(others)}"
        task.trouble = PlanBlocked(what, where, "let them be committed or reverted; the next run tries again")
        return
    try:
        rebind(context, profile.name, entry, scope)
    except Refused as refused:
        task.trouble = refused
        return
    except Busy as busy:
        if scope == context.client.scope:
            raise
        # A lock on another vsys than ours keeps the predecessor there, and nothing else from being installed.
        task.trouble = busy
        return
    context.task_event(task, "SSL/TLS service profile %s now serves %s", profile.name, entry)


def rebind(context: Context, profile: str, entry: str, scope: Scope) -> None:
    """Let one SSL/TLS service profile serve another entry; a lost answer is looked up."""
    context.has_changed = True
    try:
        context.change(lambda: context.client.bind(profile, entry, scope))
    except AnswerLost:
        bound = context.client.service_profiles(scope).get(profile)
        if bound is None or bound.certificate != entry:
            raise


def delete_predecessor(context: Context, task: CertificateTask, step: DeletePredecessor, phase: TaskPhase) -> None:
    """Delete a predecessor that nothing uses. The firewall's own refusal is the last word: then it stays too."""
    if not _holds(context, step):
        if context.client.certificate(step.entry) is not None:
            _keep(context, task, step, "it holds something else than a moment ago, or another administrator's changes")
        return
    user = _user_in_service(context, step.entry)
    if user:
        _keep(context, task, step, f"{user} serves it until another administrator's change is committed")
        return
    if why := device_users.why_kept(context, step.entry) or why_kept(context, step.entry):
        _keep(context, task, step, why, is_used=why.startswith(USED_BY))
        return
    try:
        context.change(lambda: context.client.delete_certificate(step.entry))
    except Refused as refused:
        if refused.peer_code == REFERENCED_CODE or "cannot be deleted" in refused.what:
            _keep(context, task, step, refused.what)
            return
        if context.client.certificate(step.entry) is not None:
            raise
    except AnswerLost:
        if context.client.certificate(step.entry) is not None:
            raise
    context.has_changed = True
    context.task_event(task, "predecessor %s deleted", step.entry)


def _user_in_service(context: Context, entry: str) -> str:
    """The service profile that serves an entry in the running configuration and is another administrator's work now.

    The candidate does not show it as a user any more, but a commit of our own changes alone would leave it one.
    """
    candidate = context.client.service_profiles()
    for name, profile in context.client.running_service_profiles().items():
        changed = candidate.get(name)
        if profile.certificate == entry and (changed is None or changed.changed_by - {context.firewall.admin}):
            return name
    return ""


def _keep(context: Context, task: CertificateTask, step: DeletePredecessor, why: str, is_used: bool = True) -> None:
    task.kept_predecessors[step.entry] = why
    is_kept = "is still in use and was kept" if is_used else "was kept"
    task.notes.append(f"the predecessor {step.entry} {is_kept}: {why}")
    context.task_event(task, "predecessor %s kept: %s", step.entry, why)
