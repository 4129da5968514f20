"""Worlds other than the sandbox's own: each is played for many nights against the real agent, in one process."""

from __future__ import annotations

_PREDECESSOR = (
    "a predecessor whose deletion did not come about once is never deleted by a later run: exit 1 when it expires"
)
_OPEN_REQUEST = "a key made on wrong evidence (clock) is ordered on the next good night, although nothing is due"
_RENAMED = "the pending CSR of the same entry is ordered again under the profile's new file name"
# Worlds that the agent does not survive yet: title and why. Tested as expected failures, so that whoever mends the agent
# takes the title out.
OPEN: dict[str, str] = {
    "SCM calls every certificate revoked": "the word revoked stays in the journal when SCM takes it back: exit 1 for ever",
    "a deletion never arrives": _PREDECESSOR,
    "Alice edits the service profile, uncommitted, in the renewal window": _PREDECESSOR,
    "Alice edits the entry, uncommitted, in the renewal window": _PREDECESSOR,
    "the firewall makes another CSR than asked": "the agent's own unproven key blocks as a stranger's once the device is cured",
    "the firewall makes another CSR than asked, at each renewal": "the same",
    "P-521 is refused": "the refusal names no remedy (P384)",
    "the agent's administrator has begun another certificate": "where the journal names containers, the marks of the list are not used",
    "the profile's file is renamed while an order is pending": _RENAMED,
    "the profile's file is renamed after a lost answer": _RENAMED,
    "an order's record says spki_sha256=''": "an order without a key's digest is taken for one whose key is lost: ordered again",
    "the host's clock is 400 days off": _OPEN_REQUEST,
    "the host's clock is 200 days off": _OPEN_REQUEST,
    "the host's clock is 150 days off": _OPEN_REQUEST,
    "the host's clock is wrong on every third night": _OPEN_REQUEST,
}
