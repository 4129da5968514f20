"""Notifications, syslog, metrics and hooks, as the files say them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paloaltofw.configuration.loader import load
from paloaltofw.configuration.notification_sections import syslog
from paloaltofw.configuration.rules import BadValue
from paloaltofw.configuration.settings_file import load_settings
from paloaltofw.model.channels import Syslog
from paloaltofw.secret import redact
from tests import files
from tests.configuration.refusal import refused


def _channels(folder: Path, *entries: dict[str, Any]) -> Any:
    return load_settings(files.write_all(folder, files.changed(files.CONFIG, "notifications", entries))).notifications


def test_channels_have_defaults_and_take_secrets_as_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "hunter2-and-more")
    (tmp_path / "url").write_text("slack://tokenA/tokenB/tokenC\n", "utf-8")
    first, second = _channels(
        tmp_path,
        {"url": "mailtos://user:${SMTP_PASSWORD}@smtp.example.com?to=ops@example.com"},
        {"url": f"file:{tmp_path}/url", "on": ["success", "success"], "repeat": "1h"},
    )
    assert first.url.reveal() == "mailtos://user:hunter2-and-more@smtp.example.com?to=ops@example.com"
    assert (first.on, first.repeat, first.title) == (("failure", "urgent"), 86400.0, "notifications[0] (mailtos)")
    assert (second.on, second.repeat, second.title) == (("success",), 3600.0, "notifications[1] (slack)")
    assert "hunter2" not in redact(f"cannot log in with hunter2-and-more at {first.url.reveal()} {first}")


def test_a_refused_url_is_not_shown(tmp_path: Path) -> None:
    config = files.write_all(tmp_path, files.changed(files.CONFIG, "notifications", [{"url": "user:hunter2@smtp"}]))
    (problem,) = refused(config)
    assert "notifications[0].url: is not an Apprise URL; for example mailtos://" in problem
    assert "hunter2" not in problem


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("local", Syslog()),
        ("udp://log.example.com", Syslog("log.example.com", 514)),
        ("udp://192.0.2.5:1514/", Syslog("192.0.2.5", 1514)),
        ("log.example.com:514", Syslog("log.example.com", 514)),
        ("[2001:db8::1]:514", Syslog("2001:db8::1", 514)),
    ],
)
def test_addresses_of_syslog_servers(text: str, server: Syslog) -> None:
    assert syslog(text) == server


@pytest.mark.parametrize(
    "text", ["log.example.com", "udp://", "tcp://a:1", "udp://u:p@a", "udp://a/path", "udp://[::1"]
)
def test_what_is_no_syslog_server(text: str) -> None:
    with pytest.raises(BadValue, match="is not a syslog server"):
        syslog(text)


def _hooks(folder: Path, *words: str) -> Any:
    document = files.changed(files.CERTIFICATE, "hooks.post_install", list(words))
    configuration = load(files.write_all(folder, certificates={"a": document}))
    return configuration.certificates["a"].hooks.post_install, configuration.warnings


def test_the_program_of_a_hook(tmp_path: Path) -> None:
    """A path is relative to the profile; a plain name is looked for; arguments are taken as they are."""
    script = tmp_path / "profiles/certificates/reload"
    script.parent.mkdir(parents=True)
    script.write_text("#!/bin/sh\n", "utf-8")
    script.chmod(0o755)
    assert _hooks(tmp_path, "./reload", "./${HOME}", "") == ((str(script), "./${HOME}", ""), ())
    assert _hooks(tmp_path, "true", "a b") == (("true", "a b"), ())


def test_a_missing_program_is_a_warning(tmp_path: Path) -> None:
    """A script that is gone must not keep certificates from being renewed."""
    hook, warnings = _hooks(tmp_path, "/no/such/program")
    assert hook == ("/no/such/program",)
    assert any("hooks.post_install: there is no program /no/such/program, or it may not" in line for line in warnings)
