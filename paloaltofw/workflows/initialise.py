"""`init`: asks what a configuration must say, and writes it. What is there is never overwritten."""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from paloaltofw.configuration.gpg import ENCRYPTED_SUFFIX
from paloaltofw.configuration.new_files import CERTIFICATES, FIREWALLS, NewFile, new_files
from paloaltofw.configuration.rules import BadValue
from paloaltofw.configuration.settings_file import SYSTEM_FILE, find_file
from paloaltofw.errors import AgentError, StateError, UsageError
from paloaltofw.reporting.words import count
from paloaltofw.safe_files import FOLDER_MODE, create_file
from paloaltofw.workflows.questions import QUESTIONS, Question

Ask = Callable[[Question, str | None], str]
"""Shows a question with its default (None: it has none) and returns what was typed."""
Tell = Callable[[str], None]


def default_folder() -> Path:
    """Where the configuration goes if nobody says otherwise."""
    return SYSTEM_FILE.parent if os.geteuid() == 0 else Path("~/.config/paloaltoagent").expanduser()


def ensure_free(folder: Path) -> None:
    """Refuse a folder with a configuration before the first question; raises UsageError."""
    if os.path.lexists(folder / "config.yaml"):
        remedy = "choose another folder (`init FOLDER`); for one more certificate or firewall, copy a profile"
        raise UsageError(f"{folder / 'config.yaml'} exists, and nothing is overwritten", remedy=remedy)


def answers(given: Mapping[str, str], ask: Ask | None, tell: Tell) -> dict[str, str]:
    """An answer to every question: given as an option, else asked for, else its default.

    Raises UsageError for an option that is wrong, and for what is missing where nobody can be asked (`ask` is None).
    """
    for question in QUESTIONS:  # a wrong option is told before the first question
        if question.key in given:
            _given(question, given[question.key], {"type": given.get("type", "DV")})
    found: dict[str, str] = {}
    missing = []
    for question in QUESTIONS:
        found[question.key] = ""
        if question.key in given:
            found[question.key] = _given(question, given[question.key], found)
        elif question.is_asked(found) and ask is not None:
            found[question.key] = _asked(question, ask, tell, found)
        elif question.is_asked(found):
            default = _default(question, found)
            missing += [_option(question)] if default is None else []
            found[question.key] = default or ""
    if missing:
        what = f"nobody is asked, and {count(len(missing), 'answer')} without a default "
        raise UsageError(f"{what}{'is' if len(missing) == 1 else 'are'} missing", remedy=f"give {', '.join(missing)}")
    return found


def _option(question: Question) -> str:
    """The option that answers a question. A secret is named by where it is, never typed on a command line."""
    return f"--{question.key.replace('_', '-')}{'-file' if question.is_hidden else ''}"


def _default(question: Question, earlier: Mapping[str, str]) -> str | None:
    try:
        return question.default(earlier)
    except BadValue:
        return ""  # what it is derived from is missing, which is told


def _given(question: Question, text: str, earlier: Mapping[str, str]) -> str:
    try:
        return question.answer(text, earlier)
    except BadValue as bad:
        raise UsageError(f"{_option(question)}: {bad.what}", remedy=bad.allowed) from None


def _asked(question: Question, ask: Ask, tell: Tell, earlier: Mapping[str, str]) -> str:
    while True:
        typed = ask(question, question.default(earlier))
        try:
            return question.answer(typed, earlier)
        except BadValue as bad:
            tell(f"{bad.what}; {bad.allowed}" if bad.allowed else bad.what)


def needs_passphrase(folder: Path, found: Mapping[str, str]) -> bool:
    """Whether the passphrase's file is to be made with a passphrase that somebody types."""
    name = found["gpg_passphrase_file"]
    return bool(name) and not os.path.lexists(folder / name)


def write(folder: Path, found: Mapping[str, str], passphrase: str = "") -> list[Path]:  # nosec B107  # none is given
    """Write every file; return their paths. Raises UsageError, before anything is written, if one of them is there."""
    files = new_files(found)
    if passphrase:
        files.insert(0, NewFile(found["gpg_passphrase_file"], passphrase + "\n"))
    there = [path for file in files for path in _forms(folder / file.name) if os.path.lexists(path)]
    if there:
        what = f"{', '.join(map(str, there))}: {'exists' if len(there) == 1 else 'exist'}, and nothing is overwritten"
        raise UsageError(
            what, remedy="nothing was written; move away what an interrupted init left, or choose another folder"
        )
    for part in (".", FIREWALLS, CERTIFICATES):
        _make_folder(folder / part)
    written = [folder / file.name for file in files]
    for path, file in zip(written, files, strict=True):
        create_file(path, file.text.encode("utf-8"))
    return written


def _forms(path: Path) -> tuple[Path, Path]:
    return path, path.with_name(path.name + ENCRYPTED_SUFFIX)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it for this user alone; one that is there is only looked at."""
    try:
        if not folder.is_dir():
            _make_folder(folder.parent)
            folder.mkdir(mode=FOLDER_MODE)
        mode = folder.stat().st_mode
    except OSError as error:
        raise StateError(f"cannot be made: {error.strerror}", str(folder), "choose another folder") from None
    if mode & (stat.S_IWGRP | stat.S_IWOTH) and not mode & stat.S_ISVTX:
        raise StateError("may be written by others", str(folder), "choose another folder, or take that right away")


def naming(folder: Path) -> str:
    """The option that names the new configuration in commands; empty where it is found without."""
    file = folder / "config.yaml"
    with contextlib.suppress(AgentError, OSError):
        if find_file(None).samefile(file):
            return ""
    return f"--config {shlex.quote(str(file))} "
