"""Who uses a certificate: every row of the table of reference kinds, against the simulated device and its own refusal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from paloaltofw.errors import InvalidAnswer
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import DEVICE
from paloaltofw.panos.reference_kinds import CERTIFICATE_KINDS, PROFILE_KINDS
from paloaltofw.panos.references import ReferenceSearch
from paloaltofw.sandbox.base.https import Answer, Request
from tests.panos.bench import KEY, client, error, xml
from tests.sandbox.panos.bench import SVC, Bench, certificate, key

VSYS = f"{DEVICE}/vsys/entry[@name='vsys2']"
SHARED = "/config/shared"
# What stands directly in the entries that use something.
USING = {kind.leaf.partition("/")[0] for kind in CERTIFICATE_KINDS if kind.owner}


def nested(path: str, inner: str) -> str:
    """Elements from `a/entry[x]/b`, around what is innermost."""
    for part in reversed(path.split("/")):
        tag, _, name = part.partition("[")
        attribute = f' name="{name[:-1]}"' if name else ""
        inner = f"<{tag}{attribute}>{inner}</{tag}>"
    return inner


# kind, where its base is, the path below it with names, and what must be told.
USERS: list[tuple[str, str, str, str]] = [
    ("SSL/TLS service profile", SHARED, "ssl-tls-service-profile/entry[P]/certificate", "SSL/TLS service profile P"),
    ("SSL/TLS service profile", VSYS, "ssl-tls-service-profile/entry[P]/certificate", "SSL/TLS service profile P (vsys2)"),
    ("IKE gateway", DEVICE, "network/ike/gateway/entry[gw 1]/authentication/certificate/local-certificate/name", "IKE gateway gw 1"),
    ("decryption, forward trust", SHARED, "ssl-decrypt/forward-trust-certificate/rsa", "decryption, forward trust"),
    ("decryption, forward trust", VSYS, "ssl-decrypt/forward-trust-certificate/ecdsa", "decryption, forward trust (vsys2)"),
    ("decryption, forward untrust", VSYS, "ssl-decrypt/forward-untrust-certificate/rsa", "decryption, forward untrust (vsys2)"),
    ("decryption, trusted root CAs", SHARED, "ssl-decrypt/trusted-root-CA/member", "decryption, trusted root CAs"),
    ("decryption rule", VSYS, "rulebase/decryption/rules/entry[in]/type/ssl-inbound-inspection", "decryption rule in (vsys2)"),
    ("decryption rule", VSYS, "rulebase/decryption/rules/entry[in]/type/ssl-inbound-inspection/certificates/member", "decryption rule in (vsys2)"),
    ("certificate profile", SHARED, "certificate-profile/entry[clients]/CA/entry[dv]", "certificate profile clients"),
    ("certificate profile", VSYS, "certificate-profile/entry[clients]/CA/entry[dv]", "certificate profile clients (vsys2)"),
    ("certificate profile", SHARED, "certificate-profile/entry[c]/CA/entry[other]/ocsp-verify-cert", "certificate profile c"),
    ("SAML identity provider", SHARED, "server-profile/saml-idp/entry[idp]/certificate", "SAML identity provider idp"),
    ("authentication profile", VSYS, "authentication-profile/entry[a]/method/saml-idp/request-signing-certificate", "authentication profile a (vsys2)"),
    ("GlobalProtect portal", VSYS, "global-protect/global-protect-portal/entry[p]/client-config/configs/entry[c]/authentication-override/cookie-encrypt-decrypt-cert", "GlobalProtect portal p (vsys2)"),
    ("GlobalProtect portal", VSYS, "global-protect/global-protect-portal/entry[p]/client-config/root-ca/entry[dv]", "GlobalProtect portal p (vsys2)"),
    ("GlobalProtect gateway", VSYS, "global-protect/global-protect-gateway/entry[g]/remote-user-tunnel-configs/entry[t]/authentication-override/cookie-encrypt-decrypt-cert", "GlobalProtect gateway g (vsys2)"),
    ("secure communication", DEVICE, "deviceconfig/system/secure-conn-client/certificate-type/local/certificate", "secure communication"),
    ("secure communication", DEVICE, "deviceconfig/setting/management/secure-conn-client/certificate-type/local/certificate", "secure communication"),
    ("secure syslog", DEVICE, "deviceconfig/system/syslog-certificate", "secure syslog"),
    ("API key certificate", DEVICE, "deviceconfig/setting/management/api/key/certificate", "API key certificate"),
]  # fmt: skip


def served(bench: Bench, base: str, path: str) -> None:
    """Let something use the certificate `dv`, as if it had always been so."""
    head, _, rest = path.partition("/")
    bench.firewall.install(f"{base}/{head}", nested(rest, "" if path.endswith("entry[dv]") else "dv") if rest else "dv")


@contextmanager
def device(tmp_path: Path, answers: Any = None) -> Iterator[tuple[Bench, PanosClient]]:
    """A device with two vsys and the certificate dv in shared, and a client for it; `answers` may come in between."""
    bench = Bench(multi_vsys=True)
    bench.firewall.install_certificate("dv", certificate(key(0)), key(0))
    bench.firewall.admins._by_name[SVC].keys[KEY] = bench.clock.now()

    def handle(request: Request) -> Answer:
        other = answers(request.body.decode()) if answers else None
        return other or bench.site.handle(request)

    with client(tmp_path, handle) as (panos, _, _):
        yield bench, panos


@pytest.mark.parametrize(("kind", "base", "path", "told"), USERS)
def test_every_user_is_found_by_its_name_and_the_device_knows_it_too(
    tmp_path: Path, kind: str, base: str, path: str, told: str
) -> None:
    with device(tmp_path) as (bench, panos):
        assert ReferenceSearch(panos).usage(["dv"]).references == ()
        served(bench, base, path)
        usage = ReferenceSearch(panos).usage(["dv"])
        assert [str(item) for item in usage.references] == [told]
        assert {item.kind for item in usage.references} == {kind}
        assert usage.untold == ()
        refused = bench.config("delete", f"{SHARED}/certificate/entry[@name='dv']")
        assert refused.code == "10" and not refused.is_success


def test_the_table_of_users_holds_every_kind() -> None:
    assert {kind for kind, *_ in USERS} == {kind.words for kind in CERTIFICATE_KINDS}


def test_no_answer_holds_more_of_a_user_than_the_names_that_it_uses(tmp_path: Path) -> None:
    """Neither private keys nor what else stands in the same entries, pre-shared keys among them."""
    canary, seen = "-AQ==pre-shared-canary", []
    with device(tmp_path) as (bench, panos):
        for _, base, path, _ in USERS:
            served(bench, base, path)
        for root in (bench.firewall.configuration.running, bench.firewall.configuration.candidate):
            owners = [node for kind in CERTIFICATE_KINDS if kind.owner for node in root.iter() if node.tag == "entry"]
            for owner in owners:
                if any(child.tag in USING for child in owner):
                    owner.append(fromstring(f"<pre-shared-key><key>{canary}</key></pre-shared-key>"))
        handle = bench.site.handle

        def note(request: Request) -> Answer:
            answer = handle(request)
            seen.append(answer.body)
            return answer

        bench.site.handle = note  # type: ignore[method-assign]  # an observer
        assert len(ReferenceSearch(panos).usage(["dv"]).references) > 15
        ReferenceSearch(panos, PROFILE_KINDS).usage(["P"])
    assert len(seen) > 40
    assert not any(canary.encode() in body or b"private-key" in body for body in seen)


def test_a_user_of_a_vsys_means_the_entry_of_its_own_vsys_or_of_shared(tmp_path: Path) -> None:
    with device(tmp_path) as (bench, panos):
        served(bench, VSYS, "ssl-tls-service-profile/entry[P]/certificate")
        usage = ReferenceSearch(panos).usage(["dv"])
        assert [len(usage.of("dv", scope)) for scope in ("shared", "vsys1", "vsys2")] == [1, 0, 1]
        assert usage.of("other", "shared") == ()


@pytest.mark.parametrize("code", [6, 12, 16, 17, None])
def test_what_the_device_refuses_to_tell_is_not_called_unused(tmp_path: Path, code: int | None) -> None:
    def answers(body: str) -> Answer | None:
        return xml(error(code, "Bad xpath")) if "gateway" in body and "global" not in body else None

    with device(tmp_path, answers) as (bench, panos):
        served(bench, SHARED, "ssl-decrypt/trusted-root-CA/member")
        usage = ReferenceSearch(panos).usage(["dv"])
        assert usage.untold == ("IKE gateway",)
        assert [item.kind for item in usage.references] == ["decryption, trusted root CAs"]


def test_what_cannot_be_read_is_raised(tmp_path: Path) -> None:
    incomplete = (
        '<response status="success" code="19"><result total-count="2" count="2"><name>x</name></result></response>'
    )
    for text in ("<html>login</html>", incomplete):
        with (
            device(tmp_path, lambda body, text=text: xml(text) if "gateway" in body else None) as (_, panos),
            pytest.raises(InvalidAnswer),
        ):
            ReferenceSearch(panos).usage(["dv"])


def test_a_user_whose_name_cannot_be_had_is_one_all_the_same(tmp_path: Path) -> None:
    def answers(body: str) -> Answer | None:
        return xml(error(7, "")) if "gateway%2Fentry%2F%40name" in body else None

    with device(tmp_path, answers) as (bench, panos):
        served(bench, DEVICE, "network/ike/gateway/entry[gw]/authentication/certificate/local-certificate/name")
        assert [str(item) for item in ReferenceSearch(panos).usage(["dv"]).references] == ["IKE gateway"]


def test_each_kind_and_place_is_one_request_and_others_are_remembered(tmp_path: Path) -> None:
    asked: list[str] = []
    with device(tmp_path, lambda body: asked.append(body)) as (_, panos):
        search = ReferenceSearch(panos)
        search.usage(["dv"])
        assert len(asked) == sum(len(kind.places) for kind in CERTIFICATE_KINDS)
        asked.clear()
        search.usage(["dv-2"])
        assert len(asked) == 2, "the SSL/TLS service profiles of shared and of the vsys"
