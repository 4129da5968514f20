"""Thin client of the SCM REST Enrollment API: the seven documented operations.

Source: the vendor's OpenAPI document 25.11 (`OA` below) and docs/reference/scm.md. Knows no profile, no command line.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from paloaltofw.clock import Clock
from paloaltofw.errors import AnswerLost, Busy, CredentialsRefused, InvalidAnswer, PermissionDenied, Refused
from paloaltofw.model.account import Account
from paloaltofw.model.trust import Trust
from paloaltofw.scm.access_token import TokenSource
from paloaltofw.scm.answers import NotReady, OrderStatus, json_of, read_status, retry_after_seconds
from paloaltofw.scm.codes import BAD_CREDENTIALS, NO_RIGHT, NOT_READY, code_text, remedy_for
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Request, Response, Transport, repeat_read

log = logging.getLogger(__name__)
API = "/api/v1/certificates"
# RFC 8555 §9.1 type second: what a public client of this API asks for (scm.md §2.4).
ACCEPT_PEM = "application/x-pem-file, application/pem-certificate-chain;q=0.9, */*;q=0.1"
# SCM documents no limit. Five at once is what a public client of it uses, orders one after the other (scm.md §3.6).
REQUESTS_AT_ONCE = 5
# A chain of five certificates has 12 kB.
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True)
class OrderRequest:
    """What an order is made of. `csr` is single-line Base64 DER, or None to renew with the CSR that SCM has."""

    csr: str | None
    sans: tuple[str, ...]
    comments: str
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()


class ScmClient:
    """One SCM account. Thread-safe: a few requests at once, but one order after the other."""

    def __init__(self, account: Account, token_url: str, ca_file: Path | None, timeout: float, clock: Clock) -> None:
        self._account = account
        self._clock = clock
        self._trust = Trust(ca_file=ca_file)
        self._timeout = timeout
        self._tokens = TokenSource(account, token_url, self._new_transport(), clock)
        self._writing = threading.Lock()
        self._seats = threading.BoundedSemaphore(REQUESTS_AT_ONCE)
        self._idle: list[Transport] = []

    def enroll(self, order: OrderRequest) -> str:
        """Order a certificate; return its ID. Raises AnswerLost (ordered or not: unknown) and other PeerErrors."""
        return self._order("enroll", API, _enroll_body(order))

    def renew(self, certificate_id: str, order: OrderRequest) -> str:
        """Renew a certificate; return the new one's ID. Without a CSR SCM uses the earlier one, hence the same key."""
        return self._order("renew", _path(certificate_id, "renew"), _enroll_body(order))

    def replace(self, certificate_id: str, order: OrderRequest) -> str:
        """Replace a certificate, with other names or another key; return an ID, which may be the same (scm.md §2.5)."""
        body = {k: v for k, v in _enroll_body(order).items() if k in ("csr", "subjAltNames", "comments")}
        return self._order("replace", _path(certificate_id, "replace"), body)

    def status(self, certificate_id: str) -> OrderStatus:
        """Ask for an order's state; raises Refused (peer_code -124) for an unknown ID."""
        response = self._read("status", _path(certificate_id, "status"), "application/json")
        try:
            return read_status(json_of(response))
        except ValueError:
            raise self._invalid(response, "status") from None

    def download(self, certificate_id: str) -> str:
        """Fetch the issued chain as PEM text; raises NotReady while there is none."""
        try:
            response = self._read("download", _path(certificate_id), ACCEPT_PEM)
        except Refused as refused:
            if refused.peer_code in NOT_READY:
                raise NotReady(refused.what) from None
            raise
        if not response.body.strip():
            raise NotReady("empty answer")  # the admin API's way to say so (scm.md §2.4)
        text = response.body.decode("ascii", "replace")
        if "-----BEGIN" not in text:
            raise self._invalid(response, "download")
        return text

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
            self._read("right to use the API", _path("0", "status"), "application/json")
        except Refused:
            return

    def close(self) -> None:
        """Close connections."""
        self._tokens.close()
        for transport in self._idle:
            transport.close()

    def _new_transport(self) -> Transport:
        return Transport(f"SCM account {self._account.label}", self._trust, self._timeout, limit=MAX_ANSWER_BYTES)

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
        certificate_id = data.get("certId") if isinstance(data, dict) else None
        if isinstance(certificate_id, int) and not isinstance(certificate_id, bool):
            certificate_id = str(certificate_id)  # OA says string; older SCM operations answer numbers for IDs
        if (
            not isinstance(certificate_id, str)
            or not 0 < len(certificate_id) <= 512
            or not certificate_id.isprintable()
        ):
            # It was accepted (2xx): the order exists, only its ID did not reach us.
            raise AnswerLost("accepted the order but sent no certificate ID", self._at(label), "see the SCM portal")
        return certificate_id

    def _read(self, label: str, path: str, accept: str) -> Response:
        request = Request("GET", self._account.scm_url + path, label, {"Accept": accept})
        return repeat_read(lambda: self._authorised(request), self._clock)

    def _write(self, label: str, method: str, path: str, body: Mapping[str, object] | None) -> Response:
        headers = {"Accept": "application/json"}
        url = self._account.scm_url + path
        return self._authorised(Request(method, url, label, headers, json=body, is_write=True))

    def _authorised(self, request: Request) -> Response:
        """Send with a token; a 401 renews it once, which is safe: what is not authorised is not carried out."""
        with self._seat(request.is_write) as transport:
            token = self._tokens.token()
            response = transport.send(_with_token(request, token))
            if response.status == 401:
                self._tokens.reject(token, response.headers.get("www-authenticate", ""))
                response = transport.send(_with_token(request, self._tokens.token()))
        return self._checked(response, request)

    def _checked(self, response: Response, request: Request) -> Response:
        if 200 <= response.status < 300:
            if "html" in response.content_type and not request.is_write:
                raise self._invalid(response, request.label)
            return response
        where = self._at(request.label)
        body = json_of(response)
        code = body.get("code") if isinstance(body, dict) else None
        code = code if isinstance(code, int) and not isinstance(code, bool) else None
        if response.status == 429:
            raise Busy("too many requests (HTTP 429)", where, "try again later", retry_after_seconds(response))
        if response.status >= 500:
            if request.is_write:
                raise AnswerLost(f"HTTP {response.status}, so it is unknown whether it was carried out", where)
            raise Busy(
                f"is not available (HTTP {response.status})", where, "try again later", retry_after_seconds(response)
            )
        if response.status == 401 or code in BAD_CREDENTIALS:
            remedy = "check the account's client_id, client_secret and scm_url"
            raise CredentialsRefused(f"the token was not accepted (HTTP {response.status})", where, remedy)
        if response.status == 403 or code in NO_RIGHT:
            remedy = "check the rights of the REST account in SCM"
            raise PermissionDenied(f"not allowed (HTTP {response.status}{code_text(code)})", where, remedy)
        if code is None:
            raise self._invalid(response, request.label)
        description = str(body.get("description") or "no description")[:300] if isinstance(body, dict) else ""
        text = " ".join(description.split())
        raise Refused(f"SCM says: {text} (code {code})", where, remedy_for(code), peer_code=code)

    def _invalid(self, response: Response, label: str) -> InvalidAnswer:
        kind = response.content_type or "no content type"
        what = f"HTTP {response.status} with an answer that is not SCM's ({kind}, {len(response.body)} bytes)"
        return InvalidAnswer(what, self._at(label), "check scm.url and proxies on the way")

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
