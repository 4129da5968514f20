"""What there is to tell of a run: troubles, which stay until they are over, and certificates that came into service."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from paloaltofw.errors import AgentError
from paloaltofw.lifecycle.decision import Outcome, State
from paloaltofw.lifecycle.renewal_window import URGENT_SHARE

FAILURE, URGENT, SUCCESS = "failure", "urgent", "success"
# The failures of an order that waits too long: whoever is told of either occasion is told of them.
_URGENT_CODES = ("urgent", "pending")
# Stands for the run as a whole, where others have the name of a profile.
WHOLE_RUN = ""


@dataclass(frozen=True)
class Trouble:
    """One trouble of one or more profiles: a firewall that is down is one, however many certificates it holds."""

    profiles: tuple[str, ...]
    code: str
    occasions: frozenset[str]
    place: str
    text: str


def troubles_of(outcomes: Sequence[Outcome], now: datetime.datetime) -> list[Trouble]:
    """Every trouble that a run left behind."""
    return [*_failures(outcomes), *_urgent(outcomes, now)]


def trouble_of_run(error: Exception) -> Trouble:
    """A run that has ended before it worked on any certificate."""
    if isinstance(error, AgentError):
        return Trouble((WHOLE_RUN,), error.code, frozenset({FAILURE}), "", str(error))
    what = f"unexpected {type(error).__name__}; run it again with --debug and report it"
    return Trouble((WHOLE_RUN,), "error", frozenset({FAILURE}), "", what)


def _failures(outcomes: Sequence[Outcome]) -> Iterator[Trouble]:
    groups: dict[int, list[Outcome]] = {}
    for outcome in outcomes:
        if outcome.error is not None:
            groups.setdefault(id(outcome.error), []).append(outcome)
    for group in groups.values():
        first = group[0]
        if first.error is None:
            continue
        code = first.error.code
        occasions = {FAILURE, URGENT} if code in _URGENT_CODES else {FAILURE}
        names = tuple(outcome.profile for outcome in group)
        yield Trouble(names, code, frozenset(occasions), first.firewall_title, str(first.error))


def _urgent(outcomes: Sequence[Outcome], now: datetime.datetime) -> Iterator[Trouble]:
    """Certificates that serve in their last days, whatever keeps them from being renewed."""
    for outcome in outcomes:
        certificate = outcome.certificate
        is_told = outcome.error is not None and outcome.error.code in _URGENT_CODES
        if certificate is None or outcome.is_new or is_told:
            continue
        is_over = outcome.state in (State.EXPIRED, State.REVOKED)
        if is_over or now >= certificate.not_after - certificate.lifetime / URGENT_SHARE:
            days = (certificate.not_after - now).days
            when = f"expires in {days} days, on" if days >= 0 else f"expired {-days} days ago, on"
            state = "is revoked; it " if outcome.state is State.REVOKED else ""
            text = f"the certificate in service {state}{when} {certificate.not_after:%Y-%m-%d}: {outcome.reason}"
            yield Trouble((outcome.profile,), "urgent", frozenset({URGENT}), outcome.firewall, text)


def successes_of(outcomes: Sequence[Outcome]) -> list[str]:
    """One line for each certificate that came into service."""
    return [
        f"{outcome.profile} on {outcome.firewall}: in service as {outcome.entry} until "
        f"{outcome.certificate.not_after:%Y-%m-%d}, serial {outcome.certificate.serial}"
        for outcome in outcomes
        if outcome.is_new and outcome.certificate is not None
    ]
