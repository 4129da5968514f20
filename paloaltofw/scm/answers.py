"""What SCM says, turned into values: an order's state, and what it waits for."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import Enum

from paloaltofw.transport.https import Response


class OrderState(Enum):
    """What an SCM status word means for the agent."""

    PENDING = "pending"
    ISSUED = "issued"
    FAILED = "failed"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REPLACED = "replaced"


# Words of the admin API for the same certificates, as `normalise` leaves them (scm.md §2.3).
_STATES = {
    "issued": OrderState.ISSUED,
    "downloaded": OrderState.ISSUED,
    "declined": OrderState.FAILED,
    "rejected": OrderState.FAILED,
    "invalid": OrderState.FAILED,
    # Not documented, but of one meaning only.
    "cancelled": OrderState.FAILED,
    "canceled": OrderState.FAILED,
    "failed": OrderState.FAILED,
    "error": OrderState.FAILED,
    "deleted": OrderState.FAILED,
    "revoked": OrderState.REVOKED,
    "expired": OrderState.EXPIRED,
    "replaced": OrderState.REPLACED,
}
_WAITS_FOR = {
    "requested": "approval by an SCM administrator",
    "awaitingapproval": "approval by an SCM administrator",
    "approved": "transmission to the CA",
    "saapproved": "transmission to the CA",
    "applied": "the CA (validation of domain or organization)",
    "init": "SCM",
}


@dataclass(frozen=True)
class OrderStatus:
    """An order's state; `word` is SCM's own, `waits_for` says in words what a pending order waits for."""

    state: OrderState
    word: str
    waits_for: str = ""


class NotReady(Exception):
    """The certificate is not issued yet; `detail` is SCM's code and text."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def normalise(word: str) -> str:
    """A status word without case, blanks, hyphens and underscores: `SA Approved` and `sa_approved` are one."""
    return re.sub(r"[\s_-]+", "", word).lower()


def read_status(body: object) -> OrderStatus:
    """Understand the answer of the status operation. An unknown word means pending, never failed."""
    word = body.get("status") if isinstance(body, dict) else None
    if not isinstance(word, str) or not word.strip():
        raise ValueError("no status")
    plain = normalise(word)
    state = _STATES.get(plain, OrderState.PENDING)
    waits_for = ""
    if state is OrderState.PENDING:
        names = _names_awaiting_dcv(body.get("dcvInfo") if isinstance(body, dict) else None)
        waits_for = f"domain validation of {', '.join(names)}" if names else _WAITS_FOR.get(plain, f"SCM ({word[:40]})")
    return OrderStatus(state, word[:40], waits_for)


def _names_awaiting_dcv(info: object) -> list[str]:
    """Domain names whose validation is outstanding; `dcvInfo` is an untyped object in OA, an array in A259."""
    infos = info if isinstance(info, list) else [info]
    names: list[str] = []
    for item in infos:
        entries = item.get("dcvLog") if isinstance(item, dict) else None
        entries = entries.get("log") if isinstance(entries, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and normalise(str(entry.get("dcvStatus"))) not in ("validated", "completed"):
                names.append(str(entry.get("domainName"))[:253])
    return sorted(set(names))


def json_of(response: Response) -> object:
    """The JSON body, or None where there is none; numbers too long to be real are no JSON either."""
    if not response.body:
        return None
    try:
        return json.loads(response.body)
    except (ValueError, RecursionError):
        return None


def retry_after_seconds(response: Response) -> float | None:
    """Retry-After in seconds (RFC 9110 §10.2.3; the date form is read as unknown)."""
    value = response.headers.get("retry-after", "").strip()
    return float(value) if re.fullmatch(r"\d{1,6}", value) else None
