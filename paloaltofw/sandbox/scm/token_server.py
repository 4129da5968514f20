"""The simulated token server: client credentials as in RFC 6749 §4.4, with Keycloak's habits (scm.md §1)."""

from __future__ import annotations

import base64
import datetime
import hmac
import json
import secrets
import urllib.parse
from collections.abc import Sequence

from paloaltofw.sandbox.base.clock import Clock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.scm.orders import Account, ScmSwitches

TOKEN_PATH = "/auth/realms/apiclients/protocol/openid-connect/token"  # nosec B105  # no password
# Where the token server of a customer may be instead.
OTHER_TOKEN_PATH = "/auth/realms/customer/protocol/openid-connect/token"  # nosec B105  # no password
GRANT = "client_credentials"


class TokenServer:
    """Gives tokens and knows whose they are. Not thread-safe: its owner locks."""

    def __init__(self, clock: Clock, accounts: Sequence[Account]) -> None:
        self._clock = clock
        self._accounts = {account.client_id: account for account in accounts}
        self._tokens: dict[str, tuple[Account, datetime.datetime]] = {}

    def answer(self, request: Request, switches: ScmSwitches) -> Answer:
        """Answer one request to the token URL."""
        if request.method != "POST":
            return Answer(405, headers={"Allow": "POST"})
        if request.content_type != "application/x-www-form-urlencoded":
            return _error(400, "invalid_request", "Missing form parameter: grant_type")
        form = request.form
        if _has_repeated_fields(request):
            return _error(400, "invalid_request", "duplicated parameter")
        if "grant_type" not in form:
            return _error(400, "invalid_request", "Missing form parameter: grant_type")
        if form["grant_type"] != GRANT:
            return _error(400, "unsupported_grant_type", "Unsupported grant_type")
        account = self._authenticate(request, switches)
        return self._refused(switches) if account is None else self._granted(account, switches)

    def account_of(self, request: Request) -> Account | None:
        """Whose token a request to the API carries; None if it carries none that is alive."""
        scheme, _, token = str(request.headers.get("authorization", "")).partition(" ")
        held = self._tokens.get(token) if scheme.lower() == "bearer" else None
        return held[0] if held and self._clock.now() < held[1] else None

    def reset_secret(self, label: str) -> str:
        """Make a new secret; the old one and its tokens are dead. Raises KeyError."""
        account = {account.label: account for account in self._accounts.values()}[label]
        account.client_secret = secrets.token_urlsafe(24)
        self._tokens = {token: held for token, held in self._tokens.items() if held[0] is not account}
        return account.client_secret

    def expire_all(self) -> None:
        """All tokens die at once."""
        self._tokens.clear()

    def _authenticate(self, request: Request, switches: ScmSwitches) -> Account | None:
        form = request.form
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, value = str(request.headers.get("authorization", "")).partition(" ")
        if scheme.lower() == "basic" and switches.token_basic:
            client_id, secret = _basic(value)
        account = self._accounts.get(client_id)
        if account is None or not hmac.compare_digest(account.client_secret.encode(), secret.encode()):
            return None
        return account

    def _granted(self, account: Account, switches: ScmSwitches) -> Answer:
        token = secrets.token_urlsafe(48)
        self._tokens[token] = (account, self._clock.now() + datetime.timedelta(seconds=switches.token_seconds))
        body = {
            "access_token": token, "expires_in": switches.token_seconds, "refresh_expires_in": 0,
            "token_type": "Bearer", "not-before-policy": 0, "scope": "email profile",  # nosec B105  # no password
        }  # fmt: skip
        return _json(200, body)

    def _refused(self, switches: ScmSwitches) -> Answer:
        status = 400 if switches.token_error == "invalid_client" else 401  # nosec B105  # no password
        return _error(status, switches.token_error, "Invalid client or Invalid client credentials")


def no_token_server(kind: str) -> Answer:
    """What a place says that is no token server (scm.md §1)."""
    if kind == "html":
        return Answer(200, b"<html><body>Welcome</body></html>", "text/html")
    return Answer(int(kind), b"<html><body>Error</body></html>", "text/html")


def challenge(url: str, form: str) -> str:
    """The WWW-Authenticate header of a 401 in one of its possible forms (scm.md §1)."""
    forms = {
        "quoted": f'Bearer authorization_uri="{url}"',
        "unquoted": f"Bearer authorization_uri={url}",
        "realm_first": f'Bearer realm="SCM", authorization_uri="{url}", error="invalid_token"',
        "bare_url": url,
    }
    return forms[form]


def _has_repeated_fields(request: Request) -> bool:
    names = [name for name, _ in urllib.parse.parse_qsl(request.body.decode("utf-8", "replace"), True)]
    return len(names) != len(set(names))


def _basic(value: str) -> tuple[str, str]:
    """User and password, which are form-encoded inside (RFC 6749 §2.3.1)."""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return urllib.parse.unquote_plus(user), urllib.parse.unquote_plus(password)


def _error(status: int, error: str, description: str) -> Answer:
    return _json(status, {"error": error, "error_description": description})


def _json(status: int, body: object) -> Answer:
    # RFC 6749 §5.1: whatever may hold a token is not to be cached.
    headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
    return Answer(status, json.dumps(body).encode(), "application/json", headers)
