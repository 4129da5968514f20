"""Whole configurations: every wrong value is refused with file, line and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paloaltofw.configuration.loader import load, select
from paloaltofw.errors import UsageError
from paloaltofw.model.certificate_profile import KeySpec
from tests import files
from tests.configuration.refusal import refused
from tests.sweeps import one_in

WRONG_VALUES = [
    (kind, key, value) for kind, keys in files.WRONG.items() for key, values in keys.items() for value in values
]


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


@pytest.mark.parametrize(("kind", "key", "value"), one_in(4, WRONG_VALUES))
def test_every_wrong_value_is_refused_with_file_line_and_key(
    tmp_path: Path, kind: str, key: str, value: object
) -> None:
    config = files.write_spoiled(tmp_path, kind, files.changed(files.DOCUMENTS[kind], key, value))
    problems = refused(config)
    leaf = re.escape(key.split(".")[-1])
    assert any(re.search(rf"{re.escape(files.FILE_OF[kind])}:\d+:\d+: .*{leaf}", problem) for problem in problems), (
        problems
    )


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


def test_selection_by_name_with_or_without_suffix(tmp_path: Path) -> None:
    configuration = load(files.write_all(tmp_path))
    assert [p.id for p in select(configuration, ("www-example-com.yaml",), ())] == ["www-example-com"]
    assert [p.id for p in select(configuration, (), ("fw-edge",))] == ["www-example-com"]
    with pytest.raises(UsageError, match="did you mean www-example-com"):
        select(configuration, ("www-example-con",), ())
