"""Imports into the simulated firewall."""

from __future__ import annotations

import datetime
import shutil
import subprocess

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from paloaltofw.sandbox.panos.keystore import spki
from paloaltofw.sandbox.panos.x509_texts import name_hash, openssl_date, subject_text
from tests.sandbox.panos.bench import (
    SVC,
    Bench,
    certificate,
    entry,
    headers,
    held_key,
    key,
    key_pem,
    multipart,
    name,
    pem,
    switched,
)

UTC = datetime.timezone.utc


# --- import --------------------------------------------------------------------------------------------------------


def test_the_signed_certificate_finishes_the_entry() -> None:
    bench = Bench()
    bench.generate()
    before = entry(bench).findtext("private-key")
    subject = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SK"), *name("vpn.example.com")])
    start = datetime.datetime(2025, 12, 9, 19, 24, 8, tzinfo=UTC)
    issued = certificate(bench.csr(), subject, start, days=151)
    done = bench.upload("vpn-2026", pem(issued))
    assert done.answer.body == (
        b'<response status="success"><result>Successfully imported vpn-2026 into candidate configuration</result></response>'
    )
    fields = {child.tag: child.text or "" for child in entry(bench)}
    assert fields["not-valid-before"] == "Dec  9 19:24:08 2025 GMT"
    assert fields["not-valid-after"] == "May  9 19:24:08 2026 GMT"
    assert fields["expiry-epoch"] == str(int(issued.not_valid_after_utc.timestamp()))
    assert x509.load_pem_x509_certificate(fields["public-key"].encode()) == issued
    assert (fields["common-name"], fields["subject"], fields["issuer"]) == ("vpn.example.com",) * 2 + ("Bench CA",)
    assert (fields["algorithm"], fields["ca"]) == ("EC", "no")
    assert fields["private-key"] == before and "csr" in fields
    assert len(fields["subject-hash"]) == len(fields["issuer-hash"]) == 8


@pytest.mark.parametrize(
    ("form", "subject"),
    [("bare", "www.example.com"), ("slash", "/C=SK/CN=www.example.com"), ("spaced", "C = SK, CN = www.example.com")],
)
def test_forms_of_the_subject(form: str, subject: str) -> None:
    bench = switched(subject_form=form)
    full = x509.Name([x509.NameAttribute(NameOID.COUNTRY_NAME, "SK"), *name("www.example.com")])
    assert bench.upload("x", pem(certificate(key(), full))).is_success
    assert entry(bench, "x").findtext("subject") == subject


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl to compare with")
@pytest.mark.parametrize("common_name", ["www.example.com", "  Acme   Root  CA ", "ŽLTÝ Kôň"])
def test_the_hashes_are_those_of_openssl(common_name: str) -> None:
    subject = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "SK"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Example Ltd"),
            x509.NameAttribute(NameOID.EMAIL_ADDRESS, "A@b.example"),
            *name(common_name),
        ]
    )
    command = ["openssl", "x509", "-noout", "-hash"]
    done = subprocess.run(command, input=pem(certificate(key(), subject)), capture_output=True, check=True)
    assert name_hash(subject) == done.stdout.decode().strip()


def test_a_name_without_common_name_and_the_padded_day() -> None:
    assert subject_text(x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, "O")]), "bare") == "/O=O"
    assert openssl_date(datetime.datetime(2025, 5, 9, 19, 24, 8)) == "May  9 19:24:08 2025 GMT"
    assert openssl_date(datetime.datetime(2025, 12, 19, 1, 4, 8)) == "Dec 19 01:04:08 2025 GMT"


@pytest.mark.parametrize("kept", [True, False])
def test_whether_the_csr_stays_is_a_switch(kept: bool) -> None:
    bench = switched(csr_kept_after_import=kept)
    bench.enroll()
    assert (entry(bench).find("csr") is not None) is kept


@pytest.mark.parametrize("text", ["Mismatched public and private keys.", "another text"])
def test_a_certificate_for_another_key_is_refused(text: str) -> None:
    bench = switched(mismatch_text=text)
    bench.generate()
    strange = pem(certificate(key(55)))
    refused = bench.upload("vpn-2026", strange)
    assert refused.summary == ("error", None, f"Import of vpn-2026 failed. {text}")
    assert bench.upload("vpn-2026", pem(certificate(bench.csr()))).is_success
    assert not bench.upload("vpn-2026", strange).is_success, "a finished entry with a key is as strict"


