"""The state folder: .ids files, the journal, the lock. Every write is atomic and on the disk before it returns.

    STATE/lock                       held while a run changes anything
    STATE/eula.json                  that, when and which licence terms were accepted
    STATE/NAME.ids                   SCM's certificate ID, Base64, of the certificate in service
    STATE/journal/orders/NAME.json   an order that is not finished: what the next run needs to finish it
    STATE/journal/installed/NAME.json  what was ordered for the certificate in service, and when SCM was last asked
    STATE/journal/commits/FW.json    a commit that was sent to a firewall and not seen to end

All JSON files carry `"version": 1`. A file that cannot be understood is moved aside, never guessed at, never deleted.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import errno
import fcntl
import json
import os
import stat
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from enum import Enum
from pathlib import Path
from typing import TypeVar

from paloaltofw.errors import LockHeld, StateError

VERSION = 1
MAX_FILE_BYTES = 1024 * 1024
FOLDER_MODE = 0o700
FILE_MODE = 0o600
CORRUPT_SUFFIX = ".corrupt"

R = TypeVar("R", bound="Record")


class Phase(str, Enum):
    """How far an order is. Each value is on the disk before the request that it announces is sent."""

    GENERATING = "generating"  # the firewall may have been asked for a key and CSR under `entry`
    READY = "ready"  # the CSR is read and proven; nothing is ordered
    SUBMITTING = "submitting"  # the order may have been sent; its answer is not known
    ORDERED = "ordered"  # SCM gave `order_id`
    ISSUED = "issued"  # the proven chain is in `chain`
    FAILED = "failed"  # final: declined, rejected or the like; `failure` says what


class Record:
    """Base of what is stored as JSON."""


@dataclass(frozen=True)
class OrderRecord(Record):
    """An unfinished order. Times are RFC 3339; `requested` is the digest of what the profile asked for.

    `previous_id` is what renew and replace work on; `revoke_id` is to be revoked once the successor is in service.
    """

    profile: str
    firewall: str
    entry: str
    operation: str
    phase: str
    requested: str
    reference: str
    reason: str
    created_at: str
    csr: str = ""
    csr_sha256: str = ""
    spki_sha256: str = ""
    previous_id: str | None = None
    revoke_id: str | None = None
    order_id: str | None = None
    ordered_at: str | None = None
    same_key: bool = False
    submissions: int = 0
    chain: str = ""
    failure: str = ""
    waits_for: str = ""


@dataclass(frozen=True)
class InstalledRecord(Record):
    """The certificate in service: what was asked for it, and when SCM last said that it is not revoked."""

    certificate_id: str
    entry: str
    requested: str
    csr: str
    checked_at: str
    revoked: bool = False
    chain: str = ""


@dataclass(frozen=True)
class CommitRecord(Record):
    """A commit that was sent; without `job_id` its answer was lost."""

    firewall: str
    description: str
    started_at: str
    job_id: str | None = None


_TYPES: dict[str, tuple[type, ...]] = {"str": (str,), "str | None": (str, type(None)), "bool": (bool,), "int": (int,)}


def _decode(kind: type[R], content: bytes) -> R:
    data = json.loads(content)
    if not isinstance(data, dict) or data.pop("version", None) != VERSION:
        raise ValueError("unknown version")
    known = {field.name: _TYPES[str(field.type)] for field in fields(kind)}  # type: ignore[arg-type]
    if not data.keys() <= known.keys():
        raise ValueError("unknown field")
    for name, value in data.items():
        if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] == (int,)):
            raise ValueError(f"wrong type of {name}")
        if isinstance(value, str):
            value.encode()  # half of a surrogate pair is no text; the error is a ValueError
    try:
        return kind(**data)
    except TypeError:
        raise ValueError("missing field") from None


def _encode(record: Record) -> bytes:
    return json.dumps({"version": VERSION, **asdict(record)}, indent=1).encode() + b"\n"  # type: ignore[call-overload]


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


class Store:
    """One state folder. Reading never creates anything; `prepare` is called before the first write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._orders = folder / "journal" / "orders"
        self._installed = folder / "journal" / "installed"
        self._commits = folder / "journal" / "commits"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    def prepare(self) -> None:
        """Create the folders with mode 0700; raises StateError if they are not safely ours."""
        try:
            # One by one: mkdir gives intermediate folders the umask's mode, not ours.
            for folder in (self._folder, self._orders.parent, self._orders, self._installed, self._commits):
                folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                self._check(folder)
        except OSError as error:
            what = f"cannot be created: {error.strerror}"
            raise StateError(what, str(self._folder), "correct state.path or the rights") from None

    def _check(self, folder: Path) -> None:
        status = folder.stat()
        if status.st_uid != os.geteuid():
            raise StateError("belongs to another user", str(folder), "correct the owner or state.path")
        if status.st_mode & 0o022:
            raise StateError("is writable by others", str(folder), f"run: chmod 700 {folder}")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder's lock; raises LockHeld if another run has it. The kernel frees it if this process dies."""
        path = self._folder / "lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, FILE_MODE)
        except OSError as error:
            raise StateError(f"cannot be opened: {error.strerror}", str(path), "check the rights") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            what = f"another run is at work{f' (process {owner})' if owner.isdigit() else ''}"
            raise LockHeld(what, str(path), "wait for it to end") from None
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            self._sweep()
            yield
        finally:
            os.close(descriptor)

    def _sweep(self) -> None:
        """Remove what a run that was killed in the midst of a write has left; its target is whole."""
        for folder, pattern in ((self._folder, ".*.ids.*.tmp"), (self._orders.parent, "*/.*.json.*.tmp")):
            for path in folder.glob(pattern):
                with contextlib.suppress(OSError):
                    path.unlink()

    # --- .ids ----------------------------------------------------------------------------------------------------

    def certificate_id(self, profile: str) -> str | None:
        """The saved certificate ID; None if there is none."""
        path = self._folder / f"{profile}.ids"
        content = read_file(path)
        if content is None:
            return None
        try:
            return _decode_id(content)
        except ValueError:
            raise self._quarantine(path) from None

    def save_certificate_id(self, profile: str, certificate_id: str) -> None:
        """Write NAME.ids."""
        atomic_write(self._folder / f"{profile}.ids", encode_id(certificate_id))

    # --- journal -------------------------------------------------------------------------------------------------

    def order(self, profile: str) -> OrderRecord | None:
        """The unfinished order of a profile. A quarantined one blocks: ordering blindly might pay twice."""
        path = self._orders / f"{profile}.json"
        aside = path.with_name(path.name + CORRUPT_SUFFIX)
        if aside.is_symlink() or aside.exists():
            what = "an unreadable order journal was moved here, so it is unknown whether an order is open"
            raise StateError(what, str(aside), "look for the order in the SCM portal, then delete this file")
        return self._load(OrderRecord, path)

    def save_order(self, record: OrderRecord) -> None:
        """Write the unfinished order."""
        atomic_write(self._orders / f"{record.profile}.json", _encode(record))

    def remove_order(self, profile: str) -> None:
        """The order is finished: its certificate is in service and its ID saved."""
        self._remove(self._orders / f"{profile}.json")

    def installed(self, profile: str) -> InstalledRecord | None:
        """What is known of the certificate in service."""
        return self._load(InstalledRecord, self._installed / f"{profile}.json")

    def save_installed(self, profile: str, record: InstalledRecord) -> None:
        """Write what is known of the certificate in service."""
        atomic_write(self._installed / f"{profile}.json", _encode(record))

    def commit(self, firewall: str) -> CommitRecord | None:
        """The commit that was not seen to end."""
        return self._load(CommitRecord, self._commits / f"{firewall}.json")

    def save_commit(self, record: CommitRecord) -> None:
        """Write a commit before and after it is sent."""
        atomic_write(self._commits / f"{record.firewall}.json", _encode(record))

    def remove_commit(self, firewall: str) -> None:
        """The commit has ended."""
        self._remove(self._commits / f"{firewall}.json")

    # --- licence terms ---------------------------------------------------------------------------------------------

    def accepted_eula(self) -> str | None:
        """The digest of the accepted licence terms."""
        content = read_file(self._folder / "eula.json")
        try:
            data = json.loads(content) if content else {}
        except (ValueError, RecursionError):
            return None
        digest = data.get("sha256") if isinstance(data, dict) else None
        return digest if isinstance(digest, str) else None

    def accept_eula(self, digest: str, when: str, how: str) -> None:
        """Record the acceptance."""
        data = {"version": VERSION, "sha256": digest, "accepted_at": when, "how": how}
        atomic_write(self._folder / "eula.json", json.dumps(data, indent=1).encode() + b"\n")

    def _load(self, kind: type[R], path: Path) -> R | None:
        content = read_file(path)
        if content is None:
            return None
        try:
            return _decode(kind, content)
        except (ValueError, RecursionError):
            raise self._quarantine(path) from None

    def _quarantine(self, path: Path) -> StateError:
        names = (f"{path.name}{CORRUPT_SUFFIX}{number}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
        aside = next(free for free in map(path.with_name, names) if not os.path.lexists(free))
        try:
            path.replace(aside)
        except OSError as error:
            return StateError(f"is corrupt and cannot be moved: {error.strerror}", str(path), "look at it")
        return StateError("was corrupt and is moved aside", str(aside), "look at it; the next run goes on without it")

    def _remove(self, path: Path) -> None:
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            sync_folder(path.parent)
        except OSError as error:
            raise StateError(f"cannot be removed: {error.strerror}", str(path), "check the rights") from None


def encode_id(certificate_id: str) -> bytes:
    """The content of an .ids file: standard Base64, one line, newline at the end."""
    return base64.b64encode(certificate_id.encode()) + b"\n"


def _decode_id(content: bytes) -> str:
    try:
        text = base64.b64decode(content.strip(), validate=True).decode()
    except binascii.Error:
        raise ValueError("not Base64") from None
    if not text or not text.isprintable() or len(text) > 512:
        raise ValueError("not an ID")
    return text
