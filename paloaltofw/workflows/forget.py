"""`forget`: drops what the state folder knows of one profile, also of one whose file is gone."""

from __future__ import annotations

import datetime
import difflib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from paloaltofw.clock import SystemClock, parse_time
from paloaltofw.configuration.certificate_profile_file import FILE_STEM
from paloaltofw.configuration.settings_file import find_file, load_settings
from paloaltofw.errors import StateError, UsageError
from paloaltofw.model.records import InstalledRecord, OrderRecord, Phase, ServeRecord
from paloaltofw.reporting import logfile
from paloaltofw.reporting.terminal import say
from paloaltofw.reporting.words import age_text
from paloaltofw.storage import inventory
from paloaltofw.storage.codec import decode_id, decode_ledger, decode_record
from paloaltofw.storage.store import Store
from paloaltofw.workflows.session import Options, log_event

# In these phases SCM may hold an order that only the journal knows of.
_MAY_BE_AT_SCM = (Phase.SUBMITTING.value, Phase.ORDERED.value, Phase.ISSUED.value)


@dataclass(frozen=True)
class Knowledge:
    """What would be forgotten: each file with the version of it that was looked at, and a line about each."""

    profile: str
    only_order: bool
    files: tuple[tuple[Path, int, int], ...]
    lines: tuple[str, ...]


def open_store(options: Options) -> Store:
    """The state folder, from config.yaml alone: the profile may be gone, and the other files may be wrong."""
    chosen = load_settings(find_file(options.config))
    trouble = logfile.start_as(chosen, options.log_level, options.is_debug)
    if trouble:
        say(f"warning: {trouble}", sys.stderr)
    return Store(chosen.state)


def what_is_known(store: Store, name: str, only_order: bool) -> Knowledge:
    """What the state folder holds of a profile; raises UsageError for what cannot be a profile's name."""
    profile = name.removesuffix(".yaml")
    if not FILE_STEM.fullmatch(profile):
        allowed = "letters, digits, . - _, at most 100 characters"
        raise UsageError(f"--profile {name}: cannot be the name of a profile", remedy=allowed)
    paths = inventory.order_files(store, profile) if only_order else inventory.files_of(store, profile)
    now = SystemClock().now()
    # Every write makes a new file, so that inode and time tell versions apart.
    status = [path.lstat() for path in paths]
    files = tuple((path, is_.st_ino, is_.st_mtime_ns) for path, is_ in zip(paths, status, strict=True))
    return Knowledge(profile, only_order, files, tuple(_line(store, path, now) for path in paths))


def nothing_known(store: Store, known: Knowledge) -> str:
    """The sentence for a profile of which nothing is known; it names what a misspelt one may have meant."""
    what = f"no open order of {known.profile}" if known.only_order else f"nothing of {known.profile}"
    others = inventory.known_profiles(store)
    near = difflib.get_close_matches(known.profile, others, n=1) if known.profile not in others else []
    return f"{what} is known in {store.folder}" + (f"; did you mean {near[0]}?" if near else "")


def forget(store: Store, known: Knowledge) -> None:
    """Drop it, under the lock; raises LockHeld, and StateError if it is not any more what was shown."""
    store.prepare()
    with store.lock():
        if what_is_known(store, known.profile, known.only_order).files != known.files:
            what = f"what is known of {known.profile} has changed since it was shown, so nothing was dropped"
            raise StateError(what, str(store.folder), "look at it again: run forget once more")
        drop = inventory.forget_order if known.only_order else inventory.forget
        drop(store, known.profile)
        for line in known.lines:
            log_event("profile=%s forgotten: %s", known.profile, line)


def _line(store: Store, path: Path, now: datetime.datetime) -> str:
    """What one file holds, in words."""
    folder = path.parent if path.parent.parent.name != "ledger" else path.parent.parent
    reader = _READERS.get(path.suffix if folder == store.folder else folder.name + path.suffix)
    text = reader(store, path, now) if reader else None
    text = text or "cannot be understood; look in the SCM portal for an order that it may stand for"
    return f"{path.relative_to(store.folder)}: {text}"


def _order(store: Store, path: Path, now: datetime.datetime) -> str | None:
    order = inventory.look_at(path, partial(decode_record, OrderRecord))
    if order is None:
        return None
    number = f"order {order.certificate_id}" if order.certificate_id else "no order ID"
    age = age_text(now - parse_time(order.ordered_at or order.created_at))
    text = f"an open order ({order.operation}, {order.phase}, {number}, {age} old) of {order.entry} on {order.firewall}"
    at_scm = f"; SCM keeps it ({order.reference}): decline or revoke it there"
    return text + (at_scm if order.phase in _MAY_BE_AT_SCM else "")


def _installed(store: Store, path: Path, now: datetime.datetime) -> str | None:
    record = inventory.look_at(path, partial(decode_record, InstalledRecord))
    return f"what was ordered for certificate {record.certificate_id}, in entry {record.entry}" if record else None


def _serve(store: Store, path: Path, now: datetime.datetime) -> str | None:
    record = inventory.look_at(path, partial(decode_record, ServeRecord))
    return f"how far the serve check of a certificate is: {record.phase}" if record else None


def _certificate_id(store: Store, path: Path, now: datetime.datetime) -> str | None:
    certificate_id = inventory.look_at(path, decode_id)
    return f"certificate ID {certificate_id}; without it the next renewal is a new order" if certificate_id else None


def _ledger(store: Store, path: Path, now: datetime.datetime) -> str | None:
    entries = inventory.look_at(path, decode_ledger)
    if not entries:
        return None
    age = age_text(now - parse_time(entries[-1].ordered_at))
    return f"the ledger of orders, which holds the brake: {len(entries)} so far, the last {age} ago"


# By folder and ending; what was moved aside has another ending, and is not read again.
_READERS: dict[str, Callable[[Store, Path, datetime.datetime], str | None]] = {
    "ledger.json": _ledger, "orders.json": _order, "installed.json": _installed, ".ids": _certificate_id,
    "serve.json": _serve,
}  # fmt: skip
