"""Outcomes to report."""

from __future__ import annotations

import datetime
from typing import Any

from paloaltofw.errors import Unreachable
from paloaltofw.lifecycle.decision import Action, Outcome, State
from paloaltofw.pki.certificate import Certificate, Names

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.timezone.utc)
DOWN = Unreachable("cannot be reached", "firewall fw-down (192.0.2.9), reading", "check that it is up")


def certificate(days: int, serial: str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9") -> Certificate:
    """One that ends in so many days."""
    names = Names("www.example.com", frozenset({"www.example.com"}), frozenset(), frozenset())
    end = NOW + datetime.timedelta(days=days, hours=1)
    return Certificate(
        b"", names, "", "CA", serial, end - datetime.timedelta(days=200), end, False, False, "RSA", 2048, "", None
    )


def outcome(profile: str, state: State, action: Action = Action.NONE, days: int | None = None, **more: Any) -> Outcome:
    """One on the firewall fw-edge, if nothing else is said."""
    held = certificate(days) if days is not None else None
    return Outcome(
        **{"firewall": "fw-edge", "reason": f"because of {profile}", **more},
        profile=profile,
        state=state,
        action=action,
        certificate=held,
    )
