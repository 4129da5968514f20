"""Who may do what on the simulated firewall: keys, passwords, roles."""

from __future__ import annotations

import base64
import urllib.parse
from dataclasses import replace

import pytest

from paloaltofw.sandbox.panos.device import SUPERREADER, PanosSwitches, Right, Role
from tests.sandbox.panos.bench import BOB, PASSWORD, SHARED, SVC, SYSTEM, Bench, Response, certificate, headers, key

FORM = "application/x-www-form-urlencoded"


def keygen(bench: Bench, user: str = SVC, password: str = PASSWORD) -> Response:
    body = urllib.parse.urlencode({"type": "keygen", "user": user, "password": password})
    return bench.send("POST", "/api/", headers(Content_Type=FORM), body.encode())


# --- authentication ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [403, 200])
@pytest.mark.parametrize("text", ["Invalid credentials.", "Invalid Credential"])
def test_a_bad_key_has_the_single_quoted_403_form(status: int, text: str) -> None:
    switches = replace(PanosSwitches(bad_key_http_status=status), bad_key_text=text)  # type: ignore[arg-type]
    bench = Bench(switches)
    right = base64.b64encode(f"{SVC}:{PASSWORD}".encode()).decode()
    wrong_basic = headers(Authorization="Basic " + base64.b64encode(b"svc:wrong").decode())
    answers = [
        bench.send("GET", "/api/?type=version", headers()),
        bench.send("GET", "/api/?type=version&key=nonsense", headers()),
        bench.send("GET", "/api/?type=version", headers(X_PAN_KEY="nonsense")),
        bench.send("GET", "/api/?type=version", wrong_basic),
        bench.send("GET", "/api/?type=version", headers(Authorization="Basic %%%")),
        bench.send("GET", "/api/?type=version", headers(Authorization="Bearer " + right)),
        keygen(bench, password="wrong"),
        keygen(bench, user="nobody"),
    ]
    form = f"<response status = 'error' code = '403'><result><msg>{text}</msg></result></response>"
    reason = text if (text, status) == ("Invalid Credential", 403) else None
    for response in answers:
        assert (response.answer.status, response.answer.body.decode()) == (status, form)
        assert response.answer.reason == reason


def test_three_ways_to_authenticate() -> None:
    bench = Bench()
    api_key = bench.firewall.api_key(SVC)
    basic = base64.b64encode(f"{SVC}:{PASSWORD}".encode()).decode()
    quoted = urllib.parse.quote(api_key, safe="")
    for target, head in [
        ("/api/?type=version", headers(X_PAN_KEY=api_key)),
        (f"/api/?type=version&key={quoted}", headers()),
        ("/api/?type=version", headers(Authorization=f"Basic {basic}")),
    ]:
        assert bench.send("GET", target, head).is_success


def test_keygen_answers_as_devices_do_and_needs_user_and_password() -> None:
    bench = Bench()
    response = keygen(bench)
    api_key = response.root.findtext("result/key") or ""
    assert response.answer.body.startswith(b"<response status = 'success'><result><key>LUFRPT1")
    assert api_key.endswith("==") and "+" not in api_key and api_key == bench.firewall.api_key(SVC)
    assert bench.send("GET", "/api/?type=keygen&user=svc", headers()).code == "400"
    assert bench.send("GET", "/api/?type=keygen&password=x", headers()).code == "400"


def test_a_key_with_a_plus_dies_of_a_client_that_does_not_percent_encode() -> None:
    bench = Bench(PanosSwitches(api_key_with_plus=True))
    api_key = bench.firewall.api_key(SVC)
    assert "+" in api_key
    assert not bench.send("GET", f"/api/?type=version&key={api_key}", headers()).is_success
    assert bench.send("GET", f"/api/?type=version&key={urllib.parse.quote_plus(api_key)}", headers()).is_success


@pytest.mark.parametrize(
    ("switches", "is_new", "old_lives"),
    [
        (PanosSwitches(), False, True),
        (PanosSwitches(keygen_without_lifetime="new_key"), True, False),
        (PanosSwitches(keygen_without_lifetime="new_key", keygen_ends_old_key=False), True, True),
        (PanosSwitches(api_key_lifetime=60), True, False),
        (PanosSwitches(api_key_lifetime=60, keygen_ends_old_key=False), True, True),
    ],
)
def test_what_a_second_keygen_does(switches: PanosSwitches, is_new: bool, old_lives: bool) -> None:
    bench = Bench(switches)
    old = bench.firewall.api_key(SVC)
    new = keygen(bench).root.findtext("result/key") or ""
    assert (new != old) is is_new
    assert bench.send("GET", "/api/?type=version", headers(X_PAN_KEY=old)).is_success is old_lives
    assert bench.send("GET", "/api/?type=version", headers(X_PAN_KEY=new)).is_success


