"""`keygen` and `trust` on a terminal, and a management certificate that the agent itself replaces."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path
from typing import Any

import pytest
import yaml

from paloaltofw.clock import SystemClock
from paloaltofw.configuration.loader import load
from paloaltofw.execution.clients import open_firewall, remember_management
from paloaltofw.sandbox.base.https import server_context
from paloaltofw.sandbox.panos.administrators import Administrators
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.world import certificate_profile
from paloaltofw.storage.store import Store
from tests.end_to_end.harness import AGENT_ADMIN, Scene, WorldOptions
from tests.end_to_end.terminal import run_on_terminal
from tests.sweeps import one_in

PASSWORD = "p&s@w?rd é'\""
SYSTEM = "/config/devices/entry[@name='localhost.localdomain']/deviceconfig/system"


def scene(tmp_path: Path, options: WorldOptions | None = None, **more: Any) -> Scene:
    certificates = {"www": certificate_profile("fw-edge", "www.example.com", **more)}
    made = Scene(tmp_path, certificates, options or WorldOptions(firewalls=["fw-edge"]))
    made.world.firewalls["fw-edge"].set_password(AGENT_ADMIN, PASSWORD)
    change(profile_path(tmp_path), api_key=made.world.firewalls["fw-edge"].api_key(AGENT_ADMIN))
    return made


def profile_path(tmp_path: Path) -> Path:
    return tmp_path / "profiles/firewalls/fw-edge.yaml"


def change(path: Path, **values: object) -> None:
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text("utf-8")), **values}), "utf-8")


def presented(place: Scene, firewall: str = "fw-edge") -> str:
    pem = ssl.get_server_certificate(("127.0.0.1", place.world.servers[firewall].port))
    digits = hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest().upper()
    return "sha256:" + ":".join(digits[i : i + 2] for i in range(0, 64, 2))


KEYGEN = ("keygen", "--firewall", "fw-edge")
TYPED = [("User name", ""), ("Password of", PASSWORD)]


@pytest.mark.parametrize("switches", [PanosSwitches(), PanosSwitches(keygen_without_lifetime="new_key")])
def test_keygen_writes_the_key_and_keeps_everything_else(tmp_path: Path, switches: PanosSwitches) -> None:
    with scene(tmp_path, WorldOptions(firewalls=["fw-edge"], panos=switches)) as place:
        path = profile_path(tmp_path)
        text = path.read_text("utf-8")
        old = yaml.safe_load(text)["api_key"]
        path.write_text(text.replace(f"api_key: {old}", "api_key: 'LUFRPT...'   # from keygen") + "# the end", "utf-8")
        done = run_on_terminal(place.config, KEYGEN, TYPED)
        assert done.code == 0, done.out
        assert "ends every session of svc-certs" in done.out
        assert PASSWORD not in done.out
        new = yaml.safe_load(path.read_text("utf-8"))["api_key"]
        assert new == place.world.firewalls["fw-edge"].api_key(AGENT_ADMIN)
        assert new not in done.out
        expected = text.replace(f"api_key: {old}", f'api_key: "{new}"   # from keygen') + "# the end"
        assert path.read_text("utf-8") == expected
        assert path.stat().st_mode & 0o777 == 0o600
        assert place.run("run").code == 0


def test_keygen_adds_a_key_that_is_missing(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        path = profile_path(tmp_path)
        document = yaml.safe_load(path.read_text("utf-8"))
        del document["api_key"]
        path.write_text(yaml.safe_dump(document), "utf-8")
        assert run_on_terminal(place.config, KEYGEN, TYPED).code == 0
        assert place.run("run").code == 0


@pytest.mark.parametrize("was_encrypted", one_in(2, [True, False]))
@pytest.mark.sweep
def test_keygen_encrypts_where_encryption_is_configured(home: Path, tmp_path: Path, was_encrypted: bool) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text("correct horse", "utf-8")
    with scene(tmp_path) as place:
        change(place.config, encryption={"passphrase_file": "passphrase", "gnupg_home": str(home)})
        path = profile_path(tmp_path)
        if was_encrypted:
            assert place.run_cold("encrypt", str(path)).code == 0
        done = run_on_terminal(place.config, KEYGEN, TYPED)
        assert done.code == 0, done.out
        assert not path.exists()
        assert place.world.firewalls["fw-edge"].api_key(AGENT_ADMIN).encode() not in Path(f"{path}.gpg").read_bytes()
        assert place.run_cold("run").code == 0


@pytest.mark.parametrize(
    ("edit", "typed", "words"),
    [
        ({}, [("User name", ""), ("Password of", "wrong")], "user name or password is not accepted"),
        ({}, [("User name", "alice")], "commits are limited to its changes"),
        ({"api_key": "${SOME_KEY}"}, [], "api_key: is taken from elsewhere"),
        ({"api_key": "file:/run/key"}, [], "api_key: is taken from elsewhere"),
        ({"url": "http://x.example.com"}, [], "url: "),
        ({"url": "https://127.0.0.1:9"}, TYPED, "cannot be reached"),
        ({"verify_tls": "sha256:" + "0" * 64}, TYPED, "is not the pinned one"),
    ],
)
def test_keygen_that_cannot_succeed_changes_nothing(
    tmp_path: Path, edit: dict[str, object], typed: list[tuple[str, str]], words: str
) -> None:
    with scene(tmp_path) as place:
        path = profile_path(tmp_path)
        change(path, **edit)
        before = path.read_bytes()
        done = run_on_terminal(place.config, KEYGEN, typed)
        assert done.code in (1, 2), done.out
        assert words in done.out
        assert PASSWORD not in done.out
        assert "Traceback" not in done.out
        assert path.read_bytes() == before


def test_keygen_asks_nobody_where_the_profile_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with scene(tmp_path) as place:
        calls: list[object] = []
        monkeypatch.setattr(Administrators, "keygen", lambda *a: calls.append(a))
        path = profile_path(tmp_path)
        path.write_text(
            "{"
            + ", ".join(f"{k}: '{v}'" for k, v in yaml.safe_load(path.read_text("utf-8")).items() if k != "api_key")
            + "}",
            "utf-8",
        )
        before = path.read_bytes()
        done = run_on_terminal(place.config, KEYGEN, TYPED)
        assert done.code == 1, done.out
        assert "give api_key a line of its own" in done.out
        assert not calls
        assert path.read_bytes() == before


@pytest.mark.parametrize("argv", [KEYGEN, ("trust", "--firewall", "fw-edge")])
def test_without_a_terminal_nothing_is_asked_and_nothing_called(tmp_path: Path, argv: tuple[str, ...]) -> None:
    with scene(tmp_path) as place:
        done = place.run_cold(*argv)
        assert done.code == 2
        assert "terminal" in done.err
        assert not place.world.firewalls["fw-edge"].log


@pytest.mark.parametrize("argv", [("keygen",), ("trust", "--fingerprint", "AB" * 32)])
def test_an_unknown_firewall(tmp_path: Path, argv: tuple[str, ...]) -> None:
    with scene(tmp_path) as place:
        done = run_on_terminal(place.config, [*argv, "--firewall", "fw-egde"], [])
        assert done.code == 2
        assert "did you mean fw-edge?" in done.out


TRUST = ("trust", "--firewall", "fw-edge")


def test_trust_shows_the_certificate_and_pins_it(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        path = profile_path(tmp_path)
        change(path, verify_tls=True, api_key="LUFRPT...")
        before = path.read_bytes()
        pin = presented(place)
        done = run_on_terminal(place.config, TRUST, [("Write it into", "n")])
        assert done.code == 1
        assert pin in done.out
        assert "127.0.0.1" in done.out
        assert path.read_bytes() == before
        assert run_on_terminal(place.config, TRUST, [("Write it into", "y")]).code == 0
        assert yaml.safe_load(path.read_text("utf-8"))["verify_tls"] == pin
        again = run_on_terminal(place.config, TRUST, [])
        assert (again.code, "pinned already" in again.out) == (0, True)
        change(path, api_key=place.world.firewalls["fw-edge"].api_key(AGENT_ADMIN))
        assert place.run("run").code == 0
        assert {entry.type for entry in place.world.firewalls["fw-edge"].log} >= {"config"}


@pytest.mark.parametrize("key", one_in(2, ["LUFRPT...", "${SOME_KEY}", None, "file:/run/key"]))
def test_trust_with_a_fingerprint_needs_no_terminal_and_no_key(tmp_path: Path, key: str | None) -> None:
    with scene(tmp_path) as place:
        path = profile_path(tmp_path)
        change(path, api_key=key)
        before = path.read_bytes()
        done = place.run_cold(*TRUST, "--fingerprint", "AB" * 32)
        assert done.code == 1
        assert presented(place) in done.err
        assert path.read_bytes() == before
        assert place.run_cold(*TRUST, "--fingerprint", "nonsense").code == 2
        done = place.run_cold(*TRUST, "--fingerprint", presented(place))
        assert (done.code, done.out, done.err) == (0, "", "")
        assert yaml.safe_load(path.read_text("utf-8"))["verify_tls"] == presented(place)


def pair(tmp_path: Path, lines: str) -> Scene:
    """The profile of a pair: `lines` are those of its `ha_peer`, with URL for the address of the other unit."""
    made = scene(tmp_path, WorldOptions(firewalls=["fw-edge", "fw-other"]))
    (tmp_path / "profiles/firewalls/fw-other.yaml").unlink()
    url = made.world.servers["fw-other"].url
    with profile_path(tmp_path).open("a", encoding="utf-8") as file:
        file.write(lines.replace("URL", url))
    made.world.firewalls["fw-other"].set_password(AGENT_ADMIN, PASSWORD)
    return made


PEERS = {
    "a block": "ha_peer:   # the other unit\n  url: URL   # its address\n# the end\n",
    "a key and a pin that are there": "ha_peer:\n  api_key: LUFRPT...\n  verify_tls: sha256:nonsense\n  url: URL\n",
    "a flow": "ha_peer: {url: 'URL'}   # the other unit\n",
}


@pytest.mark.parametrize("title", one_in(3, PEERS))
def test_the_other_unit_of_a_pair_gets_a_pin_and_a_key_of_its_own(tmp_path: Path, title: str) -> None:
    lines = PEERS[title]
    with pair(tmp_path, lines) as place:
        path = profile_path(tmp_path)
        if "nonsense" in lines:
            assert place.run_cold("check").code == 2
        before = yaml.safe_load(path.read_text("utf-8"))
        comments = [line.partition("#")[2] for line in path.read_text("utf-8").splitlines() if "#" in line]
        pin = presented(place, "fw-other")
        done = place.run_cold(*TRUST, "--ha-peer", "--fingerprint", pin)
        assert (done.code, done.err) == (0, "")
        done = run_on_terminal(place.config, (*KEYGEN, "--ha-peer"), TYPED)
        assert done.code == 0, done.out
        after = yaml.safe_load(path.read_text("utf-8"))
        key = place.world.firewalls["fw-other"].api_key(AGENT_ADMIN)
        assert after == {**before, "ha_peer": {**before["ha_peer"], "verify_tls": pin, "api_key": key}}
        assert comments == [line.partition("#")[2] for line in path.read_text("utf-8").splitlines() if "#" in line]


def test_there_is_no_other_unit_to_complete(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        before = profile_path(tmp_path).read_bytes()
        done = place.run_cold(*TRUST, "--ha-peer", "--fingerprint", "AB" * 32)
        assert done.code == 2
        assert "fw-edge.yaml names no other unit" in done.err
        assert profile_path(tmp_path).read_bytes() == before


def test_a_changed_certificate_stops_that_firewall_alone_with_both_fingerprints(tmp_path: Path) -> None:
    certificates = {
        "www": certificate_profile("fw-edge", "www.example.com"),
        "vpn": certificate_profile("fw-branch", "vpn.example.com"),
    }
    with Scene(tmp_path, certificates) as place:
        old = presented(place)
        change(profile_path(tmp_path), verify_tls=old)
        world = place.world
        world.servers["fw-edge"].use_context(server_context(*world.tls.server_identity("127.0.0.1")))
        done = place.run("run", "--json")
        assert done.code == 1
        assert done.profiles["vpn"]["state"] == "valid"
        assert done.profiles["www"]["error"]["code"] == "not-trusted"
        assert old in done.err + done.out
        assert presented(place) in done.out
        assert not world.firewalls["fw-edge"].log


def let_the_management_interface_use_it(place: Scene) -> None:
    firewall = place.world.firewalls["fw-edge"]
    firewall.install_profile("management", "www")
    firewall.install(SYSTEM, "<ssl-tls-service-profile>management</ssl-tls-service-profile>")


def observe(place: Scene) -> None:
    """What a run does over a connection that is trusted."""
    configuration = load(place.config)
    profile = configuration.firewalls["fw-edge"]
    client = open_firewall(configuration, profile, SystemClock())
    remember_management(Store(configuration.settings.state), client, profile)
    client.close()


def serve_somebody_elses(place: Scene) -> None:
    context = server_context(*place.world.tls.server_identity("192.0.2.1"))
    place.world.servers["fw-edge"].use_context(context)


def test_the_management_certificate_that_the_agent_itself_replaces_is_recognised(tmp_path: Path) -> None:
    with scene(tmp_path) as place:
        first = presented(place)
        assert place.run("run").code == 0
        let_the_management_interface_use_it(place)
        observe(place)
        assert presented(place) == first
        done = place.run("renew", "--force", "--all", "--yes")
        assert (done.code, done.err) == (0, "")
        second = presented(place)
        assert second != first
        assert "presents the certificate that the agent itself installed" in place.log
        assert place.run("renew", "--force", "--all", "--yes").code == 0
        assert presented(place) not in (first, second)
        assert place.run("run").code == 0
        assert place.run("check").code == 0
        # Anybody else's certificate is refused as ever.
        serve_somebody_elses(place)
        assert place.run("run").code == 1


def test_the_agents_other_certificates_are_not_taken_for_the_firewall(tmp_path: Path) -> None:
    """Whoever has the key of a service must not be taken for the firewall, unless the user says so."""
    with scene(tmp_path) as place:
        assert place.run("run").code == 0
        observe(place)  # the management interface names no certificate
        let_the_management_interface_use_it(place)
        place.world._present("fw-edge")
        done = place.run("run", "--json")
        assert (done.code, done.profiles["www"]["error"]["code"]) == (1, "not-trusted")
        change(profile_path(tmp_path), trust_own=True)
        done = place.run("run")
        assert (done.code, done.err) == (0, "")
        assert place.run("revoke", "-p", "www", "--yes").code == 0
        assert place.run("run", "--json").profiles["www"]["error"]["code"] == "not-trusted"


def test_a_pin_is_a_pin(tmp_path: Path) -> None:
    """Not even the agent's own certificate takes the place of the one that the user pinned."""
    with scene(tmp_path) as place:
        first = presented(place)
        change(profile_path(tmp_path), verify_tls=first, trust_own=True)
        assert place.run("run").code == 0
        let_the_management_interface_use_it(place)
        place.world._present("fw-edge")
        observed = len(place.world.firewalls["fw-edge"].log)
        done = place.run("run", "--json")
        assert (done.code, done.profiles["www"]["error"]["code"]) == (1, "not-trusted")
        assert first in done.out
        assert presented(place) in done.out
        assert len(place.world.firewalls["fw-edge"].log) == observed
        assert place.run_cold(*TRUST, "--fingerprint", presented(place)).code == 0
        assert place.run("run").code == 0
