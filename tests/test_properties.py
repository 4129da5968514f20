"""Whatever a file holds, it leads to a profile or to problems with a place; and what is accepted round-trips."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paloaltofw.certificate_profile import CertificateProfile
from paloaltofw.documents import BadValue, Findings, read_document
from paloaltofw.errors import ConfigurationError
from paloaltofw.firewall_profile import FirewallProfile, read_firewall_profile
from paloaltofw.panos import CsrRequest, Scope, commit_command, generate_command, literal
from paloaltofw.settings import load
from paloaltofw.values import dns_name, panos_name
from paloaltofw.window import DAYS
from tests import files

QUICK = settings(settings.default, max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NAME = "www-example-com"


# --- the YAML loader -------------------------------------------------------------------------------------------------


def read(content: bytes) -> Findings:
    """Read bytes as a firewall profile, which asks for every kind of value."""
    findings = Findings()
    started = time.monotonic()
    read_firewall_profile(Path("fw.yaml"), findings, content)
    assert time.monotonic() - started < 5
    for problem in findings.problems:
        assert problem.position.line >= 1
        assert problem.what
    return findings


@given(st.binary(max_size=500))
@QUICK
def test_no_bytes_crash_the_loader(content: bytes) -> None:
    read(content)


fragments = st.sampled_from(
    [
        "a", "url", "api_key", ":", ": ", "\n", "\n  ", "- ", "? ", "[", "]", "{", "}", ",", "&a", "*a", "!!int ", "!x ",
        "<<: ", "|", ">", "|-\n  ", "'", '"', "\\", "#", "%YAML 1.1\n", "---\n", "...\n", "~", "null", "1e400", "0x_",
        "12:30:45", "2026-01-01", "\t", "\u2028", "\ufeff", "\u202e", "\x00", "\x1b", "é", "\U0001f600", "9" * 40,
    ]
)  # fmt: skip


@given(st.lists(fragments, max_size=40).map("".join))
@settings(QUICK, max_examples=400)
def test_no_yaml_crashes_the_loader(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))


LAUGHS = "a0: &a0 [x,x,x]\n" + "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    "text",
    [
        LAUGHS, "a: &a [*a]", "a: &a {b: *a}", "{" * 5000, "[" * 9000, "a: " * 3000, "- " * 5000, "? " * 5000,
        "a: !!python/object/apply:os.system [id]", "a: !!binary x", "x" * 900_000, "a: " + "9" * 900_000, "\n" * 900_000,
        "a: 'b" * 1000, "&a " * 5000, "a: |\n" + " x\n" * 200_000, "<<: *a", "<<: [1]",
    ],
    ids=range(18),
)  # fmt: skip
def test_bombs_in_yaml(text: str) -> None:
    assert read(text.encode()).problems


# Not what YAML itself takes for a line break.
lines = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]))


@given(st.dictionaries(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), lines, max_size=5))
@QUICK
def test_plain_texts_are_read_as_they_are_written(values: dict[str, str]) -> None:
    findings = Findings()
    content = yaml.safe_dump(values, allow_unicode=True).encode("utf-8", "surrogatepass")
    document = read_document(Path("x.yaml"), findings, content)
    if document is None:
        return
    read_back = {key: document.value(key, str) or "" for key in values}
    refused = {problem.key for problem in findings.problems}
    assert all(read_back[key] == value for key, value in values.items() if key not in refused)


# --- the model ---------------------------------------------------------------------------------------------------------


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
@settings(QUICK, max_examples=250)
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
            "external_requester": profile.external_requester,
        },
        "bind": {"ssl_tls_service_profiles": list(profile.ssl_tls_service_profiles)},
    }  # fmt: skip


labels = st.text("abcdefghijklmnopqrstuvwxyz0123456789", min_size=1, max_size=12)
hosts = st.lists(labels, min_size=2, max_size=4).map(".".join).filter(lambda name: not name.replace(".", "").isdigit())
unicode_hosts = st.sampled_from(["bücher.example.com", "žltý.example.sk", "日本.example.jp", "Straße.example.de"])
words = st.text(st.characters(categories=["L", "N", "Zs"], max_codepoint=0x2FF), min_size=1, max_size=30).filter(
    str.strip
)


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
    document["scm"] = {"comments": draw(words), "custom_fields": draw(st.dictionaries(words, words, max_size=2))}
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
        "timeout": draw(st.integers(1, 3600)), "commit_timeout": draw(st.sampled_from(["20m", "1h30m", 600])),
        "busy_wait": draw(st.sampled_from([0, "5m"])),
        "commit_window": draw(st.sampled_from([None, {"days": ["Sat"]}, {"hours": "22:00-04:00"}, {"days": list(DAYS), "hours": "00:00-24:00"}])),
    }  # fmt: skip


def firewall_document(profile: FirewallProfile) -> dict[str, Any]:
    window = profile.commit_window
    pin = profile.trust.pin
    return {
        "url": profile.url, "admin": profile.admin, "api_key": profile.api_key.reveal(), "vsys": profile.vsys,
        "commit_description": profile.commit_description, "chain": profile.chain,
        "verify_tls": f"sha256:{pin}" if pin else not profile.trust.off,
        "timeout": int(profile.timeout), "commit_timeout": int(profile.commit_timeout), "busy_wait": int(profile.busy_wait),
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


# --- what goes out -------------------------------------------------------------------------------------------------------


@given(st.text(max_size=70))
@settings(QUICK, max_examples=400)
def test_a_name_that_is_accepted_is_safe_in_an_xpath(text: str) -> None:
    try:
        name = panos_name(text)
    except BadValue:
        return
    assert literal(name) == f"'{name}'"
    assert name.isprintable()
    assert not set(name) & set("'\"<>&[]")
    root = ElementTree.fromstring(commit_command(name, "x"))
    assert root.findtext("partial/admin/member") == name
    assert Scope(name).xpath.count("'") in (0, 4)


@given(st.one_of(st.text(max_size=80), hosts, unicode_hosts))
@settings(QUICK, max_examples=400)
def test_a_host_name_that_is_accepted_is_an_a_label(text: str) -> None:
    try:
        name = dns_name(text)
    except BadValue:
        return
    assert name.isascii()
    assert len(name) <= 253
    assert all(0 < len(label) <= 63 for label in name.split("."))
    assert dns_name(name) == name
    assert "*" not in name.removeprefix("*.")


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Cn", "Co"]), min_size=1, max_size=200))
@QUICK
def test_every_text_survives_the_commit_description(text: str) -> None:
    assert ElementTree.fromstring(commit_command("svc", text)).findtext("description") == text
