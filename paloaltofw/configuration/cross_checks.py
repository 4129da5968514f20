"""What one file says against what another says: references, names that collide, open TLS."""

from __future__ import annotations

from paloaltofw.configuration.certificate_profile_file import LocatedProfile
from paloaltofw.configuration.problems import Findings
from paloaltofw.configuration.rules import suggestion
from paloaltofw.model.account import Account
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.settings import Settings


def check_references(
    placed: list[LocatedProfile],
    accounts: dict[str, Account],
    firewalls: dict[str, FirewallProfile | None],
    findings: Findings,
    settings: Settings,
) -> None:
    """See that every account and firewall that a certificate profile names is there."""
    for item in placed:
        profile = item.profile
        if profile.account not in accounts and accounts:
            what = f"{profile.account!r} is not in {settings.credentials}"
            findings.add(item.account_at, "account", what, suggestion(profile.account, accounts))
        if profile.firewall not in firewalls and firewalls:
            what = f"there is no firewall profile {profile.firewall!r} in {settings.firewall_folder}"
            findings.add(item.firewall_at, "firewall", what, suggestion(profile.firewall, firewalls))


def check_collisions(
    placed: list[LocatedProfile], firewalls: dict[str, FirewallProfile | None], findings: Findings
) -> None:
    """Refuse names that are equal to, or look like successors of, another profile's name on the same device.

    Two firewall profiles may name one device with different scopes; the order in which shared and vsys shadow each
    other is not known (panos.md §8), so the address alone decides.
    """
    taken: dict[tuple[str, str], LocatedProfile] = {}
    for item in placed:
        firewall = firewalls.get(item.profile.firewall)
        device = firewall.url if firewall else item.profile.firewall
        if (device, item.profile.name) in taken:
            other = taken[device, item.profile.name].profile.id
            findings.add(
                item.name_at, "name", f"{item.profile.name!r} is the name of profile {other} too", "choose another"
            )
        taken.setdefault((device, item.profile.name), item)
    for (device, name), item in taken.items():
        stem, dash, number = name.rpartition("-")
        if dash and number.isdigit() and (device, stem) in taken:
            other = taken[device, stem].profile.id
            what = f"{name!r} could be a successor of profile {other}'s certificate {stem!r}"
            findings.add(item.name_at, "name", what, "choose a name that does not end in a number")


def warn_of_open_tls(firewalls: dict[str, FirewallProfile | None], findings: Findings) -> None:
    """Warn of every firewall whose TLS certificate is not verified."""
    for profile in firewalls.values():
        if profile and profile.trust.off:
            what = f"{profile.title}: verify_tls is false, so anybody on the way can read its API key"
            findings.warnings.append(f"{what}; pin the certificate with sha256:… instead")
