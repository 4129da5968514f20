"""Thin client of the SCM REST Enrollment API: token, and the seven documented operations.

Source: the vendor's OpenAPI document 25.11 (`OA` below) and the fact sheet on SCM. Knows no profile, no command line.
"""

from __future__ import annotations

import contextlib
import json
import logging
import re
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from paloaltofw.addresses import Trust
from paloaltofw.clock import Clock
from paloaltofw.credentials import Account, Secret
from paloaltofw.errors import (
    AnswerLost,
    Busy,
    CredentialsRefused,
    InvalidAnswer,
    PermissionDenied,
    Refused,
)
from paloaltofw.transport import Answer, Outgoing, Transport, repeat_read

log = logging.getLogger(__name__)

API = "/api/v1/certificates"
# A token is renewed when this much of its life is over, so that it does not die under a request.
TOKEN_SHARE = 0.8
TOKEN_DEFAULT_SECONDS = 60.0
# RFC 8555 §9.1 type second: what a public client of this API asks for (fact sheet SCM §2.4).
ACCEPT_PEM = "application/x-pem-file, application/pem-certificate-chain;q=0.9, */*;q=0.1"
# SCM documents no limit. Five at once is what a public client of it uses, orders one after the other (fact sheet §3.6).
REQUESTS_AT_ONCE = 5
# A chain of five certificates has 12 kB.
MAX_ANSWER_BYTES = 1024 * 1024
SECTIGO_DOMAIN = ".sectigo.com"

# Vendor codes, admin API reference 25.5 (fact sheet SCM §3.5). OA confirms -103 and -109 for this API.
NOT_READY = frozenset({-103, -109, -1400, -183})
REVOKED = frozenset({-110, -159})
# The last five: OA contradicts itself on whether renew needs profileId and customFields (fact sheet SCM §2.2), so a
# complaint about a missing field or profile ID is one about the operation.
RENEWAL_REFUSED = frozenset({-105, -123, -124, -130, -180, -1148, -7, -39, -111, -951, -1601})
DCV_INCOMPLETE = frozenset({-107, -737, -1137, -1603})
NO_RIGHT = frozenset({-3, -25, -37, -226})
BAD_CREDENTIALS = frozenset({-16, -970})
AWAITS_PERSON = frozenset({-1112, -1113, -1140})
TRY_LATER = frozenset({-129, -140, -195, -196})
KEY_REFUSED = frozenset({-11, -13, -78, -141, -170, -194})

_REMEDIES = {
    -62: "set the mandatory custom field under scm.custom_fields",
    -843: "validate the organization in SCM",
    -993: "ask the SCM administrator, orders are restricted",
    -1010: "delegate the domain to the account's organization in SCM",
    -164: "remove local names and private addresses, or use a private CA's account",
    -36: "correct the term of the REST account in SCM",
}
_URL_IN_HEADER = re.compile(r"https?://[^\s\",]+")


class OrderState(Enum):
    """What an SCM status word means for the agent."""

    PENDING = "pending"
    ISSUED = "issued"
    FAILED = "failed"
    REVOKED = "revoked"
    EXPIRED = "expired"
    REPLACED = "replaced"


# Words of the admin API for the same certificates, compared without case, blanks and underscores (fact sheet SCM §2.3).
_STATES = {
    "issued": OrderState.ISSUED,
    "downloaded": OrderState.ISSUED,
    "declined": OrderState.FAILED,
    "rejected": OrderState.FAILED,
    "invalid": OrderState.FAILED,
    "revoked": OrderState.REVOKED,
    "expired": OrderState.EXPIRED,
    "replaced": OrderState.REPLACED,
}
_WAITS_FOR = {
    "requested": "approval by an SCM administrator",
    "awaitingapproval": "approval by an SCM administrator",
    "approved": "transmission to the CA",
    "saapproved": "transmission to the CA",
    "applied": "the CA (validation of domain or organization)",
    "init": "SCM",
}


