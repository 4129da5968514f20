"""The simulated SCM: token server and the seven documented operations, as strict as the vendor's documents allow.

People at the shell have their own way in, without a token, on loopback only:

    GET  /sandbox/orders                 all orders as JSON
    POST /sandbox/orders/ID/approve      also: decline, reject, revoke, complete-dcv
"""

from __future__ import annotations

import base64
import binascii
import datetime
import hmac
import ipaddress
import json
import secrets
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa

from paloaltofw.sandbox.authority import CertificateAuthority
from paloaltofw.sandbox.clock import Clock
from paloaltofw.sandbox.https import Answer, Request
from paloaltofw.sandbox.orders import Account, Order, Refusal, ScmSwitches, key_type, new_id, status_word

TOKEN_PATH = "/auth/realms/apiclients/protocol/openid-connect/token"
API = "/api/v1/certificates"
CONTROL = "/sandbox/orders"
MAX_CSR = 32767
_UNKNOWN_ID = Refusal(-124, "Certificate ID is invalid", 404)

# OpenAPI 25.11, request bodies: field -> type and longest text. `csr` is required by enroll and replace.
_TEXT_1024, _TEXT_512 = (str, 1024), (str, 512)
Schema = Mapping[str, tuple[type, int]]
_ENROLL: Schema = {
    "csr": (str, MAX_CSR), "subjAltNames": (list, 0), "comments": _TEXT_1024, "externalRequester": _TEXT_512,
    "customFields": (dict, 0),
}  # fmt: skip
_RENEW: Schema = {
    **_ENROLL, "profileId": (int, 0), "email": _TEXT_512, "term": (int, 0), "dcvMode": (str, 5), "dcvEmail": _TEXT_512,
}  # fmt: skip
_REPLACE: Schema = {key: _ENROLL[key] for key in ("csr", "subjAltNames", "comments")}
_REVOKE: Schema = {"message": _TEXT_512, "reasonCode": (int, 0)}
_REASONS = (0, 1, 3, 4, 5)


