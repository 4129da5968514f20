"""Commit and validation jobs (panos.md §9). Their progress is a function of the time alone; nothing runs meanwhile."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import text_element
from paloaltofw.sandbox.panos.commit_orders import CommitOrder
from paloaltofw.sandbox.panos.configuration import Configuration, Objects
from paloaltofw.sandbox.panos.references import dangling, nameless, not_valid
from paloaltofw.sandbox.panos.xpath import Xpath, to_text

SAME_RESULT = (
    "The result of this commit would be the same as the previous commit/validate. No edits made to the configuration."
)


@dataclass(frozen=True)
class CommitRecord:
    """A commit as an observer sees it. `result` is PEND until the job ends, then OK or FAIL, or LOST by a reboot.

    `foreign`: the other administrators whose changes are in it.
    """

    job_id: int
    admin: str
    admins: tuple[str, ...] | None
    description: str
    objects: tuple[str, ...]
    result: str
    foreign: tuple[str, ...] = ()


@dataclass
class Job:
    """One job. `changes` is what the candidate held when it was enqueued; `sequence` the last change of then."""

    id: int
    admin: str
    order: CommitOrder
    changes: Objects
    sequence: int
    enqueued: datetime.datetime
    start: datetime.datetime
    end: datetime.datetime
    result: str = "PEND"
    details: list[str] = field(default_factory=list)
    # Who had changed what it commits.
    owners: Mapping[Xpath, tuple[str, ...]] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        return "Validate" if self.order.is_validation else "Commit"

    @property
    def record(self) -> CommitRecord:
        paths = tuple(to_text(path) for path in self.changes)
        return CommitRecord(
            self.id, self.admin, self.order.admins, self.order.description, paths, self.result, self.foreign
        )

    @property
    def is_open(self) -> bool:
        return self.result == "PEND"

    @property
    def is_commit(self) -> bool:
        """Whether its success changes the running configuration of the device itself."""
        return not self.order.is_validation

    def finish(self, jobs: Jobs) -> None:
        """Do what it is there for."""
        jobs.carry_out(self)

    def describe(self, element: Element) -> None:
        """Add what only jobs of this kind tell."""

    def progress(self, now: datetime.datetime) -> int:
        """Percent done: 0 to 99 until the job ends."""
        if not self.is_open:
            return 100
        duration = (self.end - self.start).total_seconds()
        passed = (now - self.start).total_seconds()
        return max(0, min(99, int(99 * passed / duration))) if duration > 0 else 0


class Jobs:
    """The job queue of one firewall."""

    def __init__(
        self, configuration: Configuration, seconds: float, nameless_fails: bool = True, first_id: int = 2
    ) -> None:
        self._configuration = configuration
        self._seconds = seconds
        self._nameless_fails = nameless_fails
        self._next_id = first_id
        self.all: list[Job] = []
        # What else makes a configuration invalid on this firewall: gives message lines.
        self.objections: list[Callable[[Element], list[str]]] = []

    @property
    def is_busy(self) -> bool:
        return any(job.is_open for job in self.all)

    def get(self, job_id: int) -> Job | None:
        return next((job for job in self.all if job.id == job_id and job.result != "LOST"), None)

    def enqueue(self, admin: str, order: CommitOrder, changes: Objects, now: datetime.datetime) -> Job:
        """Add a job; it starts when those before it have ended."""
        start = self.free_from(now)
        end = start + datetime.timedelta(seconds=self._seconds)
        return self.add(Job(self.next_id(), admin, order, changes, self._configuration.sequence, now, start, end))

    def next_id(self) -> int:
        """The number of the next job."""
        self._next_id += 1
        return self._next_id - 1

    def free_from(self, now: datetime.datetime) -> datetime.datetime:
        """When the jobs that there are will have ended."""
        return max([now, *(job.end for job in self.all if job.is_open)])

    def add(self, job: Job) -> Job:
        """Add a job of any kind."""
        self.all.append(job)
        return job

    def settle(self, now: datetime.datetime) -> list[Job]:
        """Carry out the jobs whose time is over, in order; gives them."""
        ended = [job for job in self.all if job.is_open and job.end <= now]
        for job in ended:
            job.finish(self)
        return ended

    def carry_out(self, job: Job) -> None:
        """Commit or validate."""
        running = self._configuration.running_with(job.changes)
        # An invalid candidate makes everybody's commits fail, whatever part is to be committed (panos.md §9).
        broken = list(dict.fromkeys(self.broken(running) + self.broken(self._configuration.candidate)))
        if broken:
            job.result = "FAIL"
            job.details += [*broken, "Validation failed" if job.order.is_validation else "Commit failed"]
            return
        job.result = "OK"
        if job.order.is_validation:
            job.details.append("Configuration is valid")
            return
        self._configuration.adopt(running, job.changes, job.sequence)
        job.details.append("Configuration committed successfully")

    def broken(self, root: Element) -> list[str]:
        """Message lines on what makes a configuration invalid."""
        broken = [not_valid(reference) for reference in dangling(root)]
        if self._nameless_fails:
            broken += [f" certificate -> {name} is missing 'common-name'" for name in nameless(root)]
        return [*broken, *(line for objects_to in self.objections for line in objects_to(root))]

    def lose(self) -> None:
        """A reboot ends what has not ended; such jobs have no ID any more (panos.md §3)."""
        for job in self.all:
            if job.is_open:
                job.result = "LOST"

    def position(self, job: Job) -> int:
        """How many unfinished jobs stand before it."""
        return sum(other.is_open and other.id < job.id for other in self.all)


def describe(job: Job, position: int, now: datetime.datetime, zone: datetime.tzinfo, form: str = "details") -> Element:
    """A job in the form of `show jobs` (panos.md §9). Times are device-local and name no zone.

    `form`: whether a job that went well has details, or `p2done` instead.
    """
    if job.result == "LOST":
        return _lost()
    is_started = not job.is_open or position == 0
    element = Element("job")
    finished = f"{job.end.astimezone(zone):%Y/%m/%d %H:%M:%S}"
    fields = {
        "tenq": f"{job.enqueued.astimezone(zone):%Y/%m/%d %H:%M:%S}",
        "tdeq": f"{job.start.astimezone(zone):%H:%M:%S}" if is_started else "00:00:00",
        "id": str(job.id),
        "user": job.admin,
        "type": job.kind,
        "status": "FIN" if not job.is_open else "ACT" if is_started else "PEND",
        "queued": "NO" if is_started else "YES",
        "stoppable": "no",
        "result": job.result,
        "tfin": "Still Active" if job.is_open else finished,
        "description": job.order.description,
        "positionInQ": str(position),
        "progress": str(job.progress(now)),
    }
    element.extend(text_element(tag, text) for tag, text in fields.items())
    if form == "p2done":
        element.append(text_element("p2done", "no" if job.is_open else "yes"))
    if form == "details" or job.result == "FAIL":
        details = SubElement(element, "details")
        details.extend(text_element("line", line) for line in job.details)
    SubElement(element, "warnings")
    job.describe(element)
    return element


def _lost() -> Element:
    element = Element("job")
    element.extend([text_element("type", "Failed-Job"), text_element("status", "FIN"), text_element("result", "FAIL")])
    details = SubElement(element, "details")
    SubElement(details, "line").text = "job failed because of configd restart"
    return element
