"""The push: what a Panorama has committed goes to the firewalls, and what a firewall lacks is remembered.

The record is on the disk before the commit is sent, and goes when every firewall has what it is to have. So whatever
happens in between, the next run pushes; a push too many changes nothing on a firewall.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, AnswerLost, PeerError, PushFailed
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.jobs import bears_token, poll, with_token
from paloaltofw.execution.panorama_target import ensure_devices, ensure_stacks
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.steps import Push
from paloaltofw.model.panorama import ManagedDevice, PanoramaTarget, PushJob, TemplateStack
from paloaltofw.model.records import PushRecord
from paloaltofw.panos.panorama_client import PanoramaClient

NOT_LIMITED = (
    "this release cannot limit a push to one administrator's changes: what others had committed on Panorama and not "
    "pushed yet went along"
)


@dataclass
class _Round:
    """The push of one run. `done` and `failed` (with the reason) are serial numbers; `names` how they are told."""

    client: PanoramaClient
    target: PanoramaTarget
    record: PushRecord
    devices: dict[str, ManagedDevice] = field(default_factory=dict)
    is_connection_known: bool = False
    done: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def name(self, serial: str) -> str:
        """How a device is named to people."""
        device = self.devices.get(serial)
        return device.words if device else serial


def announce(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Before a Panorama is committed: what it will have, its devices lack. A failed commit leaves a push of nothing."""
    is_meant = any(task.is_open and task.step(Push) is not None for task in tasks)
    is_changed = context.has_changed or any(task.observed.unapplied for task in tasks)
    if is_meant and is_changed:
        earlier = context.store.load_push(context.firewall.id) or _new_record(context)
        context.store.save_push(replace(earlier, lacking=""))


def _new_record(context: Context) -> PushRecord:
    return PushRecord(context.firewall.id, format_time(context.clock.now()))