class ScmSite:
    """Answers requests. Thread-safe. `public_url` is what a 401 names as the token server's place."""

    def __init__(
        self, authority: CertificateAuthority, clock: Clock, switches: ScmSwitches, accounts: Sequence[Account]
    ) -> None:
        self.authority = authority
        self.switches = switches
        self.public_url = ""
        self.orders: list[Order] = []
        self._clock = clock
        self._accounts = {account.client_id: account for account in accounts}
        self._tokens: dict[str, tuple[Account, datetime.datetime]] = {}
        self._lock = threading.RLock()

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        with self._lock:
            try:
                if request.path == TOKEN_PATH:
                    return self._token(request)
                if request.path.startswith(CONTROL):
                    return self._control(request)
                return self._api(request)
            except Refusal as refusal:
                return _json(refusal.status, {"code": refusal.code, "description": refusal.description})

    # --- for people and tests ------------------------------------------------------------------------------------

    def order(self, order_id: str) -> Order:
        """An order by its ID; raises KeyError."""
        return next(order for order in self.orders if order.id == order_id)

    def approve(self, order_id: str) -> None:
        """An SCM administrator says yes."""
        self._decide(order_id, "Approved")

    def decline(self, order_id: str) -> None:
        """An SCM administrator says no."""
        self._decide(order_id, "Declined")

    def reject(self, order_id: str) -> None:
        """The CA says no."""
        with self._lock:
            self.order(order_id).state = "Rejected"

    def revoke(self, order_id: str) -> None:
        """Somebody revokes the certificate in the portal."""
        with self._lock:
            self.order(order_id).state = "Revoked"

    def complete_dcv(self, order_id: str) -> None:
        """The domain is validated."""
        with self._lock:
            self.order(order_id).dcv_done = True

    def approve_all(self) -> int:
        """Approve everything that waits; gives how many."""
        waiting = [order.id for order in self.orders if order.state == "Requested"]
        for order_id in waiting:
            self.approve(order_id)
        return len(waiting)

    def orders_for_csr(self, sha256: str) -> list[Order]:
        """All orders made with one CSR."""
        return [order for order in self.orders if order.csr_sha256 == sha256]

    def reset_secret(self, label: str) -> str:
        """Somebody makes a new secret: the old one and its tokens are dead."""
        with self._lock:
            account = next(account for account in self._accounts.values() if account.label == label)
            account.client_secret = secrets.token_urlsafe(24)
            self._tokens = {token: held for token, held in self._tokens.items() if held[0] is not account}
            return account.client_secret

    def expire_tokens(self) -> None:
        """All tokens die at once."""
        with self._lock:
            self._tokens.clear()

    def _decide(self, order_id: str, state: str) -> None:
        with self._lock:
            order = self.order(order_id)
            if order.state == "Requested":
                order.state, order.approved_at = state, self._clock.now()

    # --- token server (RFC 6749 §4.4, Keycloak's habits) ----------------------------------------------------------

    def _token(self, request: Request) -> Answer:
        if request.method != "POST":
            return _json(405, {"error": "method_not_allowed"})
        if request.content_type != "application/x-www-form-urlencoded":
            return _json(400, {"error": "invalid_request", "error_description": "Missing form parameter: grant_type"})
        form = request.form
        if form.get("grant_type") != "client_credentials":
            error = "unsupported_grant_type" if "grant_type" in form else "invalid_request"
            return _json(400, {"error": error})
        account = self._authenticate(request, form)
        if account is None:
            return self._token_refused()
        token = secrets.token_urlsafe(48)
        life = datetime.timedelta(seconds=self.switches.token_seconds)
        self._tokens[token] = (account, self._clock.now() + life)
        body = {
            "access_token": token, "expires_in": self.switches.token_seconds, "refresh_expires_in": 0,
            "token_type": "Bearer", "not-before-policy": 0, "scope": "email profile",
        }  # fmt: skip
        return _json(200, body)

    def _authenticate(self, request: Request, form: Mapping[str, str]) -> Account | None:
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, value = str(request.headers.get("authorization", "")).partition(" ")
        if scheme.lower() == "basic" and self.switches.token_basic:
            client_id, secret = _basic(value)
        account = self._accounts.get(client_id)
        if account is None or not hmac.compare_digest(account.client_secret.encode(), secret.encode()):
            return None
        return account

    def _token_refused(self) -> Answer:
        text = "Invalid client or Invalid client credentials"
        if self.switches.token_error == "invalid_client":
            return _json(400, {"error": "invalid_client", "error_description": text})
        return _json(401, {"error": "unauthorized_client", "error_description": text})

    # --- the API -------------------------------------------------------------------------------------------------

    def _api(self, request: Request) -> Answer:
        account = self._bearer(request)
        if account is None:
            return Answer(401, headers={"WWW-Authenticate": self._challenge()})
        if not (request.path == API or request.path.startswith(API + "/")):
            return _json(404, {"code": -1, "description": "Not found"})
        parts = [urllib.parse.unquote(part) for part in request.path[len(API) :].split("/")[1:]]
        if len(parts) > 2:
            raise _UNKNOWN_ID
        operation = self._operation(request.method, parts)
        if operation is None:
            return Answer(405)
        return operation(account, parts, request)

    def _operation(self, method: str, parts: list[str]) -> Callable[[Account, list[str], Request], Answer] | None:
        table: dict[tuple[str, str], Callable[[Account, list[str], Request], Answer]] = {
            ("POST", ""): self._enroll,
            ("GET", "{id}"): self._download,
            ("DELETE", "{id}"): self._revoke,
            ("GET", "{id}/status"): self._status,
            ("POST", "{id}/renew"): self._renew,
            ("POST", "{id}/replace"): self._replace,
            ("POST", "{id}/dcv-recheck"): self._recheck,
        }
        shape = "" if not parts else "{id}" if len(parts) == 1 else "{id}/" + parts[1]
        if shape not in {known for _, known in table}:
            raise _UNKNOWN_ID
        return table.get((method, shape))

    def _bearer(self, request: Request) -> Account | None:
        scheme, _, token = str(request.headers.get("authorization", "")).partition(" ")
        held = self._tokens.get(token) if scheme.lower() == "bearer" else None
        return held[0] if held and self._clock.now() < held[1] else None

    def _challenge(self) -> str:
        url = self.public_url + TOKEN_PATH
        forms = {
            "quoted": f'Bearer authorization_uri="{url}"',
            "unquoted": f"Bearer authorization_uri={url}",
            "realm_first": f'Bearer realm="SCM", authorization_uri="{url}", error="invalid_token"',
            "bare_url": url,
        }
        return forms[self.switches.challenge]

    def _enroll(self, account: Account, parts: list[str], request: Request) -> Answer:
        body = self._body(request, _ENROLL, required=("csr",))
        return self._accept(account, "enroll", body, None)

    def _renew(self, account: Account, parts: list[str], request: Request) -> Answer:
        earlier = self._find(account, parts[0])
        body = self._body(request, _RENEW, required=()) if request.body else {}
        if self.switches.renew_requires_profile_id and "profileId" not in body:
            raise Refusal(-39, "Profile ID is invalid")
        if self.switches.renew_refused:
            raise Refusal(-180, "Certificate profile does not allow renewal")
        if earlier.state != "Issued":
            raise Refusal(-130, "Certificate is not in the state Issued")
        return self._accept(account, "renew", body, earlier)

    def _replace(self, account: Account, parts: list[str], request: Request) -> Answer:
        earlier = self._find(account, parts[0])
        body = self._body(request, _REPLACE, required=("csr",))
        if earlier.state != "Issued":
            raise Refusal(-130, "Certificate is not in the state Issued")
        return self._accept(account, "replace", body, earlier)

    def _accept(self, account: Account, operation: str, body: Mapping[str, Any], earlier: Order | None) -> Answer:
        if account.refusal is not None:
            raise Refusal(*account.refusal)
        csr = self._csr(account, body["csr"]) if "csr" in body else earlier.csr if earlier else None
        assert csr is not None
        sans = tuple(body.get("subjAltNames") or (earlier.sans if earlier else ()))
        self._check_names(csr, sans)
        self._check_custom_fields(account, body, operation)
        is_same = operation == "replace" and self.switches.replace_id == "same"
        order = Order(
            id=earlier.id if is_same and earlier else new_id(1000 + len(self.orders), self.switches.certificate_ids),
            account=account.label, operation=operation, csr=csr, sans=sans, comments=str(body.get("comments", "")),
            requested_at=self._clock.now(), dcv_done=account.dcv_prevalidated,
            superseded=earlier.certificate if is_same and earlier else None,
        )  # fmt: skip
        if account.auto_approve:
            order.state, order.approved_at = "Approved", self._clock.now()
        if operation == "replace" and earlier is not None:
            earlier.state = "Replaced"
        if is_same and earlier is not None:
            earlier.id += " (before replacement)"
        self.orders.append(order)
        return _json(200, {"certId": order.id})

    def _status(self, account: Account, parts: list[str], request: Request) -> Answer:
        order = self._find(account, parts[0])
        body: dict[str, object] = {"status": status_word(order.state, self.switches.status_words)}
        if order.state == "Applied" and not order.dcv_done:
            info = _dcv_info(order)
            body["dcvInfo"] = [info] if self.switches.dcv_info == "array" else info
        return _json(200, body)

    def _download(self, account: Account, parts: list[str], request: Request) -> Answer:
        order = self._find(account, parts[0])
        if order.state in ("Declined", "Rejected", "Invalid"):
            raise Refusal(-183, "Certificate is not collectable", 404)
        if order.state == "Revoked":
            raise Refusal(
                -110, "Certificate is revoked and cannot be downloaded", self.switches.revoked_download_status
            )
        certificate = order.certificate
        if certificate is None and order.superseded is not None and self.switches.replace_same_serves_old:
            certificate = order.superseded
        if certificate is None:
            return self._not_ready(order)
        return Answer(200, self.authority.chain_pem(certificate, self.switches.chain), "application/x-pem-file")

    def _not_ready(self, order: Order) -> Answer:
        sequence = self.switches.not_ready
        kind = sequence[min(order.downloads, len(sequence) - 1)]
        order.downloads += 1
        if kind == "empty":
            return Answer(200, b"", "application/x-pem-file")
        raise Refusal(int(kind), "Certificate is not collected yet" if kind == "-103" else "Try again later", 404)

    def _revoke(self, account: Account, parts: list[str], request: Request) -> Answer:
        order = self._find(account, parts[0])
        body = self._body(request, _REVOKE, required=("message",))
        if not body["message"] or body.get("reasonCode", 0) not in _REASONS:
            raise Refusal(-7, "Field value is invalid")
        if order.state == "Revoked":
            raise Refusal(-159, "Certificate is revoked already")
        if order.state not in ("Issued", "Replaced", "Expired"):
            raise Refusal(-102, "Certificate is not issued")
        order.state = "Revoked"
        return Answer(200)

    def _recheck(self, account: Account, parts: list[str], request: Request) -> Answer:
        self._find(account, parts[0])
        return Answer(202)

    def _find(self, account: Account, order_id: str) -> Order:
        """The newest order of that ID, as it stands now; an account sees only its own."""
        found = [order for order in self.orders if order.id == order_id and order.account == account.label]
        if not found:
            raise _UNKNOWN_ID
        self._advance(account, found[-1])
        return found[-1]

    def _advance(self, account: Account, order: Order) -> None:
        """Approved → Applied → Issued → Expired, as time passes."""
        now = self._clock.now()
        if order.state == "Approved":
            order.state = "Applied"
        delay = datetime.timedelta(seconds=account.issue_delay_seconds)
        if order.state == "Applied" and order.dcv_done and order.approved_at and now >= order.approved_at + delay:
            order.certificate = self.authority.issue(
                order.csr, account.certificate_type, order.sans, account.lifetime_days, account.organization,
                account.age_days,
            )  # fmt: skip
            order.state = "Issued"
        if order.state == "Issued" and order.certificate and now > order.certificate.not_valid_after_utc:
            order.state = "Expired"

    # --- validation ----------------------------------------------------------------------------------------------

    def _body(
        self, request: Request, schema: Mapping[str, tuple[type, int]], required: tuple[str, ...]
    ) -> dict[str, Any]:
        if request.content_type != "application/json":
            raise Refusal(-7, "Unsupported media type", 415)
        try:
            body = json.loads(request.body)
        except (ValueError, RecursionError):
            raise Refusal(-7, "Malformed JSON") from None
        if not isinstance(body, dict):
            raise Refusal(-7, "A JSON object is expected")
        for name in required:
            if name not in body:
                raise Refusal(-7, f"Field {name} is required")
        for name, value in body.items():
            self._check_field(name, value, schema)
        return body

    def _check_field(self, name: str, value: object, schema: Schema) -> None:
        if name not in schema:
            if self.switches.unknown_fields == "refuse":
                raise Refusal(-64, f"Field name {name} is wrong")
            return
        kind, longest = schema[name]
        if not isinstance(value, kind) or isinstance(value, bool):
            raise Refusal(-951, f"Field {name} is of the wrong type")
        if isinstance(value, str) and len(value) > longest:
            raise Refusal(-951, f"Field {name} is too long")
        if isinstance(value, list) and not all(isinstance(item, str) for item in value):
            raise Refusal(-951, f"Field {name} must hold texts")

    def _csr(self, account: Account, text: str) -> x509.CertificateSigningRequest:
        if "-----" in text or "\n" in text or "\r" in text:
            if self.switches.csr_armour == "refuse":
                raise Refusal(-9, "CSR is not valid Base64 data")
            text = "".join(line for line in text.splitlines() if "-----" not in line)
        try:
            der = base64.b64decode(text, validate=True)
        except binascii.Error:
            raise Refusal(-9, "CSR is not valid Base64 data") from None
        try:
            csr = x509.load_der_x509_csr(der)
            valid = csr.is_signature_valid
        except (ValueError, UnsupportedAlgorithm):
            raise Refusal(-10, "CSR cannot be decoded") from None
        if not valid:
            raise Refusal(-138, "CSR is invalid")
        if key_type(csr) not in account.key_types:
            is_rsa = isinstance(csr.public_key(), rsa.RSAPublicKey)
            raise Refusal(-13 if is_rsa else -11, f"Key {key_type(csr)} is not allowed by the certificate profile")
        return csr

    def _check_names(self, csr: x509.CertificateSigningRequest, sans: Sequence[str]) -> None:
        if self.switches.local_names == "accept":
            return
        common = [str(item.value) for item in csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
        for name in (*common, *sans):
            if _is_local(name):
                raise Refusal(-164, f"Local name or private address {name} is not allowed")

    def _check_custom_fields(self, account: Account, body: Mapping[str, Any], operation: str) -> None:
        given = body.get("customFields") or {}
        if operation == "enroll" and not account.mandatory_custom_fields <= given.keys():
            missing = sorted(account.mandatory_custom_fields - given.keys())
            raise Refusal(-62, f"Mandatory custom field {missing[0]} is missing")
        known = account.custom_fields | account.mandatory_custom_fields
        if not given.keys() <= known:
            raise Refusal(-131, "Custom field is unknown")

    # --- control -------------------------------------------------------------------------------------------------

    def _control(self, request: Request) -> Answer:
        if request.method == "GET" and request.path == CONTROL:
            return _json(200, [_summary(order) for order in self.orders])
        parts = request.path[len(CONTROL) :].split("/")[1:]
        actions = {
            "approve": self.approve, "decline": self.decline, "reject": self.reject, "revoke": self.revoke,
            "complete-dcv": self.complete_dcv,
        }  # fmt: skip
        if request.method != "POST" or len(parts) != 2 or parts[1] not in actions:
            return _json(404, {"error": "see the module's documentation"})
        order_id = urllib.parse.unquote(parts[0])
        if not any(order.id == order_id for order in self.orders):
            return _json(404, {"error": "no such order"})
        actions[parts[1]](order_id)
        return _json(200, _summary(self.order(order_id)))


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), "application/json")


