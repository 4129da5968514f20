"""Thin client of the SCM REST Enrollment API: the seven documented operations.

Source: the vendor's OpenAPI document 25.11 (`OA` below) and docs/reference/scm.md. Knows no profile, no command line.
"""

from __future__ import annotations

import contextlib
import datetime
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from paloaltofw.clock import Clock
from paloaltofw.errors import InvalidAnswer, OrderWithoutId, Refused
from paloaltofw.model.account import Account
from paloaltofw.model.trust import Trust
from paloaltofw.scm.access_token import TokenSource
from paloaltofw.scm.answers import OrderStatus, json_of, read_status
from paloaltofw.scm.verdicts import Kind, check
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Request, Response, Transport, repeat_read

API = "/api/v1/certificates"
# A harmless question about an ID that nobody has.
PROBE = f"{API}/0/status"
ACCEPT_JSON = "application/json"
# RFC 8555 §9.1 type second: what a public client of this API asks for (scm.md §2.4).
ACCEPT_PEM = "application/x-pem-file, application/pem-certificate-chain;q=0.9, */*;q=0.1"
# SCM documents no limit. Five at once is what a public client of it uses, orders one after the other (scm.md §3.6).
REQUESTS_AT_ONCE = 5
# OA has the first and does not require it; a public client of this API reads the second, the admin API has the third.
ID_FIELDS = ("certId", "id", "sslId")
# A chain of five certificates has 12 kB.
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class OrderRequest:
    """What an order is made of. `csr` is single-line Base64 DER, or None to renew with the CSR that SCM has.

    `profile_id` names SCM's certificate profile to renew where the account's endpoint has several.
    """

    csr: str | None
    sans: tuple[str, ...]
    comments: str
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()
    profile_id: str = ""


