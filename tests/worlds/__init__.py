"""Worlds other than the sandbox's own: each is played for many nights against the real agent, in one process."""

from __future__ import annotations

# Worlds that the agent does not survive yet: title and why. Tested as expected failures, so that whoever mends the agent
# takes the title out.
OPEN: dict[str, str] = {}
