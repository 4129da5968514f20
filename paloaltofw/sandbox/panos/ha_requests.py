"""type=op: what a unit of an HA pair is asked and told (panos.md §3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.answers import PanosError, success, success_message_line, text_element

if TYPE_CHECKING:
    from paloaltofw.sandbox.panos.op_requests import Operation


def ha_state(operation: Operation) -> Answer:
    """Alone, or a unit of a pair."""
    operation.parameters()
    firewall = operation.firewall
    return success(*(firewall.ha.describe(firewall) if firewall.ha else [text_element("enabled", "no")]))


def sync_to_remote(operation: Operation) -> Answer:
    """The other unit takes over what this one is running (panos.md §3)."""
    operation.require_change()
    operation.parameters()
    pair = operation.firewall.ha
    if pair is None:
        raise PanosError("HA is not enabled")
    if operation.firewall.jobs.is_busy:
        raise PanosError("Local commit jobs are queued. Please try again later.")
    pair.synchronise(operation.firewall)
    return success_message_line("HA synchronization job has been queued on peer. Please check job status on peer.")


def ha_change(name: str) -> Callable[[Operation], Answer]:
    """Somebody suspends this unit, so that the other one becomes active, or lets it come back as the passive one."""

    def answer(operation: Operation) -> Answer:
        operation.require_change()
        operation.parameters()
        pair = operation.firewall.ha
        if pair is None:
            raise PanosError("HA is not enabled")
        (pair.suspend if name == "suspend" else pair.resume)(operation.firewall)
        return success(text=f"Successfully changed HA state to {'suspended' if name == 'suspend' else 'functional'}")

    return answer
