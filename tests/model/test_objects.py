"""What values say of themselves."""

from __future__ import annotations

import dataclasses

import pytest

from paloaltofw.model import account, certificate_profile, finding, firewall_objects, records, settings
from paloaltofw.model.certificate_profile import CertificateProfile, KeySpec, Renewal, Sans, Subject
from paloaltofw.model.firewall_objects import CERTIFICATE_NAME_LIMIT, Job, SystemInfo, firewall_title
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.records import Answer, LedgerEntry, OrderRecord, Phase
from paloaltofw.model.trust import SYSTEM_TRUST, Trust, pin_text
from paloaltofw.secret import Secret


@pytest.mark.parametrize(
    ("key", "words"),
    [
        (KeySpec("RSA", 2048), "RSA 2048"),
        (KeySpec("ECDSA", 256), "ECDSA P-256"),
        (KeySpec("ECDSA", 521), "ECDSA P-521"),
    ],
)
def test_a_key_is_named_in_words(key: KeySpec, words: str) -> None:
    assert str(key) == words


def test_all_names_of_a_profile_are_told_dns_first() -> None:
    assert Sans(("a.example.com", "b.example.com"), ("192.0.2.1",), ("a@example.com",)).all == (
        "a.example.com", "b.example.com", "192.0.2.1", "a@example.com",
    )  # fmt: skip
    assert Sans().all == ()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://fw.example.com", "fw.example.com"),
        ("https://fw.example.com:8443", "fw.example.com:8443"),
        ("https://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
    ],
)
def test_a_firewall_is_named_with_its_address(url: str, address: str) -> None:
    profile = FirewallProfile("edge", url, "admin", Secret("key"))
    assert profile.address == address
    assert profile.title == firewall_title("edge", url) == f"firewall edge ({address})"
    assert firewall_title("edge", url + "/") == profile.title


@pytest.mark.parametrize(
    ("model", "is_panorama"),
    [("Panorama", True), ("M-600", True), ("PA-VM", False), ("PA-M-1", False), ("Panorama-like", False), ("", False)],
)
def test_panorama_is_known_by_its_model(model: str, is_panorama: bool) -> None:
    assert SystemInfo(model, "11.1.0", "0123").is_panorama is is_panorama


@pytest.mark.parametrize(
    ("status", "result", "is_finished", "is_ok"),
    [
        ("FIN", "OK", True, True),
        ("FIN", "FAIL", True, False),
        ("ACT", "PEND", False, False),
        ("ACT", "OK", False, False),
    ],
)
def test_a_job_is_well_only_when_it_is_finished(status: str, result: str, is_finished: bool, is_ok: bool) -> None:
    job = Job("1", "Commit", status, result, 50, "admin", "", "")
    assert (job.is_finished, job.is_ok) == (is_finished, is_ok)


def test_a_pin_is_written_as_openssl_writes_a_fingerprint() -> None:
    assert pin_text("ab01ff") == "sha256:AB:01:FF"


def test_successors_of_a_certificate_find_room_in_its_name() -> None:
    assert CERTIFICATE_NAME_LIMIT + len("-999") == 31


def test_what_a_profile_leaves_out_is_the_safe_choice() -> None:
    subject = Subject("www.example.com")
    profile = CertificateProfile("www", "www", "DV", "acme", "edge", subject, Sans(), KeySpec("RSA", 2048))
    assert profile.renewal == Renewal(auto=True, renew_before_days=None, key="rotate")
    firewall = FirewallProfile("edge", "https://fw.example.com", "admin", Secret("key"))
    assert (firewall.trust, firewall.chain, firewall.vsys) == (SYSTEM_TRUST, "separate", "shared")
    assert Trust() == SYSTEM_TRUST and not SYSTEM_TRUST.off


def test_phases_keep_the_words_that_are_on_disks() -> None:
    assert [phase.value for phase in Phase] == ["generating", "ready", "submitting", "ordered", "issued", "failed"]
    order = OrderRecord("www", "edge", "www", "enroll", Phase.READY.value, "", "", "", "")
    assert order.phase == Phase.READY
    assert (order.certificate_id, order.submissions, order.same_key) == (None, 0, False)


@pytest.mark.parametrize("module", [account, certificate_profile, finding, firewall_objects, records, settings])
def test_values_cannot_be_changed(module: object) -> None:
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and dataclasses.is_dataclass(kind)]
    assert kinds
    for kind in kinds:
        assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("answer", "may_be_held"), [(Answer.UNKNOWN, True), (Answer.REFUSED, False), (Answer.TAKEN, True)]
)
def test_only_an_understood_refusal_says_that_an_order_is_not_held(answer: Answer, may_be_held: bool) -> None:
    entry = LedgerEntry("www", "", "", "enroll", "", "")
    assert entry.may_be_held
    assert dataclasses.replace(entry, answer=answer.value).may_be_held is may_be_held
    # What an older or newer version has written, and this one cannot read, may be held.
    assert dataclasses.replace(entry, answer="something else").may_be_held
