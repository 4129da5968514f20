"""NAME, NAME-2, NAME-3, and which of them is in service."""

from __future__ import annotations

from dataclasses import replace

import pytest

from paloaltofw.lifecycle.succession import in_service, next_entry, requirements, series_number
from paloaltofw.model.certificate_profile import KeySpec, Sans, Subject
from paloaltofw.pki.verification import Requirements
from tests import x509
from tests.lifecycle.cases import CSR, DUE, GOOD, OTHER, PROFILE, held


def test_the_series_of_names() -> None:
    assert series_number("www", "www") == 1
    assert series_number("www", "www-2") == 2
    for other in ("www-1", "www-02", "www-x", "www2", "xwww", "www-2-3", "www-0", "www-1\N{FULLWIDTH DIGIT TWO}"):
        assert series_number("www", other) is None
    assert next_entry("www", ()) == "www"
    assert next_entry("www", (held(1), held(7))) == "www-8"


def test_in_service_is_the_highest_complete_entry_that_matches() -> None:
    required = requirements(PROFILE)
    entries = (held(1, certificate=GOOD), held(2, certificate=DUE), held(3, certificate=OTHER), held(4, csr=CSR))
    assert in_service(entries, required) == entries[1]
    assert in_service(entries[2:], required) == entries[2]
    assert in_service(entries[3:], required) is None
    keyless = replace(held(5, certificate=GOOD), has_key=False)
    assert in_service((entries[0], keyless), required) == entries[0]
    foreign_key = held(6, certificate=GOOD, csr=x509.csr(private_key=x509.key(9)))
    assert in_service((entries[0], foreign_key), required) == entries[0]


def test_what_an_entry_holds() -> None:
    both, neither = held(certificate=GOOD, csr=CSR), held()
    assert both.content == (GOOD.sha256, CSR.spki_sha256)
    assert neither.content == ("", "")
    assert held(certificate=GOOD).content == (GOOD.sha256, "")
    assert held(csr=CSR).content == ("", CSR.spki_sha256)


def test_whose_key_an_entry_holds() -> None:
    foreign = x509.csr(private_key=x509.key(9))
    for item in (held(csr=CSR), held(certificate=GOOD), held(certificate=GOOD, csr=CSR)):
        assert item.holds_key_of(CSR.spki_sha256)
        assert not item.holds_key_of(foreign.spki_sha256)
        assert not replace(item, has_key=False).holds_key_of(CSR.spki_sha256)
    # A CSR that is still there tells whose key it is, whatever certificate lies beside it.
    assert not held(certificate=GOOD, csr=foreign).holds_key_of(CSR.spki_sha256)
    assert held(certificate=GOOD, csr=foreign).holds_key_of(foreign.spki_sha256)
    assert not held().holds_key_of(CSR.spki_sha256)


FULL_SUBJECT = Subject("www.example.com", "Example Ltd", ("B", "A"), "Bratislava", "BA", "SK", "a@example.com")
PARTS = (("C", "SK"), ("ST", "BA"), ("L", "Bratislava"), ("O", "Example Ltd"), ("OU", "B"), ("OU", "A"))


@pytest.mark.parametrize(
    ("type_", "subject", "parts"),
    [
        ("OV", FULL_SUBJECT, PARTS),
        ("EV", FULL_SUBJECT, PARTS),
        # A DV certificate holds no more of the subject than its common name.
        ("DV", FULL_SUBJECT, ()),
        ("OV", Subject("www.example.com", organization="Example Ltd"), (("O", "Example Ltd"),)),
        ("OV", Subject("www.example.com"), ()),
    ],
)
def test_everything_that_the_profile_asks_for_is_required(
    type_: str, subject: Subject, parts: tuple[tuple[str, str], ...]
) -> None:
    sans = Sans(("b.example.com", "a.example.com"), ("192.0.2.1",), ("a@example.com",))
    profile = replace(PROFILE, type=type_, subject=subject, sans=sans, key=KeySpec("RSA", 4096))
    assert requirements(profile) == Requirements(
        "www.example.com", sans.dns, sans.ip, sans.email, "RSA", 4096, type_, parts
    )
