"""Properties of whole profiles: spoiled ones, and round trips."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.configuration.firewall_profile_file import read_firewall_profile
from paloaltofw.configuration.loader import load
from paloaltofw.configuration.problems import Findings
from paloaltofw.errors import ConfigurationError
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.commit_window import DAYS
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.panos.commands import CsrRequest, generate_command
from tests import files
from tests.configuration.strategies import QUICK, hosts, profile_ids, unicode_hosts, words

NAME = "www-example-com"


def places(document: Any, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every key of a document, however deep."""
    for key, value in document.items() if isinstance(document, dict) else ():
        yield (*prefix, key)
        yield from places(value, (*prefix, key))


junk = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=40), st.lists(st.text(max_size=9), max_size=3),
    st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=2),
    st.sampled_from(
        ["..", "../x", "a'b", 'a"b', "a\nb", "a\u202eb", "x" * 5000, "bücher.example", "*.example.com", "*", "xn--", "a..b",
         "${HOME}", "${", "file:/etc/shadow", "https://[", "https://x:99999999", "sha256:", "0", "-1", "1e5", "P-256", "vsys1"]
    ),
)  # fmt: skip


@st.composite
def spoiled(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """A valid document with a few keys replaced, removed or added."""
    kind = draw(st.sampled_from(sorted(files.DOCUMENTS)))
    document = copy.deepcopy(files.DOCUMENTS[kind])
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(sorted(places(files.DOCUMENTS[kind]))))
        holder = document
        for key in path[:-1]:
            holder = holder.get(key) if isinstance(holder.get(key), dict) else {}  # type: ignore[assignment]
        what = draw(st.sampled_from(["replace", "replace", "replace", "remove", "add"]))
        if what == "remove":
            holder.pop(path[-1], None)
        else:
            holder[path[-1] if what == "replace" else draw(st.text(max_size=8))] = draw(junk)
    return kind, document


@given(spoiled())
@settings(QUICK, max_examples=80)
def test_a_spoiled_document_gives_a_profile_or_problems_with_a_place(
    tmp_path_factory: pytest.TempPathFactory, item: tuple[str, dict[str, Any]]
) -> None:
    kind, document = item
    folder = tmp_path_factory.mktemp("spoiled")
    config = files.write_spoiled(folder, kind, document)
    problems: tuple[object, ...] = ()
    try:
        configuration = load(config)
    except ConfigurationError as error:
        problems = error.problems
    if problems:
        assert all(str(problem).startswith(str(folder)) for problem in problems)
    else:
        for profile in configuration.certificates.values():
            assert certificate_document(profile)


def certificate_document(profile: CertificateProfile) -> dict[str, Any]:
    """What a person would write for a profile."""
    subject = {k: v for k, v in vars(profile.subject).items() if v}
    key = {"size": profile.key.bits} if profile.key.type == "RSA" else {"curve": f"P{profile.key.bits}"}
    return {
        "name": profile.name, "type": profile.type, "account": profile.account, "firewall": profile.firewall,
        "subject": {**subject, "organizational_unit": list(profile.subject.organizational_unit)},
        "sans": {"dns": list(profile.sans.dns), "ip": list(profile.sans.ip), "email": list(profile.sans.email)},
        "key": {"type": profile.key.type, **key},
        "renewal": dict(vars(profile.renewal)),
        "scm": {
            "custom_fields": dict(profile.custom_fields), "comments": profile.comments,
            "external_requester": profile.external_requester, "profile_id": profile.scm_profile_id or None,
        },
        "bind": {"ssl_tls_service_profiles": list(profile.ssl_tls_service_profiles)},
    }  # fmt: skip


@st.composite
def certificate_documents(draw: st.DrawFn) -> dict[str, Any]:
    document = copy.deepcopy(files.CERTIFICATE)
    document["type"] = draw(st.sampled_from(["DV", "OV"]))
    document["subject"] = {
        "common_name": draw(st.one_of(hosts, unicode_hosts, hosts.map("*.".__add__))),
        "organization": draw(st.none() | words), "organizational_unit": draw(st.lists(words, max_size=2)),
        "locality": draw(st.none() | words), "country": draw(st.sampled_from([None, "SK", "NO", "DE"])),
    }  # fmt: skip
    document["sans"] = {
        "dns": draw(st.lists(st.one_of(hosts, unicode_hosts), max_size=4)),
        "ip": draw(st.lists(st.ip_addresses().map(str), max_size=2)),
    }
    document["key"] = draw(
        st.sampled_from(
            [{"type": "RSA", "size": 3072}, *({"type": "ECDSA", "curve": c} for c in ("P256", "secp384r1", "P-521"))]
        )
    )
    document["renewal"] = {
        "auto": draw(st.booleans()), "renew_before_days": draw(st.none() | st.integers(1, 397)),
        "key": draw(st.sampled_from(["rotate", "reuse"])),
    }  # fmt: skip
    document["scm"] = {
        "comments": draw(words),
        "custom_fields": draw(st.dictionaries(words, words, max_size=2)),
        "profile_id": draw(profile_ids),
    }
    return document


