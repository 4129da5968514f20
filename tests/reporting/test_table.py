"""The table of certificates: within 80 columns, the most urgent first, in groups that are counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.lifecycle.decision import Action, Outcome, State
from paloaltofw.reporting.table import WIDTH, table
from tests.reporting.outcomes import DOWN, NOW, certificate, outcome

NAMES = st.text("abcdefgh.-_0", min_size=1, max_size=100)


def texts(outcomes: list[Outcome], is_wide: bool = False) -> list[str]:
    return [line.text for line in table(outcomes, NOW, is_wide)]


ONE_OF_EACH = [
    outcome("good-late", State.VALID, days=150),
    outcome("good-soon", State.VALID, days=40),
    outcome("absent", State.ABSENT, Action.ENROLL),
    outcome("due", State.DUE, Action.RENEW, 20),
    outcome("expired", State.EXPIRED, Action.ENROLL, -3),
    outcome("revoked", State.REVOKED, Action.ENROLL, 50),
    outcome("changed", State.MISMATCH, Action.RENEW, 50),
    outcome(
        "pending",
        State.PENDING,
        Action.COLLECT,
        10,
        ordered_certificate_id="1000",
        ordered_at="2026-11-25T12:00:00Z",
        waits_for="approval",
    ),
    outcome("down", State.UNKNOWN, Action.FAILED, error=DOWN, firewall="fw-down"),
]


def test_what_is_urgent_comes_first_and_is_counted() -> None:
    lines = texts(ONE_OF_EACH)
    rows = [line.split()[0] for line in lines if line.startswith("  ") and not line.startswith("   ")]
    assert rows == [
        "PROFILE",
        "down",
        "expired",
        "revoked",
        "absent",
        "changed",
        "due",
        "pending",
        "good-soon",
        "good-late",
    ]
    assert lines[-1] == (
        "2 in order, 1 pending, 1 due, 1 not as its profile says, 1 missing, 1 revoked, 1 expired, 1 failed"
    )
    headings = [line for line in lines[:-1] if not line.startswith(" ")]
    assert headings == list(reversed(lines[-1].split(", ")))


def test_a_row_and_its_details_say_what_is_to_be_known() -> None:
    text = "\n".join(texts(ONE_OF_EACH))
    assert "  due        fw-edge   due       2026-12-18  20    renew" in text
    assert "      due: because of due" in text
    assert "      order 1000, 3 days, waits for approval" in text
    assert "because of good" not in text


@given(
    st.lists(
        st.builds(
            outcome,
            NAMES,
            st.sampled_from(State),
            st.sampled_from(Action),
            st.none() | st.integers(-500, 500),
            firewall=NAMES,
            reason=st.text(max_size=300),
            notes=st.lists(st.text(max_size=200), max_size=2).map(tuple),
            error=st.none() | st.just(DOWN),
        ),
        min_size=1,
        max_size=8,
    )
)
def test_no_line_is_wider_than_80_columns_and_nobody_is_left_out(outcomes: list[Outcome]) -> None:
    lines = texts(outcomes)
    assert max(map(len, lines)) <= WIDTH
    *_, summary = lines
    assert sum(int(part.split()[0]) for part in summary.split(", ")) == len(outcomes)
    wide = "\n".join(texts(outcomes, is_wide=True))
    assert all(item.profile in wide and item.firewall in wide for item in outcomes)


def test_wide_has_every_column() -> None:
    head, *_ = texts(ONE_OF_EACH, is_wide=True)
    assert head.split() == ["PROFILE", "FIREWALL", "STATE", "ACTION", "NAME", "SERIAL", "EXPIRES", "DAYS", "ORDER"]
    text = "\n".join(texts(ONE_OF_EACH, is_wide=True))
    assert certificate(1).serial in text
    assert "1000, 3 days, waits for approval" in text


def test_a_long_name_is_cut_where_it_has_to_be_and_stands_in_full_below() -> None:
    long = "x" * 60
    lines = texts([outcome(long, State.DUE, Action.RENEW, 5, firewall="f" * 60)])
    assert any(line.startswith("  xxx") and "…" in line for line in lines)
    assert any(long in line for line in lines)


def test_colours_belong_to_headings_alone() -> None:
    lines = table(ONE_OF_EACH, NOW)
    assert {line.text for line in lines if line.colour} == set(lines[-1].text.split(", "))


def test_nothing_selected_is_said() -> None:
    assert texts([]) == ["no certificate is selected"]
