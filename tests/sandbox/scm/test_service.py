"""Enroll, status and download of the simulated SCM, the states of its orders, and the way in for people."""

from __future__ import annotations

import datetime
import hashlib
import threading
import urllib.parse

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from paloaltofw.sandbox.base.authority import ChainForm, spki_der
from paloaltofw.sandbox.scm.orders import ScmSwitches, WrongState
from tests.sandbox.scm.desk import START, Desk, authority, body_of, csr, encoded, names_of, refused, request
from tests.x509 import key

DAYS = 24 * 3600.0
DAY = datetime.timedelta(days=1)


# --- from order to certificate ---------------------------------------------------------------------------------------


def test_dv_is_issued_at_once_and_fits_the_csr() -> None:
    desk = Desk()
    answer = desk.enroll(subjAltNames=["alt.example.com"], comments="c")
    assert (answer.status, answer.content_type) == (200, "application/json")
    assert set(body_of(answer)) == {"certId"}
    order_id = body_of(answer)["certId"]
    assert desk.status(order_id) == "Issued"
    download = desk.on("GET", order_id)
    assert (download.status, download.content_type) == (200, "application/x-pem-file")
    leaf = desk.leaf(order_id)
    assert spki_der(leaf.public_key()) == spki_der(csr().public_key())
    assert names_of(leaf) == {"www.example.com", "alt.example.com"}
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == 200 * DAY - datetime.timedelta(seconds=1)


@pytest.mark.parametrize("kind", ["OV", "EV"])
def test_ov_and_ev_wait_for_a_person(kind: str) -> None:
    desk = Desk()
    order_id = desk.ordered(kind)
    desk.clock.advance(30 * DAYS)
    assert desk.status(order_id, kind) == "Requested"
    desk.site.approve(order_id)
    assert desk.status(order_id, kind) == "Issued"
    leaf = desk.leaf(order_id, kind)
    assert leaf.not_valid_before_utc == START + 30 * DAY
    assert [a.value for a in leaf.subject.get_attributes_for_oid(x509.NameOID.ORGANIZATION_NAME)] == ["Example Ltd"]


def test_automatic_approval_is_the_accounts() -> None:
    desk = Desk({"auto_approve": True})
    assert desk.status(desk.ordered("OV"), "OV") == "Issued"


def test_states_follow_the_clock() -> None:
    desk = Desk({"transmission_seconds": 10, "issue_delay_seconds": 60})
    order_id = desk.ordered()
    seen = []
    for seconds in (0, 9.9, 0.1, 49.9, 0.1, 200 * DAYS - 1, 1):
        desk.clock.advance(seconds)
        seen.append(desk.status(order_id))
    assert seen == ["Approved", "Approved", "Applied", "Applied", "Issued", "Issued", "Expired"]
    assert desk.leaf(order_id).not_valid_before_utc == START + datetime.timedelta(seconds=60)


def test_a_certificate_nobody_asked_for_began_when_it_was_due() -> None:
    desk = Desk()
    order_id = desk.ordered()
    desk.clock.advance(50 * DAYS)
    assert desk.leaf(order_id).not_valid_before_utc == START
    desk.clock.advance(151 * DAYS)
    assert desk.site.order(order_id).state == "Expired"


@pytest.mark.parametrize(("age", "state"), [(190, "Issued"), (201, "Expired")])
def test_certificates_can_be_born_old(age: float, state: str) -> None:
    desk = Desk({"age_days": age})
    order_id = desk.ordered()
    assert desk.leaf(order_id).not_valid_before_utc == START - age * DAY
    assert desk.status(order_id) == state


def test_the_account_fixes_the_lifetime() -> None:
    desk = Desk({"lifetime_days": 47})
    leaf = desk.leaf(desk.ordered())
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc == 47 * DAY - datetime.timedelta(seconds=1)


def test_names_of_csr_and_order_are_joined_or_only_the_orders_count() -> None:
    text = encoded(csr(dns=["in-csr.example.com"], ip=["2001:db8::1"]))
    joined = Desk()
    order_id = joined.ordered(csr=text, subjAltNames=["a.example.com", "2001:DB8:0::2"])
    expected = {"www.example.com", "in-csr.example.com", "2001:db8::1", "a.example.com", "2001:db8::2"}
    assert names_of(joined.leaf(order_id)) == expected
    alone = Desk(csr_names="ignore")
    assert names_of(alone.leaf(alone.ordered(csr=text, subjAltNames=["a.example.com"]))) == {
        "www.example.com",
        "a.example.com",
    }


