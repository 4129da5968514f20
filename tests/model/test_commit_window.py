"""When a firewall may be committed."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.model.commit_window import ALWAYS, CommitWindow

MONDAY = datetime.datetime(2026, 11, 23)
NIGHT = CommitWindow(frozenset({4}), 22 * 60, 4 * 60)  # Friday evening to Saturday morning
NOON = CommitWindow(frozenset({0, 2}), 12 * 60, 13 * 60)


def at(day: int, hour: int, minute: int = 0) -> datetime.datetime:
    return MONDAY + datetime.timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("window", "moment", "is_open"),
    [
        (NIGHT, at(4, 21, 59), False), (NIGHT, at(4, 22), True), (NIGHT, at(5, 3, 59), True), (NIGHT, at(5, 4), False),
        (NIGHT, at(4, 3), False), (NIGHT, at(5, 23), False), (NOON, at(0, 12), True), (NOON, at(0, 13), False),
        (NOON, at(1, 12), False), (NOON, at(2, 12, 59), True), (ALWAYS, at(3, 0), True), (ALWAYS, at(6, 23, 59), True),
    ],
)  # fmt: skip
def test_when_it_is_open(window: CommitWindow, moment: datetime.datetime, is_open: bool) -> None:
    assert window.is_open(moment) is is_open


windows = st.builds(
    CommitWindow,
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
).filter(lambda window: window.start != window.end)
moments = st.integers(0, 14 * 1440).map(lambda minutes: MONDAY + datetime.timedelta(minutes=minutes))


@given(windows, moments)
def test_it_opens_when_it_says_and_not_before(window: CommitWindow, moment: datetime.datetime) -> None:
    if window.is_open(moment):
        return
    opens = window.next_opening(moment)
    assert window.is_open(opens)
    minutes = int((opens - moment).total_seconds()) // 60
    assert not any(window.is_open(moment + datetime.timedelta(minutes=minute)) for minute in range(minutes))


def test_when_it_opens_is_said_in_the_time_of_the_host() -> None:
    def local(moment: datetime.datetime) -> datetime.datetime:
        return moment.astimezone()  # a naive time is taken for the host's

    assert NOON.closed_until(local(at(0, 12, 30))) == ""
    assert NOON.closed_until(local(at(0, 13))) == "Wed 2026-11-25 12:00"
    assert NIGHT.closed_until(local(at(0, 0)).astimezone(datetime.timezone.utc)) == "Fri 2026-11-27 22:00"
    assert ALWAYS.closed_until(local(at(6, 3))) == ""
