"""Secrets as canaries: each is a unique random string, and none of them, in whatever form, may be found anywhere."""

from __future__ import annotations

import base64
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.panos.keystore import PrivateKey
from paloaltofw.sandbox.world import AGENT_ADMIN, World

_PRIVATE_KEY_ELEMENT = re.compile(rb"<private-key>([^<]{20,})</private-key>")
_TOKEN = re.compile(rb'"access_token": "([^"]+)"')
_SHORTEST = 8


def forms(secret: str) -> set[str]:
    """A secret as libraries might show it."""
    plain = base64.b64encode(secret.encode()).decode()
    found = {
        secret, urllib.parse.quote(secret, safe=""), urllib.parse.quote_plus(secret), escape(secret),
        escape(secret, {'"': "&quot;", "'": "&apos;"}), json.dumps(secret)[1:-1], repr(secret)[1:-1],
        plain.rstrip("="), secret.encode().hex(),
    }  # fmt: skip
    # Base64 of a longer text that holds the secret: whatever stands before it, one of three alignments.
    for skipped in (1, 2):
        shifted = base64.b64encode(b"x" * (3 - skipped) + secret.encode()).decode()
        found.add(shifted[4:-4])
    return {form for form in found if len(form) >= _SHORTEST}


class Canaries:
    """Collects secrets as they come up, and looks for them."""

    def __init__(self) -> None:
        self._forms: dict[str, str] = {}
        self._lock = threading.Lock()
        self.targets: list[str] = []
        self.count = 0

    def add(self, label: str, secret: str) -> None:
        with self._lock:
            self.count += secret not in self._forms
            for form in forms(secret):
                self._forms[form] = label

    def add_world(self, world: World) -> None:
        """The credentials of a world, and its administrators' keys."""
        for name, firewall in world.firewalls.items():
            self.add(f"the API key of {name}", firewall.api_key(AGENT_ADMIN))
        for account in world.accounts:
            self.add(f"the client secret of {account.label}", account.client_secret)

    def add_key(self, key: PrivateKey) -> None:
        """A private key, which never leaves its firewall."""
        for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
            lines = key.private_bytes(Encoding.PEM, form, NoEncryption()).decode().split("\n")
            self.add("a private key", "".join(lines[1:-2])[40:100])

    def see(self, request: Request, answer: Answer | None) -> None:
        """A request as the sandbox received it, and its answer."""
        with self._lock:
            self.targets.append(request.target)
        for match in _TOKEN.finditer(answer.body if answer else b""):
            self.add("a token", match[1].decode())
        for match in _PRIVATE_KEY_ELEMENT.finditer(answer.body if answer else b""):
            self.add("a private-key element", match[1].decode())

    def watch(self, world: World) -> None:
        """See everything that a world's servers receive."""
        for server in (world.scm_server, *world.servers.values()):
            server.interceptor = self._intercept

    def _intercept(self, request: Request, handle: Callable[[Request], Answer]) -> Answer:
        answer = None
        try:
            answer = handle(request)
            return answer
        finally:
            self.see(request, answer)

    def found_in(self, texts: Iterable[tuple[str, str]]) -> list[str]:
        """Where a secret was found; the text itself is not repeated."""
        with self._lock:
            known = dict(self._forms)
        return [f"{label} stands in {where}" for where, text in texts for form, label in known.items() if form in text]

    def found_in_requests(self) -> list[str]:
        return self.found_in([("a URL", "\n".join(dict.fromkeys(self.targets)))])


def files_in(*folders: Path) -> Iterator[tuple[str, str]]:
    """Every file's content, however it is encoded."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                yield str(path.name), path.read_bytes().decode("utf-8", "replace")
