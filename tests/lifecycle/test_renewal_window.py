"""When a certificate is due."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest

from paloaltofw.lifecycle.renewal_window import renewal_window
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