@given(certificate_documents())
@QUICK
def test_what_is_accepted_round_trips(tmp_path_factory: pytest.TempPathFactory, document: dict[str, Any]) -> None:
    folder = tmp_path_factory.mktemp("profile")
    try:
        first = load(files.write_spoiled(folder, "certificate", document)).certificates[NAME]
    except ConfigurationError:
        return
    second = load(files.write_spoiled(folder, "certificate", certificate_document(first))).certificates[NAME]
    assert second == first
    assert all(name.isascii() and name == name.lower() for name in first.sans.dns)
    assert first.subject.common_name in first.sans.dns
    root = ElementTree.fromstring(generate_command(request_of(first)))
    assert [node.text for node in root.findall(".//hostname/member")] == list(first.sans.dns)
    assert root.findtext(".//organization") == first.subject.organization


def request_of(profile: CertificateProfile) -> CsrRequest:
    return CsrRequest(
        profile.name, profile.subject.common_name, profile.key.type, profile.key.bits,
        organization=profile.subject.organization, dns=profile.sans.dns, ip=profile.sans.ip,
    )  # fmt: skip


@st.composite
def firewall_documents(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "url": draw(st.one_of(hosts, hosts.map("https://{}:8443".format), st.ip_addresses().map(str))),
        "admin": draw(st.text("abcXYZ019._-", min_size=1, max_size=31)),
        "api_key": "LUFRPT1" + draw(st.text("abcXYZ019+/=", max_size=80)),
        "commit_description": draw(words),
        "vsys": draw(st.sampled_from(["shared", "vsys1", "vsys12"])),
        "verify_tls": draw(st.one_of(st.booleans(), st.binary(min_size=32, max_size=32).map(lambda b: f"sha256:{b.hex(':')}"))),
        "lock": draw(st.sampled_from(["none", "commit", "config", "both"])), "validate": draw(st.booleans()),
        "trust_own": draw(st.booleans()), "timeout": draw(st.integers(1, 3600)), "commit_timeout": draw(st.sampled_from(["20m", "1h30m", 600])),
        "busy_wait": draw(st.sampled_from([0, "5m"])),
        "ha_sync_timeout": draw(st.sampled_from([0, "10m"])),
        "ha_peer": draw(st.sampled_from([None, {"url": "https://192.0.2.99", "api_key": "LUFRPT2"}, {"url": "peer.example.com", "verify_tls": False}])),
        "commit_window": draw(st.sampled_from([None, {"days": ["Sat"]}, {"hours": "22:00-04:00"}, {"days": list(DAYS), "hours": "00:00-24:00"}])),
    }  # fmt: skip


def firewall_document(profile: FirewallProfile) -> dict[str, Any]:
    window = profile.commit_window
    pin, peer = profile.trust.pin, profile.ha_peer
    other = {
        "url": peer.url, "api_key": peer.api_key.reveal(),
        "verify_tls": f"sha256:{peer.trust.pin}" if peer.trust.pin else not peer.trust.off,
    } if peer else None  # fmt: skip
    return {
        "ha_peer": other, "ha_sync_timeout": int(profile.ha_sync_timeout),
        "url": profile.url, "admin": profile.admin, "api_key": profile.api_key.reveal(), "vsys": profile.vsys,
        "commit_description": profile.commit_description, "chain": profile.chain,
        "verify_tls": f"sha256:{pin}" if pin else not profile.trust.off,
        "lock": profile.lock, "validate": profile.validates, "trust_own": profile.trust_own, "timeout": int(profile.timeout), "commit_timeout": int(profile.commit_timeout), "busy_wait": int(profile.busy_wait),
        "commit_window": {
            "days": [DAYS[day] for day in sorted(window.days)],
            "hours": "-".join(f"{minute // 60:02d}:{minute % 60:02d}" for minute in (window.start, window.end)),
        },
    }  # fmt: skip


@given(firewall_documents())
@QUICK
def test_an_accepted_firewall_profile_round_trips(document: dict[str, Any]) -> None:
    def profile(written: dict[str, Any]) -> FirewallProfile | None:
        return read_firewall_profile(Path("fw.yaml"), Findings(), yaml.safe_dump(written, allow_unicode=True).encode())

    first = profile(document)
    if first is not None:
        assert profile(firewall_document(first)) == first
        assert first.api_key.reveal() not in repr(first)
