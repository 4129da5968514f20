"""type=op: the whole configuration, as the command line shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.answers import success
from paloaltofw.sandbox.panos.config_requests import visible
from paloaltofw.sandbox.panos.configuration import without

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element  # nosec B405  # only the type

    from paloaltofw.sandbox.panos.op_requests import Operation


def running_config(operation: Operation) -> Answer:
    """`show config running`."""
    return _shown(operation, operation.firewall.configuration.running)


def candidate_config(operation: Operation) -> Answer:
    """`show config candidate`."""
    return _shown(operation, operation.firewall.configuration.candidate)


def _shown(operation: Operation, root: Element) -> Answer:
    """What a `get` hides from this administrator is hidden here too (panos.md §6)."""
    operation.parameters()
    return success(*visible(operation.firewall, operation.admin, [without(root, template_marks=True)]))
