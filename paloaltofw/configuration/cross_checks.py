"""What one file says against what another says: references, names that collide, twins, open TLS."""

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
        firewall, check = firewalls.get(profile.firewall), profile.serve_check
        if firewall is not None and firewall.panorama is not None and check.endpoints and check.on_wrong == "rollback":
            what = "a Panorama's certificate does not go back by itself: it serves on several firewalls"
            findings.add(item.firewall_at, "serve_check.on_wrong", what, "write on_wrong: report")


def check_collisions(
    placed: list[LocatedProfile], firewalls: dict[str, FirewallProfile | None], findings: Findings
) -> None:
    """Refuse names that are equal to, or look like successors of, another profile's name on the same device.

    Two firewall profiles may name one device with different scopes; the order in which shared and vsys shadow each
    other is not known (panos.md §8), so the address alone decides.
    """
    taken: dict[tuple[str, str], LocatedProfile] = {}
    for item in placed:
        place = (_device(item, firewalls), item.profile.name)
        if place in taken:
            what = f"{item.profile.name!r} is the name of profile {_other(taken[place], item)} too"
            findings.add(item.name_at, "name", what, "choose another")
        taken.setdefault(place, item)
    for item in placed:
        stem, dash, number = item.profile.name.rpartition("-")
        other = taken.get((_device(item, firewalls), stem))
        if dash and number.isdigit() and other is not None:
            what = (
                f"{item.profile.name!r} could be a successor of profile {_other(other, item)}, whose name is {stem!r}"
            )
            findings.add(item.name_at, "name", what, "choose a name that does not end in a number")


def _device(item: LocatedProfile, firewalls: dict[str, FirewallProfile | None]) -> str:
    """What tells devices apart: the address, or the profile's name where that is not known."""
    firewall = firewalls.get(item.profile.firewall)
    return firewall.url if firewall else item.profile.firewall


def _other(other: LocatedProfile, item: LocatedProfile) -> str:
    """How an error names the profile that was there first, and why its firewall is the same."""
    if other.profile.firewall == item.profile.firewall:
        return other.profile.id
    same = f"firewall profiles {other.profile.firewall} and {item.profile.firewall} have the same url"
    return f"{other.profile.id} ({same})"


def warn_of_twins(
    placed: list[LocatedProfile], firewalls: dict[str, FirewallProfile | None], findings: Findings
) -> None:
    """Warn of two profiles that order the same names with the same kind of key for one device: one is paid for nothing.

    An RSA and an ECDSA certificate side by side are a known way to serve old and new clients.
    """
    seen: dict[tuple[str, str, frozenset[str]], LocatedProfile] = {}
    for item in placed:
        profile = item.profile
        first = seen.setdefault((_device(item, firewalls), profile.key.type, frozenset(profile.sans.all)), item)
        if first is not item:
            what = f"orders the same names with the same type of key as profile {_other(first, item)}"
            findings.warnings.append(f"{item.name_at.path}: {what}; remove one of them unless both are meant")


def warn_of_open_tls(firewalls: dict[str, FirewallProfile | None], findings: Findings) -> None:
    """Warn of every firewall whose TLS certificate is not verified."""
    for profile in firewalls.values():
        if profile and profile.trust.off:
            what = f"{profile.title}: verify_tls is false, so anybody on the way can read its API key"
            findings.warnings.append(f"{what}; pin the certificate with sha256:… instead")
