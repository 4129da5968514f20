"""type=op: what the data plane is asked (panos.md §3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.answers import success, text_element

if TYPE_CHECKING:
    from paloaltofw.sandbox.panos.op_requests import Operation

# What `show session info` says of a firewall that does nothing; which fields there are differs by release.
_SESSIONS = {"num-max": "819200", "num-installed": "0", "num-active": "0", "num-tcp": "0", "num-udp": "0",
             "num-icmp": "0", "kbps": "0", "pps": "0", "cps": "0", "tmo-tcp": "3600", "tmo-udp": "30"}  # fmt: skip


def session_info(operation: Operation) -> Answer:
    """The data plane's sessions: nothing passes a simulated firewall."""
    operation.parameters()
    return success(*(text_element(tag, text) for tag, text in _SESSIONS.items()))
