"""All worlds."""

from __future__ import annotations

from tests.worlds import (
    corner_worlds,
    ha_worlds,
    panorama_worlds,
    panos_worlds,
    people_worlds,
    scm_worlds,
    scope_worlds,
    serve_worlds,
)
from tests.worlds.play import World

WORLDS: tuple[World, ...] = (
    *scm_worlds.WORLDS,
    *panos_worlds.WORLDS,
    *people_worlds.WORLDS,
    *corner_worlds.WORLDS,
    *scope_worlds.WORLDS,
    *serve_worlds.WORLDS,
    *ha_worlds.WORLDS,
    *panorama_worlds.WORLDS,
)
BY_TITLE = {world.title: world for world in WORLDS}
assert len(BY_TITLE) == len(WORLDS), "two worlds of one title"
# One of each kind, for the normal suite.
REPRESENTATIVE = (
    "each order is taken and answered with a cut connection",
    "each order is taken and answered with an empty JSON object",
    "downloads say that it is being processed, for three nights",
    "the order is declined",
    "renew is refused with the code -9999",
    "the one certificate is revoked at SCM",
    "two orders are lost on one firewall, and settled one after the other",
    "the certificate list is empty every night",
    "the role does not see private keys: a pending order",
    "the answer to a commit is cut off",
    "each commit fails for somebody else's fault",
    "the agent is killed every night while it holds its locks",
    "commits take everybody's changes along",
    "each validation fails",
    "Alice edits the service profile, uncommitted, in the renewal window",
    "NAME-2 is a stranger's",
    "the state folder is lost while an order is pending",
    "an old backup of the state folder is restored",
    "the host's clock is 400 days off",
    "after the commit the endpoint answers with a reset, and the predecessor serves again",
    "a vsys: renewal",
    "Panorama: one of two firewalls is away for ten nights",
    "an IKE gateway: a predecessor that is used is kept",
    "HA: the unit with the key of an open order is off",
    "HA: both units are active",
    "HA: a synchronisation never ends",
)
