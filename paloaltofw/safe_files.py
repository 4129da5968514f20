"""Files that a power cut, a full disk or a planted link cannot spoil."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

from paloaltofw.errors import StateError

MAX_FILE_BYTES = 1024 * 1024
# What this program writes is its owner's alone; what is no secret and others must read says so.
FILE_MODE, FOLDER_MODE = 0o600, 0o700
PUBLIC_FILE_MODE = 0o644


def atomic_write(path: Path, content: bytes, owner: tuple[int, int] | None = None, mode: int = FILE_MODE) -> None:
    """Replace a file in one instant: after a power cut it holds the old or the new content, never something between.

    `owner`: user and group that the file is to belong to, where that is not this process's own. `mode`: for what is no
    secret and others may read.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        _write_new(temporary, content, owner, mode)
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
        try:
            _write_new(temporary, content)
            os.link(temporary, path)  # fails where a rename would overwrite
        finally:
            temporary.unlink(missing_ok=True)
        sync_folder(path.parent)
    except OSError as error:
        raise StateError(f"cannot be written: {error.strerror}", str(path), "check disk space and rights") from None


def _write_new(path: Path, content: bytes, owner: tuple[int, int] | None = None, mode: int = FILE_MODE) -> None:
    """Write a file that must not be there yet, and see it on the disk."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    with open(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        if owner is not None:
            os.fchown(descriptor, *owner)
        file.write(content)
        file.flush()
        os.fsync(descriptor)


def sync_folder(folder: Path) -> None:
    """Make a rename or removal in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_file(path: Path, limit: int = MAX_FILE_BYTES) -> bytes | None:
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
        if status.st_size > limit:
            raise StateError("is too large to be ours", str(path), "look at it and move it away")
        return os.read(descriptor, limit)
    finally:
        os.close(descriptor)


def readable_mode(path: Path) -> int:
    """The mode of a file that is to be replaced, as far as it lets others read; a new one is its owner's alone."""
    with contextlib.suppress(OSError):
        status = os.lstat(path)
        if stat.S_ISREG(status.st_mode):
            return FILE_MODE | stat.S_IMODE(status.st_mode) & 0o044
    return FILE_MODE


def is_exposed(status: os.stat_result) -> bool:
    """Whether somebody else may read a file that holds a secret.

    A file of another user that only the group may read is not exposed: the group is how this process got at it. That is
    how Kubernetes hands a Secret to a user that is not root (fsGroup), and how systemd's access list on a credential
    looks in the mode.
    """
    if status.st_mode & (stat.S_IRWXO | stat.S_IWGRP):
        return True
    return bool(status.st_mode & stat.S_IRGRP) and status.st_uid == os.geteuid()
