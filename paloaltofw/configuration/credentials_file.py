"""Reads the SCM credentials file, and the secrets of all files."""

from __future__ import annotations

import re
from pathlib import Path

from paloaltofw.configuration.addresses import scm_url, token_url
from paloaltofw.configuration.names import free_text
from paloaltofw.configuration.problems import Findings
from paloaltofw.configuration.rules import BadValue, expand, takes, text_schema
from paloaltofw.configuration.yaml_document import Section, read_document
from paloaltofw.model.account import Account
from paloaltofw.safe_files import is_exposed
from paloaltofw.secret import Secret

PLACEHOLDER = "is still the sample's placeholder"
_SECRET_KEYS = ("api_key", "client_secret")
# Long, of letters in both cases and digits, and not a name with a dot or a path: what keys and tokens are made of.
_LOOKS_SECRET = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/=_-]{24,}")

# What people call files and folders; the characters of a secret are of more kinds.
_FILE_NAME = re.compile(r"(?!(?=.*[a-z])(?=.*[A-Z])(?=.*\d).{16})[A-Za-z0-9._~ -]{0,64}")


def notice_secrets(document: Section) -> None:
    """Know the secrets of a file before anything in it is refused: one in the wrong place is not shown either."""
    for key, text in document.texts():
        text = text.strip()
        is_odd_key = not key and len(text) > 16 and not re.fullmatch("[a-z_]+", text)
        if key in _SECRET_KEYS or is_odd_key or _LOOKS_SECRET.fullmatch(text):
            for part in _secret_parts(text):
                Secret(part)


def _secret_parts(text: str) -> list[str]:
    """What of a text is not to be shown: of `file:PATH` only what is no name of a file or folder."""
    if not text.startswith("file:"):
        return [text]
    names = text.removeprefix("file:").split("/")
    odd = [name for name in names if not _FILE_NAME.fullmatch(name) or _LOOKS_SECRET.fullmatch(name)]
    return [text, text.removeprefix("file:/"), *odd] if odd else []


@takes(text_schema(minLength=1))
def secret_value(text: str) -> Secret:
    """A rule: a secret that can travel in a header or form; errors never show it."""
    value = expand(text.strip())
    if value.startswith("file:"):
        value = _secret_of_file(Path(value.removeprefix("file:")).expanduser())
    if not value:
        raise BadValue("is empty", "write the value, ${VARIABLE} or file:PATH")
    if value.endswith(("...", "…")):
        raise BadValue(PLACEHOLDER, "write your own")
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
        status = path.stat()
    except OSError:
        return  # reading it reports the error
    if is_exposed(status):
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
    for label in document.keys():  # noqa: SIM118 - a method of Section, not a dict
        notice_secrets(document.section(label))
    return accounts_of(document, default_url)


def accounts_of(document: Section, default_url: str | None) -> dict[str, Account]:
    """What a document says: label -> account."""
    accounts = {}
    for label in document.keys():  # noqa: SIM118 - a method of Section, not a dict
        section = document.section(label, required=True)
        client_id = section.value("client_id", _client_id, required=True)
        client_secret = section.value("client_secret", secret_value, required=True)
        url = section.value("scm_url", scm_url) or default_url
        tokens = section.value("token_url", token_url) or ""
        section.close()
        if client_id and client_secret and url:
            accounts[label] = Account(label, client_id, client_secret, url, tokens)
    return accounts


@takes(text_schema(minLength=1))
def _client_id(text: str) -> str:
    return free_text(256)(expand(text))
