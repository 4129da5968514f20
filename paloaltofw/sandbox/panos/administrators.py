"""Administrators of a firewall, their roles, and their API keys (panos.md §1)."""

from __future__ import annotations

import base64
import datetime
import hmac
import secrets
from dataclasses import dataclass, field

from paloaltofw.sandbox.base.clock import Clock
from paloaltofw.sandbox.panos.answers import Unauthorized
from paloaltofw.sandbox.panos.switches import PanosSwitches, Right, Role


@dataclass
class Administrator:
    """One administrator; `keys` maps valid API keys to the time of their making."""

    name: str
    password: str
    role: Role
    keys: dict[str, datetime.datetime] = field(default_factory=dict)

    def require(self, right: Right, is_change: bool = False) -> None:
        """Raise Unauthorized if the role does not cover this."""
        if right not in self.role.rights or (is_change and self.role.is_read_only):
            raise Unauthorized


class Administrators:
    """All administrators of one firewall."""

    def __init__(self, clock: Clock, switches: PanosSwitches) -> None:
        self._clock = clock
        self._switches = switches
        self._by_name: dict[str, Administrator] = {}

    def add(self, name: str, password: str, role: Role) -> None:
        self._by_name[name] = Administrator(name, password, role)

    def get(self, name: str) -> Administrator | None:
        return self._by_name.get(name)

    def set_password(self, name: str, password: str) -> None:
        """A changed password ends the administrator's keys."""
        admin = self._by_name[name]
        admin.password = password
        admin.keys.clear()

    def expire_keys(self) -> None:
        """End all API keys."""
        for admin in self._by_name.values():
            admin.keys.clear()

    def by_password(self, name: str, password: str) -> Administrator | None:
        admin = self._by_name.get(name)
        is_right = admin is not None and hmac.compare_digest(admin.password.encode(), password.encode())
        return admin if is_right else None

    def by_key(self, key: str) -> Administrator | None:
        for admin in self._by_name.values():
            if key in self._valid_keys(admin):
                return admin
        return None

    def current_key(self, name: str) -> str:
        """A key that is valid now, made if there is none; ends no other."""
        admin = self._by_name[name]
        valid = self._valid_keys(admin)
        return valid[-1] if valid else self._new_key(admin)

    def keygen(self, admin: Administrator) -> str:
        """What keygen answers: a key by the rules of the switches."""
        valid = self._valid_keys(admin)
        is_new_each_time = (
            self._switches.api_key_lifetime is not None or self._switches.keygen_without_lifetime == "new_key"
        )
        if valid and not is_new_each_time:
            return valid[-1]
        if self._switches.keygen_ends_old_key:
            admin.keys.clear()
        return self._new_key(admin)

    def _valid_keys(self, admin: Administrator) -> list[str]:
        lifetime, now = self._switches.api_key_lifetime, self._clock.now()
        return [key for key, made in admin.keys.items() if lifetime is None or (now - made).total_seconds() < lifetime]

    def _new_key(self, admin: Administrator) -> str:
        # Real keys hold = and sometimes + and /: only the first survives a client that does not percent-encode.
        body = base64.urlsafe_b64encode(secrets.token_bytes(60)).decode().replace("-", "A").replace("_", "b")
        plus = "+/" if self._switches.api_key_with_plus else ""
        key = f"LUFRPT1{body[:30]}{plus}{body[30:]}=="
        admin.keys[key] = self._clock.now()
        return key
