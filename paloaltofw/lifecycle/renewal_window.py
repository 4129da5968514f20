"""When a certificate is due."""

from __future__ import annotations

import datetime
import hashlib
from dataclasses import dataclass, replace

from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.pki.certificate import Certificate

# One third of the lifetime scales from 200-day to 47-day certificates, where a fixed 30 days would not (scm.md §5).
WINDOW_SHARE = 3
# OV and EV orders wait for people: a week more, so that a holiday does not end in an outage.
APPROVAL_ALLOWANCE = datetime.timedelta(days=7)
# A fleet enrolled on one day must not renew on one night. Only ever earlier.
SPREAD_SHARE = 20
# No window is wider than half of the lifetime: else a short-lived certificate would be renewed all the time.
WIDEST_SHARE = 2
# In the last twentieth every other consideration ends.
URGENT_SHARE = 20


@dataclass(frozen=True)
class Window:
    """When a certificate is renewed: from `opens` on; `urgent` is the last twentieth; `capped`: a number was cut.

    `is_late`: it was due already when it was installed, so that `opens` was moved to half of what it had left then.
    """

    opens: datetime.datetime
    urgent: datetime.datetime
    capped: bool = False
    is_late: bool = False


def renewal_window(certificate: Certificate, profile: CertificateProfile, default_days: int | None) -> Window:
    """The renewal window; a number of days from profile or configuration is taken exactly, up to half the lifetime."""
    lifetime = certificate.lifetime
    widest = lifetime / WIDEST_SHARE
    urgent = urgent_from(certificate)
    days = profile.renewal.renew_before_days or default_days
    if days is not None:
        wanted = datetime.timedelta(days=days)
        return Window(certificate.not_after - min(wanted, widest), urgent, capped=wanted > widest)
    width = lifetime / WINDOW_SHARE + (APPROVAL_ALLOWANCE if profile.type != "DV" else datetime.timedelta())
    width += lifetime / SPREAD_SHARE * _spread(profile)
    return Window(certificate.not_after - min(width, widest), urgent)


def settled_window(
    certificate: Certificate,
    profile: CertificateProfile,
    default_days: int | None,
    installed_at: datetime.datetime | None,
) -> Window:
    """The same, but a certificate that was due when it was installed is kept for half of what it had left then.

    SCM may issue what is due at once, or ends no later than its predecessor: renewing it every night helps nobody.
    """
    window = renewal_window(certificate, profile, default_days)
    if installed_at is None or installed_at < window.opens or installed_at >= certificate.not_after:
        return window
    opens = installed_at + (certificate.not_after - installed_at) / WIDEST_SHARE
    return replace(window, opens=opens, is_late=True)


def urgent_from(certificate: Certificate) -> datetime.datetime:
    """When the last twentieth of a certificate begins, whatever window the profile asks for."""
    return certificate.not_after - certificate.lifetime / URGENT_SHARE


def _spread(profile: CertificateProfile) -> float:
    """A fixed number from 0 to 1 for each certificate."""
    digest = hashlib.sha256(f"{profile.firewall}/{profile.name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 0xFFFFFFFF
