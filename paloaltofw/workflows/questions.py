"""What `init` asks: each question with its rule, which is the reader's own, and its default."""

from __future__ import annotations

import os
import re
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.configuration.addresses import check_pem, management_url, read_pin, scm_url, token_url
from paloaltofw.configuration.certificate_profile_file import FILE_STEM, TYPES
from paloaltofw.configuration.countries import unknown_country
from paloaltofw.configuration.credentials_file import secret_value
from paloaltofw.configuration.firewall_profile_file import vsys_name
from paloaltofw.configuration.gpg import PASSPHRASE_VARIABLE
from paloaltofw.configuration.names import (
    certificate_name,
    common_name,
    country_code,
    dns_name,
    free_text,
    ip_address,
    panos_name,
)
from paloaltofw.configuration.new_files import Answers, parts
from paloaltofw.configuration.rules import BadValue, expand, one_of
from paloaltofw.configuration.settings_file import gpg_recipient_name
from paloaltofw.model.account import DEFAULT_TOKEN_URL
from paloaltofw.model.firewall_objects import CERTIFICATE_NAME_LIMIT

KEYS = ("RSA 2048", "RSA 3072", "RSA 4096", "ECDSA P256", "ECDSA P384")
DEFAULT_KEY = "RSA 2048"
PASSPHRASE_FILE = "gpg-passphrase"  # nosec B105  # a file name

Check = Callable[[str, Answers], str]
"""Turns what was typed into what is written, or raises BadValue with the reader's words."""


@dataclass(frozen=True)
class Question:
    """One question. `default` is None where there is none; `is_asked` says whether earlier answers leave it open.

    An optional one takes an empty answer for "left out".
    """

    key: str
    text: str
    check: Check
    default: Callable[[Answers], str | None] = lambda answers: None
    is_asked: Callable[[Answers], bool] = lambda answers: True
    is_optional: bool = False
    is_hidden: bool = False

    def answer(self, typed: str, answers: Answers) -> str:
        """What is written for this answer; raises BadValue."""
        if not typed.strip() and self.is_optional:
            return ""
        return self.check(typed, answers)


def _read_by(*rules: Callable[[str], object]) -> Check:
    """As it was typed, if the readers take it."""

    def check(text: str, answers: Answers) -> str:
        for rule in rules:
            rule(text)
        return text

    return check


def _written_as_read(rule: Callable[[str], str]) -> Check:
    return lambda text, answers: rule(text)


def _path(text: str) -> str:
    """An absolute path: what is typed is relative to where the user is, what is written to the file's folder."""
    path = str(Path(expand(text.strip())).expanduser().absolute())
    if "${" in path or not path.isprintable():
        raise BadValue(f"{text!r} is not a path", "a path, absolute or relative to this folder")
    return path


def _pem(text: str, answers: Answers) -> str:
    path = _path(text)
    check_pem(Path(path))
    return path


def _trust(text: str, answers: Answers) -> str:
    if text in ("true", "pin"):
        return text
    if text.lower().startswith("sha256:"):
        read_pin(text)
        return text
    return _pem(text, answers)


def _secret(text: str, answers: Answers) -> str:
    text = text.strip()
    if text.startswith("file:"):
        text = f"file:{_path(text.removeprefix('file:'))}"
    secret_value(text)
    return text


def _file_stem(text: str) -> str:
    name = text.strip().removesuffix(".yaml")
    if not FILE_STEM.fullmatch(name):
        raise BadValue(f"{text!r} cannot name a file of a profile", "letters, digits, . - _, at most 100 characters")
    return name


def _certificate(text: str) -> str:
    return certificate_name(text.strip().removesuffix(".yaml"))


def _common_name(text: str, answers: Answers) -> str:
    common_name(text)
    _refuse_wildcard(text, answers)
    return text


def _sans(text: str, answers: Answers) -> str:
    for part in parts(text):
        _san(part)
        _refuse_wildcard(part, answers)
    return text


def _san(text: str) -> None:
    try:
        ip_address(text)
    except BadValue:
        dns_name(text)


def _refuse_wildcard(name: str, answers: Answers) -> None:
    if answers["type"] == "EV" and name.startswith("*."):
        raise BadValue(f"EV certificates cannot hold the wildcard {name}", "give names without *")


def _country(text: str) -> str:
    code = country_code(text.strip().upper())
    what, _, hint = unknown_country(code).partition("; ")
    if what:
        raise BadValue(what, hint)
    return code


def _key(text: str) -> str:
    plain = re.sub(r"[\s_-]", "", text).upper()
    for key in KEYS:
        if plain in (key.replace(" ", ""), key.partition(" ")[2]):
            return key
    raise BadValue(f"{text!r} is not allowed", f"allowed: {', '.join(KEYS)}")


def _bind(text: str, answers: Answers) -> str:
    for part in parts(text):
        panos_name(part)
    return text