def test_keys_die_of_age_of_a_new_password_of_expiry_and_with_their_administrator() -> None:
    bench = Bench(PanosSwitches(api_key_lifetime=60))

    def lives(api_key: str) -> bool:
        return bench.send("GET", "/api/?type=version", headers(X_PAN_KEY=api_key)).is_success

    aged = bench.firewall.api_key(SVC)
    bench.clock.advance(59)
    assert lives(aged)
    bench.clock.advance(1)
    assert not lives(aged)
    changed = bench.firewall.api_key(SVC)
    bench.firewall.set_password(SVC, "new")
    assert not lives(changed) and not keygen(bench).is_success
    expired = bench.firewall.api_key(SVC)
    bench.firewall.expire_api_keys()
    assert not lives(expired)
    bob = bench.firewall.api_key(BOB)
    assert bench.config("delete", f"/config/mgt-config/users/entry[@name='{BOB}']").is_success
    assert lives(bob)
    bench.commit()
    assert not lives(bob) and not keygen(bench, BOB).is_success


# --- rights --------------------------------------------------------------------------------------------------------

REQUESTS: dict[str, tuple[Right, dict[str, str]]] = {
    "get": (Right.CONFIGURATION, {"type": "config", "action": "get", "xpath": SHARED}),
    "show": (Right.CONFIGURATION, {"type": "config", "action": "show", "xpath": SHARED}),
    "op": (Right.OPERATIONAL, {"type": "op", "cmd": "<show><clock/></show>"}),
    "export": (Right.EXPORT, {"type": "export", "category": "certificate", "certificate_name": "held",
                              "format": "pem", "include_key": "no"}),
    "set": (Right.CONFIGURATION, {"type": "config", "action": "set", "xpath": SYSTEM, "element": "<hostname>x</hostname>"}),
    "generate": (Right.OPERATIONAL, {"type": "op", "cmd": "<request><certificate><generate/></certificate></request>"}),
    "lock": (Right.OPERATIONAL, {"type": "op", "cmd": "<request><config-lock><add/></config-lock></request>"}),
    "validate": (Right.OPERATIONAL, {"type": "op", "cmd": "<validate><full/></validate>"}),
    "commit": (Right.COMMIT, {"type": "commit", "cmd": "<commit/>"}),
    "import": (Right.IMPORT, {"type": "import"}),
}  # fmt: skip
READS = ("get", "show", "op", "export")


@pytest.mark.parametrize("status", [200, 403])
@pytest.mark.parametrize("request_", REQUESTS)
def test_each_request_needs_its_right(request_: str, status: int) -> None:
    right, parameters = REQUESTS[request_]
    role = Role(frozenset(Right) - {right})
    bench = Bench(PanosSwitches(role_denial_http_status=status), role=role)
    denied = bench.ask(**parameters)
    assert (denied.answer.status, denied.summary) == (status, ("error", "16", "Unauthorized request"))
    allowed = Bench(role=Role(frozenset({right})))
    allowed.firewall.install_certificate("held", certificate(key()))
    answer = allowed.ask(**parameters).answer.body
    assert b"Unauthorized" not in answer


@pytest.mark.parametrize("request_", REQUESTS)
def test_who_is_read_only_changes_nothing(request_: str) -> None:
    bench = Bench(role=replace(SUPERREADER, rights=frozenset(Right)))
    bench.firewall.install_certificate("held", certificate(key()))
    assert (bench.ask(**REQUESTS[request_][1]).answer.body.find(b"Unauthorized") < 0) is (request_ in READS)
    assert bench.firewall.pending_changes() == []


def test_version_needs_no_right_and_the_log_holds_no_secret() -> None:
    bench = Bench(role=Role(frozenset()))
    assert bench.ask(type="version").is_success
    keygen(bench)
    bench.send("GET", "/api/?type=op&key=s3cr3t", headers())
    bench.upload("x", b"file", category="keypair", passphrase="s3cr3t")
    log = [(entry.type, entry.summary, entry.admin) for entry in bench.firewall.log]
    assert log == [("version", "", SVC), ("keygen", "", SVC), ("op", "", ""), ("import", "keypair x", SVC)]
