"""Finds who uses certificates and SSL/TLS service profiles, by the table of reference kinds."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence

from paloaltofw.errors import PermissionDenied, Refused
from paloaltofw.model.references import Reference, Usage
from paloaltofw.panos.location import VSYS_NAMES, Scope
from paloaltofw.panos.reading import PanosReader
from paloaltofw.panos.reference_kinds import CERTIFICATE_KINDS, VSYS, ReferenceKind

log = logging.getLogger(__name__)


class ReferenceSearch:
    """Asks one firewall who uses what: one request for each kind and place, and more only to name the users.

    What only people move is read once and remembered for this run; what the agent moves itself is read each time.
    On a Panorama `inside` is the template or template stack whose configuration is searched.
    """

    def __init__(
        self, reader: PanosReader, kinds: Sequence[ReferenceKind] = CERTIFICATE_KINDS, inside: Scope | None = None
    ) -> None:
        self._reader = reader
        self._kinds = kinds
        self.inside = inside or Scope()
        self._named: dict[tuple[ReferenceKind, str], frozenset[str] | None] = {}
        self._vsys: tuple[str, ...] | None = None

    def usage(self, names: Collection[str]) -> Usage:
        """Who uses the objects of these names, in whatever scope.

        A kind of which the device says that it does not know the question, or that this administrator may not ask it,
        is told as such: that is no evidence that nothing is used. Any other failure is raised (PeerError).
        """
        found: list[Reference] = []
        untold: list[str] = []
        for kind in self._kinds:
            for place in kind.places:
                named = self._names_in(kind, place)
                if named is None:
                    untold.append(kind.words)
                elif hits := named.intersection(names):
                    found += self._users(kind, place, hits)
        return Usage(tuple(dict.fromkeys(found)), tuple(dict.fromkeys(untold)))

    def _names_in(self, kind: ReferenceKind, place: str) -> frozenset[str] | None:
        """Everything that a kind names in a place; None where the device does not tell."""
        key = (kind, place)
        if key not in self._named or kind.is_moved:
            self._named[key] = self._ask(kind, place)
        return self._named[key]

    def _ask(self, kind: ReferenceKind, place: str) -> frozenset[str] | None:
        label = f"reading what uses certificates ({kind.words})"
        try:
            return self._reader.texts_at(label, kind.everywhere(place, self.inside.holder_xpath))
        except (Refused, PermissionDenied) as error:
            log.info("not told: %s", error)
            return None

    def _users(self, kind: ReferenceKind, place: str, hits: Collection[str]) -> Iterator[Reference]:
        """The users by their names; what nobody by name seems to use is used all the same, by one without a name."""
        unclaimed = set(hits)
        for scope in self._scopes(place):
            for reference in self._users_in(kind, scope, hits):
                unclaimed.discard(reference.named)
                yield reference
        # Without its vsys it may mean any object of the name.
        scope = "shared" if place == VSYS else place
        yield from (self._reference(kind, "", scope, name) for name in sorted(unclaimed))

    def _users_in(self, kind: ReferenceKind, scope: str, hits: Collection[str]) -> Iterator[Reference]:
        label = f"reading who uses certificates ({kind.words})"
        try:
            xpath = kind.owners(scope, self.inside.holder_xpath)
            owners = sorted(self._reader.names_at(label, xpath)) if kind.owner else [""]
            for owner in owners:
                if "'" in owner or '"' in owner:
                    continue  # cannot be asked for by its name
                named = self._reader.texts_at(label, kind.of_owner(scope, owner, self.inside.holder_xpath))
                yield from (self._reference(kind, owner, scope, name) for name in sorted(named.intersection(hits)))
        except (Refused, PermissionDenied) as error:
            log.info("not told: %s", error)

    def _reference(self, kind: ReferenceKind, owner: str, scope: str, name: str) -> Reference:
        holder = self.inside.title if self.inside.holder_xpath else ""
        return Reference(kind.words, owner, scope, name, holder)

    def _scopes(self, place: str) -> tuple[str, ...]:
        if place != VSYS:
            return (place,)
        if self._vsys is None:
            label = "reading the names of the vsys"
            self._vsys = tuple(sorted(self._reader.names_at(label, self.inside.holder_xpath + VSYS_NAMES)))
        return self._vsys


def together(usages: Sequence[Usage]) -> Usage:
    """What several searches found."""
    return Usage(
        tuple(dict.fromkeys(reference for usage in usages for reference in usage.references)),
        tuple(dict.fromkeys(kind for usage in usages for kind in usage.untold)),
    )
