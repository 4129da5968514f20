"""`check` finds what a run would find, and says what to do; what it finds offline is advice."""

from __future__ import annotations

import http.server
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from paloaltofw.configuration.advice import advice
from paloaltofw.configuration.loader import load
from paloaltofw.model.finding import Finding
from paloaltofw.sandbox.panos.switches import AGENT_ROLE, PanosSwitches
from paloaltofw.sandbox.world import AGENT_ADMIN, certificate_profile
from paloaltofw.workflows.check import check_everything
from paloaltofw.workflows.session import Options, open_session
from tests.end_to_end.harness import Scene, WorldOptions
from tests.files import CERTIFICATE, CONFIG, CREDENTIALS, FIREWALL, write

ADDRESS = "/config/devices/entry[@name='localhost.localdomain']/vsys/entry[@name='vsys1']/address"
DRAFT = "<entry name='draft'><ip-netmask>192.0.2.99/32</ip-netmask></entry>"


def findings(place: Scene) -> list[Finding]:
    return list(check_everything(open_session(Options(config=str(place.config)), (), ())))


def own_change(place: Scene) -> None:
    place.world.firewalls["fw-edge"].change_as(AGENT_ADMIN, ADDRESS, DRAFT)


def rewrite(place: Scene, kind: str, name: str, **values: Any) -> None:
    path = place.folder / f"profiles/{kind}/{name}.yaml"
    write(path, {**yaml.safe_load(path.read_text("utf-8")), **values})


TROUBLE: dict[str, tuple[Callable[[Scene], object], str, str]] = {
    "own administrator's changes": (own_change, "uncommitted changes", "commit or revert them"),
    "no such vsys": (
        lambda place: rewrite(place, "firewalls", "fw-edge", vsys="vsys7"), "vsys", "there is no vsys7; there are vsys1"
    ),
    "missing bind target": (
        lambda place: rewrite(place, "certificates", "www", bind={"ssl_tls_service_profiles": ["portal"]}),
        "SSL/TLS service profiles", "there is no portal; create it",
    ),
    "key of another administrator": (
        lambda place: rewrite(place, "firewalls", "fw-edge", api_key=place.world.firewalls["fw-edge"].api_key("alice")),
        "administrator", "the API key belongs to alice",
    ),
    "key that ended": (
        lambda place: place.world.firewalls["fw-edge"].expire_api_keys(), "address and API key", "keygen --firewall fw-edge"
    ),
    "wrong client secret": (
        lambda place: place.world.scm.reset_secret("DV_ACCOUNT"), "address and credentials", "client_secret"
    ),
}  # fmt: skip


@pytest.mark.parametrize("title", TROUBLE)
def test_what_would_stop_a_run_is_found_before(tmp_path: Path, title: str) -> None:
    spoil, name, words = TROUBLE[title]
    options = WorldOptions(["fw-edge"], agent_role=AGENT_ROLE)
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}, options) as place:
        good = findings(place)
        assert all(finding.is_ok for finding in good), good
        assert good[-1].text == "1 certificate to order"
        spoil(place)
        bad = [finding for finding in findings(place) if not finding.is_ok]
        assert [finding.name for finding in bad] == [name]
        assert words in bad[0].text


def test_the_agents_own_unfinished_work_is_no_trouble(tmp_path: Path) -> None:
    certificates = {"www": certificate_profile("fw-edge", "www.example.com", "OV")}
    with Scene(tmp_path, certificates, WorldOptions(["fw-edge"], agent_role=AGENT_ROLE)) as place:
        assert place.run("run", "--wait", "0").code == 3
        assert [finding for finding in findings(place) if not finding.is_ok] == []


def test_a_key_that_the_role_hides_is_found_as_a_run_finds_it(tmp_path: Path) -> None:
    certificates = {"www": certificate_profile("fw-edge", "www.example.com")}
    panos = PanosSwitches(csr_kept_after_import=False)
    with Scene(tmp_path, certificates, WorldOptions(["fw-edge"], panos=panos)) as place:
        assert place.run("run").code == 0
        administrator = place.world.firewalls["fw-edge"].admins.get(AGENT_ADMIN)
        assert administrator is not None
        administrator.role = AGENT_ROLE
        assert all(finding.is_ok for finding in findings(place)), "the state folder knows the key"
        shutil.rmtree(tmp_path / "state")
        (bad,) = [finding for finding in findings(place) if not finding.is_ok]
        assert (bad.subject, bad.name) == ("profile www", "next run")
        assert "does not show that www has its key" in bad.text