def push(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Push what is owed, and say what became of it on each device. Never a reason to order anything."""
    record = context.store.load_push(context.firewall.id)
    client, target = context.client, context.firewall.panorama
    told = [task for task in tasks if task.error is None]
    if record is None or not told or target is None or not isinstance(client, PanoramaClient):
        return
    for task in told:
        step = task.step(Push)
        if step is not None:
            context.progress.step(task.profile.id, context.firewall.id, step)
    made = _Round(client, target, record)
    try:
        _finish_earlier(context, made)
        _push_all(context, made)
        trouble: AgentError | None = _trouble(context, made)
    except AgentError as error:
        trouble = error
    told[0].notes += made.notes
    for task in told:
        task.trouble = task.trouble or trouble


def _push_all(context: Context, made: _Round) -> None:
    """Push each stack to what lacks it. `made` holds what became of it; raises what stops all of it."""
    where = context.firewall.title
    stacks = ensure_stacks(made.target, made.client.template_stacks(), where)
    _look_at_devices(made)
    asked = ensure_devices(made.target, stacks, where)
    lacking = set(made.record.lacking.split("\n")) - {""}
    owed = {serial for serial in asked if (not lacking or serial in lacking) and serial not in made.done}
    made.failed = {serial: "is not connected" for serial in owed if _is_away(made, serial)}
    _remember(context, made, owed)
    for stack in stacks:
        wanted = (owed & stack.devices) - made.failed.keys() - made.done
        if wanted:
            _push_stack(context, made, stack, wanted)
            _remember(context, made, owed)
    if owed <= made.done:
        context.store.remove_push(context.firewall.id)


def _remember(context: Context, made: _Round, owed: Collection[str]) -> None:
    """Which devices lack it still. An empty list would mean all of them, so it is not written for none."""
    lacking = sorted(set(owed) - made.done)
    if lacking:
        made.record = replace(made.record, lacking="\n".join(lacking))
        context.store.save_push(made.record)


# --- whom --------------------------------------------------------------------------------------------------------


def _look_at_devices(made: _Round) -> None:
    """Names and connections; where they cannot be had, the push itself tells."""
    try:
        made.devices = {device.serial: device for device in made.client.managed_devices()}
        made.is_connection_known = True
    except PeerError as error:
        events.info("the managed devices are not known: %s", error)


def _is_away(made: _Round, serial: str) -> bool:
    device = made.devices.get(serial)
    return made.is_connection_known and (device is None or not device.is_connected)


# --- one stack ---------------------------------------------------------------------------------------------------


def _push_stack(context: Context, made: _Round, stack: TemplateStack, wanted: set[str]) -> None:
    """Push one stack and follow its job to the end of all of its devices."""
    # Named one by one unless it is for all: a device that is away could have the whole push refused.
    devices = set() if wanted == stack.devices else wanted
    description = with_token(context.firewall.commit_description)
    made.record = replace(made.record, stack=stack.name, description=description, job_id=None)
    context.store.save_push(made.record)
    # "Nothing to push" is an answer without a job: before it is believed, the jobs are asked too.
    job_id = _send(context, made, stack, devices) or _find(made)
    if job_id is None:
        events.info("firewall=%s nothing to push to %s", context.firewall.id, stack.name)
        made.done |= wanted
        _forget_job(context, made)
        return
    made.record = replace(made.record, job_id=job_id)
    context.store.save_push(made.record)
    events.info("firewall=%s push job %s of %s enqueued", context.firewall.id, job_id, stack.name)
    _settle(context, made, _follow(context, made.client, job_id), wanted)


def _send(context: Context, made: _Round, stack: TemplateStack, devices: Collection[str]) -> str | None:
    admin, description = context.firewall.admin, made.record.description
    try:
        job_id, is_limited = context.change(lambda: made.client.push(stack.name, description, admin, devices))
    except AnswerLost:
        job_id = _find(made)
        if job_id is None:
            raise
        return job_id
    except PeerError:
        _forget_job(context, made)  # refused: nothing was enqueued
        raise
    if not is_limited and NOT_LIMITED not in made.notes:
        made.notes.append(NOT_LIMITED)
    return job_id


def _find(made: _Round) -> str | None:
    """The job of a push whose answer was lost, by the token at the end of its description."""
    wanted = made.record.description
    return next((job.id for job in made.client.push_jobs() if bears_token(job.description, wanted)), None)


def _finish_earlier(context: Context, made: _Round) -> None:
    """A push that an earlier run sent and did not see end. Where it is not found, it is simply made again."""
    if not made.record.stack:
        return
    job_id = made.record.job_id or _find(made)
    if job_id is not None:
        events.info("firewall=%s push job %s of an earlier run is followed", context.firewall.id, job_id)
        job = _follow(context, made.client, job_id)
        # Its devices are believed only where it brought what is owed now: `announce` empties the list for new work.
        if job is not None and job.is_over and made.record.lacking:
            made.done |= {device.serial for device in job.devices if device.result == "OK"}
    _forget_job(context, made)


def _forget_job(context: Context, made: _Round) -> None:
    made.record = replace(made.record, stack="", description="", job_id=None)
    context.store.save_push(made.record)


def _settle(context: Context, made: _Round, job: PushJob | None, wanted: Collection[str]) -> None:
    """Note what became of each device: only the word OK of its own is a success."""
    results = {device.serial: device for device in job.devices} if job is not None else {}
    for serial in sorted(wanted):
        part = results.get(serial)
        if part is None:
            made.failed[serial] = "is not named in the result of the push"
        elif part.result == "OK":
            made.done.add(serial)
        elif part.result == "PEND":
            made.failed[serial] = f"has not ended after {context.firewall.commit_timeout:g} s"
        else:
            made.failed[serial] = f"refused it: {part.details or 'no reason'}"
    if job is None or job.is_over:
        _forget_job(context, made)


def _follow(context: Context, client: PanoramaClient, job_id: str) -> PushJob | None:
    """Poll until the job and all of its devices have ended, or the commit's time is over; None if it is not known."""
    return poll(context, job_id, "push", client.push_job, lambda job: job.is_over)


# --- what is said ------------------------------------------------------------------------------------------------


def _trouble(context: Context, made: _Round) -> PushFailed | None:
    made.notes += list(_words(made))
    if not made.failed:
        return None
    reasons = ", ".join(f"{made.name(serial)} {reason}" for serial, reason in sorted(made.failed.items()))
    remedy = "Panorama has the certificate; the next run pushes again to what lacks it"
    return PushFailed(f"not pushed to every device: {reasons}", context.firewall.title, remedy)


def _words(made: _Round) -> Iterator[str]:
    if made.done:
        yield f"pushed to {', '.join(made.name(serial) for serial in sorted(made.done))}"
