"""`list`: every certificate of the firewalls, whoever made it, and who uses it."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.switches import AGENT_ROLE, Right
from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile
from tests.end_to_end.harness import Done, Scene
from tests.sandbox.panos.bench import certificate, name

DEVICE = "/config/devices/entry[@name='localhost.localdomain']"
NAMES: dict[str, Any] = {
    "sans": {"dns": ["www.example.com", "shop.example.com"]},
    "bind": {"ssl_tls_service_profiles": ["portal"]},
}
PROFILES: dict[str, dict[str, object]] = {
    "www": certificate_profile("fw-edge", "www.example.com", **NAMES),
    "ov": certificate_profile("fw-branch", "ov.example.com", "OV"),
}


def scene(folder: Path, **options: Any) -> Scene:
    """A firewall with two vsys, whose portal serves the agent's certificate, and one with a pending order."""
    made = Scene(folder, PROFILES, WorldOptions(multi_vsys=True, **options))
    for firewall in made.world.firewalls.values():
        firewall.install_profile("portal", "")
        inner = "<portal-config><ssl-tls-service-profile>portal</ssl-tls-service-profile></portal-config>"
        path = f"{DEVICE}/vsys/entry[@name='vsys2']/global-protect/global-protect-portal"
        firewall.install(path, f"<entry name='gp'>{inner}</entry>")
    return made


def by_hand(firewall: Firewall, entry: str, common_name: str, days: int, vsys: str = "shared") -> x509.Certificate:
    """A certificate that somebody else got, and how many whole days it has left."""
    private = ec.generate_private_key(ec.SECP384R1())
    start = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=10)
    made = certificate(private, name(common_name), start, days + 10)
    firewall.install_certificate(entry, made, private, vsys)
    return made


def rows(done: Done) -> dict[tuple[str, str, str], dict[str, Any]]:
    found = done.json["certificates"]
    assert len({(row["firewall"], row["scope"], row["name"]) for row in found}) == len(found)
    return {(row["firewall"], row["scope"], row["name"]): row for row in found}


def test_every_certificate_of_every_scope_is_listed_managed_or_not(tmp_path: Path) -> None:
    with scene(tmp_path, agent_role=AGENT_ROLE) as made:
        assert made.run("run").code == 3
        edge = made.world.firewalls["fw-edge"]
        others = {
            scope: by_hand(edge, "mail", f"{scope}.example.com", 40, scope) for scope in ("shared", "vsys1", "vsys2")
        }
        edge.mark_template("mail", "T1", "vsys1")
        found = rows(done := made.run("list", "--json"))
        assert done.code == 0
        www = found["fw-edge", "shared", "www"]
        leaf = edge.running_certificate("www")
        assert leaf is not None
        assert (www["profile"], www["common_name"], www["sans"]) == (
            "www", "www.example.com", ["shop.example.com", "www.example.com"]
        )  # fmt: skip
        assert int(www["serial"], 16) == leaf.serial_number
        assert www["not_after"] == f"{leaf.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}"
        assert (www["key"], www["ca"], www["pending"], www["references"]) == ("ECDSA 256", False, False, None)
        for scope, mail in others.items():
            row = found["fw-edge", scope, "mail"]
            assert (row["profile"], row["common_name"], row["key"]) == (None, f"{scope}.example.com", "ECDSA 384")
            assert (int(row["serial"], 16), row["days_left"]) == (mail.serial_number, 39)
            assert row["template"] == ("T1" if scope == "vsys1" else None)
        pending = found["fw-branch", "shared", "ov"]
        assert (pending["pending"], pending["profile"], pending["common_name"]) == (True, "ov", "ov.example.com")
        assert pending["serial"] is pending["not_after"] is pending["days_left"] is pending["issuer"] is None
        assert [row["ca"] for row in found.values() if row["firewall"] == "fw-edge"].count(True) == 2


