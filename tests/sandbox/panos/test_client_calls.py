"""The requests of clients that are not installed here, as those clients send them, one after the other.

The forms are facts (panos.md names who sends which); none of the clients' code is here. pan-chainguard 0.15.0 (on
pan-python 0.26.0) and pan-os-upgrade-assurance 2.1.1 were run themselves, unchanged, before they were written down.
"""

from __future__ import annotations

import base64
import datetime
import os
import re
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from tests.sandbox.panos import test_other_clients, test_panorama_clients
from tests.sandbox.panos.bench import (
    ALICE,
    PASSWORD,
    PROFILES,
    SHARED,
    SVC,
    SYSTEM,
    VSYS1,
    Bench,
    Response,
    certificate,
    generate_command,
    headers,
    key,
    key_pem,
    multipart,
    name,
    pem,
    profiled,
)

FORM = "application/x-www-form-urlencoded"
START = datetime.datetime(2025, 12, 31, tzinfo=datetime.timezone.utc)
CHAPTER = Path(__file__).parents[3] / "docs/estates/versions.md"


def form(bench: Bench, api_key: str = "", **fields: str) -> Response:
    """A POST of a form; the key among its fields."""
    named = {tag.rstrip("_").replace("_", "-"): value for tag, value in fields.items()}
    body = urlencode({**named, **({"key": api_key} if api_key else {})})
    return bench.send("POST", "/api/", headers(Content_Type=FORM), body.encode())


def fields_and_file(bench: Bench, content: bytes, fields: dict[str, str], target: str = "/api/") -> Response:
    content_type, body = multipart(fields, content)
    return bench.send("POST", target, headers(Content_Type=content_type), body)


def succeeded(response: Response) -> Response:
    assert response.is_success, response.text
    return response


def acme_sh(bench: Bench) -> None:
    """Key by user and password; certificate and key in two uploads of fields; a commit of the own shared objects."""
    api_key = succeeded(form(bench, type="keygen", user=SVC, password=PASSWORD)).root.findtext("result/key") or ""
    assert "vm" in succeeded(form(bench, api_key, type="version")).text.lower()
    common = {"type": "import", "certificate-name": "www", "key": api_key, "format": "pem"}
    succeeded(fields_and_file(bench, pem(certificate(key(1))), {**common, "category": "certificate"}))
    private = {**common, "category": "private-key", "passphrase": "123456"}
    succeeded(fields_and_file(bench, key_pem(key(1), "123456"), private))
    scope = "<device-and-network>excluded</device-and-network><policy-and-objects>excluded</policy-and-objects>"
    command = f"<commit><partial>{scope}<admin><member>{SVC}</member></admin></partial></commit>"
    assert succeeded(form(bench, api_key, type="commit", action="partial", cmd=command)).job
    assert bench.firewall.private_key("www") is not None


def pango(bench: Bench) -> None:
    """Everything of an import in fields; a commit of one administrator without `action`, its description on top."""
    api_key = bench.firewall.api_key(SVC)
    head = {"type": "import", "category": "keypair", "certificate-name": "pair", "format": "pem", "key": api_key}
    content = key_pem(key(2), "s3cret") + pem(certificate(key(2)))
    succeeded(fields_and_file(bench, content, {**head, "passphrase": "s3cret"}))
    assert bench.config("get", f"{SHARED}/entry[@name='pair']").root.find("result/entry/public-key") is not None
    who = f"<partial><admin><member>{SVC}</member></admin></partial>"
    number = succeeded(bench.commit(f"<commit><description>by pango</description>{who}</commit>")).job
    assert bench.job(number).findtext("description") == "by pango"
    assert succeeded(bench.op("<validate><full/></validate>")).job


