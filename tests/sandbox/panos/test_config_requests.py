"""The simulated firewall's configuration: get, show, and the actions that change it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.sandbox.panos.device import PanosSwitches
from paloaltofw.sandbox.panos.xpath import BadXpath, parse, to_text
from tests.sandbox.panos.bench import (
    PROFILES,
    SHARED,
    SVC,
    SYSTEM,
    VSYS1,
    Bench,
    certificate,
    key,
    pem,
    profiled,
    switched,
)

FORM = "application/x-www-form-urlencoded"


# --- get and show --------------------------------------------------------------------------------------------------


def test_get_reads_the_candidate_and_show_the_running_configuration() -> None:
    bench = Bench()
    bench.config("set", f"{VSYS1}/address", element="<entry name='new'><fqdn>a.example</fqdn></entry>")
    got = bench.config("get", f"{VSYS1}/address/entry").root
    result = got.find("result")
    assert result is not None
    assert (got.get("code"), result.get("total-count"), result.get("count"), len(result)) == ("19", "3", "3", 3)
    assert result[2].attrib == {"name": "new", "admin": SVC, "dirtyId": "1", "time": "2026/01/01 12:00:00"}
    assert "dirtyId" in result[2][0].attrib and "dirtyId" not in result[0].attrib
    missing = bench.config("get", f"{VSYS1}/address/entry[@name='no']")
    assert (missing.summary, missing.root.find("result") is not None) == (("success", "7", ""), True)
    shown = bench.config("show", f"{VSYS1}/address/entry[@name='new']")
    assert shown.answer.body == b'<response status="error"><msg><line>No such node</line></msg></response>'
    assert bench.config("show", f"{VSYS1}/address/entry").code == "6"
    assert bench.partial().is_success
    node = bench.config("show", f"{VSYS1}/address/entry[@name='new']").root.find("result/entry")
    assert node is not None and node.attrib == {"name": "new"} and not node[0].attrib


def test_lookup_by_certificate_and_by_member() -> None:
    bench = Bench()
    bench.firewall.install_certificate("a", certificate(key()))
    bench.firewall.install_profile("P", "a")
    bench.firewall.install("/config/shared/ssl-decrypt", "<trusted-root-CA><member>a</member></trusted-root-CA>")
    found = bench.config("get", f"{PROFILES}/entry[./certificate='a']")
    assert [node.get("name") for node in found.root.findall("result/entry")] == ["P"]
    assert bench.config("get", f"{PROFILES}/entry[./certificate='b']").code == "7"
    assert bench.config("get", "/config/shared/ssl-decrypt/trusted-root-CA/member[text()='a']").text == "a"


@pytest.mark.parametrize(
    "xpath",
    ["config", "/shared", "//certificate", "/config/*", "/config/shared/", "/config/shared/certificate/entry[1]",
     "/config/shared/certificate/entry[@name=x]", "/config/shared/certificate/entry[@name='a' or @name='b']",
     "/config/shared/certificate/entry[contains(@name,'a')]", "/config[", "/config/a|/config/b", "/config/../config",
     "/config/shared/certificate/entry[@name='a'][@name='b']"],
)  # fmt: skip
def test_other_xpaths_are_bad(xpath: str) -> None:
    by_code = switched(malformed_xpath="bad_xpath", unrooted_xpath="bad_xpath")
    is_rooted = xpath.startswith("/config")
    expected = ("success", "7", "") if is_rooted else ("unauth", "16", "Unauthorized request")
    for action in ("get", "show", "delete"):
        assert Bench().config(action, xpath).summary == expected
        assert by_code.config(action, xpath).code == "6"
    with pytest.raises(BadXpath):
        parse(xpath)


@given(st.lists(st.sampled_from(["/shared", "/entry[@name='a b']", "/member[text()='x']", "/x-1.y"]), max_size=5))
def test_a_definite_xpath_survives_parsing(steps: list[str]) -> None:
    text = "/config" + "".join(steps)
    assert to_text(parse(text)) == text


# --- set, edit, delete, rename -------------------------------------------------------------------------------------


def test_set_merges_and_edit_replaces() -> None:
    bench = profiled()
    path = f"{PROFILES}/entry[@name='P']"
    done = bench.config("set", path, element="<certificate>new</certificate>")
    assert done.summary == ("success", "20", "command succeeded")
    assert bench.config("get", f"{path}/protocol-settings/min-version").text == "tls1-2"
    assert bench.config("edit", f"{path}/certificate", element="<certificate>old</certificate>").code == "20"
    assert bench.changes() == [], "back to what is running is no change"
    assert bench.config("edit", path, element="<entry name='P'><certificate>new</certificate></entry>").code == "20"
    assert bench.config("get", f"{path}/protocol-settings").code == "7"
    assert bench.firewall.profile_certificate("P", running=False) == "new"
    assert bench.firewall.profile_certificate("P") == "old"


@pytest.mark.parametrize(
    ("action", "xpath", "element", "code"),
    [
        ("set", "/config/shared/certificates", "<entry name='x'/>", "12"),
        ("set", "/config/shared", "<certificates/>", "12"),
        ("set", f"{PROFILES}/entry[@name='P']", "<certifcate>new</certifcate>", "12"),
        ("set", f"{PROFILES}/entry[@name='P']", "<certificate><x/></certificate>", "12"),
        ("set", f"{PROFILES}/entry", "<certificate>new</certificate>", "12"),
        ("set", PROFILES, "<entry><certificate>new</certificate></entry>", "12"),
        ("set", f"{PROFILES}/entry[@name='P']", "<certificate>none</certificate>", "12"),
        ("edit", f"{PROFILES}/entry[@name='P']/certificate", "<certificate>none</certificate>", "12"),
        ("edit", f"{PROFILES}/entry[@name='P']/certificate", "<cert>new</cert>", "12"),
        ("edit", f"{PROFILES}/entry[@name='P']", "<entry name='Q'/>", "12"),
        ("edit", f"{PROFILES}/entry[@name='Q']/certificate", "<certificate>new</certificate>", "7"),
        ("set", SYSTEM, "<ssl-tls-service-profile>none</ssl-tls-service-profile>", "12"),
        ("set", SYSTEM, "<hostnam>x</hostnam>", "12"),
        ("set", '/config/mgt-config/users/entry[@name="a\'b"]', "<permissions/>", "12"),
        ("set", SHARED, f"<entry name='{'x' * 64}'/>", "12"),
        ("set", SHARED, "<entry name='*.example.com'/>", "12"),
        ("set", f"{SHARED}/entry[@name='_x']", "<ca>no</ca>", "12"),
        ("set", f"{SHARED}/entry[@name='old']", "<private-key>-----BEGIN PRIVATE KEY-----</private-key>", "12"),
        ("set", f"{SHARED}/entry[@name='old']", "<private-key>-AQ==forged</private-key>", "12"),
    ],
)
def test_set_and_edit_refuse_what_the_configuration_cannot_hold(
    action: str, xpath: str, element: str, code: str
) -> None:
    bench = profiled()
    refused = bench.config(action, xpath, element=element)
    assert (refused.root.get("status"), refused.code) == ("error", code)
    assert bench.changes() == []


def test_only_names_count_of_the_attributes_of_an_element() -> None:
    bench = profiled()
    spoofed = "<entry name='x' admin='bob' dirtyId='99' src='tpl' uuid='1'><fqdn loc='a'>x.example</fqdn></entry>"
    assert bench.config("set", f"{VSYS1}/address", element=spoofed).is_success
    bench.partial()
    node = bench.config("get", f"{VSYS1}/address/entry[@name='x']").root.find("result/entry")
    assert node is not None and node.attrib == {"name": "x"} and node[0].attrib == {}


def test_delete_of_what_is_not_there_has_code_7_and_edits_leave_no_trace() -> None:
    bench = profiled()
    assert bench.config("delete", f"{SHARED}/entry[@name='no']").code == "7"
    assert bench.config("delete", "/config/shared").code == "12"
    assert bench.config("delete", f"{SHARED}/entry[@name='new']").code == "20"
    assert bench.changes() == [(SVC, " DELETE", f"{SHARED}/entry[@name='new']")]


def test_a_certificate_in_use_is_not_deleted() -> None:
    bench = profiled()
    refused = bench.config("delete", f"{SHARED}/entry[@name='old']")
    lines = [line.text or "" for line in refused.root.findall("msg/line")]
    assert refused.code == "10"
    assert [line.strip() for line in lines] == [
        "old cannot be deleted because of references from:",
        "shared -> ssl-tls-service-profile -> P -> certificate",
    ]
    assert bench.config("delete", SHARED).code == "10"
    assert bench.config("set", f"{PROFILES}/entry[@name='P']", element="<certificate>new</certificate>").is_success
    assert bench.config("delete", f"{SHARED}/entry[@name='old']").code == "20", "the check is on the candidate"


@pytest.mark.parametrize(
    ("xpath", "element", "line"),
    [
        ("/config/shared/ssl-decrypt", "<trusted-root-CA><member>new</member></trusted-root-CA>",
         "shared -> ssl-decrypt -> trusted-root-CA -> member"),
        (f"{VSYS1}/ssl-decrypt", "<forward-trust-certificate><rsa>new</rsa></forward-trust-certificate>",
         "forward-trust-certificate -> rsa"),
        ("/config/shared/certificate-profile", "<entry name='CP'><CA><entry name='new'/></CA></entry>", "CP -> CA -> new"),
        ("/config/devices/entry[@name='localhost.localdomain']/network/ike/gateway",
         "<entry name='G'><authentication><certificate><local-certificate><name>new</name></local-certificate>"
         "</certificate></authentication></entry>", "local-certificate -> name"),
        (f"{VSYS1}/ssl-tls-service-profile", "<entry name='V'><certificate>new</certificate></entry>", "vsys1 -> "),
    ],
)  # fmt: skip
def test_every_kind_of_reference_holds_a_certificate(xpath: str, element: str, line: str) -> None:
    bench = profiled()
    assert bench.config("set", xpath, element=element).is_success
    refused = bench.config("delete", f"{SHARED}/entry[@name='new']")
    assert refused.code == "10" and line in refused.text


def test_a_profile_in_use_is_not_deleted_and_a_vsys_certificate_hides_the_shared_one() -> None:
    bench = profiled()
    assert bench.config("set", SYSTEM, element="<ssl-tls-service-profile>P</ssl-tls-service-profile>").is_success
    assert "deviceconfig -> system" in bench.config("delete", f"{PROFILES}/entry[@name='P']").text
    bench.firewall.install_certificate("new", certificate(key()), key(), vsys="vsys1")
    bench.config(
        "set", f"{VSYS1}/ssl-tls-service-profile", element="<entry name='V'><certificate>new</certificate></entry>"
    )
    assert bench.config("delete", f"{VSYS1}/certificate/entry[@name='new']").code == "10"
    assert bench.config("delete", f"{SHARED}/entry[@name='new']").is_success


def test_rename() -> None:
    bench = profiled()
    path = f"{SHARED}/entry[@name='new']"
    assert bench.config("rename", path).code == "400"
    assert bench.config("rename", path, newname="old").code == "8"
    assert bench.config("rename", path, newname="*x").code == "12"
    assert bench.config("rename", SHARED, newname="x").code == "12"
    assert bench.config("rename", f"{SHARED}/entry[@name='no']", newname="x").code == "7"
    assert bench.config("rename", f"{SHARED}/entry[@name='old']", newname="x").code == "10"
    assert bench.config("rename", path, newname="newer").code == "20"
    assert {change[1:] for change in bench.changes()} == {
        (" DELETE", path), (" CREATE", f"{SHARED}/entry[@name='newer']")
    }  # fmt: skip
    assert bench.firewall.private_key("newer", running=False) is not None


@pytest.mark.parametrize("action", ["clone", "move", "multi-config", "complete"])
def test_actions_that_this_device_does_not_offer(action: str) -> None:
    assert Bench().config(action, SHARED).code == "14"


def test_dangling_references_may_wait_for_the_commit_by_switch() -> None:
    bench = Bench(PanosSwitches(dangling_reference="accepted_until_commit"))
    assert bench.config("set", PROFILES, element="<entry name='P'><certificate>none</certificate></entry>").is_success
    assert bench.config("set", SYSTEM, element="<ssl-tls-service-profile>Q</ssl-tls-service-profile>").is_success
    job = bench.job(bench.commit().job)
    lines = [line.text or "" for line in job.findall("details/line")]
    assert (job.findtext("status"), job.findtext("result"), lines[-1]) == ("FIN", "FAIL", "Commit failed")
    assert "P -> certificate 'none' is not a valid reference" in lines[0]
    assert "'Q' is not a valid reference" in lines[1]
    assert len(bench.changes()) == 2 and bench.firewall.commits[0].result == "FAIL"


def test_what_a_template_pushed_can_be_read_but_not_changed() -> None:
    bench = profiled()
    bench.firewall.mark_template("new", "T")
    path = f"{SHARED}/entry[@name='new']"
    node = bench.config("get", path).root.find("result/entry")
    assert node is not None and node.attrib == {"name": "new", "src": "tpl", "ptpl": "T"}
    assert {child.get("src") for child in node} == {"tpl"}
    shown = bench.config("show", path).root.find("result/entry")
    assert shown is not None and shown.attrib == {"name": "new"}
    assert not any(child.attrib for child in shown.iter() if child is not shown)
    for refused in (
        bench.config("delete", path),
        bench.config("set", path, element="<ca>yes</ca>"),
        bench.config("set", SHARED, element="<entry name='new'><ca>yes</ca></entry>"),
        bench.config("rename", path, newname="x"),
        bench.upload("new", pem(certificate(key(1)))),
    ):
        assert refused.summary == ("error", "13", "set failed, may need to override template object new first")
    assert bench.changes() == []
    assert bench.enroll() and bench.partial().is_success
    node = bench.config("get", path).root.find("result/entry")
    assert node is not None and node.get("src") == "tpl", "a commit keeps the mark"


@pytest.mark.parametrize(("same_name", "free"), [("vsys_first", "shared"), ("shared_first", "vsys2")])
def test_which_of_two_namesakes_a_vsys_means_is_a_switch(same_name: Any, free: str) -> None:
    bench = Bench(PanosSwitches(same_name=same_name), multi_vsys=True)
    for vsys in ("shared", "vsys2"):
        bench.firewall.install_certificate("www", certificate(key(0)), key(0), vsys)
    bench.firewall.install_profile("portal", "www", "vsys2")
    places = {"shared": SHARED, "vsys2": f"{VSYS1.replace('vsys1', 'vsys2')}/certificate"}
    deleted = {
        vsys: bench.config("delete", f"{place}/entry[@name='www']").is_success
        for vsys, place in sorted(places.items(), key=lambda item: item[0] == free)
    }
    assert deleted == {vsys: vsys == free for vsys in places}
