"""`service`: ready files for systemd, cron and containers, printed, or written where the system wants them."""

from __future__ import annotations

import hashlib
import re
import socket
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from paloaltofw import __version__
from paloaltofw.errors import StateError, UsageError
from paloaltofw.safe_files import PUBLIC_FILE_MODE, atomic_write
from paloaltofw.workflows.installation import (
    CREDENTIALS_FOLDER,
    SCRIPT,
    UNIT,
    Installation,
    ensure_plain,
    find_mailer,
    is_hidden_from_units,
    owner_of,
)

TEMPLATES = SCRIPT.parent / "share" / "service"
HOUR = 2
OWN_FOLDERS = tuple(Path(folder) / UNIT for folder in ("/var/lib", "/var/log", "/var/cache"))
# A reader of such a line is systemd first, for which $, % and backslash have to be doubled, and then the shell.
_MAIL = (
    r"""/bin/sh -c '{ printf "To: root\\nSubject: paloaltoagent has failed on %%s\\n\\n" "$$(uname -n)"; """
    f"journalctl -u {UNIT}.service -n 20 --no-pager -o cat; }}"
)
_NO_MAIL = f"/usr/bin/logger -p daemon.err -t {UNIT} 'the nightly run has failed: journalctl -u {UNIT}.service'"
_CRON_WITHOUT_MAILER = "# This host has no mailer (sendmail), and cron would throw it away: it goes to the system log."
_HIDDEN = "the unit cannot see"
_EULA_IN_A_CONTAINER = "nobody can answer in a container: read the licence terms, and use --accept-eula here"
_PLACEHOLDER = re.compile(r"@([A-Z_]+)@")
_MARK = re.compile(r"# Written by `paloaltoagent service (\w+)`, checksum ([0-9a-f]{16})\. [^\n]*\n")


@dataclass(frozen=True)
class Wanted:
    """What was asked for. `credentials`: NAME or NAME:PATH, for systemd's LoadCredential."""

    kind: str
    user: str | None = None
    mailto: str = "root"
    credentials: tuple[str, ...] = ()
    accept_eula: bool = False


@dataclass(frozen=True)
class Schedule:
    """Ready files by their absolute path, what to do once they are written, and what else is to be known."""

    files: dict[Path, str]
    steps: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def make_schedule(wanted: Wanted, installation: Installation) -> Schedule:
    """The files of one kind; raises UsageError for what cannot stand in them."""
    make: dict[str, Callable[[Wanted, Installation], Schedule]] = {
        "systemd": _systemd, "cron": _cron, "container": _container,
    }  # fmt: skip
    ensure_plain(*installation.program, installation.config, *installation.folders, wanted.mailto)
    if installation.textfile_folder:
        ensure_plain(installation.textfile_folder)
    schedule = make[wanted.kind](wanted, installation)
    return Schedule(
        {path: _with_mark(wanted.kind, text) for path, text in schedule.files.items()}, schedule.steps, schedule.notes
    )


def text_of(schedule: Schedule) -> str:
    """All files, one after the other; a line above each says where it belongs, unless there is only one."""
    if len(schedule.files) == 1:
        return "".join(schedule.files.values())
    return "\n".join(f"# ==> {path}\n{text}" for path, text in schedule.files.items())


def install(schedule: Schedule, kind: str, root: str | None) -> list[str]:
    """Write the files where the system wants them, or below `root`; those of containers belong to no place of its."""
    hidden = [note for note in schedule.notes if note.startswith(_HIDDEN)]
    if root is None and hidden:
        raise UsageError(hidden[0], remedy="install it as docs/operations.md says under Installing")
    return _install(schedule, Path(root or ("." if kind == "container" else "/")).absolute())


def _install(schedule: Schedule, root: Path) -> list[str]:
    """Raises StateError before anything is written."""
    targets = {root / path.relative_to("/"): text for path, text in schedule.files.items()}
    for path in targets:
        _ensure_ours(path)
    lines = []
    for path, text in targets.items():
        if path.exists() and path.read_text("utf-8") == text:
            lines.append(f"{path} is up to date")
            continue
        _write(path, text)
        lines.append(f"{path} is written")
    return lines


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        atomic_write(path, text.encode())
        path.chmod(PUBLIC_FILE_MODE)
    except OSError as error:
        raise StateError(f"cannot be written: {error.strerror}", str(path), "run it as root, or use --root") from None