@dataclass(frozen=True)
class OrderStatus:
    """An order's state; `word` is SCM's own, `waits_for` says in words what a pending order waits for."""

    state: OrderState
    word: str
    waits_for: str = ""


@dataclass(frozen=True)
class OrderRequest:
    """What an order is made of. `csr` is single-line Base64 DER, or None to renew with the CSR that SCM has."""

    csr: str | None
    sans: tuple[str, ...]
    comments: str
    external_requester: str = ""
    custom_fields: tuple[tuple[str, str], ...] = ()


class NotReady(Exception):
    """The certificate is not issued yet; `detail` is SCM's code and text."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


def normalise(word: str) -> str:
    """A status word without case, blanks and underscores: `SA Approved`, `SAApproved` and `sa_approved` are one."""
    return re.sub(r"[\s_-]+", "", word).lower()


def read_status(body: object) -> OrderStatus:
    """Understand the answer of the status operation. An unknown word means pending, never failed."""
    word = body.get("status") if isinstance(body, dict) else None
    if not isinstance(word, str) or not word.strip():
        raise ValueError("no status")
    plain = normalise(word)
    state = _STATES.get(plain, OrderState.PENDING)
    waits_for = ""
    if state is OrderState.PENDING:
        names = _names_awaiting_dcv(body.get("dcvInfo") if isinstance(body, dict) else None)
        waits_for = f"domain validation of {', '.join(names)}" if names else _WAITS_FOR.get(plain, f"SCM ({word[:40]})")
    return OrderStatus(state, word[:40], waits_for)


def _names_awaiting_dcv(info: object) -> list[str]:
    """Domain names whose validation is outstanding; `dcvInfo` is an untyped object in OA, an array in A259."""
    infos = info if isinstance(info, list) else [info]
    names: list[str] = []
    for item in infos:
        entries = item.get("dcvLog") if isinstance(item, dict) else None
        entries = entries.get("log") if isinstance(entries, dict) else None
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and normalise(str(entry.get("dcvStatus"))) not in ("validated", "completed"):
                names.append(str(entry.get("domainName"))[:253])
    return sorted(set(names))


def token_url_of(header: str) -> str | None:
    """The token server's URL in a WWW-Authenticate header, in whatever of its forms (fact sheet SCM §1)."""
    match = re.search(r"authorization_uri=\"?(https?://[^\s\",]+)", header) or _URL_IN_HEADER.search(header)
    return match.group(match.lastindex or 0) if match else None


def is_trusted_token_url(url: str, configured: str) -> bool:
    """Whether the secret may be sent there: https, and the configured host or one of Sectigo's."""
    parts, known = urllib.parse.urlsplit(url), urllib.parse.urlsplit(configured)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        return False
    return parts.netloc == known.netloc or (parts.hostname.endswith(SECTIGO_DOMAIN) and parts.port in (None, 443))


