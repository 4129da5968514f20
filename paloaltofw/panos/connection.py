"""Requests to one firewall, on the wire; what an answer means is in `verdicts`.

Source: docs/reference/panos.md, cited as panos.md.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from paloaltofw.clock import Clock
from paloaltofw.panos.envelope import Envelope
from paloaltofw.panos.verdicts import check_availability, judge
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Request, Response, Transport, repeat_read

Files = Mapping[str, tuple[str, bytes, str]]


class Connection:
    """Sends requests to one firewall, strictly one after the other (panos.md §1)."""

    def __init__(self, title: str, url: str, api_key: Secret | None, transport: Transport, clock: Clock) -> None:
        self._title = title
        self._url = url
        self._api_key = api_key
        self._transport = transport
        self._clock = clock
        self._lock = threading.Lock()

    def read(self, label: str, parameters: Mapping[str, str]) -> Envelope:
        """Ask for something, again where the firewall stumbles."""
        return repeat_read(lambda: self.ask(label, parameters, is_write=False), self._clock)

    def write(
        self, label: str, parameters: Mapping[str, str], files: Files | None = None, timeout: float | None = None
    ) -> Envelope:
        """Change something; sent once."""
        return self.ask(label, parameters, is_write=True, files=files, timeout=timeout)

    def ask(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool,
        files: Files | None = None,
        timeout: float | None = None,
    ) -> Envelope:
        """Send one request; return the envelope of a good answer, raise what any other stands for."""
        return judge(self.send(label, parameters, is_write, files, timeout), is_write, self.at(label))

    def send(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool,
        files: Files | None = None,
        timeout: float | None = None,
    ) -> Response:
        """POST with the key in a header: neither URL nor body holds it (panos.md §1). Only keygen has none."""
        headers = {"X-PAN-KEY": self._api_key.reveal()} if self._api_key else {}
        request = Request(
            "POST", self._url, label, headers, data=parameters, files=files, is_write=is_write, timeout=timeout
        )
        with self._lock:
            response = self._transport.send(request)
        check_availability(response, is_write, self.at(label))
        return response

    def at(self, label: str) -> str:
        """Where an error happened: the firewall, and what was asked of it."""
        return f"{self._title}, {label}"