def _yes_or_no(text: str) -> str:
    return one_of("yes", "no")({"y": "yes", "n": "no"}.get(text.strip().lower(), text.strip().lower()))


def _passphrase_file(text: str) -> str:
    # A name alone is a file beside config.yaml, which is where the default is.
    return text if text == PASSPHRASE_FILE else _path(text)


def _is_organization_shown(answers: Answers) -> bool:
    return answers["type"] != "DV"


def _is_passphrase_needed(answers: Answers) -> bool:
    is_known = answers["gpg_recipient"] or os.environ.get(PASSPHRASE_VARIABLE)
    return answers["encrypt"] == "yes" and not is_known


def _host_name(answers: Answers) -> str | None:
    """The firewall's own name is a likely first certificate: that of its portal or its web interface."""
    try:
        host = urllib.parse.urlsplit(management_url(answers["firewall_url"])).hostname or ""
        return common_name(host) if "." in host else None
    except BadValue:
        return None


def _certificate_name(answers: Answers) -> str:
    name = re.sub(r"[^a-z0-9-]", "-", common_name(answers["common_name"]).replace("*", "wildcard"))
    return name[:CERTIFICATE_NAME_LIMIT].strip("-") or "certificate"


def _constant(text: str) -> Callable[[Answers], str | None]:
    return lambda answers: text


QUESTIONS = (
    Question("scm_url", "SCM's enrollment API URL (in SCM: Enrollment > REST)", _read_by(scm_url)),
    Question("token_url", "Token URL", _read_by(token_url), _constant(DEFAULT_TOKEN_URL)),
    Question(
        "ca_bundle", "PEM file of CAs to trust for SCM (empty: the system's)", _pem, _constant(""), is_optional=True
    ),
    Question("type", "Certificate type (DV, OV, EV)", _written_as_read(one_of(*TYPES)), _constant("DV")),
    Question(
        "account",
        "Name for the SCM account of this type",
        _written_as_read(free_text(100)),
        lambda answers: f"{answers['type']}_ACCOUNT",
    ),
    Question("client_id", "Client ID", _read_by(lambda text: free_text(256)(expand(text)))),
    Question("client_secret", "Client secret (or file:PATH, or ${VARIABLE})", _secret, is_hidden=True),
    Question("firewall", "Name for the firewall", _written_as_read(_file_stem), _constant("fw-edge")),
    Question("firewall_url", "Address of its management interface", _read_by(management_url)),
    Question("admin", "The agent's administrator on it", _read_by(panos_name), _constant("svc-certs")),
    Question("vsys", "Where certificates live (shared, vsys1 …)", _written_as_read(vsys_name), _constant("shared")),
    Question(
        "verify_tls",
        "How to trust it: pin (shown next), true (a public CA signed its certificate), or a PEM file",
        _trust,
        _constant("pin"),
    ),
    Question(
        "api_key",
        "API key (empty: fetched with the administrator's password)",
        _secret,
        _constant(""),
        is_optional=True,
        is_hidden=True,
    ),
    Question("common_name", "Common name of the certificate", _common_name, _host_name),
    Question("sans", "Further names, with commas (empty: none)", _sans, _constant(""), is_optional=True),
    Question(
        "organization",
        "Organization (empty: left out)",
        _read_by(free_text(64)),
        _constant(""),
        _is_organization_shown,
        is_optional=True,
    ),
    Question(
        "locality",
        "City (empty: left out)",
        _read_by(free_text(128)),
        _constant(""),
        _is_organization_shown,
        is_optional=True,
    ),
    Question(
        "state",
        "State or province (empty: left out)",
        _read_by(free_text(128)),
        _constant(""),
        _is_organization_shown,
        is_optional=True,
    ),
    Question(
        "country",
        "Country, two letters (empty: left out)",
        _written_as_read(_country),
        _constant(""),
        _is_organization_shown,
        is_optional=True,
    ),
    Question("key", f"Key ({', '.join(KEYS)})", _written_as_read(_key), _constant(DEFAULT_KEY)),
    Question("certificate", "Its name on the firewall", _written_as_read(_certificate), _certificate_name),
    Question(
        "bind",
        "SSL/TLS service profiles on the firewall that shall use it, with commas (empty: none)",
        _bind,
        _constant(""),
        is_optional=True,
    ),
    Question(
        "encrypt", "Encrypt the files with secrets with GnuPG (yes, no)", _written_as_read(_yes_or_no), _constant("no")
    ),
    Question(
        "gpg_recipient",
        "GPG key ID or e-mail address (empty: a passphrase)",
        _read_by(gpg_recipient_name),
        _constant(""),
        lambda answers: answers["encrypt"] == "yes",
        is_optional=True,
    ),
    Question(
        "gpg_passphrase_file",
        "File of the passphrase",
        _written_as_read(_passphrase_file),
        lambda answers: PASSPHRASE_FILE,
        _is_passphrase_needed,
    ),
)
