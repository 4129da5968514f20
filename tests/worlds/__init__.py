"""Worlds other than the sandbox's own: each is played for many nights against the real agent, in one process."""

from __future__ import annotations

_SELECTED = "`enroll --resubmit -p A` calls the agent's own uncommitted CSR of profile B a change that it did not make: deadlock"
_UNCOMMITTED = (
    "the CSR of an order whose answer was lost is not committed in that run: a revert loses a key that SCM may hold"
)
# Worlds that the agent does not survive yet: title and why. Tested as expected failures, so that whoever mends the agent
# takes the title out.
OPEN: dict[str, str] = {
    "Alice rebinds the service, uncommitted, in the renewal window": "the predecessor is deleted, although the running service still names it: every commit fails",
    "Alice edits the entry, uncommitted, at a renewal with the same key": "the import goes into an entry that holds somebody's uncommitted change, and the commit takes it along",
    "Alice commits her edit of the entry at a renewal with the same key": "the same",
    "the commit window is closed at night": "the alarm of an issued order that waits for the window tells to order again",
    "two orders are lost on one firewall, and settled one after the other": _SELECTED,
    "two orders never arrive on one firewall, and are settled one after the other": _SELECTED,
    "the keys of held orders survive a revert and a restart": _UNCOMMITTED,
    "the keys of orders without an ID survive a revert and a restart": _UNCOMMITTED,
}
