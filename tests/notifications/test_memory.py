"""Told once, again after a while, and anew once it was over: against a model, whatever the nights bring."""

from __future__ import annotations

import datetime
import json

from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.clock import UTC
from paloaltofw.model.channels import Channel
from paloaltofw.notifications.memory import Memory, key_of
from paloaltofw.notifications.sending import _without_parts
from paloaltofw.notifications.troubles import Trouble
from paloaltofw.secret import Secret
from tests.configuration.strategies import QUICK

HOUR = 3600.0
START = datetime.datetime(2027, 3, 1, tzinfo=UTC)
KEYS = [(profile, code) for profile in ("a", "b") for code in ("busy", "clock")]


def trouble(profile: str, code: str) -> Trouble:
    return Trouble((profile,), code, frozenset({"failure"}), "fw", "text")


@given(
    nights=st.lists(
        st.tuples(
            st.integers(1, 100),  # hours since the last one
            st.sets(st.sampled_from(KEYS)),  # what is wrong
            st.sets(st.sampled_from(["a", "b"]), min_size=1),  # whom this run looks at
            st.booleans(),  # whether the message arrives
        ),
        max_size=12,
    ),
    repeat=st.sampled_from([0, 24, 50]),
)
@QUICK
def test_each_trouble_is_told_once_in_a_while(
    nights: list[tuple[int, set[tuple[str, str]], set[str], bool]], repeat: int
) -> None:
    channel = Channel(1, Secret("json://token"), repeat=repeat * HOUR)
    document: dict[str, object] = {}
    told_at: dict[tuple[str, str], int] = {}
    now = 0
    for hours, wrong, seen, arrives in nights:
        now += hours
        present = {key for key in wrong if key[0] in seen}
        told_at = {key: at for key, at in told_at.items() if key[0] not in seen or key in present}
        slack = min(1.0, repeat / 24)
        expected = {key for key in present if key not in told_at or now - told_at[key] >= repeat - slack}
        memory = Memory(json.loads(json.dumps(document)))
        moment = START + datetime.timedelta(hours=now)
        troubles = [trouble(*key) for key in sorted(present)]
        memory.forget(channel, seen, {"a", "b"}, troubles)
        due = {(name, item.code) for item in troubles for name in memory.due(channel, item, moment)}
        assert due == expected
        for name, code in due if arrives else ():
            memory.mark(channel, [name], code, moment)
            told_at[name, code] = now
        document = memory.document


def test_a_time_in_the_future_holds_nothing_back() -> None:
    """A clock was wrong when it was told."""
    channel = Channel(1, Secret("json://token"))
    memory = Memory({})
    memory.mark(channel, ["a"], "busy", START + datetime.timedelta(days=300))
    assert memory.due(channel, trouble("a", "busy"), START) == ("a",)


def test_channels_keep_their_memory_wherever_they_stand() -> None:
    first, second = Channel(1, Secret("json://one")), Channel(2, Secret("json://two"))
    memory = Memory({})
    memory.mark(second, ["a"], "busy", START)
    moved = Channel(1, Secret("json://two"))
    memory.keep_only([moved])
    assert memory.due(moved, trouble("a", "busy"), START) == ()
    assert memory.due(first, trouble("a", "busy"), START) == ("a",)
    assert "two" not in json.dumps(memory.document)
    assert key_of(first) != key_of(second)


@given(
    parts=st.lists(st.text("abcdefXYZ0123%._-", min_size=3, max_size=12), min_size=1, max_size=4),
    words=st.lists(st.sampled_from(["sent", "to", "error=403", "by"]), max_size=4),
)
@QUICK
def test_no_part_of_a_url_is_in_a_reason(parts: list[str], words: list[str]) -> None:
    url = "slack://" + "/".join(parts)
    said = " ".join([*words, *parts, *words, "/".join(parts).upper()])
    shown = _without_parts(said, url)
    assert not [part for part in parts if part in shown]
