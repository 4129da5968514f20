"""Names of the entries that the agent makes."""

from __future__ import annotations

from paloaltofw.execution.install import object_name
from tests import x509
from tests.pki.samples import CHAIN


def test_names_of_ca_entries_fit_and_differ() -> None:
    names = [object_name(certificate, 31) for certificate in CHAIN]
    assert len(set(names)) == len(names)
    assert all(len(name) <= 31 and name[0].isalnum() for name in names)
    long = x509.certificate("Sectigo Public Server Authentication CA OV R36 – Ü", is_ca=True)
    assert len(object_name(long, 31)) <= 31
