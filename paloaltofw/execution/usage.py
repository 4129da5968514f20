"""Whether anything uses a certificate that is to be deleted: asked of the firewall before it is told to delete it."""

from __future__ import annotations

from collections.abc import Iterator

from paloaltofw.errors import PeerError
from paloaltofw.execution.context import Context, events
from paloaltofw.model.firewall_objects import xpath_steps
from paloaltofw.model.references import listed
from paloaltofw.panos.location import Scope, scopes_beside
from paloaltofw.panos.panorama_client import PanoramaClient
from paloaltofw.panos.reference_kinds import CERTIFICATE_KINDS, SHARED, VSYS, ReferenceKind
from paloaltofw.panos.references import ReferenceSearch, together

USED_BY = "used by "


def why_kept(context: Context, entry: str) -> str:
    """Why an entry must stay for the sake of what uses it, or may use it; an empty text if it may go.

    A kind of reference that the device refuses to tell of does not keep it, or a device of another release would keep
    every predecessor for ever: then the device's own refusal to delete what is referred to decides (panos.md §8, code
    10). What was asked and not answered keeps it until the next run.
    """
    try:
        usage = together([search.usage([entry]) for search in _searches(context)])
        others = _changed_users(context)
    except PeerError as error:
        return f"it could not be told who uses it ({error.what})"
    users = usage.of(entry, context.firewall.vsys)
    if users:
        return f"{USED_BY}{listed(users)}"
    if others:
        return others
    if usage.untold:
        place, kinds = context.firewall.id, ", ".join(usage.untold)
        events.info("firewall=%s does not tell whether these use %s: %s", place, entry, kinds)
    return ""


def _searches(context: Context) -> tuple[ReferenceSearch, ...]:
    """One for each configuration that may use a certificate: on a Panorama each that reaches the same firewalls."""
    if context.references is None:
        client = context.client
        stacks = client.template_stacks() if isinstance(client, PanoramaClient) else ()
        places = scopes_beside(client.scope, stacks)
        context.references = tuple(ReferenceSearch(client, inside=place) for place in places)
    return context.references


def _changed_users(context: Context) -> str:
    """Another administrator's uncommitted change that may have taken a reference away.

    The candidate does not show the user any more, and a commit of our own changes alone would leave it one, of a
    certificate that is gone.
    """
    watched = [pair for search in _searches(context) for pair in _watched(context, search.inside)]
    for change in context.client.changes() or ():
        if change.owner == context.firewall.admin:
            continue
        for kind, pattern in watched:
            if _may_touch(change.path, pattern):
                return f"{change.owner} has an uncommitted change of what may use it ({kind.words})"
    return ""


def _watched(context: Context, inside: Scope) -> Iterator[tuple[ReferenceKind, tuple[str, ...]]]:
    """Where users are. The SSL/TLS service profiles of the agent's own scope are compared one by one elsewhere."""
    own = SHARED if context.firewall.vsys == "shared" else VSYS
    for kind in CERTIFICATE_KINDS:
        for place in kind.places:
            if not (kind.is_moved and place == own and inside == context.client.scope):
                yield kind, xpath_steps(kind.everywhere(place, inside.holder_xpath).removesuffix("/@name"))


def _may_touch(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a change is at, above or below what a kind's pattern names; an entry without a name stands for any."""
    return all(
        step == wanted or (wanted == "entry" and step.startswith("entry:"))
        for step, wanted in zip(path, pattern, strict=False)
    )
