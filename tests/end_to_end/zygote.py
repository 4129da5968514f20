"""Runs the agent many times quickly: everything is imported once, each run is a forked process of its own.

Reads one JSON command a line on stdin, answers one JSON line on stdout. `kill_at` [n, "before"|"after"]: the run is ended
by SIGKILL right before or after its n-th request or state write. [n, "refused"]: the n-th request finds nobody listening.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cryptography.hazmat.primitives.asymmetric.ec
import cryptography.hazmat.primitives.asymmetric.rsa
import cryptography.x509.verification
import gnupg
import requests
import urllib3
import yaml
from urllib3.util import connection as sockets

import paloaltofw
from paloaltofw import paloaltoagent, safe_files
from paloaltofw.configuration import gpg
from paloaltofw.storage import history, store
from paloaltofw.transport import https

PRELOADED = (cryptography.x509, gnupg, requests, urllib3, yaml)
# The agent loads a module when it needs it; each run here would load, or even compile, them all again.
for _module in pkgutil.walk_packages(paloaltofw.__path__, "paloaltofw."):
    if not _module.name.startswith(("paloaltofw.sandbox", "paloaltofw.__main__")):
        importlib.import_module(_module.name)
gc.freeze()


class Points:
    """Counts requests and state writes, and dies at one of them."""

    def __init__(self, kill_at: tuple[int, str] | None) -> None:
        self.names: list[str] = []
        self._kill_at = kill_at
        self._lock = threading.Lock()

    def is_refused(self) -> bool:
        """Whether the next request is the one that finds nobody listening."""
        requests_so_far = sum(name.startswith("request") for name in self.names)
        return self._kill_at == (requests_so_far + 1, "refused")

    def around(self, name: str, action: Callable[[], Any]) -> Any:
        with self._lock:
            self.names.append(name)
            number = len(self.names)
        self._die(number, "before")
        try:
            return action()
        finally:
            self._die(number, "after")

    def _die(self, number: int, side: str) -> None:
        if self._kill_at == (number, side):
            os.kill(os.getpid(), signal.SIGKILL)


def install(points: Points) -> None:
    write, remove_file, exchange = safe_files.atomic_write, store.Store.remove, https.Transport._exchange

    def atomic_write(path: Path, content: bytes, owner: tuple[int, int] | None = None) -> None:
        points.around(f"write {path.parent.name}/{path.name}", lambda: write(path, content, owner))

    def remove(self: store.Store, path: Path) -> None:
        points.around(f"remove {path.parent.name}/{path.name}", lambda: remove_file(self, path))

    def _exchange(self: https.Transport, request: https.Request, where: str) -> https.Response:
        def send() -> https.Response:
            return exchange(self, request, where)

        action = (lambda: refuse(self, send)) if points.is_refused() else send
        response: https.Response = points.around(f"request {where}", action)
        return response

    for module in (store, history, gpg):
        vars(module)["atomic_write"] = atomic_write
    store.Store.remove = remove  # type: ignore[method-assign]
    https.Transport._exchange = _exchange  # type: ignore[method-assign]


def refuse(sender: https.Transport, send: Callable[[], https.Response]) -> https.Response:
    """Send while no connection can be made."""

    def nobody(*arguments: object, **options: object) -> None:
        raise ConnectionRefusedError(111, "Connection refused")

    sender.close()
    connect = sockets.create_connection
    sockets.create_connection = nobody  # type: ignore[assignment]
    try:
        return send()
    finally:
        sockets.create_connection = connect


def child(command: dict[str, Any], folder: Path) -> None:
    for number, name in ((1, "out"), (2, "err")):
        os.dup2(os.open(folder / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.environ.update(command["env"])
    kill_at = command.get("kill_at")
    points = Points((kill_at[0], kill_at[1]) if kill_at else None)
    install(points)
    sys.argv = ["paloaltoagent", *command["argv"]]
    code: Any = 70
    try:
        paloaltoagent.main()
    except SystemExit as end:
        code = end.code or 0
    finally:
        (folder / "points").write_text(json.dumps(points.names), "utf-8")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def run(command: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pid = os.fork()
        if pid == 0:
            child(command, folder)
        _, status = os.waitpid(pid, 0)
        points = folder / "points"
        return {
            "killed": os.WIFSIGNALED(status),
            "code": None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status),
            "out": (folder / "out").read_text("utf-8"),
            "err": (folder / "err").read_text("utf-8"),
            "points": json.loads(points.read_text("utf-8")) if points.exists() else [],
        }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