def _ensure_ours(path: Path) -> None:
    """Only what an earlier `service` wrote, and nobody changed since, may be replaced."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise StateError("is there already, and is no file", str(path), "look at it, and remove it")
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError):
        raise StateError("is there already, and cannot be read", str(path), "look at it, and remove it") from None
    match = _MARK.match(text)
    if match is None:
        raise StateError("is there already, and this command did not write it", str(path), "look at it, and remove it")
    if match.group(2) != _checksum(text[match.end() :]):
        remedy = "move your changes elsewhere (systemd: a drop-in), and remove it"
        raise StateError("was changed since this command wrote it", str(path), remedy)


def _with_mark(kind: str, text: str) -> str:
    mark = (
        f"# Written by `paloaltoagent service {kind}`, checksum {_checksum(text)}. Once changed, it is never replaced."
    )
    return f"{mark}\n{text}"


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _fill(name: str, **values: object) -> str:
    """A template with its values; a line whose values are all empty is left out."""
    lines = []
    for line in (TEMPLATES / name).read_text("utf-8").splitlines():
        filled = _PLACEHOLDER.sub(lambda match: str(values[match.group(1)]), line)
        if filled or not line:
            lines.append(filled)
    return "\n".join(lines) + "\n"


def _command(installation: Installation, accepts: bool) -> str:
    words = [
        *installation.program,
        "--config",
        str(installation.config),
        *(["--accept-eula"] if accepts else []),
        "run",
    ]
    return " ".join(words)


# --- systemd ---------------------------------------------------------------------------------------------------------


def _systemd(wanted: Wanted, installation: Installation) -> Schedule:
    user = wanted.user or UNIT
    ensure_plain(user)
    others = [folder for folder in installation.folders if not any(map(folder.is_relative_to, OWN_FOLDERS))]
    writable = [*others, *([installation.textfile_folder] if installation.textfile_folder else [])]
    credentials = _credentials(wanted, installation)
    example = "gpg-passphrase"
    lines = [f"LoadCredential={name}:{path}" for name, path in credentials.items()]
    values = {
        "NAME": UNIT,
        "USER": user,
        "HOUR": f"{HOUR:02}",
        "COMMAND": _command(installation, wanted.accept_eula),
        "CONFIG_FOLDER": installation.config.parent,
        # A folder that is missing is made by tmpfiles.d, and ends no start before.
        "WRITABLE": f"ReadWritePaths={' '.join(f'-{folder}' for folder in writable)}" if writable else "",
        "ENVIRONMENT": f"Environment=SHIV_ROOT=/var/cache/{UNIT}" if installation.is_one_file else "",
        "CREDENTIALS": "\n".join(lines or [f"#LoadCredential={example}:{installation.config.parent}/{example}"]),
        "FOLDERS": "\n".join(f"d {folder} 0700 {user} - -" for folder in (*OWN_FOLDERS, *others)),
        **_telling_unit(),
    }
    units = Path("/etc/systemd/system")
    names = (f"{UNIT}.service", f"{UNIT}.timer", f"{UNIT}-failed.service")
    files = {units / name: _fill(name, **values) for name in names}
    if user == UNIT:
        files[Path(f"/etc/sysusers.d/{UNIT}.conf")] = _fill("sysusers.conf", **values)
    files[Path(f"/etc/tmpfiles.d/{UNIT}.conf")] = _fill("tmpfiles.conf", **values)
    steps = _systemd_steps(user, installation, list(credentials.values()))
    return Schedule(files, steps, _systemd_notes(wanted, installation))


def _credentials(wanted: Wanted, installation: Installation) -> dict[str, Path]:
    """Names and sources; the passphrase's by itself, where config.yaml says that systemd hands it over."""
    given = dict(_named(text, installation.config.parent) for text in wanted.credentials)
    passphrase = installation.passphrase_file
    if passphrase is not None and passphrase.parent == CREDENTIALS_FOLDER:
        given.setdefault(passphrase.name, installation.config.parent / passphrase.name)
    return given


def _named(text: str, folder: Path) -> tuple[str, Path]:
    ensure_plain(text)
    name, _, path = text.partition(":")
    if not name or "/" in name or (path and not path.startswith("/")):
        raise UsageError(f"--credential {text!r} is not allowed", remedy="write NAME, or NAME:/FULL/PATH")
    return name, Path(path) if path else folder / name


def _telling_unit() -> dict[str, str]:
    mailer = find_mailer()
    if mailer is None:
        how = "This host has no mailer (sendmail), so it goes to the system log."
        return {"HOW_TOLD": how, "TELL": f"ExecStart={_NO_MAIL}"}
    return {"HOW_TOLD": "It mails root the last lines.", "TELL": f"ExecStart={_MAIL} | {mailer} -oi -t'"}