def test_mail_addresses_are_issued_or_dropped() -> None:
    for position, expected in (("issue", {"www.example.com", "x@example.com"}), ("drop", {"www.example.com"})):
        desk = Desk(email_names=position)
        assert names_of(desk.leaf(desk.ordered(subjAltNames=["x@example.com"]))) == expected


# --- IDs and visibility ----------------------------------------------------------------------------------------------


def test_ids_are_digits_or_base64_that_must_be_encoded() -> None:
    assert Desk().ordered().isdigit()
    desk = Desk(certificate_ids="base64")
    order_id = desk.ordered()
    assert set("+/=") <= set(order_id)
    assert desk.status(order_id) == "Issued"
    assert desk.call("GET", f"/{urllib.parse.quote(order_id)}/status").status == 404
    assert desk.call("GET", f"/{urllib.parse.quote(order_id, safe='+=')}/status").status == 200
    assert desk.ordered() != order_id


@pytest.mark.parametrize(
    ("method", "action"),
    [("GET", ""), ("GET", "status"), ("DELETE", ""), ("POST", "renew"), ("POST", "replace"), ("POST", "dcv-recheck")],
)
def test_unknown_and_foreign_ids_look_the_same(method: str, action: str) -> None:
    desk = Desk()
    order_id = desk.ordered("DV")
    assert refused(desk.on(method, order_id, action, kind="OV"), -124, 404)
    assert refused(desk.on(method, "99", action), -124, 404)
    assert desk.status(order_id) == "Issued"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "", 405), ("PUT", "", 405), ("PUT", "/1", 405), ("POST", "/1", 405), ("POST", "/1/status", 405),
        ("GET", "/1/renew", 405), ("GET", "/1/replace", 405), ("DELETE", "/1/status", 405), ("GET", "/1/dcv-recheck", 405),
        ("GET", "/1/other", 404), ("GET", "/1/status/", 404), ("GET", "//status", 404), ("POST", "/1/Renew", 404),
        ("GET", "s", 404), ("GET", "/", 404),
    ],
)  # fmt: skip
def test_paths_and_methods_that_do_not_exist(method: str, path: str, status: int) -> None:
    answer = Desk().call(method, path)
    assert answer.status == status
    assert ("Allow" in answer.headers) is (status == 405)


def test_other_places_do_not_exist_at_all() -> None:
    desk = Desk()
    for path in ("/", "/auth/realms/other/protocol/openid-connect/token", "/sandbox", "/sandbox/ordersX"):
        assert desk.site.handle(request("GET", path)).status == 404
    for path in ("/api/v1", "/api/v2/certificates", "/api/v1/certificatesX"):
        bearer = f"Bearer {desk.token()}"
        assert desk.site.handle(request("GET", path, Authorization=bearer)).status == 404


# --- status and download ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "state", "word"),
    [
        ("plain", "Approved", "Approved"), ("upper", "Approved", "APPROVED"), ("spaced", "Approved", "SA Approved"),
        ("spaced", "Requested", "Requested"), ("upper", "Requested", "REQUESTED"),
    ],
)  # fmt: skip
def test_status_words_in_every_spelling(words: str, state: str, word: str) -> None:
    desk = Desk({"transmission_seconds": 10}, status_words=words)
    order_id = desk.ordered("OV")
    if state == "Approved":
        desk.site.approve(order_id)
    assert desk.status(order_id, "OV") == word


@pytest.mark.parametrize(
    ("sequence", "codes"),
    [
        (("-103", "-109"), [-103, -109, -109]), (("-109",), [-109, -109, -109]), (("empty", "-103"), [0, -103, -103]),
        (("-103", "empty"), [-103, 0, 0]),
    ],
)  # fmt: skip
def test_a_pending_download(sequence: tuple[str, ...], codes: list[int]) -> None:
    desk = Desk({"issue_delay_seconds": 60}, not_ready=sequence)
    order_id = desk.ordered()
    for code in codes:
        answer = desk.on("GET", order_id)
        if code:
            assert refused(answer, code, 404)
        else:
            assert (answer.status, answer.body, answer.content_type) == (200, b"", "application/x-pem-file")
    desk.clock.advance(60)
    assert desk.leaf(order_id)


