"""Who uses a certificate on a firewall, as values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """A place of the configuration that names a certificate, or an SSL/TLS service profile.

    `user` is the name of what uses it, empty where there is only one of its kind or the name could not be had. `scope`
    is shared, a vsys, or device for what belongs to the device as a whole; `holder` is, in words, the template or
    template stack of a Panorama that it is in, empty on a firewall.
    """

    kind: str
    user: str
    scope: str
    named: str
    holder: str = ""

    @property
    def place(self) -> str:
        """Where it is, as contract.md §9 writes it."""
        if not self.holder:
            return self.scope
        return f"{self.holder}, {self.scope}" if self._is_in_vsys else self.holder

    @property
    def _is_in_vsys(self) -> bool:
        return self.scope.startswith("vsys")

    def __str__(self) -> str:
        name = f" {self.user}" if self.user else ""
        # That it is in shared, or the device's own, goes without saying.
        return f"{self.kind}{name}" + (f" ({self.place})" if self.holder or self._is_in_vsys else "")


@dataclass(frozen=True)
class Usage:
    """Who uses what on a firewall. `untold` are the kinds of references that the device refuses to tell of."""

    references: tuple[Reference, ...] = ()
    untold: tuple[str, ...] = ()

    def of(self, name: str, scope: str) -> tuple[Reference, ...]:
        """Whoever may mean the object of this name and scope.

        A vsys knows its own objects and those of shared, and in which order is not confirmed (panos.md §8): so one of
        another vsys is meant by nobody here, and everybody else who names it may mean it.
        """
        return tuple(item for item in self.references if item.named == name and _sees(item.scope, scope))


def _sees(user: str, scope: str) -> bool:
    return scope == "shared" or not user.startswith("vsys") or user == scope


def listed(references: Iterable[Reference]) -> str:
    """References in a sentence."""
    return ", ".join(dict.fromkeys(map(str, references)))
