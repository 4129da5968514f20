"""The last questions of a probe, when all its entries are deleted again: there is nothing of its own to commit."""

from __future__ import annotations

from paloaltofw.execution.probe_bench import Bench, CannotAsk, Heard, Question, element_text, judged, said
from paloaltofw.model.probe_report import NOT_ASKED, UNCLEAR
from paloaltofw.panos.answers import read_changes
from paloaltofw.panos.probing import Reply

# How long a validation is waited for.
_VALIDATE_SECONDS, _POLL_SECONDS = 45.0, 3.0


def _net_zero_changes(bench: Bench) -> Heard:
    if bench.net_zero is None:
        raise CannotAsk("the list of changes shows none of its own")
    return Heard("listed" if bench.net_zero else "forgotten")


def _validate_partial(bench: Bench) -> Heard:
    reply = _waited_for(bench, bench.client.attempt_validate_alone(bench.admin))
    return judged(reply, "accepted", "unexpected")


def _commit_description(bench: Bench) -> Heard:
    """Validations of changes that do not exist: whatever the device makes of the command, there is nothing to commit.

    The place beside `validate` is asked for only where nobody at all has uncommitted changes.
    """
    partial_ = _validated(bench, "partial")
    if read_changes(_need_success(bench.client.list_of_changes()).result):
        return Heard(NOT_ASKED, partial_.text, "somebody has uncommitted changes")
    direct = _validated(bench, "direct")
    words = f"inside: {said(partial_)}; beside: {said(direct)}"
    if (partial_.is_refusal or direct.is_refusal) and not _validated(bench, "").is_success:
        return Heard(NOT_ASKED, words, "without a description it is refused too")
    if not all(reply.is_success or reply.is_refusal for reply in (partial_, direct)):
        return Heard(UNCLEAR, words)
    positions = {(True, True): "both", (False, True): "direct_only", (True, False): "partial_only"}
    return Heard(positions.get((partial_.is_success, direct.is_success), "refused"), words)


def _need_success(reply: Reply) -> Reply:
    if not reply.is_success:
        raise CannotAsk("the list of changes cannot be read")
    return reply


def _validated(bench: Bench, place: str) -> Reply:
    return _waited_for(bench, bench.client.attempt_validate(bench.admin, place))


def _waited_for(bench: Bench, reply: Reply) -> Reply:
    """The answer to a validation, when its job has ended: it would keep the next one away."""
    number = element_text(reply, "job")
    end = bench.clock.monotonic() + _VALIDATE_SECONDS
    while number and number.isdigit() and bench.clock.monotonic() < end:
        job = bench.client.job(number)
        if job is None or job.is_finished:
            break
        bench.clock.sleep(_POLL_SECONDS)
    return reply


CLOSING: tuple[Question, ...] = (
    Question(
        "net_zero_changes", "Is what was made and deleted again still listed?", _net_zero_changes,
        ("forgotten", "listed"),
    ),
    Question(
        "validate_partial", "Can one administrator's changes be validated alone?", _validate_partial,
        ("unexpected", "accepted"),
    ),
    Question(
        "commit_description", "Where is a description accepted?", _commit_description,
        ("both", "direct_only", "partial_only", "refused"),
    ),
)  # fmt: skip
