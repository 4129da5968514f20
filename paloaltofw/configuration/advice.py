"""What is allowed in the files and still cannot go well, or was never filled in: `check` warns of it.

An SCM account may issue from a private CA, for which names of an internal network are right: so nothing is refused.
"""

from __future__ import annotations

import ipaddress
import urllib.parse
from collections.abc import Iterable, Iterator

from paloaltofw.configuration.countries import unknown_country
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.settings import Configuration

# Top-level domains that are nobody's on the Internet: RFC 2606, 6761, 6762, 7686, 9476, ICANN's resolution on .internal
# (2024), and those that ICANN deferred because networks use them (corp, home, mail); the rest was never delegated.
_INTERNAL = frozenset(
    ["alt", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain", "localhost",
     "mail", "onion", "private", "test"]
)  # fmt: skip
_DOCUMENTATION = ("example.com", "example.net", "example.org")
_SAMPLE_ORGANIZATION = "Example Ltd"
_SAMPLE_ADDRESS = "192.0.2.10"


def advice(configuration: Configuration, profiles: Iterable[CertificateProfile]) -> list[str]:
    """A sentence for each doubtful value of the profiles, their firewalls and their accounts."""
    chosen = list(profiles)
    is_simulated = _is_loopback(configuration.settings.scm_url)
    found = []
    for profile in chosen:
        told = [*_of_names(profile, is_simulated), *_of_subject(profile, is_simulated), *_of_serve_check(profile)]
        found += [f"profile {profile.id}: {text}" for text in told]
    found += _of_samples(configuration, chosen)
    return [*found, *_of_accounts(chosen)]


def _of_names(profile: CertificateProfile, is_simulated: bool) -> Iterator[str]:
    for name in profile.sans.dns:
        what = _unissuable(name, is_simulated)
        if what:
            yield f"no public CA issues a certificate for {name}: {what}"
    for address in profile.sans.ip:
        if not ipaddress.ip_address(address).is_global:
            yield f"no public CA issues a certificate for {address}: the address is not a public one"


def _unissuable(name: str, is_simulated: bool) -> str:
    """Why a public CA cannot issue for a name (CA/Browser Forum, Baseline Requirements 4.2.2, 7.1.4.2.1)."""
    labels = name.removeprefix("*.").split(".")
    if len(labels) == 1:
        return "it is one label, a name of an internal network"
    if labels[-1] in _INTERNAL:
        return f".{labels[-1]} is not a domain of the Internet"
    if any("_" in label for label in labels):
        return "it holds an underscore"
    if not is_simulated and any(name == domain or name.endswith(f".{domain}") for domain in _DOCUMENTATION):
        return "the domain is reserved for documentation (RFC 2606); a value of the sample was left"
    return ""


def _of_subject(profile: CertificateProfile, is_simulated: bool) -> Iterator[str]:
    subject = profile.subject
    if subject.country is not None and (what := unknown_country(subject.country)):
        yield f"subject.country: {what}"
    if subject.organization == _SAMPLE_ORGANIZATION and not is_simulated:
        yield f"subject.organization: {_SAMPLE_ORGANIZATION!r} is the sample's; write your own"


def _of_serve_check(profile: CertificateProfile) -> Iterator[str]:
    check, names = profile.serve_check, {*profile.sans.dns, *profile.sans.ip}
    for endpoint in check.endpoints:
        # A wildcard stands for one label (RFC 6125 §6.4.3).
        if not names & {endpoint.name, f"*.{endpoint.name.partition('.')[2]}"}:
            yield f"serve_check: {endpoint.name} is not among the certificate's names"
    if check.on_wrong == "rollback" and not check.endpoints:
        yield "serve_check: on_wrong is rollback, but there are no endpoints, so nothing is asked"
    elif check.on_wrong == "rollback" and profile.renewal.key == "reuse":
        yield "serve_check: with renewal.key: reuse no predecessor is kept, so nothing can be rolled back"


def _of_samples(configuration: Configuration, profiles: list[CertificateProfile]) -> Iterator[str]:
    for name in dict.fromkeys(profile.firewall for profile in profiles):
        firewall = configuration.firewalls[name]
        if urllib.parse.urlsplit(firewall.url).hostname == _SAMPLE_ADDRESS:
            yield f"{firewall.title}: url is the sample's; write the address of your firewall"
    for label in dict.fromkeys(profile.account for profile in profiles):
        if configuration.accounts[label].client_id.endswith(("...", "…")):
            yield f"SCM account {label}: client_id is still the sample's placeholder; write your own"


def _of_accounts(profiles: list[CertificateProfile]) -> Iterator[str]:
    """Each SCM account issues one type (scm.md §2.1); its API does not tell which."""
    first: dict[str, CertificateProfile] = {}
    for profile in profiles:
        other = first.setdefault(profile.account, profile)
        if other.type != profile.type:
            what = f"{profile.type} from the account {profile.account}, and profile {other.id} {other.type}"
            yield f"profile {profile.id}: orders {what}; an SCM account issues one type, so one of them is wrong"


def _is_loopback(url: str) -> bool:
    try:
        return ipaddress.ip_address(urllib.parse.urlsplit(url).hostname or "").is_loopback
    except ValueError:
        return False
