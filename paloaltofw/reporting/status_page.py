"""The page of `status --html`: one file with all that it needs, for any browser, without a network.

Everything on it may come from files and peers. Each value is cleaned where the template prints it, and escaped by the
template's own rule; the page's policy lets a browser run its one script and nothing else.
"""

from __future__ import annotations

import base64
import datetime
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from paloaltofw.clock import parse_time
from paloaltofw.errors import UsageError
from paloaltofw.lifecycle.decision import Action, Outcome, State
from paloaltofw.reporting.groups import COLOURS, group_of, grouped, word_of
from paloaltofw.reporting.terminal import clean
from paloaltofw.reporting.timeline import Axis, axis_of
from paloaltofw.reporting.words import age_text, count
from paloaltofw.secret import redact

if TYPE_CHECKING:
    from jinja2 import Environment

    from paloaltofw.model.certificate_profile import CertificateProfile
    from paloaltofw.model.records import RunRecord

SHOWN_RUNS = 14
# A row shows so many names; the search finds all of them.
SHOWN_NAMES = 2
NOTHING = "nothing to do"
_KINDS = {"31": "bad", "33": "warn", "32": "good"}
_RESULTS = {0: ("good", "all in order"), 1: ("bad", "failed"), 3: ("wait", "orders pending")}


@dataclass(frozen=True)
class Group:
    """A group of certificates, as everywhere on the page: `kind` is its colour's name."""

    name: str
    word: str
    kind: str
    number: int
    rank: int


@dataclass(frozen=True)
class Bar:
    """What is drawn for one certificate: places on the axis from 0 to 100; None where there is nothing."""

    issued: float | None
    renews: float | None
    expires: float | None
    ordered: float | None


@dataclass(frozen=True)
class Row:
    """One certificate."""

    outcome: Outcome
    group: Group
    bar: Bar
    names: tuple[str, ...]
    common_name: str
    days_left: int | None
    ordered_at: datetime.datetime | None
    waits: str
    plan: str
    is_automatic: bool


@dataclass(frozen=True)
class FirewallRow:
    """One firewall with how many of its certificates are in each group."""

    name: str
    address: str
    total: int
    groups: list[Group]
    next_expiry: datetime.datetime | None


@dataclass(frozen=True)
class RunRow:
    """One run of the past."""

    record: RunRecord
    started: datetime.datetime
    took: str
    kind: str
    result: str


def ensure_available() -> None:
    """See that Jinja2 is installed, before anything is asked of a firewall; raises UsageError."""
    try:
        import jinja2  # noqa: F401
    except ImportError:
        what = "`status --html` needs Jinja2, which is not installed"
        raise UsageError(what, remedy="run: pip install jinja2") from None


def render(
    outcomes: Sequence[Outcome],
    profiles: Mapping[str, CertificateProfile],
    runs: Sequence[RunRecord],
    warnings: Sequence[str],
    now: datetime.datetime,
) -> str:
    """The whole page."""
    rows, axis = certificate_rows(outcomes, profiles, now)
    script, style = _resource("status.js"), _resource("status.css") + _ticks_style(axis)
    template = _environment().from_string(_resource("status.html.j2"))
    return template.render(
        policy=_policy(script, style), script=_trusted(script), style=_trusted(style), rows=rows,
        groups=_groups(outcomes), firewalls=_firewall_rows(outcomes), runs=_run_rows(runs), warnings=warnings, now=now,
        today=axis.place(now), ticks=axis.ticks(), columns=_COLUMNS,
    )  # fmt: skip


# The columns that sort: their keys in the page's address, and their titles.
_COLUMNS = (
    ("name", "Certificate"), ("state", "State"), ("firewall", "Firewall"), ("issued", "Issued to expiry"),
    ("expires", "Expires"),
)  # fmt: skip


def certificate_rows(
    outcomes: Sequence[Outcome], profiles: Mapping[str, CertificateProfile], now: datetime.datetime
) -> tuple[list[Row], Axis]:
    """A row for each certificate, the most urgent first, and the axis that their bars are on."""
    ordered = [outcome for _, members in grouped(outcomes, now) for outcome in members]
    axis = axis_of((date for outcome in ordered for date in _dates(outcome)), now)
    return [_row(outcome, profiles[outcome.profile], axis, now) for outcome in ordered], axis


def _dates(outcome: Outcome) -> list[datetime.datetime]:
    held, ordered = outcome.certificate, _ordered_at(outcome)
    return [*([held.not_before, held.not_after] if held else []), *([ordered] if ordered else [])]


