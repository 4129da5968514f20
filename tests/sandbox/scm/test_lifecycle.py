"""Renew, replace, revoke and domain validation at the simulated SCM."""

from __future__ import annotations

import datetime
from typing import Any

import pytest
from cryptography import x509

from paloaltofw.sandbox.base.authority import spki_der
from tests.sandbox.scm.desk import START, Desk, body_of, csr, encoded, names_of, refused
from tests.x509 import key

DAYS = 24 * 3600.0
DAY = datetime.timedelta(days=1)


def other_csr() -> x509.CertificateSigningRequest:
    return csr(private_key=key(7, "P384"))


# --- renew and replace -----------------------------------------------------------------------------------------------


def test_renew_without_a_csr_uses_the_earlier_one() -> None:
    desk = Desk()
    first = desk.ordered(subjAltNames=["alt.example.com"])
    old = desk.leaf(first)
    answer = desk.on("POST", first, "renew")
    second = body_of(answer)["certId"]
    assert second != first
    new = desk.leaf(second)
    assert spki_der(new.public_key()) == spki_der(old.public_key())
    assert new.serial_number != old.serial_number
    assert names_of(new) == names_of(old) == {"www.example.com", "alt.example.com"}
    assert desk.status(first) == "Issued"
    assert desk.leaf(first) == old
    assert len(desk.site.orders_for_csr(desk.site.order(first).csr_sha256)) == 2


def test_renew_with_another_key_and_other_names() -> None:
    desk = Desk()
    first = desk.ordered(subjAltNames=["alt.example.com"])
    body = {"csr": encoded(other_csr()), "subjAltNames": ["new.example.com"], "comments": "c", "customFields": {}}
    second = body_of(desk.on("POST", first, "renew", body))["certId"]
    assert spki_der(desk.leaf(second).public_key()) == spki_der(other_csr().public_key())
    assert names_of(desk.leaf(second)) == {"www.example.com", "new.example.com"}


def test_a_renewal_waits_for_approval_like_any_order() -> None:
    desk = Desk()
    first = desk.ordered("OV")
    desk.site.approve(first)
    second = body_of(desk.on("POST", first, "renew", kind="OV"))["certId"]
    assert desk.status(second, "OV") == "Requested"


def test_renew_and_its_profile() -> None:
    desk = Desk({"profile_id": 17}, renew_requires_profile_id=True)
    first = desk.ordered()
    assert refused(desk.on("POST", first, "renew"), -39)
    assert refused(desk.on("POST", first, "renew", {"comments": "c"}), -39)
    assert refused(desk.on("POST", first, "renew", {"profileId": 18}), -39)
    assert desk.on("POST", first, "renew", {"profileId": 17}).status == 200
    desk.switch(renew_requires_profile_id=False)
    assert desk.on("POST", first, "renew").status == 200
    desk.switch(renew_refused=True)
    assert refused(desk.on("POST", first, "renew"), -180)
    assert len(desk.site.orders) == 3


def test_renew_of_what_has_ended() -> None:
    desk = Desk()
    revoked, expired, replaced = desk.ordered(), desk.ordered(), desk.ordered()
    desk.site.revoke(revoked)
    assert desk.on("POST", replaced, "replace", {"csr": encoded(csr())}).status == 200
    desk.clock.advance(201 * DAYS)
    for order_id in (revoked, expired, replaced):
        assert refused(desk.on("POST", order_id, "renew"), -130)
    desk.switch(renew_of_ended="accept")
    assert desk.on("POST", revoked, "renew").status == desk.on("POST", expired, "renew").status == 200
    assert refused(desk.on("POST", replaced, "renew"), -130)


def test_renew_of_a_key_that_is_no_longer_allowed() -> None:
    desk = Desk()
    order_id = desk.ordered()
    desk.accounts["DV"].key_types = frozenset({"RSA-2048"})
    assert refused(desk.on("POST", order_id, "renew"), -11)


def test_replace_with_a_new_id() -> None:
    desk = Desk()
    first = desk.ordered()
    old = desk.leaf(first)
    second = body_of(desk.on("POST", first, "replace", {"csr": encoded(other_csr())}))["certId"]
    assert second != first
    assert (desk.status(first), desk.status(second)) == ("Replaced", "Issued")
    assert desk.leaf(first) == old
    assert spki_der(desk.leaf(second).public_key()) == spki_der(other_csr().public_key())
    assert refused(desk.on("POST", first, "replace", {"csr": encoded(csr())}), -130)


@pytest.mark.parametrize("serves_old", [True, False])
def test_replace_under_the_same_id(serves_old: bool) -> None:
    desk = Desk(replace_id="same", replace_same_serves_old=serves_old)
    first = desk.ordered("OV")
    desk.site.approve(first)
    old = desk.leaf(first, "OV")
    answer = desk.on("POST", first, "replace", {"csr": encoded(other_csr())}, "OV")
    assert body_of(answer)["certId"] == first
    assert desk.status(first, "OV") == "Requested"
    if serves_old:
        assert desk.leaf(first, "OV") == old
    else:
        assert refused(desk.on("GET", first, kind="OV"), -103, 404)
    desk.site.approve(first)
    assert spki_der(desk.leaf(first, "OV").public_key()) == spki_der(other_csr().public_key())
    assert [(order.id, order.state) for order in desk.site.orders] == [(first, "Replaced"), (first, "Issued")]


