"""Endpoints of the serve check, and what of them is doubtful."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.configuration.advice import advice
from paloaltofw.configuration.loader import load
from paloaltofw.configuration.rules import BadValue
from paloaltofw.configuration.serve_check_section import endpoint
from paloaltofw.model.serve_check import Endpoint, ServeCheck
from tests import files

READ = [
    ("vpn.example.com:443", Endpoint("vpn.example.com", 443, "vpn.example.com"), "vpn.example.com:443"),
    ("VPN.Example.com:8443", Endpoint("vpn.example.com", 8443, "vpn.example.com"), "vpn.example.com:8443"),
    ("bücher.example:443", Endpoint("xn--bcher-kva.example", 443, "xn--bcher-kva.example"), "xn--bcher-kva.example:443"),
    ("192.0.2.7:443", Endpoint("192.0.2.7", 443), "192.0.2.7:443"),
    ("192.0.2.7:443/vpn.example.com", Endpoint("192.0.2.7", 443, "vpn.example.com"), "192.0.2.7:443/vpn.example.com"),
    ("lb.example.com:443/vpn.example.com", Endpoint("lb.example.com", 443, "vpn.example.com"),
     "lb.example.com:443/vpn.example.com"),
    ("[2001:DB8::7]:443", Endpoint("2001:db8::7", 443), "[2001:db8::7]:443"),
    ("[2001:db8::7]:1/vpn.example.com", Endpoint("2001:db8::7", 1, "vpn.example.com"), "[2001:db8::7]:1/vpn.example.com"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "read", "written"), READ)
def test_an_endpoint_is_read_and_written_in_one_form(text: str, read: Endpoint, written: str) -> None:
    assert endpoint(text) == read
    assert str(read) == written
    assert endpoint(written) == read


@pytest.mark.parametrize("text", ["vpn.example.com", "2001:db8::7:443", "vpn.example.com:443/a/b", ":443", "a:4433333"])
def test_what_is_no_endpoint_is_refused_with_how_to_write_it(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        endpoint(text)
    assert "HOST:PORT" in caught.value.allowed


def test_what_is_asked_for_is_one_text_whatever_the_order() -> None:
    one, other = endpoint("a.example.com:443"), endpoint("b.example.com:443")
    assert ServeCheck((one, other)).text == ServeCheck((other, one)).text
    assert ServeCheck((one,)).text != ServeCheck((one, other)).text
    assert ServeCheck((one,)).text != dataclasses.replace(ServeCheck((one,)), on_wrong="rollback").text
    assert ServeCheck((one,)).text == dataclasses.replace(ServeCheck((one,)), wait=1.0).text


def _advice(folder: Path, names: dict[str, Any], check: dict[str, Any], key: str = "rotate") -> list[str]:
    document = files.changed(files.changed(files.CERTIFICATE, "sans", names), "serve_check", check)
    configuration = load(files.write_spoiled(folder, "certificate", files.changed(document, "renewal.key", key)))
    return [line for line in advice(configuration, configuration.certificates.values()) if "serve_check" in line]


NAMES = {"dns": ["www.example.com", "*.vpn.example.com"], "ip": ["198.51.100.7"], "email": []}
ADVICE = [
    ("www.example.com:443", ""),
    ("eu.vpn.example.com:443", ""),
    ("198.51.100.7:443", ""),
    ("192.0.2.7:443/www.example.com", ""),
    ("a.b.vpn.example.com:443", "a.b.vpn.example.com"),
    ("vpn.example.com:443", "vpn.example.com"),
    ("192.0.2.7:443", "192.0.2.7"),
    ("192.0.2.7:443/other.example.com", "other.example.com"),
]


@pytest.mark.parametrize(("text", "name"), ADVICE)
def test_an_endpoint_whose_name_the_certificate_lacks_is_doubtful(tmp_path: Path, text: str, name: str) -> None:
    told = _advice(tmp_path, NAMES, {"endpoints": [text]})
    assert told == (
        [f"profile www-example-com: serve_check: {name} is not among the certificate's names"] if name else []
    )


def test_a_rollback_that_cannot_be_is_doubtful(tmp_path: Path) -> None:
    check = {"endpoints": ["www.example.com:443"], "on_wrong": "rollback"}
    assert _advice(tmp_path, NAMES, check) == []
    assert "renewal.key: reuse" in _advice(tmp_path, NAMES, check, "reuse")[0]
    assert "no endpoints" in _advice(tmp_path, NAMES, {"on_wrong": "rollback"})[0]
