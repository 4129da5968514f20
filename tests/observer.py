"""An observer in every simulated device: the agent never deletes a certificate that something uses, and asks first.

A device refuses to delete what its candidate configuration refers to. What it does not see is a user in the running
configuration that another administrator's uncommitted change hides: such a deletion would be committed alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from unittest import mock

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos import config_requests
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import PanosError
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.references import users_of
from paloaltofw.sandbox.panos.xpath import Xpath, to_text
from paloaltofw.sandbox.world import AGENT_ADMIN


@dataclass
class Seen:
    """What the agent's administrator did: deletions of what is used, and those that the device had to refuse."""

    deleted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@contextlib.contextmanager
def watching(tell: Callable[[str], None] | None = None) -> Iterator[Seen]:
    """Watch all simulated devices of this process; `tell` hears of each finding at once."""
    seen, write = Seen(), config_requests._write

    def watched(firewall: Firewall, admin: Administrator, path: Xpath, parameters: Mapping[str, str]) -> Answer:
        is_certificate = len(path) > 1 and path[-2].tag == "certificate"
        if admin.name != AGENT_ADMIN or parameters["action"] != "delete" or not is_certificate:
            return write(firewall, admin, path, parameters)
        same_name = firewall.switches.same_name
        used = [user.line for user in users_of(firewall.configuration.candidate, path, same_name)]
        hidden = _hidden(firewall, path)
        try:
            answer = write(firewall, admin, path, parameters)
        except PanosError:
            if used:
                _note(seen.refused, f"tried to delete {to_text(path)}, which {used[0]} uses", tell)
            raise
        if b'status="success"' in answer.body and (used or hidden):
            _note(seen.deleted, f"deleted {to_text(path)}, which {[*used, *hidden][0]} uses", tell)
        return answer

    with mock.patch.object(config_requests, "_write", watched):
        yield seen


def _note(lines: list[str], text: str, tell: Callable[[str], None] | None) -> None:
    lines.append(text)
    if tell is not None:
        tell(text)


def _hidden(firewall: Firewall, path: Xpath) -> list[str]:
    """Users in the running configuration that the agent's own commit would not take away."""
    own = [change.path for change in firewall.configuration.pending() if AGENT_ADMIN in change.admins]
    users = users_of(firewall.configuration.running, path, firewall.switches.same_name)
    return [user.line for user in users if not any(user.path[: len(item)] == item for item in own)]
