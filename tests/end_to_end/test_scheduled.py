"""The nightly run as cron starts it: almost no environment, nobody at a keyboard, encrypted files."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from paloaltofw.sandbox.world import WorldOptions, certificate_profile
from tests.end_to_end.harness import Scene

CERTIFICATES = {"dv": certificate_profile("fw-edge", "dv.example.com")}
# What cron gives a job (crontab(5)), with a home folder that is of no use: gpg has to find its own by the configuration.
CRON_ENVIRONMENT = ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/", "SHELL=/bin/sh", "LOGNAME=root"]
CRON = shutil.which("cron", path="/usr/sbin:/usr/bin") or shutil.which("crond", path="/usr/sbin:/usr/bin")


def scene(folder: Path, home: Path) -> Scene:
    """A world whose credential files can be encrypted, and decrypted without anybody."""
    secret = folder / "gpg-passphrase"
    secret.write_text("correct horse\n", "utf-8")
    secret.chmod(0o600)
    encryption = {"passphrase_file": str(secret), "gnupg_home": str(home)}
    return Scene(folder, CERTIFICATES, WorldOptions(firewalls=("fw-edge",)), {"encryption": encryption})


def cron_file(place: Scene) -> str:
    done = place.run("--accept-eula", "service", "cron")
    assert (done.code, done.err) == (0, "")
    return done.out


@pytest.mark.sweep
def test_the_cron_line_does_its_work_on_encrypted_files_without_anybody(tmp_path: Path, home: Path) -> None:
    with scene(tmp_path, home) as place:
        assert place.run("encrypt").code == 0
        assert not list((tmp_path / "profiles/firewalls").glob("*.yaml"))
        (line,) = [line for line in cron_file(place).splitlines() if re.match(r"\d", line)]
        command = line.split(maxsplit=6)[6]
        done = subprocess.run(
            [*CRON_ENVIRONMENT, "/bin/sh", "-c", command], capture_output=True, text=True, cwd="/", check=False,
            stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert len(place.world.scm.orders) == 1
        assert place.world.firewalls["fw-edge"].certificates(running=True)["dv"].certificates


@pytest.mark.sweep
@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("unshare"), reason="needs root, for a namespace of its own")
@pytest.mark.skipif(CRON is None, reason="no cron daemon is here")
def test_a_real_cron_daemon_runs_it_under_its_own_path(tmp_path: Path, home: Path) -> None:
    """With its own view of /etc/cron.d, so that nothing else of this machine is run by it."""
    with scene(tmp_path, home) as place:
        assert place.run("encrypt").code == 0
        crontab = tmp_path / "cron.d"
        crontab.mkdir()
        (crontab / "paloaltoagent").write_text(
            re.sub(r"^\d+ \d+ ", "* * ", cron_file(place), flags=re.MULTILINE), "utf-8"
        )
        (tmp_path / "empty").mkdir()
        (tmp_path / "nothing").touch()
        mounts = [f"mount --bind {crontab} /etc/cron.d", "mount -t tmpfs tmpfs /run"]
        mounts += [
            f"mount --bind {tmp_path}/empty {f}" for f in ("/var/spool/cron", "/etc/cron.hourly") if Path(f).is_dir()
        ]
        mounts += [
            f"mount --bind {tmp_path}/nothing {f}" for f in ("/etc/crontab", "/etc/anacrontab") if Path(f).is_file()
        ]
        daemon = f"exec {CRON} {'-f' if str(CRON).endswith('/cron') else '-n'}"
        script = "\n".join(["set -e", "mount --make-rprivate /", *mounts, daemon])
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "/bin/sh", "-c", script]
        with (tmp_path / "cron.log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
            try:
                saved = place.state("journal/installed/dv.json")
                end = time.monotonic() + 100
                while not saved.exists() and process.poll() is None and time.monotonic() < end:
                    time.sleep(0.5)  # cron looks once a minute, and nothing tells when
            finally:
                process.kill()
                process.wait()
        assert saved.exists(), (tmp_path / "cron.log").read_text("utf-8")
        row = place.run("status", "--json").profiles["dv"]
        assert (row["state"], len(place.world.scm.orders)) == ("valid", 1)
