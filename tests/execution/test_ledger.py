"""The ledger as orders go by: one line for each reference, never fewer, and the brake asks the file, not the memory."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from paloaltofw.clock import format_time
from paloaltofw.errors import OrderLimit, StateError
from paloaltofw.execution import ledger
from paloaltofw.execution.context import Context
from paloaltofw.execution.task import CertificateTask
from paloaltofw.model.records import Answer, LedgerEntry
from paloaltofw.storage.store import Store
from tests import x509
from tests.lifecycle.cases import GOOD, ORDER, PROFILE

FIRST = replace(ORDER, reference="first", account="A")
SECOND = replace(FIRST, reference="second", operation="renew")


class Clock:
    def __init__(self) -> None:
        self.time = x509.NOW

    def now(self) -> datetime.datetime:
        return self.time


def scene(folder: Path, limit: tuple[int, float] | None = None) -> tuple[Context, CertificateTask, Clock]:
    """What the ledger's functions read of a run: a store, a clock, a firewall, a profile."""
    store, clock = Store(folder / "state"), Clock()
    store.prepare()
    context: Any = SimpleNamespace(
        store=store,
        clock=clock,
        settings=SimpleNamespace(order_limit=limit),
        firewall=SimpleNamespace(id="fw", title="fw (192.0.2.1)"),
    )
    task: Any = SimpleNamespace(profile=PROFILE, observed=SimpleNamespace(installed=None))
    return cast(Context, context), cast(CertificateTask, task), clock


def lines(context: Context) -> list[LedgerEntry]:
    return list(context.store.load_ledger("fw", "www"))


def test_an_order_is_in_the_ledger_before_it_is_sent_and_counts_as_held_until_scm_says_no(tmp_path: Path) -> None:
    context, task, _ = scene(tmp_path)
    ledger.enter(context, task, FIRST)
    [entry] = lines(context)
    assert (entry.reference, entry.profile, entry.account) == ("first", "www", "A")
    assert (entry.ordered_at, entry.spki_sha256) == (format_time(x509.NOW), FIRST.spki_sha256)
    assert (entry.answer, entry.may_be_held) == (Answer.UNKNOWN.value, True)
    ledger.note_answer(context, task, FIRST, Answer.REFUSED)
    assert not lines(context)[0].may_be_held
    ledger.note_answer(context, task, FIRST, Answer.TAKEN, "17")
    assert (lines(context)[0].may_be_held, lines(context)[0].certificate_id) == (True, "17")


def test_an_order_that_is_sent_again_stays_one_order_of_its_first_time_and_is_unknown_again(tmp_path: Path) -> None:
    context, task, clock = scene(tmp_path)
    ledger.enter(context, task, FIRST)
    ledger.enter(context, task, SECOND)
    clock.time += datetime.timedelta(days=1)
    ledger.note_answer(context, task, FIRST, Answer.REFUSED)
    ledger.enter(context, task, replace(FIRST, operation="replace"))
    # What was sent last stands last, with the time of its first sending.
    assert [entry.reference for entry in lines(context)] == ["second", "first"]
    again = lines(context)[-1]
    assert (again.ordered_at, again.operation) == (format_time(x509.NOW), "replace")
    assert again.answer == Answer.UNKNOWN.value


def test_an_answer_is_noted_at_its_own_order_only(tmp_path: Path) -> None:
    context, task, _ = scene(tmp_path)
    ledger.enter(context, task, FIRST)
    ledger.enter(context, task, SECOND)
    before = lines(context)
    ledger.note_issued(context, task, FIRST, GOOD)
    first, second = lines(context)
    assert second == before[1]
    assert first == replace(
        before[0],
        sha256=GOOD.sha256,
        not_before=format_time(GOOD.not_before),
        not_after=format_time(GOOD.not_after),
    )
    # An order that the ledger does not know is no reason to write one.
    ledger.note_answer(context, task, replace(FIRST, reference="other"), Answer.TAKEN, "18")
    ledger.note_issued(context, task, replace(FIRST, reference="other"), GOOD)
    assert lines(context) == [first, second]


def test_the_ledger_of_one_certificate_on_one_firewall_is_no_other_ones(tmp_path: Path) -> None:
    context, task, _ = scene(tmp_path)
    ledger.enter(context, task, FIRST)
    # A profile that was renamed goes on in the same ledger.
    renamed = cast(CertificateTask, SimpleNamespace(profile=replace(PROFILE, id="new"), observed=task.observed))
    ledger.enter(context, renamed, replace(SECOND, profile="new"))
    assert [entry.profile for entry in lines(context)] == ["www", "new"]
    other = cast(CertificateTask, SimpleNamespace(profile=replace(PROFILE, name="mail"), observed=task.observed))
    ledger.ensure_allowed(context, other, FIRST)


@pytest.mark.parametrize(
    ("limit", "hours", "is_automatic", "allowed"),
    [
        (None, 1, True, False),
        (None, 21, True, True),
        (None, 1, False, True),
        ((1, 86400.0), 23, True, False),
        ((1, 86400.0), 25, True, True),
        ((2, 86400.0), 1, True, True),
    ],
)
def test_the_brake_asks_the_file_once_more_right_before_an_order(
    tmp_path: Path, limit: tuple[int, float] | None, hours: int, is_automatic: bool, allowed: bool
) -> None:
    context, task, clock = scene(tmp_path, limit)
    ledger.ensure_allowed(context, task, replace(SECOND, is_automatic=is_automatic))
    ledger.enter(context, task, FIRST)
    clock.time += datetime.timedelta(hours=hours)
    if allowed:
        ledger.ensure_allowed(context, task, replace(SECOND, is_automatic=is_automatic))
        return
    with pytest.raises(OrderLimit, match=r"fw \(192\.0\.2\.1\): no further order .* enroll --resubmit -p www"):
        ledger.ensure_allowed(context, task, replace(SECOND, is_automatic=is_automatic))


def test_a_ledger_that_cannot_be_read_allows_nothing(tmp_path: Path) -> None:
    context, task, _ = scene(tmp_path)
    ledger.enter(context, task, FIRST)
    (context.store.folder / "journal/ledger/fw/www.json").write_bytes(b"{")
    for _ in range(2):
        with pytest.raises(StateError):
            ledger.ensure_allowed(context, task, SECOND)
        with pytest.raises(StateError):
            ledger.enter(context, task, SECOND)
