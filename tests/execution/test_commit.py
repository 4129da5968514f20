"""What a failed commit is about, and which keys a revert could lose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.execution.failed_commit import key_at_risk, lost_owners, names_in
from paloaltofw.model.firewall_objects import CertificateEntry, Change
from tests import x509

KNOWN = ("www", "www-2", "www old", "portal", "www.example.com")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (" shared -> certificate -> www is missing 'common-name'", {"www"}),
        ("certificate->www->public-key: invalid", {"www"}),
        ("certificate->www-2->csr", {"www-2"}),
        ("ssl-tls-service-profile -> portal -> certificate 'www-2' is not a valid reference", {"portal", "www-2"}),
        ('entry "www"; see www-2.', {"www", "www-2"}),
        ("(www) / [portal], www:", {"www", "portal"}),
        ("certificate www.", {"www"}),
        ("certificate www old is invalid", {"www old"}),
        ("certificate www.example.com is invalid", {"www.example.com"}),
        ("www-3 www-20 www_2 www.2 x-www x.www www2 awww -www wwwportal", set()),
        ("WWW", set()),
        ("Commit failed", set()),
        ("", set()),
    ],
)
def test_names_are_whole_words(text: str, named: set[str]) -> None:
    assert names_in(text, KNOWN) == named


def test_no_names_are_in_no_text() -> None:
    assert names_in("certificate ->  is missing", ("", "")) == set()


NAME = st.from_regex(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,8}[A-Za-z0-9_])?", fullmatch=True)


@given(st.sets(NAME, min_size=2, max_size=6), st.data())
def test_only_the_name_that_is_written_is_found(names: set[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(names)))
    left, right = data.draw(
        st.sampled_from([(" -> ", " "), ("'", "'"), ('"', '"->'), ("->", "->"), ("", "."), ("(", "),")])
    )
    assert names_in(left + name + right, names) == {name}


def entry(
    name: str, number: int | None = 0, csr: int | None = None, has_key: bool = True, by: frozenset[str] = frozenset()
) -> CertificateEntry:
    """An entry whose certificate and CSR are of the keys with these numbers."""
    certificate = "" if number is None else x509.certificate(private_key=x509.key(number)).pem
    pem = "" if csr is None else x509.csr(private_key=x509.key(csr)).pem
    return CertificateEntry(name, certificate, pem, has_key, changed_by=by)


PENDING = entry("www", None, csr=1)
IMPORTED = entry("www", 1, csr=1)
SVC, ALICE = frozenset({"svc"}), frozenset({"alice"})
OTHER = entry("other", 5)


@pytest.mark.parametrize(
    ("candidate", "running", "at_risk"),
    [
        # The pending CSR was committed, the certificate came now.
        ([IMPORTED], [PENDING], ""),
        ([entry("www", 1)], [PENDING], ""),
        ([entry("www", 1)], [entry("www", 1, has_key=False)], "www"),
        ([entry("www", 1)], [entry("www", 1)], ""),
        # The key is nowhere else.
        ([IMPORTED], [], "www"),
        ([PENDING], [], "www"),
        ([PENDING], [entry("www", None, csr=2)], "www"),
        ([IMPORTED], [entry("www", 2)], "www"),
        # CSR and certificate contradict each other, or cannot be read: that tells nothing.
        ([entry("www", 1, csr=2)], [PENDING], "www"),
        ([CertificateEntry("www", "", "garbage", True)], [CertificateEntry("www", "", "garbage", True)], "www"),
        ([CertificateEntry("www", "", "", False)], [CertificateEntry("www", "", "", False)], "www"),
        # An entry of the series counts although it shows no key, and whoever changed it.
        ([entry("www", 1, has_key=False), OTHER], [OTHER], "www"),
        ([entry("www", 1, by=ALICE)], [], "www"),
        # Other entries: a key of the agent's administrator, one of nobody in particular, another administrator's.
        ([IMPORTED, entry("new", None, csr=3, by=SVC)], [PENDING], "new"),
        ([IMPORTED, entry("new", None, csr=3, by=SVC | ALICE)], [PENDING], "new"),
        ([IMPORTED, entry("new", None, csr=3)], [PENDING], "new"),
        ([IMPORTED, entry("new", None, csr=3, by=ALICE)], [PENDING], ""),
        # An intermediate holds no key, but where all keys are hidden that is not seen.
        ([IMPORTED, entry("ca", 4, has_key=False, by=SVC)], [PENDING], ""),
        ([entry("www", 1, has_key=False), entry("ca", 4, has_key=False, by=SVC)],
         [entry("www", 1, has_key=False)], "ca"),
    ],
)  # fmt: skip
def test_which_key_a_revert_could_lose(
    candidate: list[CertificateEntry], running: list[CertificateEntry], at_risk: str
) -> None:
    found = key_at_risk({e.name: e for e in candidate}, {e.name: e for e in running}, {"www"}, {}, "svc")
    assert found == at_risk


@pytest.mark.parametrize(("number", "at_risk"), [(1, ""), (2, "www")])
def test_the_key_of_an_open_order_counts_where_no_list_shows_it(number: int, at_risk: str) -> None:
    ordered = {"www": x509.csr(private_key=x509.key(number)).spki_sha256}
    assert key_at_risk({}, {"www": PENDING}, {"www"}, ordered, "svc") == at_risk
    assert key_at_risk({}, {}, {"www"}, ordered, "svc") == "www"


def test_whose_changes_are_gone() -> None:
    ours, hers, his = (Change(owner, "/config/shared", "EDIT") for owner in ("svc", "alice", "bob"))
    assert lost_owners([ours, hers, his], [hers, his], "svc") == []
    assert lost_owners([ours, his, hers], [], "svc") == ["alice", "bob"]
    assert lost_owners([hers], [hers, his], "svc") == []
