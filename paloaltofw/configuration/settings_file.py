"""config.yaml: where it is found, and what it says."""

from __future__ import annotations

import os
from pathlib import Path

from paloaltofw.clock import DAY, HOUR
from paloaltofw.configuration.addresses import check_pem, scm_url, token_url
from paloaltofw.configuration.names import email, free_text
from paloaltofw.configuration.notification_sections import read_channels, syslog
from paloaltofw.configuration.problems import Findings, Position, sorted_problems
from paloaltofw.configuration.rules import (
    DURATION_PATTERN,
    LONGEST,
    BadValue,
    Rule,
    duration,
    duration_schema,
    expand,
    integer,
    one_of,
    string_schema,
    takes,
    text_schema,
    written_duration,
)
from paloaltofw.configuration.yaml_document import Section, read_document
from paloaltofw.errors import ConfigurationError, UsageError
from paloaltofw.model.account import DEFAULT_TOKEN_URL
from paloaltofw.model.settings import DEFAULT_PENDING_ALARM, Settings

ENVIRONMENT_VARIABLE = "sectigo_pycert_config"
DEFAULT_FILE = Path(__file__).resolve().parents[1] / "config.yaml"
SYSTEM_FILE = Path("/etc/paloaltoagent/config.yaml")
# Each firewall waits mostly for its own management plane; this many at a time keep a small host busy but not pressed.
DEFAULT_CONCURRENCY = 64
LEVELS = ("debug", "info", "warning", "error")
LOG_FORMATS = ("text", "json")


def find_file(option: str | None) -> Path:
    """`--config`, else the environment variable, else the first config.yaml that is not a template (contract.md §2).

    Raises UsageError if there is none.
    """
    named = option or os.environ.get(ENVIRONMENT_VARIABLE)
    if named:
        return _named_file(Path(named).expanduser().absolute(), "--config" if option else f"${ENVIRONMENT_VARIABLE}")
    for file in (DEFAULT_FILE, SYSTEM_FILE):
        if file.is_file() and not _is_template(file):
            return file
    remedy = f"run `paloaltoagent init`, or name one with --config FILE or ${ENVIRONMENT_VARIABLE}"
    raise UsageError("there is no configuration yet", remedy=remedy)


def _named_file(file: Path, source: str) -> Path:
    try:
        file.stat()
    except FileNotFoundError:
        remedy = f"correct {source}, or write a configuration with `paloaltoagent init FOLDER`"
        raise UsageError(f"there is no file {file}", remedy=remedy) from None
    except OSError:
        return file  # reading it reports the error
    return file


def _is_template(file: Path) -> bool:
    """Whether nobody has written yet where SCM is."""
    try:
        return "//CUSTOMER." in file.read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        return False  # reading it reports the error


def position_of(file: Path, key: str) -> Position:
    """Where config.yaml says the value of a key like `scm.credentials`; its beginning, where that is by default."""
    document = read_document(file, Findings())
    *sections, name = key.split(".")
    for section in sections:
        document = document.section(section) if document is not None else None
    return document.at(name) if document is not None and document.has(name) else Position(file, 1, 1)


def profile_folders(file: Path) -> tuple[Path, Path] | None:
    """The folders of certificate and of firewall profiles; None where config.yaml cannot be read. No more is read."""
    document = read_document(file, Findings())
    return _profile_folders(document.section("profiles"), file.parent) if document is not None else None


def _profile_folders(section: Section, base: Path) -> tuple[Path, Path]:
    certificates = section.value_or("certificates", _path(base), base / "profiles/certificates")
    return certificates, section.value_or("firewalls", _path(base), base / "profiles/firewalls")


def state_folder(file: Path) -> Path | None:
    """The state folder; None where config.yaml cannot be read. No more is read."""
    document = read_document(file, Findings())
    return _state_folder(document.section("state"), file.parent) if document is not None else None


def _state_folder(section: Section, base: Path) -> Path:
    return section.value_or("path", _path(base), base / "state")


def load_settings(file: Path) -> Settings:
    """Read and validate config.yaml alone; raises ConfigurationError."""
    findings = Findings()
    settings = read_settings(file, findings)
    if settings is None or findings.problems:
        raise ConfigurationError(sorted_problems(findings))
    return settings


def read_settings(file: Path, findings: Findings) -> Settings | None:
    """Read config.yaml; None, with the problems recorded, if the other files cannot be found by it."""
    document = read_document(file, findings)
    return settings_of(file, document, findings) if document else None


