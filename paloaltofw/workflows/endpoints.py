"""What `check` says of serve checks: what each endpoint serves today. Never an error: nothing may be issued yet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from paloaltofw.errors import StateError
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.serve_check import look_at
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.finding import Finding
from paloaltofw.pki.served import Look, shown
from paloaltofw.storage.store import Store


def check_endpoints(profiles: Iterable[CertificateProfile], store: Store) -> Iterator[Finding]:
    """A line for each endpoint."""
    for profile in profiles:
        for endpoint in profile.serve_check.endpoints:
            text = _served(look_at(endpoint), _installed(store, profile))
            yield Finding(f"profile {profile.id}", f"serve check {endpoint}", True, text)


def _installed(store: Store, profile: CertificateProfile) -> str:
    """The fingerprint of the certificate that the agent installed; empty if it knows none."""
    try:
        record = store.load_installed(profile.id)
    except StateError:
        return ""  # reported where the next run is planned
    certificate = read_certificate(record.chain) if record is not None else None
    return certificate.sha256 if certificate is not None else ""


def _served(look: Look, installed: str) -> str:
    leaf = look.leaf
    if leaf is None:
        what = "does not shake hands" if look.is_reached else "cannot be reached from this host"
        return f"warning: {what} ({look.failure or 'it presents no certificate that can be read'})"
    issuers = len(look.path) - 1
    text = f"serves {shown(leaf)}, " + (f"with {issuers} of its issuers" if issuers else "alone")
    if installed and leaf.sha256 != installed:
        return f"warning: {text}; it is not the certificate that the agent installed"
    return text
