"""Configuration: what is accepted, and that every wrong value is refused with its place."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paloaltofw.certificate_profile import KeySpec
from paloaltofw.errors import ConfigurationError, UsageError
from paloaltofw.settings import find_file, load, select
from tests import files

WRONG_VALUES = [
    (kind, key, value) for kind, keys in files.WRONG.items() for key, values in keys.items() for value in values
]


def refused(config: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        load(config)
    return [str(problem) for problem in caught.value.problems]


def test_a_valid_configuration_is_read(tmp_path: Path) -> None:
    configuration = load(files.write_all(tmp_path))
    profile = configuration.certificates["www-example-com"]
    assert profile.key == KeySpec("RSA", 2048)
    assert profile.sans.dns == ("www.example.com", "example.com")
    assert configuration.settings.scm_url == "https://acme.enroll.enterprise.sectigo.com"
    assert configuration.settings.issuance_wait == 300
    assert configuration.settings.state == tmp_path / "state"
    assert configuration.firewalls["fw-edge"].commit_timeout == 1200
    assert configuration.warnings == ()


@pytest.mark.parametrize(("kind", "key", "value"), WRONG_VALUES)
def test_every_wrong_value_is_refused_with_file_line_and_key(
    tmp_path: Path, kind: str, key: str, value: object
) -> None:
    config = files.write_spoiled(tmp_path, kind, files.changed(files.DOCUMENTS[kind], key, value))
    problems = refused(config)
    leaf = re.escape(key.split(".")[-1])
    if (kind, key) in MOVED:
        assert problems
        return
    assert any(re.search(rf"{re.escape(files.FILE_OF[kind])}:\d+:\d+: .*{leaf}", problem) for problem in problems), (
        problems
    )


# A path that leads nowhere is reported where it leads.
MOVED = {("config", "scm.credentials"), ("config", "profiles.certificates"), ("config", "profiles.firewalls")}


@pytest.mark.parametrize(("kind", "key"), [(kind, key) for kind, keys in files.REQUIRED.items() for key in keys])
def test_every_missing_key_is_reported(tmp_path: Path, kind: str, key: str) -> None:
    problems = refused(files.write_spoiled(tmp_path, kind, files.without(files.DOCUMENTS[kind], key)))
    assert any(f"{key}: is missing" in problem and files.FILE_OF[kind] in problem for problem in problems), problems


@pytest.mark.parametrize(
    ("kind", "key", "meant"),
    [
        ("config", "issuance.lostanswer", "lost_answer"),
        ("config", "sate", "state"),
        ("certificate", "subject.comon_name", "common_name"),
        ("certificate", "acount", "account"),
        ("firewall", "api-key", "api_key"),
        ("credentials", "ENROLLMENT_API_1.client-secret", "client_secret"),
    ],
)
def test_unknown_keys_are_errors_with_a_suggestion(tmp_path: Path, kind: str, key: str, meant: str) -> None:
    problems = refused(files.write_spoiled(tmp_path, kind, files.changed(files.DOCUMENTS[kind], key, "x")))
    assert any(f"unknown key; did you mean {meant}?" in problem for problem in problems), problems


def test_all_problems_of_all_files_are_reported_at_once(tmp_path: Path) -> None:
    config = files.write_all(
        tmp_path,
        config=files.changed(files.CONFIG, "logging.level", "loud"),
        certificates={
            "a": files.changed(files.CERTIFICATE, "type", "XV"),
            "b": files.without(files.CERTIFICATE, "key"),
        },
        firewalls={"fw-edge": files.changed(files.FIREWALL, "vsys", "vsys0")},
        credentials=files.changed(files.CREDENTIALS, "ENROLLMENT_API_1.client_secret", ""),
    )
    text = "\n".join(refused(config))
    for part in ("config.yaml", "a.yaml", "b.yaml", "fw-edge.yaml", "sectigo_credentials.yaml"):
        assert part in text


@pytest.mark.parametrize(
    "content", ["", "- a\n", "a: [", "a: 1\na: 2\n", "\x00", "a: !!python/object:os.system x\n", "[" * 5000]
)
def test_files_that_are_no_profiles_are_refused_with_their_name(tmp_path: Path, content: str) -> None:
    config = files.write_all(tmp_path)
    (tmp_path / files.FILE_OF["certificate"]).write_text(content, "utf-8")
    assert any(files.FILE_OF["certificate"] + ":" in problem for problem in refused(config))


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    config = files.write_all(tmp_path)
    (tmp_path / files.FILE_OF["firewall"]).write_bytes(b"url: \xff\xfe\n")
    assert any("not UTF-8" in problem for problem in refused(config))


@pytest.mark.parametrize("spelling", ["P256", "P-256", "p256r1", "P256r1", "secp256r1", "prime256v1"])
def test_every_spelling_of_a_curve_is_understood(tmp_path: Path, spelling: str) -> None:
    document = files.changed(files.CERTIFICATE, "key", {"type": "ECDSA", "curve": spelling})
    assert load(files.write_all(tmp_path, certificates={"a": document})).certificates["a"].key == KeySpec("ECDSA", 256)


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ({"type": "ECDSA", "size": 2048}, "key.size: belongs to RSA keys"),
        ({"type": "ECDSA"}, "key.curve: is missing"),
        ({"type": "RSA", "size": 2048, "curve": "P256"}, "key.curve: belongs to ECDSA keys"),
    ],
)
def test_key_types_do_not_mix(tmp_path: Path, key: dict[str, object], words: str) -> None:
    document = files.changed(files.CERTIFICATE, "key", key)
    assert any(words in problem for problem in refused(files.write_all(tmp_path, certificates={"a": document})))


def test_the_name_defaults_to_the_file_and_the_common_name_is_a_san(tmp_path: Path) -> None:
    document = files.changed(files.without(files.CERTIFICATE, "name"), "sans", {})
    profile = load(files.write_all(tmp_path, certificates={"portal": document})).certificates["portal"]
    assert profile.name == "portal"
    assert profile.sans.dns == ("www.example.com",)


def test_internationalised_names_become_a_labels(tmp_path: Path) -> None:
    document = files.changed(files.CERTIFICATE, "sans.dns", ["bücher.example.com", "*.bücher.example.com"])
    profile = load(files.write_all(tmp_path, certificates={"a": document})).certificates["a"]
    assert profile.sans.dns[1:] == ("xn--bcher-kva.example.com", "*.xn--bcher-kva.example.com")


def test_norway_needs_no_quotes(tmp_path: Path) -> None:
    config = files.write_all(tmp_path)
    path = tmp_path / files.FILE_OF["certificate"]
    path.write_text(path.read_text("utf-8").replace("country: SK", "country: NO"), "utf-8")
    assert load(config).certificates["www-example-com"].subject.country == "NO"


def test_wildcards_are_refused_for_ev_only(tmp_path: Path) -> None:
    wild = files.changed(files.CERTIFICATE, "sans.dns", ["*.example.com"])
    assert load(files.write_all(tmp_path, certificates={"a": wild})).certificates["a"].sans.dns[1] == "*.example.com"
    problems = refused(files.write_all(tmp_path, certificates={"a": files.changed(wild, "type", "EV")}))
    assert any("wildcard" in problem for problem in problems)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        ("vpn", "vpn", "is the name of profile"),
        ("vpn", "vpn-2", "could be a successor"),
        ("vpn-17", "vpn", "could be a successor"),
    ],
)
def test_names_that_could_collide_with_successors_are_refused(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    certificates = {
        "a": files.changed(files.CERTIFICATE, "name", first), "b": files.changed(files.CERTIFICATE, "name", second)
    }  # fmt: skip
    assert any(words in problem for problem in refused(files.write_all(tmp_path, certificates=certificates)))


def test_the_same_names_on_different_firewalls_are_fine(tmp_path: Path) -> None:
    certificates = {
        "a": files.changed(files.CERTIFICATE, "name", "vpn"),
        "b": files.changed(files.changed(files.CERTIFICATE, "name", "vpn"), "firewall", "fw-two"),
    }
    firewalls = {"fw-edge": files.FIREWALL, "fw-two": files.changed(files.FIREWALL, "url", "192.0.2.11")}
    assert len(load(files.write_all(tmp_path, certificates=certificates, firewalls=firewalls)).certificates) == 2


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("192.0.2.1", "https://192.0.2.1"),
        ("fw.example.com", "https://fw.example.com"),
        ("https://fw.example.com/api/", "https://fw.example.com"),
        ("https://fw.example.com:443", "https://fw.example.com"),
        ("fw.example.com:4443", "https://fw.example.com:4443"),
        ("2001:db8::1", "https://[2001:db8::1]"),
        ("https://[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_a_firewall_may_be_url_name_or_address(tmp_path: Path, text: str, url: str) -> None:
    firewalls = {"fw-edge": files.changed(files.FIREWALL, "url", text)}
    assert load(files.write_all(tmp_path, firewalls=firewalls)).firewalls["fw-edge"].url == url


def test_secrets_may_come_from_the_environment_or_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FW_KEY", "key-from-environment")
    (tmp_path / "secret").write_text("secret-from-file\n", "utf-8")
    config = files.write_all(
        tmp_path,
        firewalls={"fw-edge": files.changed(files.FIREWALL, "api_key", "${FW_KEY}")},
        credentials=files.changed(files.CREDENTIALS, "ENROLLMENT_API_1.client_secret", f"file:{tmp_path}/secret"),
    )
    configuration = load(config)
    assert configuration.firewalls["fw-edge"].api_key.reveal() == "key-from-environment"
    assert configuration.accounts["ENROLLMENT_API_1"].client_secret.reveal() == "secret-from-file"


def test_secrets_never_stand_in_a_problem(tmp_path: Path) -> None:
    document = files.changed(files.FIREWALL, "api_key", "canary-4711\nsecond line")
    problems = refused(files.write_all(tmp_path, firewalls={"fw-edge": document}))
    assert problems
    assert "canary" not in "".join(problems)


def test_exposed_credentials_are_warned_about(tmp_path: Path) -> None:
    config = files.write_all(tmp_path)
    (tmp_path / files.FILE_OF["firewall"]).chmod(0o644)
    assert any("readable by others" in warning for warning in load(config).warnings)


def test_mail_addresses_are_warned_about(tmp_path: Path) -> None:
    document = files.changed(files.CERTIFICATE, "sans.email", ["a@example.com"])
    warnings = load(files.write_all(tmp_path, certificates={"a": document})).warnings
    assert any("sans.email" in warning for warning in warnings)


def test_open_tls_is_warned_about(tmp_path: Path) -> None:
    config = files.write_all(tmp_path, firewalls={"fw-edge": files.changed(files.FIREWALL, "verify_tls", False)})
    assert any("verify_tls is false" in warning for warning in load(config).warnings)


def test_selection_by_name_with_or_without_suffix(tmp_path: Path) -> None:
    configuration = load(files.write_all(tmp_path))
    assert [p.id for p in select(configuration, ("www-example-com.yaml",), ())] == ["www-example-com"]
    assert [p.id for p in select(configuration, (), ("fw-edge",))] == ["www-example-com"]
    with pytest.raises(UsageError, match="did you mean www-example-com"):
        select(configuration, ("www-example-con",), ())


def test_where_the_configuration_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_file(None).name == "config.yaml"
    assert find_file(None).parent.name == "paloaltofw"
    monkeypatch.setenv("sectigo_pycert_config", "/etc/agent.yaml")
    assert find_file(None) == Path("/etc/agent.yaml")
    assert find_file("/other.yaml") == Path("/other.yaml")