def test_the_chain_comes_in_the_form_of_the_switch() -> None:
    form = ChainForm(order="root_first", with_root=True, newline="\r\n", text_between=True)
    desk = Desk(chain=form)
    order_id = desk.ordered()
    answer = desk.on("GET", order_id)
    certificate = desk.site.order(order_id).certificate
    assert certificate is not None
    assert answer.body == authority().chain_pem(certificate, form)
    assert x509.load_pem_x509_certificates(answer.body)[0] == authority().root.certificate


@pytest.mark.parametrize(
    ("decision", "state"), [("decline", "Declined"), ("reject", "Rejected"), ("invalidate", "Invalid")]
)
def test_what_was_refused_cannot_be_collected(decision: str, state: str) -> None:
    desk = Desk()
    order_id = desk.ordered("OV")
    getattr(desk.site, decision)(order_id)
    desk.clock.advance(DAYS)
    assert desk.status(order_id, "OV") == state
    assert refused(desk.on("GET", order_id, kind="OV"), -183, 404)
    assert refused(desk.on("POST", order_id, "renew", kind="OV"), -130)


@pytest.mark.parametrize("status", [404, 400])
def test_a_revoked_certificate_cannot_be_downloaded(status: int) -> None:
    desk = Desk(revoked_download_status=status)
    order_id = desk.ordered()
    desk.site.revoke(order_id)
    assert desk.status(order_id) == "Revoked"
    assert refused(desk.on("GET", order_id), -110, status)


# --- people and tests ------------------------------------------------------------------------------------------------


def test_orders_are_counted_by_csr() -> None:
    desk = Desk()
    text = encoded(csr())
    first, second = desk.ordered(csr=text), desk.ordered(csr=text)
    desk.ordered(csr=encoded(csr(private_key=key(7, "P384"))))
    digest = hashlib.sha256(desk.site.order(first).csr.public_bytes(Encoding.DER)).hexdigest()
    assert [order.id for order in desk.site.orders_for_csr(digest)] == [first, second]
    assert desk.site.orders[0].spki_sha256 == hashlib.sha256(spki_der(csr().public_key())).hexdigest()
    assert desk.site.orders_for_csr("0" * 64) == []


def test_a_repeated_csr_can_be_merged_or_refused() -> None:
    text = encoded(csr())
    desk = Desk(repeated_csr="merge")
    first = desk.ordered("OV", csr=text)
    assert desk.ordered("OV", csr=text) == first
    assert desk.ordered("EV", csr=text) != first
    desk.site.decline(first)
    assert desk.ordered("OV", csr=text) != first
    desk.switch(repeated_csr="refuse")
    assert refused(desk.enroll("OV", csr=text), -138)
    assert len(desk.site.orders) == 3


@pytest.mark.parametrize(
    ("decision", "allowed"),
    [
        ("approve", {"Requested"}), ("decline", {"Requested"}), ("reject", {"Requested", "Approved"}),
        ("invalidate", {"Requested", "Approved"}), ("revoke", {"Issued"}),
    ],
)  # fmt: skip
def test_people_can_decide_only_what_the_state_allows(decision: str, allowed: set[str]) -> None:
    desk = Desk({"transmission_seconds": 60})
    for state in ("Requested", "Approved", "Issued", "Revoked", "Declined"):
        order_id = desk.ordered("OV")
        if state in ("Approved", "Issued", "Revoked"):
            desk.site.approve(order_id)
        if state in ("Issued", "Revoked"):
            desk.clock.advance(60)
        if state == "Revoked":
            desk.site.revoke(order_id)
        if state == "Declined":
            desk.site.decline(order_id)
        if state in allowed:
            getattr(desk.site, decision)(order_id)
            assert desk.site.order(order_id).state != state
        else:
            with pytest.raises(WrongState):
                getattr(desk.site, decision)(order_id)
            assert desk.site.order(order_id).state == state
    with pytest.raises(KeyError):
        getattr(desk.site, decision)("nothing")


