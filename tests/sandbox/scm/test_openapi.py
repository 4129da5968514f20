"""The simulated SCM against the vendor's OpenAPI document, against curl, and against the product's own client."""

from __future__ import annotations

import functools
import hashlib
import json
import subprocess
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.clock import SystemClock
from paloaltofw.model.account import Account
from paloaltofw.sandbox.base.authority import TlsAuthority
from paloaltofw.sandbox.base.https import Answer, HttpsServer, server_context
from paloaltofw.sandbox.scm import order_rules
from paloaltofw.sandbox.scm.order_rules import Field
from paloaltofw.sandbox.scm.token_server import TOKEN_PATH
from paloaltofw.scm.answers import OrderState
from paloaltofw.scm.client import OrderRequest, ScmClient
from paloaltofw.secret import Secret
from tests.sandbox.scm.desk import API, SECRET, Desk, body_of, csr, encoded
from tests.sandbox.scm.desk import request as plain_request

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = ROOT.parent / "shared/reference/scm-rest-enrollment-25.11.openapi.json"
needs_document = pytest.mark.skipif(not DOCUMENT.is_file(), reason=f"the vendor's document {DOCUMENT} is not here")
KINDS: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float),
}  # fmt: skip


@functools.cache
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(DOCUMENT.read_text("utf-8"))
    return loaded


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = document()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return found


def violation(value: object, schema: dict[str, Any]) -> str | None:
    """Why a value does not fit a schema of the few kinds that this document has in answers."""
    schema = resolved(schema)
    if not isinstance(value, KINDS[schema["type"]]) or isinstance(value, bool):
        return f"{value!r} is not of type {schema['type']}"
    if isinstance(value, dict):
        if missing := set(schema.get("required", ())) - value.keys():
            return f"without {missing}"
        if "properties" in schema and (surplus := value.keys() - schema["properties"].keys()):
            return f"undocumented {surplus}"
        reasons = (violation(value[name], schema.get("properties", {}).get(name, {"type": "object"})) for name in value)
        return next((r for r in reasons if r), None) if "properties" in schema else None
    return None


# --- one scene for every documented answer ---------------------------------------------------------------------------


def anonymous(method: str, path: str) -> Callable[[], Answer]:
    return lambda: Desk().site.handle(plain_request(method, API + path))


def on_issued(method: str, action: str = "", body: dict[str, Any] | None = None) -> Callable[[], Answer]:
    def scene() -> Answer:
        desk = Desk()
        return desk.on(method, desk.ordered(), action, body)

    return scene


def on_unknown(method: str, action: str = "", body: dict[str, Any] | None = None) -> Callable[[], Answer]:
    return lambda: Desk().on(method, "99", action, body)


def waiting_for_validation() -> Answer:
    desk = Desk({"dcv_prevalidated": False})
    answer = desk.on("GET", desk.ordered(), "status")
    assert "dcvInfo" in body_of(answer)
    return answer


def revoked_download() -> Answer:
    desk = Desk(revoked_download_status=400)
    order_id = desk.ordered()
    desk.site.revoke(order_id)
    return desk.on("GET", order_id)


def pending_download() -> Answer:
    desk = Desk()
    return desk.on("GET", desk.ordered("OV"), kind="OV")


