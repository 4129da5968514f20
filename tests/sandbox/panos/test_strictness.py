"""What a device refuses or does against a client's hopes, where a simulation would like to be kind (panos.md §1 to §11)."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from cryptography import x509

from paloaltofw.sandbox.panos.answers import PanosError
from paloaltofw.sandbox.panos.device import Role
from tests.sandbox.panos.bench import (
    ALICE,
    PROFILES,
    SHARED,
    SVC,
    SYSTEM,
    VSYS1,
    Bench,
    certificate,
    key,
    name,
    pem,
    profiled,
    switched,
)

ADDRESSES = f"{VSYS1}/address"
ALICES = "<entry name='alices'><fqdn>x.example</fqdn></entry>"


# --- whose changes they are ----------------------------------------------------------------------------------------


def test_an_edit_of_a_parent_takes_over_what_others_changed_below_it() -> None:
    bench = Bench()
    bench.config("set", ADDRESSES, ALICE, element=ALICES)
    whole = bench.config("get", ADDRESSES).root.find("result/address")
    assert whole is not None
    inside = "".join(
        f"<entry name='{e.get('name')}'><fqdn>{e.findtext('fqdn') or 'y.example'}</fqdn></entry>" for e in whole
    )
    assert bench.config("edit", ADDRESSES, element=f"<address>{inside}</address>").is_success
    assert bench.partial().job
    assert bench.changes() == [], "alice's change went along"


@pytest.mark.parametrize("action", ["set", "edit"])
def test_a_narrow_write_takes_over_nothing(action: str) -> None:
    bench = Bench()
    bench.config("set", ADDRESSES, ALICE, element=ALICES)
    path, element = f"{ADDRESSES}/entry[@name='web-1']", "<ip-netmask>192.0.2.77/32</ip-netmask>"
    path, element = (path, element) if action == "set" else (f"{path}/ip-netmask", element)
    assert bench.config(action, path, element=element).is_success
    assert bench.partial().job
    assert [change[0] for change in bench.changes()] == [ALICE]


def test_pending_changes_over_report_until_a_commit_or_a_revert() -> None:
    def said(bench: Bench) -> str:
        return bench.op("<check><pending-changes/></check>").text

    bench = Bench()
    assert said(bench) == "no"
    for banner in ("x", None):
        path = f"{SYSTEM}/login-banner"
        bench.config("delete", path) if banner is None else bench.config(
            "set", SYSTEM, element=f"<login-banner>{banner}</login-banner>"
        )
    assert (bench.changes(), said(bench)) == ([], "yes")
    bench.generate()
    assert bench.partial().job
    assert said(bench) == "no"
    bench.generate("other")
    assert said(bench) == "yes"
    bench.op(f"<revert><config><partial><admin><member>{SVC}</member></admin></partial></config></revert>")
    assert said(bench) == "no"


# --- commits -------------------------------------------------------------------------------------------------------

NESTED = "<commit><force><partial><admin><member>svc</member></admin></partial></force></commit>"
BESIDE = "<commit><partial><admin><member>svc</member></admin></partial><force/></commit>"
BESIDE_FIRST = "<commit><force/><partial><admin><member>svc</member></admin></partial></commit>"


@pytest.mark.parametrize(
    ("position", "command", "is_taken"),
    [("refused", NESTED, False), ("refused", BESIDE, False), ("refused", BESIDE_FIRST, False),
     ("nested", NESTED, True), ("nested", BESIDE, False), ("nested", BESIDE_FIRST, False)],
)  # fmt: skip
def test_a_forced_commit_is_not_a_partial_one(position: str, command: str, is_taken: bool) -> None:
    bench = switched(forced_partial=position)
    bench.generate()
    answer = bench.commit(command)
    assert answer.is_success is is_taken
    assert is_taken or (answer.code == "17" and bench.firewall.commits == [])


def test_a_full_commit_alone_ends_what_a_load_began_even_without_changes() -> None:
    bench = Bench()
    bench.op("<load><config><from>running-config.xml</from></config></load>")
    assert bench.commit("<commit/>").job
    bench.generate()
    assert bench.partial().job


@pytest.mark.parametrize("form", ["details", "p2done"])
def test_the_form_of_a_job(form: str) -> None:
    bench = switched(commit_seconds=5, job_form=form)
    bench.generate()
    number = bench.partial().job
    assert (bench.job(number).findtext("result"), bench.job(number).findtext("p2done")) == (
        "PEND",
        None if form == "details" else "no",
    )
    bench.clock.advance(5)
    good = bench.job(number)
    assert (good.findtext("status"), good.findtext("result")) == ("FIN", "OK")
    assert (good.find("details") is None, good.findtext("p2done")) == (
        (False, None) if form == "details" else (True, "yes")
    )
    nameless = certificate(key(5), subject=x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "O")]))
    bench.upload("n", pem(nameless))
    number = bench.partial().job
    bench.clock.advance(5)
    assert "is missing 'common-name'" in "".join(bench.job(number).itertext()), "a failure says why in either form"


@pytest.mark.parametrize(("form", "status"), [("bad_gateway", 502), ("false_credentials", 403)])
def test_the_api_stumbles_after_a_commit_and_not_before(form: str, status: int) -> None:
    bench = switched(commit_stumbles=2, stumble=form)
    bench.generate()
    validation = bench.commit("<commit><validate/></commit>")
    assert validation.is_success
    assert bench.op("<show><clock/></show>").is_success
    number = bench.partial().job
    for _ in range(2):
        assert bench.op("<show><clock/></show>").answer.status == status
    assert bench.job(number).findtext("result") == "OK"


# --- what is answered to whom --------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [17, 1])
@pytest.mark.parametrize(
    "command", ["<show><foo/></show>", "<foo/>", "<request><certificate><foo/></certificate></request>"]
)
def test_an_unknown_command(code: int, command: str) -> None:
    answer = switched(unknown_command_code=code).op(command)
    assert (answer.code, answer.text.endswith("foo is unexpected")) == (str(code), True)


def test_a_wrong_element_of_a_known_command_is_no_unknown_command() -> None:
    bench = switched(unknown_command_code=1)
    assert bench.generate(foo="x").code == "17"
    assert bench.commit("<commit><foo/></commit>").code == "17"


@pytest.mark.parametrize(
    ("switches", "status", "code", "text"),
    [({}, 200, "16", "Unauthorized request"), ({"role_denial_http_status": 403}, 403, "16", "Unauthorized request"),
     ({"role_denial": "not_authenticated"}, 403, "403", "Not Authenticated")],
)  # fmt: skip
def test_a_missing_right(switches: dict[str, Any], status: int, code: str, text: str) -> None:
    bench = switched(**switches)
    admin = bench.firewall.admins.get(SVC)
    assert admin is not None
    admin.role = Role(frozenset())
    answer = bench.generate()
    assert (answer.answer.status, answer.code, answer.text) == (status, code, text)


def test_sessions_are_asked_for_by_every_monitor() -> None:
    answer = Bench().op("<show><session><info/></session></show>")
    assert answer.is_success
    assert int(answer.root.findtext("result/num-max") or 0) > int(answer.root.findtext("result/num-active") or 0)


@pytest.mark.parametrize("tells", [True, False])
def test_whether_type_version_tells_of_several_vsys(tells: bool) -> None:
    root = switched(version_tells_multi_vsys=tells).ask(type="version").root
    assert (root.find("result/multi-vsys") is not None) is tells
    assert root.findtext("result/sw-version") == "11.1.4"


def test_a_new_key_ends_the_sessions_of_its_user() -> None:
    bench = Bench()
    bench.config("get", SHARED)
    bench.config("get", SHARED, ALICE)
    bench.ask(type="keygen", user=SVC, password="p&s@w?rd")
    sessions = bench.op("<show><admins/></show>", ALICE).root.findall("result/admins/entry")
    assert [entry.findtext("admin") for entry in sessions] == [ALICE]


def test_an_illegal_action_of_a_commit_names_the_legal_one() -> None:
    assert "[all]. Legal values: partial." in Bench().commit("<commit/>", action="all").text


# --- certificates --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("position", ["today", "true"])
def test_certificate_show_is_no_source_of_dates(position: str) -> None:
    bench = switched(certificate_show_expiry=position)
    issued = bench.enroll()
    shown = bench.op("<request><certificate><show/></certificate></request>").root.find("result/entry")
    assert shown is not None
    expected = issued.not_valid_after_utc if position == "true" else bench.clock.now()
    assert shown.findtext("expiry") == str(int(expected.timestamp()))
    assert f"{expected.year} GMT" in (shown.findtext("not-valid-after") or "")


@pytest.mark.parametrize(
    ("position", "leaf", "ca"), [("accepted", True, True), ("refused_leaf", False, True), ("refused", False, False)]
)
def test_a_certificate_without_a_key(position: str, leaf: bool, ca: bool) -> None:
    bench = switched(keyless_import=position)
    for number, is_ca, is_taken in ((1, False, leaf), (2, True, ca)):
        answer = bench.upload(f"c{number}", pem(certificate(key(number), is_ca=is_ca)))
        assert answer.is_success is is_taken
        assert is_taken or answer.text == f"Import of c{number} failed. private key doesn't exist for csr"
    assert bench.enroll(), "a CSR gets its certificate all the same"


@pytest.mark.parametrize("role", [None, Role()])
def test_the_export_of_the_configuration_has_no_envelope_and_hides_what_a_get_hides(role: Role | None) -> None:
    bench = profiled()
    if role:
        admin = bench.firewall.admins.get(SVC)
        assert admin is not None
        admin.role = role
    bench.generate()
    answer = bench.ask(type="export", category="configuration").answer
    root = fromstring(answer.body)
    assert (root.tag, answer.headers["Content-Disposition"]) == ("config", "attachment; filename=running-config.xml")
    assert [e.get("name") for e in root.findall("shared/certificate/entry")] == ["old", "new"], "the running one"
    assert (root.find(".//private-key") is None) is (role is not None)
    assert b"PRIVATE KEY" not in answer.body


# --- the certificate that signs API keys ---------------------------------------------------------------------------


def own_ca(number: int, bits: int = 3072, days: int = 90) -> x509.Certificate:
    public = key(number, "RSA", bits)
    signed = certificate(public, subject=name("Bench CA"), days=days, is_ca=True)
    assert signed.issuer == signed.subject
    return signed


def test_the_api_key_certificate_ends_every_key_when_it_is_chosen_and_when_it_changes() -> None:
    bench = Bench()
    bench.firewall.install_certificate("signer", own_ca(31), key(31, "RSA", 3072))
    before = bench.firewall.api_key(SVC)
    bench.firewall.set_api_key_certificate("signer")
    chosen = bench.firewall.api_key(SVC)
    assert chosen != before
    assert bench.enroll() and bench.partial().job
    assert bench.firewall.api_key(SVC) == chosen, "another certificate's commit ends nothing"
    assert bench.upload("signer", pem(own_ca(31, days=200))).is_success
    assert bench.firewall.api_key(SVC) == chosen, "nothing changes before the commit"
    assert bench.partial().job
    assert bench.firewall.api_key(SVC) != chosen


@pytest.mark.parametrize("why", ["absent", "weak", "no key", "old release"])
def test_what_cannot_sign_api_keys(why: str) -> None:
    bench = switched(api_key_certificate=why != "old release")
    bits = 2048 if why == "weak" else 3072
    if why != "absent":
        bench.firewall.install_certificate(
            "signer", own_ca(32, bits), None if why == "no key" else key(32, "RSA", bits)
        )
    before = bench.firewall.api_key(SVC)
    with pytest.raises(PanosError):
        bench.firewall.set_api_key_certificate("signer")
    assert bench.firewall.api_key(SVC) == before


def test_profiles_are_still_edited_leaf_by_leaf() -> None:
    bench = profiled()
    bench.config(
        "set", f"{PROFILES}/entry[@name='P']/protocol-settings", ALICE, element="<min-version>tls1-1</min-version>"
    )
    assert bench.config(
        "edit", f"{PROFILES}/entry[@name='P']/certificate", element="<certificate>new</certificate>"
    ).is_success
    [change] = bench.firewall.pending_changes()
    assert change.admins == (ALICE, SVC)
