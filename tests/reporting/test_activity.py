"""The data of the live view: what each certificate waits for, since when, and what is shown where room is short."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.clock import format_time
from paloaltofw.lifecycle.decision import Action, State
from paloaltofw.lifecycle.steps import Collect, Commit, GenerateCsr
from paloaltofw.model.certificate_profile import KeySpec
from paloaltofw.reporting.activity import IDLE, QUEUED, READING, Activity
from paloaltofw.reporting.words import elapsed_text
from tests.reporting.outcomes import DOWN, outcome

CSR = GenerateCsr("www", KeySpec("RSA", 2048))


class Watch:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def begun(watch: Watch, **certificates: list[str]) -> Activity:
    activity = Activity(certificates, watch)
    for firewall in certificates:
        activity.begun(firewall)
    return activity


def shown(activity: Activity, room: int = 99) -> list[tuple[str, str, str, str]]:
    return [(row.firewall, row.certificate, row.text, row.since) for row in activity.rows(room)]


def test_each_certificate_tells_what_it_waits_for_and_since_when() -> None:
    watch = Watch()
    activity = Activity({"fw": ["www", "vpn"], "later": ["mail"]}, watch)
    assert shown(activity) == [("fw", "www", QUEUED, ""), ("", "vpn", QUEUED, ""), ("later", "mail", QUEUED, "")]
    activity.begun("fw")
    watch.now += 5
    assert shown(activity)[0] == ("fw", "www", READING, "0:05")
    activity.step("vpn", "fw", CSR)
    watch.now += 61
    assert shown(activity)[:2] == [("fw", "www", IDLE, ""), ("", "vpn", CSR.words, "1:01")]
    activity.waiting("fw", "a commit lock of alice")
    watch.now += 2
    activity.waiting("fw", "a commit lock of alice")
    watch.now += 2
    assert [row[2:] for row in shown(activity)[:2]] == [("a commit lock of alice", "0:04")] * 2
    activity.step("vpn", "fw", Collect("1000"))
    assert shown(activity)[1][2:] == (Collect.words, "0:00")


def test_a_commit_has_one_time_and_its_percentage_stands_once() -> None:
    watch = Watch()
    activity = begun(watch, fw=["www", "vpn"])
    for profile in ("www", "vpn"):
        activity.step(profile, "fw", CSR)
    activity.step("www", "fw", Commit("svc-certs"))
    for percent in (0, 40, 70):
        activity.committing("fw", "7", percent)
        watch.now += 30
    activity.waiting("fw", "commit job 7: refused the connection")  # while its services restart
    first, second = activity.rows(9)
    assert (first.percent, first.since, first.text) == (70, "1:30", "commit job 7: refused the connection")
    assert (second.percent, second.since) == (None, "1:30")


@pytest.mark.parametrize(
    ("state", "more", "text", "since"),
    [
        (State.VALID, {}, "in order", ""),
        (State.EXPIRED, {"error": DOWN}, f"failed: {DOWN}", ""),
        (State.PENDING, {"waits_for": "approval"}, "pending, waits for approval", ""),
        (State.PENDING, {"age": 3}, "pending, waits for SCM", "3 days"),
    ],
)
def test_how_a_certificate_ended(state: State, more: dict[str, Any], text: str, since: str) -> None:
    activity = begun(Watch(), fw=["www"])
    age = more.pop("age", None)
    if isinstance(age, int):
        moment = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=age, minutes=1)
        more["ordered_at"] = format_time(moment)
    activity.finished("fw", [outcome("www", state, Action.NONE, **more)])
    assert shown(activity) == [("fw", "www", text, since)]


def test_the_summary_counts_and_the_last_one_tells_orders_and_commits() -> None:
    watch = Watch()
    activity = begun(watch, fw=["www", "vpn"], dc=["mail"])
    activity.committing("fw", "7", 10)
    activity.committing("fw", "7", 90)
    now = format_time(datetime.datetime.now(datetime.timezone.utc))
    ordered = outcome("www", State.VALID, ordered_at=now)
    activity.finished("fw", [ordered, outcome("vpn", State.VALID, ordered_at="2020-01-01T00:00:00Z")])
    watch.now += 12
    assert activity.summary() == "1 of 2 firewalls done, 1 at work, 2 in order, 0:12"
    activity.finished("dc", [outcome("mail", State.UNKNOWN, error=DOWN, firewall="dc")])
    assert activity.summary() == "2 firewalls done, 1 order, 1 commit, 2 in order, 1 failed, 0:12"


def test_where_room_is_short_work_comes_first_then_failures() -> None:
    activity = Activity({name: [f"of-{name}"] for name in ("queued", "good", "pending", "bad", "working")}, Watch())
    for name in ("good", "pending", "bad", "working"):
        activity.begun(name)
    activity.finished("good", [outcome("of-good", State.VALID)])
    activity.finished("pending", [outcome("of-pending", State.PENDING)])
    activity.finished("bad", [outcome("of-bad", State.UNKNOWN, error=DOWN)])
    assert [row.firewall for row in activity.rows(99)] == ["working", "bad", "pending", "good", "queued"]
    assert [row.firewall for row in activity.rows(2)] == ["working", "bad"]


@given(st.integers(0, 10**7))
def test_elapsed_time_is_read_back(seconds: int) -> None:
    parts = [int(part) for part in elapsed_text(seconds + 0.9).split(":")]
    total = 0
    for part in parts:
        total = total * 60 + part
    assert total == seconds
    assert all(part < 60 for part in parts[1:])
