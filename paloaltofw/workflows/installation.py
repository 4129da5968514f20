"""This very installation: the words that start it, its configuration, and the folders that it writes to."""

from __future__ import annotations

import contextlib
import os
import pwd
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.configuration.settings_file import SYSTEM_FILE, find_file, load_settings
from paloaltofw.errors import UsageError
from paloaltofw.model.settings import Settings

SCRIPT = Path(__file__).resolve().parents[1] / "paloaltoagent.py"
UNIT = "paloaltoagent"
# Where systemd puts the credentials of the unit (systemd.exec(5), LoadCredential=); set only while the unit runs.
CREDENTIALS_VARIABLE = "CREDENTIALS_DIRECTORY"
CREDENTIALS_FOLDER = Path(f"/run/credentials/{UNIT}.service")
DEFAULT_FOLDERS = (Path(f"/var/lib/{UNIT}/state"), Path(f"/var/log/{UNIT}"))
# What needs no quotes in a unit file, in a crontab and in a shell alike: each has rules of its own, and `%` a meaning.
_PLAIN = re.compile(r"[\w./+@:,=-]+", re.ASCII)


@dataclass(frozen=True)
class Installation:
    """What the files of a schedule have to say.

    `folders`: its own, which it writes to, the state folder first. `passphrase_file`: where gpg's passphrase comes
    from, if it is configured. `is_configured`: whether config.yaml is there. `textfile_folder`: another program's,
    for the metrics.
    """

    program: tuple[str, ...]
    config: Path
    folders: tuple[Path, ...]
    passphrase_file: Path | None
    is_configured: bool
    textfile_folder: Path | None = None

    @property
    def is_one_file(self) -> bool:
        """Whether this is paloaltoagent.pyz, which unpacks itself into a folder of the user's."""
        return zipfile.is_zipfile(self.program[-1])

    @property
    def state(self) -> Path:
        """The state folder."""
        return self.folders[0]


def find_installation(config: str | None) -> Installation:
    """Look at this process and at config.yaml; one that is not there yet has the values of a packaged one."""
    file = _config_file(config)
    if not file.is_file():
        return Installation(program_words(sys.argv[0]), file, DEFAULT_FOLDERS, None, is_configured=False)
    with _credentials_folder():
        settings = load_settings(file)
    textfile = settings.metrics_textfile
    return Installation(
        program_words(sys.argv[0]),
        file,
        _folders(settings),
        settings.gpg_passphrase_file,
        is_configured=True,
        textfile_folder=textfile.parent if textfile else None,
    )


def _config_file(config: str | None) -> Path:
    try:
        return find_file(config)
    except UsageError:
        return SYSTEM_FILE


@contextlib.contextmanager
def _credentials_folder() -> Iterator[None]:
    """Let `${CREDENTIALS_DIRECTORY}` in config.yaml mean what it will mean to the unit."""
    is_set = CREDENTIALS_VARIABLE in os.environ
    os.environ.setdefault(CREDENTIALS_VARIABLE, str(CREDENTIALS_FOLDER))
    try:
        yield
    finally:
        if not is_set:
            del os.environ[CREDENTIALS_VARIABLE]


def _folders(settings: Settings) -> tuple[Path, ...]:
    folders = [settings.state, settings.log_file.parent, settings.gpg_home]
    return tuple(dict.fromkeys(folder for folder in folders if folder is not None))


def program_words(started_as: str) -> tuple[str, ...]:
    """The words that start this very installation, whatever the PATH is; `started_as` is how this process was."""
    path = Path(os.path.abspath(shutil.which(started_as) or started_as))
    if path.is_file() and zipfile.is_zipfile(path):
        # Not by its first line: python3 may be another one under cron's PATH.
        return sys.executable, str(path)
    if path.name == UNIT and os.access(path, os.X_OK):
        return (str(path),)
    return sys.executable, str(SCRIPT)


def ensure_plain(*texts: object) -> None:
    """See that names and paths need no quotes anywhere; raises UsageError."""
    for text in map(str, texts):
        if not _PLAIN.fullmatch(text):
            what = f"{text!r} holds characters that mean something else in a unit file or a crontab"
            raise UsageError(what, remedy="choose one of letters, digits and . / _ + @ : , = -")


def owner_of(path: Path) -> str | None:
    """The name of the user whom a file or folder belongs to; None if it is not there, or nobody's."""
    try:
        return pwd.getpwuid(path.stat().st_uid).pw_name
    except (OSError, KeyError):
        return None


def is_hidden_from_units(path: str) -> bool:
    """Whether a path, or what it leads to, lies where a unit with ProtectHome and PrivateTmp sees nothing."""
    hidden = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # nosec B108  # only compared with
    both = (Path(path), Path(os.path.realpath(path)))
    return any(place.is_relative_to(folder) for place in both for folder in hidden)


def find_mailer() -> str | None:
    """The program that cron mails with; None if this host has none."""
    return shutil.which("sendmail", path=f"/usr/sbin:/usr/lib:/usr/bin:{os.environ.get('PATH', '')}")
