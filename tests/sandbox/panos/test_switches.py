"""What real devices were seen to do, each switchable: waiting, hidden elements, the journal's paths, PAN-321143."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from cryptography import x509

from paloaltofw.sandbox.panos.device import PanosSwitches, Role
from tests.sandbox.panos.bench import (
    ALICE,
    PROFILES,
    SHARED,
    SVC,
    SYSTEM,
    VSYS1,
    Bench,
    Response,
    certificate,
    entry,
    key,
    pem,
    profiled,
    switched,
)

RESTRICTED = Role()
NAME = f"{SHARED}/entry[@name='vpn-2026']"


def test_the_defaults_are_the_least_forgiving_positions() -> None:
    switches = PanosSwitches()
    assert (switches.malformed_xpath, switches.unrooted_xpath, switches.web_interface) == ("absent", "unauth", "page")
    assert (switches.journal_paths, switches.ecdsa_521) == ("request", "refused")
    assert (switches.private_key_hidden_from, switches.csr_hidden_from) == ("restricted", "restricted")
    assert switches.nameless_certificate == "fails_commits"
    values = {field.name: getattr(switches, field.name) for field in dataclasses.fields(switches)}
    counted = [name for name, value in values.items() if type(value) is int and value == 0]
    assert counted == ["commit_stumbles", "commit_pending", "auto_commit_unfinished", "transient_import_failures"]


# --- waiting -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("times", [0, 1, 3])
def test_a_pending_commit_of_the_peer_keeps_every_change_away(times: int) -> None:
    bench = switched(commit_pending=times)
    for _ in range(times):
        refused = bench.generate()
        assert refused.summary == ("error", "13", "A commit is pending. Please try again later.")
    assert bench.changes() == []
    assert bench.enroll()
    writes: list[Callable[[Bench], Response]] = [
        lambda b: b.upload("vpn-2026", b"x"),
        lambda b: b.config("set", SYSTEM, element="<hostname>x</hostname>"),
        lambda b: b.config("delete", NAME),
    ]
    for write in writes:
        bench = switched(commit_pending=1)
        assert bench.config("get", SHARED).is_success
        assert bench.commit().is_success, "a commit is no change"
        assert write(bench).code == "13"
        assert write(bench).code != "13"


def test_an_unfinished_auto_commit_keeps_commits_away() -> None:
    bench = switched(auto_commit_unfinished=2)
    bench.enroll()
    for _ in range(2):
        refused = bench.partial()
        assert refused.summary == ("error", None, "Commit job was not queued since auto-commit not yet finished")
    assert bench.partial().job
    assert len(bench.firewall.commits) == 1


def test_an_import_may_fail_for_no_reason_and_then_work() -> None:
    bench = switched(transient_import_failures=2)
    bench.generate()
    issued = pem(certificate(bench.csr()))
    for _ in range(2):
        refused = bench.upload("vpn-2026", issued)
        assert refused.text.startswith("Failed to find begining of certificate")
        assert entry(bench).find("public-key") is None
    assert bench.upload("vpn-2026", issued).is_success


# --- what a restricted role sees -------------------------------------------------------------------------------------

SIGHT = [
    ({}, Role(is_superuser=True), {"private-key", "csr"}),
    ({}, RESTRICTED, set()),
    ({"csr_hidden_from": "nobody"}, RESTRICTED, {"csr"}),
    ({"private_key_hidden_from": "nobody"}, RESTRICTED, {"private-key"}),
    ({"csr_hidden_from": "everybody"}, Role(is_superuser=True), {"private-key"}),
    ({"private_key_hidden_from": "everybody", "csr_hidden_from": "everybody"}, Role(is_superuser=True), set()),
]


@pytest.mark.parametrize(("switches", "role", "seen"), SIGHT)
def test_keys_and_csrs_may_be_hidden(switches: dict[str, Any], role: Role, seen: set[str]) -> None:
    bench = Bench(PanosSwitches(**switches), role=role)
    assert bench.generate().is_success
    assert bench.partial().is_success
    both = {"private-key", "csr"}
    for action in ("get", "show"):
        for path in (SHARED, NAME, "/config/shared"):
            tags = {node.tag for node in bench.config(action, path).root.iter()}
            assert tags & both == seen, (action, path)
            assert {"common-name", "algorithm"} <= tags
        for tag in both:
            shown = bench.config(action, f"{NAME}/{tag}")
            assert (shown.root.find(f"result/{tag}") is not None) is (tag in seen)
    assert {node.tag for node in bench.config("show", "").root.iter()} & both == seen
    export = bench.ask(
        type="export", category="certificate", certificate_name="vpn-2026", format="pkcs10", include_key="no"
    )
    assert x509.load_pem_x509_csr(export.answer.body).is_signature_valid
    assert bench.firewall.private_key("vpn-2026") is not None
    assert bench.upload("vpn-2026", pem(certificate(x509.load_pem_x509_csr(export.answer.body)))).is_success


# --- the journal ---------------------------------------------------------------------------------------------------

JOURNAL = {
    "request": [
        (ALICE, " EDIT", f"{VSYS1}/address"),
        (SVC, " EDIT", SHARED),
        (SVC, " EDIT", f"{PROFILES}/entry[@name='P']/certificate"),
        (SVC, " EDIT", SYSTEM),
        (SVC, " DELETE", f"{SHARED}/entry[@name='old']"),
    ],
    "container": [
        (ALICE, " EDIT", f"{VSYS1}/address"),
        (SVC, " EDIT", SHARED),
        (SVC, " EDIT", PROFILES),
        (SVC, " EDIT", f"{SYSTEM}/hostname"),
    ],
    "object": [
        (ALICE, " CREATE", f"{VSYS1}/address/entry[@name='a']"),
        (SVC, " CREATE", NAME),
        (SVC, " EDIT", f"{PROFILES}/entry[@name='P']"),
        (SVC, " EDIT", f"{SYSTEM}/hostname"),
        (SVC, " DELETE", f"{SHARED}/entry[@name='old']"),
    ],
}


@pytest.mark.parametrize("level", list(JOURNAL))
def test_the_paths_of_the_journal(level: str) -> None:
    bench = profiled(journal_paths=level)
    bench.config("set", f"{VSYS1}/address", ALICE, element="<entry name='a'><fqdn>x</fqdn></entry>")
    bench.generate()
    bench.config("edit", f"{PROFILES}/entry[@name='P']/certificate", element="<certificate>new</certificate>")
    bench.config("set", SYSTEM, element="<hostname>x</hostname>")
    bench.config("delete", f"{SHARED}/entry[@name='old']")
    assert bench.journal() == JOURNAL[level]
    assert bench.partial().is_success
    assert bench.journal() == JOURNAL[level][:1]


# --- PAN-321143 ----------------------------------------------------------------------------------------------------


def test_a_certificate_without_a_common_name_fails_every_commit() -> None:
    nameless = certificate(key(5), subject=x509.Name([x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "O")]))
    for position, result in (("fails_commits", "FAIL"), ("ignored", "OK")):
        bench = switched(nameless_certificate=position)
        assert bench.upload("n", pem(nameless)).is_success
        assert bench.job(bench.partial().job).findtext("result") == result
    bench = Bench()
    bench.firewall.install_certificate("n", nameless)
    bench.config("set", SYSTEM, ALICE, element="<hostname>x</hostname>")
    job = bench.job(bench.partial(ALICE).job)
    assert job.findtext("result") == "FAIL", "others' commits fail too"
    assert "certificate -> n is missing 'common-name'" in "".join(job.itertext())
    assert bench.config("set", f"{SHARED}/entry[@name='n']", element="<common-name></common-name>").is_success
    assert bench.job(bench.partial(SVC).job).findtext("result") == "OK"
    assert bench.job(bench.partial(ALICE).job).findtext("result") == "OK"


def test_a_show_without_an_xpath_is_the_running_configuration() -> None:
    bench = profiled()
    bench.generate()
    root = bench.config("show", "").root.find("result/config")
    assert root is not None
    assert [node.get("name") for node in root.findall("shared/certificate/entry")] == ["old", "new"]
    assert bench.config("get", "").code == "400"
