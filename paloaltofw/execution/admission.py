"""Before the first change on a firewall: whose key it is, what is uncommitted, who holds a lock."""

from __future__ import annotations

from paloaltofw.errors import Busy, PlanBlocked
from paloaltofw.execution.context import Context
from paloaltofw.model.firewall_objects import Change

# What the agent itself changes: certificate entries and the certificate of SSL/TLS service profiles.
OWN_XPATHS = ("/certificate/entry", "/ssl-tls-service-profile/entry", "/certificate", "/ssl-tls-service-profile")


def identify(context: Context) -> None:
    """Before the first change: the API key must be the configured administrator's, whose changes will be committed.

    Raises PlanBlocked if it is another's, or if that administrator has uncommitted work that the agent did not do.
    """
    where = context.firewall.title
    name = context.client.own_name()
    if name is not None and name != context.firewall.admin:
        what = f"the API key belongs to {name}, the profile says {context.firewall.admin}"
        raise PlanBlocked(what, where, "correct admin or api_key in the firewall profile")
    strange = [change for change in context.client.changes() or () if _is_foreign(change, context.firewall.admin)]
    if strange:
        what = (
            f"{context.firewall.admin} has uncommitted changes that the agent did not make ({strange[0].xpath[:120]})"
        )
        raise PlanBlocked(what, where, "commit or revert them, and give the agent an administrator of its own")
    context.retry_while_busy(lambda: _ensure_unlocked(context))


def _ensure_unlocked(context: Context) -> None:
    """Another administrator's lock on our scope is respected before anything is changed; raises Busy."""
    scopes = ("shared", context.firewall.vsys)
    for lock in context.client.locks():
        if lock.owner != context.firewall.admin and lock.scope in scopes:
            what = f"{lock.owner} holds a {lock.kind} on {lock.scope}"
            raise Busy(what, context.firewall.title, "the next run tries again")


def _is_foreign(change: Change, admin: str) -> bool:
    return change.owner == admin and not any(part in change.xpath for part in OWN_XPATHS)
