"""Where firewalls and SCM may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.configuration.loader import load
from tests import files


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.0.2.1", "https://192.0.2.1"),
        ("fw.example.com", "https://fw.example.com"),
        ("https://fw.example.com/api/", "https://fw.example.com"),
        ("https://fw.example.com:443", "https://fw.example.com"),
        ("fw.example.com:4443", "https://fw.example.com:4443"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_firewall_may_be_url_name_or_address(tmp_path: Path, text: str, url: str) -> None:
    firewalls = {"fw-edge": files.changed(files.FIREWALL, "url", text)}
    assert load(files.write_all(tmp_path, firewalls=firewalls)).firewalls["fw-edge"].url == url