def test_a_finished_entry_may_take_a_mismatch_by_switch_but_a_pending_one_never() -> None:
    bench = switched(reimport_mismatch="accepted")
    bench.generate()
    strange = certificate(key(55))
    assert not bench.upload("vpn-2026", pem(strange)).is_success
    issued = certificate(bench.csr())
    assert bench.upload("vpn-2026", pem(issued)).is_success
    assert bench.upload("vpn-2026", pem(strange)).is_success
    held = bench.firewall.private_key("vpn-2026", running=False)
    assert held is not None and spki(held) == spki(issued) != spki(strange)
    assert bench.job(bench.partial().job).findtext("result") == "OK", "the commit does not protect"


def test_renewal_with_the_same_key_overwrites_and_keeps_the_key() -> None:
    bench = Bench()
    bench.enroll()
    bench.partial()
    renewed = certificate(bench.csr(), days=200)
    assert bench.upload("vpn-2026", pem(renewed)).is_success
    assert bench.firewall.certificates(running=False)["vpn-2026"].leaf == renewed
    assert bench.firewall.running_certificate("vpn-2026") != renewed
    changed = {child.tag for child in entry(bench) if child.get("dirtyId")}
    assert {"public-key", "not-valid-after"} <= changed and "private-key" not in changed


def test_importing_the_same_again_is_no_change() -> None:
    bench = Bench()
    issued = bench.enroll()
    bench.partial()
    assert bench.upload("vpn-2026", pem(issued)).is_success
    assert bench.changes() == [] and not entry(bench).get("dirtyId")
    pair = pem(issued) + key_pem(key(1))
    assert bench.upload("vpn-2026", pair, category="keypair", passphrase="x").is_success
    assert bench.changes() == []


@pytest.mark.parametrize("is_ca", [True, False])
@pytest.mark.parametrize("mode", ["accepted", "refused_leaf"])
def test_a_certificate_under_a_new_name_becomes_a_keyless_entry(mode: str, is_ca: bool) -> None:
    bench = switched(keyless_import=mode)
    done = bench.upload("intermediate", pem(certificate(key(), is_ca=is_ca)))
    if mode == "refused_leaf" and not is_ca:
        assert done.text == "Import of intermediate failed. private key doesn't exist for csr"
        assert bench.changes() == []
        return
    node = entry(bench, "intermediate")
    assert not bench.firewall.certificates(running=False)["intermediate"].has_key
    assert node.find("private-key") is None and node.findtext("ca") == ("yes" if is_ca else "no")
    again = certificate(key(5), is_ca=is_ca)
    assert bench.upload("intermediate", pem(again)).is_success
    assert bench.firewall.certificates(running=False)["intermediate"].leaf == again


@pytest.mark.parametrize("mode", ["leaf_only", "whole"])
def test_how_a_bundle_is_stored(mode: str) -> None:
    bench = switched(bundle=mode)
    bench.generate()
    leaf, upper = certificate(bench.csr()), certificate(key(5), name("Upper"), is_ca=True)
    assert "Mismatched" in bench.upload("vpn-2026", pem(upper, leaf)).text
    assert bench.upload("vpn-2026", pem(leaf, upper)).is_success
    held = bench.firewall.certificates(running=False)["vpn-2026"].certificates
    assert held == ((leaf, upper) if mode == "whole" else (leaf,))


def test_expired_and_unreadable_files() -> None:
    bench = Bench()
    bench.generate()
    old = certificate(bench.csr(), start=datetime.datetime(2025, 1, 1, tzinfo=UTC))
    assert bench.upload("vpn-2026", pem(old)).text == "Import of vpn-2026 failed. Certificate is expired"
    broken = pem(old).replace(b"M", b"%")
    for garbage in (b"", b"garbage", broken, key_pem(key())):
        refused = bench.upload("vpn-2026", garbage)
        assert refused.summary == ("error", None, "Import of vpn-2026 failed. Failed to extract certificate")
    edge = certificate(bench.csr(), start=bench.clock.now() - datetime.timedelta(days=90))
    assert "expired" in bench.upload("vpn-2026", pem(edge)).text
    assert bench.changes()[0][1] == " CREATE" and entry(bench).find("public-key") is None