def test_a_refused_replacement_leaves_the_certificate_alone() -> None:
    desk = Desk()
    order_id = desk.ordered()
    assert refused(desk.on("POST", order_id, "replace", {}), -7)
    assert refused(desk.on("POST", order_id, "replace", {"csr": "!"}), -9)
    assert desk.on("POST", order_id, "replace").status == 415
    assert desk.status(order_id) == "Issued"


def test_a_pending_order_is_neither_renewed_nor_replaced() -> None:
    desk = Desk()
    order_id = desk.ordered("OV")
    assert refused(desk.on("POST", order_id, "renew", kind="OV"), -130)
    assert refused(desk.on("POST", order_id, "replace", {"csr": encoded(csr())}, "OV"), -130)


# --- revoke ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [None, 0, 1, 3, 4, 5])
def test_revoke(reason: int | None) -> None:
    desk = Desk()
    order_id = desk.ordered()
    body: dict[str, Any] = {"message": "m" * 512} | ({} if reason is None else {"reasonCode": reason})
    answer = desk.on("DELETE", order_id, body=body)
    assert (answer.status, answer.body) == (200, b"")
    assert desk.status(order_id) == "Revoked"
    assert refused(desk.on("DELETE", order_id, body=body), -159)


def test_what_was_replaced_can_be_revoked() -> None:
    desk = Desk()
    order_id = desk.ordered()
    desk.on("POST", order_id, "replace", {"csr": encoded(csr())})
    assert desk.on("DELETE", order_id, body={"message": "m"}).status == 200


def test_what_was_not_issued_or_is_over_cannot_be_revoked() -> None:
    desk = Desk()
    pending, issued = desk.ordered("OV"), desk.ordered("DV")
    assert refused(desk.on("DELETE", pending, body={"message": "m"}, kind="OV"), -102)
    desk.clock.advance(201 * DAYS)
    assert refused(desk.on("DELETE", issued, body={"message": "m"}), -102)


# --- domain validation -----------------------------------------------------------------------------------------------


def info_of(desk: Desk, order_id: str) -> Any:
    return body_of(desk.on("GET", order_id, "status")).get("dcvInfo")


def test_an_order_waits_for_domain_validation() -> None:
    desk = Desk({"dcv_prevalidated": False})
    order_id = desk.ordered(subjAltNames=["*.b.example.com", "x@example.com"])
    desk.clock.advance(3 * DAYS)
    assert desk.status(order_id) == "Applied"
    info = info_of(desk, order_id)
    assert info["dcvLog"]["error"] == {"code": 0, "description": None}
    assert info["dcvLog"]["log"] == [
        {
            "dcvStatus": "Awaiting Validation", "domainName": name, "lastCheck": None, "nextCheck": None, "dcvDate": None,
            "dcvEmailRefNumber": None,
        }
        for name in ("b.example.com", "www.example.com")
    ]  # fmt: skip
    assert {(i["domainName"], i["dcvMode"]) for i in info["instructions"]} == {
        ("b.example.com", "CNAME"),
        ("www.example.com", "CNAME"),
    }
    assert all(i["host"].endswith("." + i["domainName"]) and i["point"] for i in info["instructions"])
    desk.site.complete_dcv(order_id)
    assert (desk.status(order_id), info_of(desk, order_id)) == ("Issued", None)
    assert desk.leaf(order_id).not_valid_before_utc == START + 3 * DAY


def test_domain_validation_is_shown_only_once_the_ca_has_the_order() -> None:
    desk = Desk({"dcv_prevalidated": False})
    order_id = desk.ordered("OV")
    assert body_of(desk.on("GET", order_id, "status", kind="OV")) == {"status": "Requested"}
    desk.site.approve(order_id)
    assert set(body_of(desk.on("GET", order_id, "status", kind="OV"))) == {"status", "dcvInfo"}


def test_the_information_can_be_wrapped_in_an_array() -> None:
    desk = Desk({"dcv_prevalidated": False}, dcv_info="array")
    order_id = desk.ordered()
    info = info_of(desk, order_id)
    assert isinstance(info, list)
    assert info[0]["dcvLog"]["log"][0]["domainName"] == "www.example.com"


@pytest.mark.parametrize(
    ("mode", "keys"), [("CNAME", {"host", "point"}), ("HTTP", {"url", "file"}), ("HTTPS", {"url", "file"}), ("EMAIL", {"dcvEmail"})]
)  # fmt: skip
def test_a_renewal_chooses_how_domains_are_validated(mode: str, keys: set[str]) -> None:
    desk = Desk()
    first = desk.ordered()
    assert desk.status(first) == "Issued"
    desk.accounts["DV"].dcv_prevalidated = False
    second = body_of(desk.on("POST", first, "renew", {"dcvMode": mode}))["certId"]
    (instruction,) = info_of(desk, second)["instructions"]
    assert instruction["dcvMode"] == mode
    assert set(instruction) == {"domainName", "dcvMode"} | keys
    if "url" in keys:
        assert instruction["url"].startswith(f"{mode.lower()}://www.example.com/")


def test_a_recheck_answers_202_without_a_body_and_is_seen_in_the_log() -> None:
    desk = Desk({"dcv_prevalidated": False})
    order_id = desk.ordered()
    desk.clock.advance(61)
    answer = desk.on("POST", order_id, "dcv-recheck")
    assert (answer.status, answer.body) == (202, b"")
    assert info_of(desk, order_id)["dcvLog"]["log"][0]["lastCheck"] == "2026-11-24 12:01:01"
    assert desk.status(order_id) == "Applied"
