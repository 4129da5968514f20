"""The mistakes that many people make: each message names the mistake, the place and the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from paloaltofw.configuration.loader import load
from paloaltofw.secret import redact
from tests import files
from tests.configuration.refusal import refused


def shown(config: Path) -> str:
    """The problems as a user sees them: without secrets."""
    return redact("\n".join(refused(config)))


# --- tabs ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("scm:\n\turl: https://acme.enroll.enterprise.sectigo.com\n", "config.yaml:2:1: "),
        ("scm:\n  url: https://acme.enroll.enterprise.sectigo.com\nprofiles:\n  \tfirewalls: x\n", "config.yaml:4:3: "),
        ("scm:\n  ca_bundle: null\t# why\n  url: https://x.example.com\n  timeout: [\n\n", None),
    ],
)
def test_a_tab_is_called_a_tab(tmp_path: Path, text: str, place: str | None) -> None:
    config = files.write_all(tmp_path)
    config.write_text(text, "utf-8")
    (problem,) = refused(config)
    assert ("a tab indents this line, and YAML takes none there; indent with blanks" in problem) is (place is not None)
    assert (place or "is not valid YAML") in problem


# --- secrets ---------------------------------------------------------------------------------------------------------------

PLACES = {
    "firewall": ("api_key", "LUFRPT1abcdefgh=="),
    "credentials": ("client_secret", "s]e.c!r,et"),
}


def rewritten(tmp_path: Path, kind: str, line: str) -> Path:
    """A valid configuration whose line with the secret is this one instead."""
    config = files.write_all(tmp_path)
    path = tmp_path / files.FILE_OF[kind]
    key = PLACES[kind][0]
    lines = path.read_text("utf-8").splitlines()
    number = next(number for number, old in enumerate(lines) if old.strip().startswith(f"{key}:"))
    indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
    lines[number] = f"{indent}{key}: {line}"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return config


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize(
    ("line", "is_cut"),
    [
        ("Geheim4711 #rest", True),
        ("Geheim4711\t#rest", True),
        ("Geheim4711 # rest", False),
        ("Geheim4711#rest", False),
        ("'Geheim4711 #rest'", False),
        ('"Geheim4711"   #rest', False),
        ("Geheim4711", False),
    ],
)
def test_a_secret_that_a_comment_cuts_is_recognised(tmp_path: Path, kind: str, line: str, is_cut: bool) -> None:
    config = rewritten(tmp_path, kind, line)
    warnings = [warning for warning in load(config).warnings if "begin a comment" in warning]
    assert len(warnings) == int(is_cut)
    for warning in warnings:
        assert files.FILE_OF[kind] + ":" in warning
        assert f": {PLACES[kind][0]}: " in warning
        assert "put it in quotes" in warning
        assert "Geheim" not in warning
        assert "rest" not in warning


@pytest.mark.parametrize("kind", PLACES)
def test_a_secret_that_is_all_comment_is_told_about_quotes(tmp_path: Path, kind: str) -> None:
    (problem,) = refused(rewritten(tmp_path, kind, "#Geheim4711"))
    assert "has no value; " in problem
    assert "(in quotes, if it begins with #)" in problem


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("path", ["/run/secrets/fw-edge.key", "/no/such/client_secret", "~/Secrets/api key.txt", "key"])
def test_the_missing_file_of_a_secret_is_named(tmp_path: Path, kind: str, path: str) -> None:
    text = shown(rewritten(tmp_path, kind, f"file:{path}"))
    assert f"the file {Path(path).expanduser()} cannot be read: No such file or directory" in text
    assert "correct the path" in text


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize(
    "secret", ["s]e.c!r,et-4711", "LUFRPT14abcDEFghiJKLmnoPQR0123456789==", "abc/DEF+ghi/0123==", "Ab3" * 6]
)
@pytest.mark.parametrize("prefix", ["file:", "file:/", "file:/etc/"])
def test_a_secret_that_was_written_as_a_path_is_not_shown(tmp_path: Path, kind: str, secret: str, prefix: str) -> None:
    assert secret not in shown(rewritten(tmp_path, kind, f"'{prefix}{secret}'"))


# --- files in the wrong place ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "document", "what", "remedy"),
    [
        ("firewall", files.CERTIFICATE, "is a certificate profile", "move it to the folder that profiles.certificates names"),
        ("certificate", files.FIREWALL, "is a firewall profile", "move it to the folder that profiles.firewalls names"),
        ("firewall", files.CONFIG, "is a config.yaml", "move it away"),
        ("certificate", files.CONFIG, "is a config.yaml", "move it away"),
    ],
)  # fmt: skip
def test_a_profile_in_the_wrong_folder_is_one_problem(
    tmp_path: Path, kind: str, document: dict[str, Any], what: str, remedy: str
) -> None:
    config = files.write_all(tmp_path)
    path = (tmp_path / files.FILE_OF[kind]).with_name("astray.yaml")
    files.write(path, document)
    (problem,) = refused(config)
    assert problem == f"{path}:1:1: {what}; {remedy}"


@pytest.mark.parametrize("kind", ["certificate", "firewall"])
def test_a_profile_with_a_foreign_key_is_still_what_it_is(tmp_path: Path, kind: str) -> None:
    foreign = {"certificate": {"url": "https://192.0.2.1", "admin": "x"}, "firewall": {"account": "x", "firewall": "y"}}
    problems = refused(files.write_spoiled(tmp_path, kind, {**files.DOCUMENTS[kind], **foreign[kind]}))
    assert len(problems) == 2
    assert all("unknown key" in problem for problem in problems)


@pytest.mark.parametrize("key", ["scm.credentials", "profiles.certificates", "profiles.firewalls"])
def test_a_path_that_leads_nowhere_names_its_line_in_config_yaml(tmp_path: Path, key: str) -> None:
    config = files.write_all(tmp_path, config=files.changed(files.CONFIG, key, "no/such/place"))
    (problem,) = refused(config)
    number = next(n for n, line in enumerate(config.read_text("utf-8").splitlines(), 1) if "no/such/place" in line)
    assert problem.startswith(f"{config}:{number}:")
    assert f": {key}: " in problem
    assert f"{tmp_path}/no/such/place" in problem
    # The default may lead nowhere too; then there is no line.
    moved = tmp_path / "moved"
    default = files.write_all(moved, config=files.without(files.CONFIG, key))
    (moved / "profiles").rename(moved / "elsewhere")
    assert any(problem.startswith(f"{default}:1:1: {key}: ") for problem in refused(default))


# --- addresses ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "url",
    [
        "https://cert-manager.com/customer/acme", "https://cert-manager.com", "https://hard.cert-manager.com/customer/acme/ssl",
        "https://admin.enterprise.sectigo.com", "https://acme.example.com/customer/acme?locale=en",
    ],
)  # fmt: skip
def test_the_address_of_the_portal_is_recognised(tmp_path: Path, url: str) -> None:
    (problem,) = refused(files.write_spoiled(tmp_path, "config", files.changed(files.CONFIG, "scm.url", url)))
    assert "scm.url: is the address of SCM's portal, where people log in" in problem
    assert "Enrollment > REST" in problem


def test_the_address_of_the_api_is_none_of_the_portal(tmp_path: Path) -> None:
    for url in (
        "https://acme.enroll.enterprise.sectigo.com/api/v1",
        "https://enroll.cert-manager.com",
        "https://127.0.0.1:8443",
    ):
        load(files.write_spoiled(tmp_path, "config", files.changed(files.CONFIG, "scm.url", url)))


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://192.0.2.10/php/login.php", "https://192.0.2.10"),
        ("https://192.0.2.10/#dashboard", "https://192.0.2.10"),
        ("192.0.2.10/unauth/php/login.php?x=1", "https://192.0.2.10"),
        ("https://fw.example.com:4443/ui/#/policies", "https://fw.example.com:4443"),
        ("http://fw.example.com/php/login.php", "https://fw.example.com"),
    ],
)
def test_the_address_of_a_page_of_the_web_interface_is_recognised(tmp_path: Path, url: str, address: str) -> None:
    problems = refused(files.write_spoiled(tmp_path, "firewall", files.changed(files.FIREWALL, "url", url)))
    assert any(f"url: is a page of the firewall's web interface; write {address}" in text for text in problems)
    load(files.write_spoiled(tmp_path, "firewall", files.changed(files.FIREWALL, "url", address)))