def test_names_of_imports() -> None:
    bench = Bench()
    file = pem(certificate(key()))
    long = bench.upload("x" * 64, file)
    assert long.code == "17" and "at most 63" in long.text
    for bad in ("*.example.com", "_x", "a/b", "a'b"):
        assert bench.upload(bad, file).text == f"Import of {bad} failed. Failed to create xml node."
    assert bench.upload("x" * 63, file).is_success


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"category": ""}, 'Missing value for parameter "category".'),
        (
            {"category": "licence"},
            'Illegal value for parameter "category" [licence]. Legal values: certificate, keypair, private-key.',
        ),
        ({"certificate-name": ""}, 'Parameter "certificate-name" is required while importing certificate'),
        ({"format": ""}, 'Parameter "format" is required while importing certificate'),
        ({"format": "der"}, 'Illegal value for parameter "format" [der].'),
        ({"format": "pkcs12"}, 'Illegal value for parameter "format" [pkcs12].'),
        ({"category": "keypair"}, 'Parameter "passphrase" is required while importing keypair'),
    ],
)
def test_parameters_of_an_import(changed: dict[str, str], text: str) -> None:
    refused = Bench().upload("x", pem(certificate(key())), **changed)
    assert (refused.code, refused.text) == ("400", text)


def test_the_part_must_be_named_file_and_the_boundary_not_quoted() -> None:
    bench = Bench()
    file = pem(certificate(key()))
    for refused in (
        bench.upload("x", file, part="certificate"),
        bench.upload("x", file, quote='"'),
        bench.ask(type="import", category="certificate", certificate_name="x", format="pem", file=file.decode()),
    ):
        assert refused.summary == ("error", "400", 'Missing value for parameter "file".')
    fields = {"type": "import", "category": "certificate", "format": "pem", "certificate-name": "x",
              "key": bench.firewall.api_key("svc")}  # fmt: skip
    content_type, body = multipart(fields, file)
    assert bench.send("POST", "/api/", headers(Content_Type=content_type), body).is_success, "all in fields"


@pytest.mark.parametrize("passphrase", ["", "s3cret"])
@pytest.mark.parametrize("form", ["pem", "pkcs12"])
def test_keypair(form: str, passphrase: str) -> None:
    bench = Bench()
    issued, private = certificate(key(7)), key(7)
    if form == "pem":
        content = key_pem(private, passphrase) + pem(issued)
    else:
        content = pkcs12.serialize_key_and_certificates(
            b"x", private, issued, None, BestAvailableEncryption((passphrase or "any").encode())
        )
    given = {"category": "keypair", "format": form, "passphrase": passphrase or "any"}
    assert bench.upload("pair", content, **given).is_success
    assert held_key(bench, "pair") == spki(private)
    if passphrase or form == "pkcs12":
        assert not bench.upload("other", content, **{**given, "passphrase": "wrong"}).is_success
    other = key_pem(key(8)) + pem(issued)
    mismatch = bench.upload("pair", other, category="keypair", passphrase="x")
    assert mismatch.text == "Import of certificate and private-key pair failed. Mismatched public and private keys."
    keyless = bench.upload("pair", pem(issued), category="keypair", passphrase="x")
    assert keyless.text == "Import of certificate and private-key pair failed. private key doesn't exist for csr"


@pytest.mark.parametrize("mode", ["error", "accepted"])
def test_private_key_to_an_existing_certificate(mode: str) -> None:
    bench = switched(reimport_mismatch=mode)
    given = {"category": "private-key", "passphrase": "x"}
    assert "certificate doesn't exist" in bench.upload("x", key_pem(key(7)), **given).text
    bench.upload("x", pem(certificate(key(7))))
    assert "Failed to extract private key" in bench.upload("x", b"garbage", **given).text
    assert bench.upload("x", key_pem(key(7)), **given).is_success
    other = bench.upload("x", key_pem(key(8)), **given)
    assert other.is_success is (mode == "accepted")
    assert held_key(bench, "x") == spki(key(8 if mode == "accepted" else 7))


@pytest.mark.parametrize("boundary", ["a/b+c==", "_" * 16 + "A/+9==", "plain", "with.dots:and=signs"])
def test_any_bare_boundary_is_taken_and_a_quoted_one_never(boundary: str) -> None:
    for quoting, is_taken in (("", True), ('"', False)):
        bench = Bench()
        body = multipart({}, pem(certificate(key())))[1].replace(b"00000000000000000000000000000007", boundary.encode())
        head = headers(
            Content_Type=f"multipart/form-data; boundary={quoting}{boundary}{quoting}",
            X_PAN_KEY=bench.firewall.api_key(SVC),
        )
        target = "/api/?type=import&category=certificate&certificate-name=c&format=pem"
        assert bench.send("POST", target, head, body).is_success is is_taken
