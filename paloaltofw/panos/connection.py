"""One request to a firewall and what came of it: an envelope, or an error that says what happened.

Source: docs/reference/panos.md, cited as panos.md.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

from paloaltofw.clock import Clock
from paloaltofw.errors import AnswerLost, Busy, InvalidAnswer, Refused
from paloaltofw.panos.envelope import Envelope, Malformed, read_envelope
from paloaltofw.panos.refusals import failure
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Request, Response, Transport, repeat_read

# What stands between us and the firewall gave up waiting for it (RFC 9110 §15.5.9; 499 is a proxy's own word).
GAVE_UP = (408, 499)
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
        envelope = self.ask(label, parameters, is_write=True, files=files, timeout=timeout)
        if envelope.is_absent:
            # Only a read may find nothing; a write to something absent has failed (panos.md §2, code 7).
            what = f"PAN-OS says: {envelope.text or 'object not present'}"
            raise Refused(what, self.at(label), "check the name in the profile", peer_code=envelope.code)
        return envelope

    def ask(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool,
        files: Files | None = None,
        timeout: float | None = None,
    ) -> Envelope:
        """Send one request and understand its envelope; raises what stands for an error envelope."""
        envelope = self.read_answer(label, self.send(label, parameters, is_write, files, timeout), is_write)
        if not envelope.is_success and not (envelope.is_absent and not is_write):
            raise failure(envelope, self.at(label))
        return envelope

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
        if response.status >= 500 or response.status == 429:
            # 502 was seen during commits and with several API sessions (panos.md §1, §10).
            if is_write and response.status != 429:
                what = f"HTTP {response.status}, so it is unknown whether it was carried out"
                raise AnswerLost(what, self.at(label), "the next run looks")
            raise Busy(f"is not available (HTTP {response.status})", self.at(label), "try again later")
        return response

    def read_answer(self, label: str, response: Response, is_write: bool) -> Envelope:
        """The envelope of an answer; raises AnswerLost or InvalidAnswer where it is none."""
        try:
            return read_envelope(response.body)
        except Malformed as error:
            raise self._nonsense(label, response, is_write, str(error)) from None

    def at(self, label: str) -> str:
        """Where an error happened: the firewall, and what was asked of it."""
        return f"{self._title}, {label}"

    def _nonsense(self, label: str, response: Response, is_write: bool, reason: str) -> AnswerLost | InvalidAnswer:
        if response.status in (401, 403):
            reason = f"HTTP {response.status} and {reason}"
        what = f"the answer is not PAN-OS XML ({reason}; {response.content_type or 'no content type'})"
        if is_write and (response.status < 400 or response.status in GAVE_UP):
            return AnswerLost(what, self.at(label), "the next run looks")
        return InvalidAnswer(what, self.at(label), "check the address and what answers there")
