"""xpath and parameters of shared and vsys."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.configuration.names import panos_name
from paloaltofw.configuration.rules import BadValue
from paloaltofw.panos.commands import commit_command
from paloaltofw.panos.location import Scope, literal
from tests.configuration.strategies import QUICK
from tests.panos.bench import EMPTY, OK, REQUEST, client, xml


@pytest.mark.parametrize(
    ("scope", "vsys", "part"), [(Scope(), None, "/config/shared/"), (Scope("vsys2"), "vsys2", "'vsys2'")]
)
def test_the_scope_is_in_xpath_and_parameters(tmp_path: Path, scope: Scope, vsys: str | None, part: str) -> None:
    with client(tmp_path, lambda _: xml(EMPTY), scope) as (panos, site, _):
        panos.certificates()
        panos.generate_csr(REQUEST)
        panos.import_certificate("vpn-2", "PEM")
    read, generate, imported = (request.form for request in site.requests)
    assert part in read["xpath"]
    assert generate.get("vsys") == imported.get("vsys") == vsys
    assert site.requests[2].parts[-1].name == "file"


@pytest.mark.parametrize("name", ["a'b", 'a"b'])
def test_names_with_quotes_never_reach_an_xpath(tmp_path: Path, name: str) -> None:
    with client(tmp_path, lambda _: xml(OK)) as (panos, site, _), pytest.raises(ValueError, match="quote"):
        panos.delete_certificate(name)
    assert site.requests == []


@given(st.text(max_size=70))
@settings(QUICK, max_examples=400)
def test_a_name_that_is_accepted_is_safe_in_an_xpath(text: str) -> None:
    try:
        name = panos_name(text)
    except BadValue:
        return
    assert literal(name) == f"'{name}'"
    assert name.isprintable()
    assert not set(name) & set("'\"<>&[]")
    root = ElementTree.fromstring(commit_command(name, "x"))
    assert root.findtext("partial/admin/member") == name
    assert Scope(name).xpath.count("'") in (0, 4)
