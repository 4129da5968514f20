"""What an answer of a firewall means to who asked, and to who changed something. Nothing is on the wire here."""

from __future__ import annotations

import pytest

from paloaltofw.errors import (
    AnswerLost,
    Busy,
    CredentialsRefused,
    InvalidAnswer,
    PeerError,
    PermissionDenied,
    Refused,
)
from paloaltofw.panos.verdicts import check_availability, judge, understand
from paloaltofw.transport.https import Response
from tests.panos.bench import ENVELOPES, OK, error

WHERE = "firewall fw (https://192.0.2.1), doing it"
PAGE = "<html><body>Login</body></html>"
ABSENT = '<response status="success" code="7"><result/></response>'
Outcome = type[PeerError] | None
# HTTP status, body, what it is to a read, what it is to a write (panos.md §2, §10).
ANSWERS: list[tuple[int, str, Outcome, Outcome]] = [
    (200, OK, None, None),
    (200, '<response status="success" code="20"><msg>command succeeded</msg></response>', None, None),
    (200, ABSENT, None, Refused),
    (200, error(7, "job 19 not found"), None, Refused),
    (200, error(None, "No such node"), None, Refused),
    (200, error(12, "x is invalid"), Refused, Refused),
    (200, error(16, "Unauthorized request"), PermissionDenied, PermissionDenied),
    (403, error(16, "Unauthorized request"), PermissionDenied, PermissionDenied),
    (403, error(403, "Invalid credentials."), CredentialsRefused, CredentialsRefused),
    (200, error(403, "Invalid Credential"), CredentialsRefused, CredentialsRefused),
    (403, error(403, "Not Authenticated"), PermissionDenied, PermissionDenied),
    (400, error(400, "Parameter &quot;cmd&quot; is required"), Refused, Refused),
    (200, error(13, "A commit is pending. Please try again later."), Busy, Busy),
    (200, error(None, "Another commit/validate is in progress. Please try again later"), Busy, Busy),
    (200, '<response status="unauth" code="16"><msg/></response>', PermissionDenied, PermissionDenied),
    # No envelope: a write may have been carried out, unless the status says that the request was not taken.
    (200, PAGE, InvalidAnswer, AnswerLost),
    (200, "", InvalidAnswer, AnswerLost),
    (200, "<config/>", InvalidAnswer, AnswerLost),
    (302, "", InvalidAnswer, AnswerLost),
    (403, PAGE, InvalidAnswer, InvalidAnswer),
    (404, PAGE, InvalidAnswer, InvalidAnswer),
    (408, PAGE, InvalidAnswer, AnswerLost),
    (499, PAGE, InvalidAnswer, AnswerLost),
    # Whatever the body, the firewall or what stands before it could not answer.
    (429, OK, Busy, Busy),
    (500, OK, Busy, AnswerLost),
    (502, PAGE, Busy, AnswerLost),
    (503, error(403, "Invalid credentials."), Busy, AnswerLost),
]


def outcome(status: int, body: str, is_write: bool) -> Outcome:
    response = Response(status, {"content-type": "text/html; charset=UTF-8"}, body.encode())
    try:
        check_availability(response, is_write, WHERE)
        judge(response, is_write, WHERE)
    except PeerError as raised:
        return type(raised) if raised.where == WHERE else PeerError
    return None


@pytest.mark.parametrize(("status", "body", "of_a_read", "of_a_write"), ANSWERS)
def test_each_answer_has_one_meaning(status: int, body: str, of_a_read: Outcome, of_a_write: Outcome) -> None:
    assert (outcome(status, body, is_write=False), outcome(status, body, is_write=True)) == (of_a_read, of_a_write)


@pytest.mark.parametrize("is_write", [False, True])
@pytest.mark.parametrize(("body", "is_success", "code", "text"), ENVELOPES)
def test_understanding_an_envelope_judges_nothing(
    body: str, is_success: bool, code: int | None, text: str, is_write: bool
) -> None:
    envelope = understand(Response(200, {}, body.encode()), is_write, WHERE)
    assert (envelope.is_success, envelope.code, envelope.text) == (is_success, code, text)


def test_what_is_no_answer_is_described_by_status_and_type() -> None:
    with pytest.raises(InvalidAnswer, match=r"not PAN-OS XML \(HTTP 403 and .*; text/html\)"):
        understand(Response(403, {"content-type": "text/html"}, PAGE.encode()), False, WHERE)
    with pytest.raises(AnswerLost, match="no content type"):
        understand(Response(200, {}, PAGE.encode()), True, WHERE)