def test_a_stranger_in_the_profiles_name_is_found_as_a_run_finds_it(tmp_path: Path) -> None:
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}) as place:
        assert place.run("run").code == 0
        rewrite(place, "certificates", "www", subject={"common_name": "other.example.com"})
        (tmp_path / "state/journal/installed/www.json").unlink()
        for path in (tmp_path / "state/journal/ledger").rglob("*.json"):
            path.unlink()
        (bad,) = [finding for finding in findings(place) if not finding.is_ok]
        assert (bad.subject, bad.name) == ("profile www", "next run")
        assert "is not this profile's" in bad.text


def test_a_clock_that_is_off_is_found_on_both_sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}) as place:
        old = "Sat, 01 Jan 2022 00:00:00 GMT"
        monkeypatch.setattr(http.server.BaseHTTPRequestHandler, "date_time_string", lambda *a: old)
        bad = [finding for finding in findings(place) if not finding.is_ok]
        assert [(finding.subject.split()[0], finding.name) for finding in bad] == [
            ("firewall", "clock"),
            ("SCM", "clock"),
        ]
        assert all("2022-01-01 00:00 UTC" in finding.text and "NTP" in finding.text for finding in bad)


def advised(
    tmp_path: Path, *changes: dict[str, Any], firewall: dict[str, Any] | None = None, client: str = "b8923830-aaaa"
) -> list[str]:
    write(tmp_path / "config.yaml", CONFIG)
    write(tmp_path / "profiles/firewalls/fw-edge.yaml", {**FIREWALL, "url": "https://198.51.100.1", **(firewall or {})})
    label = next(iter(CREDENTIALS))
    write(tmp_path / "profiles/sectigo_credentials.yaml", {label: {**CREDENTIALS[label], "client_id": client}})
    mine = {
        **CERTIFICATE,
        "subject": {"common_name": "www.acme.sk", "organization": "Acme", "country": "SK"},
        "sans": {},
    }
    for number, change in enumerate(changes or ({},)):
        write(
            tmp_path / f"profiles/certificates/www{'x' * number}.yaml", {**mine, "name": f"www{'x' * number}", **change}
        )
    found = load(tmp_path / "config.yaml")
    return advice(found, found.certificates.values())


SUBJECT = {"common_name": "www.acme.sk", "organization": "Acme"}
ADVICE: list[tuple[dict[str, Any], str]] = [
    ({"sans": {"dns": ["intranet"]}}, "certificate for intranet: it is one label"),
    ({"sans": {"dns": ["fw.corp.local"]}}, "certificate for fw.corp.local: .local is not a domain"),
    ({"sans": {"dns": ["*.acme.internal"]}}, "certificate for *.acme.internal: .internal"),
    ({"sans": {"dns": ["my_fw.acme.sk"]}}, "certificate for my_fw.acme.sk: it holds an underscore"),
    ({"sans": {"ip": ["10.0.0.1"]}}, "certificate for 10.0.0.1: the address is not a public one"),
    ({"sans": {"ip": ["fd00::1"]}}, "certificate for fd00::1"),
    ({"sans": {"dns": ["www.example.com"]}}, "reserved for documentation (RFC 2606); a value of the sample was left"),
    ({"subject": {**SUBJECT, "country": "UK"}}, "subject.country: there is no country 'UK'; did you mean GB?"),
    ({"subject": {**SUBJECT, "country": "XX"}}, "there is no country 'XX'; see ISO 3166-1"),
    ({"subject": {**SUBJECT, "organization": "Example Ltd"}}, "'Example Ltd' is the sample's"),
]  # fmt: skip


@pytest.mark.parametrize(("change", "words"), ADVICE, ids=[words for _, words in ADVICE])
def test_what_no_public_ca_issues_or_nobody_filled_in_is_told(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    (told,) = advised(tmp_path, change)
    assert told.startswith("profile www: ")
    assert words in told


def test_good_values_are_not_talked_about(tmp_path: Path) -> None:
    names = {"dns": ["acme.sk", "*.acme.sk", "xn--bcher-kva.example.de"], "ip": ["8.8.8.8", "2a00::1"]}
    assert advised(tmp_path, {"sans": names}) == []


def test_the_samples_address_and_client_and_an_account_of_two_types_are_told(tmp_path: Path) -> None:
    told = advised(tmp_path, {}, {"type": "DV"}, firewall={"url": "192.0.2.10"}, client="b8923830-...")
    assert [
        words in text
        for words, text in zip(
            ("url is the sample's", "client_id is still", "an SCM account issues one type"), told, strict=True
        )
    ] == [True] * 3
