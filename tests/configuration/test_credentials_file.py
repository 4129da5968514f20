"""Secrets in files."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.configuration.loader import load
from tests import files
from tests.configuration.refusal import refused


def test_secrets_may_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FW_KEY", "key-from-environment")
    (tmp_path / "secret").write_text("secret-from-file\n", "utf-8")
    config = files.write_all(
        tmp_path,
        firewalls={"fw-edge": files.changed(files.FIREWALL, "api_key", "${FW_KEY}")},
        credentials=files.changed(files.CREDENTIALS, "ENROLLMENT_API_1.client_secret", f"file:{tmp_path}/secret"),
    )
    configuration = load(config)
    assert configuration.firewalls["fw-edge"].api_key.reveal() == "key-from-environment"
    assert configuration.accounts["ENROLLMENT_API_1"].client_secret.reveal() == "secret-from-file"


def test_secrets_never_stand_in_a_problem(tmp_path: Path) -> None:
    document = files.changed(files.FIREWALL, "api_key", "canary-4711\nsecond line")
    problems = refused(files.write_all(tmp_path, firewalls={"fw-edge": document}))
    assert problems
    assert "canary" not in "".join(problems)


def test_exposed_credentials_are_warned_about(tmp_path: Path) -> None:
    config = files.write_all(tmp_path)
    (tmp_path / files.FILE_OF["firewall"]).chmod(0o644)
    assert any("readable by others" in warning for warning in load(config).warnings)


def test_an_account_may_have_a_token_server_of_its_own(tmp_path: Path) -> None:
    url = "https://auth.example.com/realms/x/token"
    own = files.changed(files.CREDENTIALS, "ENROLLMENT_API_1.token_url", url)
    assert load(files.write_all(tmp_path, credentials=own)).accounts["ENROLLMENT_API_1"].token_url == url
    assert load(files.write_all(tmp_path)).accounts["ENROLLMENT_API_1"].token_url == ""


@pytest.mark.parametrize(
    "url", ["http://auth.example.com/token", "https://auth.example.com", "https://[bad/token", "https://x:99999/token"]
)
def test_a_token_server_that_is_none_is_a_problem(tmp_path: Path, url: str) -> None:
    credentials = files.changed(files.CREDENTIALS, "ENROLLMENT_API_1.token_url", url)
    assert any("token_url" in problem for problem in refused(files.write_all(tmp_path, credentials=credentials)))
