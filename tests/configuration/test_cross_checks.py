"""What one file says against another."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.configuration.loader import load
from tests import files
from tests.configuration.refusal import refused
from tests.configuration.strategies import QUICK


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


# Two profiles of one device, and another device.
FIREWALLS = {
    "fw-edge": files.FIREWALL,
    "fw-same": files.changed(files.changed(files.FIREWALL, "url", "192.0.2.10:443"), "vsys", "vsys1"),
    "fw-two": files.changed(files.FIREWALL, "url", "192.0.2.11"),
}
DEVICE = {"fw-edge": 1, "fw-same": 1, "fw-two": 2}
names = st.sampled_from(["www", "www-2", "www-17", "www-2-2", "www2", "www-a", "vpn", "vpn-2"])


@given(st.lists(st.tuples(names, st.sampled_from(sorted(FIREWALLS))), min_size=1, max_size=4))
@QUICK
def test_profiles_are_refused_exactly_if_two_could_share_an_entry_of_one_device(
    tmp_path_factory: pytest.TempPathFactory, wanted: list[tuple[str, str]]
) -> None:
    certificates = {
        f"p{index}": files.changed(files.changed(files.CERTIFICATE, "name", name), "firewall", firewall)
        for index, (name, firewall) in enumerate(wanted)
    }
    config = files.write_all(tmp_path_factory.mktemp("names"), certificates=certificates, firewalls=FIREWALLS)
    colliding = [
        (here, there)
        for (index, (here, on)), (other, (there, at)) in itertools.permutations(enumerate(wanted), 2)
        if DEVICE[on] == DEVICE[at] and (here == there or re.fullmatch(re.escape(there) + r"-\d+", here))
    ]
    if not colliding:
        assert len(load(config).certificates) == len(wanted)
        return
    problems = refused(config)
    assert all(re.search(r"/p\d\.yaml:\d+:\d+: name: '", problem) for problem in problems), problems
    assert {problem.split("'")[1] for problem in problems} == {here for here, _ in colliding}


def test_a_device_with_two_firewall_profiles_is_called_so(tmp_path: Path) -> None:
    certificates = {
        "a": files.CERTIFICATE, "b": files.changed(files.CERTIFICATE, "firewall", "fw-same")
    }  # fmt: skip
    problems = refused(files.write_all(tmp_path, certificates=certificates, firewalls=FIREWALLS))
    assert any("profile a (firewall profiles fw-edge and fw-same have the same url) too" in text for text in problems)


def test_the_same_names_on_different_firewalls_are_fine(tmp_path: Path) -> None:
    certificates = {
        "a": files.changed(files.CERTIFICATE, "name", "vpn"),
        "b": files.changed(files.changed(files.CERTIFICATE, "name", "vpn"), "firewall", "fw-two"),
    }
    firewalls = {"fw-edge": files.FIREWALL, "fw-two": files.changed(files.FIREWALL, "url", "192.0.2.11")}
    assert len(load(files.write_all(tmp_path, certificates=certificates, firewalls=firewalls)).certificates) == 2


def test_open_tls_is_warned_about(tmp_path: Path) -> None:
    config = files.write_all(tmp_path, firewalls={"fw-edge": files.changed(files.FIREWALL, "verify_tls", False)})
    assert any("verify_tls is false" in warning for warning in load(config).warnings)


@pytest.mark.parametrize(
    ("key", "value", "is_twin"),
    [
        ("name", "other", True),
        ("firewall", "fw-same", True),
        ("firewall", "fw-two", False),
        ("key", {"type": "RSA", "size": 4096}, True),
        ("key", {"type": "ECDSA", "curve": "P256"}, False),
        ("sans.dns", ["example.com"], True),
        ("sans.dns", ["other.example.com"], False),
    ],
)
def test_profiles_that_order_the_same_twice_are_warned_about(
    tmp_path: Path, key: str, value: object, is_twin: bool
) -> None:
    other = files.changed(files.changed(files.CERTIFICATE, "name", "another"), key, value)
    config = files.write_all(tmp_path, certificates={"a": files.CERTIFICATE, "b": other}, firewalls=FIREWALLS)
    assert [("b.yaml" in text, "profile a" in text) for text in load(config).warnings] == [(True, True)] * is_twin
