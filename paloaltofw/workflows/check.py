"""`check`: proves that each credential, permission and address works. Changes nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

from paloaltofw.clock import Clock
from paloaltofw.errors import AgentError, PlanBlocked
from paloaltofw.execution.clients import ScmClientPool, open_firewall
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.finding import Finding
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.settings import Configuration
from paloaltofw.panos.client import PanosClient
from paloaltofw.reporting.words import count
from paloaltofw.scm.client import ScmClient


def check_peers(configuration: Configuration, profiles: list[CertificateProfile], clock: Clock) -> Iterator[Finding]:
    """Check every firewall and SCM account that these profiles use."""
    for firewall in dict.fromkeys(profile.firewall for profile in profiles):
        bound = [profile for profile in profiles if profile.firewall == firewall]
        yield from _check_firewall(configuration, configuration.firewalls[firewall], bound, clock)
    pool = ScmClientPool(configuration, clock)
    try:
        for label in dict.fromkeys(profile.account for profile in profiles):
            yield from _check_account(pool(label), label)
    finally:
        pool.close()


def _check_account(client: ScmClient, label: str) -> Iterator[Finding]:
    subject = f"SCM account {label}"
    first = _prove(subject, "address and credentials", lambda: _token(client))
    yield first
    if first.is_ok:
        yield _prove(subject, "right to use the enrollment API", lambda: _enrollment(client))


def _token(client: ScmClient) -> str:
    client.prove_credentials()
    return "the token server gives a token"


def _enrollment(client: ScmClient) -> str:
    client.prove_right()
    return "granted"


def _check_firewall(
    configuration: Configuration, firewall: FirewallProfile, profiles: list[CertificateProfile], clock: Clock
) -> Iterator[Finding]:
    subject = firewall.title
    client = open_firewall(configuration, firewall, clock)
    try:
        first = _prove(subject, "address and API key", lambda: _version(client))
        yield first
        if not first.is_ok:
            return  # every further line would say the same
        yield _prove(subject, "administrator", lambda: _administrator(client, firewall))
        yield _prove(subject, "right to read the configuration", lambda: _certificates(client))
        yield _prove(subject, "right to operational requests", lambda: _operational(client))
        for kind in ("commit", "import", "export"):
            yield _prove(subject, f"right to {kind}", functools.partial(_right, client, kind))
        names = sorted({name for profile in profiles for name in profile.ssl_tls_service_profiles})
        if names:
            yield _prove(subject, "SSL/TLS service profiles", lambda: _service_profiles(client, names))
    finally:
        client.close()


def _prove(subject: str, name: str, proof: Callable[[], str]) -> Finding:
    try:
        return Finding(subject, name, True, proof())
    except AgentError as error:
        return Finding(subject, name, False, str(error))


def _version(client: PanosClient) -> str:
    info = client.version()
    if info.is_panorama:
        raise PlanBlocked(f"is a Panorama ({info.model})", remedy="name the firewall itself")
    return "; ".join([f"{info.model}, PAN-OS {info.version}, serial {info.serial}", *client.notes])


def _administrator(client: PanosClient, firewall: FirewallProfile) -> str:
    name = client.own_name()
    if name is None:
        return f"this release does not tell whose key it is; the profile says {firewall.admin}"
    if name != firewall.admin:
        remedy = "correct admin or api_key in the firewall profile"
        raise PlanBlocked(f"the API key belongs to {name}, the profile says {firewall.admin}", remedy=remedy)
    return f"the API key belongs to {name}"


def _certificates(client: PanosClient) -> str:
    return count(len(client.certificates()), "certificate entry", "certificate entries")


def _operational(client: PanosClient) -> str:
    locks = client.locks()
    if locks:
        return f"granted; {locks[0].owner} holds a {locks[0].kind} on {locks[0].scope}"
    return "granted; no locks"


def _right(client: PanosClient, kind: str) -> str:
    client.prove_right(kind)
    return "granted"


def _service_profiles(client: PanosClient, names: list[str]) -> str:
    there = client.service_profiles()
    missing = [name for name in names if name not in there]
    if missing:
        raise PlanBlocked(f"there is no {missing[0]}", remedy="create it, or correct bind in the profile")
    return ", ".join(f"{name} serves {there[name].certificate or 'nothing'}" for name in names)
