"""The likely mistakes of a new administrator, as typed: each message says what to do next."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from paloaltofw.paloaltoagent import cli
from tests import files

CONFIG, CREDENTIALS = "config.yaml", "profiles/sectigo_credentials.yaml"
FIREWALL, CERTIFICATE = "profiles/firewalls/fw-edge.yaml", "profiles/certificates/www-example-com.yaml"
Spoil = Callable[[Path], object]


def line(file: str, key: str, text: str) -> Spoil:
    """The line of this key is this one instead."""

    def spoil(folder: Path) -> None:
        path = folder / file
        lines = path.read_text("utf-8").splitlines()
        number = next(number for number, old in enumerate(lines) if old.strip().startswith(f"{key}:"))
        indent = lines[number][: len(lines[number]) - len(lines[number].lstrip())]
        lines[number] = indent + text if text else "#"
        path.write_text("\n".join(lines) + "\n", "utf-8")

    return spoil


def moved(file: str, target: str) -> Spoil:
    return lambda folder: (folder / file).rename(folder / target)


OFFLINE: dict[str, tuple[Spoil, str]] = {
    "portal's address": (line(CONFIG, "url", "url: https://cert-manager.com/customer/acme"), "Enrollment > REST"),
    "http": (line(CONFIG, "url", "url: http://acme.enroll.enterprise.sectigo.com"), "write https://"),
    "no scheme": (line(CONFIG, "url", "url: acme.enroll.enterprise.sectigo.com"), "write https://"),
    "sample's SCM": (line(CONFIG, "url", "url: https://CUSTOMER.enroll.enterprise.sectigo.com"), "Enrollment > REST"),
    "a tab": (line(CONFIG, "url", "\turl: x"), "indent with blanks"),
    "no CA file": (line(CONFIG, "ca_bundle", "ca_bundle: ca.pem"), "correct the path"),
    "no credentials": (lambda folder: (folder / CREDENTIALS).unlink(), "config.yaml:4:16: scm.credentials: there is no file"),
    "no folder of firewalls": (moved("profiles/firewalls", "profiles/fw"), "config.yaml:9:14: profiles.firewalls: the folder"),
    "colon forgotten": (line(FIREWALL, "admin", "admin svc-certs"), "the colon with a blank behind each key"),
    "wrong key": (line(FIREWALL, "admin", "administrator: svc-certs"), "known here: admin, "),
    "typing error in a key": (line(FIREWALL, "admin", "admim: svc-certs"), "unknown key; did you mean admin?"),
    "curly quotes": (line(FIREWALL, "admin", "admin: “svc-certs”"), "letters, digits, blank"),
    "page of the web interface": (line(FIREWALL, "url", "url: https://192.0.2.10/php/login.php"), "write https://192.0.2.10"),
    "key not fetched": (line(FIREWALL, "api_key", ""), "api_key: is missing; run `paloaltoagent keygen --firewall fw-edge`"),
    "key empty": (line(FIREWALL, "api_key", "api_key:"), "run `paloaltoagent keygen --firewall fw-edge`"),
    "key of the sample": (line(FIREWALL, "api_key", 'api_key: "LUFRPT..."'), "run `paloaltoagent keygen --firewall fw-edge`"),
    "key's file missing": (line(FIREWALL, "api_key", "api_key: file:/nowhere/key"), "/nowhere/key cannot be read"),
    "variable not set": (line(FIREWALL, "api_key", "api_key: ${NOT_SET}"), "NOT_SET is not set; set it"),
    "pin cut off": (line(FIREWALL, "verify_tls", "verify_tls: sha256:AB:CD"), "32 bytes in hex"),
    "CA file elsewhere": (line(FIREWALL, "verify_tls", "verify_tls: ca.pem"), "/profiles/firewalls/ca.pem); true, the path"),
    "vsys by its display name": (line(FIREWALL, "vsys", "vsys: DMZ"), "allowed: shared, vsys1"),
    "account misspelt": (line(CERTIFICATE, "account", "account: ENROLMENT_API_1"), "did you mean ENROLLMENT_API_1?"),
    "firewall misspelt": (line(CERTIFICATE, "firewall", "firewall: fwedge"), "did you mean fw-edge?"),
    "firewall with .yaml": (line(CERTIFICATE, "firewall", "firewall: fw-edge.yaml"), "did you mean fw-edge?"),
    "type in small letters": (line(CERTIFICATE, "type", "type: ov"), "did you mean OV?"),
    "country's name": (line(CERTIFICATE, "country", "country: Slovakia"), "two capital letters"),
    "URL for a name": (line(CERTIFICATE, "common_name", "common_name: https://www.acme.sk"), "write the host name alone"),
    "address for a name": (line(CERTIFICATE, "common_name", "common_name: 192.0.2.7"), "IP addresses stand under sans.ip"),
    "wildcard without quotes": (line(CERTIFICATE, "dns", "dns: [*.acme.sk]"), 'write it like "*.example.com"'),
    "names as a text": (line(CERTIFICATE, "email", "email: 7"), "admin@example.com"),
    "weak key": (line(CERTIFICATE, "size", "size: 1024"), "allowed: 2048, 3072, 4096"),
    "curve of an RSA key": (line(CERTIFICATE, "size", "curve: P256"), "an RSA key has size"),
    "profile ends in .yml": (moved(CERTIFICATE, "profiles/certificates/www.yml"), "rename it to www.yaml"),
    "profile in the wrong folder": (moved(CERTIFICATE, "profiles/firewalls/www.yaml"), "profiles.certificates"),
}  # fmt: skip


@pytest.mark.parametrize("title", OFFLINE)
def test_a_mistake_in_a_file_is_told_with_its_place_and_what_to_do(tmp_path: Path, title: str) -> None:
    spoil, words = OFFLINE[title]
    config = files.write_all(tmp_path)
    assert CliRunner().invoke(cli, ["--config", str(config), "check", "--offline"]).exit_code == 0
    spoil(tmp_path)
    done = CliRunner().invoke(cli, ["--config", str(config), "check", "--offline"])
    assert done.exit_code == 2, done.output
    assert words in done.stderr
    for text in done.stderr.splitlines():
        assert text.startswith(str(tmp_path)) and "; " in text, text


TYPED: list[tuple[list[str], str]] = [
    (["chekc"], "Did you mean 'check'?"),
    (["run", "www-example-com"], "A certificate is named with -p NAME."),
    (["run", "-p", "www-example"], "did you mean www-example-com?"),
    (["run", "--firewall", "edge"], "did you mean fw-edge?"),
    (["replace"], "give -p NAME, --firewall NAME or --all"),
    (["renew", "--force", "-p", "www-example-com"], "give --yes"),
    (["keygen", "--firewall", "fw-edge"], "run it on a terminal"),
    (["trust", "--firewall", "fw-edge"], "--fingerprint is needed"),
    (["run"], "use --accept-eula"),
    (["init"], "name its folder instead of --config"),
]


@pytest.mark.parametrize(("words", "says"), TYPED, ids=[" ".join(words) for words, _ in TYPED])
def test_a_mistake_on_the_command_line_is_told_with_what_to_do(tmp_path: Path, words: list[str], says: str) -> None:
    done = CliRunner().invoke(cli, ["--config", str(files.write_all(tmp_path)), *words])
    assert done.exit_code == 2, done.output
    assert says in done.stderr


def test_encrypting_without_a_passphrase_says_so_once(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["--config", str(files.write_all(tmp_path)), "encrypt"])
    assert done.exit_code == 1
    assert done.stderr.count("there is no passphrase; set encryption.passphrase_file") == 1
