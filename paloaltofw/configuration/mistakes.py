"""Mistakes that many people make, recognised by what they leave in a file or an address."""

from __future__ import annotations

import re
import urllib.parse
from collections.abc import Collection, Iterator
from pathlib import Path

from paloaltofw.configuration.problems import Position

# Keys that only one kind of file has, and that every file of this kind has at least two of.
_KINDS = {
    "a certificate profile": ({"account", "firewall", "subject", "sans"}, "profiles.certificates"),
    "a firewall profile": ({"url", "admin", "api_key", "verify_tls", "vsys"}, "profiles.firewalls"),
    "a config.yaml": ({"profiles", "state", "logging", "issuance", "encryption"}, ""),
}
_INDENTED_BY_TAB = re.compile(r" *\t")
# An unquoted * begins an alias, so a wildcard name breaks off there.
_BARE_STAR = re.compile(r".*?(?:^|[\s\[,])(\*)\.")
_CUT_SECRET = re.compile(r"\s*(api_key|client_secret)\s*:[ \t]+[^\s\"'#|>&*!].*?[ \t]#\S")
# Where people log in to SCM. The enrollment API is on hosts that are called enroll (scm.md §1).
_PORTAL = re.compile(
    r"https?://(?![^/]*enroll)(?:[^/]*\bcert-manager\.com|admin\.[^/]*sectigo\.com|[^/]*/customer/)", re.I
)
_WEB_INTERFACE = re.compile(r"/(?:php|ui|unauth|login|esp)\b|/index\.|/?#", re.I)


def other_kind(keys: Collection[str], expected: str) -> tuple[str, str] | None:
    """What a file is instead of `expected`, and where such a file belongs; None if it may be what it should be."""
    if len(_KINDS[expected][0] & set(keys)) > 1:
        return None
    for kind, (signs, key) in _KINDS.items():
        if kind != expected and len(signs & set(keys)) > 1:
            return f"is {kind}", f"move it to the folder that {key} names" if key else "move it away"
    return None


def tab_at(content: bytes, path: Path, line: int) -> Position | None:
    """Where a tab indents a line, at or right before the line (from 1) at which YAML gave up."""
    lines = content.decode("utf-8", "replace").splitlines()
    for number in (line, line - 1):
        if 0 < number <= len(lines) and (match := _INDENTED_BY_TAB.match(lines[number - 1])):
            return Position(path, number, match.end())
    return None


def star_at(content: bytes, path: Path, line: int) -> Position | None:
    """Where a wildcard name without quotes stands in the line (from 1) at which YAML gave up."""
    lines = content.decode("utf-8", "replace").splitlines()
    match = _BARE_STAR.match(lines[line - 1]) if 0 < line <= len(lines) else None
    return Position(path, line, match.start(1) + 1) if match else None


def cut_secrets(content: bytes, path: Path) -> Iterator[str]:
    """Say of each secret without quotes that it ends where ` #` begins a comment. The secret is not shown."""
    for number, line in enumerate(content.decode("utf-8", "replace").splitlines(), start=1):
        match = _CUT_SECRET.match(line)
        if match:
            key = match.group(1)
            what = (
                f"{Position(path, number, match.end())}: {key}: a blank and # begin a comment, so the value ends there"
            )
            yield f"{what}; put it in quotes if the # belongs to it, or a blank behind the # if it does not"


def is_portal(text: str) -> bool:
    """Whether an address is that of SCM's portal, not of its API."""
    return bool(_PORTAL.match(text))


def web_interface_of(text: str) -> str | None:
    """The address in the URL of a page of a firewall's web interface; None if it is none."""
    try:
        url = urllib.parse.urlsplit(text)
        page = text.split("://", 1)[-1].removeprefix(url.netloc)
        is_page = bool(url.hostname) and "@" not in url.netloc and _WEB_INTERFACE.match(page)
    except ValueError:
        return None
    return f"https://{url.netloc}" if is_page else None
