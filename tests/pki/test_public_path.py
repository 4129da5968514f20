"""The library's path validation has a say where the policy is a public one, and only about what is wrong."""

from __future__ import annotations

import datetime
import ipaddress
from dataclasses import replace

import pytest
from cryptography import x509 as c509
from cryptography.x509.oid import NameOID

from paloaltofw.pki.certificate import Certificate, VerificationError
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.pki.public_path import path_flaw
from paloaltofw.pki.verification import verify_chain
from tests import x509
from tests.pki.samples import CHAIN, REQUIRED, public

LEAF, CA_1, CA_2, CA_3 = public("leaf", "CA 1"), public("CA 1", "CA 2"), public("CA 2", "CA 3"), public("CA 3", "CA 4")


def constrained(permitted: list[c509.GeneralName] | None, excluded: list[c509.GeneralName] | None) -> Certificate:
    return public("CA 1", "CA 2", constraints=c509.NameConstraints(permitted, excluded))


PERMITTED = constrained([c509.DNSName("example.com")], None)
FOREIGN = constrained([c509.DNSName("example.org")], None)
EXCLUDED = constrained(None, [c509.DNSName("example.com")])
NO_CA = x509.certificate("CA 1", issuer=("CA 2", x509.key(300 + ord("2"))), private_key=x509.key(300 + ord("1")))
UNKNOWN = constrained([c509.DirectoryName(c509.Name([c509.NameAttribute(NameOID.COUNTRY_NAME, "DE")]))], None)


@pytest.mark.parametrize(
    ("links", "flaw"),
    [
        ([LEAF], None),
        ([LEAF, CA_1], None),
        ([LEAF, CA_1, CA_2, CA_3], None),
        ([LEAF, public("CA 1", "CA 2", path_length=0), public("CA 2", "CA 3", path_length=1)], None),
        ([LEAF, CA_1, public("CA 2", "CA 3", path_length=0)], "path length constraint violated"),
        ([LEAF, CA_1, public("CA 2", "CA 3", path_length=0), CA_3], "path length constraint violated"),
        ([LEAF, PERMITTED, CA_2], None),
        ([LEAF, FOREIGN, CA_2], "no permitted name constraints matched"),
        ([LEAF, FOREIGN], "no permitted name constraints matched"),
        ([LEAF, EXCLUDED, CA_2], "excluded name constraint matched"),
        ([LEAF, CA_1, public("CA 2", "CA 3", constraints=c509.NameConstraints(None, [c509.DNSName("example.com")]))],
         "excluded name constraint matched"),
        ([LEAF, UNKNOWN, CA_2], None),
        ([public("leaf", "CA 1", signer="CA 9"), CA_1, CA_2], "signature does not match"),
        ([LEAF, public("CA 1", "CA 2", signer="CA 9"), CA_2], "signature does not match"),
        ([LEAF, NO_CA, CA_2],
         "basicConstraints.cA must be asserted"),
        ([public("leaf", "CA 1", age=100.01), CA_1, CA_2], "cert is not valid at validation time"),
        ([LEAF, public("CA 1", "CA 2", age=100.01), CA_2], "cert is not valid at validation time"),
        ([LEAF, CA_1, public("CA 2", "CA 3", age=100.01)], "cert is not valid at validation time"),
        # What the library is strict about, and no client of ours.
        ([public("leaf", "CA 1", has_key_identifier=False), CA_1, CA_2], None),
        ([public("leaf", "CA 1", age=-0.005), CA_1, CA_2], None),
        ([public("leaf", "CA 1", names=(c509.DNSName("a_b.example.com"),)), CA_1, CA_2], None),
        ([public("leaf", "CA 1", names=(c509.DNSName("-"),)), CA_1, CA_2], None),
        ([public("leaf", "CA 1", names=(c509.RFC822Name("a@example.com"),)), CA_1, CA_2], None),
        ([LEAF, *(public(f"CA {n}", f"CA {n + 1}") for n in range(1, 9)), public("CA 9", "CA A"), public("CA A", "CA B")], None),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_path_is_said(links: list[Certificate], flaw: str | None) -> None:
    assert path_flaw(Chain(links[0], tuple(links[1:])), x509.NOW) == flaw


@pytest.mark.parametrize(
    "names",
    [
        (c509.DNSName("*.example.com"),),
        (c509.DNSName("*.example.com"), c509.DNSName("example.com")),
        (c509.IPAddress(ipaddress.ip_address("192.0.2.1")), c509.IPAddress(ipaddress.ip_address("2001:db8::1"))),
        (c509.IPAddress(ipaddress.ip_address("2001:db8::1")), c509.DNSName("www.example.com")),
    ],
)
def test_a_path_is_validated_for_every_kind_of_name(names: tuple[c509.GeneralName, ...]) -> None:
    leaf = public("leaf", "CA 1", names=names)
    assert path_flaw(Chain(leaf, (CA_1, CA_2)), x509.NOW) is None
    limited = public("CA 2", "CA 3", path_length=0)
    assert path_flaw(Chain(leaf, (CA_1, limited)), x509.NOW) == "path length constraint violated"


def test_a_wrong_path_is_refused_under_a_public_policy_only() -> None:
    required = replace(REQUIRED, common_name="www.example.com", policy="DV")
    limited = public("CA 2", "CA 3", path_length=0)
    for policy, private in (("2.23.140.1.2.1", False), ("2.23.140.1.1", False), ("1.2.3.4", True), (None, True)):
        leaf = public("leaf", "CA 1", policy=policy)
        good = build_chain([leaf, CA_1, CA_2], leaf.spki_sha256, x509.NOW)
        verify_chain(good, leaf.spki_sha256, required, x509.NOW)
        bad = build_chain([leaf, CA_1, limited], leaf.spki_sha256, x509.NOW)
        assert bad.intermediates == (CA_1, limited)
        if private:
            verify_chain(bad, leaf.spki_sha256, required, x509.NOW)
            continue
        with pytest.raises(
            VerificationError, match=r"^the path from the certificate to 'ca 2' is not valid: path length "
        ):
            verify_chain(bad, leaf.spki_sha256, required, x509.NOW)


def test_an_expired_cross_certificate_does_not_matter() -> None:
    expired = public("CA 3", "CA 4", age=100.01)
    for others in ([CA_1, CA_2, expired], [expired, CA_2, CA_1]):
        chain = build_chain([LEAF, *others], LEAF.spki_sha256, x509.NOW)
        assert chain.intermediates == (CA_1, CA_2)
        verify_chain(chain, LEAF.spki_sha256, REQUIRED, x509.NOW)
    with pytest.raises(VerificationError, match="'ca 3' expired on"):
        verify_chain(build_chain([LEAF, CA_1, CA_2, expired], LEAF.spki_sha256), LEAF.spki_sha256, REQUIRED, x509.NOW)


def test_dates_count_to_the_second_and_begin_ten_minutes_early() -> None:
    leaf, second = CHAIN[0], datetime.timedelta(seconds=1)
    early, late = leaf.not_before - datetime.timedelta(minutes=10), leaf.not_after - second
    for moment in (early, late):
        assert leaf.is_valid_at(moment)
        verify_chain(Chain(leaf, ()), leaf.spki_sha256, REQUIRED, moment)
    for moment in (early - second, late + second):
        assert not leaf.is_valid_at(moment)
        with pytest.raises(VerificationError, match=r"not valid before|expired on"):
            verify_chain(Chain(leaf, ()), leaf.spki_sha256, REQUIRED, moment)
