"""A clean environment for every test: no proxies, no stray configuration, no colour."""

from __future__ import annotations

import os

import pytest

_STRAY = (
    "sectigo_pycert_config", "SECTIGO_ACCEPT_EULA", "SECTIGO_GPG_PASSPHRASE", "PALOALTOAGENT_SANDBOX_PACE",
    "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE",
)  # fmt: skip


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name in _STRAY or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
