"""What a certificate profile may say."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from paloaltofw.configuration.loader import load
from paloaltofw.model.certificate_profile import KeySpec
from tests import files
from tests.configuration.refusal import refused


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


def test_mail_addresses_are_warned_about(tmp_path: Path) -> None:
    document = files.changed(files.CERTIFICATE, "sans.email", ["a@example.com"])
    warnings = load(files.write_all(tmp_path, certificates={"a": document})).warnings
    assert any("sans.email" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("curve", "is_warned"), [("P256", False), ("P384", False), ("P521", True), ("secp521r1", True)]
)
def test_a_curve_that_firewalls_do_not_offer_is_warned_about_with_its_place(
    tmp_path: Path, curve: str, is_warned: bool
) -> None:
    document = files.changed(files.CERTIFICATE, "key", {"type": "ECDSA", "curve": curve})
    warnings = load(files.write_all(tmp_path, certificates={"a": document})).warnings
    found = [text for text in warnings if re.search(r"a\.yaml:\d+:\d+: key\.curve: .*use P384", text)]
    assert len(found) == is_warned
