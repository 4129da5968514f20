"""The log file: rotating, mode 0600, one line an event, never a secret."""

from __future__ import annotations

import logging.handlers
import os
from io import TextIOWrapper
from pathlib import Path

from paloaltofw.model.channels import Syslog
from paloaltofw.model.settings import Settings
from paloaltofw.reporting.log_format import OneLine, formatter
from paloaltofw.safe_files import FILE_MODE, FOLDER_MODE

MAX_BYTES = 5 * 1024 * 1024
BACKUPS = 5
LOGGER = "paloaltofw"
# The file that this process writes to, for a sentence that names it; None if there is none.
current: Path | None = None


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Creates its file with mode 0600, and follows no symbolic link."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_privately)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class names it so
        """A full disk must not end a run that renews certificates."""


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)


def start(
    path: Path, level: str, debug_to_stderr: bool, form: str = "text", server: Syslog | None = None
) -> str | None:
    """Begin logging; return a sentence if the file or syslog cannot be written, which does not stop the work.

    `form`: `text` or `json`; `server`: the syslog that gets each line too.
    """
    global current
    logger = logging.getLogger(LOGGER)
    logger.setLevel(level.upper())
    logger.propagate = False
    stop()
    if debug_to_stderr:
        logger.setLevel(logging.DEBUG)
        stream = logging.StreamHandler()
        stream.setFormatter(OneLine())
        logger.addHandler(stream)
    troubles = [_add_syslog(logger, server, form) if server else None]
    try:
        path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        handler = _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        troubles.append(f"{path}: the log file cannot be written: {error.strerror}; correct logging.path or its rights")
    else:
        handler.setFormatter(formatter(form))
        logger.addHandler(handler)
        current = path
    return "; ".join(trouble for trouble in troubles if trouble) or None


def start_as(settings: Settings, level: str | None, debug_to_stderr: bool) -> str | None:
    """Begin logging as config.yaml says; `level` is that of the command line."""
    chosen = level or settings.log_level
    return start(settings.log_file, chosen, debug_to_stderr, settings.log_format, settings.syslog)


def _add_syslog(logger: logging.Logger, server: Syslog, form: str) -> str | None:
    from paloaltofw.reporting.syslog_handler import SyslogHandler

    try:
        logger.addHandler(SyslogHandler(server, form))
    except OSError as error:
        place = f"{server.host}:{server.port}" if server.host else "of this machine"
        return f"the syslog {place} cannot be written: {error.strerror}; correct logging.syslog"
    return None


def stop() -> None:
    """Close all handlers."""
    global current
    current = None
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
