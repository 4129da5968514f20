"""The PAN-OS client: what it sends, and what it makes of every answer in the fact sheet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from paloaltofw.addresses import Trust
from paloaltofw.credentials import Secret
from paloaltofw.errors import (
    AgentError,
    AnswerLost,
    Busy,
    CredentialsRefused,
    InvalidAnswer,
    PermissionDenied,
    Refused,
    Unreachable,
)
from paloaltofw.panos import CsrRequest, PanosClient, Scope, commit_command, generate_command
from paloaltofw.panos_xml import (
    Change,
    Lock,
    Malformed,
    read_certificates,
    read_changes,
    read_envelope,
    read_jobs,
    read_locks,
    read_own_name,
)
from paloaltofw.sandbox.https import Answer, Cut, Request
from tests.peers import QuickClock, Scripted, ca_file, scripted

KEY = "LUFRPT1+/canary=="
OK = '<response status="success"><result>done</result></response>'
REQUEST = CsrRequest(
    "vpn-2", "vpn.example.com", "RSA", 2048, country="SK", organization="A & <B>", organizational_unit=("IT",),
    dns=("vpn.example.com",), ip=("192.0.2.1",), alt_email=("a@example.com",),
)  # fmt: skip


def xml(text: str, status: int = 200, content_type: str = "application/xml; charset=UTF-8") -> Answer:
    return Answer(status, text.encode(), content_type)


@contextmanager
def client(
    tmp_path: Path, script: Callable[[Request], Answer], scope: Scope | None = None, trust: Trust | None = None
) -> Iterator[tuple[PanosClient, Scripted, QuickClock]]:
    clock = QuickClock()
    with scripted(script) as (site, server):
        trust = trust or Trust(ca_file=ca_file(tmp_path))
        panos = PanosClient("fw", server.url, Secret(KEY), trust, 5, scope or Scope(), clock)
        yield panos, site, clock
        panos.close()


def test_the_key_travels_in_a_header_of_a_post_and_nowhere_else(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: xml(OK)) as (panos, site, _):
        panos.certificates()
        panos.generate_csr(REQUEST)
        panos.import_certificate("vpn-2", "-----BEGIN CERTIFICATE-----")
        panos.bind("portal", "vpn-2")
        panos.delete_certificate("vpn")
        panos.commit("svc", "text")
    assert len(site.requests) == 6
    for request in site.requests:
        assert (request.method, request.target) == ("POST", "/api/")
        assert request.headers["x-pan-key"] == KEY
        assert KEY.encode() not in request.body
        assert b"canary" not in request.body


def test_the_generate_command_is_escaped_and_complete() -> None:
    root = ElementTree.fromstring(generate_command(REQUEST))
    generate = root.find("certificate/generate")
    assert generate is not None
    assert generate.findtext("organization") == "A & <B>"
    assert generate.findtext("algorithm/RSA/rsa-nbits") == "2048"
    assert [m.text for m in generate.findall("hostname/member")] == ["vpn.example.com"]
    assert [m.text for m in generate.findall("ip/member")] == ["192.0.2.1"]
    assert (generate.findtext("signed-by"), generate.findtext("ca")) == ("external", "no")
    assert generate.find("locality") is None


@pytest.mark.parametrize("bits", [256, 384, 521])
def test_ecdsa_keys_are_asked_for_by_bits(bits: int) -> None:
    command = generate_command(CsrRequest("n", "c.example.com", "ECDSA", bits))
    assert f"<algorithm><ECDSA><ecdsa-nbits>{bits}</ecdsa-nbits></ECDSA></algorithm>" in command


def test_the_commit_is_limited_to_one_administrator() -> None:
    expected = (
        "<commit><partial><admin><member>svc</member></admin></partial><description>a &lt; b</description></commit>"
    )
    assert commit_command("svc", "a < b") == expected


@pytest.mark.parametrize(
    ("scope", "vsys", "part"), [(Scope(), None, "/config/shared/"), (Scope("vsys2"), "vsys2", "'vsys2'")]
)
def test_the_scope_is_in_xpath_and_parameters(tmp_path: Path, scope: Scope, vsys: str | None, part: str) -> None:
    with client(tmp_path, lambda _: xml(OK), scope) as (panos, site, _):
        panos.certificates()
        panos.generate_csr(REQUEST)
        panos.import_certificate("vpn-2", "PEM")
    read, generate, imported = (request.form for request in site.requests)
    assert part in read["xpath"]
    assert generate.get("vsys") == imported.get("vsys") == vsys
    assert site.requests[2].parts[-1].name == "file"


@pytest.mark.parametrize("name", ["a'b", 'a"b'])
def test_names_with_quotes_never_reach_an_xpath(tmp_path: Path, name: str) -> None:
    with client(tmp_path, lambda _: xml(OK)) as (panos, site, _), pytest.raises(ValueError, match="quote"):
        panos.delete_certificate(name)
    assert site.requests == []


ENVELOPES: list[tuple[str, bool, int | None, str]] = [
    ('<response status="success" code="20"><msg>command succeeded</msg></response>', True, 20, "command succeeded"),
    ('<response status="success" code="19"><result total-count="1"/></response>', True, 19, ""),
    ('<response status="success"><result>text</result></response>', True, None, ""),
    ('<response status="success" code="7"><result/></response>', True, 7, ""),
    ('<response status="error"><msg><line>No such node</line></msg></response>', False, None, "No such node"),
    ('<response status="error" code="12"><msg><line><![CDATA[ x -> y  is invalid. ]]></line><line>b</line></msg></response>',
     False, 12, "x -> y is invalid.; b"),
    ("<response status = 'error' code = '400'><result><msg>Parameter &quot;f&quot;</msg></result></response>", False, 400,
     'Parameter "f"'),
    ('<response status="error"><msg><line><msg><line>nested</line></msg></line></msg></response>', False, None, "nested"),
    ('<response status="error"><result><msg><line>text</line></msg></result></response>', False, None, "text"),
    ('<response status="failed"><result>why</result></response>', False, None, "why"),
    ('<response status="success" code="13"><msg>odd</msg></response>', False, 13, "odd"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "success", "code", "text"), ENVELOPES)
def test_every_variant_of_the_envelope(body: str, success: bool, code: int | None, text: str) -> None:
    envelope = read_envelope(body.encode())
    assert (envelope.is_success, envelope.code, envelope.text) == (success, code, text)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"text", b"<html><body/></html>", b"<response/>", b"<response status='success'>", b"\xff\xfe<",
        b"<!DOCTYPE r [<!ENTITY a 'b'>]><response status='success'>&a;</response>",
        b"<response status='success'>" + b"<a>" * 700_000,
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        read_envelope(body)


def error(code: int | None, text: str) -> str:
    attribute = f' code="{code}"' if code is not None else ""
    return f'<response status="error"{attribute}><msg><line>{text}</line></msg></response>'


WRITE_ANSWERS: list[tuple[Answer, type[AgentError]]] = [
    (xml("<response status = 'error' code = '403'><result><msg>Invalid credentials.</msg></result></response>", 403),
     CredentialsRefused),
    (xml("<response status = 'error' code = '403'><result><msg>Invalid Credential</msg></result></response>"),
     CredentialsRefused),
    (xml(error(16, "Unauthorized request")), PermissionDenied),
    (xml(error(16, "Unauthorized request"), 403), PermissionDenied),
    (xml(error(14, "Other administrators are holding device wide commit locks.")), Busy),
    (xml(error(None, "Configuration is locked by alice")), Busy),
    (xml(error(14, "Config for scope shared is currently locked by alice")), Busy),
    (xml(error(13, "Another commit/validate is in progress. Please try again later")), Busy),
    (xml(error(None, "A commit is in progress.")), Busy),
    (xml(error(17, "generate -> foo is unexpected")), Refused),
    (xml(error(7, "Object not present")), Refused),
    (xml('<response status="success" code="7"><result/></response>'), Refused),
    (xml(error(None, "Import of N failed. Mismatched public and private keys.")), Refused),
    (xml("<html>login</html>", content_type="text/html"), AnswerLost),
    (xml(""), AnswerLost),
    (xml('<response status="success"><result>'), AnswerLost),
    (xml("<html/>", 404, "text/html"), InvalidAnswer),
    (Answer(302, b"", headers={"Location": "https://evil.example/"}), InvalidAnswer),
    (xml("<html/>", 502, "text/html"), AnswerLost),
    (xml("", 500), AnswerLost),
    (xml("", 429), Busy),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "kind"), WRITE_ANSWERS)
def test_a_write_is_never_repeated_and_its_failure_has_a_type(
    tmp_path: Path, answer: Answer, kind: type[AgentError]
) -> None:
    with client(tmp_path, lambda _: answer) as (panos, site, clock), pytest.raises(AgentError) as caught:
        panos.import_certificate("vpn-2", "PEM")
    assert type(caught.value) is kind
    assert (len(site.requests), clock.slept) == (1, [])
    assert "canary" not in str(caught.value)
    assert "firewall fw, import vpn-2" in str(caught.value)


@pytest.mark.parametrize("trouble", [xml("<html/>", 502, "text/html"), None])
def test_reads_are_repeated(tmp_path: Path, trouble: Answer | None) -> None:
    calls: list[Request] = []

    def script(request: Request) -> Answer:
        calls.append(request)
        if len(calls) > 1:
            return xml('<response status="success" code="19"><result/></response>')
        if trouble is None:
            raise Cut(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n<resp")
        return trouble

    with client(tmp_path, script) as (panos, _, clock):
        assert panos.certificates() == {}
    assert clock.slept == [0.5]


FINISHED = """<entry name="vpn-2026" admin="svc" dirtyId="4" time="2026/03/02 15:17:31">
 <not-valid-after>May  9 19:24:08 2025 GMT</not-valid-after><common-name>cert</common-name>
 <public-key>-----BEGIN CERTIFICATE-----
