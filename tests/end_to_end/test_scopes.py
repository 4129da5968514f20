"""Certificates of shared and of a vsys: each request in its scope, one name in two scopes, who is moved and who is not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.switches import AGENT_ROLE
from paloaltofw.sandbox.world import PEOPLE, WorldOptions, certificate_profile, write_yaml
from tests.end_to_end.harness import Scene
from tests.end_to_end.test_list import by_hand
from tests.end_to_end.test_main_job import aged_account
from tests.sweeps import one_in

DEVICE = "/config/devices/entry[@name='localhost.localdomain']"
PORTAL = "vpn-portal"
BOUND: dict[str, Any] = {"bind": {"ssl_tls_service_profiles": [PORTAL]}}


class Place:
    """A firewall with two vsys, and a profile whose certificate is of one scope and due as soon as time passes."""

    def __init__(self, folder: Path, vsys: str) -> None:
        self.account, self.vsys = aged_account(150), vsys
        options = WorldOptions(firewalls=("fw-edge",), accounts=[self.account], multi_vsys=True, agent_role=AGENT_ROLE)
        self.scene = Scene(folder, {"dv": certificate_profile("fw-edge", "www.example.com", **BOUND)}, options)
        self.firewall: Firewall = self.scene.world.firewalls["fw-edge"]
        self.firewall.install_profile(PORTAL, "", vsys)
        self.file = folder / "profiles/firewalls/fw-edge.yaml"
        self.set_vsys(vsys)

    def set_vsys(self, vsys: str) -> None:
        write_yaml(self.file, {**yaml.safe_load(self.file.read_text("utf-8")), "vsys": vsys})

    def become_due(self) -> None:
        self.account.age_days = 0
        self.scene.let_time_pass(150)

    def entries(self, vsys: str) -> set[str]:
        found = self.firewall.certificates(running=True, vsys=vsys)
        return {name for name in found if name.startswith("dv")}


@pytest.mark.parametrize("vsys", one_in(3, ["vsys2", "shared", "vsys1"]))
def test_a_whole_life_stays_in_its_scope(tmp_path: Path, vsys: str) -> None:
    place = Place(tmp_path, vsys)
    others = {"shared", "vsys1", "vsys2"} - {vsys}
    with place.scene as scene:
        assert scene.run("check").code == 0
        for expected in ({"dv"}, {"dv-2"}):
            done = scene.run("run")
            assert (done.code, done.err) == (0, "")
            assert place.entries(vsys) == expected
            assert not any(place.firewall.certificates(running, other) for other in others for running in (True, False))
            assert place.firewall.profile_certificate(PORTAL, vsys=vsys) in expected
            place.become_due()
        assert len(scene.world.scm.orders) == 2
        assert not place.firewall.pending_changes()


def namesake(kind: str, name: str, vsys: str) -> Callable[[Firewall], object]:
    """An object of that name in another scope."""
    if kind == "certificate":
        return lambda firewall: by_hand(firewall, name, "mail.example.com", 300, vsys)
    return lambda firewall: firewall.install_profile(name, "", vsys)


@pytest.mark.parametrize(
    ("vsys", "kind", "name", "other"),
    one_in(
        3,
        [
            ("shared", "certificate", "dv", "vsys2"),
            ("shared", "certificate", "dv-4", "vsys1"),
            ("shared", "SSL/TLS service profile", PORTAL, "vsys2"),
            ("vsys1", "certificate", "dv", "shared"),
            ("vsys2", "SSL/TLS service profile", PORTAL, "shared"),
        ],
    ),
)
def test_one_name_in_two_scopes_stops_before_a_key_is_made(
    tmp_path: Path, vsys: str, kind: str, name: str, other: str
) -> None:
    place = Place(tmp_path, vsys)
    namesake(kind, name, other)(place.firewall)
    with place.scene as scene:
        told = f"there is also the {kind} {name} of {other}"
        checked = scene.run("check")
        assert checked.code == 1 and f"names in shared and in a vsys: {told}" in checked.out
        done = scene.run("run", "--json")
        error = done.profiles["dv"]["error"]
        assert (done.code, error["code"]) == (1, "shadowed")
        assert told in error["message"] and error["hint"]
        assert not scene.world.scm.orders
        assert not place.firewall.certificates(running=False, vsys=vsys)
        assert scene.run("enroll", "--resubmit", "-p", "dv").code == 1, "nobody orders past this"
        assert not scene.world.scm.orders


@pytest.mark.parametrize(
    ("vsys", "kind", "name", "other"),
    one_in(
        2,
        [
            ("vsys1", "certificate", "dv", "vsys2"),  # the one vsys does not know the other's
            ("shared", "certificate", "dv-x", "vsys1"),
            ("shared", "certificate", "advent", "vsys1"),
            ("shared", "SSL/TLS service profile", "another", "vsys2"),
        ],
    ),
)
def test_other_names_and_other_vsys_are_no_trouble(tmp_path: Path, vsys: str, kind: str, name: str, other: str) -> None:
    place = Place(tmp_path, vsys)
    namesake(kind, name, other)(place.firewall)
    with place.scene as scene:
        assert scene.run("check").code == 0
        assert scene.run("run").code == 0


def test_a_vsys_that_is_not_there_costs_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path, "vsys1")
    place.set_vsys("vsys7")
    with place.scene as scene:
        for command, text in (("check", "out"), ("run", "err")):
            done = scene.run(command)
            assert done.code == 1
            assert "there is no vsys7; there are vsys1, vsys2" in getattr(done, text)
        assert not scene.world.scm.orders
        assert not any(entry.type == "op" and "generate" in entry.summary for entry in place.firewall.log)


def serve_in(place: Place, vsys: str, profile: str = "vsys-portal") -> None:
    """A profile of a vsys serves the agent's certificate of shared, as it has always done."""
    place.firewall.install_profile(profile, "dv", vsys)


