"""HTTPS for both clients: one request, one bounded answer, and an honest word about what happened when there is none.

The one distinction that the rest of the program lives on is made here: `Unreachable` means that the request was never
sent, `AnswerLost` that it may have been carried out.
"""

from __future__ import annotations

import datetime
import email.utils
import logging
import time
import urllib.parse
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from paloaltofw.clock import Clock
from paloaltofw.errors import AnswerLost, Busy, InvalidAnswer, NotTrusted, PeerError, Unreachable
from paloaltofw.model.trust import Trust, pin_text
from paloaltofw.transport.deadline import WATCHDOG
from paloaltofw.transport.faults import translate
from paloaltofw.transport.peer_certificate import fingerprint
from paloaltofw.transport.tls import is_unverified, new_session

if TYPE_CHECKING:
    import requests

T = TypeVar("T")
CONNECT_SECONDS = 10.0
# Seconds between the attempts of a read, when the peer stumbles. Writes are never repeated here.
READ_PAUSES = (0.5, 2.5)
MAX_RETRY_AFTER = 60.0
# The largest honest answer is a firewall's whole certificate list: some 10 kB an entry, hundreds of entries.
MAX_ANSWER_BYTES = 16 * 1024 * 1024
_CHUNK = 64 * 1024
# These say by themselves that nothing was done (scm.md §9): their bodies need not be readable.
REFUSALS = frozenset({401, 403, 429})
# The whole exchange may take so many times the timeout, however steadily the peer goes on.
TOTAL_TIMES = 2
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Response:
    """One HTTP answer; `body` is complete and bounded, header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """The media type without parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True)
class Request:
    """One HTTP request. `label` names it in errors and logs: never the body, never a header.

    `is_write` marks what must not be sent twice; `timeout` (seconds) replaces the transport's own.
    """

    method: str
    url: str
    label: str
    headers: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] | None = None
    json: object = None
    files: Mapping[str, tuple[str, bytes, str]] | None = None
    is_write: bool = False
    timeout: float | None = None

    def unusable(self, what: str, where: str, remedy: str) -> AnswerLost | InvalidAnswer:
        """The error for an answer that is not one of this API's: whatever answers a write may have carried it out."""
        if self.is_write:
            return AnswerLost(f"{what}, so it is unknown whether it was carried out", where, remedy)
        return InvalidAnswer(what, where, remedy)


