"""Finds objects of one name in two scopes, which shadow each other in an order that is not confirmed (panos.md §8)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from paloaltofw.errors import PermissionDenied, Refused
from paloaltofw.model.firewall_objects import Namesake
from paloaltofw.panos.location import DEVICE, Scope
from paloaltofw.panos.reading import PanosReader

log = logging.getLogger(__name__)
Wanted = Callable[[str], bool]
# How users call them, and their containers.
CERTIFICATE, PROFILE = "certificate", "SSL/TLS service profile"
_CONTAINERS = {CERTIFICATE: "certificate", PROFILE: "ssl-tls-service-profile"}


@dataclass(frozen=True)
class Namesakes:
    """What was found; `is_told` is False where the device refuses to tell the names of another scope."""

    found: tuple[Namesake, ...] = ()
    is_told: bool = True


def find_namesakes(reader: PanosReader, is_certificate: Wanted, is_profile: Wanted | None) -> Namesakes:
    """Objects of the wanted names in the scopes that shadow the reader's, or are shadowed by it.

    For shared these are all vsys, for a vsys it is shared. One request for the certificates' names and, with
    `is_profile`, one for those of the profiles; more only to say which vsys it is.
    """
    if reader.scope.elsewhere:
        return Namesakes()  # in a template: what shadows there is asked before a key is made (template_key.py)
    wanted = {CERTIFICATE: is_certificate, **({PROFILE: is_profile} if is_profile else {})}
    try:
        found = [item for kind, accepts in wanted.items() for item in _of_kind(reader, kind, accepts)]
    except (Refused, PermissionDenied) as error:
        log.info("not told: %s", error)
        return Namesakes(is_told=False)
    return Namesakes(tuple(found))


def _of_kind(reader: PanosReader, kind: str, accepts: Wanted) -> Iterator[Namesake]:
    label, tail = f"reading the names of every {kind} of other scopes", f"{_CONTAINERS[kind]}/entry/@name"
    if reader.scope.vsys != "shared":
        found = reader.names_at(label, f"{Scope().xpath}/{tail}")
        yield from (Namesake(kind, name, "shared") for name in sorted(filter(accepts, found)))
        return
    hits = set(filter(accepts, reader.names_at(label, f"{DEVICE}/vsys/entry/{tail}")))
    unplaced = set(hits)
    for vsys in sorted(reader.vsys_names()) if hits else ():
        for name in sorted(hits & reader.names_at(label, f"{Scope(vsys).xpath}/{tail}")):
            unplaced.discard(name)
            yield Namesake(kind, name, vsys)
    yield from (Namesake(kind, name, "a vsys") for name in sorted(unplaced))
