"""Who on the firewalls themselves serves a certificate that their Panorama pushed: the Panorama does not see that.

A push that takes away what a firewall's own configuration names is refused there, everybody's pushes too. So a
predecessor goes only where each firewall was asked (panos.md §1: Panorama passes the question on) and says no.
"""

from __future__ import annotations

from paloaltofw.errors import PeerError
from paloaltofw.execution.context import Context
from paloaltofw.execution.panorama_target import stacks_of
from paloaltofw.panos.panorama_client import PanoramaClient


def why_kept(context: Context, entry: str) -> str:
    """Why a predecessor on a Panorama stays for its firewalls; an empty text if none needs it, or for a firewall."""
    client, target = context.client, context.firewall.panorama
    if target is None or not isinstance(client, PanoramaClient):
        return ""
    try:
        # All that hold it, whether they are pushed or not.
        every = [stack for stack in client.template_stacks() if target.holds(stack)]
        if {stack.name for stack in every} != {stack.name for stack in stacks_of(target, every)} or target.push_devices:
            return "not every firewall that it was pushed to gets the pushes of the agent"
        serials = sorted({serial for stack in every for serial in stack.devices})
        if not serials:
            return "Panorama shows no firewall that it was pushed to, so none can be asked whether it serves it"
        for serial in serials:
            users = client.users_on(serial, entry)
            if users:
                return f"the SSL/TLS service profile {sorted(users)[0]} of the firewall {serial} itself serves it"
    except PeerError as error:
        return f"a firewall cannot be asked whether it serves it ({error.what})"
    return ""
