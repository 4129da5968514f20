"""What an observer sees of a simulated firewall."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography import x509


@dataclass(frozen=True)
class LogEntry:
    """One request as it came: never with a secret. `admin` is empty where nobody was authenticated."""

    type: str
    summary: str
    admin: str


@dataclass(frozen=True)
class CertificateView:
    """A certificate entry as an observer sees it."""

    name: str
    certificates: tuple[x509.Certificate, ...]
    csr: x509.CertificateSigningRequest | None
    has_key: bool
    is_revoked: bool

    @property
    def leaf(self) -> x509.Certificate | None:
        return self.certificates[0] if self.certificates else None
