"""Config locks and commit locks (panos.md §3)."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from paloaltofw.sandbox.panos.answers import NOT_POSSIBLE, PanosError
from paloaltofw.sandbox.panos.switches import PanosSwitches

CONFIG, COMMIT = "config", "commit"


@dataclass(frozen=True)
class Lock:
    """A lock of a scope: shared (the whole device) or one vsys."""

    kind: str
    scope: str
    owner: str
    comment: str
    created: datetime.datetime


class Locks:
    """All locks of one firewall: for each kind and scope no more than one config lock, commit locks for everyone."""

    def __init__(self, switches: PanosSwitches) -> None:
        self._switches = switches
        self._locks: list[Lock] = []

    def of(self, kind: str, scope: str) -> list[Lock]:
        """Locks of a kind in a scope, or in `all`."""
        return [lock for lock in self._locks if lock.kind == kind and scope in (lock.scope, "all")]

    def add(self, new: Lock) -> None:
        held = self.of(new.kind, new.scope)
        if new.kind == CONFIG and held:
            raise PanosError(self._config_lock_held(held[0], new))
        if any(lock.owner == new.owner for lock in held):
            raise PanosError(f"Commit lock is already held by {new.owner}")
        self._locks.append(new)

    def _config_lock_held(self, held: Lock, new: Lock) -> str:
        if held.owner == new.owner:
            return f"You already own a config lock for scope {new.scope}"
        if self._switches.config_lock_held == "already_held":
            return f"Config lock is already held by {held.owner}"
        return f"Config for scope {new.scope} is currently locked by {held.owner}"

    def remove(self, kind: str, scope: str, owner: str) -> None:
        held = self.of(kind, scope)
        mine = [lock for lock in held if lock.owner == owner]
        if mine:
            self._locks = [lock for lock in self._locks if lock not in mine]
            return
        if kind == COMMIT:
            raise PanosError(f"Commit lock is not currently held by {owner}")
        if held:
            raise PanosError(f"Config for scope {scope} is currently locked by {held[0].owner}")
        raise PanosError(f"Config is not currently locked for scope {scope}")

    def release(self, owner: str) -> None:
        """Release everything that an administrator holds."""
        self._locks = [lock for lock in self._locks if lock.owner != owner]

    def require_config(self, admin: str, vsys: str) -> None:
        """Refuse a change of this place while another administrator holds a config lock on it."""
        for lock in self.of(CONFIG, "all"):
            if lock.owner != admin and lock.scope in ("shared", vsys):
                raise PanosError(f"Configuration is locked by {lock.owner}", code=self._switches.config_lock_code)

    def require_commit(self, admin: str) -> None:
        """Refuse a commit while another administrator holds a commit lock."""
        for lock in self.of(COMMIT, "all"):
            if lock.owner != admin:
                which = "device wide commit locks" if lock.scope == "shared" else "commit locks"
                raise PanosError(f"Other administrators are holding {which}.", code=NOT_POSSIBLE)
