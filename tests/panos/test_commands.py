"""The commands as XML."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.panos.commands import CsrRequest, commit_command, generate_command, revert_command
from tests.configuration.strategies import QUICK
from tests.panos.bench import REQUEST


def test_the_generate_command_is_escaped_and_complete() -> None:
    root = ElementTree.fromstring(generate_command(REQUEST))
    generate = root.find("certificate/generate")
    assert generate is not None
    assert generate.findtext("organization") == "A & <B>"
    assert generate.findtext("algorithm/RSA/rsa-nbits") == "2048"
    assert [m.text for m in generate.findall("hostname/member")] == ["vpn.example.com"]
    assert [m.text for m in generate.findall("ip/member")] == ["192.0.2.1"]
    assert (generate.findtext("signed-by"), generate.findtext("ca")) == ("external", "no")
    assert generate.find("locality") is None


@pytest.mark.parametrize("bits", [256, 384, 521])
def test_ecdsa_keys_are_asked_for_by_bits(bits: int) -> None:
    command = generate_command(CsrRequest("n", "c.example.com", "ECDSA", bits))
    assert f"<algorithm><ECDSA><ecdsa-nbits>{bits}</ecdsa-nbits></ECDSA></algorithm>" in command


def test_the_commit_is_limited_to_one_administrator() -> None:
    expected = (
        "<commit><partial><admin><member>svc</member></admin></partial><description>a &lt; b</description></commit>"
    )
    assert commit_command("svc", "a < b") == expected


def test_a_revert_is_limited_to_one_administrator() -> None:
    expected = "<revert><config><partial><admin><member>s&amp;vc</member></admin></partial></config></revert>"
    assert revert_command("s&vc") == expected


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_values_round_trip_through_the_command(text: str) -> None:
    root = ElementTree.fromstring(generate_command(CsrRequest("n", "c", "RSA", 2048, organization=text)))
    assert root.findtext("certificate/generate/organization") == text


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=200))
@QUICK
def test_every_text_survives_the_commit_description(text: str) -> None:
    assert ElementTree.fromstring(commit_command("svc", text)).findtext("description") == text
