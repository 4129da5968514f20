"""The plan of a dry run: how much it is, then every step of every certificate."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from paloaltofw.lifecycle.steps import Collect, Commit, Step, SubmitOrder
from paloaltofw.reporting.failure_lines import failure_line
from paloaltofw.reporting.words import count

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome
    from paloaltofw.model.certificate_profile import CertificateProfile

# A question lists so many orders by name; a plan lists all of them.
MOST_LISTED = 12


def plan(outcomes: Sequence[Outcome], profiles: Iterable[CertificateProfile]) -> str:
    """Every step that would be taken, for a dry run."""
    by_name = {profile.id: profile for profile in profiles}
    lines = [f"Plan: {summary(outcomes)}"]
    return "\n".join([*lines, *(line for outcome in outcomes for line in _plan_lines(outcome, by_name))])


def summary(outcomes: Sequence[Outcome]) -> str:
    """`2 to order, 1 to install, 2 commits on 2 firewalls`, and what fails or is left alone."""
    ordered, collected, installed = (list(filter(kind, outcomes)) for kind in (_is_order, _is_collected, _is_installed))
    committed = {outcome.firewall for outcome in outcomes if _has(outcome, Commit)}
    parts = [
        f"{len(found)} to {what}"
        for found, what in ((ordered, "order"), (collected, "collect"), (installed, "install"))
        if found
    ]
    if committed:
        # One commit takes all of a firewall's certificates.
        parts.append(f"{count(len(committed), 'commit')} on {count(len(committed), 'firewall')}")
    failed = sum(outcome.error is not None for outcome in outcomes)
    left = sum(outcome.error is None and not outcome.steps for outcome in outcomes)
    parts += [f"{number} {what}" for number, what in ((failed, "failed"), (left, "with nothing to do")) if number]
    return ", ".join(parts) or "nothing to do"


def question(outcomes: Sequence[Outcome], profiles: Iterable[CertificateProfile]) -> list[str]:
    """What a person should know before an answer: how many orders on how many firewalls, and for which names."""
    by_name = {profile.id: profile for profile in profiles}
    ordered = list(filter(_is_order, outcomes))
    firewalls = len({outcome.firewall for outcome in ordered})
    made = f"{count(len(ordered), 'order')} on {count(firewalls, 'firewall')}:" if ordered else "no order"
    lines = [f"This makes {made}"]
    lines += [f"  {_title(outcome)}: {_names(by_name[outcome.profile])}" for outcome in ordered[:MOST_LISTED]]
    if len(ordered) > MOST_LISTED:
        lines.append(f"  and {len(ordered) - MOST_LISTED} more; --dry-run shows all")
    unknown = [outcome for outcome in outcomes if outcome.error is not None]
    if unknown:
        lines.append(f"and perhaps {len(unknown)} more:")
        lines += [f"  {failure_line(outcome)}" for outcome in unknown[:MOST_LISTED]]
    return lines


def _has(outcome: Outcome, kind: type[Step]) -> bool:
    return any(isinstance(step, kind) for step in outcome.steps)


def _is_order(outcome: Outcome) -> bool:
    return _has(outcome, SubmitOrder)


def _is_collected(outcome: Outcome) -> bool:
    return _has(outcome, Collect) and not _is_order(outcome)


def _is_installed(outcome: Outcome) -> bool:
    """What is in hand already: it is installed, bound or only committed."""
    return bool(outcome.steps) and not _has(outcome, Collect) and not _is_order(outcome)


def _title(outcome: Outcome) -> str:
    return f"{outcome.profile} on {outcome.firewall}"


def _names(profile: CertificateProfile) -> str:
    common_name = profile.subject.common_name
    return ", ".join(dict.fromkeys((common_name, *profile.sans.all)))


def _plan_lines(outcome: Outcome, profiles: Mapping[str, CertificateProfile]) -> Iterator[str]:
    yield f"{_title(outcome)}: {outcome.reason}"
    if outcome.steps:
        yield f"     names: {_names(profiles[outcome.profile])}"
    for number, step in enumerate(outcome.steps, start=1):
        yield f"  {number:2} {step.words}: {step}"
    if not outcome.steps:
        yield "   - nothing to do" if outcome.error is None else f"   - {failure_line(outcome)}"
    yield from (f"     note: {note}" for note in outcome.notes)
