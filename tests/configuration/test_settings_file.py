"""Where the configuration is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.configuration.settings_file import find_file


def test_where_the_configuration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_file(None).name == "config.yaml"
    assert find_file(None).parent.name == "paloaltofw"
    monkeypatch.setenv("sectigo_pycert_config", "/etc/agent.yaml")
    assert find_file(None) == Path("/etc/agent.yaml")
    assert find_file("/other.yaml") == Path("/other.yaml")