class ScmClient:
    """One SCM account. Thread-safe: a few requests at once, but one order after the other."""

    def __init__(self, account: Account, token_url: str, ca_file: Path | None, timeout: float, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._trust = Trust(ca_file=ca_file)
        self._timeout = timeout
        self._transports: list[Transport] = []
        self._tokens = TokenSource(account, token_url, self._new_transport(), clock, account.scm_url + PROBE)
        self._writing = threading.Lock()
        self._seats = threading.BoundedSemaphore(REQUESTS_AT_ONCE)
        self._idle: list[Transport] = []

    def enroll(self, order: OrderRequest) -> str:
        """Order a certificate; return its ID. Raises AnswerLost (ordered or not: unknown) and other PeerErrors."""
        return self._order("enroll", API, _enroll_body(order))

    def renew(self, certificate_id: str, order: OrderRequest) -> str:
        """Renew a certificate; return the new one's ID. Without a CSR SCM uses the earlier one, hence the same key."""
        return self._order("renew", _path(certificate_id, "renew"), _renew_body(order))

    def replace(self, certificate_id: str, order: OrderRequest) -> str:
        """Replace a certificate, with other names or another key; return an ID, which may be the same (scm.md §2.5)."""
        body = {k: v for k, v in _enroll_body(order).items() if k in ("csr", "subjAltNames", "comments")}
        return self._order("replace", _path(certificate_id, "replace"), body)

    def status(self, certificate_id: str) -> OrderStatus:
        """Ask for an order's state; raises Refused (peer_code -124) for an unknown ID."""
        response = self._read("status", _path(certificate_id, "status"))
        try:
            return read_status(json_of(response))
        except ValueError:
            kind = response.content_type or "no content type"
            what = f"the answer holds no status ({kind}, {len(response.body)} bytes)"
            raise InvalidAnswer(what, self._at("status"), "check scm.url and proxies on the way") from None

    def download(self, certificate_id: str) -> bytes:
        """Fetch the issued chain, in whatever form SCM has it: PEM, PKCS#7 or DER.

        Raises NotReady while there is none, and Refused for every other 4xx but 401, 403 and 429: that is a question
        which only the order's status answers (scm.md §2.4).
        """
        return self._read("download", _path(certificate_id), ACCEPT_PEM, Kind.DOWNLOAD).body

    def revoke(self, certificate_id: str, reason_code: int, message: str) -> None:
        """Revoke a certificate. `reason_code` is 0, 1, 3, 4 or 5 (RFC 5280 §5.3.1, the subset of OA)."""
        self._write("revoke", "DELETE", _path(certificate_id), {"reasonCode": reason_code, "message": message})

    def recheck_dcv(self, certificate_id: str) -> None:
        """Ask the CA to look at the domain validation again. Not to be called in a loop."""
        self._write("dcv-recheck", "POST", _path(certificate_id, "dcv-recheck"), None)

    def prove_credentials(self) -> None:
        """Get a token; raises CredentialsRefused and the transport's errors."""
        self._tokens.token()

    def prove_right(self) -> None:
        """Show the token to the API without changing anything: an unknown ID must answer 404, not 401 or 403.

        Raises CredentialsRefused and PermissionDenied.
        """
        try:
            self._read("right to use the API", PROBE)
        except Refused:
            return

    @property
    def peer_date(self) -> datetime.datetime | None:
        """What SCM's clock said in its last answer, over whichever connection; None if that had no readable date."""
        return max(self._transports, key=lambda transport: transport.answered_at).peer_date

    def close(self) -> None:
        """Close connections."""
        for transport in self._transports:
            transport.close()

    def _new_transport(self) -> Transport:
        name = f"SCM account {self._account.label}"
        transport = Transport(name, self._trust, self._timeout, limit=MAX_ANSWER_BYTES)
        self._transports.append(transport)
        return transport

    @contextlib.contextmanager
    def _seat(self, is_write: bool) -> Iterator[Transport]:
        """A connection of one's own, once there is room."""
        with self._writing if is_write else contextlib.nullcontext(), self._seats:
            try:
                transport = self._idle.pop()
            except IndexError:
                transport = self._new_transport()
            try:
                yield transport
            finally:
                self._idle.append(transport)

    def _order(self, label: str, path: str, body: Mapping[str, object]) -> str:
        response = self._write(label, "POST", path, body)
        data = json_of(response)
        for name in ID_FIELDS:
            certificate_id = _readable_id(data.get(name)) if isinstance(data, dict) else None
            if certificate_id is not None:
                return certificate_id
        # It was accepted (2xx): the order exists, only its ID did not reach us.
        what = "accepted the order but sent no certificate ID"
        raise OrderWithoutId(what, self._at(label), "see the SCM portal")

    def _read(self, label: str, path: str, accept: str = ACCEPT_JSON, kind: Kind = Kind.READ) -> Response:
        request = Request("GET", self._account.scm_url + path, label, {"Accept": accept})
        return repeat_read(lambda: self._authorised(request, kind), self._clock)

    def _write(self, label: str, method: str, path: str, body: Mapping[str, object] | None) -> Response:
        headers = {"Accept": ACCEPT_JSON}
        url = self._account.scm_url + path
        return self._authorised(Request(method, url, label, headers, json=body, is_write=True), Kind.WRITE)

    def _authorised(self, request: Request, kind: Kind) -> Response:
        """Send with a token; a 401 renews it once, which is safe: what is not authorised is not carried out."""
        with self._seat(request.is_write) as transport:
            token = self._tokens.token()
            response = transport.send(_with_token(request, token))
            if response.status == 401:
                self._tokens.reject(token, response.headers.get("www-authenticate", ""))
                response = transport.send(_with_token(request, self._tokens.token()))
        check(response, kind, self._at(request.label))
        return response

    def _at(self, label: str) -> str:
        return f"SCM account {self._account.label}, {label}"


def _with_token(request: Request, token: Secret) -> Request:
    return replace(request, headers={**request.headers, "Authorization": f"Bearer {token.reveal()}"})


def _path(certificate_id: str, operation: str = "") -> str:
    """The ID's format is not documented: it is opaque and percent-encoded (scm.md §2.2)."""
    path = f"{API}/{urllib.parse.quote(certificate_id, safe='')}"
    return f"{path}/{operation}" if operation else path


def _enroll_body(order: OrderRequest) -> dict[str, object]:
    """Fields that are empty are left out: a single-domain profile refuses even an empty list (scm.md §6)."""
    body: dict[str, object] = {
        "csr": order.csr,
        "subjAltNames": list(order.sans),
        "comments": order.comments,
        "externalRequester": order.external_requester,
        "customFields": dict(order.custom_fields),
    }
    return {key: value for key, value in body.items() if value}


def _renew_body(order: OrderRequest) -> dict[str, object]:
    """OA marks customFields and profileId as required, and its text the latter as optional (scm.md §2.2)."""
    body = {**_enroll_body(order), "customFields": dict(order.custom_fields)}
    if order.profile_id:
        # OA calls it a number; an ID that is none is sent as it is.
        is_number = order.profile_id.isascii() and order.profile_id.isdigit()
        body["profileId"] = int(order.profile_id) if is_number else order.profile_id
    return body


def _readable_id(value: object) -> str | None:
    """An ID that can be used; None if it cannot. OA says string, older SCM operations answer numbers."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str) or not text.strip() or len(text) > 512 or not text.isprintable():
        return None
    # In a path these two would not be an ID but another folder, and they cannot be percent-encoded away.
    return None if text in (".", "..") else text
