"""What was requested: compared as sets of names, with a version, and read back for the proof."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.lifecycle.requested import change_since, ordered_requirements, requested_of
from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.certificate_profile import KeySpec, Sans, Subject
from tests.lifecycle.cases import PROFILE

NAMES = st.lists(st.sampled_from(["www.example.com", "a.example.com", "b.example.com", "c.example.com"]), max_size=6)


@given(NAMES, NAMES)
def test_names_are_sets(one: list[str], two: list[str]) -> None:
    before, after = (replace(PROFILE, sans=Sans(dns=tuple(names))) for names in (one, two))
    assert (change_since(requested_of(before), after) is None) is (set(one) == set(two))


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        (PROFILE, None),
        (replace(PROFILE, sans=Sans(dns=("WWW.Example.COM",))), None),
        (replace(PROFILE, comments="new"), None),
        (replace(PROFILE, sans=Sans(dns=("www.example.com", "x.example.com"))), "names"),
        (replace(PROFILE, sans=Sans(dns=("www.example.com",), ip=("192.0.2.1",))), "names"),
        (replace(PROFILE, sans=Sans(dns=("www.example.com",), email=("a@example.com",))), "names"),
        (replace(PROFILE, key=KeySpec("RSA", 2048)), "key"),
        (replace(PROFILE, subject=replace(PROFILE.subject, organization="New Ltd")), "subject"),
        (
            replace(PROFILE, key=KeySpec("RSA", 2048), subject=replace(PROFILE.subject, organization="New Ltd")),
            "key and subject",
        ),
    ],
)
def test_what_was_changed_is_said(changed: object, words: str | None) -> None:
    assert change_since(requested_of(PROFILE), changed) == words  # type: ignore[arg-type]


def test_what_an_older_release_stored_is_read_by_this_one() -> None:
    """An order outlives an upgrade. Whoever changes this text makes a new version of it, or every order a mismatch."""
    subject = Subject("WWW.Example.com", "Example Ltd", ("B", "A"), "Bratislava", "BA", "SK", "a@example.com")
    sans = Sans(("b.example.com", "a.example.com"), ("192.0.2.1",), ("a@example.com",))
    stored = (
        '2 {"dns": ["a.example.com", "b.example.com"], "email": ["a@example.com"], "ip": ["192.0.2.1"], '
        '"key": ["ECDSA", 256], "subject": {"C": "SK", "CN": "www.example.com", "L": "Bratislava", '
        '"O": "Example Ltd", "OU": ["A", "B"], "ST": "BA", "email": "a@example.com"}}'
    )
    assert requested_of(replace(PROFILE, subject=subject, sans=sans)) == stored


UNREADABLE = ["", "d", "ab" * 32, "3 {}", "2 {", "2 []", "2 {}", "2 " + "[" * 100_000]


@pytest.mark.parametrize("text", UNREADABLE)
def test_what_cannot_be_read_is_no_mismatch(text: str) -> None:
    assert change_since(text, PROFILE) is None
    assert ordered_requirements(text, PROFILE) == requirements(PROFILE)


def test_a_proof_is_against_what_was_ordered() -> None:
    before = replace(PROFILE, sans=Sans(("b.example.com", "a.example.com"), ("192.0.2.1",), ("a@EXAMPLE.com",)))
    required = ordered_requirements(requested_of(before), PROFILE)
    assert required == replace(
        requirements(PROFILE), dns=("a.example.com", "b.example.com"), ip=("192.0.2.1",), email=("a@example.com",)
    )


@pytest.mark.parametrize(
    "damage",
    [
        {"subject": []}, {"subject": {}}, {"key": {}}, {"key": "R2"}, {"key": {"RSA": 1, "2048": 2}}, {"key": ["RSA"]}, {"key": ["RSA", "x"]}, {"dns": "a"}, {"ip": [1]},
        {"email": None},
    ],
)  # fmt: skip
def test_a_damaged_text_falls_back_to_the_profile(damage: dict[str, object]) -> None:
    version, _, body = requested_of(PROFILE).partition(" ")
    text = f"{version} {json.dumps({**json.loads(body), **damage})}"
    assert ordered_requirements(text, PROFILE) == requirements(PROFILE)
