"""The bearer token of an SCM account: fetched, kept, renewed."""

from __future__ import annotations

import logging
import re
import threading
import urllib.parse

from paloaltofw.clock import Clock
from paloaltofw.errors import AnswerLost, Busy, CredentialsRefused, InvalidAnswer, PeerError, Unreachable
from paloaltofw.model.account import DEFAULT_TOKEN_URL, Account
from paloaltofw.scm.answers import json_of
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Request, Response, Transport

# A token is renewed when this much of its life is over, so that it does not die under a request.
TOKEN_SHARE = 0.8
TOKEN_DEFAULT_SECONDS = 60.0
_SECTIGO_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+sectigo\.com")
# Keycloak's words, of newer and older releases (scm.md §1).
WRONG_SECRET = ("unauthorized_client", "invalid_client")
_URL_IN_HEADER = re.compile(r"https?://[^\s\",]+")
log = logging.getLogger(__name__)


def token_url_of(header: str) -> str | None:
    """The token server's URL in a WWW-Authenticate header, in whatever of its forms (scm.md §1)."""
    match = re.search(r"authorization_uri=\"?(https?://[^\s\",]+)", header) or _URL_IN_HEADER.search(header)
    return match.group(match.lastindex or 0) if match else None


def is_trusted_token_url(url: str, configured: str) -> bool:
    """Whether the secret may be sent there: https, and the configured host or one of Sectigo's. ValueError: no URL."""
    parts, known = urllib.parse.urlsplit(url), urllib.parse.urlsplit(configured)
    if not parts.hostname or parts.port == 0:
        raise ValueError("no host")
    host, known_host = (place.netloc.lower().removesuffix(":443") for place in (parts, known))
    # By the whole text: whoever connects may see the host end elsewhere (`evil.example\.sectigo.com`).
    return parts.scheme == "https" and (host == known_host or _SECTIGO_HOST.fullmatch(host) is not None)


def _plain(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


class TokenSource:
    """Fetches and keeps one account's bearer token (RFC 6749 §4.4; there is no refresh token in this grant).

    `url` is where, unless the account names a place of its own. Where it is the usual one, it may not be this
    account's: then the API is asked first, at `probe`, without a token. Thread-safe: whoever needs a token while it is
    being fetched waits for that one.
    """

    def __init__(self, account: Account, url: str, transport: Transport, clock: Clock, probe: str) -> None:
        self._account = account
        self._url = account.token_url or url
        self._configured = self._url
        self._probe = probe
        self._is_discovered = self._url != DEFAULT_TOKEN_URL
        self._transport = transport
        self._clock = clock
        self._token: Secret | None = None
        self._until = 0.0
        self._lock = threading.Lock()

    def token(self) -> Secret:
        """A token that is good for now; raises CredentialsRefused and the transport's errors, but never AnswerLost."""
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

    def _discover(self) -> None:
        """Learn the token server's URL from the API's 401 to a question without a token (scm.md §1)."""
        request = Request("GET", self._probe, "place of the tokens", {"Accept": "application/json"})
        try:
            response = self._transport.send(request)
        except PeerError as error:
            # The usual place is tried all the same; whether the API can be reached is told by what follows.
            log.debug("%s", error)
            return
        self._is_discovered = True
        if response.status == 401:
            self._learn(token_url_of(response.headers.get("www-authenticate", "")))

    def _learn(self, url: str | None) -> None:
        if url is None or url == self._url:
            return
        try:
            is_trusted = is_trusted_token_url(url, self._configured)
            host = urllib.parse.urlsplit(url).hostname or ""
        except ValueError:
            what = f"SCM names a token server whose address cannot be understood ({_plain(url[:100])})"
            raise CredentialsRefused(what, self._where, "set scm.token_url") from None
        if not is_trusted:
            what = f"SCM names the token server {_plain(host)}, which is neither the configured one nor Sectigo's"
            raise CredentialsRefused(what, self._where, "set scm.token_url if that is right")
        self._url = url

    @property
    def _where(self) -> str:
        return f"SCM account {self._account.label}, token"

    def _fetch(self) -> None:
        if not self._is_discovered:
            self._discover()
        form = {
            "grant_type": "client_credentials",
            "client_id": self._account.client_id,
            "client_secret": self._account.client_secret.reveal(),
        }
        request = Request("POST", self._url, "token", {"Accept": "application/json"}, data=form)
        try:
            response = self._transport.send(request)
        except AnswerLost as lost:
            # Of what was to be done with the token, nothing was sent.
            raise Unreachable(f"no token: {lost.what}", lost.where, lost.remedy, may_pass=True) from None
        if response.status >= 500 or response.status == 429:
            raise Busy(f"the token server answered HTTP {response.status}", self._where, "try again later")
        if response.status != 200:
            raise self._refusal(response)
        self._understand(response)

    def _refusal(self, response: Response) -> CredentialsRefused | InvalidAnswer:
        """Only a token server's own word says that the secret is wrong (RFC 6749 §5.2)."""
        body = json_of(response)
        word = body.get("error") if isinstance(body, dict) else None
        if word in WRONG_SECRET:
            remedy = "check client_id and client_secret; the secret may have been reset in SCM"
            return CredentialsRefused(f"not accepted (HTTP {response.status}, {word})", self._where, remedy)
        kind = repr(word[:60]) if isinstance(word, str) else response.content_type or "no content type"
        what = f"the token server's address answers HTTP {response.status} ({kind}), which is no word on the secret"
        return InvalidAnswer(what, self._where, "check scm.token_url and proxies on the way")

    def _understand(self, response: Response) -> None:
        body = json_of(response)
        token = body.get("access_token") if isinstance(body, dict) else None
        if not isinstance(token, str) or not token or not token.isprintable() or not token.isascii():
            raise InvalidAnswer("the token server sent no token", self._where, "check scm.token_url")
        self._token = Secret(token)
        life = body.get("expires_in") if isinstance(body, dict) else None
        seconds = float(life) if isinstance(life, (int, float)) and 0 < life < 1e7 else TOKEN_DEFAULT_SECONDS
        self._until = self._clock.monotonic() + seconds * TOKEN_SHARE
