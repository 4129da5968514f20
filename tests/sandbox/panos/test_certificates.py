"""Certificates on the simulated firewall: generate, scope, show, export."""

from __future__ import annotations

import datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    load_pem_private_key,
    pkcs12,
)

from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.keystore import spki
from tests.sandbox.panos.bench import (
    PROFILES,
    SHARED,
    VSYS1,
    Bench,
    Response,
    certificate,
    entry,
    held_key,
    key,
    key_pem,
    pem,
    switched,
)
from tests.sweeps import one_in

UTC = datetime.timezone.utc


# --- generate ------------------------------------------------------------------------------------------------------

KEYS = [("RSA", bits) for bits in (1024, 2048, 3072, 4096)] + [("ECDSA", bits) for bits in (256, 384, 521)]


@pytest.mark.parametrize("digest", one_in(3, ["sha256", "sha384", "sha512", ""]))
@pytest.mark.parametrize(("algorithm", "bits"), KEYS)
def test_every_key_type_gives_a_key_and_a_csr_signed_by_it(algorithm: str, bits: int, digest: str) -> None:
    bench = switched(ecdsa_521="ok")
    xml = f"<{algorithm}><{algorithm.lower()}-nbits>{bits}</{algorithm.lower()}-nbits></{algorithm}>"
    assert bench.generate(algorithm=xml, digest=digest).is_success
    csr = bench.csr()
    public = csr.public_key()
    assert isinstance(public, rsa.RSAPublicKey if algorithm == "RSA" else ec.EllipticCurvePublicKey)
    assert public.key_size == bits
    assert csr.is_signature_valid
    assert csr.signature_hash_algorithm is not None and csr.signature_hash_algorithm.name == (digest or "sha256")
    private = bench.firewall.private_key("vpn-2026", running=False)
    assert private is not None and spki(private) == spki(csr)
    assert entry(bench).findtext("algorithm") == {"RSA": "RSA", "ECDSA": "EC"}[algorithm]


def test_without_a_key_source_the_device_makes_its_own_keys() -> None:
    bench = Bench()
    bench.firewall.key_source = Firewall("fw-2", bench.clock).key_source
    assert bench.generate("a").is_success and bench.generate("b").is_success
    assert len({spki(bench.csr("a")), spki(bench.csr("b")), spki(key(1)), spki(key(2))}) == 4


def test_a_pending_entry_has_a_csr_and_an_encrypted_key_and_no_certificate() -> None:
    bench = Bench()
    assert bench.generate().text == "Successfully generated certificate and key pair for certificate name: vpn-2026"
    node = entry(bench)
    assert [child.tag for child in node] == ["common-name", "csr", "private-key", "algorithm", "ca"]
    assert (node.findtext("common-name"), node.findtext("ca")) == ("vpn.example.com", "no")
    assert (node.findtext("private-key") or "").startswith("-AQ==")
    assert bench.changes() == [("svc", " CREATE", f"{SHARED}/entry[@name='vpn-2026']")]
    assert bench.firewall.certificates(running=True) == {}


def test_the_subject_and_the_alternative_names() -> None:
    bench = Bench()
    assert bench.generate(
        country_code="US", state="UT", locality="Lehi", organization="Acme &amp; Sons", email="a@b.example", ca="no",
        organization_unit="<member>IT</member><member>Ops</member>", digest="sha256", days_till_expiry="90",
        hostname="<member>vpn.example.com</member><member>*.example.com</member>",
        ip="<member>192.0.2.1</member><member>2001:db8::1</member>", alt_email="<member>x@y.example</member>",
    ).is_success  # fmt: skip
    csr = bench.csr()
    assert csr.subject.rfc4514_string() == (
        "1.2.840.113549.1.9.1=a@b.example,CN=vpn.example.com,OU=Ops,OU=IT,O=Acme & Sons,L=Lehi,ST=UT,C=US"
    )
    names = csr.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["vpn.example.com", "*.example.com"]
    assert [str(item) for item in names.get_values_for_type(x509.IPAddress)] == ["192.0.2.1", "2001:db8::1"]
    assert names.get_values_for_type(x509.RFC822Name) == ["x@y.example"]


