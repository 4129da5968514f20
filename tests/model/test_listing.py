"""What `list` finds."""

from __future__ import annotations

import datetime

from paloaltofw.model.listing import FirewallListing, ListedCertificate

NOW = datetime.datetime(2027, 1, 1, tzinfo=datetime.timezone.utc)


def test_days_are_whole_and_none_where_there_is_no_expiry() -> None:
    entry = ListedCertificate("fw", "www", "shared", not_after=NOW + datetime.timedelta(days=3, hours=23))
    assert entry.days_left(NOW) == 3
    assert entry.days_left(NOW + datetime.timedelta(days=5)) == -2
    assert ListedCertificate("fw", "www", "shared", is_pending=True).days_left(NOW) is None


def test_nothing_is_listed_of_a_firewall_that_was_not_asked() -> None:
    assert FirewallListing("fw", "192.0.2.1").certificates == ()
