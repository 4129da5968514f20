"""Before the first change on a firewall: which device it is, whose key it is, what is uncommitted, who holds a lock."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from typing import Protocol

from paloaltofw.errors import Busy, PeerError, PlanBlocked
from paloaltofw.execution.clients import scope_of
from paloaltofw.execution.context import Context
from paloaltofw.execution.left_locks import release_seen
from paloaltofw.execution.panorama_target import ensure_template
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.firewall_objects import CertificateEntry, Change, SystemInfo, is_only_others_work, xpath_steps
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.probe_report import PROBE_PREFIX
from paloaltofw.model.records import DeviceRecord
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope
from paloaltofw.panos.panorama_client import PanoramaClient

# A VM-Series without a licence has none; what is no serial number does not tell devices apart.
_SERIAL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{3,63}")
_NO_SERIALS = ("unknown", "none")
_VSYS = re.compile(r"vsys\d{1,3}", re.ASCII)


class Territory(Protocol):
    """A firewall with the names of the certificates that are the agent's on it; a Context is one."""

    @property
    def client(self) -> PanosClient:
        """Who is asked."""

    @property
    def firewall(self) -> FirewallProfile:
        """Whose administrator's changes are looked at."""

    @property
    def certificate_names(self) -> frozenset[str]:
        """Of all profiles of this firewall."""


def identify(context: Context) -> None:
    """Before the first change: the API key must be the configured administrator's, whose changes will be committed.

    Raises PlanBlocked if it is another's, if that administrator has uncommitted work that the agent did not do, or if
    the device is worked on under another firewall profile too.
    """
    where = context.firewall.title
    name = context.client.own_name()
    if name is not None and name != context.firewall.admin:
        what = f"the API key belongs to {name}, the profile says {context.firewall.admin}"
        raise PlanBlocked(what, where, "correct admin or api_key in the firewall profile")
    claim_device(context)
    strange = strange_change(context)
    if strange:
        what = f"{context.firewall.admin} has uncommitted changes that the agent did not make ({strange[:120]})"
        usual = "commit or revert them, and give the agent an administrator of its own"
        raise PlanBlocked(what, where, way_out(strange, context.firewall, usual))
    context.retry_while_busy(lambda: _ensure_unlocked(context))


def ensure_vsys(client: PanosClient) -> str:
    """Say that the vsys of the firewall profile is there, or that nobody tells; raises PlanBlocked if it is not.

    What a device makes of an unknown vsys is not documented: a key might be made elsewhere.
    """
    vsys, there = client.scope.vsys, client.vsys_names()
    if there and vsys != "shared" and vsys not in there:
        what = f"there is no {vsys}; there are {', '.join(sorted(there))}"
        raise PlanBlocked(what, remedy="correct vsys in the firewall profile (shared is usual)")
    return f"{vsys} is there" if there else f"the firewall does not tell whether there is a {vsys}"


def claim_device(context: Context) -> None:
    """One device under two addresses would be changed by two sequences that know nothing of each other.

    Raises PlanBlocked if the device is worked on under another firewall profile too; else it is remembered.
    """
    if context.is_device_claimed:
        return
    firewall, known = context.firewall, context.store.load_device(context.firewall.id)
    units = _serials(context, known)
    if isinstance(context.client, PanoramaClient) and firewall.panorama is not None:
        ensure_template(context.client, firewall.panorama, firewall.title)
    is_known = known is not None and known.units == units
    for serial in filter(None, units.values()):
        first = context.shared.claim_device(serial, _user_of(context, serial, is_known))
        if first != firewall.id:
            number = serial.partition("/")[0]
            what = f"the device with the serial number {number} is also that of the firewall profile {first}"
            remedy = "let all certificate profiles name one of them, and delete the other firewall profile"
            raise PlanBlocked(what, firewall.title, remedy)
    if not is_known:
        peer = next((url for url in units if url != firewall.url), "")
        context.store.save_device(
            DeviceRecord(firewall.id, units[firewall.url], firewall.url, units.get(peer, ""), peer)
        )
    context.is_device_claimed = True


def _serials(context: Context, known: DeviceRecord | None) -> dict[str, str]:
    """The serial number at each address of the profile: one, or that of each unit of an HA pair, as far as is known."""
    firewall = context.firewall
    before = known.units if known is not None else {}
    found = {url: serial for url, serial in before.items() if url in firewall.urls}
    found[firewall.url] = _serial(context.client, firewall)
    if context.peer is not None and not context.peer_trouble:
        with contextlib.suppress(PeerError):  # it answers by no means now; what is known of it stays
            found[firewall.other_unit().url] = _serial(context.peer, firewall)
    return found


def _serial(client: PanosClient, firewall: FirewallProfile) -> str:
    info = client.version()
    ensure_kind(info, firewall)
    serial = info.serial
    is_one = _SERIAL.fullmatch(serial) and serial.lower() not in _NO_SERIALS
    return f"{serial}/{scope_of(firewall).words}" if is_one else ""


def _user_of(context: Context, serial: str, is_known: bool) -> str:
    """The other firewall profile that a device was last seen to belong to, else this one.

    What was seen at an address that a profile has no more says nothing of it.
    """
    seen = [] if is_known else context.store.devices_with(serial)
    in_use = context.shared.firewalls
    others = [
        item.firewall
        for item in seen
        if item.firewall != context.firewall.id
        and any(url in in_use.get(item.firewall, ()) for url, number in item.units.items() if number == serial)
    ]
    return others[0] if others else context.firewall.id


