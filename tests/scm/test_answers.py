"""What SCM says, as values."""

from __future__ import annotations

import pytest

from paloaltofw.scm.answers import OrderState, read_status


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Issued", OrderState.ISSUED), ("ISSUED", OrderState.ISSUED), ("Requested", OrderState.PENDING),
        ("Approved", OrderState.PENDING), ("SA Approved", OrderState.PENDING), ("SAApproved", OrderState.PENDING),
        ("sa_approved", OrderState.PENDING), ("Applied", OrderState.PENDING), ("Init", OrderState.PENDING),
        ("Declined", OrderState.FAILED), ("rejected", OrderState.FAILED), ("Invalid", OrderState.FAILED),
        ("Revoked", OrderState.REVOKED), ("Expired", OrderState.EXPIRED), ("Replaced", OrderState.REPLACED),
        ("Something New", OrderState.PENDING), ("Enrolled - Pending Download", OrderState.PENDING),
        ("Error Free", OrderState.PENDING), ("Cancelling", OrderState.PENDING),
        *((spelled, OrderState.FAILED)
          for word in ("cancelled", "canceled", "failed", "error", "deleted")
          for spelled in (word, word.title(), f" {word.upper()}\n", f"{word[:3]}-{word[3:]}", f"{word[:4]}_ {word[4:]}")),
    ],
)  # fmt: skip
def test_status_words(word: str, state: OrderState) -> None:
    assert read_status({"status": word}).state is state


def test_an_unknown_word_is_shown() -> None:
    status = read_status({"status": "Under Review"})
    assert (status.word, status.waits_for) == ("Under Review", "SCM (Under Review)")


@pytest.mark.parametrize("wrapped", [False, True])
def test_the_names_that_wait_for_validation_are_named(wrapped: bool) -> None:
    log = [
        {"dcvStatus": "Awaiting Validation", "domainName": "b.example.com"},
        {"dcvStatus": "Validated", "domainName": "a"},
    ]
    info: object = {"dcvLog": {"log": log}}
    status = read_status({"status": "Applied", "dcvInfo": [info] if wrapped else info})
    assert status.waits_for == "domain validation of b.example.com"


@pytest.mark.parametrize(
    "info", [None, 5, "x", [], {}, {"dcvLog": 3}, {"dcvLog": {"log": 3}}, {"dcvLog": {"log": [1, {}]}}]
)
def test_odd_dcv_information_does_no_harm(info: object) -> None:
    assert read_status({"status": "Applied", "dcvInfo": info}).state is OrderState.PENDING