@pytest.mark.parametrize("hostname", ["", "<member>a.example</member>", "<member>vpn.example.com</member>"])
@pytest.mark.parametrize("cn_in_san", [False, True])
def test_whether_the_device_copies_the_common_name_into_the_alternative_names(cn_in_san: bool, hostname: str) -> None:
    bench = switched(cn_in_san=cn_in_san)
    bench.generate(hostname=hostname)
    given = hostname.replace("<member>", "").replace("</member>", "")
    expected = (
        ([given] if given else [])
        if not cn_in_san
        else list(dict.fromkeys(["vpn.example.com", given or "vpn.example.com"]))
    )
    extensions = list(bench.csr().extensions)
    names = extensions[0].value.get_values_for_type(x509.DNSName) if extensions else []
    assert names == expected


BASE = {"algorithm": "<RSA><rsa-nbits>2048</rsa-nbits></RSA>"}


@pytest.mark.parametrize(
    ("elements", "text"),
    [
        ({"foo": "x"}, "generate -> foo is unexpected"),
        ({"block_private_key": "yes"}, "generate -> block-private-key is unexpected"),
        ({"ocsp_responder_url": "x"}, "generate -> ocsp-responder-url is unexpected"),
        ({"algorithm": "<DSA/>"}, "algorithm -> DSA is unexpected"),
        ({"algorithm": "<RSA><bits>2048</bits></RSA>"}, "RSA -> bits is unexpected"),
        ({"algorithm": "<RSA><rsa-nbits>2000</rsa-nbits></RSA>"}, "RSA -> rsa-nbits is invalid"),
        ({"algorithm": "<RSA><rsa-nbits>8192</rsa-nbits></RSA>"}, "RSA -> rsa-nbits is invalid"),
        ({"algorithm": "<ECDSA><ecdsa-nbits>512</ecdsa-nbits></ECDSA>"}, "ecdsa-nbits is invalid"),
        ({"algorithm": "<RSA/><ECDSA/>"}, "algorithm is invalid"),
        ({"algorithm": "RSA"}, "algorithm is invalid"),
        ({"digest": "sha3"}, "digest is invalid"),
        ({"digest": "sha1"}, "digest is invalid"),
        ({"country_code": "USA"}, "country-code is invalid"),
        ({"country_code": "us"}, "country-code is invalid"),
        ({"organization": "x" * 65}, "organization is invalid"),
        ({"common_name": "x" * 65}, "name is invalid"),
        ({"days_till_expiry": "0"}, "days-till-expiry is invalid"),
        ({"days_till_expiry": "7201"}, "days-till-expiry is invalid"),
        ({"ca": "maybe"}, "ca is invalid"),
        ({"hostname": "a.example"}, "hostname is invalid"),
        ({"hostname": "<member>a b</member>"}, "hostname is invalid"),
        ({"hostname": "<entry>a</entry>"}, "hostname -> entry is unexpected"),
        ({"ip": "<member>300.1.1.1</member>"}, "ip is invalid"),
        ({"email": "nobody"}, "email is invalid"),
        ({"state": "<b>x</b>"}, "state -> b is unexpected"),
        ({"signed_by": "nobody"}, "'nobody' is not a valid reference"),
        ({"name": "x" * 64}, "can be at most 63 characters, but current length: 64"),
        ({"name": "*.example.com"}, "certificate -> *.example.com is invalid"),
        ({"name": "_x"}, "certificate -> _x is invalid"),
        ({"name": "a/b"}, "certificate -> a/b is invalid"),
        ({"name": "a'b"}, "certificate -> a'b is invalid"),
        ({"name": ""}, "certificate-name is invalid"),
        ({"common_name": ""}, "generate -> name is invalid"),
    ],
)
def test_a_wrong_generate_command_has_code_17_and_makes_nothing(elements: dict[str, str], text: str) -> None:
    bench = Bench()
    refused = bench.generate(**elements)
    assert (refused.root.get("status"), refused.code) == ("error", "17")
    assert text in refused.text
    assert bench.changes() == []