CSR = {"csr": encoded(csr())}
SCENES: list[tuple[str, int, Callable[[], Answer]]] = [
    ("enroll", 200, lambda: Desk().enroll()),
    ("enroll", 400, lambda: Desk().enroll(csr="!")),
    ("enroll", 401, anonymous("POST", "")),
    ("download", 200, on_issued("GET")),
    ("download", 400, revoked_download),
    ("download", 401, anonymous("GET", "/1")),
    ("download", 404, on_unknown("GET")),
    ("download", 404, pending_download),
    ("revoke", 200, on_issued("DELETE", body={"message": "message", "reasonCode": 1})),
    ("revoke", 400, on_issued("DELETE", body={})),
    ("revoke", 401, anonymous("DELETE", "/1")),
    ("revoke", 404, on_unknown("DELETE", body={"message": "message"})),
    ("status", 200, on_issued("GET", "status")),
    ("status", 200, waiting_for_validation),
    ("status", 401, anonymous("GET", "/1/status")),
    ("status", 404, on_unknown("GET", "status")),
    ("dcv-reckeck", 202, on_issued("POST", "dcv-recheck")),
    ("dcv-reckeck", 401, anonymous("POST", "/1/dcv-recheck")),
    ("dcv-reckeck", 404, on_unknown("POST", "dcv-recheck")),
    ("renew", 200, on_issued("POST", "renew")),
    (
        "renew",
        200,
        on_issued("POST", "renew", {**CSR, "comments": "comments", "subjAltNames": ["dom1.com", "dom2.com"]}),
    ),
    ("renew", 400, on_issued("POST", "renew", {"csr": "!"})),
    ("renew", 401, anonymous("POST", "/1/renew")),
    ("renew", 404, on_unknown("POST", "renew")),
    ("replace", 200, on_issued("POST", "replace", {**CSR, "comments": "comments", "subjAltNames": ["dom1.com"]})),
    ("replace", 400, on_issued("POST", "replace", {})),
    ("replace", 401, anonymous("POST", "/1/replace")),
    ("replace", 404, on_unknown("POST", "replace", CSR)),
]
# Documented, but nothing known makes these two answer 400: they take neither body nor parameters besides the ID.
NEVER = {("status", 400), ("dcv-reckeck", 400)}


def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
    return {
        operation["operationId"]: (method.upper(), path, operation)
        for path, methods in document()["paths"].items()
        for method, operation in methods.items()
    }


@needs_document
@pytest.mark.parametrize(
    ("name", "status", "scene"), SCENES, ids=[f"{n}-{s}-{i}" for i, (n, s, _) in enumerate(SCENES)]
)
def test_answers_are_the_documented_ones(name: str, status: int, scene: Callable[[], Answer]) -> None:
    answer = scene()
    assert answer.status == status
    content = operations()[name][2]["responses"][str(status)].get("content", {})
    if not content:
        assert (answer.body, answer.content_type) == (b"", "")
        return
    assert answer.content_type in content
    schema = content[answer.content_type]["schema"]
    value = body_of(answer) if answer.content_type == "application/json" else answer.body.decode("ascii")
    assert violation(value, schema) is None


@needs_document
def test_every_documented_answer_has_its_scene() -> None:
    documented = {(name, int(status)) for name, (_, _, op) in operations().items() for status in op["responses"]}
    assert documented == {(name, status) for name, status, _ in SCENES} | NEVER


@needs_document
def test_the_operations_are_the_documented_ones_and_no_more() -> None:
    documented = {(method, path) for method, path, _ in operations().values()}
    desk = Desk()
    order_id = desk.ordered()
    served = set()
    for shape in (
        "",
        "/{certId}",
        *(f"/{{certId}}/{w}" for w in ("status", "renew", "replace", "dcv-recheck", "approve")),
    ):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            status = desk.call(method, shape.replace("{certId}", order_id)).status
            if status not in (404, 405):
                served.add((method, API + shape))
    assert served == documented
    assert len(served) == 7


@needs_document
@pytest.mark.parametrize(
    ("table", "name"),
    [("ENROLL", "SslEnrollRequest"), ("RENEW", "SslRenewRequest"), ("REPLACE", "SslReplaceRequest"), ("REVOKE", "RevokeRequest")],
)  # fmt: skip
def test_the_tables_of_fields_are_the_documented_schemas(table: str, name: str) -> None:
    schema = document()["components"]["schemas"][name]
    fields: dict[str, Field] = getattr(order_rules, table)
    assert set(fields) == set(schema["properties"])
    for field_name, documented in schema["properties"].items():
        field = fields[field_name]
        assert field.kinds == KINDS[documented["type"]]
        # Of `csr` only renew says how long it may be; the simulator holds all three to it (scm.md §7).
        assert field.longest == documented.get("maxLength", 32767 if field_name == "csr" else None)
        assert field.shortest == documented.get("minLength", 0)
    required = {field_name for field_name, field in fields.items() if field.required}
    assert required == (set() if table == "RENEW" else set(schema["required"]))


