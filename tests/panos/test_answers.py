"""What PAN-OS says, as values."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from paloaltofw.model.firewall_objects import Change, Lock
from paloaltofw.panos.answers import read_certificates, read_changes, read_jobs, read_locks, read_own_name

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
