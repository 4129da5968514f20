"""What `list` finds on a firewall: a certificate entry, whoever made it."""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from paloaltofw.errors import AgentError
from paloaltofw.model.references import Reference


@dataclass(frozen=True)
class ListedCertificate:
    """One certificate entry. `scope` is shared, a vsys, or another place that holds certificates.

    A pending CSR has names and a key, and no issuer, serial number or expiry. `key` is in words, as `RSA 2048`, empty
    where nothing can be read. `profile` is the certificate profile that it belongs to, `template` the Panorama template
    that pushed it. `references` is None where nobody asked.
    """

    firewall: str
    name: str
    scope: str
    common_name: str = ""
    sans: tuple[str, ...] = ()
    issuer: str = ""
    serial: str = ""
    not_after: datetime.datetime | None = None
    key: str = ""
    is_ca: bool = False
    is_pending: bool = False
    profile: str = ""
    template: str = ""
    references: tuple[Reference, ...] | None = None

    def days_left(self, now: datetime.datetime) -> int | None:
        """Whole days until it expires; None where it has no expiry."""
        return (self.not_after - now).days if self.not_after is not None else None


@dataclass(frozen=True)
class FirewallListing:
    """The certificates of one firewall, or why they could not be had.

    `untold`: the kinds of references that the device refuses to tell of.
    """

    firewall: str
    address: str
    certificates: tuple[ListedCertificate, ...] = ()
    untold: tuple[str, ...] = ()
    error: AgentError | None = None
