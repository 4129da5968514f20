"""Locks of the agent's that an earlier run has left behind: found by owner and comment, and released.

A lock that is left keeps every other administrator from working. What is released is only what bears the agent's
comment: PAN-OS releases by administrator, and a person may use the agent's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from paloaltofw.errors import AgentError, Busy, LockLeft, PeerError, PermissionDenied, Refused
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.units import unit_at
from paloaltofw.model.firewall_objects import Lock
from paloaltofw.model.firewall_profile import FirewallProfile

# In the comment of each lock; behind it the run's token and the firewall profile.
WORD = "paloaltoagent"
_COMMENT = re.compile(rf"{WORD} (?P<token>[0-9a-f]{{12}}) (?P<firewall>\S+)")
RELEASE_ATTEMPTS = 3
RELEASE_PAUSE = 5.0


def is_agents(lock: Lock, firewall: FirewallProfile) -> bool:
    """Whether a lock is one that a run of the agent took for this firewall profile."""
    match = _COMMENT.fullmatch(lock.comment)
    return lock.owner == firewall.admin and match is not None and match["firewall"] == firewall.id


def release_left(context: Context) -> None:
    """Release what a run that was killed has left behind, whatever `lock` says by now.

    Looked for where the journal names such a lock, and where locks are in use: the journal may be an older one.
    """
    record = context.store.load_lock(context.firewall.id)
    if record is None and context.firewall.lock == "none":
        return
    unit = unit_at(context, record.url) if record is not None else context
    if unit is None:
        return
    try:
        release(unit, lambda lock: is_agents(lock, context.firewall), attempts=1)
    except (PermissionDenied, Refused, Busy) as error:
        tell_left(context, error)
    else:
        if record is not None:
            context.store.remove_lock(context.firewall.id)


def release_seen(context: Context, locks: Iterable[Lock]) -> None:
    """Before the first change: of the locks that are seen, release what is the agent's, and say what a person holds."""
    firewall = context.firewall
    own = [lock for lock in locks if lock.owner == firewall.admin]
    if any(is_agents(lock, firewall) for lock in own):
        try:
            release(context, lambda lock: is_agents(lock, firewall))
        except PeerError as error:
            tell_left(context, error)
    for lock in own:
        if not is_agents(lock, firewall):
            events.warning("firewall=%s %s", firewall.id, person_holds(lock))


def person_holds(lock: Lock) -> str:
    """What is said of a lock of the agent's administrator that the agent did not take."""
    comment = f"comment {lock.comment[:80]!r}" if lock.comment else "no comment"
    return (
        f"a {lock.kind} of {lock.owner} on {lock.scope} ({comment}) is not the agent's: it is left alone; "
        "give the agent an administrator of its own"
    )


def release(context: Context, is_meant: Callable[[Lock], bool], attempts: int = RELEASE_ATTEMPTS) -> None:
    """Release our locks on the scope of the profile; raises the PeerError for which they were not seen to be gone.

    Looked at first, each time: a commit may have released them, and what is there now may be a person's.
    """
    trouble: PeerError | None = None
    for attempt in range(attempts):
        if attempt:
            context.clock.sleep(RELEASE_PAUSE)
        try:
            meant = [lock for lock in context.client.locks() if is_meant(lock)]
            for lock in meant:
                context.client.release_lock(lock.kind, lock.scope)
                events.info("firewall=%s %s on %s released", context.firewall.id, lock.kind, lock.scope)
            return
        except PeerError as error:
            trouble = error
    if trouble is not None:
        raise trouble


def tell_left(context: Context, error: AgentError) -> None:
    """Say that locks may be left, and why; the run's exit code tells it too."""
    admin, where = context.firewall.admin, context.firewall.title
    what = f"locks of {admin} may be left ({error.what})"
    remedy = f"the next run releases them; or remove those with the comment {WORD} … in the web interface"
    context.lock_trouble = LockLeft(what, where, remedy)
    events.error("%s", context.lock_trouble, extra={"firewall": context.firewall.id})
