"""The simulated SCM: token server and the seven documented operations, as strict as the vendor's documents allow.

People at the shell have their own way in, without a token, on loopback only; the answers are JSON:

    GET  /sandbox/orders                 all orders
    POST /sandbox/orders/ID/approve      also: decline, reject, invalidate, revoke, complete-dcv; 409 in the wrong state
"""

from __future__ import annotations

import datetime
import json
import threading
import urllib.parse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cryptography import x509

from paloaltofw.sandbox.base.authority import CertificateAuthority
from paloaltofw.sandbox.base.clock import Clock
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.sandbox.scm.odd_answers import say_ordered, say_processing
from paloaltofw.sandbox.scm.order_rules import (
    ENROLL,
    RENEW,
    REPLACE,
    REVOKE,
    certificate_names,
    check_details,
    check_key,
    read_body,
    read_csr,
)
from paloaltofw.sandbox.scm.orders import (
    DECISIONS,
    FAILED,
    Account,
    Order,
    Refusal,
    ScmSwitches,
    WrongState,
    advance,
    dcv_info,
    decide,
    new_id,
    status_word,
)
from paloaltofw.sandbox.scm.token_server import (
    OTHER_TOKEN_PATH,
    TOKEN_PATH,
    TokenServer,
    challenge,
    no_token_server,
)

API_ROOT = "/api/"
API = "/api/v1/certificates"
CONTROL = "/sandbox/orders"
PEM = "application/x-pem-file"
PKCS7 = "application/pkcs7-mime"
FIRST_ID = 1000

Operation = Callable[[Account, str, Request], Answer]
_TEXTS = {
    "-103": "Certificate has not been collected yet",
    "-109": "Certificate is not available now, please try again later",
}


