"""A decision and its outcome, as the contract names them."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from paloaltofw.errors import AgentError
from paloaltofw.lifecycle.steps import Step

if TYPE_CHECKING:
    from paloaltofw.pki.certificate import Certificate


class State(str, Enum):
    """A certificate's state, as the contract names it."""

    ABSENT = "absent"
    PENDING = "pending"
    VALID = "valid"
    DUE = "due"
    EXPIRED = "expired"
    REVOKED = "revoked"
    MISMATCH = "mismatch"
    UNKNOWN = "unknown"


class Action(str, Enum):
    """What a run does (or did) about it, as the contract names it."""

    NONE = "none"
    ENROLL = "enroll"
    RENEW = "renew"
    COLLECT = "collect"
    INSTALL = "install"
    FAILED = "failed"


@dataclass(frozen=True)
class Blocked:
    """Why nothing can be done without a person: a stable code, the sentence, and what to do."""

    code: str
    message: str
    hint: str

    def __str__(self) -> str:
        return f"{self.message}; {self.hint}"


@dataclass(frozen=True)
class Decision:
    """What is to be done for one certificate, with the reason as a value. `in_service` is its name on the firewall.

    `waits_for`: what the steps that are left out wait for. `alarm`: the failure that is told if the order is still
    pending after the run. `is_clean_up`: the steps finish what an earlier run could not, and need not succeed.
    """

    state: State
    action: Action
    reason: str
    steps: tuple[Step, ...] = ()
    in_service: str | None = None
    notes: tuple[str, ...] = ()
    blocked: Blocked | None = None
    waits_for: str = ""
    alarm: Blocked | None = None
    is_clean_up: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of one certificate, for report and JSON. `address` is that of its firewall.

    `renews_from`: when the certificate in service is due, whether or not it is renewed by itself then.
    `is_new`: the certificate came into service in this run.
    """

    profile: str
    firewall: str
    state: State
    action: Action
    reason: str = ""
    certificate_id: str | None = None
    ordered_certificate_id: str | None = None
    ordered_at: str | None = None
    waits_for: str = ""
    certificate: Certificate | None = None
    entry: str | None = None
    steps: tuple[Step, ...] = ()
    notes: tuple[str, ...] = ()
    error: AgentError | Blocked | None = None
    address: str = ""
    renews_from: datetime.datetime | None = None
    is_new: bool = False

    @property
    def firewall_title(self) -> str:
        """The firewall with its address; empty where the error names it already."""
        title = f"{self.firewall} ({self.address})" if self.address else self.firewall
        return "" if self.error is not None and f"firewall {title}" in str(self.error) else title
