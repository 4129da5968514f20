"""The table of `list`: narrow, complete, and silent about nothing."""

from __future__ import annotations

import datetime
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.errors import Unreachable
from paloaltofw.model.listing import FirewallListing, ListedCertificate
from paloaltofw.model.references import Reference
from paloaltofw.reporting.certificate_list import report_list, table
from tests.json_documents import assert_documented

NOW = datetime.datetime(2026, 11, 28, 12, tzinfo=datetime.timezone.utc)
NAME = st.text("abcdefghijklmnopqrstuvwxyz0123456789-_.", min_size=1, max_size=63)
CERTIFICATE = st.builds(
    ListedCertificate,
    firewall=st.just("fw"),
    name=NAME,
    scope=st.sampled_from(["shared", "vsys1", "vsys12", "template Some-Template-1"]),
    common_name=NAME,
    sans=st.lists(NAME, max_size=5).map(tuple),
    issuer=NAME,
    serial=st.just("0A"),
    not_after=st.none() | st.integers(-900, 9000).map(lambda days: NOW + datetime.timedelta(days=days)),
    key=st.sampled_from(["", "RSA 2048", "ECDSA 384"]),
    is_ca=st.booleans(),
    is_pending=st.booleans(),
    profile=st.just("") | NAME,
    template=st.just("") | NAME,
    references=st.none() | st.lists(st.builds(Reference, NAME, NAME, st.just("vsys1"), NAME), max_size=3).map(tuple),
)


@given(st.lists(CERTIFICATE, max_size=4))
def test_no_line_is_wider_than_80_columns_and_no_name_is_lost(found: list[ListedCertificate]) -> None:
    lines = list(table([FirewallListing("fw", "192.0.2.1", tuple(found))], NOW))
    assert all(len(line) <= 80 for line in lines)
    text = "".join("".join(line.split()) for line in lines)
    for item in found:
        users = [user.user for user in item.references or ()]
        for name in (item.name, item.scope, item.common_name, *item.sans, item.issuer, item.profile, *users):
            assert "".join(name.split()) in text


def test_what_expires_first_comes_first_where_that_is_asked_for() -> None:
    dates = {f"d{days}": NOW + datetime.timedelta(days=days) for days in (20, 3, -1)}
    found = tuple(ListedCertificate("fw", name, "shared", not_after=date) for name, date in dates.items())
    listing = [FirewallListing("fw", "192.0.2.1", found)]

    def names(**more: int) -> list[str]:
        return [line.split()[0] for line in table(listing, NOW, **more) if line.startswith("  d")]

    assert names() == ["d20", "d3", "d-1"]
    assert names(expiring=30) == ["d-1", "d3", "d20"]
    assert next(iter(table(listing, NOW, 30))) == "fw (192.0.2.1): 3 certificates that expire within 30 days"


@pytest.mark.parametrize("is_json", [True, False])
def test_what_cannot_be_read_or_is_not_told_is_said(is_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    down = Unreachable("cannot be reached", "firewall b (192.0.2.2)", "check that it is up")
    listings = [
        FirewallListing("a", "192.0.2.1", (ListedCertificate("a", "n", "shared", references=()),), ("IKE gateway",)),
        FirewallListing("b", "192.0.2.2", error=down),
    ]
    assert report_list(listings, NOW, is_json) == 1
    out, err = capsys.readouterr()
    assert err == "firewall b (192.0.2.2): cannot be reached; check that it is up\n"
    if is_json:
        document = json.loads(out)
        assert_documented(document)
        assert document["untold"] == [{"firewall": "a", "kinds": ["IKE gateway"]}]
        assert [item["firewall"] for item in document["unread"]] == ["b"]
    else:
        assert "not told by the device, so possibly users too: IKE gateway" in out
    assert report_list(listings[:1], NOW, is_json) == 0
