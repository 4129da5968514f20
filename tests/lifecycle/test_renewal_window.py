"""When a certificate is due."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.lifecycle.renewal_window import renewal_window, settled_window, urgent_from
from paloaltofw.model.certificate_profile import Renewal
from tests import x509
from tests.lifecycle.cases import PROFILE


@pytest.mark.parametrize(("lifetime", "days"), [(200, 66), (100, 33), (47, 15)])
def test_the_window_is_a_third_of_the_lifetime_and_spread_only_earlier(lifetime: int, days: int) -> None:
    certificate = x509.certificate(days=lifetime)
    widths = set()
    for number in range(200):
        profile = replace(PROFILE, name=f"www{number}", renewal=Renewal())
        window = renewal_window(certificate, profile, None)
        width = (certificate.not_after - window.opens) / datetime.timedelta(days=1)
        assert days <= width <= lifetime / 3 + lifetime / 20 + 0.1
        assert window == renewal_window(certificate, profile, None)
        widths.add(int(width))
    assert len(widths) >= lifetime // 20


@pytest.mark.parametrize("lifetime", [47, 100, 200])
@pytest.mark.parametrize("type_", ["OV", "EV"])
def test_windows_of_ov_and_ev_are_wider(lifetime: int, type_: str) -> None:
    certificate = x509.certificate(days=lifetime)
    dv = renewal_window(certificate, replace(PROFILE, renewal=Renewal()), None)
    wide = renewal_window(certificate, replace(PROFILE, type=type_, renewal=Renewal()), None)
    assert wide.opens < dv.opens
    assert certificate.not_after - wide.opens <= certificate.lifetime / 2


def test_a_number_of_days_is_taken_exactly_up_to_half_of_the_lifetime() -> None:
    certificate = x509.certificate(days=200)
    exact = renewal_window(certificate, PROFILE, 90)
    assert certificate.not_after - exact.opens == datetime.timedelta(days=30)
    from_config = renewal_window(certificate, replace(PROFILE, renewal=Renewal()), 90)
    assert certificate.not_after - from_config.opens == datetime.timedelta(days=90)
    capped = renewal_window(x509.certificate(days=47), PROFILE, None)
    assert capped.capped
    assert x509.certificate(days=47).not_after - capped.opens < datetime.timedelta(days=24)


SECOND = datetime.timedelta(seconds=1)
KEPT = x509.certificate(days=200)
OPENS = KEPT.not_after - datetime.timedelta(days=30)


@pytest.mark.parametrize(
    ("installed_at", "is_late"),
    [
        (None, False),
        (KEPT.not_before, False),
        (OPENS - SECOND, False),
        (OPENS, True),
        (OPENS + datetime.timedelta(days=10), True),
        (KEPT.not_after - SECOND, True),
        # A clock was wrong: what was installed after its end tells nothing.
        (KEPT.not_after, False),
        (KEPT.not_after + datetime.timedelta(days=5), False),
    ],
)
def test_what_was_due_when_it_was_installed_is_kept_for_half_of_what_it_had_left(
    installed_at: datetime.datetime | None, is_late: bool
) -> None:
    usual = renewal_window(KEPT, PROFILE, None)
    settled = settled_window(KEPT, PROFILE, None, installed_at)
    if not is_late or installed_at is None:
        assert settled == usual
        return
    assert settled == replace(usual, opens=installed_at + (KEPT.not_after - installed_at) / 2, is_late=True)
    assert installed_at < settled.opens < KEPT.not_after


@given(st.integers(47, 400), st.floats(0, 1), st.none() | st.integers(1, 400))
def test_no_certificate_is_due_on_the_day_it_is_installed(lifetime: int, share: float, days: int | None) -> None:
    """Otherwise one would be ordered every night, however long SCM lets a certificate live."""
    certificate = x509.certificate(days=lifetime)
    profile = replace(PROFILE, renewal=Renewal(renew_before_days=days))
    installed_at = certificate.not_before + certificate.lifetime * share * 0.999
    window = settled_window(certificate, profile, None, installed_at)
    left = certificate.not_after - installed_at
    assert window.opens > installed_at
    assert window.opens - installed_at >= min(left / 2, renewal_window(certificate, profile, None).opens - installed_at)


def test_the_shares_of_a_lifetime() -> None:
    certificate = x509.certificate(days=200)
    window = renewal_window(certificate, PROFILE, None)
    assert window.urgent == certificate.not_after - certificate.lifetime / 20
    assert not window.capped
    assert not window.is_late
    # Half is as wide as a window may be.
    half = replace(PROFILE, renewal=Renewal(renew_before_days=100))
    assert not renewal_window(certificate, half, None).capped
    more = renewal_window(certificate, replace(PROFILE, renewal=Renewal(renew_before_days=101)), None)
    assert more == replace(window, opens=certificate.not_after - certificate.lifetime / 2, capped=True)


def test_exactly_half_of_the_lifetime_is_not_cut() -> None:
    even = x509.certificate(days=200 - 1 / 86400)
    assert even.lifetime == datetime.timedelta(days=200)
    for days, is_cut in ((100, False), (101, True)):
        window = renewal_window(even, replace(PROFILE, renewal=Renewal(renew_before_days=days)), None)
        assert (window.opens, window.capped) == (even.not_after - datetime.timedelta(days=100), is_cut)


@pytest.mark.parametrize("days", [None, 1, 30, 400])
@pytest.mark.parametrize("type_", ["DV", "OV"])
def test_the_last_twentieth_is_the_same_whatever_window_is_asked_for(days: int | None, type_: str) -> None:
    profile = replace(PROFILE, type=type_, renewal=Renewal(renew_before_days=days))
    assert renewal_window(KEPT, profile, None).urgent == KEPT.not_after - KEPT.lifetime / 20 == urgent_from(KEPT)


def test_a_week_is_added_for_people_who_approve() -> None:
    certificate = x509.certificate(days=200)
    dv, ov = (
        renewal_window(certificate, replace(PROFILE, type=type_, renewal=Renewal()), None) for type_ in ("DV", "OV")
    )
    assert dv.opens - ov.opens == datetime.timedelta(days=7)


def test_the_night_of_a_certificate_stays_the_same_from_release_to_release() -> None:
    """Else an upgrade would renew a part of the fleet at once."""
    certificate = x509.certificate(days=200)
    for firewall, name, opens in (
        ("fw", "www", "2027-03-28T21:42:40.799127"),
        ("fw", "vpn", "2027-04-03T00:55:25.194079"),
        ("fw-b", "www", "2027-04-03T20:39:41.275278"),
    ):
        profile = replace(PROFILE, firewall=firewall, name=name, renewal=Renewal())
        found = renewal_window(certificate, profile, None).opens
        assert found == datetime.datetime.fromisoformat(f"{opens}+00:00")
