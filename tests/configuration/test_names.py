"""Properties of names."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.configuration.names import dns_name
from paloaltofw.configuration.rules import BadValue
from tests.configuration.strategies import QUICK, hosts, unicode_hosts


@given(st.one_of(st.text(max_size=80), hosts, unicode_hosts))
@settings(QUICK, max_examples=200)
def test_a_host_name_that_is_accepted_is_an_a_label(text: str) -> None:
    try:
        name = dns_name(text)
    except BadValue:
        return
    assert name.isascii()
    assert len(name) <= 253
    assert all(0 < len(label) <= 63 for label in name.split("."))
    assert dns_name(name) == name
    assert "*" not in name.removeprefix("*.")
