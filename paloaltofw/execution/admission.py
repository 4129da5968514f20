"""Before the first change on a firewall: which device it is, whose key it is, what is uncommitted, who holds a lock."""

from __future__ import annotations

import re
from collections.abc import Sequence

from paloaltofw.errors import Busy, PlanBlocked
from paloaltofw.execution.context import Context
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_objects import Change, xpath_steps
from paloaltofw.model.records import DeviceRecord

# A VM-Series without a licence has none; what is no serial number does not tell devices apart.
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}")
_NO_SERIALS = ("unknown", "none")


def identify(context: Context, profiles: Sequence[CertificateProfile]) -> None:
    """Before the first change: the API key must be the configured administrator's, whose changes will be committed.

    Raises PlanBlocked if it is another's, if that administrator has uncommitted work that the agent did not do, or if
    the device is worked on under another firewall profile too.
    """
    where = context.firewall.title
    name = context.client.own_name()
    if name is not None and name != context.firewall.admin:
        what = f"the API key belongs to {name}, the profile says {context.firewall.admin}"
        raise PlanBlocked(what, where, "correct admin or api_key in the firewall profile")
    _claim_device(context)
    strange = [change for change in context.client.changes() or () if _is_foreign(context, change, profiles)]
    if strange:
        what = (
            f"{context.firewall.admin} has uncommitted changes that the agent did not make ({strange[0].xpath[:120]})"
        )
        raise PlanBlocked(what, where, "commit or revert them, and give the agent an administrator of its own")
    context.retry_while_busy(lambda: _ensure_unlocked(context))


def _claim_device(context: Context) -> None:
    """One device under two addresses would be changed by two sequences that know nothing of each other."""
    serial, firewall = context.client.version().serial, context.firewall
    if not _SERIAL.fullmatch(serial) or serial.lower() in _NO_SERIALS:
        return
    known = context.store.load_device(serial)
    before = known.firewall if known is not None and known.firewall in context.shared.firewalls else firewall.id
    other = next(
        (name for name in (before, context.shared.claim_device(serial, firewall.id)) if name != firewall.id), None
    )
    if other is not None:
        what = f"the device with the serial number {serial} is also that of the firewall profile {other}"
        remedy = "let all certificate profiles name one of them, and delete the other firewall profile"
        raise PlanBlocked(what, firewall.title, remedy)
    if known is None or known.firewall != firewall.id:
        context.store.save_device(DeviceRecord(serial, firewall.id))


def _ensure_unlocked(context: Context) -> None:
    """Another administrator's lock on our scope is respected before anything is changed; raises Busy."""
    scopes = ("shared", context.firewall.vsys)
    for lock in context.client.locks():
        if lock.owner != context.firewall.admin and lock.scope in scopes:
            what = f"{lock.owner} holds a {lock.kind} on {lock.scope}"
            raise Busy(what, context.firewall.title, "the next run tries again")


def _is_foreign(context: Context, change: Change, profiles: Sequence[CertificateProfile]) -> bool:
    """Whether a change of the agent's own administrator is not one that the agent makes."""
    if change.owner != context.firewall.admin:
        return False
    scope = context.client.scope
    certificates, profiles_of_tls = xpath_steps(scope.certificates), xpath_steps(scope.service_profiles)
    if change.is_within(certificates):
        return _is_strange_entry(change.path[len(certificates) :], profiles)
    # The agent changes one leaf of a service profile; PAN-OS may name what holds it instead (panos.md §11).
    below = change.path[len(profiles_of_tls) :]
    return not change.is_within(profiles_of_tls) or (len(below) > 1 and below[1] != "certificate")


def _is_strange_entry(below: tuple[str, ...], profiles: Sequence[CertificateProfile]) -> bool:
    """Whether a change below the certificates is of an entry that is neither of a series nor our intermediate."""
    if not below:
        return False  # the container: it may be any of its entries, ours too
    name = below[0].removeprefix("entry:")
    is_ours = any(series_number(profile.name, name) is not None for profile in profiles)
    return not is_ours and _INTERMEDIATE.search(name) is None


# Names that the agent gives to intermediates end in twelve hex digits (install.object_name).
_INTERMEDIATE = re.compile(r"-[0-9a-f]{12}$")