@pytest.mark.parametrize("tag", ["certificate-name", "name", "algorithm"])
def test_required_and_repeated_elements(tag: str) -> None:
    bench = Bench()
    parts = {"certificate-name": "<certificate-name>a</certificate-name>", "name": "<name>b</name>",
             "algorithm": "<algorithm><RSA><rsa-nbits>2048</rsa-nbits></RSA></algorithm>"}  # fmt: skip
    shell = "<request><certificate><generate>{}</generate></certificate></request>"
    without = bench.op(shell.format("".join(xml for other, xml in parts.items() if other != tag)))
    assert without.code == "17" and f"is missing '{tag}'" in without.text
    twice = bench.op(shell.format("".join(parts.values()) + parts[tag]))
    assert twice.code == "17" and f"{tag} is unexpected" in twice.text
    assert bench.op(shell.format("x" + "".join(parts.values()))).code == "17"


def test_a_name_of_63_characters_is_the_longest() -> None:
    assert Bench().generate("x" * 63).is_success


@pytest.mark.parametrize(
    "elements",
    [
        {"algorithm": "<RSA><rsa-nbits>512</rsa-nbits></RSA>"},
        {"digest": "md5", **BASE},
        {"digest": "sha1", **BASE},
    ],
)
def test_keys_and_digests_that_nothing_here_can_make(elements: dict[str, str]) -> None:
    refused = Bench().generate(**elements)
    assert refused.summary == ("error", None, "Unsupported digest or keys used in FIPS-CC mode")


def test_switches_of_generate() -> None:
    p521 = "<ECDSA><ecdsa-nbits>521</ecdsa-nbits></ECDSA>"
    assert Bench().generate(algorithm=p521).code == "17", "no device is known to offer it"
    alt_email = "<member>a@b.example</member>"
    assert "alt-email is unexpected" in switched(alt_email="unexpected").generate(alt_email=alt_email).text
    plain = switched(generate_answer="result_text").generate()
    assert (plain.root.findtext("result") or "").startswith("Successfully generated certificate and key pair")
    dotted = switched(dots_in_names="dropped")
    assert dotted.generate("www.example.com").is_success
    assert list(dotted.firewall.certificates(running=False)) == ["wwwexamplecom"]
    assert dotted.upload("www.example.com", pem(certificate(dotted.csr("wwwexamplecom")))).is_success
    assert Bench().generate("www.example.com").is_success


def test_an_existing_name_is_an_error_or_overwritten() -> None:
    bench = Bench()
    bench.enroll()
    before = held_key(bench)
    refused = bench.generate()
    assert refused.summary == ("error", None, "Certificate name vpn-2026 already exists")
    assert held_key(bench) == before
    bench = switched(generate_existing="overwrite")
    issued = bench.enroll()
    assert bench.generate().is_success
    assert entry(bench).find("public-key") is None
    assert spki(bench.csr()) != spki(issued)


def test_the_device_signs_itself_where_nobody_else_is_to() -> None:
    bench = Bench()
    assert bench.generate("root", common_name="Root", ca="yes", signed_by="", days_till_expiry="10").is_success
    root = bench.firewall.certificates(running=False)["root"].leaf
    assert root is not None and root.issuer == root.subject
    root.verify_directly_issued_by(root)
    assert root.not_valid_after_utc - root.not_valid_before_utc == datetime.timedelta(days=10)
    assert bench.generate("leaf", signed_by="root", hostname="<member>a.example</member>").is_success
    leaf = bench.firewall.certificates(running=False)["leaf"].leaf
    assert leaf is not None
    leaf.verify_directly_issued_by(root)
    assert bench.generate("x", signed_by="leaf").code == "17", "only a CA can sign"
    assert bench.generate("ca-csr", ca="yes").is_success
    constraints = bench.csr("ca-csr").extensions.get_extension_for_class(x509.BasicConstraints).value
    assert constraints.ca


# --- scope ---------------------------------------------------------------------------------------------------------


