"""The brake: how many automatic orders a certificate may have, even if all the evidence is wrong (contract.md §10)."""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from paloaltofw.clock import DAY, parse_time
from paloaltofw.lifecycle.decision import Blocked
from paloaltofw.lifecycle.requested import change_since
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import InstalledRecord, LedgerEntry

MOST_ORDERS = 2
# Inside half of the lifetime of the certificate that the last order gave.
LIFETIME_SHARE = 2
UNTIL_ISSUED = datetime.timedelta(days=7)
# A nightly job may run a few hours early; two orders in consecutive nights are still two nights apart.
PAUSE = datetime.timedelta(hours=20)


def held_back(
    profile: CertificateProfile,
    ledger: Sequence[LedgerEntry],
    installed: InstalledRecord | None,
    limit: tuple[int, float] | None,
    now: datetime.datetime,
) -> Blocked | None:
    """Why an automatic order must not be made now; None if it may be."""
    orders = [entry for entry in ledger if entry.may_be_held]
    if not orders:
        return None
    count, period = (limit[0], datetime.timedelta(seconds=limit[1])) if limit else (MOST_ORDERS, _period(orders))
    recent = [entry for entry in orders if _is_within(entry, period, now)]
    if len(recent) >= count:
        plural = "s" if len(recent) > 1 else ""
        why = f"{len(recent)} order{plural} in {_words(period)}, at most {count} are made by itself"
        return _blocked(profile, recent, why)
    last = orders[-1]
    if limit is None and _is_within(last, PAUSE, now) and not _has_person_acted(profile, last, installed):
        return _blocked(profile, [last], "one order in the last 20 hours")
    return None


def _period(orders: Sequence[LedgerEntry]) -> datetime.timedelta:
    """Half of the lifetime of the latest certificate that an order gave; seven days while none was issued."""
    issued = [entry for entry in orders if entry.not_after]
    if not issued:
        return UNTIL_ISSUED
    lifetime = parse_time(issued[-1].not_after) - parse_time(issued[-1].not_before)
    return max(lifetime / LIFETIME_SHARE, datetime.timedelta())


def _is_within(entry: LedgerEntry, period: datetime.timedelta, now: datetime.datetime) -> bool:
    """Whether an order is younger than a period. One from the future (a clock was wrong) counts, whatever its age."""
    return now - parse_time(entry.ordered_at) < period


def _has_person_acted(profile: CertificateProfile, last: LedgerEntry, installed: InstalledRecord | None) -> bool:
    """Whether a person changed the profile, or revoked the certificate, since the last order."""
    revoked_at = installed.revoked_by_person_at if installed else ""
    is_revoked_since = bool(revoked_at) and parse_time(revoked_at) >= parse_time(last.ordered_at)
    return is_revoked_since or change_since(last.requested, profile) is not None


def _blocked(profile: CertificateProfile, orders: Sequence[LedgerEntry], why: str) -> Blocked:
    told = "; ".join(f"{entry.ordered_at} {entry.operation} ({entry.reason})" for entry in orders[-5:])
    message = f"no further order is made by itself: {why} ({told})"
    return Blocked("order-limit", message, f"find out why, then run: paloaltoagent enroll --resubmit -p {profile.id}")


def _words(period: datetime.timedelta) -> str:
    days = round(period.total_seconds() / DAY)
    return f"{days} days" if days != 1 else "one day"
