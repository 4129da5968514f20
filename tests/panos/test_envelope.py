"""Every variant of the response envelope."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.panos.answers import read_certificates, read_changes, read_jobs, read_locks
from paloaltofw.panos.envelope import Malformed, read_envelope
from tests.panos.bench import ENVELOPES


@pytest.mark.parametrize(("body", "success", "code", "text"), ENVELOPES)
def test_every_variant_of_the_envelope(body: str, success: bool, code: int | None, text: str) -> None:
    envelope = read_envelope(body.encode())
    assert (envelope.is_success, envelope.code, envelope.text) == (success, code, text)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"text", b"<html><body/></html>", b"<response/>", b"<response status='success'>", b"\xff\xfe<",
        b"<!DOCTYPE r [<!ENTITY a 'b'>]><response status='success'>&a;</response>",
        b"<response status='success'>" + b"<a>" * 700_000,
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_envelope(body)


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    for wrapped in (body, b"<response status='success'><result>" + body + b"</result></response>"):
        with suppress(Malformed):
            envelope = read_envelope(wrapped)
            read_certificates(envelope.result)
            read_jobs(envelope.result)
            read_changes(envelope.result)
            read_locks(envelope.result)