def test_everything_that_waits_can_be_approved_at_once() -> None:
    desk = Desk()
    ids = [desk.ordered("OV"), desk.ordered("EV")]
    desk.ordered("DV")
    assert desk.site.approve_all() == 2
    assert [desk.site.order(order_id).state for order_id in ids] == ["Issued", "Issued"]
    assert desk.site.approve_all() == 0


@pytest.mark.parametrize("style", ["digits", "base64"])
def test_the_way_in_for_people(style: str) -> None:
    desk = Desk(certificate_ids=style)
    order_id = desk.ordered("OV", comments="for the gate", subjAltNames=["b.example.com"])
    place = "/" + urllib.parse.quote(order_id, safe="")
    answer = desk.control("GET", "")
    assert (answer.status, answer.content_type) == (200, "application/json")
    (listed,) = body_of(answer)
    expected = {
        "id": order_id, "account": "OV", "operation": "enroll", "state": "Requested", "commonName": "www.example.com",
        "names": ["www.example.com", "b.example.com"], "comments": "for the gate", "serial": None, "notAfter": None,
        "requestedAt": START.isoformat(),
    }  # fmt: skip
    assert {name: listed[name] for name in expected} == expected
    approved = desk.control("POST", place + "/approve")
    assert (approved.status, body_of(approved)["state"]) == (200, "Issued")
    certificate = desk.leaf(order_id, "OV")
    assert body_of(approved)["serial"] == f"{certificate.serial_number:X}"
    assert body_of(approved)["notAfter"] == certificate.not_valid_after_utc.isoformat()
    assert desk.control("POST", place + "/decline").status == 409
    assert body_of(desk.control("POST", place + "/revoke"))["state"] == "Revoked"


@pytest.mark.parametrize("decision", ["decline", "reject", "invalidate"])
def test_people_say_no(decision: str) -> None:
    desk = Desk()
    order_id = desk.ordered("OV")
    assert desk.control("POST", f"/{order_id}/{decision}").status == 200
    assert desk.site.order(order_id).state in ("Declined", "Rejected", "Invalid")


def test_people_complete_the_validation() -> None:
    desk = Desk({"dcv_prevalidated": False})
    order_id = desk.ordered()
    assert body_of(desk.control("POST", f"/{order_id}/complete-dcv"))["state"] == "Issued"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "", 405), ("GET", "/1000/approve", 405), ("POST", "/77/approve", 404), ("POST", "/77/complete-dcv", 404),
        ("POST", "/1000", 404), ("POST", "/1000/issue", 404), ("POST", "/1000/approve/now", 404), ("GET", "/", 404),
    ],
)  # fmt: skip
def test_mistakes_at_the_way_in(method: str, path: str, status: int) -> None:
    desk = Desk()
    assert desk.ordered("OV") == "1000"
    assert desk.control(method, path).status == status
    assert desk.site.order("1000").state == "Requested"


def test_the_switches_stand_where_the_reference_puts_them() -> None:
    switches = ScmSwitches()
    assert (switches.token_error, switches.token_seconds, switches.token_basic) == ("unauthorized_client", 300, True)
    assert (switches.not_ready, switches.certificate_ids) == (("-103", "-109"), "digits")
    assert (switches.challenge, switches.csr_armour, switches.unknown_fields) == ("quoted", "refuse", "ignore")
    assert (switches.replace_id, switches.replace_same_serves_old) == ("new", True)
    assert (switches.local_names, switches.repeated_csr, switches.revoked_download_status) == ("refuse", "order", 404)
    assert (switches.renew_refused, switches.renew_requires_profile_id, switches.renew_of_ended) == (
        False,
        False,
        "refuse",
    )
    assert (switches.order_answer, switches.usual_token_url, switches.token_place) == (("certId",), "works", "usual")
    assert switches.chain == ChainForm("leaf_first", with_intermediates=True, with_root=False, newline="\n")


def test_many_at_once_get_an_order_each() -> None:
    desk = Desk()
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(desk.ordered())) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(ids)) == len(desk.site.orders) == 12
