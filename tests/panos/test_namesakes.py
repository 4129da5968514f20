"""One name in two scopes, as the simulated device and devices of other answers tell it."""

from __future__ import annotations

from pathlib import Path

import pytest

from paloaltofw.errors import InvalidAnswer
from paloaltofw.model.firewall_objects import Namesake
from paloaltofw.panos.location import Scope
from paloaltofw.panos.namesakes import Namesakes, find_namesakes
from paloaltofw.sandbox.base.https import Answer, Request
from tests.panos.bench import KEY, client, error, xml
from tests.sandbox.panos.bench import SVC, Bench, certificate, key

WANTED = {"www", "www-2"}.__contains__
PORTAL = {"portal"}.__contains__


def bench() -> Bench:
    """Two vsys and shared, with the same names in all three, and some of their own."""
    made = Bench(multi_vsys=True)
    made.firewall.admins._by_name[SVC].keys[KEY] = made.clock.now()
    for vsys, names in {"shared": ("www", "mail"), "vsys1": ("www-2", "own"), "vsys2": ("www", "www-2")}.items():
        for name in names:
            made.firewall.install_certificate(name, certificate(key(0)), key(0), vsys)
        made.firewall.install_profile("portal" if vsys != "vsys1" else "other", "", vsys)
    return made


@pytest.mark.parametrize(
    ("vsys", "found"),
    [
        ("shared", ["certificate www-2 of vsys1", "certificate www of vsys2", "certificate www-2 of vsys2",
                    "SSL/TLS service profile portal of vsys2"]),
        ("vsys1", ["certificate www of shared", "SSL/TLS service profile portal of shared"]),
        ("vsys2", ["certificate www of shared", "SSL/TLS service profile portal of shared"]),
    ],
)  # fmt: skip
def test_a_vsys_and_shared_shadow_each_other_and_two_vsys_do_not(tmp_path: Path, vsys: str, found: list[str]) -> None:
    with client(tmp_path, bench().site.handle, Scope(vsys)) as (panos, site, _):
        namesakes = find_namesakes(panos, WANTED, PORTAL)
        assert ([str(item) for item in namesakes.found], namesakes.is_told) == (found, True)
        assert all(b"private-key" not in request.body for request in site.requests)


def test_only_names_are_asked_for_and_profiles_only_where_some_are_bound(tmp_path: Path) -> None:
    with client(tmp_path, bench().site.handle) as (panos, site, _):
        assert find_namesakes(panos, {"nobody"}.__contains__, None) == Namesakes()
        assert len(site.requests) == 1


def test_a_device_that_refuses_to_tell_is_not_called_free_of_namesakes(tmp_path: Path) -> None:
    for code in (6, 16, 17):
        refusal = xml(error(code, "no"))
        with client(tmp_path, lambda _, answer=refusal: answer) as (panos, _, _):  # type: ignore[misc]
            assert find_namesakes(panos, WANTED, PORTAL) == Namesakes(is_told=False)
    with client(tmp_path, lambda _: xml("<html/>")) as (panos, _, _), pytest.raises(InvalidAnswer):
        find_namesakes(panos, WANTED, None)


def test_a_name_whose_vsys_is_not_told_is_in_a_vsys_all_the_same(tmp_path: Path) -> None:
    handle = bench().site.handle

    def script(request: Request) -> Answer:
        is_list = request.body.endswith(b"vsys%2Fentry%2F%40name")
        return xml('<response status="success" code="7"><result/></response>') if is_list else handle(request)

    with client(tmp_path, script) as (panos, _, _):
        assert find_namesakes(panos, {"own"}.__contains__, None).found == (Namesake("certificate", "own", "a vsys"),)
