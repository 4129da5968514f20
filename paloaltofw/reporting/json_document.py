"""The one JSON document of a command."""

from __future__ import annotations

import datetime
import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError
from paloaltofw.lifecycle.decision import Blocked, State
from paloaltofw.secret import redact

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome

JSON_VERSION = 1


def as_json(command: str, exit_code: int, outcomes: Sequence[Outcome], now: datetime.datetime, **more: object) -> str:
    """The one JSON document of a command that worked on certificates."""
    return json_document(command, exit_code, [_profile(outcome, now) for outcome in outcomes], **more)


def json_document(command: str, exit_code: int, profiles: Sequence[object] = (), **more: object) -> str:
    """The one JSON document of any command (contract.md §9)."""
    head = {"version": JSON_VERSION, "command": command, "exit_code": exit_code, "profiles": list(profiles)}
    return json.dumps(_redacted({**head, **more}), indent=2)


def _redacted(value: object) -> object:
    """The same value without any secret in its texts.

    In the document's own text a secret with quotes would be escaped, so not be found, and one that looks like a key of
    the document, or a number, would spoil it.
    """
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: _redacted(item) for key, item in value.items()}
    return [_redacted(item) for item in value] if isinstance(value, (list, tuple)) else value


def _profile(outcome: Outcome, now: datetime.datetime) -> dict[str, object]:
    certificate = outcome.certificate
    return {
        "profile": outcome.profile,
        "firewall": outcome.firewall,
        "state": outcome.state.value,
        "action": outcome.action.value,
        "certificate_id": outcome.certificate_id,
        "serial": certificate.serial if certificate else None,
        "not_after": format_time(certificate.not_after) if certificate else None,
        "days_left": (certificate.not_after - now).days if certificate else None,
        "error": error_object(outcome.error),
        "name": outcome.entry,
        "renews_from": format_time(outcome.renews_from) if outcome.renews_from else None,
        "order_id": outcome.ordered_certificate_id if outcome.state is State.PENDING else None,
        "ordered_at": outcome.ordered_at if outcome.state is State.PENDING else None,
        "waits_for": outcome.waits_for or None,
        "reason": outcome.reason,
        "notes": list(outcome.notes),
        "steps": [{"step": type(step).__name__, "text": str(step)} for step in outcome.steps],
    }


def error_object(error: AgentError | Blocked | None) -> dict[str, str] | None:
    """Return the JSON object of an error; None without one."""
    if error is None:
        return None
    if isinstance(error, Blocked):
        return {"code": error.code, "message": error.message, "hint": error.hint}
    message = f"{error.where}: {error.what}" if error.where else error.what
    return {"code": error.code, "message": message, "hint": error.remedy}
