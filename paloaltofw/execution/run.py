"""One run: all firewalls side by side, each one strict sequence."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from paloaltofw.clock import YieldingClock
from paloaltofw.execution.clients import ScmClientPool
from paloaltofw.execution.context import Run, Shared
from paloaltofw.execution.firewall_run import run_firewall
from paloaltofw.lifecycle.decision import Outcome
from paloaltofw.model.certificate_profile import CertificateProfile

# Firewalls that may be on the way at once, most of them waiting for a commit job or for issuance: a thread each.
MAX_THREADS = 1000
# On SCM's word alone a tenth of the certificates may be replaced in one run.
REVOCATION_SHARE = 10


def execute(run: Run, profiles: Sequence[CertificateProfile]) -> list[Outcome]:
    """Do (or, dry, plan) what is to be done for these profiles; outcomes in the order of the profiles."""
    by_firewall: dict[str, list[CertificateProfile]] = {}
    for profile in profiles:
        by_firewall.setdefault(profile.firewall, []).append(profile)
    outcomes = _side_by_side(run, by_firewall)
    order = {profile.id: index for index, profile in enumerate(profiles)}
    return sorted(outcomes, key=lambda outcome: order[outcome.profile])


def _side_by_side(run: Run, by_firewall: Mapping[str, Sequence[CertificateProfile]]) -> list[Outcome]:
    """All firewalls at once. `concurrency` of them are talked to; those that wait for something do not count.

    A firewall gets its thread only when there is a slot for it, so that a run with nothing to do needs few threads.
    """
    slots = threading.BoundedSemaphore(run.configuration.settings.concurrency)
    threads = threading.BoundedSemaphore(MAX_THREADS)
    run = replace(run, clock=YieldingClock(run.clock, slots))
    pool = ScmClientPool(run.configuration, run.clock)
    selected = sum(map(len, by_firewall.values()))
    used = {profile.firewall for profile in run.configuration.certificates.values()}
    in_use = {name: run.configuration.firewalls[name].urls for name in used if name in run.configuration.firewalls}
    shared = Shared(max(1, selected // REVOCATION_SHARE), in_use)

    def work_on(name: str) -> list[Outcome]:
        try:
            run.progress.begun(name)
            outcomes = run_firewall(run, run.configuration.firewalls[name], by_firewall[name], pool, shared)
            run.progress.finished(name, outcomes)
            return outcomes
        finally:
            slots.release()
            threads.release()

    futures = []
    try:
        with ThreadPoolExecutor(max_workers=min(MAX_THREADS, max(1, len(by_firewall)))) as executor:
            for name in by_firewall:
                threads.acquire()
                slots.acquire()
                futures.append(executor.submit(work_on, name))
        return [outcome for future in futures for outcome in future.result()]
    finally:
        pool.close()
