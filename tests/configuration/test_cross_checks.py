"""What one file says against another."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.configuration.loader import load
from tests import files
from tests.configuration.refusal import refused


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("vpn", "vpn", "is the name of profile"),
        ("vpn", "vpn-2", "could be a successor"),
        ("vpn-17", "vpn", "could be a successor"),
    ],
)
def test_names_that_could_collide_with_successors_are_refused(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    certificates = {
        "a": files.changed(files.CERTIFICATE, "name", first), "b": files.changed(files.CERTIFICATE, "name", second)
    }  # fmt: skip
    assert any(words in problem for problem in refused(files.write_all(tmp_path, certificates=certificates)))


def test_the_same_names_on_different_firewalls_are_fine(tmp_path: Path) -> None:
    certificates = {
        "a": files.changed(files.CERTIFICATE, "name", "vpn"),
        "b": files.changed(files.changed(files.CERTIFICATE, "name", "vpn"), "firewall", "fw-two"),
    }
    firewalls = {"fw-edge": files.FIREWALL, "fw-two": files.changed(files.FIREWALL, "url", "192.0.2.11")}
    assert len(load(files.write_all(tmp_path, certificates=certificates, firewalls=firewalls)).certificates) == 2


def test_open_tls_is_warned_about(tmp_path: Path) -> None:
    config = files.write_all(tmp_path, firewalls={"fw-edge": files.changed(files.FIREWALL, "verify_tls", False)})
    assert any("verify_tls is false" in warning for warning in load(config).warnings)
