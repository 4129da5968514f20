"""Before a probe changes anything: whether it may, on this device, now."""

from __future__ import annotations

from collections.abc import Iterator

from paloaltofw.errors import Busy, PlanBlocked
from paloaltofw.model.firewall_objects import Change, SystemInfo, is_only_others_work, xpath_steps
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.probe_report import PROBE_PREFIX
from paloaltofw.panos.probing import ProbeClient


def ensure_changeable(client: ProbeClient, firewall: FirewallProfile) -> SystemInfo:
    """See that this device, with this key, may be changed now; raises PlanBlocked, or Busy for a lock."""
    where = firewall.title
    info = client.version()
    if info.is_panorama:
        raise PlanBlocked(f"is a Panorama ({info.model})", where, "probe a firewall")
    state = client.ha_state()
    objection = state.objection if state is not None else "the firewall does not tell whether it is in an HA pair"
    if objection:
        raise PlanBlocked(objection, where, "probe the unit that is active")
    name = client.own_name()
    if name is not None and name != firewall.admin:
        what = f"the API key belongs to {name}, the profile says {firewall.admin}"
        raise PlanBlocked(what, where, "correct admin or api_key in the firewall profile")
    for lock in client.locks():
        if lock.kind == "config-lock" and lock.owner != firewall.admin:
            raise Busy(f"{lock.owner} holds a config lock on {lock.scope}", where, "probe again when it is released")
    return info


def ensure_untouched(client: ProbeClient, firewall: FirewallProfile) -> None:
    """See that nothing is in the way of new entries, and nothing of this administrator is uncommitted."""
    where = firewall.title
    there = own_names(client)
    if there:
        what = f"{there[0]} is there already, and no note of a probe tells of it"
        raise PlanBlocked(
            what, where, f"delete it in the web interface (Device > Certificates), or {_commit(firewall)}"
        )
    strange = next(foreign_work(client, firewall.admin), "")
    if strange:
        what = f"{firewall.admin} has uncommitted changes already ({strange[:120]})"
        raise PlanBlocked(what, where, "commit or revert them, or wait for the run that makes them")


def _commit(firewall: FirewallProfile) -> str:
    return f"revert the changes of {firewall.admin} there if they are all a probe's"


def own_names(client: ProbeClient) -> list[str]:
    """The names in the candidate configuration that are a probe's."""
    return sorted(name for name in client.certificate_names() if name.startswith(PROBE_PREFIX))


def own_changes(client: ProbeClient, admin: str) -> list[Change]:
    """The uncommitted changes of the administrator, as far as the device lists them."""
    return [change for change in client.changes() or () if change.owner == admin]


def is_listed(client: ProbeClient, admin: str) -> bool:
    """Whether the list of changes names what may be a probe's, and nothing else of the administrator explains it."""
    container = xpath_steps(client.scope.certificates)
    below = [change.path[len(container) :] for change in own_changes(client, admin) if change.is_within(container)]
    if any(path and path[0].startswith(f"entry:{PROBE_PREFIX}") for path in below):
        return True
    return () in below and next(_changed_entries(client, admin), None) is None


def foreign_work(client: ProbeClient, admin: str) -> Iterator[str]:
    """What the administrator has changed beside the entries of a probe, by path or by name.

    A line that names only the container of the certificates may be of any of them: then they are compared.
    """
    container = xpath_steps(client.scope.certificates)
    changes = own_changes(client, admin)
    for change in changes:
        below = change.path[len(container) :] if change.is_within(container) else None
        if below is None or (below and not below[0].startswith(f"entry:{PROBE_PREFIX}")):
            yield change.xpath
    if any(change.path == container for change in changes):
        yield from _changed_entries(client, admin)


def _changed_entries(client: ProbeClient, admin: str) -> Iterator[str]:
    before, now = client.running_certificates(), client.certificates()
    for name in sorted({*before, *now}):
        there, entry = before.get(name), now.get(name)
        is_others = entry is not None and is_only_others_work(entry.changed_by, admin)
        is_same = (there.content if there else None) == (entry.content if entry else None)
        if not name.startswith(PROBE_PREFIX) and not is_others and not is_same:
            yield name
