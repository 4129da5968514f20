"""Every request of a story is answered once by every fault, and the agent is run again until the job is done."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from paloaltofw.configuration.settings_file import LEVELS
from paloaltofw.sandbox.base.https import Answer, Cut, Request
from tests.end_to_end.story import COMMANDS, Handle, Story, Tally, spread
from tests.sweeps import one_in

XML = "application/xml; charset=UTF-8"
PAGE = b"<html><body>Bad Gateway</body></html>"
LONGEST = 80
REFUSED = "connection refused"
COMMIT_REQUESTS = 3
STRIDE = 3
# How long the agent waits in the stories in which no answer comes.
TIMEOUT = 2
FLEET, FLEET_STRIDE = 4, 60


def cut_before(story: Story, request: Request, handle: Handle) -> Answer:
    raise Cut


def cut_after(story: Story, request: Request, handle: Handle) -> Answer:
    handle(request)
    raise Cut


def silent_before(story: Story, request: Request, handle: Handle) -> Answer:
    threading.Event().wait(TIMEOUT + 0.6)
    raise Cut


def silent_after(story: Story, request: Request, handle: Handle) -> Answer:
    handle(request)
    return silent_before(story, request, handle)


def truncated(story: Story, request: Request, handle: Handle) -> Answer:
    answer = handle(request)
    head = b"HTTP/1.1 200 OK\r\nContent-Type: %s\r\n" % answer.content_type.encode()
    raise Cut(head + b"Content-Length: %d\r\n\r\n" % (len(answer.body) + 10) + answer.body[:-1])


def html(story: Story, request: Request, handle: Handle) -> Answer:
    return Answer(200, PAGE, "text/html")


def too_many(story: Story, request: Request, handle: Handle) -> Answer:
    return Answer(429, b"", headers={"Retry-After": "2"})


def status(code: int) -> Callable[[Story, Request, Handle], Answer]:
    return lambda story, request, handle: Answer(code, PAGE, "text/html")


def expired_token(story: Story, request: Request, handle: Handle) -> Answer:
    story.scene.world.scm.expire_tokens()
    return handle(request)


def false_denial(story: Story, request: Request, handle: Handle) -> Answer:
    """What an authentication service says that starts later than the web server (panos.md §10)."""
    body = b"<response status = 'error' code = '403'><result><msg>Invalid credentials.</msg></result></response>"
    return Answer(403, body, XML) if request.path == "/api/" else handle(request)


def commit_busy(story: Story, request: Request, handle: Handle) -> Answer:
    if request.form.get("type") != "commit":
        return handle(request)
    line = b"Another commit/validate is in progress. Please try again later"
    return Answer(200, b'<response status="error" code="13"><msg><line>' + line + b"</line></msg></response>", XML)


def locked(story: Story, request: Request, handle: Handle) -> Answer:
    """Another administrator holds both locks while this one request is answered."""
    held = [(firewall, kind) for firewall in story.firewalls.values() for kind in ("config", "commit")]
    for firewall, kind in held:
        firewall.lock_as("alice", kind)
    try:
        return handle(request)
    finally:
        for firewall, kind in held:
            firewall.unlock_as("alice", kind)


FAULTS: dict[str, Callable[[Story, Request, Handle], Answer]] = {
    "connection cut before processing": cut_before,
    "connection cut after processing": cut_after,
    "time-out before processing": silent_before,
    "time-out after processing": silent_after,
    "429 with Retry-After": too_many,
    "500": status(500),
    "502": status(502),
    "503": status(503),
    "truncated body": truncated,
    "HTML body": html,
    "expired token": expired_token,
    "false 403": false_denial,
    "commit queue busy": commit_busy,
    "locks of another administrator": locked,
}


def tell(fault: str, number: int, size: int = 1) -> Tally:
    """One story in which the n-th request of every step meets a fault."""
    with tempfile.TemporaryDirectory() as folder:
        # Each fault is met at every log level; every other run shows the log, and tracebacks, on stderr.
        options = ("--log-level", LEVELS[number % len(LEVELS)], *(("--debug",) if number % 2 else ()))
        patience = {"timeout": TIMEOUT} if FAULTS.get(fault) in (silent_before, silent_after) else {}
        story = Story(Path(folder), "rotate", COMMIT_REQUESTS, size, options, **patience)
        with story.scene:
            for step in range(len(COMMANDS)):
                story.prepare(step)
                _disturb(story, step, fault, number)
                story.recover(step)
                story.check(step)
            tally = story.finish()
            tally.problems = [f"{fault} at request {number}: {text}" for text in tally.problems]
            return tally


def _disturb(story: Story, step: int, fault: str, number: int) -> None:
    before = len(story.scene.world.scm.orders)
    struck: list[Request] = []

    def strike(n: int, request: Request, handle: Handle) -> Answer:
        if n != number or struck:
            return handle(request)
        struck.append(request)
        return FAULTS[fault](story, request, handle)

    if fault == REFUSED:
        done = story.run(step, kill_at=(number, "refused"))
        requests = [name for name in done.points if name.startswith("request")]
        story.tally.accidents += number <= len(requests)
        return
    story.fault = strike
    story.run(step)
    story.fault = None
    story.tally.accidents += len(struck)
    if struck:
        story.tally.lost_answers += story.lost_orders(before)


def most_requests(size: int = 1) -> int:
    """How many requests the longest step makes."""
    with tempfile.TemporaryDirectory() as folder:
        story = Story(Path(folder), "rotate", COMMIT_REQUESTS, size)
        with story.scene:
            counts = []
            for step in range(len(COMMANDS)):
                story.prepare(step)
                story.run(step)
                counts.append(story.requests)
            assert max(counts) < LONGEST * size
            return max(counts)


@pytest.mark.sweep
def test_whatever_a_request_meets_the_job_is_finished(
    figures: Callable[[str], None], stride: Callable[[int], int]
) -> None:
    longest, step = most_requests(), stride(STRIDE)
    # Each request meets a third of the faults, its neighbours the others.
    cases = [
        (fault, number)
        for offset, fault in enumerate((REFUSED, *FAULTS))
        for number in range(1 + offset % step, longest + 1, step)
    ]
    total = spread(tell, cases, workers=4)
    figures(f"fault sweep, {len(FAULTS) + 1} faults, {len(cases)} stories: {total}")
    assert total.problems == []
    assert total.accidents > 2 * len(cases)


@pytest.mark.sweep
def test_whatever_a_request_meets_among_four_firewalls_the_job_is_finished(
    figures: Callable[[str], None], stride: Callable[[int], int]
) -> None:
    longest = most_requests(FLEET)
    # Where firewalls are worked on in parallel, each n-th request is another one in each run.
    cases = [
        (fault, 1 + (number + offset) % longest, FLEET)
        for offset, fault in enumerate((REFUSED, *FAULTS))
        for number in range(0, longest, stride(FLEET_STRIDE))
    ]
    tally = spread(tell, cases, workers=4)
    figures(f"fault sweep, {FLEET} firewalls in parallel: {len(cases)} stories; {tally}")
    assert tally.problems == []
    assert tally.accidents > len(cases)


FEW = {REFUSED: 12, "connection cut after processing": 14}


@pytest.mark.parametrize("fault", one_in(2, FEW))
def test_a_few_faults(fault: str) -> None:
    tally = tell(fault, FEW[fault])
    assert tally.problems == []
    assert tally.accidents == len(COMMANDS)
