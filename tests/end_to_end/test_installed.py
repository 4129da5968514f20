"""The agent as people install it: a wheel in a virtual environment, and the one self-contained file."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from paloaltofw import __version__
from paloaltofw.workflows.service import Wanted, make_schedule
from tests import files
from tests.end_to_end.harness import ROOT, clean_environment
from tests.workflows.test_service import PLACE

pytestmark = pytest.mark.sweep
# What people copy from, below share/paloaltoagent.
SAMPLES = {"certificate.yaml", "config.yaml", "fw_paloalto_config.yaml", "sectigo_credentials.yaml"}


def run(*words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(word) for word in words], capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, cwd="/",
        env=clean_environment(**environment), timeout=300,
    )  # fmt: skip


def succeed(*words: object, **environment: str) -> str:
    done = run(*words, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pythons() -> list[Path]:
    """One interpreter of each version that the program is for, as far as they are here; the oldest comes first."""
    found: list[Path] = []
    for minor in range(10, 14):
        name = f"python3.{minor}"
        installed = sorted((Path.home() / ".pyenv/versions").glob(f"3.{minor}.*/bin/python"))
        on_path = shutil.which(name, path="/usr/local/bin:/usr/bin")
        found.extend(Path(path) for path in [*installed, on_path][:1] if path)
    return found or [Path(sys.executable)]


def holds_what_it_needs(tmp_path: Path, program: Sequence[object], **environment: str) -> None:
    """Version, licence terms, templates and the demonstration, from a folder that has nothing to do with the sources."""
    assert succeed(*program, "--version", **environment) == f"paloaltoagent, version {__version__}\n"
    config = files.write_all(tmp_path / "etc")
    refused = run(*program, "--config", config, "enroll", **environment)
    assert (refused.returncode, "the licence terms are not accepted yet" in refused.stderr) == (2, True), refused.stderr
    assert str(program[-1]) in succeed(*program, "--config", config, "service", "systemd", **environment)
    assert "Everything held" in succeed(*program, "sandbox", "--folder", tmp_path / "sandbox", **environment)


def holds_what_people_copy(share: Path) -> None:
    assert {path.name for path in (share / "paloaltoagent/samples").glob("*.yaml")} == SAMPLES
    assert {path.name for path in (share / "paloaltoagent/monitoring").iterdir()} == {"alerts.yaml", "dashboard.json"}
    assert (share / "man/man1/paloaltoagent.1").is_file()


def copy_sources(folder: Path) -> None:
    """What the Containerfile copies, and nothing else."""
    text = make_schedule(Wanted("container"), PLACE).files[Path("/Containerfile")]
    for words in re.findall(r"^COPY (?!--from)(.*)$", text, re.MULTILINE):
        *sources, target = words.split()
        place = folder / Path(target).relative_to("/source")
        for source in (path for word in sources for path in ROOT.glob(word)):
            if source.is_dir():
                shutil.copytree(source, place, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                place.mkdir(parents=True, exist_ok=True)
                shutil.copy(source, place)


def test_a_wheel_holds_all_that_the_program_needs(tmp_path: Path) -> None:
    copy_sources(tmp_path / "source")
    succeed(sys.executable, "-m", "venv", tmp_path / "venv")
    python = tmp_path / "venv/bin/python"
    succeed(python, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tmp_path / "source")
    (wheel,) = tmp_path.glob("*.whl")
    succeed(python, "-m", "pip", "install", "--quiet", wheel)
    holds_what_people_copy(tmp_path / "venv/share")
    holds_what_it_needs(tmp_path, [tmp_path / "venv/bin/paloaltoagent"])


def test_the_one_file_holds_all_that_the_program_needs(tmp_path: Path) -> None:
    file = tmp_path / "agent.pyz"
    assert succeed(ROOT / ".ci/build-pyz", file) == f"{file}\n"
    unpacked = {"SHIV_ROOT": str(tmp_path / "unpacked")}
    for python in pythons():
        assert __version__ in succeed(python, file, "--version", **unpacked)
    # The oldest Python is the one to fail first; no packages but those in the file.
    holds_what_it_needs(tmp_path, [pythons()[0], "-I", file], **unpacked)
    (root,) = (tmp_path / "unpacked").glob("*/site-packages")
    holds_what_people_copy(root / "share")
    for package in ("rich", "jinja2", "apprise", "prometheus_client"):
        assert (root / package).is_dir(), package


def test_an_interpreter_that_is_too_old_is_told_so(tmp_path: Path) -> None:
    old = sorted((Path.home() / ".pyenv/versions").glob("3.[789].*/bin/python"))
    if not old:
        pytest.skip("no older Python is here")
    for python in old:
        done = run(python, ROOT / "paloaltofw/paloaltoagent.py", "run")
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "needs Python 3.10 or later" in done.stderr and "python3.11" in done.stderr