def test_the_list_names_who_uses_what_and_changes_nothing(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("run").code == 3
        edge = made.world.firewalls["fw-edge"]
        by_hand(edge, "gp", "gp.example.com", 40, "vsys2")
        local = "<authentication><certificate><local-certificate><name>www</name></local-certificate></certificate></authentication>"
        edge.install(f"{DEVICE}/network/ike/gateway", f"<entry name='gw'>{local}</entry>")
        before, writes = [change.path for change in edge.pending_changes()], len(edge.commits)
        found = rows(made.run("list", "--references", "--json"))
        assert found["fw-edge", "shared", "www"]["references"] == [
            {"kind": "SSL/TLS service profile", "name": "portal", "scope": "shared"},
            {"kind": "IKE gateway", "name": "gw", "scope": "device"},
            {"kind": "GlobalProtect portal", "name": "gp", "scope": "vsys2"},
        ]
        assert found["fw-edge", "vsys2", "gp"]["references"] == []
        done = made.run("list", "--references", "--firewall", "fw-edge")
        told = "used by SSL/TLS service profile portal, IKE gateway gw, GlobalProtect portal gp (vsys2)"
        assert told in " ".join(done.out.split())
        assert "used by nothing that is known" in done.out
        assert ([change.path for change in edge.pending_changes()], len(edge.commits)) == (before, writes)


def test_selections(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("run").code == 3
        edge = made.world.firewalls["fw-edge"]
        for days in (-3, 5, 30, 31):
            by_hand(edge, f"d{days + 3}", "other.example.com", days + 1)

        def named(*argv: str) -> set[str]:
            return {key[2] for key in rows(made.run("list", "--json", *argv))}

        assert named("--expiring", "30") == {"d0", "d8", "d33"}
        assert named("-p", "www") == {"www"}
        assert named("-p", "www.yaml,ov") == {"www", "ov"}
        assert named("--firewall", "fw-branch") == {"ov"}
        assert named("-p", "www", "--firewall", "fw-branch") == set()
        assert {key[2] for key in rows(made.run("-a", "list", "-p", "www", "--json"))} == {"www"}
        table = made.run("list", "--expiring", "30").out
        assert [line.split()[0] for line in table.splitlines() if line.startswith("  d")] == ["d0", "d8", "d33"]
        assert made.run("list", "-p", "nobody").code == 2


def test_a_firewall_that_cannot_be_read_is_a_line_and_the_others_are_listed(tmp_path: Path) -> None:
    with scene(tmp_path) as made:
        assert made.run("run").code == 3
        made.world.servers["fw-branch"].stop()
        done = made.run("list")
        assert done.code == 1
        assert "www.example.com" in done.out and "fw-branch" not in done.out
        assert len(done.err.splitlines()) == 1 and "firewall fw-branch (127.0.0.1" in done.err
        document = made.run("list", "--json").json
        assert [item["firewall"] for item in document["unread"]] == ["fw-branch"]
        assert document["unread"][0]["error"]["code"] == "unreachable"
        assert {row["firewall"] for row in document["certificates"]} == {"fw-edge"}
        (tmp_path / "profiles/firewalls/fw-edge.yaml").write_text("url: [", "utf-8")
        assert made.run("list", "--json").json["code"] == "configuration"


def test_an_administrator_without_the_right_lists_nothing_and_is_told(tmp_path: Path) -> None:
    role = AGENT_ROLE.__class__(frozenset(set(Right) - {Right.CONFIGURATION}))
    with scene(tmp_path, agent_role=role, firewalls=("fw-edge",)) as made:
        (tmp_path / "profiles/certificates/ov.yaml").unlink()
        document = made.run("list", "--json").json
        assert (document["exit_code"], document["certificates"]) == (1, [])
        assert document["unread"][0]["error"]["code"] == "permission"


@pytest.mark.parametrize("option", ["--expiring=-1", "--expiring=soon", "--nonsense"])
def test_a_wrong_option_calls_nobody(tmp_path: Path, option: str) -> None:
    with scene(tmp_path) as made:
        assert made.run("list", option).code == 2
        assert all(entry.admin != AGENT_ADMIN for fw in made.world.firewalls.values() for entry in fw.log)
