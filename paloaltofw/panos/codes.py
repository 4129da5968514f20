"""PAN-OS's code numbers and texts, and what to do about them."""

from __future__ import annotations

BAD_CREDENTIALS_CODE = 403
UNAUTHORIZED_CODE = 16
REFERENCED_CODE = 10
INVALID_COMMAND_CODE = 17
# A release that does not know an operational command: 17 was seen, 1 is the vendor's word for it (panos.md §2).
UNKNOWN_COMMAND_CODES = (1, INVALID_COMMAND_CODE)
# Texts that mean "later", since codes are not reliable here (panos.md §2).
BUSY_TEXTS = (
    "another commit/validate is in progress",
    "a commit is in progress",
    "a commit is pending",
    "auto-commit not yet finished",
    "you cannot commit while an install is in progress",
    "session timed out",
    "configuration is locked by",
    "config for scope",
    "another sync is in progress",
    "local commit jobs are queued",
    "other administrators are holding",
    "commit lock is already held",
    "config lock is already held",
)
# PAN-267847 (sic, panos.md §11): the same import works the next time, or the time after that.
TRANSIENT_TEXTS = ("failed to find begining of certificate", "failed to find beginning of certificate")
# An object that a Panorama template pushed (panos.md §8).
OVERRIDE_TEXTS = ("may need to override template object", "object cannot be overridden")
# The answer to the export of what is not there (panos.md §5).
NOTHING_TO_EXPORT_TEXT = "failed to prepare certificate"


def remedy_for(code: int | None) -> str:
    """Say what to do about a code of PAN-OS."""
    if code == REFERENCED_CODE:
        return "remove the references first"
    if code == 15:
        return "check whether this is the passive unit of an HA pair"
    return "see the firewall's system log"