class TokenSource:
    """Fetches and keeps one account's bearer token (RFC 6749 §4.4; there is no refresh token in this grant).

    Thread-safe: whoever needs a token while it is being fetched waits for that one.
    """

    def __init__(self, account: Account, url: str, transport: Transport, clock: Clock) -> None:
        self._account = account
        self._url = url
        self._configured = url
        self._transport = transport
        self._clock = clock
        self._token: Secret | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def token(self) -> Secret:
        """A token that is good for now; raises CredentialsRefused and the transport's errors."""
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._until:
                self._fetch()
            assert self._token is not None  # nosec B101  # narrows a type
            return self._token

    def reject(self, token: Secret, header: str) -> None:
        """SCM answered 401: forget the token, and learn the token server's URL if the answer names a trusted one."""
        with self._lock:
            if self._token == token:
                self._token = None
            self._learn(token_url_of(header))

    def close(self) -> None:
        """Close connections."""
        self._transport.close()

    def _learn(self, url: str | None) -> None:
        if url is None or url == self._url:
            return
        if not is_trusted_token_url(url, self._configured):
            host = urllib.parse.urlsplit(url).hostname
            what = f"SCM names the token server {host}, which is neither the configured one nor Sectigo's"
            raise CredentialsRefused(what, self._where, "set scm.token_url if that is right")
        self._url = url

    @property
    def _where(self) -> str:
        return f"SCM account {self._account.label}, token"

    def _fetch(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret.reveal(),
        }
        request = Outgoing("POST", self._url, "token", {"Accept": "application/json"}, data=form)
        answer = self._transport.send(request)
        if answer.status >= 500 or answer.status == 429:
            raise Busy(f"the token server answered HTTP {answer.status}", self._where, "try again later")
        if answer.status != 200:
            remedy = "check client_id and client_secret; the secret may have been reset in SCM"
            raise CredentialsRefused(f"not accepted (HTTP {answer.status})", self._where, remedy)
        self._understand(answer)

    def _understand(self, answer: Answer) -> None:
        body = _json(answer)
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token or not token.isprintable() or not token.isascii():
            raise InvalidAnswer("the token server sent no token", self._where, "check scm.token_url")
        self._token = Secret(token)
        life = body.get("expires_in") if isinstance(body, dict) else None
        seconds = float(life) if isinstance(life, (int, float)) and 0 < life < 1e7 else TOKEN_DEFAULT_SECONDS
        self._until = self._clock.monotonic() + seconds * TOKEN_SHARE


def _json(answer: Answer) -> object:
    """The JSON body, or None where there is none; numbers too long to be real are no JSON either."""
    if not answer.body:
        return None
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


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
        """Order a certificate; gives its ID. Raises AnswerLost (ordered or not: unknown) and other PeerErrors."""
        return self._order("enroll", API, _enroll_body(order))

    def renew(self, certificate_id: str, order: OrderRequest) -> str:
        """Renew a certificate; gives the new one's ID. Without a CSR SCM uses the earlier one, hence the same key."""
        return self._order("renew", _path(certificate_id, "renew"), _enroll_body(order))

    def replace(self, certificate_id: str, order: OrderRequest) -> str:
        """Replace a certificate, with other names or another key; gives an ID, which may be the same (sheet §2.5)."""
        body = {k: v for k, v in _enroll_body(order).items() if k in ("csr", "subjAltNames", "comments")}
        return self._order("replace", _path(certificate_id, "replace"), body)

    def status(self, certificate_id: str) -> OrderStatus:
        """Ask for an order's state; raises Refused (peer_code -124) for an unknown ID."""
        answer = self._read("status", _path(certificate_id, "status"), "application/json")
        try:
            return read_status(_json(answer))
        except ValueError:
            raise self._invalid(answer, "status") from None

    def download(self, certificate_id: str) -> str:
        """Fetch the issued chain as PEM text; raises NotReady while there is none."""
        try:
            answer = self._read("download", _path(certificate_id), ACCEPT_PEM)
        except Refused as refused:
            if refused.peer_code in NOT_READY:
                raise NotReady(refused.what) from None
            raise
        if not answer.body.strip():
            raise NotReady("empty answer")  # the admin API's way to say so (fact sheet SCM §2.4)
        text = answer.body.decode("ascii", "replace")
        if "-----BEGIN" not in text:
            raise self._invalid(answer, "download")
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
        answer = self._write(label, "POST", path, body)
        data = _json(answer)
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

    def _read(self, label: str, path: str, accept: str) -> Answer:
        outgoing = Outgoing("GET", self._account.scm_url + path, label, {"Accept": accept})
        return repeat_read(lambda: self._authorised(outgoing), self._clock)

    def _write(self, label: str, method: str, path: str, body: Mapping[str, object] | None) -> Answer:
        headers = {"Accept": "application/json"}
        url = self._account.scm_url + path
        return self._authorised(Outgoing(method, url, label, headers, json=body, is_write=True))

    def _authorised(self, outgoing: Outgoing) -> Answer:
        """Send with a token; a 401 renews it once, which is safe: what is not authorised is not carried out."""
        with self._seat(outgoing.is_write) as transport:
            token = self._tokens.token()
            answer = transport.send(_with_token(outgoing, token))
            if answer.status == 401:
                self._tokens.reject(token, answer.headers.get("www-authenticate", ""))
                answer = transport.send(_with_token(outgoing, self._tokens.token()))
        return self._checked(answer, outgoing)

    def _checked(self, answer: Answer, outgoing: Outgoing) -> Answer:
        if 200 <= answer.status < 300:
            if "html" in answer.content_type and not outgoing.is_write:
                raise self._invalid(answer, outgoing.label)
            return answer
        where = self._at(outgoing.label)
        body = _json(answer)
        code = body.get("code") if isinstance(body, dict) else None
        code = code if isinstance(code, int) and not isinstance(code, bool) else None
        if answer.status == 429:
            raise Busy("too many requests (HTTP 429)", where, "try again later", _retry_after(answer))
        if answer.status >= 500:
            if outgoing.is_write:
                raise AnswerLost(f"HTTP {answer.status}, so it is unknown whether it was carried out", where)
            raise Busy(f"is not available (HTTP {answer.status})", where, "try again later", _retry_after(answer))
        if answer.status == 401 or code in BAD_CREDENTIALS:
            remedy = "check the account's client_id, client_secret and scm_url"
            raise CredentialsRefused(f"the token was not accepted (HTTP {answer.status})", where, remedy)
        if answer.status == 403 or code in NO_RIGHT:
            remedy = "check the rights of the REST account in SCM"
            raise PermissionDenied(f"not allowed (HTTP {answer.status}{_code_text(code)})", where, remedy)
        if code is None:
            raise self._invalid(answer, outgoing.label)
        description = str(body.get("description") or "no description")[:300] if isinstance(body, dict) else ""
        text = " ".join(description.split())
        raise Refused(f"SCM says: {text} (code {code})", where, _remedy(code), peer_code=code)

    def _invalid(self, answer: Answer, label: str) -> InvalidAnswer:
        kind = answer.content_type or "no content type"
        what = f"HTTP {answer.status} with an answer that is not SCM's ({kind}, {len(answer.body)} bytes)"
        return InvalidAnswer(what, self._at(label), "check scm.url and proxies on the way")

    def _at(self, label: str) -> str:
        return f"SCM account {self._account.label}, {label}"


