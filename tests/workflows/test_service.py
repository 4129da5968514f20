"""`service`: what the files of systemd, cron and containers say, and which files are never overwritten."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.configuration.settings_file import load_settings
from paloaltofw.errors import StateError, UsageError
from paloaltofw.paloaltoagent import cli
from paloaltofw.workflows import installation, service
from paloaltofw.workflows.installation import Installation, find_installation, program_words
from paloaltofw.workflows.service import Schedule, Wanted, install, make_schedule, text_of
from tests import files

KINDS = ("systemd", "cron", "container")
UNITS = Path("/etc/systemd/system")
SERVICE = UNITS / "paloaltoagent.service"
CRON = Path("/etc/cron.d/paloaltoagent")
PROGRAM = ("/usr/local/bin/paloaltoagent",)
PLACE = Installation(PROGRAM, Path("/etc/paloaltoagent/config.yaml"), installation.DEFAULT_FOLDERS, None, True)
needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not here")


def make(kind: str, place: Installation = PLACE, **wanted: Any) -> Schedule:
    return make_schedule(Wanted(kind, **wanted), place)


def in_folders(*folders: Path) -> Installation:
    return Installation(PROGRAM, PLACE.config, folders, None, True)


def values(text: str, key: str) -> list[str]:
    """What a unit file says for a key, word by word."""
    return [word for line in re.findall(rf"^{key}=(.*)$", text, re.MULTILINE) for word in line.split()]


@pytest.fixture(params=[None, "/usr/sbin/sendmail"])
def mailer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str | None:
    monkeypatch.setattr(service, "find_mailer", lambda: request.param)
    return str(request.param) if request.param else None


# --- all kinds -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_left_to_be_filled_in(kind: str, mailer: str | None) -> None:
    schedule = make(kind)
    for path, text in schedule.files.items():
        assert not re.search(r"@[A-Z_]+@", text), path
        assert text.startswith(f"# Written by `paloaltoagent service {kind}`, checksum ")
        assert text.endswith("\n")
        assert text in text_of(schedule)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "wrong",
    [
        {"user": "root\n* * * * * root /tmp/evil"},
        {"user": "no one"},
        {"mailto": "root\nSHELL=/tmp/evil"},
        {"credentials": ("a\nExecStartPre=/tmp/evil",)},
        {"credentials": ("../a",)},
        {"credentials": ("a:relative",)},
        {"credentials": ("%n",)},
    ],
)
def test_what_means_something_else_in_a_file_is_refused(kind: str, wrong: dict[str, Any]) -> None:
    (key,) = wrong
    if {"user": kind == "container", "credentials": kind != "systemd", "mailto": False}[key]:
        return  # not used by this kind
    with pytest.raises(UsageError):
        make(kind, **wrong)


@pytest.mark.parametrize(
    "path", ["/etc/palo alto/c.yaml", "/etc/100%/c.yaml", "/etc/$HOME/c.yaml", "/etc/a'b", "/etc/ü"]
)
def test_a_path_that_needs_quotes_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="characters"):
        make("systemd", Installation(PROGRAM, Path(path), installation.DEFAULT_FOLDERS, None, True))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("accepts", [True, False])
def test_the_terms_are_accepted_only_if_the_command_was_told_so(kind: str, accepts: bool) -> None:
    schedule = make(kind, accept_eula=accepts)
    assert ("--accept-eula" in text_of(schedule)) is accepts
    assert any("licence terms" in note for note in schedule.notes) is not accepts


# --- systemd -------------------------------------------------------------------------------------------------------


def write_units(folder: Path, place: Installation) -> Path:
    """The units below a folder, with a program that exists, as systemd-analyze wants it."""
    program = Path(shutil.which("true") or "/bin/true")
    install(
        make("systemd", Installation((str(program),), place.config, place.folders, None, True)), "systemd", str(folder)
    )
    return folder / UNITS.relative_to("/")


@needs_systemd
def test_systemd_understands_every_line_of_the_units(tmp_path: Path, mailer: str | None) -> None:
    units = write_units(tmp_path, in_folders(Path("/srv/state"), Path("/srv/logs")))
    if mailer and not Path(mailer).exists():
        pytest.skip("systemd looks for the mailer, which is not here")
    names = [str(path) for path in sorted(units.iterdir())]
    assert len(names) == 3
    done = subprocess.run(["systemd-analyze", "verify", *names], capture_output=True, text=True, check=False)
    assert (done.returncode, [line for line in done.stderr.splitlines() if "paloaltoagent" in line]) == (0, [])


@needs_systemd
def test_the_unit_is_sandboxed(tmp_path: Path) -> None:
    unit = write_units(tmp_path, PLACE) / "paloaltoagent.service"
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert exposure is not None
    assert float(exposure.group(1)) < 2.0


@needs_systemd
@pytest.mark.skipif(not shutil.which("systemd-sysusers"), reason="systemd-sysusers is not here")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give folders away")
def test_account_and_folders_are_made(tmp_path: Path) -> None:
    write_units(tmp_path, in_folders(Path("/srv/agent/state"), Path("/var/log/paloaltoagent")))
    for program in (["systemd-sysusers"], ["systemd-tmpfiles", "--create"]):
        subprocess.run([*program, f"--root={tmp_path}", "paloaltoagent.conf"], check=True, capture_output=True)
    (line,) = (tmp_path / "etc/passwd").read_text("utf-8").splitlines()
    name, _, user, _, _, home, shell = line.split(":")
    assert (name, home, shell) == ("paloaltoagent", "/var/lib/paloaltoagent", "/usr/sbin/nologin")
    for folder in ("var/lib/paloaltoagent", "var/log/paloaltoagent", "srv/agent/state"):
        status = (tmp_path / folder).stat()
        assert (status.st_mode & 0o777, status.st_uid) == (0o700, int(user)), folder


FOLDERS = st.sampled_from(
    [
        "/var/lib/paloaltoagent",
        "/var/lib/paloaltoagent/state",
        "/var/lib/paloaltoagent2",
        "/var/log/paloaltoagent/x",
        "/srv/a",
    ]
).map(Path)


@given(folders=st.lists(FOLDERS, min_size=1, unique=True))
def test_every_folder_that_is_written_to_can_be_written_to(folders: list[Path]) -> None:
    schedule = make("systemd", in_folders(*folders))
    unit, made = schedule.files[SERVICE], schedule.files[Path("/etc/tmpfiles.d/paloaltoagent.conf")]
    parents = {"StateDirectory": "/var/lib", "LogsDirectory": "/var/log", "CacheDirectory": "/var/cache"}
    writable = {Path(parent, name) for key, parent in parents.items() for name in values(unit, key)}
    writable |= {Path(word.removeprefix("-")) for word in values(unit, "ReadWritePaths")}
    for folder in folders:
        assert any(folder.is_relative_to(place) for place in writable), unit
    assert {Path(line.split()[1]) for line in made.splitlines() if line.startswith("d ")} == writable


def test_the_folder_of_the_metrics_is_written_to_and_left_to_its_owner() -> None:
    textfiles = Path("/var/lib/node_exporter/textfiles")
    schedule = make("systemd", replace(PLACE, textfile_folder=textfiles))
    assert values(schedule.files[SERVICE], "ReadWritePaths") == [f"-{textfiles}"]
    assert str(textfiles) not in schedule.files[Path("/etc/tmpfiles.d/paloaltoagent.conf")]
    assert not any(str(textfiles) in step for step in schedule.steps)
    assert any(f"write into {textfiles}" in note for note in schedule.notes)


def test_the_unit_runs_as_the_user_who_owns_everything() -> None:
    by_default, by_name = make("systemd"), make("systemd", user="svc")
    assert values(by_default.files[SERVICE], "User") == ["paloaltoagent"]
    assert values(by_name.files[SERVICE], "User") == ["svc"]
    account = Path("/etc/sysusers.d/paloaltoagent.conf")
    assert account in by_default.files
    assert account not in by_name.files, "an account that is there already"
    assert "chown -R svc: /etc/paloaltoagent" in by_name.steps


def test_pending_orders_and_a_stop_are_no_failure_of_the_unit() -> None:
    unit = make("systemd").files[SERVICE]
    assert values(unit, "SuccessExitStatus") == ["3", "SIGINT"]
    assert values(unit, "KillSignal") == ["SIGINT"]
    assert values(unit, "OnFailure") == ["paloaltoagent-failed.service"]


def test_credentials_are_handed_over() -> None:
    place = Installation(PROGRAM, PLACE.config, PLACE.folders, installation.CREDENTIALS_FOLDER / "gpg-passphrase", True)
    schedule = make("systemd", place, credentials=("fw-edge:/root/fw-edge", "scm"))
    assert values(schedule.files[SERVICE], "LoadCredential") == [
        "fw-edge:/root/fw-edge", "scm:/etc/paloaltoagent/scm", "gpg-passphrase:/etc/paloaltoagent/gpg-passphrase",
    ]  # fmt: skip
    owned = "chown root: /root/fw-edge /etc/paloaltoagent/scm /etc/paloaltoagent/gpg-passphrase"
    assert schedule.steps.index(owned) == schedule.steps.index("chown -R paloaltoagent: /etc/paloaltoagent") + 1
    assert values(make("systemd").files[SERVICE], "LoadCredential") == []


def test_the_one_file_unpacks_itself_where_the_unit_may_write(tmp_path: Path) -> None:
    import zipfile

    archive = tmp_path / "agent"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("__main__.py", "")
    program = program_words(str(archive))
    assert program[1] == str(archive)
    assert os.access(program[0], os.X_OK)
    unit = make("systemd", Installation(program, PLACE.config, PLACE.folders, None, True)).files[SERVICE]
    assert values(unit, "Environment") == ["SHIV_ROOT=/var/cache/paloaltoagent"]
    assert values(make("systemd").files[SERVICE], "Environment") == []


def test_what_the_unit_cannot_see_is_not_installed(tmp_path: Path) -> None:
    hidden = Installation(("/home/joe/.local/bin/paloaltoagent",), PLACE.config, PLACE.folders, None, True)
    schedule = make("systemd", hidden)
    with pytest.raises(UsageError, match=r"cannot see /home/joe/\.local/bin/paloaltoagent"):
        install(schedule, "systemd", None)
    assert install(schedule, "systemd", str(tmp_path))  # a packager knows where it will be


# --- the configuration ---------------------------------------------------------------------------------------------


def test_the_configuration_says_which_folders_are_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)
    encryption = {"passphrase_file": "${CREDENTIALS_DIRECTORY}/gpg", "gnupg_home": "keys"}
    document = files.changed(files.CONFIG, "metrics.textfile", "prom/agent.prom")
    config = files.write_all(tmp_path, files.changed(document, "encryption", encryption))
    found = find_installation(str(config))
    assert found.textfile_folder == tmp_path / "prom"
    assert found.folders == (tmp_path / "state", tmp_path / "logs", tmp_path / "keys")
    assert found.passphrase_file == Path("/run/credentials/paloaltoagent.service/gpg")
    assert found.is_configured
    assert "CREDENTIALS_DIRECTORY" not in os.environ


def test_without_a_configuration_the_files_are_made_for_a_packaged_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "find_file", _no_file)
    found = find_installation(None)
    assert (found.config, found.is_configured) == (Path("/etc/paloaltoagent/config.yaml"), False)
    assert any("is not there yet" in note for note in make("cron", found).notes)


def _no_file(option: str | None) -> Path:
    raise UsageError("there is no configuration yet")


def test_the_program_is_named_by_a_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "bin/paloaltoagent"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    link = tmp_path / "paloaltoagent"
    link.symlink_to(script)
    monkeypatch.setenv("PATH", str(script.parent))
    monkeypatch.chdir(tmp_path)
    assert program_words("paloaltoagent") == (str(script),)
    assert program_words("./bin/paloaltoagent") == (str(script),)
    # The link stays: it is what an administrator chose as the lasting name.
    assert program_words(str(link)) == (str(link),)
    for started_as in ("paloaltofw/__main__.py", "/x/paloaltoagent.py", "pytest"):
        python, file = program_words(started_as)
        assert (os.access(python, os.X_OK), Path(file).name) == (True, "paloaltoagent.py")


# --- cron ----------------------------------------------------------------------------------------------------------


def cron_line(schedule: Schedule) -> list[str]:
    """The five fields, the user and the command."""
    (line,) = [line for line in schedule.files[CRON].splitlines() if re.match(r"\d", line)]
    return line.split(maxsplit=6)


def test_the_cron_file_is_one_that_cron_reads(mailer: str | None) -> None:
    schedule = make("cron", mailto="ops@example.com")
    text = schedule.files[CRON]
    *when, user, command = cron_line(schedule)
    assert re.fullmatch(r"\d+ 2 \* \* \*", " ".join(when)) and int(when[0]) < 60
    assert (user, command.split(" 2>&1")[0]) == ("root", f"{PROGRAM[0]} --config {PLACE.config} run")
    assert {"SHELL=/bin/sh", "MAILTO=ops@example.com"} <= set(text.splitlines())
    assert "%" not in text and max(map(len, text.splitlines())) < 900  # cron(8): % ends a command; lines are cut
    assert ("| logger " in command) is (mailer is None)
    assert any("no mailer" in note for note in schedule.notes) is (mailer is None)
    assert ("no mailer" in text) is (mailer is None)


def test_cron_runs_as_the_user_whom_the_state_belongs_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "owner_of", lambda path: "svc" if path == tmp_path else None)
    assert cron_line(make("cron", in_folders(tmp_path)))[5] == "svc"
    assert cron_line(make("cron", in_folders(tmp_path), user="joe"))[5] == "joe"


def test_the_minute_stays_on_one_host_and_is_spread_over_a_fleet(monkeypatch: pytest.MonkeyPatch) -> None:
    minutes: list[str] = []
    for host in range(600):
        monkeypatch.setattr(socket, "gethostname", lambda host=host: f"host-{host}.example.com")
        minutes.append(cron_line(make("cron"))[0])
        assert cron_line(make("cron"))[0] == minutes[-1]
    assert len(set(minutes)) == 60
    assert max(map(minutes.count, set(minutes))) < 30


# --- containers ----------------------------------------------------------------------------------------------------


def container(name: str) -> str:
    return make("container", accept_eula=True).files[Path("/") / name]


def test_the_cron_job_suits_a_state_folder_and_a_user_without_rights(tmp_path: Path) -> None:
    config, volume, job = yaml.safe_load_all(container("kubernetes.yaml"))
    assert [config["kind"], volume["kind"], job["kind"]] == ["ConfigMap", "PersistentVolumeClaim", "CronJob"]
    assert (job["spec"]["concurrencyPolicy"], job["spec"]["jobTemplate"]["spec"]["backoffLimit"]) == ("Forbid", 0)
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    # Without the policy the kubelet makes the state folder writable by the group, night by night.
    assert pod["securityContext"]["fsGroupChangePolicy"] == "OnRootMismatch"
    assert pod["securityContext"]["runAsNonRoot"] and pod["securityContext"]["runAsUser"] == 10001
    secrets = [volume["secret"]["defaultMode"] for volume in pod["volumes"] if "secret" in volume]
    assert secrets == [0o440, 0o440]
    (agent,) = pod["containers"]
    assert {mount["name"] for mount in agent["volumeMounts"]} == {volume["name"] for volume in pod["volumes"]}
    places = [Path(mount["mountPath"]) for mount in agent["volumeMounts"]]
    file = tmp_path / "config.yaml"
    file.write_text(config["data"]["config.yaml"].replace("CUSTOMER", "acme"), "utf-8")
    settings = load_settings(file)
    for path in (settings.state, settings.log_file, settings.credentials, settings.firewall_folder):
        assert any(path.is_relative_to(place) for place in places), path


def kubernetes_command() -> list[str]:
    *_, job = yaml.safe_load_all(container("kubernetes.yaml"))
    command: list[str] = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0]["command"]
    return command


def nomad_command() -> list[str]:
    script = re.search(r"<<RUN\n(.*?)^RUN$", container("paloaltoagent.nomad.hcl"), re.DOTALL | re.MULTILINE)
    assert script is not None
    return ["/bin/sh", "-c", script.group(1)]


def stand_in(folder: Path, script: str) -> dict[str, str]:
    """An environment in which `paloaltoagent` is this script."""
    program = folder / "paloaltoagent"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin"}


@pytest.mark.parametrize("command", [kubernetes_command, nomad_command])
def test_only_pending_orders_are_no_failure_of_a_container(tmp_path: Path, command: Callable[[], list[str]]) -> None:
    for code, seen in ((0, 0), (1, 1), (2, 2), (3, 0), (4, 4)):
        done = subprocess.run(
            command(), env=stand_in(tmp_path, f'echo "$@"; exit {code}'), capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (seen, "")
        assert done.stdout == "--config /config/config.yaml --accept-eula run\n"


@pytest.mark.parametrize("command", [kubernetes_command, nomad_command])
def test_a_container_hands_a_stop_on_and_waits(tmp_path: Path, command: Callable[[], list[str]]) -> None:
    ended = tmp_path / "ended"
    script = f"trap 'echo > \"{ended}\"; exit 5' TERM; echo ready; for _ in $(seq 200); do sleep 0.05; done"
    process = subprocess.Popen(command(), env=stand_in(tmp_path, script), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    with process.stdout:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 5
    assert ended.exists()


def test_nomad_is_told_the_same(tmp_path: Path) -> None:
    text = container("paloaltoagent.nomad.hcl")
    assert text.count("{") == text.count("}") and text.count("[") == text.count("]")
    for line in ("prohibit_overlap = true", "attempts = 0", 'perms       = "0400"'):
        assert line in text


def test_the_container_is_built_from_what_is_there() -> None:
    root = installation.SCRIPT.parents[1]
    lines = re.findall(r"^COPY (?!--from)(.*) \S+$", container("Containerfile"), re.MULTILINE)
    sources = [word for line in lines for word in line.split()]
    assert sources and all(list(root.glob(word)) for word in sources)
    assert "USER 10001:10001" in container("Containerfile")


# --- what is written -----------------------------------------------------------------------------------------------


def snapshot(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text("utf-8") for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_written_once_and_replaced_if_they_are_our_own(kind: str, tmp_path: Path) -> None:
    first = make(kind)
    assert all(line.endswith("is written") for line in install(first, kind, str(tmp_path)))
    assert snapshot(tmp_path) == {str(path.relative_to("/")): text for path, text in first.files.items()}
    assert {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()} == {0o644}
    assert all(line.endswith("is up to date") for line in install(make(kind), kind, str(tmp_path)))
    second = make(kind, accept_eula=True)
    assert any(line.endswith("is written") for line in install(second, kind, str(tmp_path)))
    assert snapshot(tmp_path) == {str(path.relative_to("/")): text for path, text in second.files.items()}


def test_without_a_root_the_files_of_containers_are_written_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    install(make("container"), "container", None)
    assert sorted(snapshot(tmp_path)) == ["Containerfile", "kubernetes.yaml", "paloaltoagent.nomad.hcl"]


def _by_hand(path: Path) -> None:
    path.write_text("17 2 * * * root paloaltoagent run\n", "utf-8")


def _changed(path: Path) -> None:
    path.write_text(make("cron").files[CRON] + "5 5 * * * root something-else\n", "utf-8")


def _masked(path: Path) -> None:
    path.symlink_to("/dev/null")


def _folder(path: Path) -> None:
    path.mkdir()


def _bytes(path: Path) -> None:
    path.write_bytes(b"\xff\xfe")


@pytest.mark.parametrize("spoil", [_by_hand, _changed, _masked, _folder, _bytes])
@pytest.mark.parametrize("path", [SERVICE, CRON])
def test_what_somebody_else_wrote_is_never_overwritten(
    tmp_path: Path, path: Path, spoil: Callable[[Path], None]
) -> None:
    kind = "cron" if path == CRON else "systemd"
    place = tmp_path / path.relative_to("/")
    place.parent.mkdir(parents=True)
    spoil(place)
    before = snapshot(tmp_path) if spoil is not _bytes else None
    with pytest.raises(StateError, match=r"is there already|was changed") as caught:
        install(make(kind), kind, str(tmp_path))
    assert caught.value.where == str(place) and "remove it" in caught.value.remedy
    others = [other for other in tmp_path.rglob("*") if other.is_file() and other != place]
    assert others == [], "nothing is written where one file is in the way"
    assert before is None or snapshot(tmp_path) == before


def test_where_nothing_can_be_written_one_sentence_says_so() -> None:
    with pytest.raises(StateError, match="run it as root"):
        install(make("cron"), "cron", "/proc")


# --- the command ---------------------------------------------------------------------------------------------------


def call(*words: str) -> Result:
    return CliRunner().invoke(cli, ["service", *words])


def test_the_command_prints_or_writes(tmp_path: Path) -> None:
    config = str(files.write_all(tmp_path / "etc"))
    printed = call("cron", "--config", config)
    assert (printed.exit_code, printed.stderr) == (0, "")
    written = call("cron", "--config", config, "--install", "--root", str(tmp_path))
    assert written.exit_code == 0
    assert (tmp_path / CRON.relative_to("/")).read_text("utf-8") == printed.stdout
    assert f"--config {config} run" in printed.stdout
    assert "Next:\n" in written.stdout and "note: " in written.stderr


def test_a_wrong_command_line_writes_nothing(tmp_path: Path) -> None:
    config = str(files.write_all(tmp_path / "etc"))
    before = snapshot(tmp_path)
    for words in (
        ("cron", "--root", str(tmp_path)),
        ("launchd",),
        (),
        ("cron", "--user", "a b", "--install", "--root", str(tmp_path)),
    ):
        assert call(*words, "--config", config).exit_code == 2
    assert snapshot(tmp_path) == before
