"""Whether anything uses a certificate that is to be deleted: asked of the firewall before it is told to delete it."""

from __future__ import annotations

from collections.abc import Iterator

from paloaltofw.errors import PeerError
from paloaltofw.execution.context import Context, events
from paloaltofw.model.firewall_objects import xpath_steps
from paloaltofw.model.references import listed
from paloaltofw.panos.reference_kinds import CERTIFICATE_KINDS, SHARED, VSYS, ReferenceKind
from paloaltofw.panos.references import ReferenceSearch

USED_BY = "used by "


def why_kept(context: Context, entry: str) -> str:
    """Why an entry must stay for the sake of what uses it, or may use it; an empty text if it may go.

    A kind of reference that the device refuses to tell of does not keep it, or a device of another release would keep
    every predecessor for ever: then the device's own refusal to delete what is referred to decides (panos.md §8, code
    10). What was asked and not answered keeps it until the next run.
    """
    try:
        usage = _search(context).usage([entry])
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


def _search(context: Context) -> ReferenceSearch:
    if context.references is None:
        context.references = ReferenceSearch(context.client)
    return context.references


def _changed_users(context: Context) -> str:
    """Another administrator's uncommitted change that may have taken a reference away.

    The candidate does not show the user any more, and a commit of our own changes alone would leave it one, of a
    certificate that is gone.
    """
    for change in context.client.changes() or ():
        if change.owner == context.firewall.admin:
            continue
        for kind, pattern in _watched(context):
            if _may_touch(change.path, pattern):
                return f"{change.owner} has an uncommitted change of what may use it ({kind.words})"
    return ""


def _watched(context: Context) -> Iterator[tuple[ReferenceKind, tuple[str, ...]]]:
    """Where users are. The SSL/TLS service profiles of the firewall's own scope are compared one by one elsewhere."""
    own = SHARED if context.firewall.vsys == "shared" else VSYS
    for kind in CERTIFICATE_KINDS:
        for place in kind.places:
            if not (kind.is_moved and place == own):
                yield kind, xpath_steps(kind.everywhere(place).removesuffix("/@name"))


def _may_touch(path: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    """Whether a change is at, above or below what a kind's pattern names; an entry without a name stands for any."""
    return all(
        step == wanted or (wanted == "entry" and step.startswith("entry:"))
        for step, wanted in zip(path, pattern, strict=False)
    )
