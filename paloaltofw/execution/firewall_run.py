"""The strict sequence for one firewall: plan, act, report. One certificate's failure never stops another's."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from paloaltofw.errors import AgentError
from paloaltofw.execution.acting import carry_out
from paloaltofw.execution.clients import ScmClientPool, open_firewall
from paloaltofw.execution.context import Context, Run, Shared, events
from paloaltofw.execution.hooks import run_hooks
from paloaltofw.execution.outcomes import dry_outcome, final_outcome, unexpected, unknown_outcome
from paloaltofw.execution.planning import plan
from paloaltofw.execution.units import choose_unit
from paloaltofw.lifecycle.decision import Outcome
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.storage.store import Store

log = logging.getLogger(__name__)


def run_firewall(
    run: Run,
    firewall: FirewallProfile,
    profiles: Sequence[CertificateProfile],
    pool: ScmClientPool,
    shared: Shared,
) -> list[Outcome]:
    """Do what is to be done for the certificates of one firewall; whatever fails becomes part of an outcome."""
    context = _context(run, firewall, pool, shared)
    try:
        with shared.alone_on(firewall, run.clock):
            return _work(context, run, profiles)
    except AgentError as error:
        place = "" if firewall.title in str(error) or firewall.pair_title in str(error) else f"firewall={firewall.id} "
        events.error("%s%s", place, error, extra={"firewall": firewall.id})
        return [unknown_outcome(context, profile, error) for profile in profiles]
    except Exception as error:
        # A flaw of ours on one firewall must not keep the others from being done.
        log.exception("unexpected failure on firewall %s", firewall.id)
        wrapped = unexpected(error, firewall.title)
        return [unknown_outcome(context, profile, wrapped) for profile in profiles]
    finally:
        context.client.close()
        if context.peer is not None:
            context.peer.close()


def _context(run: Run, firewall: FirewallProfile, pool: ScmClientPool, shared: Shared) -> Context:
    return Context(
        settings=run.configuration.settings,
        firewall=firewall,
        client=open_firewall(run.configuration, firewall, run.clock),
        peer=open_firewall(run.configuration, firewall.other_unit(), run.clock) if firewall.ha_peer else None,
        first_url=firewall.url,
        scm=pool,
        shared=shared,
        store=Store(run.configuration.settings.state),
        clock=run.clock,
        progress=run.progress,
        wait=run.wait,
        busy_budget=firewall.busy_wait,
        certificate_names=frozenset(
            profile.name for profile in run.configuration.certificates.values() if profile.firewall == firewall.id
        ),
    )


def _work(context: Context, run: Run, profiles: Sequence[CertificateProfile]) -> list[Outcome]:
    choose_unit(context)
    tasks = plan(context, run, profiles)
    owed = [task for task in tasks if task.decision.steps or task.decision.waits_for]
    if owed and not run.is_dry:
        carry_out(context, owed)
    if not run.is_dry:
        run_hooks(context, tasks)
    if tasks:
        tasks[0].device_failure = tasks[0].device_failure or context.lock_trouble
        tasks[0].notes.extend([*context.notes, *context.client.notes])
    if run.is_dry:
        return [dry_outcome(context, task) for task in tasks]
    return [final_outcome(context, task) for task in tasks]