@needs_document
def test_the_token_url_is_the_documented_one() -> None:
    flow = document()["components"]["securitySchemes"]["oauth2ClientCredentials"]["flows"]["clientCredentials"]
    assert urllib.parse.urlsplit(flow["tokenUrl"]).path == TOKEN_PATH


# --- other people's clients ------------------------------------------------------------------------------------------


@contextmanager
def served(desk: Desk, folder: Path) -> Iterator[tuple[str, Path]]:
    tls = TlsAuthority()
    ca_file = folder / "ca.pem"
    ca_file.write_bytes(tls.ca_pem)
    server = HttpsServer(desk.site, server_context(*tls.server_identity("127.0.0.1", "localhost"))).start()
    desk.site.public_url = server.url
    try:
        yield server.url, ca_file
    finally:
        server.stop()


def curl(ca_file: Path, *arguments: str) -> tuple[int, str]:
    command = ["curl", "-sS", "-q", "--noproxy", "*", "--cacert", str(ca_file), "-w", "\n%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


def test_curl_gets_a_certificate(tmp_path: Path) -> None:
    desk = Desk()
    asked = csr(dns=["www.example.com"])
    with served(desk, tmp_path) as (url, ca_file):
        status, body = curl(ca_file, "-i", f"{url}{API}/1/status")
        assert (status, f'authorization_uri="{url}{TOKEN_PATH}"' in body) == (401, True)
        secret = ["--data-urlencode", "client_id=id-OV", "--data-urlencode", f"client_secret={SECRET}"]
        _, body = curl(ca_file, f"{url}{TOKEN_PATH}", "-d", "grant_type=client_credentials", *secret)
        bearer = ["-H", f"Authorization: Bearer {json.loads(body)['access_token']}"]
        order = json.dumps({"csr": encoded(asked), "subjAltNames": ["alt.example.com"]})
        status, body = curl(ca_file, *bearer, "--json", order, url + API)
        order_id = json.loads(body)["certId"]
        assert curl(ca_file, *bearer, f"{url}{API}/{order_id}/status") == (200, '{"status": "Requested"}')
        status, body = curl(ca_file, *bearer, f"{url}{API}/{order_id}")
        assert (status, json.loads(body)["code"]) == (404, -103)
        status, body = curl(ca_file, "-X", "POST", f"{url}/sandbox/orders/{order_id}/approve")
        assert (status, json.loads(body)["state"]) == (200, "Issued")
        assert curl(ca_file, *bearer, f"{url}{API}/{order_id}/status") == (200, '{"status": "Issued"}')
        status, body = curl(ca_file, *bearer, f"{url}{API}/{order_id}")
        leaf = x509.load_pem_x509_certificates(body.encode())[0]
        assert leaf.public_key() == asked.public_key()
        revocation = json.dumps({"message": "done", "reasonCode": 5})
        status, body = curl(ca_file, *bearer, "-X", "DELETE", "--json", revocation, f"{url}{API}/{order_id}")
        assert (status, body) == (200, "")
    digest = hashlib.sha256(asked.public_bytes(Encoding.DER)).hexdigest()
    assert [order.state for order in desk.site.orders_for_csr(digest)] == ["Revoked"]


@pytest.mark.parametrize("style", ["digits", "base64"])
def test_the_products_own_client_gets_a_certificate(tmp_path: Path, style: str) -> None:
    desk = Desk(certificate_ids=style, challenge="realm_first", status_words="upper")
    with served(desk, tmp_path) as (url, ca_file):
        account = Account("DV", "id-DV", Secret(SECRET), url)
        client = ScmClient(account, url + TOKEN_PATH, ca_file, 10, SystemClock())
        first = client.enroll(OrderRequest(encoded(csr()), ("alt.example.com",), "c"))
        assert client.status(first).state is OrderState.ISSUED
        assert b"BEGIN CERTIFICATE" in client.download(first)
        second = client.renew(first, OrderRequest(None, (), ""))
        third = client.replace(second, OrderRequest(encoded(csr()), (), "c"))
        client.recheck_dcv(third)
        client.revoke(third, 4, "superseded")
        assert [client.status(i).state for i in (first, second, third)] == [
            OrderState.ISSUED,
            OrderState.REPLACED,
            OrderState.REVOKED,
        ]
        client.close()
