"""What PAN-OS says, as values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from xml.etree import ElementTree

import pytest

from paloaltofw.model.firewall_objects import Change, Lock
from paloaltofw.panos.answers import (
    read_certificate,
    read_certificates,
    read_changes,
    read_jobs,
    read_locks,
    read_own_name,
    read_service_profiles,
)
from paloaltofw.panos.envelope import Malformed

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
            "<entry name='r'><status>revoked</status><private-key/></entry>"
            "<entry name='t' src='tpl' ptpl='T'/></result>"
        )
    )
    assert (entries["p"].csr_pem, entries["p"].certificate_pem, entries["p"].changed_by) == ("CSR", "", frozenset("a"))
    assert (entries["r"].is_revoked, entries["r"].has_private_key) == (True, False)
    assert entries["t"].template == "T"
    assert len(entries) == 3


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


def test_a_job_without_details_is_read() -> None:
    job = "<result><job><id>7</id><status>FIN</status><result>OK</result><p2done>yes</p2done></job></result>"
    read = read_jobs(ElementTree.fromstring(job))[0]
    assert (read.is_ok, read.details) == (True, "")


# A list from which an entry is missing would be read as "there is none", and that costs an order.
INCOMPLETE = [
    ("<result total-count='3' count='3'>{0}{1}</result>", "incomplete"),
    ("<result total-count='3' count='2'>{0}{1}</result>", "incomplete"),
    ("<result total-count='2' count='1'>{0}{1}</result>", "incomplete"),
    ("<result total-count='1' count='1'>{0}{1}</result>", "incomplete"),
    ("<result total-count='1'/>", "incomplete"),
    ("<result total-count='3' count='3'><{tag}>{0}{1}</{tag}></result>", "incomplete"),
    ("<result><{tag}>{0}{0}</{tag}></result>", "two entries of the name a"),
    ("<result>{0}{0}</result>", "two entries of the name a"),
    ("<result><{tag}>{0}<entry/></{tag}></result>", "without a name"),
    ("<result><entry name=''/></result>", "without a name"),
    ("<result><certificates>{0}</certificates></result>", "<certificates> where entries"),
    ("<result><response/></result>", "where entries"),
    ("<result>Server is busy</result>", "a text where"),
]
COMPLETE = [
    "<result total-count='2' count='2'>{0}{1}</result>",
    "<result total-count='1' count='1'><{tag}>{0}{1}</{tag}></result>",
    "<result total-count='2' count='2'><{tag}>{0}{1}</{tag}></result>",
    "<result total-count='many'><{tag}>{0}{1}</{tag}></result>",
    "<result>\n <{tag}>{0}{1}</{tag}>\n</result>",
]
READERS: dict[str, Callable[[ElementTree.Element], Mapping[str, object]]] = {
    "certificate": read_certificates,
    "ssl-tls-service-profile": read_service_profiles,
}
A, B = "<entry name='a'/>", "<entry name='b'/>"


@pytest.mark.parametrize("tag", list(READERS))
@pytest.mark.parametrize(("shape", "words"), INCOMPLETE)
def test_a_list_that_is_not_complete_is_no_list(tag: str, shape: str, words: str) -> None:
    with pytest.raises(Malformed, match=words):
        READERS[tag](ElementTree.fromstring(shape.format(A, B, tag=tag)))


@pytest.mark.parametrize("tag", list(READERS))
@pytest.mark.parametrize("shape", COMPLETE)
def test_a_complete_list_is_read_however_it_is_counted(tag: str, shape: str) -> None:
    assert list(READERS[tag](ElementTree.fromstring(shape.format(A, B, tag=tag)))) == ["a", "b"]


@pytest.mark.parametrize("tag", list(READERS))
@pytest.mark.parametrize("shape", ["<result/>", "<result total-count='0' count='0'/>", "<result><{tag}/></result>"])
def test_an_empty_list_is_read(tag: str, shape: str) -> None:
    assert READERS[tag](ElementTree.fromstring(shape.format(tag=tag))) == {}


@pytest.mark.parametrize(
    "shape", ["<result/>", f"<result>{B}</result>", f"<result>{A}{B}</result>", "<result>a</result>"]
)
def test_one_entry_is_that_entry_or_an_error(shape: str) -> None:
    with pytest.raises(Malformed):
        read_certificate(ElementTree.fromstring(shape), "a")
    entry = read_certificate(ElementTree.fromstring(f"<result total-count='1'>{A}</result>"), "a")
    assert entry is not None
    assert entry.name == "a"


TEMPLATE_MARKS = [
    ("<result><certificate><entry name='a'/></certificate></result>", ""),
    ("<result><certificate ptpl='T' src='tpl'><entry name='a'/></certificate></result>", ""),
    ("<result><certificate ptpl='T' src='tpl'><entry name='a' src='tpl'/></certificate></result>", "T"),
    ("<result><certificate><entry name='a'><x src='tpl' ptpl='U'/></entry></certificate></result>", "U"),
    ("<result><entry name='a' ptpl='T'/></result>", "T"),
    ("<result><entry name='a'><x ptpl='T'/></entry></result>", "T"),
    ("<result><entry name='a' src='tpl'><x src='tpl' ptpl='U'/></entry></result>", "U"),
    ("<result><entry name='a'><x src='tpl'/></entry></result>", "?"),
    ("<result><entry name='a' src='local'/></result>", ""),
]


@pytest.mark.parametrize(("result", "template"), TEMPLATE_MARKS)
def test_either_mark_of_a_template_counts(result: str, template: str) -> None:
    assert read_certificates(ElementTree.fromstring(result))["a"].template == template
    profiles = read_service_profiles(ElementTree.fromstring(result.replace("certificate", "ssl-tls-service-profile")))
    assert profiles["a"].template == template