def test_what_serves_a_predecessor_of_shared_is_moved_in_every_vsys(tmp_path: Path) -> None:
    place = Place(tmp_path, "shared")
    with place.scene as scene:
        assert scene.run("run").code == 0
        for vsys in ("vsys1", "vsys2"):
            serve_in(place, vsys)
        place.firewall.install_profile("other", "", "vsys2")
        place.become_due()
        done = scene.run("run")
        assert (done.code, done.err) == (0, "")
        served = [place.firewall.profile_certificate("vsys-portal", vsys=vsys) for vsys in ("vsys1", "vsys2")]
        assert served == ["dv-2", "dv-2"]
        assert place.firewall.profile_certificate("other", vsys="vsys2") is None
        assert place.entries("shared") == {"dv-2"}
        assert scene.run("run").code == 0


def test_a_profile_of_a_vsys_that_somebody_works_on_keeps_the_predecessor(tmp_path: Path) -> None:
    place = Place(tmp_path, "shared")
    with place.scene as scene:
        assert scene.run("run").code == 0
        serve_in(place, "vsys2")
        path = f"{DEVICE}/vsys/entry[@name='vsys2']/ssl-tls-service-profile/entry[@name='vsys-portal']"
        place.firewall.change_as(
            PEOPLE[0], path, "<protocol-settings><min-version>tls1-3</min-version></protocol-settings>"
        )
        place.become_due()
        done = scene.run("run", "--json")
        row = done.profiles["dv"]
        assert (done.code, row["error"]["code"]) == (1, "blocked")
        assert "vsys-portal holds uncommitted changes of alice" in row["error"]["message"]
        assert place.entries("shared") == {"dv", "dv-2"}
        assert place.firewall.profile_certificate("vsys-portal", running=False, vsys="vsys2") == "dv"
        assert any("used by SSL/TLS service profile vsys-portal (vsys2)" in note for note in row["notes"])


def test_a_lock_on_another_vsys_keeps_the_predecessor_there_and_nothing_else_from_being_done(tmp_path: Path) -> None:
    place = Place(tmp_path, "shared")
    place.file.write_text(place.file.read_text("utf-8") + "busy_wait: 0s\n", "utf-8")
    with place.scene as scene:
        assert scene.run("run").code == 0
        serve_in(place, "vsys2")
        place.firewall.lock_as(PEOPLE[0], "config", "vsys2")
        place.become_due()
        done = scene.run("run", "--json")
        assert (done.code, done.profiles["dv"]["error"]["code"]) == (1, "busy")
        assert place.firewall.profile_certificate(PORTAL) == "dv-2", "the certificate is in service"
        assert place.entries("shared") == {"dv", "dv-2"}
        place.firewall.unlock_as(PEOPLE[0], "config", "vsys2")
        assert scene.run("run").code == 0
        assert place.entries("shared") == {"dv-2"}
        assert place.firewall.profile_certificate("vsys-portal", vsys="vsys2") == "dv-2"


def test_work_of_the_agent_in_a_vsys_that_was_not_committed_is_known_as_its_own(tmp_path: Path) -> None:
    """The container in the list of changes is enough, and a profile moved to a stranger's certificate is not ours."""
    place = Place(tmp_path, "shared")
    with place.scene as scene:
        assert scene.run("run").code == 0
        serve_in(place, "vsys2")
        by_hand(place.firewall, "mail", "mail.example.com", 300)
        place.become_due()
        path = f"{DEVICE}/vsys/entry[@name='vsys2']/ssl-tls-service-profile/entry[@name='vsys-portal']"
        place.firewall.change_as("svc-certs", path, "<certificate>mail</certificate>")
        done = scene.run("run")
        assert done.code == 1 and "uncommitted changes that the agent did not make (vsys-portal)" in done.err
        place.firewall.change_as("svc-certs", path, "<certificate>dv</certificate>")
        assert scene.run("run").code == 0
        assert place.firewall.profile_certificate("vsys-portal", vsys="vsys2") == "dv-2"