def infisical(bench: Bench) -> None:
    """Chain entries of their own, the leaf edit of a profile, a description inside of `partial`."""
    ca = certificate(key(3), subject=name("Issuing"), is_ca=True)
    succeeded(bench.upload("issuing-ca", pem(ca)))
    content = key_pem(key(4), "p") + pem(certificate(key(4)))
    succeeded(bench.upload("leaf", content, category="keypair", passphrase="p"))
    edit = {"element": "<certificate>leaf</certificate>"}
    succeeded(bench.config("edit", f"{PROFILES}/entry[@name='P']/certificate", **edit))
    inside = f"<admin><member>{SVC}</member></admin><description>sync</description>"
    assert succeeded(bench.commit(f"<commit><partial>{inside}</partial></commit>", action="partial")).job
    assert bench.firewall.profile_certificate("P") == "leaf"


def ansible(bench: Bench) -> None:
    """Operational commands always with a vsys; facts; an import by key in the URL; a commit by the SDK's form."""
    for command in ("<show><system><info/></system></show>", "<show><session><info/></session></show>"):
        succeeded(bench.op(command, vsys="vsys1"))
    state = succeeded(bench.op("<show><high-availability><all/></high-availability></show>", vsys="vsys1"))
    assert state.answer.body.count(b"<enabled>no</enabled>") == 1
    succeeded(bench.op(generate_command("req"), vsys="vsys1"))
    assert list(bench.firewall.certificates(running=False, vsys="vsys1")) == ["req"], "not in shared"
    query = {"type": "import", "category": "certificate", "certificate-name": "imp", "format": "pem"}
    target = f"/api/?{urlencode({**query, 'key': bench.firewall.api_key(SVC)})}"
    succeeded(fields_and_file(bench, pem(certificate(key(5))), {}, target))
    exported = bench.ask(type="export", category="certificate", certificate_name="imp", format="pem", include_key="no")
    assert exported.answer.headers["Content-Disposition"] == "attachment; filename=imp.pem"
    command = f"<commit><description>x</description><partial><admin><member>{SVC}</member></admin></partial></commit>"
    assert succeeded(bench.commit(command)).job


def curl(bench: Bench) -> None:
    """The vendor's examples: key in the URL or in a header, or user and password; parameters in the URL."""
    api_key = bench.firewall.api_key(SVC)
    in_url = f"&key={quote(api_key, safe='')}"
    get = f"/api/?type=config&action=get&xpath={quote(SHARED)}"
    basic = headers(Authorization=f"Basic {base64.b64encode(f'{SVC}:{PASSWORD}'.encode()).decode()}")
    for target, head in ((get + in_url, headers()), (get, headers(X_PAN_KEY=api_key)), (get, basic)):
        assert succeeded(bench.send("GET", target, head)).code == "19"
    show = quote("<show><system><info></info></system></show>")
    succeeded(bench.send("GET", f"/api/?type=op&cmd={show}{in_url}", headers()))
    exported = bench.send("GET", f"/api/?type=export&category=configuration{in_url}", headers())
    assert exported.answer.body.startswith(b"<config>"), "without an envelope"
    commit = f"/api/?type=commit&cmd={quote('<commit></commit>')}{in_url}"
    assert succeeded(bench.send("GET", commit, headers())).job, "of everybody"
    assert "no changes to commit" in bench.send("GET", commit, headers()).text


