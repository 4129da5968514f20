"""type=commit, and validation (panos.md §9): whether a commit is accepted, and what is put into its job."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.administrators import Administrator
from paloaltofw.sandbox.panos.answers import (
    INVALID_COMMAND,
    SUCCESS,
    PanosError,
    Unauthorized,
    illegal,
    missing,
    parse_xml,
    success_lines,
    success_message,
    text_element,
)
from paloaltofw.sandbox.panos.commit_jobs import SAME_RESULT
from paloaltofw.sandbox.panos.commit_orders import CommitOrder, parse_commit
from paloaltofw.sandbox.panos.configuration import PendingChange
from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.switches import PanosSwitches, Right

NO_CHANGES = "There are no changes to commit."
# After a `load config` (panos.md §9); the wording is our own.
FULL_COMMIT = "A full commit is required; partial commit is not possible"
# Vendor clients match on the beginning of this text (panos.md §2).
BUSY = "Another commit/validate is in progress. Please try again later"


Parser = Callable[[Element, PanosSwitches], CommitOrder]


def answer_commit(
    firewall: Firewall, admin: Administrator, parameters: Mapping[str, str], parse: Parser = parse_commit
) -> Answer:
    """Answer a commit request."""
    admin.require(Right.COMMIT, is_change=True)
    order = _parse(firewall, parameters, parse)
    if order.is_validation:
        return validate(firewall, admin, order)
    if not admin.role.may_commit_for_others and set(order.admins or ("",)) != {admin.name}:
        raise Unauthorized
    firewall.locks.require_commit(admin.name)
    if firewall.happens("auto_commit_unfinished"):
        raise PanosError("Commit job was not queued since auto-commit not yet finished")
    if order.is_partial and firewall.is_full_commit_required:
        raise PanosError(FULL_COMMIT)
    if firewall.ha is not None:
        firewall.ha.require_idle(firewall)
    require_idle(firewall)
    takes_all = order.is_partial and firewall.switches.partial_commit_takes == "everything"
    changes = [change for change in firewall.configuration.pending() if takes_all or order.covers(change)]
    if not changes and not order.is_forced and not firewall.is_full_commit_required:
        return _no_changes(firewall, admin, order)
    return _enqueue(firewall, admin, order, changes)


def _parse(firewall: Firewall, parameters: Mapping[str, str], parse: Parser) -> CommitOrder:
    if not parameters.get("cmd"):
        raise missing("cmd")
    action = parameters.get("action", "")
    if action not in ("", "partial"):
        # `all` is for Panorama.
        raise illegal("action", action, ("partial",))
    order = parse(parse_xml(parameters["cmd"]), firewall.switches)
    if action == "partial" and not order.is_partial:
        raise PanosError(" commit is missing 'partial'", code=INVALID_COMMAND)
    return order


def validate(firewall: Firewall, admin: Administrator, order: CommitOrder) -> Answer:
    """Enqueue a validation of the candidate."""
    require_idle(firewall)
    changes = [change for change in firewall.configuration.pending() if order.covers(change)]
    return _enqueue(firewall, admin, order, changes)


def require_idle(firewall: Firewall) -> None:
    if firewall.jobs.is_busy and firewall.switches.busy_commit == "refuse":
        raise PanosError(BUSY, code=firewall.switches.busy_code)


def _no_changes(firewall: Firewall, admin: Administrator, order: CommitOrder) -> Answer:
    """The wording for partial commits is not confirmed."""
    form = firewall.switches.no_partial_changes if order.is_partial else "no_changes_msg"
    if form == "no_changes_msg":
        return success_message(NO_CHANGES, SUCCESS)
    if form == "same_result_msg":
        return success_message(SAME_RESULT, SUCCESS)
    if form == "same_result_error":
        raise PanosError(SAME_RESULT)
    return _enqueue(firewall, admin, order, [], SAME_RESULT)


def _enqueue(
    firewall: Firewall, admin: Administrator, order: CommitOrder, changes: list[PendingChange], *details: str
) -> Answer:
    content = firewall.configuration.snapshot([change.path for change in changes])
    job = firewall.jobs.enqueue(admin.name, order, content, firewall.clock.now())
    firewall.is_stumbling = not order.is_validation
    job.details.extend(details)
    job.owners = {change.path: change.admins for change in changes}
    job.foreign = tuple(sorted({name for change in changes for name in change.admins} - {admin.name}))
    what = "Validate" if order.is_validation else "Commit"
    number = text_element("job", str(job.id))
    return success_lines(f"{what} job enqueued with jobid {job.id}", code=SUCCESS, extra=[number])