def settings_of(file: Path, document: Section, findings: Findings) -> Settings | None:
    """What a document says, which `file` holds; None if the other files cannot be found by it."""
    before = len(findings.problems)
    base = file.parent
    scm = document.section("scm", required=True)
    profiles, state = document.section("profiles"), document.section("state")
    logs, issuance = document.section("logging"), document.section("issuance")
    renewal, encryption = document.section("renewal"), document.section("encryption")
    metrics = document.section("metrics")
    path = _path(base)
    certificate_folder, firewall_folder = _profile_folders(profiles, base)
    settings = Settings(
        file=file,
        scm_url=scm.value("url", scm_url, required=True) or "",
        token_url=scm.value_or("token_url", token_url, DEFAULT_TOKEN_URL),
        credentials=scm.value_or("credentials", path, base / "profiles/sectigo_credentials.yaml"),
        ca_bundle=scm.value("ca_bundle", _pem_file(base)),
        scm_timeout=scm.value_or("timeout", duration(1, HOUR), 30.0),
        certificate_folder=certificate_folder,
        firewall_folder=firewall_folder,
        state=_state_folder(state, base),
        concurrency=document.value_or("concurrency", integer(1, 500), DEFAULT_CONCURRENCY),
        log_level=logs.value_or("level", one_of(*LEVELS), "info"),
        log_file=logs.value_or("path", path, base / "logs") / logs.value_or("file", _file_name, "paloaltoagent.log"),
        issuance_wait=issuance.value_or("wait", duration(0, DAY), 300.0),
        lost_answer=issuance.value_or("lost_answer", one_of("resubmit", "hold"), "resubmit"),
        revocation_check=issuance.value_or("revocation_check", _revocation_check, 12.0 * HOUR),
        renew_before_days=renewal.value("renew_before_days", integer(1, 397)),
        gpg_recipient=encryption.value("recipient", gpg_recipient_name),
        gpg_passphrase_file=encryption.value("passphrase_file", path),
        gpg_home=encryption.value("gnupg_home", path),
        order_limit=issuance.value("order_limit", _order_limit),
        pending_alarm=issuance.value_or("pending_alarm", duration(0, LONGEST), DEFAULT_PENDING_ALARM),
        log_format=logs.value_or("format", one_of(*LOG_FORMATS), "text"),
        syslog=logs.value("syslog", syslog),
        notifications=read_channels(document),
        metrics_textfile=metrics.value("textfile", path),
    )
    for section in (scm, profiles, state, logs, issuance, renewal, encryption, metrics, document):
        section.close()
    # Without these the other files cannot be found; what stands in them is validated even if a value here is wrong.
    if not settings.scm_url and len(findings.problems) == before:
        return None
    return settings


def _path(base: Path) -> Rule[Path]:
    @takes(text_schema(minLength=1), lambda path: os.path.relpath(path, base))
    def rule(text: str) -> Path:
        expanded = expand(text.strip())
        if not expanded or not expanded.isprintable():
            raise BadValue(f"{text!r} is not a path", "a path, relative to this file or absolute")
        return Path(os.path.normpath(base / Path(expanded).expanduser()))

    return rule


def _pem_file(base: Path) -> Rule[Path]:
    @takes(text_schema(minLength=1))
    def rule(text: str) -> Path:
        path = _path(base)(text)
        check_pem(path)
        return path

    return rule


@takes(text_schema("[^/]+", maxLength=255))
def _file_name(text: str) -> str:
    name = free_text(255)(text)
    if "/" in name or name in (".", ".."):
        raise BadValue(f"{text!r} is not a file name", "the folder stands under logging.path")
    return name


@takes({"anyOf": [{"enum": ["never"]}, *duration_schema(0, LONGEST)["anyOf"]]}, written_duration)
def _revocation_check(text: str) -> float:
    return float("inf") if text == "never" else duration(0, LONGEST)(text)


@takes(string_schema(rf"auto|\s*[+-]?\d{{1,12}}\s*/\s*(?:{DURATION_PATTERN})\s*", default="auto"))
def _order_limit(text: str) -> tuple[int, float] | None:
    if text == "auto":
        return None
    count, slash, span = text.partition("/")
    if not slash:
        raise BadValue(f"{text!r} is not allowed", "auto, or orders in a time, for example 2/30d")
    return integer(1, 100)(count.strip()), duration(60, LONGEST)(span)


@takes(text_schema(r"\s*[^-\s].*", maxLength=255))
def gpg_recipient_name(text: str) -> str:
    """A rule: what names a GPG key."""
    name = free_text(255)(text)
    if name.startswith("-"):
        raise BadValue(f"{text!r} is not a GPG key ID or e-mail address", "for example admin@example.com")
    return name if "@" not in name else email(name)
