"""What the simulated SCM refuses, and with which code."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID, NameOID

from tests.sandbox.scm.desk import Desk, csr, encoded, forged_csr, refused
from tests.x509 import key

PEM = csr().public_bytes(Encoding.PEM).decode()
ONE_LINE = "".join(PEM.splitlines()[1:-1])
WITHOUT_NEWLINES = PEM.replace("\n", "")  # what a public client's curl command sends (scm.md §2.2)


# --- bodies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "", "json"]
)
def test_only_json_is_taken(content_type: str) -> None:
    desk = Desk()
    raw = b'{"csr": "%s"}' % ONE_LINE.encode()
    assert refused(desk.call("POST", "", raw, content_type=content_type), -7, 415)
    assert desk.call("POST", "", raw, content_type="application/json; charset=utf-8").status == 200
    order_id = desk.ordered()
    for method, path in (("POST", "renew"), ("POST", "replace"), ("DELETE", "")):
        target = f"/{order_id}/{path}".rstrip("/")
        assert refused(desk.call(method, target, b"{}", content_type=content_type), -7, 415)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b'"x"', b"null", b"5", b"\xff", b'{"csr": NaN}', b"[" * 100_000,
        '{"csr": "x"}'.encode("utf-16"),
    ],
)  # fmt: skip
def test_what_is_no_json_object(body: bytes) -> None:
    assert refused(Desk().call("POST", "", body, content_type="application/json"), -7)


def test_a_body_of_32767_characters_is_the_longest() -> None:
    desk = Desk({"custom_fields": frozenset({"f"})})
    frame = len('{"csr": "", "customFields": {"f": ""}}') + len(ONE_LINE)

    def sent(length: int) -> Any:
        return desk.call("POST", "", {"csr": ONE_LINE, "customFields": {"f": "x" * (length - frame)}})

    assert sent(32767).status == 200
    assert refused(sent(32768), -7)


FULL: dict[str, Any] = {
    "csr": ONE_LINE, "subjAltNames": ["a.example.com"], "comments": "c" * 1024,
    "externalRequester": "a@example.com, " + "b" * 487 + "@b.example", "customFields": {"f": "v"},
}  # fmt: skip


def test_everything_that_enroll_may_hold() -> None:
    assert Desk({"custom_fields": frozenset({"f"})}).call("POST", "", FULL).status == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"csr": None}, -951), ({"csr": 5}, -951), ({"csr": [ONE_LINE]}, -951), ({"subjAltNames": "a.example.com"}, -951),
        ({"subjAltNames": [5]}, -951), ({"subjAltNames": None}, -951), ({"subjAltNames": {"a": 1}}, -951),
        ({"comments": "c" * 1025}, -951), ({"comments": 5}, -951), ({"comments": True}, -951),
        ({"externalRequester": "a" * 501 + "@example.com"}, -951), ({"externalRequester": "nobody"}, -951),
        ({"externalRequester": "a@example.com,,b@example.com"}, -951), ({"customFields": [{"name": "f", "value": "v"}]}, -951),
        ({"customFields": "f"}, -951), ({"certType": 5}, -64), ({"term": 200}, -64), ({"dcvMode": "CNAME"}, -64),
        ({"CSR": ONE_LINE}, -64),
    ],
)  # fmt: skip
def test_fields_that_do_not_fit_enroll(change: dict[str, Any], code: int) -> None:
    desk = Desk(unknown_fields="refuse")
    assert refused(desk.enroll(**change), code)
    assert desk.site.orders == []


def test_csr_is_required() -> None:
    assert refused(Desk().call("POST", "", {"comments": "c"}), -7)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"dcvMode": "DNS"}, -951), ({"dcvMode": "cname"}, -951), ({"term": "200"}, -951), ({"term": True}, -951),
        ({"term": 365}, -36), ({"profileId": "1"}, -951), ({"profileId": 2}, -39), ({"email": 5}, -951),
        ({"dcvEmail": []}, -951), ({"comments": "c" * 1025}, -951), ({"reason": "x"}, -64), ({"csr": ""}, -10),
        ({"subjAltNames": "a.example.com"}, -951), ({"externalRequester": "nobody"}, -951),
    ],
)  # fmt: skip
def test_fields_that_do_not_fit_renew(body: dict[str, Any], code: int) -> None:
    desk = Desk(unknown_fields="refuse")
    assert refused(desk.on("POST", desk.ordered(), "renew", body), code)
    assert len(desk.site.orders) == 1


def test_everything_that_renew_may_hold() -> None:
    desk = Desk({"mandatory_custom_fields": frozenset({"f"})})
    body = {
        **FULL,
        "profileId": 1,
        "email": "a@example.com",
        "term": 200,
        "dcvMode": "EMAIL",
        "dcvEmail": "a@example.com",
    }
    assert desk.on("POST", desk.ordered(customFields={"f": "v"}), "renew", body).status == 200


@pytest.mark.parametrize(
    ("change", "code"),
    [({"externalRequester": "a@example.com"}, -64), ({"customFields": {}}, -64), ({"comments": "c" * 1025}, -951), ({"reason": "x"}, -64)],
)  # fmt: skip
def test_fields_that_do_not_fit_replace(change: dict[str, Any], code: int) -> None:
    desk = Desk(unknown_fields="refuse")
    assert refused(desk.on("POST", desk.ordered(), "replace", {"csr": ONE_LINE, **change}), code)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (None, -7), ({}, -7), ({"reasonCode": 1}, -7), ({"message": ""}, -7), ({"message": "m" * 513}, -951),
        ({"message": 5}, -951), ({"message": "m", "reasonCode": 2}, -951), ({"message": "m", "reasonCode": 6}, -951),
        ({"message": "m", "reasonCode": -1}, -951), ({"message": "m", "reasonCode": "1"}, -951),
        ({"message": "m", "reasonCode": True}, -951), ({"message": "m", "reasonCode": 1.0}, -951),
        ({"message": "m", "reason": "x"}, -64),
    ],
)  # fmt: skip
def test_bodies_that_do_not_fit_revoke(body: dict[str, Any] | None, code: int) -> None:
    desk = Desk(unknown_fields="refuse")
    order_id = desk.ordered()
    assert refused(desk.on("DELETE", order_id, body=body), code)
    assert desk.status(order_id) == "Issued"


def test_unknown_fields_are_ignored() -> None:
    desk = Desk()
    order_id = desk.ordered(certType=5, term=1, dcvMode=7)
    assert desk.status(order_id) == "Issued"
    assert refused(desk.enroll(comments=5), -951)


# --- CSR -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "!", "MIIB", "MIIB=", ONE_LINE[:-4] + "é===", ONE_LINE + " ", " " + ONE_LINE, ONE_LINE + "\n", ONE_LINE.replace("A", "-"), "é",
        PEM, WITHOUT_NEWLINES, PEM.replace("\n", "\r\n"), "\n".join(PEM.splitlines()[1:-1]),
        base64.urlsafe_b64encode(b"\xff\xef" * 30).decode(),
    ],
)  # fmt: skip
def test_only_one_line_of_base64_is_taken(text: str) -> None:
    expected = -10 if text == "MIIB" else -9
    assert refused(Desk().enroll(csr=text), expected)


@pytest.mark.parametrize(
    "text",
    [PEM, WITHOUT_NEWLINES, PEM.replace("\n", "\r\n"), PEM.replace("CERTIFICATE", "NEW CERTIFICATE"), ONE_LINE + "\n", ONE_LINE],
)  # fmt: skip
def test_header_lines_can_be_tolerated(text: str) -> None:
    desk = Desk(csr_armour="accept")
    assert desk.status(desk.ordered(csr=text)) == "Issued"
    for wrong in ("-----BEGIN CERTIFICATE-----" + ONE_LINE, ONE_LINE + " ", "!"):
        assert refused(desk.enroll(csr=wrong), -9)


def bad_extension_csr() -> str:
    broken = x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, b"\x30\x03\x82\x05x")
    return encoded(csr(extensions=[broken]))


@pytest.mark.parametrize(
    "der", [b"", b"hello", csr().public_bytes(Encoding.DER)[:-1], csr().public_bytes(Encoding.DER) + b"\0"]
)
def test_what_is_no_csr(der: bytes) -> None:
    assert refused(Desk().enroll(csr=base64.b64encode(der).decode()), -10)


def test_a_csr_with_malformed_names_is_refused_when_it_comes() -> None:
    assert refused(Desk().enroll(csr=bad_extension_csr()), -10)


def test_a_csr_with_a_wrong_signature() -> None:
    assert refused(Desk().enroll(csr=forged_csr()), -138)


@pytest.mark.parametrize("kind", ["RSA2048", "RSA3072", "RSA4096", "P256", "P384", "P521"])
def test_keys_are_taken_only_if_the_profile_has_them(kind: str) -> None:
    name = f"{'RSA-' if kind.startswith('RSA') else 'EC-'}{kind.removeprefix('RSA').removeprefix('P')}"
    text = encoded(csr(private_key=key(0, kind)))
    assert Desk().enroll(csr=text).status == 200
    assert Desk({"key_types": frozenset({name})}).enroll(csr=text).status == 200
    desk = Desk()
    desk.accounts["DV"].key_types -= {name}
    assert refused(desk.enroll(csr=text), -13 if kind.startswith("RSA") else -11)


@pytest.mark.parametrize(
    ("private_key", "code"),
    [
        (rsa.generate_private_key(65537, 1024), -13), (rsa.generate_private_key(65537, 2056), -13),
        (ec.generate_private_key(ec.SECP256K1()), -11), (ec.generate_private_key(ec.BrainpoolP384R1()), -11),
        (dsa.generate_private_key(1024), -11), (ed25519.Ed25519PrivateKey.generate(), -11),
    ],
    ids=["RSA1024", "RSA2056", "secp256k1", "brainpool", "DSA", "Ed25519"],
)  # fmt: skip
def test_keys_that_no_profile_has(private_key: Any, code: int) -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "www.example.com")])
    algorithm = None if isinstance(private_key, ed25519.Ed25519PrivateKey) else SHA256()
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(private_key, algorithm)
    assert refused(Desk().enroll(csr=encoded(request)), code)


# --- names -----------------------------------------------------------------------------------------------------------

LOCAL = ["localhost", "intranet", "fw.local", "fw.internal", "*.lan", "10.1.2.3", "192.168.1.1", "127.0.0.1", "fd00::1", "::1", "100.64.0.1", "169.254.0.1"]  # fmt: skip


@pytest.mark.parametrize("name", LOCAL)
def test_local_names_are_refused_wherever_they_stand(name: str) -> None:
    desk = Desk()
    is_address = name[0].isdigit() or ":" in name
    in_csr = csr(ip=[name]) if is_address else csr(dns=[name])
    assert refused(desk.enroll(subjAltNames=[name]), -164)
    assert refused(desk.enroll(csr=encoded(csr(name))), -164)
    assert refused(desk.enroll(csr=encoded(in_csr)), -164)
    private = Desk(local_names="accept")
    assert private.status(private.ordered(subjAltNames=[name])) == "Issued"


@pytest.mark.parametrize(
    "name",
    [
        "8.8.8.8",
        "192.0.2.1",
        "2001:db8::1",
        "2606:4700::1",
        "*.example.com",
        "xn--bcher-kva.example",
        "a." * 100 + "example",
    ],
)
def test_public_names_are_taken(name: str) -> None:
    desk = Desk()
    assert desk.status(desk.ordered(subjAltNames=[name])) == "Issued"


WRONG = ["", " ", "a b.example.com", "-a.example.com", "a..example.com", "a_b.example.com", "bücher.example", "*", "a.*.example.com", "x" * 64 + ".example", "a." * 126 + "example", "@", "a@b@c", "a.example.com.", "http://a.example.com", "a.example.com,b.example.com", "\ud800.example.com"]  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_names_that_are_no_names(name: str) -> None:
    desk = Desk()
    assert refused(desk.enroll(subjAltNames=[name]), -951)
    assert desk.site.orders == []


@pytest.mark.parametrize("name", ["a b.example.com", "a_b.example.com", "bücher.example"])
def test_common_names_that_are_no_names(name: str) -> None:
    assert refused(Desk().enroll(csr=encoded(csr(name))), -138)


def test_the_longest_name_has_253_characters() -> None:
    longest = "a." * 121 + "example.com"
    assert len(longest) == 253
    desk = Desk()
    assert desk.enroll(subjAltNames=[longest]).status == 200
    assert refused(desk.enroll(subjAltNames=["aa." + longest[2:]]), -951)


def test_there_must_be_one_common_name() -> None:
    names = [x509.NameAttribute(NameOID.COMMON_NAME, f"{n}.example.com") for n in "ab"]
    for subject in (x509.Name([]), x509.Name(names)):
        assert refused(Desk().enroll(csr=encoded(csr(subject=subject, dns=["a.example.com"]))), -138)


def test_ev_has_no_wildcards() -> None:
    desk = Desk()
    assert refused(desk.enroll("EV", subjAltNames=["*.example.com"]), -951)
    assert refused(desk.enroll("EV", csr=encoded(csr(dns=["*.example.com"]))), -138)
    assert desk.enroll("OV", subjAltNames=["*.example.com"]).status == 200


def test_domains_must_be_delegated() -> None:
    desk = Desk({"domains": frozenset({"example.com"})})
    assert desk.enroll(subjAltNames=["example.com", "A.Example.com", "*.example.com", "192.0.2.1"]).status == 200
    for name in ("example.org", "badexample.com", "*.org.example", "com.example"):
        assert refused(desk.enroll(subjAltNames=[name]), -1010)
        assert refused(desk.enroll(csr=encoded(csr(dns=[name]))), -1010)


def test_names_in_a_csr_that_is_ignored_do_not_matter() -> None:
    assert Desk(csr_names="ignore").enroll(csr=encoded(csr(dns=["fw.local"]))).status == 200


# --- custom fields, refusals -----------------------------------------------------------------------------------------


def test_custom_fields() -> None:
    desk = Desk({"mandatory_custom_fields": frozenset({"cost"}), "custom_fields": frozenset({"owner"})})
    lacking: list[dict[str, Any]] = [{}, *({"customFields": held} for held in ({}, {"owner": "x"}, {"cost": ""}))]
    for fields in lacking:
        assert refused(desk.enroll(**fields), -62)
    assert refused(desk.enroll(customFields={"cost": "1", "other": "x"}), -64)
    order_id = desk.ordered(customFields={"cost": "1", "owner": "x"})
    assert refused(desk.on("POST", order_id, "renew", {"customFields": {}}), -62)
    assert refused(desk.on("POST", order_id, "renew", {"customFields": {"cost": "1", "other": "x"}}), -64)
    assert desk.on("POST", order_id, "renew", {"comments": "c"}).status == 200


@pytest.mark.parametrize("code", [-36, -107, -180, -170, -843])
def test_an_account_can_be_told_to_refuse(code: int) -> None:
    desk = Desk()
    order_id = desk.ordered()
    desk.accounts["DV"].refusal = (code, "because")
    assert refused(desk.enroll(), code)
    assert refused(desk.on("POST", order_id, "renew"), code)
    assert refused(desk.on("POST", order_id, "replace", {"csr": ONE_LINE}), code)
    assert len(desk.site.orders) == 1
    assert desk.status(order_id) == "Issued"


def test_a_refused_order_is_no_order() -> None:
    desk = Desk()
    wrong: list[dict[str, Any]] = [{"csr": "!"}, {"subjAltNames": ["localhost"]}, {"comments": 5}]
    for fields in wrong:
        assert desk.enroll(**fields).status == 400
    assert desk.site.orders == []
    assert desk.site.orders_for_csr(hashlib.sha256(csr().public_bytes(Encoding.DER)).hexdigest()) == []