def test_the_vsys_parameter_picks_the_scope() -> None:
    bench = Bench()
    assert bench.generate(vsys="vsys1").is_success
    parent = f"{VSYS1}/certificate"
    assert bench.config("get", f"{SHARED}/entry").code == "7"
    csr = bench.csr(parent=parent)
    assert bench.upload("vpn-2026", pem(certificate(csr)), vsys="vsys1").is_success
    assert entry(bench, parent=parent).find("public-key") is not None
    assert export(bench, "pem", vsys="vsys1").is_success_or_file
    assert b"Failed to prepare certificate" in export(bench, "pem").body
    shown = bench.op("<request><certificate><show/></certificate></request>", vsys="vsys1")
    assert [node.get("name") for node in shown.root.findall("result/entry")] == ["vpn-2026"]
    assert list(bench.firewall.certificates(running=False, vsys="vsys1")) == ["vpn-2026"]
    for wrong in ("vsys2", "shared", "VSYS1"):
        assert bench.generate("x", vsys=wrong).code == "400"
        assert bench.upload("x", pem(certificate(key())), vsys=wrong).code == "400"
        assert b"code = '400'" in export(bench, "pem", vsys=wrong).body


def test_vsys_shared_by_switch_and_a_second_vsys() -> None:
    bench = switched(vsys_shared=True)
    assert bench.generate(vsys="shared").is_success
    assert bench.upload("vpn-2026", pem(certificate(bench.csr())), vsys="shared").is_success
    assert Bench(multi_vsys=True).generate(vsys="vsys2").is_success


# --- revoked, show -------------------------------------------------------------------------------------------------


def test_revoked_on_the_box_until_a_new_certificate_comes() -> None:
    bench = Bench()
    bench.enroll()
    bench.partial()
    bench.firewall.mark_revoked("vpn-2026")
    node = entry(bench)
    assert node.findtext("status") == "revoked"
    assert node.findtext("revoke-date-epoch") == str(int(bench.clock.now().timestamp()))
    assert bench.changes() == [], "revoking is no pending change"
    assert bench.firewall.certificates(running=True)["vpn-2026"].is_revoked
    bench.upload("vpn-2026", pem(certificate(bench.csr(), days=150)))
    assert entry(bench).find("status") is None


def test_request_certificate_show_is_flat_and_without_pem() -> None:
    bench = switched(certificate_show_expiry="true")
    issued = bench.enroll()
    bench.generate("pending")
    shown = bench.op("<request><certificate><show/></certificate></request>")
    first, second = shown.root.findall("result/entry")
    values = {child.tag: child.text for child in first}
    assert set(values) == {"common-name", "subject", "issuer", "subject-hash", "issuer-hash", "ca", "not-valid-before",
                           "not-valid-after", "expiry"}  # fmt: skip
    assert values["expiry"] == str(int(issued.not_valid_after_utc.timestamp()))
    assert second.get("name") == "pending" and second.find("expiry") is None
    assert b"BEGIN" not in shown.answer.body and b"-AQ==" not in shown.answer.body
    shell = "<request><certificate><show><certificate-name>{}</certificate-name></show></certificate></request>"
    assert len(bench.op(shell.format("pending")).root.findall("result/entry")) == 1
    assert bench.op(shell.format("none")).code == "7"


# --- export --------------------------------------------------------------------------------------------------------


class Exported:
    def __init__(self, response: Response) -> None:
        self.answer = response.answer
        self.body = response.answer.body
        self.is_success_or_file = self.answer.content_type == "application/octet-stream"


def export(bench: Bench, form: str, certificate_name: str = "vpn-2026", **more: str) -> Exported:
    fields = {"type": "export", "category": "certificate", "certificate-name": certificate_name, "format": form,
              "include-key": "no", **more}  # fmt: skip
    return Exported(bench.ask(**fields))


