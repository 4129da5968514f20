"""Reads a firewall profile's file."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from paloaltofw.clock import DAY, HOUR
from paloaltofw.configuration.addresses import management_url, read_trust
from paloaltofw.configuration.credentials_file import PLACEHOLDER, notice_secrets, secret_value, warn_if_exposed
from paloaltofw.configuration.mistakes import other_kind
from paloaltofw.configuration.names import free_text, panos_name
from paloaltofw.configuration.panorama_section import read_panorama
from paloaltofw.configuration.problems import Findings
from paloaltofw.configuration.rules import BadValue, duration, one_of, string_schema, takes, text_schema
from paloaltofw.configuration.yaml_document import Section, read_document
from paloaltofw.model.commit_window import ALWAYS, DAY_MINUTES, DAYS, CommitWindow
from paloaltofw.model.firewall_profile import DEFAULT_DESCRIPTION, LOCKS, FirewallProfile, HaPeer
from paloaltofw.secret import Secret

# Not documented by the vendor for commits; 512 is what PAN-OS accepts in other descriptions, less room for order IDs.
DESCRIPTION_LIMIT = 255


def read_firewall_profile(
    path: Path, findings: Findings, content: bytes | None = None, lacks: str = ""
) -> FirewallProfile | None:
    """Read one firewall profile, or its decrypted content; None, with the problems recorded, if it is wrong.

    `lacks`: the key that is about to be written, `api_key` or `verify_tls`, or the same of `ha_peer` in dots. Then
    what stands there does not matter, and no other API key is needed.
    """
    before = len(findings.problems)
    document = read_document(path, findings, content)
    if document is None:
        return None
    notice_secrets(document)
    if other := other_kind(document.keys(), "a firewall profile"):
        document.refuse("", *other)
        return None
    if content is None:
        warn_if_exposed(path, findings)
    profile = profile_of(path, document, lacks)
    document.close()
    return profile if len(findings.problems) == before else None


def profile_of(path: Path, document: Section, lacks: str = "") -> FirewallProfile | None:
    """What a document says, which `path` holds; None if it lacks something."""
    url = document.value("url", management_url, required=True)
    admin = document.value("admin", panos_name, required=True)
    if lacks:
        rule = _replaceable if lacks == "api_key" else _ignored
        api_key: Secret | None = document.value_or("api_key", rule, Secret(""))
    else:
        api_key = _api_key(document, path.stem)
    description = document.value_or("commit_description", free_text(DESCRIPTION_LIMIT), DEFAULT_DESCRIPTION)
    vsys = document.value_or("vsys", vsys_name, "shared")
    chain = document.value_or("chain", one_of("separate", "bundle"), "separate")
    trust = read_trust(document, "verify_tls", is_replaced=lacks == "verify_tls")
    timeout = document.value_or("timeout", duration(1, HOUR), 60.0)
    commit_timeout = document.value_or("commit_timeout", duration(10, DAY), 1200.0)
    busy_wait = document.value_or("busy_wait", duration(0, DAY), 300.0)
    window = read_window(document.section("commit_window"))
    trust_own = document.boolean("trust_own", default=False)
    lock = document.value_or("lock", one_of(*LOCKS), "none")
    validates = document.boolean("validate", default=False)
    ha_sync_timeout = document.value_or("ha_sync_timeout", duration(0, DAY), 600.0)
    peer = _ha_peer(document, url, HaPeer("", api_key or Secret(""), trust), lacks)
    panorama = read_panorama(document, vsys)
    if url is None or admin is None or api_key is None:
        return None
    return FirewallProfile(
        id=path.stem, url=url, admin=admin, api_key=api_key, commit_description=description, vsys=vsys, chain=chain,
        trust=trust, timeout=timeout, commit_timeout=commit_timeout, busy_wait=busy_wait, commit_window=window,
        trust_own=trust_own, lock=lock, validates=validates, ha_peer=peer, ha_sync_timeout=ha_sync_timeout,
        panorama=panorama,
    )  # fmt: skip


def _ha_peer(document: Section, url: str | None, first: HaPeer, lacks: str) -> HaPeer | None:
    """The other unit of an HA pair; key and trust are those of the first one where it has none of its own."""
    section = document.section("ha_peer")
    if not document.has("ha_peer"):
        return None
    peer_url = section.value("url", management_url, required=True)
    unneeded = _ignored if lacks else secret_value
    rule = _replaceable if lacks == "ha_peer.api_key" else unneeded
    api_key = section.value("api_key", rule) or first.api_key
    has_trust = section.has("verify_tls")
    trust = read_trust(section, "verify_tls", is_replaced=lacks == "ha_peer.verify_tls")
    section.close()
    if peer_url is None:
        return None
    if peer_url == url:
        section.refuse("url", "is the address of the first unit too", "write the address of the other unit")
    return HaPeer(peer_url, api_key, trust if has_trust else first.trust)


def _api_key(document: Section, firewall: str) -> Secret | None:
    """The key; where there is none yet, the command that gets one is named."""
    problems = document.findings.problems
    before = len(problems)
    key = document.value("api_key", secret_value, required=True)
    for number, problem in enumerate(problems[before:], start=before):
        if problem.what in ("is missing", "has no value", PLACEHOLDER):
            quotes = " (in quotes, if it begins with #)" if problem.what == "has no value" else ""
            remedy = f"run `paloaltoagent keygen --firewall {firewall}`, or write one{quotes}"
            problems[number] = replace(problem, allowed=remedy)
    return key


@takes(text_schema())
def _replaceable(text: str) -> Secret:
    if "${" in text or text.strip().startswith("file:"):
        raise BadValue("is taken from elsewhere", "put the new key there by hand, or put any text here instead")
    return Secret("")


@takes(text_schema())
def _ignored(text: str) -> Secret:
    return Secret("")


@takes(string_schema(r"shared|vsys[1-9]\d{0,2}"))
def vsys_name(text: str) -> str:
    """A rule: shared, or a vsys by its number."""
    if text == "shared" or re.fullmatch(r"vsys[1-9]\d{0,2}", text):
        return text
    raise BadValue(f"{text!r} is not allowed", "allowed: shared, vsys1, vsys2 …")


_HOURS = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-4]):([0-5]\d)")


def read_window(section: Section) -> CommitWindow:
    """Read `commit_window`: `days` (all without it) and `hours` (the whole day without it)."""
    days = section.values_or("days", _day, tuple(sorted(ALWAYS.days)))
    start, end = section.value_or("hours", _hours, (0, DAY_MINUTES))
    section.close()
    return CommitWindow(frozenset(days), start, end)


@takes({"enum": [*DAYS]}, lambda day: DAYS[day])
def _day(text: str) -> int:
    if text not in DAYS:
        raise BadValue(f"{text!r} is not a day", f"allowed: {', '.join(DAYS)}")
    return DAYS.index(text)


@takes(string_schema(r" *\d\d *: *\d\d *- *\d\d *: *\d\d *"), lambda span: "-".join(map(_clock_time, span)))
def _hours(text: str) -> tuple[int, int]:
    match = _HOURS.fullmatch(text.replace(" ", ""))
    numbers = [int(group) for group in match.groups()] if match else [0, 0, 0, 0]
    start, end = numbers[0] * 60 + numbers[1], numbers[2] * 60 + numbers[3]
    if start == end or end > DAY_MINUTES:
        raise BadValue(f"{text!r} is not a span of hours", "for example 22:00-04:00")
    return start, end


def _clock_time(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
