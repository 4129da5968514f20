"""Whatever is typed, the readers of the new files read it back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from paloaltofw.configuration.addresses import management_url, scm_url
from paloaltofw.configuration.credentials_file import secret_value
from paloaltofw.configuration.loader import load
from paloaltofw.configuration.names import common_name, free_text, panos_name
from paloaltofw.configuration.new_files import new_files, quoted
from paloaltofw.configuration.rules import BadValue
from paloaltofw.model.settings import Configuration
from paloaltofw.workflows.questions import QUESTIONS

ANSWERS = {
    "scm_url": "https://acme.enroll.enterprise.sectigo.com", "token_url": "https://auth.example.com/token", "ca_bundle": "",
    "type": "OV", "account": "ACME", "client_id": "b8923830", "client_secret": "s]e.c!r,et", "firewall": "fw-edge",
    "firewall_url": "192.0.2.7", "admin": "svc-certs", "vsys": "vsys2", "verify_tls": "pin", "api_key": "LUFRPT1abc==",
    "common_name": "www.example.org", "sans": "", "organization": "", "locality": "", "state": "", "country": "NO",
    "key": "RSA 2048", "certificate": "www", "bind": "", "encrypt": "no", "gpg_recipient": "", "gpg_passphrase_file": "",
}  # fmt: skip
ODD = ["\x85", "\u2028", "\ufeff", "\x7f", "\U0001f600", "\\", '"', "'", ": ", " #", "\n", "\t", "%", "@", "`", "{", "&a", "*a", "!", "<<", "=", "~",
       "null", "no", "1e3", "0x1F", "2026-01-01", "- a", "? a", "---", "é", "日本"]  # fmt: skip
TEXTS = st.one_of(st.text(max_size=40), st.lists(st.sampled_from([*ODD, "a", "Z", "7", " "]), max_size=12).map("".join))


@given(TEXTS)
@example("".join(map(chr, range(256))))
def test_any_text_in_quotes_is_read_back_by_both_parsers(text: str) -> None:
    assume(not any("\ud800" <= c <= "\udfff" for c in text))
    for loader in (yaml.SafeLoader, getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        assert yaml.load(f"- {quoted(text)}\n{'- ' + quoted(text)}", loader) == [text, text]


Read = Callable[[Configuration], Any]
# Question -> the reader's rule, and where the value is found.
FIELDS: dict[str, tuple[Callable[[str], Any], Read]] = {
    "scm_url": (scm_url, lambda c: c.accounts[next(iter(c.accounts))].scm_url),
    "account": (free_text(100), lambda c: (next(iter(c.accounts)), c.certificates["www"].account)[0]),
    "client_id": (free_text(256), lambda c: next(iter(c.accounts.values())).client_id),
    "client_secret": (secret_value, lambda c: next(iter(c.accounts.values())).client_secret),
    "api_key": (secret_value, lambda c: c.firewalls["fw-edge"].api_key),
    "firewall_url": (management_url, lambda c: c.firewalls["fw-edge"].url),
    "admin": (panos_name, lambda c: c.firewalls["fw-edge"].admin),
    "common_name": (common_name, lambda c: c.certificates["www"].subject.common_name),
    "organization": (free_text(64), lambda c: c.certificates["www"].subject.organization),
    "locality": (free_text(128), lambda c: c.certificates["www"].subject.locality),
    "state": (free_text(128), lambda c: c.certificates["www"].subject.state),
}


def written(answers: dict[str, str], folder: Path) -> Configuration:
    for file in new_files(answers):
        path = folder / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.text.encode())
        path.chmod(0o600)
    return load(folder / "config.yaml")


@pytest.mark.parametrize("key", FIELDS)
@settings(max_examples=40)
@given(text=TEXTS)
def test_what_a_question_takes_is_what_the_readers_find(key: str, text: str) -> None:
    (question,) = (question for question in QUESTIONS if question.key == key)
    rule, read = FIELDS[key]
    assume(text.strip() and not text.strip().startswith("file:") and "${" not in text)
    try:
        answer = question.answer(text, ANSWERS)
    except BadValue:
        with pytest.raises(BadValue):
            rule(text)
        return
    with tempfile.TemporaryDirectory() as folder:
        assert read(written({**ANSWERS, key: answer}, Path(folder))) == rule(text)


def test_lists_and_choices_are_read_back(tmp_path: Path) -> None:
    changes = {
        "sans": "a.example.org, 192.0.2.9,2001:db8::1,*.example.org", "bind": "vpn portal, web", "key": "ECDSA P384",
        "verify_tls": "sha256:" + "AB:" * 31 + "AB", "gpg_passphrase_file": "pass",
    }  # fmt: skip
    found = written({**ANSWERS, **changes}, tmp_path)
    profile, firewall = found.certificates["www"], found.firewalls["fw-edge"]
    assert profile.sans.dns == ("www.example.org", "a.example.org", "*.example.org")
    assert profile.sans.ip == ("192.0.2.9", "2001:db8::1")
    assert profile.ssl_tls_service_profiles == ("vpn portal", "web")
    assert (profile.key.type, profile.key.bits, profile.subject.country) == ("ECDSA", 384, "NO")
    assert (firewall.vsys, firewall.trust.pin) == ("vsys2", "ab" * 32)
    assert found.settings.gpg_passphrase_file == tmp_path / "pass"
    assert not found.warnings
