"""Dates on one axis."""

from __future__ import annotations

import datetime

from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.reporting.timeline import MOST_TICKS, axis_of
from tests.reporting.outcomes import NOW

DATES = st.datetimes(timezones=st.just(datetime.timezone.utc))


@given(st.lists(DATES, max_size=6))
def test_every_date_has_a_place_and_order_is_kept(dates: list[datetime.datetime]) -> None:
    axis = axis_of(dates, NOW)
    places = [axis.place(date) for date in sorted([*dates, NOW])]
    assert places == sorted(places)
    assert all(0 <= place <= 100 for place in places)
    assert 0 < axis.place(NOW) < 100


@given(st.lists(DATES, max_size=4))
def test_ticks_are_few_in_order_and_on_the_axis(dates: list[datetime.datetime]) -> None:
    ticks = axis_of(dates, NOW).ticks()
    assert 1 <= len(ticks) <= MOST_TICKS
    assert ticks == sorted(ticks, key=lambda tick: tick[0])
    assert all(0 <= place <= 100 and name for place, name in ticks)


def test_a_january_is_named_by_its_year() -> None:
    names = [name for _, name in axis_of([NOW + datetime.timedelta(days=120)], NOW).ticks()]
    assert names == ["Nov", "Dec", "2027", "Feb", "Mar"]
