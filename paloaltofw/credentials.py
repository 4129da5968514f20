"""SCM accounts, and the type that keeps secrets from being shown."""

from __future__ import annotations

import re
import stat
import urllib.parse
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.addresses import scm_url
from paloaltofw.documents import BadValue, Findings, Section, expand, read_document
from paloaltofw.values import free_text

# Every secret that this process has met, in each form in which a library might show it, for the last line of defence in
# `redact`. A dictionary keeps one of each and may be read while another thread adds to it.
_FORMS: dict[str, None] = {}
_SHORTEST_REDACTED = 4
_SECRET_KEYS = ("api_key", "client_secret")
# Long, of letters in both cases and digits, and not a name with a dot or a path: what keys and tokens are made of.
_LOOKS_SECRET = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/=_-]{24,}")


class Secret:
    """A value that is never shown: `str`, `repr` and formatting give ***. `reveal` is called where it is sent."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST_REDACTED:
            for form in (value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)):
                _FORMS[form] = None

    def reveal(self) -> str:
        """The value itself, for the one line that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")


def notice_secrets(document: Section) -> None:
    """Know the secrets of a file before anything in it is refused: one in the wrong place is not shown either."""
    for key, text in document.texts():
        text = text.strip()
        is_odd_key = not key and len(text) > 16 and not re.fullmatch("[a-z_]+", text)
        if key in _SECRET_KEYS or is_odd_key or _LOOKS_SECRET.fullmatch(text):
            Secret(text)
            Secret(text.removeprefix("file:/"))


def redact(text: str) -> str:
    """A text without any secret that this process has met, also where it is percent-encoded."""
    found = [form for form in tuple(_FORMS) if form in text]
    for form in sorted(found, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


@dataclass(frozen=True)
class Account:
    """One SCM REST account. It fixes certificate type, term and organization (fact sheet SCM §2.1)."""

    label: str
    client_id: str
    client_secret: Secret
    scm_url: str


def secret(text: str) -> Secret:
    """A rule: a secret that can travel in a header or form; errors never show it."""
    value = expand(text.strip())
    if value.startswith("file:"):
        value = _secret_of_file(Path(value.removeprefix("file:")).expanduser())
    if not value:
        raise BadValue("is empty", "write the value, ${VARIABLE} or file:PATH")
    if value.endswith(("...", "…")):
        raise BadValue("is still the sample's placeholder", "write your own")
    if not value.isascii() or not value.isprintable() or len(value) > 4096:
        raise BadValue("holds characters that a credential cannot have", "copy it again, without line breaks")
    return Secret(value)


def _secret_of_file(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        raise BadValue(f"the file {path} cannot be read: {reason}", "correct the path or the file's rights") from None


def warn_if_exposed(path: Path, findings: Findings) -> None:
    """Warn about a plain credentials file that group or others may read."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # reading it reports the error
    if mode & (stat.S_IRGRP | stat.S_IROTH):
        findings.warnings.append(f"{path}: holds credentials and is readable by others; run: chmod 600 {path}")


def read_accounts(
    path: Path, default_url: str | None, findings: Findings, content: bytes | None = None
) -> dict[str, Account]:
    """Read the SCM credentials file, or its decrypted content: label -> account."""
    document = read_document(path, findings, content)
    if document is None:
        return {}
    if content is None:
        warn_if_exposed(path, findings)
    accounts = {}
    for label in document.keys():  # noqa: SIM118 - a method of Section, not a dict
        notice_secrets(document.section(label))
    for label in document.keys():  # noqa: SIM118 - a method of Section, not a dict
        section = document.section(label, required=True)
        client_id = section.value("client_id", lambda text: free_text(256)(expand(text)), required=True)
        client_secret = section.value("client_secret", secret, required=True)
        url = section.value("scm_url", scm_url) or default_url
        section.close()
        if client_id and client_secret and url:
            accounts[label] = Account(label, client_id, client_secret, url)
    return accounts