def _with_token(outgoing: Outgoing, token: Secret) -> Outgoing:
    return replace(outgoing, headers={**outgoing.headers, "Authorization": f"Bearer {token.reveal()}"})


def _path(certificate_id: str, operation: str = "") -> str:
    """The ID's format is not documented: it is opaque and percent-encoded (fact sheet SCM §2.2)."""
    path = f"{API}/{urllib.parse.quote(certificate_id, safe='')}"
    return f"{path}/{operation}" if operation else path


def _enroll_body(order: OrderRequest) -> dict[str, object]:
    """Fields that are empty are left out: a single-domain profile refuses even an empty list (fact sheet SCM §6)."""
    body: dict[str, object] = {
        "csr": order.csr,
        "subjAltNames": list(order.sans),
        "comments": order.comments,
        "externalRequester": order.external_requester,
        "customFields": dict(order.custom_fields),
    }
    return {key: value for key, value in body.items() if value}


def _code_text(code: int | None) -> str:
    return f", code {code}" if code is not None else ""


def _remedy(code: int) -> str:
    if code in KEY_REFUSED:
        return "the SCM profile does not allow this key type or size; change key in the certificate profile"
    if code in DCV_INCOMPLETE:
        return "validate the domain in SCM, the next run tries again"
    if code in AWAITS_PERSON:
        return "an SCM administrator has to act"
    if code in TRY_LATER:
        return "the CA is not reachable, the next run tries again"
    return _REMEDIES.get(code, "correct the profile or the account in SCM")


def _retry_after(answer: Answer) -> float | None:
    """Retry-After in seconds (RFC 9110 §10.2.3; the date form is read as unknown)."""
    value = answer.headers.get("retry-after", "").strip()
    return float(value) if re.fullmatch(r"\d{1,6}", value) else None
