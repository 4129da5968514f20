"""After a probe: its entries go, and what is left of them is looked for twice, by name and in the list of changes."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from paloaltofw.errors import PeerError
from paloaltofw.execution.probe_admission import foreign_work, is_listed, own_names
from paloaltofw.model.firewall_objects import is_only_others_work, xpath_steps
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.probe_report import PROBE_PREFIX, PROBE_SUFFIXES
from paloaltofw.panos.probing import ProbeClient

log = logging.getLogger(__name__)
# How long an answer that was lost may take to show its entry.
_PATIENCE_SECONDS, _POLL_SECONDS = 30.0, 5.0


@dataclass(frozen=True)
class CleanUp:
    """What became of it. `left`: a sentence for each thing that is still there, with the way to remove it.

    `net_zero`: whether changes were still listed after all entries were gone; None where the list never showed any.
    """

    removed: tuple[str, ...]
    left: tuple[str, ...]
    net_zero: bool | None = None


def clean_up(client: ProbeClient, firewall: FirewallProfile, awaited: tuple[str, ...] = ()) -> CleanUp:
    """Remove every uncommitted entry of a probe's, and see that nothing of it is left.

    `awaited`: an entry whose making was not answered may still appear. Raises PeerError where the device does not
    answer: then the note of the probe stays, for the next one.
    """
    names = _awaited(client, awaited)
    missing = [name for name in awaited if name not in names]
    listed_before = is_listed(client, firewall.admin)
    committed = _committed(client, names)
    removed = [name for name in names if name not in committed and _delete(client, firewall, name)]
    rest = _rest(client, names, committed)
    still_listed = is_listed(client, firewall.admin)
    net_zero = still_listed if listed_before and not rest else None
    if (rest or still_listed) and _may_revert(client, firewall.admin):
        client.revert(firewall.admin)
        rest, still_listed = _rest(client, names, committed), is_listed(client, firewall.admin)
    left = [f"{name} was asked for and not answered, so it may still appear; run probe again" for name in missing]
    return CleanUp(tuple(removed), (*left, *_left(firewall, rest, committed, still_listed)), net_zero)


def _awaited(client: ProbeClient, awaited: tuple[str, ...]) -> list[str]:
    """The entries that are there, once all that may still be made had time to appear."""
    waited = 0.0
    names = _there(client)
    while waited < _PATIENCE_SECONDS and not set(awaited) <= set(names):
        client.pause(_POLL_SECONDS)
        waited += _POLL_SECONDS
        names = _there(client)
    return names


def _there(client: ProbeClient) -> list[str]:
    """The entries that are there. That the list has none is not believed alone (panos.md §2): each is asked for."""
    every = (f"{PROBE_PREFIX}{suffix}" for suffix in PROBE_SUFFIXES)
    return own_names(client) or [name for name in every if client.certificate(name) is not None]


def _rest(client: ProbeClient, names: list[str], committed: frozenset[str]) -> list[str]:
    """What is still there of these entries, and whatever else bears the prefix."""
    found = {*own_names(client), *(name for name in names if client.certificate(name) is not None)}
    return sorted(found - committed)


def _committed(client: ProbeClient, names: list[str]) -> frozenset[str]:
    """What somebody's full commit took along: deleting it would be a change that somebody has to commit."""
    return frozenset(name for name in names if client.running_certificate(name) is not None)


def _delete(client: ProbeClient, firewall: FirewallProfile, name: str) -> bool:
    """Delete an entry that nobody else has changed; whether the device says that it did."""
    entry = client.certificate(name)
    if entry is None or is_only_others_work(entry.changed_by, firewall.admin):
        return False
    reply = client.attempt_delete(name)
    if not reply.is_success:
        log.warning("firewall=%s %s was not deleted (code %s)", firewall.id, name, reply.code)
    return reply.is_success


def _may_revert(client: ProbeClient, admin: str) -> bool:
    """Whether every uncommitted change of the administrator is the probe's, and nobody else is at work beside it."""
    changes = client.changes()
    if not changes or next(foreign_work(client, admin), ""):
        return False
    container = xpath_steps(client.scope.certificates)
    if any(change.owner != admin and change.may_touch(container) for change in changes):
        return False
    try:
        return all(entry.changed_by <= {admin} for entry in client.certificates().values())
    except PeerError:
        return False


def _left(firewall: FirewallProfile, rest: list[str], committed: frozenset[str], still_listed: bool) -> tuple[str, ...]:
    where = "Device > Certificates"
    left = [f"{name} is still there; delete it in the web interface ({where})" for name in rest]
    left += [
        f"{name} was committed by somebody; delete it in the web interface ({where}) and commit"
        for name in sorted(committed)
    ]
    if still_listed and not left:
        what = f"the list of changes still names changes of {firewall.admin}"
        left.append(f"{what}; revert them in the web interface (Config > Revert Changes, only this administrator)")
    return tuple(left)
