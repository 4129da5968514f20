"""What a unit says of its HA pair, turned into a value (panos.md §3). Pure, no I/O."""

from __future__ import annotations

from xml.etree import ElementTree  # nosec B405  # only the type

from paloaltofw.model.high_availability import HaState
from paloaltofw.panos.envelope import Malformed, text_of


def read_ha_state(result: ElementTree.Element | None) -> HaState:
    """`<result>` of `show high-availability state`. Raises Malformed where it does not tell whether there is a pair.

    A Panorama has no `group` around its answer. Case does not count: one public client was tested for that.
    """
    enabled = _word(result, "enabled")
    if result is None or enabled not in ("yes", "no"):
        raise Malformed("no word on whether high availability is enabled")
    if enabled == "no":
        return HaState(is_enabled=False)
    group = result.find("group")
    place = group if group is not None else result
    local, peer = place.find("local-info"), place.find("peer-info")
    return HaState(
        is_enabled=True,
        state=_word(local, "state"),
        peer_state=_word(peer, "state"),
        address=_address(local),
        peer_address=_address(peer),
        is_sync_enabled=_word(place, "running-sync-enabled") == "yes",
        running_sync=_word(place, "running-sync"),
        is_panorama=group is None,
    )


def _word(element: ElementTree.Element | None, tag: str) -> str:
    return " ".join(text_of(element, tag).lower().split())


def _address(element: ElementTree.Element | None) -> str:
    """The address of a management interface without its prefix length, which one of two units may not give."""
    return _word(element, "mgmt-ip").partition("/")[0]
