"""SCM's code numbers, and what to do about them."""

from __future__ import annotations

# Vendor codes, admin API reference 25.5 (scm.md §3.5). OA confirms -103 and -109 for this API.
NOT_READY = frozenset({-103, -109, -1400, -183})
# SCM's own trouble: what was asked for may have been done all the same (scm.md §9).
INTERNAL = frozenset({-1, -2, -14, -65})
UNKNOWN_ID = frozenset({-124})
REVOKED = frozenset({-110, -159})
DCV_INCOMPLETE = frozenset({-107, -737, -1137, -1603})
NO_RIGHT = frozenset({-3, -25, -37, -226})
BAD_CREDENTIALS = frozenset({-16, -970})
AWAITS_PERSON = frozenset({-1112, -1113, -1140})
TRY_LATER = frozenset({-129, -140, -195, -196})
KEY_REFUSED = frozenset({-11, -13, -78, -141, -170, -194})
_REMEDIES = {
    -62: "set the mandatory custom field under scm.custom_fields",
    -843: "validate the organization in SCM",
    -993: "ask the SCM administrator, orders are restricted",
    -1010: "delegate the domain to the account's organization in SCM",
    -164: "remove local names and private addresses, or use a private CA's account",
    -36: "correct the term of the REST account in SCM",
}


def code_text(code: int | None) -> str:
    """Return a code as an addition to a sentence."""
    return f", code {code}" if code is not None else ""


def remedy_for(code: int) -> str:
    """Say what to do about a code of SCM."""
    if code in KEY_REFUSED:
        return "the SCM profile does not allow this key type or size; change key in the certificate profile"
    if code in DCV_INCOMPLETE:
        return "validate the domain in SCM, the next run tries again"
    if code in AWAITS_PERSON:
        return "an SCM administrator has to act"
    if code in TRY_LATER:
        return "the CA is not reachable, the next run tries again"
    return _REMEDIES.get(code, "correct the profile or the account in SCM")