def test_export_of_the_csr_and_of_the_certificate() -> None:
    bench = Bench()
    bench.generate("VPN-2026")
    exported = export(bench, "pkcs10", "VPN-2026")
    assert x509.load_pem_x509_csr(exported.body) == bench.csr("VPN-2026")
    assert exported.answer.content_type == "application/octet-stream"
    assert exported.answer.headers == {"Content-Disposition": "attachment; filename=vpn-2026.csr"}
    assert b"has no certificate" in export(bench, "pem", "VPN-2026").body
    issued = certificate(bench.csr("VPN-2026"))
    bench.upload("VPN-2026", pem(issued))
    exported = export(bench, "pem", "VPN-2026")
    assert x509.load_pem_x509_certificate(exported.body) == issued and b"PRIVATE" not in exported.body
    assert exported.answer.headers == {"Content-Disposition": "attachment; filename=vpn-2026.pem"}


def test_an_exported_key_is_encrypted() -> None:
    bench = Bench()
    bench.enroll()
    given = {"include-key": "yes", "passphrase": "s3cret"}
    exported = export(bench, "pem", **given).body
    assert b"BEGIN ENCRYPTED PRIVATE KEY" in exported and b"BEGIN PRIVATE KEY" not in exported
    assert spki(load_pem_private_key(exported, b"s3cret")) == held_key(bench)
    bundle = pkcs12.load_pkcs12(export(bench, "pkcs12", **given).body, b"s3cret")
    assert spki(bundle.key) == held_key(bench)
    assert pkcs12.load_pkcs12(export(bench, "pkcs12", passphrase="x").body, b"x").key is None


@pytest.mark.parametrize(
    ("changed", "text"),
    [
        ({"category": ""}, "Missing value for parameter &quot;category&quot;."),
        ({"category": "software"}, "Illegal value for parameter &quot;category&quot; [software]. Legal values: certificate, configuration."),
        ({"certificate-name": ""}, "Parameter &quot;certificate-name&quot; is required while exporting certificate"),
        ({"format": ""}, "Parameter &quot;format&quot; is required while exporting certificate"),
        ({"format": "der"}, "Illegal value for parameter &quot;format&quot; [der]."),
        ({"include-key": "", "include-keys": "no"},
         "Parameter &quot;include-key&quot; is required while exporting certificate"),
        ({"include-key": "maybe"}, "Illegal value for parameter &quot;include-key&quot; [maybe]."),
        ({"include-key": "yes"}, "Parameter &quot;passphrase&quot; is required while exporting certificate"),
        ({"format": "pkcs10", "include-key": "yes"}, "Illegal value for parameter &quot;include-key&quot; [yes]."),
    ],
)  # fmt: skip
def test_parameters_of_an_export(changed: dict[str, str], text: str) -> None:
    bench = Bench()
    bench.enroll()
    form = changed.pop("format") if "format" in changed else "pem"
    assert (
        f"<response status = 'error' code = '400'><result><msg>{text}" in export(bench, form, **changed).body.decode()
    )


def test_export_of_what_is_not_there() -> None:
    bench = Bench()
    bench.firewall.install_certificate("keyless", certificate(key()))
    assert b"Failed to prepare certificate" in export(bench, "pem", "none").body
    assert b"Failed to prepare certificate" in export(bench, "pkcs10", "keyless").body
    given = {"include-key": "yes", "passphrase": "x"}
    assert b"has no private key" in export(bench, "pem", "keyless", **given).body


def test_no_answer_ever_holds_a_private_key_in_clear() -> None:
    bench = Bench()
    bench.enroll()
    clear = key_pem(key(1)).split(b"\n")[1][:40]
    answers = [
        bench.config("get", "/config").answer.body,
        bench.partial().answer.body,
        bench.config("show", "/config").answer.body,
        bench.config("get", f"{SHARED}/entry[@name='vpn-2026']/private-key").answer.body,
        export(bench, "pem").body,
        export(bench, "pem", **{"include-key": "yes", "passphrase": "x"}).body,
        bench.config("get", PROFILES).answer.body,
    ]
    assert all(clear not in body and b"BEGIN PRIVATE KEY" not in body for body in answers)
    assert b"-AQ==" in answers[0] and b"-AQ==" in answers[2]
