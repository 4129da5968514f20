"""Changes of a firewall's configuration, compared by the steps of their paths."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.model.firewall_objects import CertificateEntry, Change, is_only_others_work, xpath_steps
from tests.configuration.strategies import QUICK

DEVICE = ("config", "devices", "entry:localhost.localdomain")
CERTIFICATES = ("config", "shared", "certificate")
PATHS = [
    ("/config/shared/certificate", CERTIFICATES),
    ("/config/shared/certificate/", CERTIFICATES),
    (" /config/shared/certificate/entry[@name='vpn-2']\n", (*CERTIFICATES, "entry:vpn-2")),
    ('/config/shared/certificate/entry[@name="vpn-2"]/csr', (*CERTIFICATES, "entry:vpn-2", "csr")),
    ("/config/shared/certificate/entry[ @name = 'a/b]c' ]", (*CERTIFICATES, "entry:a/b]c")),
    ("/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address",
     (*DEVICE, "vsys", "entry:vsys1", "address")),
    ("/config/shared/x/member[text()='any']", ("config", "shared", "x", "member:any")),
    ("/config/shared/x/entry[./certificate='a/b']", ("config", "shared", "x", "entry[./certificate='a/b']")),
    ("/config/devices/entry[vsys1]/address", ("config", "devices", "entry[vsys1]", "address")),
    ("//certificate", ("//certificate",)),
    ("shared/certificate", ("shared/certificate",)),
    ("/config/shared/certificate | /config/x", ("/config/shared/certificate | /config/x",)),
    ("/config/entry[@name='open]", ("/config/entry[@name='open]",)),
    ("/config//x", ("/config//x",)),
    ("/", ("/",)),
    ("", ("",)),
]  # fmt: skip


@pytest.mark.parametrize(("xpath", "steps"), PATHS)
def test_an_xpath_in_steps(xpath: str, steps: tuple[str, ...]) -> None:
    assert Change("svc", xpath, "EDIT").path == steps


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="'"), max_size=40), min_size=1, max_size=4))
@QUICK
def test_no_name_can_make_a_path_look_like_another(names: list[str]) -> None:
    xpath = "/config" + "".join(f"/entry[@name='{name}']" for name in names)
    assert xpath_steps(xpath) == ("config", *(f"entry:{name}" for name in names))


@given(st.text(max_size=80))
@QUICK
def test_every_text_has_steps(text: str) -> None:
    assert xpath_steps(text)


RELATIONS = [
    ("/config/shared/certificate", True, True),
    ("/config/shared/certificate/entry[@name='vpn']", True, True),
    ("/config/shared/certificate/entry[@name='vpn']/public-key", True, True),
    ("/config/shared", False, True),
    ("/config", False, True),
    ("/config/shared/certificate-profile/entry[@name='vpn']", False, False),
    ("/config/shared/x/entry[@name='/config/shared/certificate/entry']", False, False),
    ("/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/certificate", False, False),
    ("//config/shared/certificate", False, False),
]


@pytest.mark.parametrize(("xpath", "is_within", "may_touch"), RELATIONS)
def test_where_a_change_lies(xpath: str, is_within: bool, may_touch: bool) -> None:
    change = Change("svc", xpath, "EDIT")
    assert change.is_within(CERTIFICATES) is is_within
    assert change.may_touch(CERTIFICATES) is may_touch


@pytest.mark.parametrize(
    ("changed_by", "is_theirs"), [((), False), (("svc",), False), (("alice",), True), (("alice", "svc"), False)]
)
def test_whose_uncommitted_work_it_is(changed_by: tuple[str, ...], is_theirs: bool) -> None:
    assert is_only_others_work(frozenset(changed_by), "svc") == is_theirs


def test_entries_are_compared_by_certificate_and_csr() -> None:
    entry = CertificateEntry("www", "PEM", "CSR", has_private_key=True)
    assert entry.content == CertificateEntry("other", "PEM", "CSR", has_private_key=False).content
    assert entry.content != CertificateEntry("www", "PEM", "", has_private_key=True).content