def _basic(value: str) -> tuple[str, str]:
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return urllib.parse.unquote_plus(user), urllib.parse.unquote_plus(password)


def _summary(order: Order) -> dict[str, object]:
    return {
        "id": order.id, "account": order.account, "operation": order.operation, "state": order.state,
        "commonName": order.csr.subject.rfc4514_string(), "comments": order.comments, "csrSha256": order.csr_sha256,
    }  # fmt: skip


def _is_local(name: str) -> bool:
    if "@" in name:
        return False
    try:
        return ipaddress.ip_address(name).is_private and not _is_documentation(name)
    except ValueError:
        return "." not in name or name.endswith((".local", ".internal", ".lan"))


def _is_documentation(name: str) -> bool:
    """Addresses of RFC 5737 and RFC 3849 stand for public ones in examples."""
    blocks = ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    return any(ipaddress.ip_address(name) in ipaddress.ip_network(block) for block in blocks)


def _dcv_info(order: Order) -> dict[str, object]:
    names = [str(item.value) for item in order.csr.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)]
    log = [{"dcvStatus": "Awaiting Validation", "domainName": name, "lastCheck": None} for name in names]
    instructions = [
        {"domainName": name, "dcvMode": "CNAME", "host": f"_dcv.{name}", "point": "dcv.sandbox.example"}
        for name in names
    ]
    return {"dcvLog": {"error": {"code": 0, "description": None}, "log": log}, "instructions": instructions}
