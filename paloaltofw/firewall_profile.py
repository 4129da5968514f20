"""The firewall profile: one PAN-OS device and how to reach it."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.addresses import SYSTEM_TRUST, Trust, management_url, read_trust
from paloaltofw.credentials import Secret, notice_secrets, secret, warn_if_exposed
from paloaltofw.documents import BadValue, Findings, Section, duration, one_of, read_document
from paloaltofw.values import free_text, panos_name
from paloaltofw.window import ALWAYS, CommitWindow, read_window

# Not documented by the vendor for commits; 512 is what PAN-OS accepts in other descriptions, less room for order IDs.
DESCRIPTION_LIMIT = 255
DEFAULT_DESCRIPTION = "certificate renewal by the Sectigo connector"


@dataclass(frozen=True)
class FirewallProfile:
    """One PAN-OS device. `timeout`, `commit_timeout` and `busy_wait` are in seconds.

    `chain`: intermediates become entries of their own (separate), or follow the certificate in its entry (bundle).
    """

    id: str
    url: str
    admin: str
    api_key: Secret
    commit_description: str = DEFAULT_DESCRIPTION
    vsys: str = "shared"
    chain: str = "separate"
    trust: Trust = SYSTEM_TRUST
    timeout: float = 60.0
    commit_timeout: float = 1200.0
    busy_wait: float = 300.0
    commit_window: CommitWindow = ALWAYS


def read_firewall_profile(
    path: Path, findings: Findings, content: bytes | None = None, lacks: Collection[str] = ()
) -> FirewallProfile | None:
    """Read one firewall profile, or its decrypted content; None, with the problems recorded, if it is wrong.

    `lacks`: `api_key` or `verify_tls`, where it is about to be written and what stands there now does not matter;
    `any api_key`, where the key is not needed.
    """
    before = len(findings.problems)
    document = read_document(path, findings, content)
    if document is None:
        return None
    if content is None:
        warn_if_exposed(path, findings)
    notice_secrets(document)
    profile = _profile(path, document, lacks)
    document.close()
    return profile if len(findings.problems) == before else None


def _profile(path: Path, document: Section, lacks: Collection[str]) -> FirewallProfile | None:
    url = document.value("url", management_url, required=True)
    admin = document.value("admin", panos_name, required=True)
    if "api_key" in lacks or "any api_key" in lacks:
        rule = _replaceable if "api_key" in lacks else _ignored
        api_key: Secret | None = document.value_or("api_key", rule, Secret(""))
    else:
        api_key = document.value("api_key", secret, required=True)
    description = document.value_or("commit_description", free_text(DESCRIPTION_LIMIT), DEFAULT_DESCRIPTION)
    vsys = document.value_or("vsys", _vsys, "shared")
    chain = document.value_or("chain", one_of("separate", "bundle"), "separate")
    trust = read_trust(document, "verify_tls", is_replaced="verify_tls" in lacks)
    timeout = document.value_or("timeout", duration(1, 3600), 60.0)
    commit_timeout = document.value_or("commit_timeout", duration(10, 86400), 1200.0)
    busy_wait = document.value_or("busy_wait", duration(0, 86400), 300.0)
    window = read_window(document.section("commit_window"))
    if url is None or admin is None or api_key is None:
        return None
    return FirewallProfile(
        id=path.stem, url=url, admin=admin, api_key=api_key, commit_description=description, vsys=vsys, chain=chain,
        trust=trust, timeout=timeout, commit_timeout=commit_timeout, busy_wait=busy_wait, commit_window=window,
    )  # fmt: skip


def _replaceable(text: str) -> Secret:
    if "${" in text or text.strip().startswith("file:"):
        raise BadValue("is taken from elsewhere", "put the new key there by hand, or put any text here instead")
    return Secret("")


def _ignored(text: str) -> Secret:
    return Secret("")


def _vsys(text: str) -> str:
    if text == "shared" or re.fullmatch(r"vsys[1-9]\d{0,2}", text):
        return text
    raise BadValue(f"{text!r} is not allowed", "allowed: shared, vsys1, vsys2 …")