def _ordered_at(outcome: Outcome) -> datetime.datetime | None:
    is_open = outcome.state is State.PENDING and outcome.ordered_at
    return parse_time(outcome.ordered_at or "") if is_open else None


def _row(outcome: Outcome, profile: CertificateProfile, axis: Axis, now: datetime.datetime) -> Row:
    held, ordered, renews = outcome.certificate, _ordered_at(outcome), outcome.renews_from
    bar = Bar(
        issued=axis.place(held.not_before) if held else None,
        renews=axis.place(min(max(renews, held.not_before), held.not_after)) if held and renews else None,
        expires=axis.place(held.not_after) if held else None,
        ordered=axis.place(ordered) if ordered else None,
    )
    common_name = profile.subject.common_name
    return Row(
        outcome=outcome,
        group=_group(group_of(outcome), 1),
        bar=bar,
        names=tuple(name for name in dict.fromkeys(profile.sans.all) if name != common_name),
        common_name=common_name,
        days_left=(held.not_after - now).days if held else None,
        ordered_at=ordered,
        waits=f"{age_text(now - ordered)}, waits for {outcome.waits_for or 'SCM'}" if ordered else outcome.waits_for,
        plan=NOTHING if outcome.action in (Action.NONE, Action.FAILED) else outcome.action.value,
        is_automatic=profile.renewal.auto,
    )


def _group(name: str, number: int) -> Group:
    kind = "wait" if name == State.PENDING.value else _KINDS[COLOURS[name]]
    return Group(name, word_of(name), kind, number, list(COLOURS).index(name))


def _groups(outcomes: Sequence[Outcome]) -> list[Group]:
    numbers = Counter(map(group_of, outcomes))
    return [_group(name, numbers[name]) for name in COLOURS if numbers[name]]


def _firewall_rows(outcomes: Sequence[Outcome]) -> list[FirewallRow]:
    members: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        members.setdefault(outcome.firewall, []).append(outcome)
    rows = [
        FirewallRow(
            name=name,
            address=found[0].address,
            total=len(found),
            groups=_groups(found),
            next_expiry=min((item.certificate.not_after for item in found if item.certificate), default=None),
        )
        for name, found in members.items()
    ]
    return sorted(rows, key=lambda row: (row.groups[0].rank, -row.groups[0].number, row.name))


def _run_rows(runs: Sequence[RunRecord]) -> list[RunRow]:
    return [_run_row(record) for record in reversed(runs[-SHOWN_RUNS:])]


def _run_row(record: RunRecord) -> RunRow:
    started, ended = parse_time(record.started_at), parse_time(record.ended_at)
    seconds = max(0, int((ended - started).total_seconds()))
    kind, result = _RESULTS.get(record.exit_code, ("bad", f"exit code {record.exit_code}"))
    if record.exit_code == 1 and record.failures:
        result = f"{record.failures} failed"
    took = f"{seconds} s" if seconds < 120 else age_text(ended - started)
    return RunRow(record, started, took, kind, result)


# --- the template ------------------------------------------------------------------------------------------------


def _environment() -> Environment:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_printable, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(printable=_printable)
    environment.globals.update(count=count, shown_names=SHOWN_NAMES, nothing=NOTHING)
    environment.filters.update(
        day=lambda moment: f"{moment:%Y-%m-%d}", minute=lambda moment: f"{moment:%Y-%m-%d %H:%M}"
    )
    return environment


def _printable(value: object) -> object:
    """Every value that the template prints passes here: without secrets, and without characters that steer a reader.

    What the template itself has made is a Markup, and all of its values have passed here before.
    """
    from markupsafe import Markup

    return value if isinstance(value, (Markup, int, float)) else clean(redact(str(value)))


def _trusted(text: str) -> object:
    """The page's own style and script, which are not to be escaped."""
    from markupsafe import Markup

    return Markup(text)  # nosec B704  # a file of this package, no value is in it


def _ticks_style(axis: Axis) -> str:
    """The lines of the months, as one background of all bars: an element each would be very many."""
    places = [place for place, _ in axis.ticks()]
    lines = ", ".join(["linear-gradient(var(--line), var(--line))"] * len(places))
    positions = ", ".join(f"{place}% 0" for place in places)
    return f".axis, .bar {{ background: {lines}; background-position: {positions}; }}\n"


def _policy(script: str, style: str) -> str:
    """Nothing is loaded, sent or run but what stands in the page itself (https://www.w3.org/TR/CSP3/)."""
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _resource(name: str) -> str:
    return resources.files("paloaltofw.reporting").joinpath("page").joinpath(name).read_text("utf-8")
