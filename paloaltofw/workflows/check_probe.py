"""What `check` makes of probes: it removes what a killed one has left, and tells what the newest report means."""

from __future__ import annotations

from collections.abc import Iterator

from paloaltofw.clock import Clock
from paloaltofw.errors import LockHeld, PeerError, PlanBlocked
from paloaltofw.execution.clients import open_firewall_as
from paloaltofw.execution.probe_questions import fact_of
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.finding import Finding
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.probe_report import KeptReport
from paloaltofw.model.settings import Configuration
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.probing import ProbeClient
from paloaltofw.panos.sanitizing import release
from paloaltofw.reporting.words import count
from paloaltofw.storage.probe_reports import kept_report
from paloaltofw.storage.store import Store
from paloaltofw.workflows.probe import finish_an_earlier_probe

NAME = "probe"


def finish_probe(configuration: Configuration, firewall: FirewallProfile, clock: Clock) -> str:
    """Remove what a probe that was killed has left: the one thing that `check` changes. Raises PlanBlocked."""
    store = Store(configuration.settings.state)
    try:
        with store.lock():
            client = open_firewall_as(ProbeClient, configuration, firewall, clock)
            try:
                cleaned = finish_an_earlier_probe(store, client, firewall)
            finally:
                client.close()
    except LockHeld:
        return "a run or a probe is at work, so its entries may be there"
    if cleaned is None:
        return "it has ended by now"
    if cleaned.left:
        raise PlanBlocked("; ".join(cleaned.left))
    gone = count(len(cleaned.removed), "entry", "entries")
    return f"one did not come to its end: {gone} of it removed, nothing is left"


def is_unfinished(configuration: Configuration, firewall: FirewallProfile) -> bool:
    """Whether a probe was begun and not seen to end; also where nobody can tell."""
    return Store(configuration.settings.state).has_probe(firewall.id)


def learned(
    configuration: Configuration, firewall: FirewallProfile, client: PanosClient, profiles: list[CertificateProfile]
) -> Iterator[Finding]:
    """What the newest report means for this firewall and these profiles; nothing where there is none."""
    kept = kept_report(Store(configuration.settings.state), firewall.id)
    if kept is None:
        return
    try:
        now = release(client.version().version)
    except PeerError:
        return  # it answered a moment ago; what ails it is told elsewhere
    then = f"probed on {kept.taken_at[:10]} under PAN-OS {kept.report.sw_version}"
    is_stale = now != kept.report.sw_version
    text = f"{then}; it is {now} by now: run probe again" if is_stale else then
    yield Finding(firewall.title, NAME, True, "; ".join([text, *_consequences(kept, firewall)]))
    for profile in profiles:
        for trouble in _troubles(kept, profile):
            remedy = "run probe again" if is_stale else _REMEDY
            yield Finding(
                f"profile {profile.id}", NAME, is_stale, f"{firewall.id} {trouble} when it was {then}; {remedy}"
            )


_REMEDY = "change the profile, or run probe again if the device was changed"


def _consequences(kept: KeptReport, firewall: FirewallProfile) -> Iterator[str]:
    """What of the answers the agent depends on, in words."""
    answer = kept.report.answer
    if answer("private_key_hidden_from") == "everybody":
        yield "keys are not visible to this administrator, so the agent asks for them by export"
    if answer("csr_hidden_from") == "everybody" and answer("csr_export") == "no":
        yield "a CSR is neither shown nor exported to this administrator: nothing can be ordered before that is changed"
    if answer("bundle") == "leaf_only" and firewall.chain == "bundle":
        yield "of a bundle only the leaf is stored: set chain: separate"
    if answer("keyless_import") == "refused" and firewall.chain == "separate":
        yield "certificates of CAs are refused as entries of their own: set chain: bundle"


def _troubles(kept: KeptReport, profile: CertificateProfile) -> Iterator[str]:
    """What a profile asks for, and the device refused."""
    if kept.report.answer(fact_of(profile.key)) == "refused":
        yield f"refused a key of {profile.key}, which the profile asks for,"
    if profile.sans.email and kept.report.answer("alt_email") in ("unexpected", "ignored"):
        yield "did not take an e-mail address as an alternative name, which the profile asks for,"
