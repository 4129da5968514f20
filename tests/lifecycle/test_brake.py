"""The brake on automatic orders: a table of ledgers, and the bound over any stretch of nights."""

from __future__ import annotations

import datetime
import itertools
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.clock import format_time
from paloaltofw.lifecycle.brake import held_back
from paloaltofw.lifecycle.decision import Blocked
from paloaltofw.lifecycle.requested import requested_of
from paloaltofw.model.certificate_profile import Sans
from paloaltofw.model.records import Answer, InstalledRecord, LedgerEntry
from tests import x509
from tests.lifecycle.cases import PROFILE

DAY = 86400.0


def ordered(days_ago: float, lifetime: int = 0, answer: Answer = Answer.TAKEN, requested: str = "") -> LedgerEntry:
    """An order of so many days ago; `lifetime` (days) of the certificate that it gave, 0 if it gave none."""
    at = x509.NOW - datetime.timedelta(days=days_ago)
    until = format_time(at + datetime.timedelta(days=lifetime)) if lifetime else ""
    return LedgerEntry(
        "www", f"reference-{days_ago}", format_time(at), "renew", "due", requested or requested_of(PROFILE),
        answer=answer.value, not_before=format_time(at) if lifetime else "", not_after=until,
    )  # fmt: skip


REVOKED_JUST_NOW = InstalledRecord("9", "www", "", "", "", revoked_by_person_at=format_time(x509.NOW))
OTHER_NAMES = requested_of(replace(PROFILE, sans=Sans(dns=("www.example.com", "more.example.com"))))


@pytest.mark.parametrize(
    ("ledger", "limit", "installed", "held"),
    [
        ([], None, None, False),
        ([ordered(1)], None, None, False),
        ([ordered(0.8)], None, None, True),
        ([ordered(0.84)], None, None, False),
        ([ordered(-3)], None, None, True),  # a clock was wrong
        ([ordered(0.8, answer=Answer.REFUSED)], None, None, False),
        ([ordered(0.8, answer=Answer.UNKNOWN)], None, None, True),
        ([ordered(0.8, requested=OTHER_NAMES)], None, None, False),
        ([ordered(0.8, requested="1 of another version")], None, None, True),
        ([ordered(0.8)], None, REVOKED_JUST_NOW, False),
        ([ordered(0.8)], None, replace(REVOKED_JUST_NOW, revoked_by_person_at=""), True),
        ([ordered(0.8)], None, replace(REVOKED_JUST_NOW, revoked_by_person_at="2026-11-01T00:00:00Z"), True),
        ([ordered(6), ordered(3)], None, None, True),
        ([ordered(8), ordered(3)], None, None, False),
        ([ordered(6), ordered(3)], None, REVOKED_JUST_NOW, True),
        ([ordered(60, 200), ordered(30)], None, None, True),
        ([ordered(120, 200), ordered(30)], None, None, False),
        ([ordered(20, 47), ordered(10, 47)], None, None, True),
        ([ordered(24, 47), ordered(10, 47)], None, None, False),
        ([ordered(20, 47), ordered(10, 10)], None, None, False),
        ([ordered(0.5), ordered(0.1)], (3, 30 * DAY), None, False),
        ([ordered(29), ordered(10)], (2, 30 * DAY), None, True),
        ([ordered(31), ordered(10)], (2, 30 * DAY), None, False),
        ([ordered(0.5)], (1, 1 * DAY), None, True),
    ],
)
def test_which_ledgers_hold_an_automatic_order_back(
    ledger: list[LedgerEntry], limit: tuple[int, float] | None, installed: InstalledRecord | None, held: bool
) -> None:
    blocked = held_back(PROFILE, ledger, installed, limit, x509.NOW)
    assert (blocked is not None) is held
    if blocked is not None:
        assert blocked.code == "order-limit"
        assert blocked.hint.endswith("paloaltoagent enroll --resubmit -p www")
        assert all(f"{entry.ordered_at} renew (due)" in blocked.message for entry in ledger[-1:])


def test_what_was_held_back_says_how_many_orders_in_which_time() -> None:
    two = held_back(PROFILE, [ordered(6), ordered(3)], None, None, x509.NOW)
    assert two is not None
    assert "2 orders in 7 days, at most 2 are made by itself" in two.message
    day = held_back(PROFILE, [ordered(0.5)], None, (1, DAY), x509.NOW)
    assert day is not None
    assert "1 order in one day, at most 1" in day.message
    one = held_back(PROFILE, [ordered(0.5)], None, None, x509.NOW)
    assert one is not None
    assert "no further order is made by itself: one order in the last 20 hours" in one.message


