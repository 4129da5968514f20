"""Where the configuration is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.configuration.settings_file import find_file, load_settings
from tests import files
from tests.configuration.strategies import QUICK


def test_where_the_configuration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_file(None).name == "config.yaml"
    assert find_file(None).parent.name == "paloaltofw"
    monkeypatch.setenv("sectigo_pycert_config", "/etc/agent.yaml")
    assert find_file(None) == Path("/etc/agent.yaml")
    assert find_file("/other.yaml") == Path("/other.yaml")


@given(count=st.integers(1, 100), days=st.integers(1, 366), alarm=st.integers(0, 366))
@QUICK
def test_the_brake_and_the_alarm_of_pending_orders_are_read(
    tmp_path_factory: pytest.TempPathFactory, count: int, days: int, alarm: int
) -> None:
    document = files.changed(files.CONFIG, "issuance.order_limit", f"{count}/{days}d")
    config = files.write_all(
        tmp_path_factory.mktemp("limit"), files.changed(document, "issuance.pending_alarm", f"{alarm}d")
    )
    settings = load_settings(config)
    assert settings.order_limit == (count, days * 86400.0)
    assert settings.pending_alarm == alarm * 86400.0


@pytest.mark.parametrize("document", [files.CONFIG, files.without(files.CONFIG, "issuance")], ids=["auto", "left out"])
def test_without_an_order_limit_the_default_rule_applies(tmp_path: Path, document: dict[str, Any]) -> None:
    settings = load_settings(files.write_all(tmp_path, document))
    assert settings.order_limit is None
    assert settings.pending_alarm == 7 * 86400.0
