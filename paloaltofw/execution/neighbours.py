"""Other administrators' uncommitted changes: whether a commit of the agent's took them along.

The agent asks for its own administrator's changes only; there is a report of devices that take the others' too
(panos.md §9). A change that is not in the list any more proves little: its owner may have committed or reverted it
himself meanwhile. So an alarm needs three witnesses: the list of changes, the running configuration, the jobs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from paloaltofw.errors import AgentError, ForeignCommit
from paloaltofw.execution.context import Context, events
from paloaltofw.model.firewall_objects import Change, Job, xpath_steps

# So many places of others are looked at before and after a commit.
MOST_PLACES = 8
_VSYS_DEPTH = len(("config", "devices", "entry", "vsys", "entry"))


@dataclass(frozen=True)
class Neighbours:
    """Right before a commit: others' `changes`, a digest of what is `running` there, and which `jobs` there were.

    `is_quiet`: no job was at work. A place that could not be looked at is not in `running`.
    """

    changes: tuple[Change, ...] = ()
    running: Mapping[str, str] = field(default_factory=dict)
    jobs: frozenset[str] | None = None
    is_quiet: bool = False


def look_around(context: Context) -> Neighbours:
    """What others have not committed. The jobs first: what begins later is a new one."""
    changes = context.client.changes() or ()
    others = tuple(change for change in changes if change.owner != context.firewall.admin)
    if not others:
        return Neighbours()
    jobs = _jobs(context)
    again = context.client.changes() or ()  # what is still there after the jobs were looked at
    others = tuple(change for change in others if change in again)
    places = [xpath for xpath in dict.fromkeys(change.xpath for change in others) if _can_tell(context, xpath)]
    return Neighbours(
        changes=others,
        running=_running(context, places[:MOST_PLACES]),
        jobs=frozenset(job.id for job in jobs) if jobs is not None else None,
        is_quiet=jobs is not None and all(job.is_finished for job in jobs),
    )


def _jobs(context: Context) -> Sequence[Job] | None:
    try:
        return context.client.jobs()
    except AgentError:
        return None


def _can_tell(context: Context, xpath: str) -> bool:
    """Whether a place is narrow, and the agent's own commit changes nothing in it.

    The journal may name a container (panos.md §11): one that holds what the agent changes too tells nothing, and a
    whole vsys is more than should be read.
    """
    scope, path = context.client.scope, xpath_steps(xpath)
    change = Change("", xpath, "")
    is_ours_too = any(change.may_touch(xpath_steps(own)) for own in (scope.certificates, scope.service_profiles))
    is_narrow = len(path) > (_VSYS_DEPTH if path[:2] == ("config", "devices") else 2)
    return is_narrow and (not is_ours_too or _is_strangers(context, path))


def _is_strangers(context: Context, path: Sequence[str]) -> bool:
    """Whether a path within our containers is that of one entry, which is in no series of ours."""
    scope = context.client.scope
    for own in (scope.certificates, scope.service_profiles):
        container = xpath_steps(own)
        below = path[len(container) :]
        if tuple(path[: len(container)]) == container and below:
            return not any(below[0].startswith(f"entry:{name}") for name in context.certificate_names)
    return False


def _running(context: Context, places: Iterable[str]) -> dict[str, str]:
    found = {}
    for xpath in places:
        try:
            found[xpath] = context.client.running_digest(xpath)
        except AgentError:
            continue  # it cannot be told, then
    return found


def compare(context: Context, before: Neighbours, job_id: str | None) -> ForeignCommit | None:
    """The error of a device that committed what others had not; None where that is not proven, the log says why."""
    if not before.changes:
        return None
    try:
        after = context.client.changes()
    except AgentError:
        after = None  # the commit has ended well: that counts
    if after is None:
        return None
    gone = [item for item in before.changes if not any(_is_still(item, change) for change in after)]
    if not gone:
        return None
    taken = _taken(context, before, gone) if job_id is not None and _is_alone(context, before, job_id) else []
    owners = ", ".join(sorted({change.owner for change in gone}))
    events.warning("firewall=%s uncommitted changes of %s are gone since the commit", context.firewall.id, owners)
    return _error(context, taken, job_id) if taken else None


def _is_still(change: Change, other: Change) -> bool:
    """Whether a line of the second list may be of the same change: the device may name the container instead."""
    return other.owner == change.owner and other.may_touch(change.path)


def _is_alone(context: Context, before: Neighbours, job_id: str) -> bool:
    """Whether no other job can have committed anything since: none was at work, none has come but ours."""
    jobs = _jobs(context)
    if jobs is None or before.jobs is None or not before.is_quiet:
        return False
    new = {job.id for job in jobs if not job.type.lower().startswith("validat")} - before.jobs
    return new <= {job_id}


def _taken(context: Context, before: Neighbours, gone: Sequence[Change]) -> list[Change]:
    """Of the changes that are gone, those whose place in the running configuration is another than before."""
    after = _running(context, dict.fromkeys(change.xpath for change in gone if change.xpath in before.running))
    return [change for change in gone if after.get(change.xpath, "?") not in ("?", before.running.get(change.xpath))]


def _error(context: Context, taken: Sequence[Change], job_id: str | None) -> ForeignCommit:
    told = ", ".join(f"{change.owner} ({change.xpath[:120]})" for change in taken[:5])
    more = f" and {len(taken) - 5} more" if len(taken) > 5 else ""
    what = f"the firewall has committed what others had not committed: {told}{more}"
    where = f"{context.firewall.title}, commit job {job_id}"
    remedy = (
        f"the agent asked for the changes of {context.firewall.admin} only: tell them, and report it to Palo Alto "
        "Networks; with lock: config nobody has uncommitted changes meanwhile"
    )
    return ForeignCommit(what, where, remedy)