@pytest.mark.parametrize(
    ("ledger", "limit", "message"),
    [
        ([ordered(0.5)], None, "one order in the last 20 hours (2026-11-24T00:00:00Z renew (due))"),
        (
            [ordered(6), ordered(3)],
            None,
            "2 orders in 7 days, at most 2 are made by itself "
            "(2026-11-18T12:00:00Z renew (due); 2026-11-21T12:00:00Z renew (due))",
        ),
        (
            [ordered(0.5)],
            (1, DAY),
            "1 order in one day, at most 1 are made by itself (2026-11-24T00:00:00Z renew (due))",
        ),
        (
            [ordered(0.5)],
            (1, 1.5 * DAY),
            "1 order in 2 days, at most 1 are made by itself (2026-11-24T00:00:00Z renew (due))",
        ),
        # The last five are enough to find out why.
        (
            [ordered(days) for days in (6, 5, 4, 3, 2, 1)],
            (6, 30 * DAY),
            "6 orders in 30 days, at most 6 are made by itself ("
            + "; ".join(f"2026-11-{day}T12:00:00Z renew (due)" for day in (19, 20, 21, 22, 23))
            + ")",
        ),
    ],
)
def test_what_is_held_back_word_for_word(
    ledger: list[LedgerEntry], limit: tuple[int, float] | None, message: str
) -> None:
    assert held_back(PROFILE, ledger, None, limit, x509.NOW) == Blocked(
        "order-limit",
        f"no further order is made by itself: {message}",
        "find out why, then run: paloaltoagent enroll --resubmit -p www",
    )


SECOND = datetime.timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ledger", "limit", "until"),
    [
        # Twenty hours after the last one, to the second; seven days while nothing was issued.
        ([ordered(0)], None, datetime.timedelta(hours=20)),
        ([ordered(1), ordered(0)], None, datetime.timedelta(days=6)),
        # Half of the lifetime of the latest certificate that an order gave.
        ([ordered(1, 100), ordered(0, 40)], None, datetime.timedelta(days=19)),
        ([ordered(1, 40), ordered(0)], None, datetime.timedelta(days=19)),
        # A certificate that ended before it began bounds nothing, but nor does it free the next order.
        ([ordered(1, -40), ordered(0)], None, datetime.timedelta(hours=20)),
        ([ordered(1), ordered(0)], (1, 3600.0), datetime.timedelta(hours=1)),
    ],
)
def test_how_long_an_order_is_held_back(
    ledger: list[LedgerEntry], limit: tuple[int, float] | None, until: datetime.timedelta
) -> None:
    assert held_back(PROFILE, ledger, None, limit, x509.NOW + until - SECOND) is not None
    assert held_back(PROFILE, ledger, None, limit, x509.NOW + until) is None


@pytest.mark.parametrize(("seconds", "held"), [(-1, True), (0, False), (1, False)])
def test_a_person_who_revoked_after_the_order_may_have_another(seconds: int, held: bool) -> None:
    ordered_at = x509.NOW - datetime.timedelta(hours=1)
    at = format_time(ordered_at + datetime.timedelta(seconds=seconds))
    installed = replace(REVOKED_JUST_NOW, revoked_by_person_at=at)
    assert (held_back(PROFILE, [ordered(1 / 24)], installed, None, x509.NOW) is not None) is held


@given(
    nights=st.lists(st.floats(0.1, 3), min_size=1, max_size=60),
    lifetimes=st.lists(st.sampled_from([0, 0, 10, 47, 100, 200]), min_size=60, max_size=60),
)
@settings(max_examples=200, deadline=None)
def test_whatever_is_wanted_each_night_the_brake_bounds_it(nights: list[float], lifetimes: list[int]) -> None:
    """All evidence is wrong each night: an order is wanted in every run."""
    ledger: list[LedgerEntry] = []
    now = x509.NOW
    for pause, lifetime in zip(nights, lifetimes, strict=False):
        now += datetime.timedelta(days=pause)
        if held_back(PROFILE, ledger, None, None, now) is None:
            ledger.append(_at(now, lifetime))
    times = [datetime.datetime.strptime(entry.ordered_at, "%Y-%m-%dT%H:%M:%SZ") for entry in ledger]
    for before, after in itertools.pairwise(times):
        assert after - before >= datetime.timedelta(hours=20) - datetime.timedelta(seconds=1)
    for number, third in enumerate(times[2:]):
        issued = [entry for entry in ledger[: number + 2] if entry.not_after]
        half = _lifetime(issued[-1]) / 2 if issued else datetime.timedelta(days=7)
        assert third - times[number] >= half - datetime.timedelta(seconds=1)


def _at(now: datetime.datetime, lifetime: int) -> LedgerEntry:
    entry = ordered(0, lifetime)
    until = format_time(now + datetime.timedelta(days=lifetime)) if lifetime else ""
    return replace(entry, ordered_at=format_time(now), not_before=format_time(now), not_after=until)


def _lifetime(entry: LedgerEntry) -> datetime.timedelta:
    start, end = (datetime.datetime.strptime(t, "%Y-%m-%dT%H:%M:%SZ") for t in (entry.not_before, entry.not_after))
    return end - start
