"""A clean environment for every test: no proxies, no stray configuration, no colour."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import Phase, settings

from paloaltofw import secret
from paloaltofw.sandbox.panos.ha_pair import WRITES_TO_PASSIVE
from tests.observer import watching

# The same examples in every run: what passes here passes everywhere.
settings.register_profile("same", derandomize=True, database=None, deadline=None)
settings.load_profile("same")
# Under mutmut a failure is all that is asked for, not the smallest one; and a busy machine must not look like one.
settings.register_profile(
    "mutants", settings.get_profile("same"), phases=(Phase.explicit, Phase.generate), deadline=None
)
GPGCONF = shutil.which("gpgconf") or "gpgconf"

_STRAY = (
    "sectigo_pycert_config", "SECTIGO_ACCEPT_EULA", "SECTIGO_GPG_PASSPHRASE", "PALOALTOAGENT_SANDBOX_PACE",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--whole", action="store_true", help="sweeps leave no point out (hours)")


@pytest.fixture
def stride(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """Every how many-th point a sweep takes: as it says, or all of them with `--whole`."""
    return lambda usual: 1 if request.config.getoption("--whole") else usual


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Say what a sweep counted; the end of the test run shows it."""
    return lambda text: record_property("figures", text)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.getreports(kind)]
    told = [value for report in reports for name, value in report.user_properties if name == "figures"]
    if told:
        terminalreporter.section("what the sweeps counted")
        terminalreporter.write_line("\n".join(str(value) for value in told))


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in _STRAY or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier test kept secret, perhaps a plain word, must not be blotted out of what this one reads."""
    monkeypatch.setattr(secret, "_FORMS", {})


@pytest.fixture(autouse=True)
def _observer() -> Iterator[None]:
    """In every test: no run of the agent deletes a certificate that something uses."""
    with watching() as seen:
        yield
    assert seen.deleted == []


@pytest.fixture(autouse=True)
def writes_to_passive() -> Iterator[list[str]]:
    """No change may reach a unit of an HA pair that is not the active one; a test that makes one clears the list."""
    WRITES_TO_PASSIVE.clear()
    yield WRITES_TO_PASSIVE
    found = list(WRITES_TO_PASSIVE)
    WRITES_TO_PASSIVE.clear()
    assert found == [], "a change reached a passive unit"


@pytest.fixture
def home() -> Iterator[Path]:
    # gpg-agent's socket needs a short path, which pytest's folders do not have.
    with tempfile.TemporaryDirectory(prefix="gpg") as folder:
        Path(folder).chmod(0o700)
        yield Path(folder)
        subprocess.run([GPGCONF, "--homedir", folder, "--kill", "all"], check=True)
