"""Full disks and planted links, with the real command line."""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from paloaltofw.sandbox.world import certificate_profile
from tests.end_to_end.harness import ENVIRONMENT, SCRIPT, Scene, clean_environment

DV = certificate_profile("fw-edge", "dv.example.com")


def run_with_small_files(config: Path, size: int, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run the agent where no file may grow beyond so many bytes, as if the disk were full."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    # What measures the program writes a file too, and would be in the way.
    environment = {k: v for k, v in clean_environment(**ENVIRONMENT).items() if not k.startswith("COVERAGE_")}
    return subprocess.run(
        [sys.executable, str(SCRIPT), "--config", str(config), *argv], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, env=environment, preexec_fn=limit,
    )  # fmt: skip


def test_what_cannot_be_recorded_is_not_ordered(tmp_path: Path) -> None:
    with Scene(tmp_path, {"dv": DV}) as place:
        assert place.run("status").code == 0
        done = run_with_small_files(place.config, 200, "run")
        assert done.returncode == 1, done
        assert "cannot be written" in done.stderr
        assert "Traceback" not in done.stderr
        assert place.world.scm.orders == []
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == 1


@pytest.mark.parametrize("size", [0, 100])
def test_encryption_on_a_full_disk_leaves_the_original(tmp_path: Path, home: Path, size: int) -> None:
    more: dict[str, dict[str, object]] = {"encryption": {"gnupg_home": str(home), "passphrase_file": "passphrase"}}
    with Scene(tmp_path, {"dv": DV}, more=more) as place:
        (tmp_path / "passphrase").touch(mode=0o600)
        (tmp_path / "passphrase").write_text("correct horse", "utf-8")
        path = tmp_path / "profiles/firewalls/fw-edge.yaml"
        before = path.read_bytes()
        done = run_with_small_files(place.config, size, "encrypt", str(path))
        assert done.returncode == 1
        assert len(done.stderr.strip().splitlines()) == 1, done.stderr
        assert path.read_bytes() == before
        assert not path.with_name(path.name + ".gpg").exists()


@pytest.mark.parametrize(
    "name", ["state", "state/journal", "logs/paloaltoagent.log", "state/dv.ids", "state/eula.json"]
)
def test_a_run_follows_no_planted_link(tmp_path: Path, name: str) -> None:
    agent, elsewhere = tmp_path / "agent", tmp_path / "elsewhere"
    with Scene(agent, {"dv": DV}) as place:
        (agent / name).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        is_file = "." in name
        elsewhere.write_text("mine", "utf-8") if is_file else elsewhere.mkdir(mode=0o777)
        elsewhere.chmod(0o666 if is_file else 0o777)
        (agent / name).symlink_to(elsewhere)
        done = place.run("run")
        assert "Traceback" not in done.err
        if is_file:
            assert elsewhere.read_text("utf-8") == "mine"
        else:
            assert done.code == 1
            assert "writable by others" in done.err
            assert place.world.scm.orders == []
            assert list(elsewhere.iterdir()) == []


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own; only root may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("is_full", [True, False], ids=["full", "read-only"])
def test_a_disk_that_takes_nothing_more_orders_nothing(tmp_path: Path, disk: Path, is_full: bool) -> None:
    more: dict[str, dict[str, object]] = {
        "state": {"path": str(disk / "state")},
        "logging": {"path": str(disk / "logs")},
    }
    with Scene(tmp_path / "agent", {"dv": DV}, more=more) as place:
        if is_full:
            with contextlib.suppress(OSError):
                (disk / "ballast").write_bytes(bytes(65536))
        else:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        done = place.run("run")
        assert done.code == 1
        assert "Traceback" not in done.err
        assert "No space left" in done.err if is_full else "Read-only file system" in done.err
        assert place.world.scm.orders == []
        if is_full:
            (disk / "ballast").unlink()
        else:
            subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
        assert place.run("run").code == 0
        assert len(place.world.scm.orders) == 1
