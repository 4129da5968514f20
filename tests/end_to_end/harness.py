"""A world, a configuration, and the agent as a process of its own."""

from __future__ import annotations

import datetime
import functools
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paloaltofw.clock import format_time, parse_time
from paloaltofw.sandbox.base.clock import Clock
from paloaltofw.sandbox.world import AGENT_ADMIN, World, WorldOptions
from tests.json_documents import assert_documented
from tests.leftovers import agents_locks, foreign_commits
from tests.observer import watching

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "paloaltofw" / "paloaltoagent.py"
# Waits shrink to a thousandth: the simulated systems answer at once.
ENVIRONMENT = {"SECTIGO_ACCEPT_EULA": "yes", "PALOALTOAGENT_SANDBOX_PACE": "0.001"}


@dataclass(frozen=True)
class Done:
    """How a run of the agent ended; `code` is None if it was killed."""

    code: int | None
    out: str
    err: str
    points: tuple[str, ...] = ()

    @property
    def json(self) -> dict[str, Any]:
        document: dict[str, Any] = json.loads(self.out)
        assert_documented(document)
        return document

    @property
    def profiles(self) -> dict[str, dict[str, Any]]:
        return {row["profile"]: row for row in self.json["profiles"]}


class Zygote:
    """The quick way to run the agent."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.end_to_end.zygote"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=ROOT, env=clean_environment(),
        )  # fmt: skip

    def run(self, config: Path, argv: Sequence[str], kill_at: tuple[int, str] | None = None) -> Done:
        command = {"argv": ["--config", str(config), *argv], "env": ENVIRONMENT, "kill_at": kill_at}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return Done(answer["code"], answer["out"], answer["err"], tuple(answer["points"]))

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def clean_environment(**more: str) -> dict[str, str]:
    stray = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "sectigo_pycert_config")
    kept = {k: v for k, v in os.environ.items() if k not in stray and not k.lower().endswith("_proxy")}
    return {**kept, **more}


@functools.cache
def zygote() -> Zygote:
    import atexit

    started = Zygote()
    atexit.register(started.close)
    return started


TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


def age_state(folder: Path, days: float) -> None:
    """Make every time in the journal so much older, as if it had passed."""

    def earlier(match: re.Match[str]) -> str:
        return format_time(parse_time(match.group()) - datetime.timedelta(days=days))

    for path in (folder / "journal").rglob("*.json"):
        path.write_text(TIME.sub(earlier, path.read_text("utf-8")), "utf-8")


class Scene:
    """A world with a configuration in a folder."""

    def __init__(
        self,
        folder: Path,
        certificates: Mapping[str, object],
        options: WorldOptions | None = None,
        more: Mapping[str, Mapping[str, object]] | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.folder = folder
        self.world = World(options, clock)
        self.config = self.world.write_configuration(folder, certificates, more)

    def __enter__(self) -> Scene:
        self._watching = watching()
        self._seen = self._watching.__enter__()
        self.world.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """The end: in the processes of a sweep too, no run has deleted a certificate that something uses."""
        self.world.stop()
        self._watching.__exit__(None, None, None)
        assert self._seen.deleted == []
        if exception[0] is None:
            for firewall in self.world.firewalls.values():
                assert not agents_locks(firewall), "a lock of the agent is left behind"
                assert not foreign_commits(firewall), "a commit took along what others had not committed"

    def run(self, *argv: str, kill_at: tuple[int, str] | None = None) -> Done:
        """Run the agent, forked from a process that has everything imported."""
        return zygote().run(self.config, argv, kill_at)

    def run_cold(self, *argv: str, **environment: str) -> Done:
        """Run the agent as a user does, from nothing."""
        done = subprocess.run(
            [sys.executable, str(SCRIPT), "--config", str(self.config), *argv], capture_output=True, text=True,
            stdin=subprocess.DEVNULL, env=clean_environment(**ENVIRONMENT, **environment), check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, done.stderr)

    def state(self, name: str) -> Path:
        return self.folder / "state" / name

    def let_time_pass(self, days: float) -> None:
        """Make everything that the state folder remembers so much older."""
        age_state(self.folder / "state", days)

    @property
    def log(self) -> str:
        return (self.folder / "logs/paloaltoagent.log").read_text("utf-8")


__all__ = ["AGENT_ADMIN", "Done", "Scene", "World", "WorldOptions", "zygote"]