AA==
-----END CERTIFICATE-----</public-key><algorithm>RSA</algorithm><private-key>-AQ==secret</private-key></entry>"""


@pytest.mark.parametrize(
    "shape", ["<result>{}</result>", "<result total-count='1'><certificate>{}</certificate></result>"]
)
def test_certificate_entries_are_read_in_both_shapes(shape: str) -> None:
    entries = read_certificates(ElementTree.fromstring(shape.format(FINISHED)))
    entry = entries["vpn-2026"]
    assert entry.certificate_pem.startswith("-----BEGIN CERTIFICATE-----")
    assert (entry.has_private_key, entry.changed_by, entry.csr_pem) == (True, frozenset({"svc"}), "")
    assert "secret" not in repr(entries)


def test_pending_revoked_and_pushed_entries() -> None:
    entries = read_certificates(
        ElementTree.fromstring(
            "<result><entry name='p'><csr admin='a' dirtyId='1'>CSR</csr><private-key>x</private-key></entry>"
            "<entry name='r'><status>revoked</status><private-key/></entry><entry/>"
            "<entry name='t' src='tpl' ptpl='T'/></result>"
        )
    )
    assert (entries["p"].csr_pem, entries["p"].certificate_pem, entries["p"].changed_by) == ("CSR", "", frozenset("a"))
    assert (entries["r"].is_revoked, entries["r"].has_private_key) == (True, False)
    assert entries["t"].template == "T"
    assert len(entries) == 3


def test_a_missing_container_is_no_certificates(tmp_path: Path) -> None:
    for body in ENVELOPES[3][0], ENVELOPES[4][0]:
        with client(tmp_path, lambda _, body=body: xml(body)) as (panos, _, _clock):  # type: ignore[misc]
            assert panos.running_certificates() == {}


def test_other_answers_are_read() -> None:
    journal = (
        "<result><journal><entry><xpath>/x</xpath><owner>bob</owner><action> CREATE</action></entry></journal></result>"
    )
    assert read_changes(ElementTree.fromstring(journal)) == (Change("bob", "/x", "CREATE"),)
    assert read_changes(ElementTree.fromstring("<result/>")) == ()
    locks = "<result><commit-locks><entry name='alice'><name>shared</name></entry></commit-locks></result>"
    assert read_locks(ElementTree.fromstring(locks)) == (Lock("alice", "commit-lock", "shared"),)
    admins = (
        "<result><admins><entry><admin>bob</admin></entry><entry><admin>svc</admin><self/></entry></admins></result>"
    )
    assert read_own_name(ElementTree.fromstring(admins)) == "svc"
    assert read_own_name(ElementTree.fromstring("<result><admins/></result>")) is None


@pytest.mark.parametrize(
    ("text", "percent"), [("57", 57), ("100", 100), ("-5", 0), ("4711", 100), ("06:20:25", 0), ("", 0)]
)
def test_absurd_progress_is_tamed(text: str, percent: int) -> None:
    job = read_jobs(ElementTree.fromstring(f"<result><job><id>7</id><progress>{text}</progress></job></result>"))[0]
    assert job.progress == percent
    assert not job.is_finished


def test_a_commit_gives_its_job_or_nothing(tmp_path: Path) -> None:
    enqueued = (
        '<response status="success" code="19"><result><msg><line>Commit job enqueued with jobid 70</line></msg>'
        "<job>70</job></result></response>"
    )
    with client(tmp_path, lambda _: xml(enqueued)) as (panos, site, _):
        assert panos.commit("svc", "text") == "70"
    assert site.requests[0].form["action"] == "partial"
    nothing = '<response status="success" code="19"><msg>There are no changes to commit.</msg></response>'
    with client(tmp_path, lambda _: xml(nothing)) as (panos, _, _clock):
        assert panos.commit("svc", "text") is None


def test_a_refused_description_is_left_out(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        return xml(error(17, "commit -> description is unexpected") if "description" in request.form["cmd"] else OK)

    with client(tmp_path, script) as (panos, site, _):
        assert panos.commit("svc", "text") is None
    assert len(site.requests) == 2


def test_the_csr_is_exported_where_the_configuration_does_not_show_it(tmp_path: Path) -> None:
    def script(request: Request) -> Answer:
        if request.form["type"] == "export":
            return Answer(200, b"-----BEGIN CERTIFICATE REQUEST-----", "application/octet-stream")
        return xml('<response status="success" code="7"><result/></response>')

    with client(tmp_path, script) as (panos, site, _):
        assert panos.csr("vpn-2").startswith("-----BEGIN")
    assert site.requests[1].form["include-key"] == "no"


def test_a_pinned_certificate(tmp_path: Path) -> None:
    with client(tmp_path, lambda _: xml(OK), trust=Trust(pin="00" * 32)) as (panos, site, clock):
        with pytest.raises(Unreachable, match="not the pinned one"):
            panos.certificates()
    assert (site.requests, clock.slept) == ([], [])


@given(st.binary(max_size=400))
@settings(max_examples=300, deadline=None)
def test_no_bytes_crash_the_parser(body: bytes) -> None:
    for wrapped in (body, b"<response status='success'><result>" + body + b"</result></response>"):
        with suppress(Malformed):
            envelope = read_envelope(wrapped)
            read_certificates(envelope.result)
            read_jobs(envelope.result)
            read_changes(envelope.result)
            read_locks(envelope.result)


@given(st.text(st.characters(blacklist_categories=["Cs", "Cc", "Co", "Cn"]), min_size=1, max_size=60))
@settings(max_examples=200, deadline=None)
def test_values_round_trip_through_the_command(text: str) -> None:
    root = ElementTree.fromstring(generate_command(CsrRequest("n", "c", "RSA", 2048, organization=text)))
    assert root.findtext("certificate/generate/organization") == text