def _systemd_steps(user: str, installation: Installation, credentials: list[Path]) -> list[str]:
    folders = [installation.config.parent, *(f for f in installation.folders if owner_of(f) not in (None, user))]
    outermost = [f for f in dict.fromkeys(folders) if not any(g != f and f.is_relative_to(g) for g in folders)]
    make_user = [f"systemd-sysusers {UNIT}.conf"] if user == UNIT else []
    return [
        *make_user,
        f"systemd-tmpfiles --create {UNIT}.conf",
        f"chown -R {user}: {' '.join(map(str, outermost))}",
        *([f"chown root: {' '.join(map(str, credentials))}"] if credentials else []),
        "systemctl daemon-reload",
        f"systemctl enable --now {UNIT}.timer",
        f"systemctl start {UNIT}.service",
        f"journalctl -u {UNIT}.service",
    ]


def _systemd_notes(wanted: Wanted, installation: Installation) -> list[str]:
    user = wanted.user or UNIT
    hidden = [str(path) for path in (*installation.program, installation.config) if is_hidden_from_units(str(path))]
    notes = [f"{_HIDDEN} {path}, which is in a home or temporary folder" for path in hidden]
    if installation.textfile_folder:
        notes.append(f"{user} must be allowed to write into {installation.textfile_folder}, for the metrics")
    notes.append(f"by hand, run each command as the same user: runuser -u {user} -- paloaltoagent status")
    return [*notes, *_common_notes(wanted, installation, "cron", Path(f"/etc/cron.d/{UNIT}"))]


def _common_notes(wanted: Wanted, installation: Installation, other: str, file: Path) -> list[str]:
    notes = []
    if not installation.is_configured:
        state, logs = installation.folders
        text = f"{installation.config} is not there yet; this is made for state.path {state} and logging.path {logs}"
        notes.append(f"{text}: run `service` again if they are to be elsewhere")
    if not wanted.accept_eula:
        notes.append(
            "a run without a terminal needs the licence terms accepted: by an earlier command, or --accept-eula"
        )
    if file.exists():
        notes.append(f"{file} is there too: one schedule is enough, so remove that of {other} or this one")
    return notes


# --- cron ------------------------------------------------------------------------------------------------------------


def _cron(wanted: Wanted, installation: Installation) -> Schedule:
    user = wanted.user or owner_of(installation.state) or "root"
    ensure_plain(user)
    has_mailer = find_mailer() is not None
    command = _command(installation, wanted.accept_eula)
    text = _fill(
        "cron",
        HOW_TOLD=f"# Cron mails it to {wanted.mailto}." if has_mailer else _CRON_WITHOUT_MAILER,
        MAILTO=wanted.mailto,
        MINUTE=_minute(),
        HOUR=HOUR,
        USER=user,
        COMMAND=command if has_mailer else f"{command} 2>&1 | logger -t {UNIT} -p daemon.err",
    )
    timer = Path(f"/etc/systemd/system/{UNIT}.timer")
    notes = [f"by hand, run each command as the same user, which is {user}"]
    if not has_mailer:
        notes.append("this host has no mailer (sendmail), so failures go to the system log; `notifications` tells more")
    notes.extend(_common_notes(wanted, installation, "systemd", timer))
    by_hand = f"env -i PATH=/usr/bin:/bin SHELL=/bin/sh HOME=~{user} /bin/sh -c '{command}'"
    return Schedule({Path(f"/etc/cron.d/{UNIT}"): text}, [by_hand], notes)


def _minute() -> int:
    """The same on one host on every night, and spread over a fleet."""
    return zlib.crc32(socket.gethostname().encode()) % 60


# --- containers ------------------------------------------------------------------------------------------------------


def _container(wanted: Wanted, installation: Installation) -> Schedule:
    command = "paloaltoagent --config /config/config.yaml" + (" --accept-eula" if wanted.accept_eula else "") + " run"
    wrapper = _fill("run.sh", COMMAND=command).rstrip("\n")
    values = {
        "VERSION": __version__,
        "MINUTE": _minute(),
        "HOUR": HOUR,
        "WRAPPER": wrapper,
        "WRAPPER_YAML": "\n".join(f"{' ' * 18}{line}" for line in wrapper.splitlines()),
    }
    names = ("Containerfile", "kubernetes.yaml", f"{UNIT}.nomad.hcl")
    files = {Path("/") / name: _fill(name, **values) for name in names}
    notes = [] if wanted.accept_eula else [_EULA_IN_A_CONTAINER]
    return Schedule(
        files, [f"podman build -f Containerfile -t registry.example.com/paloaltoagent:{__version__} ."], notes
    )
