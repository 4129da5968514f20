"""Where the configuration is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.configuration import settings_file
from paloaltofw.configuration.settings_file import find_file, load_settings
from paloaltofw.errors import UsageError
from tests import files
from tests.configuration.strategies import QUICK


def test_where_the_configuration_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The order of contract.md §2; a template that nobody has filled in is none."""
    assert Path(settings_file.__file__).parents[1] / "config.yaml" == settings_file.DEFAULT_FILE
    assert Path("/etc/paloaltoagent/config.yaml") == settings_file.SYSTEM_FILE
    template = settings_file.DEFAULT_FILE.read_text("utf-8")
    beside, system = tmp_path / "beside.yaml", tmp_path / "system.yaml"
    monkeypatch.setattr(settings_file, "DEFAULT_FILE", beside)
    monkeypatch.setattr(settings_file, "SYSTEM_FILE", system)
    with pytest.raises(UsageError, match=r"there is no configuration yet; run `paloaltoagent init`.*--config FILE"):
        find_file(None)
    beside.write_text(template, "utf-8")
    with pytest.raises(UsageError, match="there is no configuration yet"):
        find_file(None)
    system.write_text(template.replace("CUSTOMER", "acme"), "utf-8")
    assert find_file(None) == system
    beside.write_text(template.replace("CUSTOMER", "acme"), "utf-8")
    assert find_file(None) == beside
    for named in (tmp_path / "agent.yaml", tmp_path / "other.yaml"):
        named.write_text("scm: {}\n", "utf-8")
    monkeypatch.setenv("sectigo_pycert_config", str(tmp_path / "agent.yaml"))
    assert find_file(None) == tmp_path / "agent.yaml"
    assert find_file(str(named)) == named
    named.unlink()
    with pytest.raises(UsageError, match=r"there is no file .*other.yaml; correct --config, or write .*init FOLDER"):
        find_file(str(named))


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
