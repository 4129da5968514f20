"""A key that is made in a Panorama's template: whether it was made there, and what goes if it was made elsewhere.

Whether `request certificate generate` obeys the target of the session is not confirmed (panos.md §4). So every place
where it may land is looked at before and after: what was made in the wrong one goes again, and nothing is ordered.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from paloaltofw.errors import PeerError, PlanBlocked, Refused
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.task import CertificateTask, TaskPhase
from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.firewall_objects import CertificateEntry
from paloaltofw.model.records import Phase
from paloaltofw.panos.location import Scope, scopes_beside
from paloaltofw.panos.panorama_client import PanoramaClient
from paloaltofw.pki.certificate import VerificationError, parse_csr
from paloaltofw.pki.verification import verify_csr

REMEDY = (
    "nothing was ordered; make the certificate on the firewalls themselves (a firewall profile of type firewall for "
    "each), or ask the vendor whether this release makes keys in templates"
)


def ensure_free_elsewhere(context: Context, task: CertificateTask, entry: str, phase: TaskPhase) -> None:
    """Before a key is made: no other place where it may land has the name, but for what a killed run left there.

    Raises PlanBlocked: a device may overwrite what is there (panos.md §4).
    """
    client = context.client
    if not isinstance(client, PanoramaClient):
        return
    record = phase.record
    is_begun = record is not None and record.phase == Phase.GENERATING and record.entry == entry
    for scope in client.scope.elsewhere:
        found = client.certificate_in(scope, entry)
        if found is None:
            continue
        if is_begun and found.changed_by and _is_just_made(context, task, found):
            _remove(context, client, scope, entry)
            continue
        what = f"there is an entry {entry} in {scope.words}, which a new key could overwrite"
        raise PlanBlocked(what, context.firewall.title, "rename it there, or set another name in the profile")
    _ensure_unshadowed(context, client, entry)


def _ensure_unshadowed(context: Context, client: PanoramaClient, entry: str) -> None:
    """Of two entries of one name in the templates of a stack its firewalls get one; raises PlanBlocked."""
    for scope in scopes_beside(client.scope, client.template_stacks()):
        if scope != client.scope and client.certificate_in(scope, entry) is not None:
            what = f"there is an entry {entry} in {scope.words} too, and the firewalls would get only one of them"
            raise PlanBlocked(what, context.firewall.title, "rename it there, or set another name in the profile")


@contextlib.contextmanager
def made_in_place(context: Context, task: CertificateTask, entry: str) -> Iterator[None]:
    """Around the making of a key: raises PlanBlocked if it was refused in the template, or was made elsewhere."""
    client = context.client
    if not isinstance(client, PanoramaClient):
        yield
        return
    try:
        yield
    except Refused as refused:
        left = _clean_up(context, client, task, entry)
        what = f"Panorama makes no key in {client.scope.words} ({refused.what}){left}"
        raise PlanBlocked(what, context.firewall.title, f"{refused.remedy}; {REMEDY}") from None
    except PeerError:
        _clean_up(context, client, task, entry)
        raise
    if client.certificate(entry) is None:
        left = _clean_up(context, client, task, entry)
        what = f"Panorama did not make the key in {client.scope.words}{left}"
        raise PlanBlocked(what, context.firewall.title, REMEDY)


def release_session(context: Context) -> None:
    """A run that was killed may have left the session pointed at a template."""
    if isinstance(context.client, PanoramaClient):
        context.client.point_at_nothing()


def _clean_up(context: Context, client: PanoramaClient, task: CertificateTask, entry: str) -> str:
    """Remove the new key where it was made instead; return in words what was found."""
    said = ""
    for scope in client.scope.elsewhere:
        found = client.certificate_in(scope, entry)
        if found is None:
            continue
        if not _is_just_made(context, task, found):
            said += f"; {entry} in {scope.words} is not provably the new one and was left: look at it"
            continue
        _remove(context, client, scope, entry)
        said += f"; it was made in {scope.words}, and is removed there"
    return said


def _is_just_made(context: Context, task: CertificateTask, found: CertificateEntry) -> bool:
    """Whether an entry is the key that was asked for: a CSR of the profile alone, with no mark of anybody else.

    Where none was there a moment ago that is proof; whether a new key is marked at all is not confirmed (panos.md §6).
    """
    if found.certificate_pem or not found.changed_by <= {context.firewall.admin}:
        return False
    try:
        verify_csr(parse_csr(found.csr_pem), requirements(task.profile))
    except VerificationError:
        return False
    return True


def _remove(context: Context, client: PanoramaClient, scope: Scope, entry: str) -> None:
    context.change(lambda: client.delete_certificate_in(scope, entry))
    events.warning("firewall=%s the key %s was made in %s; removed", context.firewall.id, entry, scope.words)
