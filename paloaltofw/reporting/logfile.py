"""The log file: rotating, mode 0600, one line an event, never a secret."""

from __future__ import annotations

import logging.handlers
import os
import time
from io import TextIOWrapper
from pathlib import Path

from paloaltofw.secret import redact

MAX_BYTES = 5 * 1024 * 1024
BACKUPS = 5
LOGGER = "paloaltofw"
# The file that this process writes to, for a sentence that names it; None if there is none.
current: Path | None = None


class _OneLine(logging.Formatter):
    """RFC 3339 time in UTC, level, text; line breaks and other control characters are written as escapes."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        text = redact(super().format(record))
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class _PrivateFile(logging.handlers.RotatingFileHandler):
    """Creates its file with mode 0600, and follows no symbolic link."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding="utf-8", opener=_open_privately)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - the base class names it so
        """A full disk must not end a run that renews certificates."""


def _open_privately(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def start(path: Path, level: str, debug_to_stderr: bool) -> str | None:
    """Begin logging; return a sentence if the file cannot be written, which does not stop the work."""
    global current
    logger = logging.getLogger(LOGGER)
    logger.setLevel(level.upper())
    logger.propagate = False
    stop()
    if debug_to_stderr:
        logger.setLevel(logging.DEBUG)
        stream = logging.StreamHandler()
        stream.setFormatter(_OneLine())
        logger.addHandler(stream)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = _PrivateFile(path, maxBytes=MAX_BYTES, backupCount=BACKUPS, encoding="utf-8")
    except OSError as error:
        return f"{path}: the log file cannot be written: {error.strerror}; correct logging.path or its rights"
    handler.setFormatter(_OneLine())
    logger.addHandler(handler)
    current = path
    return None


def stop() -> None:
    """Close all handlers."""
    global current
    current = None
    logger = logging.getLogger(LOGGER)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
