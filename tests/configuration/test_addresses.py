"""Where firewalls and SCM may be."""

from __future__ import annotations

import urllib.parse
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.configuration.addresses import management_url, scm_url, token_url
from paloaltofw.configuration.loader import load
from paloaltofw.configuration.rules import BadValue, Rule
from tests import files
from tests.configuration.refusal import refused


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


GARBAGE = [
    "https://[bad/x", "https://bad]/x", "https://a.example.com:99999/x", "https://a.example.com:port/x",
    "https://a.example.com:-1/x", "https://a.example.com:0/x", "https://:443/x", "https:///x", "https://",
    "https://user@a.example.com/x", "https://a.example.com\\.b.example.com/x", "https://a..example.com/x",
    "https://\u2100.example.com/x", "https://*.example.com/x", "https://[::1%eth0]/x", "https://1.2.3.4.5:6:7/x",
    "http://a.example.com/x", "ftp://a.example.com/x", "https://" + "a" * 300 + ".example.com/x", "://", "//x/y",
]  # fmt: skip
RULES: dict[str, Rule[str]] = {"firewall": management_url, "scm": scm_url, "token": token_url}


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_for_an_address_is_a_clear_error(name: str, garbage: str) -> None:
    # The path is the token server's: it must not be what the other rules refuse.
    text = garbage if name == "token" else garbage.removesuffix("/x")
    with pytest.raises(BadValue) as caught:
        RULES[name](text)
    assert caught.value.what


PIECES = [
    "https://", "http:", "//", "[", "]", ":", "@", "\\", "/", "?", "#", ".", "..", "%", "443", "0", "99999", "::1",
    "192.0.2.1", "a.example.com", "*", "\u2100", "\u0130", "/api", "/api/v1", "/token", "-", "_", "${HOME}",
]  # fmt: skip
ADDRESSES = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)


@given(st.sampled_from(sorted(RULES)), st.one_of(ADDRESSES, st.text(max_size=30)))
def test_an_address_is_refused_or_understood_by_everybody_alike(name: str, text: str) -> None:
    """Whatever is accepted is plain: a whole URL whose host no two libraries can read differently."""
    try:
        url = RULES[name](text)
    except BadValue:
        return
    parts = urllib.parse.urlsplit(url)
    assert parts.scheme == "https"
    assert parts.hostname
    assert parts.port is None or 0 < parts.port < 65536
    assert parts.netloc.isascii()
    assert not set(parts.netloc) & set("\\@%*?# ")
    assert RULES[name](url) == url


@pytest.mark.parametrize("key", ["config.scm.url", "config.scm.token_url", "firewall.url"])
def test_a_bracket_too_many_is_a_problem_with_its_place(tmp_path: Path, key: str) -> None:
    file, _, place = key.partition(".")
    document = files.changed(files.CONFIG if file == "config" else files.FIREWALL, place, "https://[bad/x")
    if file == "config":
        config = files.write_all(tmp_path, document)
    else:
        config = files.write_all(tmp_path, firewalls={"fw-edge": document})
    problems = refused(config)
    assert any(place in problem and "is not a URL" in problem for problem in problems), problems
