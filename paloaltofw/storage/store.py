"""The state folder: .ids files, the journal, the lock. Every write is atomic and on the disk before it returns.

    STATE/lock                       held while a run changes anything
    STATE/eula.json                  that, when and which licence terms were accepted
    STATE/NAME.ids                   SCM's certificate ID, Base64, of the certificate in service
    STATE/journal/orders/NAME.json   an order that is not finished: what the next run needs to finish it
    STATE/journal/installed/NAME.json  what was ordered for the certificate in service, and when SCM was last asked
    STATE/journal/commits/FW.json    a commit that was sent to a firewall and not seen to end
    STATE/journal/locks/FW.json      locks that were asked for on a firewall and not seen to be released
    STATE/journal/owed/FW.json       changes were begun on a firewall, and their commit was not seen to end well
    STATE/journal/ledger/FW/CERTIFICATE.json  every order that was made for a certificate on a firewall, for the brake
    STATE/journal/devices/FW.json      the serial number of the device that a firewall profile works on
    STATE/journal/pushes/FW.json       what a Panorama has committed that its devices may lack
    STATE/journal/hooks/NAME.json      the certificate in service is one whose hook has not ended yet
    STATE/journal/serve/NAME.json      whether the certificate in service was seen to be served, and what was before
    STATE/journal/management/FW.json   which entries a firewall's management interface serves
    STATE/journal/probes/FW.json       a probe was begun on a firewall, and its entries were not seen to be gone
    STATE/probes/FW.json               the newest report of a probe (probe_reports.py)
    STATE/journal/runs.jsonl           how the last runs ended, for people (history.py)

All JSON files carry `"version": 3`; those of version 2 and 1 are read. A file that cannot be understood is moved
aside, never guessed at, never deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from paloaltofw.errors import LockHeld, StateError
from paloaltofw.model.records import (
    CommitRecord,
    DeviceRecord,
    HookRecord,
    InstalledRecord,
    LedgerEntry,
    LockRecord,
    ManagementRecord,
    OrderRecord,
    ProbeRecord,
    PushRecord,
    Record,
    ServeRecord,
)
from paloaltofw.safe_files import FILE_MODE, FOLDER_MODE, atomic_write, read_file, sync_folder
from paloaltofw.storage.codec import (
    VERSION,
    decode_id,
    decode_ledger,
    decode_record,
    encode_id,
    encode_ledger,
    encode_record,
)

log = logging.getLogger(__name__)
R = TypeVar("R", bound=Record)
T = TypeVar("T")
CORRUPT_SUFFIX = ".corrupt"
OUTDATED_SUFFIX = ".outdated"


class Store:
    """One state folder. Reading never creates anything; `prepare` is called before the first write."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._orders = folder / "journal" / "orders"
        self._installed = folder / "journal" / "installed"
        self._commits = folder / "journal" / "commits"
        self._ledger = folder / "journal" / "ledger"
        self._devices = folder / "journal" / "devices"
        self._owed = folder / "journal" / "owed"
        self._management = folder / "journal" / "management"
        self._pushes = folder / "journal" / "pushes"
        self._hooks = folder / "journal" / "hooks"
        self._serve = folder / "journal" / "serve"
        self._locks = folder / "journal" / "locks"
        self._probes = folder / "journal" / "probes"

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self._folder

    def prepare(self) -> None:
        """Create the folders with mode 0700; raises StateError if they are not safely ours."""
        try:
            # One by one: mkdir gives intermediate folders the umask's mode, not ours.
            journal = (self._orders, self._installed, self._commits, self._ledger, self._devices, self._management)
            others = (self._owed, self._hooks, self._serve, self._locks, self._probes, self._pushes)
            for folder in (self._folder, self._orders.parent, *journal, *others):
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
        top = self._folder
        for folder, pattern in ((top, ".*.ids.*.tmp"), (top, ".*.json*.*.tmp"), (top / "journal", "**/.*.json*.*.tmp")):
            for path in folder.glob(pattern):
                with contextlib.suppress(OSError):
                    path.unlink()

    # --- .ids ----------------------------------------------------------------------------------------------------

    def load_certificate_id(self, profile: str) -> str | None:
        """The saved certificate ID; None if there is none."""
        path = self._folder / f"{profile}.ids"
        content = read_file(path)
        if content is None:
            return None
        try:
            return decode_id(content)
        except ValueError:
            raise self._quarantine(path) from None

    def save_certificate_id(self, profile: str, certificate_id: str) -> None:
        """Write NAME.ids."""
        atomic_write(self._folder / f"{profile}.ids", encode_id(certificate_id))

    # --- journal -------------------------------------------------------------------------------------------------

    def load_order(self, profile: str) -> OrderRecord | None:
        """The unfinished order of a profile. A quarantined one blocks: ordering blindly might pay twice."""
        path = self._orders / f"{profile}.json"
        self._refuse_quarantined(path, "order journal", "whether an order is open", f"-p {profile} --order")
        return self._load(OrderRecord, path)

    def orders_on(self, firewall: str) -> list[OrderRecord]:
        """The unfinished orders whose keys are on a firewall, of all profiles, selected or not."""
        names = sorted(path.stem for path in self._orders.glob("*.json"))
        found = [self._load(OrderRecord, self._orders / f"{name}.json") for name in names]
        return [record for record in found if record is not None and record.firewall == firewall]

    def _refuse_quarantined(self, path: Path, title: str, unknown: str, forgotten: str) -> None:
        aside = path.with_name(path.name + CORRUPT_SUFFIX)
        if aside.is_symlink() or aside.exists():
            what = f"an unreadable {title} was moved here, so it is unknown {unknown}"
            remedy = f"look for the order in the SCM portal, then run: paloaltoagent forget {forgotten}"
            raise StateError(what, str(aside), remedy)

    def set_aside_order(self, profile: str) -> None:
        """Keep an order that is older than what the firewall holds, for a person to look at, and work without it."""
        path = self._orders / f"{profile}.json"
        try:
            path.replace(_free_name(path, OUTDATED_SUFFIX))
            sync_folder(path.parent)
        except OSError as error:
            raise StateError(f"cannot be moved aside: {error.strerror}", str(path), "check the rights") from None

    def save_order(self, record: OrderRecord) -> None:
        """Write the unfinished order."""
        atomic_write(self._orders / f"{record.profile}.json", encode_record(record))

    def remove_order(self, profile: str) -> None:
        """The order is finished: its certificate is in service and its ID saved."""
        self.remove(self._orders / f"{profile}.json")

    def load_installed(self, profile: str) -> InstalledRecord | None:
        """What is known of the certificate in service."""
        return self._load(InstalledRecord, self._installed / f"{profile}.json")

    def save_installed(self, profile: str, record: InstalledRecord) -> None:
        """Write what is known of the certificate in service."""
        atomic_write(self._installed / f"{profile}.json", encode_record(record))

    def load_ledger(self, firewall: str, certificate: str) -> tuple[LedgerEntry, ...]:
        """Every order of a certificate on a firewall, oldest first. A quarantined ledger blocks: it holds the brake."""
        path = self._ledger_file(firewall, certificate)
        self._refuse_quarantined(path, "order ledger", "how much was ordered", f"-p {certificate}")
        content = read_file(path)
        try:
            return decode_ledger(content) if content is not None else ()
        except (ValueError, RecursionError):
            raise self._quarantine(path) from None

    def save_ledger(self, firewall: str, certificate: str, entries: Sequence[LedgerEntry]) -> None:
        """Write the ledger of a certificate on a firewall."""
        path = self._ledger_file(firewall, certificate)
        try:
            path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
        except OSError as error:
            raise StateError(f"cannot be created: {error.strerror}", str(path.parent), "check the rights") from None
        atomic_write(path, encode_ledger(entries))

    def _ledger_file(self, firewall: str, certificate: str) -> Path:
        return self._ledger / firewall / f"{certificate}.json"

    def count_orders(self, firewall: str, certificate: str) -> int | None:
        """How many orders the ledger of a certificate holds; None if it cannot be read, which blocks nothing here."""
        try:
            return len(decode_ledger(read_file(self._ledger_file(firewall, certificate)) or b""))
        except (StateError, ValueError, RecursionError):
            return None

    def load_device(self, firewall: str) -> DeviceRecord | None:
        """Which device a firewall profile was last seen to work on."""
        return self._load(DeviceRecord, self._devices / f"{firewall}.json")

    def save_device(self, record: DeviceRecord) -> None:
        """Remember which device a firewall profile works on."""
        atomic_write(self._devices / f"{record.firewall}.json", encode_record(record))

    def devices_with(self, serial: str) -> list[DeviceRecord]:
        """What was last seen of the firewall profiles that work on a device."""
        names = sorted(path.stem for path in self._devices.glob("*.json")) if serial else []
        found = [self.load_device(name) for name in names]
        return [record for record in found if record is not None and serial in record.units.values()]

    def owes_commit(self, firewall: str) -> bool:
        """Whether changes were begun on a firewall whose commit was not seen to end well."""
        return read_file(self._owed / f"{firewall}.json") is not None

    def save_owed_commit(self, firewall: str) -> None:
        """Remember that changes begin, which a commit has to follow."""
        atomic_write(self._owed / f"{firewall}.json", b"{}\n")

    def remove_owed_commit(self, firewall: str) -> None:
        """The commit has ended well, or nothing was changed."""
        self.remove(self._owed / f"{firewall}.json")

    def load_commit(self, firewall: str) -> CommitRecord | None:
        """The commit that was not seen to end."""
        return self._load(CommitRecord, self._commits / f"{firewall}.json")

    def save_commit(self, record: CommitRecord) -> None:
        """Write a commit before and after it is sent."""
        atomic_write(self._commits / f"{record.firewall}.json", encode_record(record))

    def remove_commit(self, firewall: str) -> None:
        """The commit has ended."""
        self.remove(self._commits / f"{firewall}.json")

    def load_lock(self, firewall: str) -> LockRecord | None:
        """Locks that were not seen to be released."""
        return self._load(LockRecord, self._locks / f"{firewall}.json")

    def save_lock(self, record: LockRecord) -> None:
        """Write down which locks are asked for, before they are."""
        atomic_write(self._locks / f"{record.firewall}.json", encode_record(record))

    def remove_lock(self, firewall: str) -> None:
        """The locks were seen to be released."""
        self.remove(self._locks / f"{firewall}.json")

    def load_push(self, firewall: str) -> PushRecord | None:
        """What is to be pushed from a Panorama to its devices. One that cannot be read is what any device may lack."""
        path = self._pushes / f"{firewall}.json"
        aside = path.with_name(path.name + CORRUPT_SUFFIX)
        try:
            found = self._load(PushRecord, path)
        except StateError as error:
            log.warning("%s", error)
            found = None
        return found or (PushRecord(firewall, "") if aside.exists() else None)

    def save_push(self, record: PushRecord) -> None:
        """Write what is to be pushed: before the commit, before and after each push is sent, and when it has ended."""
        atomic_write(self._pushes / f"{record.firewall}.json", encode_record(record))

    def remove_push(self, firewall: str) -> None:
        """Every device has what it was to have."""
        path = self._pushes / f"{firewall}.json"
        self.remove(path.with_name(path.name + CORRUPT_SUFFIX))
        self.remove(path)

    def load_management(self, firewall: str) -> ManagementRecord | None:
        """What was last seen of the management interface."""
        return self._load(ManagementRecord, self._management / f"{firewall}.json")

    def save_management(self, record: ManagementRecord) -> None:
        """Write what a trusted connection saw of the management interface."""
        atomic_write(self._management / f"{record.firewall}.json", encode_record(record))

    def load_hook(self, profile: str) -> HookRecord | None:
        """The certificate whose hook has not ended yet."""
        return self._load(HookRecord, self._hooks / f"{profile}.json")

    def save_hook(self, record: HookRecord) -> None:
        """Remember that a hook is to be run."""
        atomic_write(self._hooks / f"{record.profile}.json", encode_record(record))

    def remove_hook(self, profile: str) -> None:
        """The hook has ended."""
        self.remove(self._hooks / f"{profile}.json")

    def load_serve(self, profile: str) -> ServeRecord | None:
        """How far the serve check of a certificate is."""
        return self._load(ServeRecord, self._serve / f"{profile}.json")

    def save_serve(self, record: ServeRecord) -> None:
        """Write how far it is."""
        atomic_write(self._serve / f"{record.profile}.json", encode_record(record))

    def has_probe(self, firewall: str) -> bool:
        """Whether there is a note of a probe, readable or not."""
        return os.path.lexists(self._probes / f"{firewall}.json")

    def load_probe(self, firewall: str) -> ProbeRecord | None:
        """The probe whose entries may still be there."""
        return self._load(ProbeRecord, self._probes / f"{firewall}.json")

    def save_probe(self, record: ProbeRecord) -> None:
        """Remember that a probe begins to make entries."""
        atomic_write(self._probes / f"{record.firewall}.json", encode_record(record))

    def remove_probe(self, firewall: str) -> None:
        """Its entries were seen to be gone."""
        self.remove(self._probes / f"{firewall}.json")

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
            return decode_record(kind, content)
        except (ValueError, RecursionError):
            raise self._quarantine(path) from None

    def _quarantine(self, path: Path) -> StateError:
        aside = _free_name(path, CORRUPT_SUFFIX)
        try:
            path.replace(aside)
        except OSError as error:
            return StateError(f"is corrupt and cannot be moved: {error.strerror}", str(path), "look at it")
        return StateError("was corrupt and is moved aside", str(aside), "look at it, `paloaltoagent forget` drops it")

    def remove(self, path: Path) -> None:
        """Remove a file of this folder; it is gone from the disk when this returns."""
        try:
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            sync_folder(path.parent)
        except OSError as error:
            raise StateError(f"cannot be removed: {error.strerror}", str(path), "check the rights") from None


def _free_name(path: Path, suffix: str) -> Path:
    """A name beside a file under which it can be kept, whatever is kept there already."""
    names = (f"{path.name}{suffix}{number}" for number in ("", *(f"-{n}" for n in range(2, 1000))))
    return next(free for free in map(path.with_name, names) if not os.path.lexists(free))
