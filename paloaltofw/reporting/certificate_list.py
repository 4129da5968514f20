"""What `list` prints: every certificate of every firewall as a table or as JSON, and a line for what cannot be read."""

from __future__ import annotations

import datetime
import sys
import textwrap
from collections.abc import Iterator, Sequence

from paloaltofw.clock import format_time
from paloaltofw.model.listing import FirewallListing, ListedCertificate
from paloaltofw.model.references import listed
from paloaltofw.reporting.json_document import error_object, json_document
from paloaltofw.reporting.report import EXIT_FAILED, EXIT_OK
from paloaltofw.reporting.terminal import emit, say, say_where_the_log_is
from paloaltofw.reporting.words import count

WIDTH = 80
_HEAD = ("NAME", "SCOPE", "COMMON NAME", "EXPIRES", "DAYS", "KEY", "PROFILE")
# The columns that are cut where a row is too wide; the others are short by nature.
_NAMES = (0, 1, 2, 6)
_GAP, _INDENT, _DETAIL = "  ", "  ", "      "
_LEAST = 6


def report_list(
    listings: Sequence[FirewallListing], now: datetime.datetime, is_json: bool, expiring: int | None = None
) -> int:
    """Print the certificates; return 0, or 1 if a firewall could not be read."""
    code = EXIT_FAILED if any(item.error is not None for item in listings) else EXIT_OK
    if is_json:
        emit(_document(listings, now, code))
    else:
        for line in table(listings, now, expiring):
            say(line)
    for listing in listings:
        if listing.error is not None:
            say(" ".join(str(listing.error).split("\n")), sys.stderr)
    if code != EXIT_OK:
        say_where_the_log_is()
    return code


def table(listings: Sequence[FirewallListing], now: datetime.datetime, expiring: int | None = None) -> Iterator[str]:
    """A block for each firewall that could be read, no line wider than 80 columns."""
    readable = [listing for listing in listings if listing.error is None]
    if not readable:
        yield "no firewall could be read" if listings else "no firewall is selected"
    for listing in readable:
        found = _sorted(listing.certificates, by_expiry=expiring is not None)
        within = f" that {'expires' if len(found) == 1 else 'expire'} within {expiring} days" if expiring else ""
        yield f"{listing.firewall} ({listing.address}): {count(len(found), 'certificate')}{within}"
        head, *rows = _grid([_HEAD, *(_row(item, now) for item in found)])
        if rows:
            yield head
        for item, row in zip(found, rows, strict=True):
            yield row
            yield from _details(item, row)
        if listing.untold:
            yield from _wrapped(f"not told by the device, so possibly users too: {', '.join(listing.untold)}")


def _sorted(certificates: Sequence[ListedCertificate], by_expiry: bool) -> list[ListedCertificate]:
    if not by_expiry:
        return list(certificates)
    never = datetime.datetime.max.replace(tzinfo=datetime.timezone.utc)
    return sorted(certificates, key=lambda item: item.not_after or never)


def _row(item: ListedCertificate, now: datetime.datetime) -> tuple[str, ...]:
    left = item.days_left(now)
    expires = f"{item.not_after:%Y-%m-%d}" if item.not_after else ("pending" if item.is_pending else "-")
    return (
        item.name,
        item.scope,
        item.common_name or "-",
        expires,
        str(left) if left is not None else "-",
        item.key or "-",
        item.profile or "-",
    )


def _grid(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    room = WIDTH - len(_INDENT) - len(_GAP) * (len(widths) - 1)
    while sum(widths) > room and max(widths[column] for column in _NAMES) > _LEAST:
        widest = max(_NAMES, key=lambda column: widths[column])
        widths[widest] -= 1
    lines = []
    for row in rows:
        cells = [_cut(cell, width).ljust(width) for cell, width in zip(row, widths, strict=True)]
        lines.append((_INDENT + _GAP.join(cells)).rstrip())
    return lines


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _details(item: ListedCertificate, row: str) -> Iterator[str]:
    """What a row has no room for, whole names where they were cut in it among them."""
    names = (item.name, item.scope, item.common_name, item.profile)
    cut = [name for name in dict.fromkeys(names) if name not in row]
    facts = [
        ", ".join(cut),
        "pending CSR: its certificate is still to come" if item.is_pending else "",
        "CA" if item.is_ca else "",
        f"issued by {item.issuer}" if item.issuer else "",
        f"also {', '.join(others)}" if (others := _other_names(item)) else "",
        f"pushed by the Panorama template {item.template}" if item.template else "",
    ]
    if text := "; ".join(fact for fact in facts if fact):
        yield from _wrapped(text)
    if item.references is not None:
        yield from _wrapped(
            f"used by {listed(item.references)}" if item.references else "used by nothing that is known"
        )


def _other_names(item: ListedCertificate) -> tuple[str, ...]:
    return tuple(name for name in item.sans if name != item.common_name)


def _wrapped(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=_DETAIL, subsequent_indent=_DETAIL + "  ", break_on_hyphens=False)


def _document(listings: Sequence[FirewallListing], now: datetime.datetime, code: int) -> str:
    certificates = [as_object(item, now) for listing in listings for item in listing.certificates]
    unread = [
        {"firewall": listing.firewall, "error": error_object(listing.error)}
        for listing in listings
        if listing.error is not None
    ]
    untold = [{"firewall": listing.firewall, "kinds": list(listing.untold)} for listing in listings if listing.untold]
    return json_document("list", code, certificates=certificates, unread=unread, untold=untold)


def as_object(item: ListedCertificate, now: datetime.datetime) -> dict[str, object]:
    """One certificate as contract.md §9 has it."""
    references = item.references
    return {
        "firewall": item.firewall,
        "name": item.name,
        "scope": item.scope,
        "common_name": item.common_name or None,
        "sans": list(item.sans),
        "issuer": item.issuer or None,
        "serial": item.serial or None,
        "not_after": format_time(item.not_after) if item.not_after else None,
        "days_left": item.days_left(now),
        "key": item.key or None,
        "ca": item.is_ca,
        "profile": item.profile or None,
        "references": None
        if references is None
        else [{"kind": user.kind, "name": user.user or None, "scope": user.place} for user in references],
        "pending": item.is_pending,
        "template": item.template or None,
    }