def ensure_kind(info: SystemInfo, firewall: FirewallProfile) -> None:
    """A Panorama for a firewall, or the reverse, would be changed in places that were not meant; raises PlanBlocked."""
    if info.is_panorama and firewall.panorama is None:
        remedy = "name the firewall itself, or write type: panorama with a template"
        raise PlanBlocked(f"is a Panorama ({info.model}), the profile says firewall", firewall.title, remedy)
    if not info.is_panorama and firewall.panorama is not None:
        remedy = "name the Panorama, or remove type and panorama from the profile"
        raise PlanBlocked(f"is no Panorama ({info.model}), the profile says panorama", firewall.title, remedy)


def _ensure_unlocked(context: Context) -> None:
    """Another administrator's lock on our scope is respected before anything is changed; raises Busy."""
    place = context.firewall.panorama
    scopes = ("shared", context.firewall.vsys, *((place.template or place.template_stack,) if place else ()))
    locks = context.client.locks()
    release_seen(context, locks)
    for lock in locks:
        if lock.owner != context.firewall.admin and lock.scope in scopes:
            what = f"{lock.owner} holds a {lock.kind} on {lock.scope}"
            raise Busy(what, context.firewall.title, "the next run tries again")


def strange_change(context: Territory) -> str:
    """What the agent's own administrator has changed that the agent does not change; an empty text if nothing."""
    own = [change for change in context.client.changes() or () if change.owner == context.firewall.admin]
    for change in own:
        if _is_foreign(context, change):
            return change.xpath
    # A line that names only the container (panos.md §11) may be of any entry: then the entries are compared.
    container = xpath_steps(context.client.scope.certificates)
    strange = ""
    if any(change.path == container for change in own):
        strange = _strange_entry(context, context.client.running_certificates(), context.client.certificates())
    scopes = dict.fromkeys(_scope_of_profiles(change, context.client.scope) for change in own)
    found = (_strange_profile(context, scope) for scope in scopes if scope is not None)
    return strange or next((name for name in found if name), "")


def way_out(strange: str, firewall: FirewallProfile, usual: str) -> str:
    """What to do about a strange change: what a probe has left, the next one removes."""
    if PROBE_PREFIX not in strange:
        return usual
    return f"a probe has left it; run `paloaltoagent probe --firewall {firewall.id}`, which removes it first"


def _strange_entry(
    context: Territory, before: Mapping[str, CertificateEntry], candidate: Mapping[str, CertificateEntry]
) -> str:
    """The name of a certificate that is not ours and differs from the running configuration by our administrator."""
    for name, entry in candidate.items():
        there = before.get(name)
        is_same = there is not None and there.content == entry.content
        is_others = is_only_others_work(entry.changed_by, context.firewall.admin)
        if not is_same and not is_others and _is_strange_entry(context, (f"entry:{name}",)):
            return name
    return ""


def _strange_profile(context: Territory, scope: Scope) -> str:
    """The name of a service profile that our administrator made, or moved to a certificate that is not of a series."""
    before = context.client.running_service_profiles(scope)
    for name, profile in context.client.service_profiles(scope).items():
        there = before.get(name)
        is_others = is_only_others_work(profile.changed_by, context.firewall.admin)
        is_same = there is not None and there.certificate == profile.certificate
        is_moved_by_us = there is not None and _is_of_a_series(context, profile.certificate)
        if not is_same and not is_others and not is_moved_by_us:
            return name
    return ""


def _is_of_a_series(context: Territory, name: str) -> bool:
    return any(series_number(own, name) is not None for own in context.certificate_names)


def _is_foreign(context: Territory, change: Change) -> bool:
    """Whether a change of the agent's own administrator is not one that the agent makes."""
    scope = context.client.scope
    if (is_foreign := _is_foreign_elsewhere(context, change)) is not None:
        return is_foreign
    certificates = xpath_steps(scope.certificates)
    if change.is_within(certificates):
        return _is_strange_entry(context, change.path[len(certificates) :])
    place = _scope_of_profiles(change, scope)
    if place is None:
        return True
    # The agent changes one leaf of a service profile; PAN-OS may name what holds it instead (panos.md §11).
    below = change.path[len(xpath_steps(place.service_profiles)) :]
    return len(below) > 1 and below[1] != "certificate"


def _is_foreign_elsewhere(context: Territory, change: Change) -> bool | None:
    """The same where a key may have been made that was asked for in a template; None for a change that is not there.

    What a killed run left there goes before the next key is made (template_key.py).
    """
    for place in context.client.scope.elsewhere:
        base = xpath_steps(place.certificates)
        if change.path == base and isinstance(context.client, PanoramaClient):
            before = context.client.certificates_in(place, running=True)
            return bool(_strange_entry(context, before, context.client.certificates_in(place)))
        if change.is_within(base):
            return _is_strange_entry(context, change.path[len(base) :])
    return None


def _scope_of_profiles(change: Change, scope: Scope) -> Scope | None:
    """The scope of the SSL/TLS service profiles that a change is one of; None if it is of nothing that we move.

    What serves a predecessor of shared is moved in every vsys.
    """
    vsys = change.path[4].removeprefix("entry:") if len(change.path) > 4 else ""
    places = [scope, Scope(vsys)] if scope == Scope() and _VSYS.fullmatch(vsys) else [scope]
    return next((place for place in places if change.is_within(xpath_steps(place.service_profiles))), None)


def _is_strange_entry(context: Territory, below: tuple[str, ...]) -> bool:
    """Whether a change below the certificates is of an entry that is neither of a series nor our intermediate."""
    if not below:
        return False  # the container: it may be any of its entries, ours too
    name = below[0].removeprefix("entry:")
    is_ours = _is_of_a_series(context, name)
    return not is_ours and _INTERMEDIATE.search(name) is None


# Names that the agent gives to intermediates end in twelve hex digits (install.object_name).
_INTERMEDIATE = re.compile(r"-[0-9a-f]{12}$")
