"""What each firewall and each certificate of a run waits for, and since when: the data of the live view."""

from __future__ import annotations

import datetime
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paloaltofw.clock import UTC, parse_time
from paloaltofw.lifecycle.decision import State
from paloaltofw.lifecycle.steps import Step
from paloaltofw.reporting.groups import group_of, word_of
from paloaltofw.reporting.words import age_text, count, elapsed_text

if TYPE_CHECKING:
    from paloaltofw.lifecycle.decision import Outcome

READING = "reading the firewall"
QUEUED = "not begun"
# A certificate that nothing was done for so far, while its firewall is at work.
IDLE = "–"


@dataclass(frozen=True)
class Row:
    """One line of the live view. `percent`: of a commit, in the firewall's first line; `group`: how it ended."""

    firewall: str
    certificate: str
    text: str
    since: str
    percent: int | None = None
    group: str = ""


@dataclass
class _Certificate:
    name: str
    text: str = ""
    since: float = 0.0
    outcome: Outcome | None = None


@dataclass
class _Firewall:
    """`job` is the commit job that is followed; `waits` is what holds all of its certificates up."""

    name: str
    certificates: dict[str, _Certificate]
    begun: float | None = None
    is_finished: bool = False
    waits: str = ""
    since: float = 0.0
    job: str = ""
    percent: int | None = None


class Activity:
    """How far a run is. It is told by the threads of all firewalls, and read by the one that draws."""

    def __init__(
        self, certificates: Mapping[str, Sequence[str]], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._monotonic = monotonic
        self._started = monotonic()
        self._started_at = datetime.datetime.now(UTC).replace(microsecond=0)
        self._jobs: set[tuple[str, str]] = set()
        self._lock = threading.RLock()
        self._firewalls = {
            firewall: _Firewall(firewall, {name: _Certificate(name) for name in names})
            for firewall, names in certificates.items()
        }

    def begun(self, firewall: str) -> None:
        """A firewall's turn has come."""
        with self._lock:
            self._firewalls[firewall].begun = self._monotonic()

    def step(self, profile: str, firewall: str, step: Step) -> None:
        """A step begins; what held the firewall up is over."""
        with self._lock:
            place, now = self._firewalls[firewall], self._monotonic()
            place.waits, place.job, place.percent = "", "", None
            certificate = place.certificates[profile]
            certificate.text, certificate.since = step.words, now

    def waiting(self, firewall: str, text: str) -> None:
        """Something takes time, since the same text was told first."""
        with self._lock:
            self._wait(self._firewalls[firewall], text)

    def committing(self, firewall: str, job_id: str, percent: int) -> None:
        """A commit job was sent, or is that far."""
        with self._lock:
            place = self._firewalls[firewall]
            self._jobs.add((firewall, job_id))
            if place.job != job_id:
                place.job, place.since = job_id, self._monotonic()
            place.waits, place.percent = f"commit job {job_id}", percent

    def finished(self, firewall: str, outcomes: Sequence[Outcome]) -> None:
        """A firewall's certificates are done."""
        with self._lock:
            place = self._firewalls[firewall]
            place.is_finished, place.waits, place.percent = True, "", None
            for outcome in outcomes:
                place.certificates[outcome.profile].outcome = outcome

    def _wait(self, place: _Firewall, text: str) -> None:
        # While a commit goes on, a poll that fails tells why; the wait is the same.
        if place.waits != text and not place.job:
            place.since = self._monotonic()
        place.waits = text

    def rows(self, room: int) -> list[Row]:
        """The lines that fit: what is at work first, then what failed, is pending, is done, was not begun."""
        with self._lock:
            places = sorted(self._firewalls.values(), key=_rank)
            found: list[Row] = []
            for place in places:
                if len(found) >= room:
                    break
                found += self._rows_of(place)
            return found[:room]

    def _rows_of(self, place: _Firewall) -> list[Row]:
        rows = []
        for number, certificate in enumerate(place.certificates.values()):
            title = place.name if number == 0 else ""
            percent = place.percent if number == 0 else None
            text, since = self._present(place, certificate)
            group = group_of(certificate.outcome) if certificate.outcome else ""
            rows.append(Row(title, certificate.name, text, since, percent, group))
        return rows

    def _present(self, place: _Firewall, certificate: _Certificate) -> tuple[str, str]:
        """What a certificate waits for, and since when."""
        if certificate.outcome is not None:
            return _ending(certificate.outcome)
        if place.begun is None:
            return QUEUED, ""
        is_first = next(iter(place.certificates.values())) is certificate
        if place.waits and (certificate.text or is_first):
            return place.waits, self._age(place.since)
        if certificate.text:
            return certificate.text, self._age(certificate.since)
        is_acting = any(other.text for other in place.certificates.values())
        return (IDLE, "") if is_acting else (READING, self._age(place.begun))

    def _age(self, since: float) -> str:
        return elapsed_text(self._monotonic() - since)

    def summary(self) -> str:
        """`2 of 5 firewalls done, 3 at work, 4 in order, 1 failed, 0:12`; the closing one tells orders and commits."""
        with self._lock:
            places = list(self._firewalls.values())
            done = sum(place.is_finished for place in places)
            working = sum(place.begun is not None and not place.is_finished for place in places)
            outcomes = [item.outcome for place in places for item in place.certificates.values() if item.outcome]
            jobs = len(self._jobs)
        orders = sum(parse_time(outcome.ordered_at or "") >= self._started_at for outcome in outcomes)
        groups = Counter(group_of(outcome) for outcome in outcomes)
        counted = [f"{number} {word_of(group)}" for group, number in groups.most_common()]
        if done < len(places):
            parts = [f"{done} of {count(len(places), 'firewall')} done", *([f"{working} at work"] if working else [])]
        else:
            parts = [f"{count(done, 'firewall')} done", count(orders, "order"), count(jobs, "commit")]
        return ", ".join([*parts, *counted, self._age(self._started)])


def _rank(place: _Firewall) -> tuple[int, float]:
    """At work, the one that waits longest first; failed; pending; done; not begun."""
    if place.begun is None:
        return 4, 0.0
    if not place.is_finished:
        return 0, place.begun
    groups = {group_of(item.outcome) for item in place.certificates.values() if item.outcome}
    if groups <= {State.VALID.value}:
        return 3, -place.begun
    return (2 if groups <= {State.PENDING.value, State.VALID.value} else 1), place.begun


def _ending(outcome: Outcome) -> tuple[str, str]:
    """How a certificate ended; an order that is left pending waits since it was made."""
    if outcome.error is not None:
        return f"failed: {outcome.error}", ""
    if outcome.state is not State.PENDING:
        return word_of(outcome.state.value), ""
    age = age_text(datetime.datetime.now(UTC) - parse_time(outcome.ordered_at)) if outcome.ordered_at else ""
    return f"pending, waits for {outcome.waits_for or 'SCM'}", age