class Transport:
    """Sends requests to one peer. `timeout` is in seconds, for the connection and for each silence of the peer; twice
    that is the limit for the whole exchange. `limit` is the largest body that is read, in bytes. A write goes over a
    new connection, unless the last answer came within `fresh_seconds`.

    `own_certificates` returns fingerprints (hex) of certificates that are as good as the one to trust, since we put
    them there ourselves; it is asked only when trust fails, and never where a certificate is pinned. `notes` then says
    so. `peer_date` is what the peer's clock said in its last answer; None without a readable `Date`.
    """

    def __init__(
        self,
        peer: str,
        trust: Trust,
        timeout: float,
        own_certificates: Callable[[], Collection[str]] = tuple,
        limit: int = MAX_ANSWER_BYTES,
        fresh_seconds: float = 0.0,
    ) -> None:
        self._peer = peer
        self._trust = trust
        self._own_certificates = own_certificates
        self._limit = limit
        self._fresh_seconds = fresh_seconds
        self._is_pinned = trust.pin is not None
        self.answered_at = 0.0
        self.peer_date: datetime.datetime | None = None
        self.notes: list[str] = []
        self._proxies_of: dict[str, dict[str, str]] = {}
        self._timeout = timeout
        self._session: requests.Session | None = None

    def send(self, request: Request) -> Response:
        """Send one request and read its answer.

        Raises Unreachable, AnswerLost, or InvalidAnswer for a redirect (credentials are never sent to another place)
        and for an answer that is too large or compressed; for a write these are AnswerLost too.
        """
        where = f"{self._peer}, {request.label}"
        _check_url(request.url, where)
        started = time.monotonic()
        try:
            response = self._exchange(request, where)
        except NotTrusted as error:
            self._trust_own(request, error)
            response = self._exchange(request, where)
        log.debug(
            "%s: HTTP %d, %d bytes, %.2f s", where, response.status, len(response.body), time.monotonic() - started
        )
        if 300 <= response.status < 400:
            raise request.unusable(f"answered with a redirect (HTTP {response.status})", where, "correct the address")
        return response

    def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def _trust_own(self, request: Request, error: NotTrusted) -> None:
        """Use the presented certificate as the pin if it is our own; else raise the error with what is presented."""
        presented = fingerprint(request.url, min(CONNECT_SECONDS, self._timeout))
        if presented is None:
            raise error
        if self._is_pinned or presented not in self._own_certificates():
            what = f"{error.what} (it presents {pin_text(presented)}"
            what += f", pinned is {pin_text(error.pinned)})" if error.pinned else ")"
            raise NotTrusted(what, error.where, error.remedy, error.pinned) from None
        what = "presents the certificate that the agent itself installed, not the one to trust"
        self.notes.append(f"{self._peer} {what}; pin it with `paloaltoagent trust` ({pin_text(presented)})")
        self.close()
        self._trust = Trust(pin=presented)

    def _exchange(self, request: Request, where: str) -> Response:
        import http.client

        import urllib3

        timeout = request.timeout or self._timeout
        if request.is_write and time.monotonic() - self.answered_at > self._fresh_seconds:
            # A kept-alive connection may die under a request, and nobody could say whether the request arrived.
            self.close()
        if self._session is None:
            self._session = self._connectable(where)
        with WATCHDOG.watch(timeout * TOTAL_TIMES) as guard:
            try:
                response = self._ask(self._session, request, where, timeout)
            # OSError is requests' own base too; ValueError is what http.client makes of a negative chunk.
            except (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
                self.close()
                if not guard.has_fired:
                    raise _never_sent(translate(error, where, self._trust.pin), guard.is_connected) from None
        if guard.has_fired:
            # Also where an answer was made of it: the end of the connection may look like the end of the headers.
            self.close()
            what = f"took longer than {timeout * TOTAL_TIMES:g} s to answer"
            raise _never_sent(AnswerLost(what, where, "raise timeout if it is slow"), guard.is_connected)
        self.answered_at = time.monotonic()
        self.peer_date = _date(response.headers.get("date", ""))
        return response

    def _ask(self, session: requests.Session, request: Request, where: str, timeout: float) -> Response:
        with session.request(
            request.method, request.url, headers=dict(request.headers), data=request.data, json=request.json,
            files=request.files, timeout=(min(CONNECT_SECONDS, timeout), timeout),
            verify=not is_unverified(self._trust), proxies=self._proxies(request.url), allow_redirects=False,
            stream=True,
        ) as response:  # fmt: skip
            return _response(response, request, where, self._limit)

    def _connectable(self, where: str) -> requests.Session:
        try:
            return new_session(self._trust)
        except OSError as error:
            what = f"the file of trusted CAs cannot be loaded: {error.strerror or 'it is not PEM'}"
            raise Unreachable(what, where, "correct verify_tls, scm.ca_bundle or REQUESTS_CA_BUNDLE") from None

    def _proxies(self, url: str) -> dict[str, str]:
        """The environment's proxies for a URL's host."""
        import requests.utils

        host = urllib.parse.urlsplit(url).netloc
        if host not in self._proxies_of:
            self._proxies_of[host] = requests.utils.get_environ_proxies(url, no_proxy=None)
        return self._proxies_of[host]


def _check_url(url: str, where: str) -> None:
    """Refuse what is no URL before any library looks at it: their errors would read like those of an answer."""
    try:
        parts = urllib.parse.urlsplit(url)
        is_url = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0
        # Libraries differ on where the host ends at a backslash.
        is_url = is_url and url.isprintable() and "\\" not in url
    except ValueError:
        is_url = False
    if not is_url:
        raise Unreachable("the address is no https URL", where, "correct the address")


def _never_sent(error: PeerError, is_connected: bool) -> PeerError:
    """Before there was a connection, TLS included, nothing of the request can have arrived."""
    if is_connected or not isinstance(error, AnswerLost):
        return error
    return Unreachable(f"no connection could be made ({error.what})", error.where, error.remedy, may_pass=True)


def _date(text: str) -> datetime.datetime | None:
    """The Date header (RFC 9110 §6.6.1) in UTC."""
    try:
        date = email.utils.parsedate_to_datetime(text)
        return date.replace(tzinfo=date.tzinfo or datetime.timezone.utc).astimezone(datetime.timezone.utc)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _response(response: requests.Response, request: Request, where: str, limit: int) -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    try:
        body = _body(response, headers, request, where, limit)
    except (AnswerLost, InvalidAnswer):
        if response.status_code not in REFUSALS:
            raise
        body = b""
    return Response(response.status_code, headers, body)


def _body(response: requests.Response, headers: Mapping[str, str], request: Request, where: str, limit: int) -> bytes:
    """The body, read by http.client: urllib3's own reading of chunks takes a size line of any length."""
    coding = headers.get("content-encoding", "identity").strip().lower()
    if coding not in ("", "identity"):
        # We ask for identity. What is compressed may be a thousand times as large when it is unpacked.
        raise request.unusable(f"answered in the coding {coding[:20]!r}", where, "check what answers there")
    body = bytearray()
    while chunk := response.raw.read(_CHUNK, decode_content=False):
        body += chunk
        if len(body) > limit:
            raise request.unusable(f"sent more than {limit >> 20} MiB", where, "check what answers there")
    return bytes(body)


def repeat_read(attempt: Callable[[], T], clock: Clock) -> T:
    """Make a read, and make it again after a pause when the peer stumbled. Never to be used for writes.

    A peer's Retry-After (RFC 9110 §10.2.3) replaces our pause; one longer than MAX_RETRY_AFTER ends the attempts.
    """
    for pause in READ_PAUSES:
        try:
            return attempt()
        except PeerError as error:
            asked = error.retry_after if isinstance(error, Busy) else None
            if not error.may_pass or (asked or 0.0) > MAX_RETRY_AFTER:
                raise
            log.debug("%s; trying again", error)
            clock.sleep(asked or pause)
    return attempt()