def pan_chainguard(bench: Bench) -> None:
    """CA certificates under names of their own, made trusted roots in one set, then all of it back again."""
    roots = "/config/shared/ssl-decrypt/trusted-root-CA"
    for number in (6, 7):
        ca = certificate(key(number), subject=name(f"CA {number}"), is_ca=True)
        boundary = "_" * 16 + base64.b64encode(os.urandom(48)).decode()
        body = multipart({}, pem(ca))[1].replace(b"00000000000000000000000000000007", boundary.encode())
        query = {"type": "import", "category": "certificate", "certificate-name": f"LINK-{number}", "format": "pem"}
        head = headers(Content_Type=f"multipart/form-data; boundary={boundary}", X_PAN_KEY=bench.firewall.api_key(SVC))
        succeeded(bench.send("POST", f"/api/?{urlencode(query)}", head, body))
    succeeded(bench.config("set", roots, element="<member>LINK-6</member><member>LINK-7</member>"))
    scope = "<device-and-network>excluded</device-and-network><policy-and-objects>excluded</policy-and-objects>"
    command = f"<commit><partial><admin><member>{SVC}</member></admin>{scope}</partial></commit>"
    assert succeeded(bench.commit(command)).job
    assert bench.config("delete", f"{SHARED}/entry[@name='LINK-6']").code == "10", "while it is a trusted root"
    for number in (6, 7):
        assert bench.config("delete", f"{roots}/member[text()='LINK-{number}']").code == "20"
        assert bench.config("delete", f"{SHARED}/entry[@name='LINK-{number}']").code == "20"
    assert succeeded(bench.commit(command)).job


def upgrade_assurance(bench: Bench) -> None:
    """What is asked before an upgrade: the whole configuration among it."""
    bench.generate()
    shown = succeeded(bench.op("<show><config><running/></config></show>")).root
    assert [e.get("name") for e in shown.findall("result/config/shared/certificate/entry")] == ["old", "new"]
    for command in ("<check><pending-changes/></check>", "<check><full-commit-required/></check>",
                    "<show><config-locks><vsys>all</vsys></config-locks></show>", "<show><jobs><all/></jobs></show>",
                    "<show><commit-locks><vsys>all</vsys></commit-locks></show>", "<show><clock/></show>",
                    "<show><session><info/></session></show>"):  # fmt: skip
        succeeded(bench.op(command))
    assert bench.config("get", f"{SYSTEM}/update-schedule").code == "7"


CALLS: dict[str, Callable[[Bench], None]] = {
    "acme.sh": acme_sh,
    "pango, and Terraform's provider on it": pango,
    "infisical": infisical,
    "Ansible collection": ansible,
    "curl": curl,
    "pan-chainguard": pan_chainguard,
    "pan-os-upgrade-assurance": upgrade_assurance,
}
# Which tests run a client itself. The chapter's table has one row for each of these and of those above.
RUN_UNCHANGED: dict[str, object] = {
    "pan-python (`pan.xapi`, `pan.commit`)": test_other_clients.test_pan_python_enrolls_a_certificate,
    "pan-os-python": test_other_clients.test_pan_os_python_locks,
    "pan-python on a Panorama": test_panorama_clients,
    "pan-os-python on a Panorama": test_panorama_clients,
    "clients on `requests`": test_other_clients.upload,
}


@pytest.mark.parametrize("client", CALLS)
def test_what_a_client_sends_is_answered_as_it_expects(client: str) -> None:
    bench = profiled()
    bench.config("set", f"{VSYS1}/address", ALICE, element="<entry name='alices'><fqdn>x.example</fqdn></entry>")
    CALLS[client](bench)
    if client != "curl":
        assert ALICE in {change.owner for change in bench.firewall.pending_changes()}, "nobody else's work went along"


def test_the_chapter_lists_the_clients_that_are_tested() -> None:
    rows = re.findall(r"^\| ([^|]+?) \| (unchanged|its requests) \|", CHAPTER.read_text("utf-8"), re.MULTILINE)
    assert {client for client, how in rows if how == "unchanged"} == set(RUN_UNCHANGED)
    assert {client for client, how in rows if how == "its requests"} == set(CALLS)
    assert len(rows) == len(CALLS) + len(RUN_UNCHANGED)


def test_the_clients_expect_a_refusal_where_there_is_one() -> None:
    bench = profiled()
    late = certificate(key(8), start=START - datetime.timedelta(days=400))
    assert "Certificate is expired" in bench.upload("late", pem(late)).text, "chainguard skips by this text"
    valid = pem(certificate(key(8)))
    alone = bench.upload("x", valid, category="keypair", passphrase="p").text
    assert alone == "Import of certificate and private-key x failed. private key doesn't exist for csr"