class ScmSite:
    """Answers requests. Thread-safe. `public_url` is what a 401 names as the token server's place."""

    def __init__(
        self,
        authority: CertificateAuthority,
        clock: Clock,
        switches: ScmSwitches | None = None,
        accounts: Sequence[Account] = (),
    ) -> None:
        self.authority = authority
        self.switches = switches or ScmSwitches()
        self.public_url = ""
        self._clock = clock
        self._tokens = TokenServer(clock, accounts)
        self._accounts = {account.label: account for account in accounts}
        self._orders: list[Order] = []
        self._answered = 0
        self._lock = threading.RLock()
        self._operations: dict[str, dict[str, Operation]] = {
            "": {"POST": self._enroll},
            "{id}": {"GET": self._download, "DELETE": self._revoke},
            "{id}/status": {"GET": self._status},
            "{id}/renew": {"POST": self._renew},
            "{id}/replace": {"POST": self._replace},
            "{id}/dcv-recheck": {"POST": self._recheck},
        }

    def handle(self, request: Request) -> Answer:
        """Answer one request."""
        with self._lock:
            try:
                return self._route(request)
            except Refusal as refusal:
                return _json(refusal.status, {"code": refusal.code, "description": refusal.description})

    def _route(self, request: Request) -> Answer:
        if request.path == TOKEN_PATH and self.switches.usual_token_url != "works":  # nosec B105  # a position of a switch
            return no_token_server(self.switches.usual_token_url)
        if request.path == TOKEN_PATH or (request.path == OTHER_TOKEN_PATH and self._is_token_server_elsewhere):
            return self._tokens.answer(request, self.switches)
        if request.path == CONTROL or request.path.startswith(CONTROL + "/"):
            return self._control(request)
        if request.path.startswith(API_ROOT):
            return self._api(request)
        return Answer(404)

    @property
    def _is_token_server_elsewhere(self) -> bool:
        return self.switches.token_place == "elsewhere"  # nosec B105  # a position of a switch

    # --- for people and tests ------------------------------------------------------------------------------------

    @property
    def orders(self) -> list[Order]:
        """All orders, oldest first, as they stand now."""
        with self._lock:
            for order in self._orders:
                self._advance(order)
            return list(self._orders)

    def order(self, order_id: str) -> Order:
        """The newest order of an ID; raises KeyError."""
        return {order.id: order for order in self.orders}[order_id]

    def orders_for_csr(self, sha256: str) -> list[Order]:
        """All orders made with one CSR; the digest is that of its DER form."""
        return [order for order in self.orders if order.csr_sha256 == sha256]

    def approve(self, order_id: str) -> None:
        """An SCM administrator says yes. Like all decisions: raises KeyError and WrongState."""
        self._decide(order_id, "approve")

    def decline(self, order_id: str) -> None:
        """An SCM administrator says no."""
        self._decide(order_id, "decline")

    def reject(self, order_id: str) -> None:
        """The CA says no."""
        self._decide(order_id, "reject")

    def invalidate(self, order_id: str) -> None:
        """The order turns out to be in a bad state."""
        self._decide(order_id, "invalidate")

    def revoke(self, order_id: str) -> None:
        """Somebody revokes the certificate in the portal."""
        self._decide(order_id, "revoke")

    def complete_dcv(self, order_id: str) -> None:
        """The domains are validated."""
        with self._lock:
            order = self.order(order_id)
            order.dcv_done_at = order.dcv_done_at or self._clock.now()

    def approve_all(self) -> int:
        """Approve everything that waits; gives how many."""
        with self._lock:
            waiting = [order for order in self.orders if order.state == "Requested"]
            for order in waiting:
                decide(order, "approve", self._clock.now())
            return len(waiting)

    def reset_secret(self, label: str) -> str:
        """Somebody makes a new secret: the old one and its tokens are dead."""
        with self._lock:
            return self._tokens.reset_secret(label)

    def expire_tokens(self) -> None:
        """All tokens die at once."""
        with self._lock:
            self._tokens.expire_all()

    def _decide(self, order_id: str, decision: str) -> None:
        with self._lock:
            decide(self.order(order_id), decision, self._clock.now())

    # --- the API -------------------------------------------------------------------------------------------------

    def _api(self, request: Request) -> Answer:
        account = self._tokens.account_of(request)
        if account is None:
            url = self.public_url + (OTHER_TOKEN_PATH if self._is_token_server_elsewhere else TOKEN_PATH)
            return Answer(401, headers={"WWW-Authenticate": challenge(url, self.switches.challenge)})
        if request.path != API and not request.path.startswith(API + "/"):
            return _not_found()
        # Split before decoding: a slash in an ID counts as part of it only if it came encoded.
        parts = [urllib.parse.unquote(part) for part in request.path[len(API) :].split("/")[1:]]
        methods = self._operations.get("/".join(["{id}" if n == 0 else part for n, part in enumerate(parts)]))
        if methods is None:
            return _not_found()
        if request.method not in methods:
            return Answer(405, headers={"Allow": ", ".join(methods)})
        return methods[request.method](account, parts[0] if parts else "", request)

    def _enroll(self, account: Account, _: str, request: Request) -> Answer:
        body = read_body(request, ENROLL, self.switches)
        check_details(account, body, is_enroll=True)
        return self._take(account, "enroll", body, None)

    def _renew(self, account: Account, order_id: str, request: Request) -> Answer:
        earlier = self._find(account, order_id)
        body = read_body(request, RENEW, self.switches) if request.body else {}
        if self.switches.renew_requires_profile_id and "profileId" not in body:
            raise Refusal(-39, "Profile ID is invalid")
        check_details(account, body, is_enroll=False)
        if self.switches.renew_refused:
            raise Refusal(-180, "Certificate profile does not allow renewal")
        ended = {"Expired", "Revoked"} if self.switches.renew_of_ended == "accept" else set()
        if earlier.state not in {"Issued"} | ended:
            raise Refusal(-130, "Certificate is not in the state Issued")
        return self._take(account, "renew", body, earlier)

    def _replace(self, account: Account, order_id: str, request: Request) -> Answer:
        earlier = self._find(account, order_id)
        body = read_body(request, REPLACE, self.switches)
        if earlier.state != "Issued":
            raise Refusal(-130, "Certificate is not in the state Issued")
        answer = self._take(account, "replace", body, earlier)
        earlier.state = "Replaced"
        return answer

    def _take(self, account: Account, operation: str, body: Mapping[str, Any], earlier: Order | None) -> Answer:
        if account.refusal is not None:
            raise Refusal(*account.refusal)
        order = self._new_order(account, operation, body, earlier)
        if operation == "enroll" and (same := self._repeated(order)) is not None:
            return self._ordered(same)
        if account.auto_approve:
            decide(order, "approve", order.requested_at)
        self._orders.append(order)
        return self._ordered(order)

    def _ordered(self, order: Order) -> Answer:
        """What is said to an order that was taken."""
        sequence = self.switches.order_answer
        kind = sequence[min(self._answered, len(sequence) - 1)]
        self._answered += 1
        return say_ordered(kind, order.id)

    def _new_order(self, account: Account, operation: str, body: Mapping[str, Any], earlier: Order | None) -> Order:
        csr = self._csr(account, body, earlier)
        sans = tuple(body.get("subjAltNames") or (earlier.sans if earlier else ()))
        now = self._clock.now()
        stays = earlier if operation == "replace" and self.switches.replace_id == "same" else None
        return Order(
            id=stays.id if stays else new_id(FIRST_ID + len(self._orders), self.switches.certificate_ids),
            account=account.label, operation=operation, csr=csr, sans=sans,
            names=certificate_names(csr, sans, account, self.switches), comments=body.get("comments", ""),
            requested_at=now, dcv_mode=body.get("dcvMode", "CNAME"),
            dcv_done_at=now if account.dcv_prevalidated else None, superseded=stays.certificate if stays else None,
        )  # fmt: skip

    def _csr(self, account: Account, body: Mapping[str, Any], earlier: Order | None) -> x509.CertificateSigningRequest:
        if "csr" in body:
            csr = read_csr(body["csr"], self.switches)
        else:
            assert earlier is not None, "only renew does without a CSR"  # nosec B101  # narrows a type
            csr = earlier.csr
        check_key(csr, account)
        return csr

    def _repeated(self, order: Order) -> Order | None:
        """The order to answer with instead of a new one; scm.md §8 leaves open what a repeated CSR does."""
        if self.switches.repeated_csr == "order":
            return None
        earlier = [
            other for other in self.orders_for_csr(order.csr_sha256)
            if other.account == order.account and other.state not in FAILED
        ]  # fmt: skip
        if earlier and self.switches.repeated_csr == "refuse":
            raise Refusal(-138, "CSR is invalid, it was used before")
        return earlier[0] if earlier else None

    def _status(self, account: Account, order_id: str, _: Request) -> Answer:
        order = self._find(account, order_id)
        body: dict[str, object] = {"status": status_word(order.state, self.switches.status_words)}
        if order.state == "Applied" and order.dcv_done_at is None:
            info = dcv_info(order)
            body["dcvInfo"] = [info] if self.switches.dcv_info == "array" else info
        return _json(200, body)

    def _download(self, account: Account, order_id: str, _: Request) -> Answer:
        order = self._find(account, order_id)
        if order.state in FAILED:
            raise Refusal(-183, "Certificate is not collectable", 404)
        if order.state == "Revoked":
            status = self.switches.revoked_download_status
            raise Refusal(-110, "Certificate is revoked and cannot be downloaded", status)
        earlier = order.superseded if self.switches.replace_same_serves_old else None
        certificate = order.certificate or earlier
        if certificate is None:
            return self._not_ready(order)
        form = self.switches.chain
        content_type = PKCS7 if form.encoding == "pkcs7_der" else PEM
        return Answer(200, self.authority.chain_file(certificate, form), content_type)

    def _not_ready(self, order: Order) -> Answer:
        sequence = self.switches.not_ready
        kind = sequence[min(order.downloads, len(sequence) - 1)]
        order.downloads += 1
        if kind == "empty":
            return Answer(200, b"", PEM)
        if kind in ("processing", "processing_text"):
            return say_processing(is_json=kind == "processing")
        raise Refusal(int(kind), _TEXTS.get(kind, "Certificate is not ready"), 404)

    def _revoke(self, account: Account, order_id: str, request: Request) -> Answer:
        order = self._find(account, order_id)
        if not request.body:
            raise Refusal(-7, "Field 'message' is required")
        read_body(request, REVOKE, self.switches)
        if order.state == "Revoked":
            raise Refusal(-159, "Certificate is revoked already")
        if order.state not in DECISIONS["revoke"][0]:
            raise Refusal(-102, "Certificate is not issued")
        decide(order, "revoke", self._clock.now())
        return Answer(200)

    def _recheck(self, account: Account, order_id: str, _: Request) -> Answer:
        self._find(account, order_id).dcv_checked_at = self._clock.now()
        return Answer(202)

    def _find(self, account: Account, order_id: str) -> Order:
        """The newest order of that ID, as it stands now; an account sees only its own."""
        found = [order for order in self._orders if order.id == order_id and order.account == account.label]
        if not found:
            raise Refusal(-124, "Certificate ID is invalid", 404)
        self._advance(found[-1])
        return found[-1]

    def _advance(self, order: Order) -> None:
        account = self._accounts[order.account]

        def sign(due: Order, moment: datetime.datetime) -> x509.Certificate:
            start = moment - datetime.timedelta(days=account.age_days)
            return self.authority.issue(due.csr, account.product, due.names, start)

        advance(order, account, self._clock.now(), sign)

    # --- control -------------------------------------------------------------------------------------------------

    def _control(self, request: Request) -> Answer:
        parts = [urllib.parse.unquote(part) for part in request.path[len(CONTROL) :].split("/")[1:]]
        if not parts:
            if request.method != "GET":
                return Answer(405, headers={"Allow": "GET"})
            return _json(200, [order.summary for order in self.orders])
        if len(parts) != 2 or parts[1] not in {*DECISIONS, "complete-dcv"}:
            return _json(404, {"error": f"try POST {CONTROL}/ID/approve, or {', '.join(DECISIONS)}, complete-dcv"})
        if request.method != "POST":
            return Answer(405, headers={"Allow": "POST"})
        return self._person(*parts)

    def _person(self, order_id: str, decision: str) -> Answer:
        try:
            if decision == "complete-dcv":
                self.complete_dcv(order_id)
            else:
                self._decide(order_id, decision)
            return _json(200, self.order(order_id).summary)
        except KeyError:
            return _json(404, {"error": f"there is no order {order_id}"})
        except WrongState as error:
            return _json(409, {"error": str(error)})


def _json(status: int, body: object) -> Answer:
    return Answer(status, json.dumps(body).encode(), "application/json")


def _not_found() -> Answer:
    """A path that the API does not know; code and text are not documented."""
    return _json(404, {"code": -1, "description": "Not found"})
