"""Files that a power cut, a full disk or a planted link cannot spoil."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from paloaltofw.errors import StateError

MAX_FILE_BYTES = 1024 * 1024
FILE_MODE = 0o600


def atomic_write(path: Path, content: bytes, owner: tuple[int, int] | None = None) -> None:
    """Replace a file in one instant: after a power cut it holds the old or the new content, never something between.

    `owner`: user and group that the file is to belong to, where that is not this process's own.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, FILE_MODE)
            if owner is not None:
                os.fchown(descriptor, *owner)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        temporary.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise StateError(f"cannot be written: {error.strerror}", str(path), "check disk space and rights") from None


def create_file(path: Path, content: bytes) -> None:
    """Make a new file, whole or not at all; raises StateError if there is one of this name already."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
        try:
            with open(descriptor, "wb") as file:
                os.fchmod(descriptor, FILE_MODE)
                file.write(content)
                file.flush()
                os.fsync(descriptor)
            os.link(temporary, path)  # fails where a rename would overwrite
        finally:
            temporary.unlink()
        sync_folder(path.parent)
    except OSError as error:
        raise StateError(f"cannot be written: {error.strerror}", str(path), "check disk space and rights") from None


def sync_folder(folder: Path) -> None:
    """Make a rename or removal in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(path: Path) -> bytes | None:
    """A state file's content; None if it does not exist. Links are not followed, other people's files not read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = "is a symbolic link" if error.errno == errno.ELOOP else f"cannot be read: {error.strerror}"
        raise StateError(reason, str(path), "remove it or correct its rights") from None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            raise StateError("is not a regular file of this user", str(path), "remove it or correct its owner")
        if status.st_size > MAX_FILE_BYTES:
            raise StateError("is too large to be ours", str(path), "look at it and move it away")
        return os.read(descriptor, MAX_FILE_BYTES)
    finally:
        os.close(descriptor)
