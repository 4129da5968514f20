"""A certificate's series on the firewall: NAME, NAME-2, NAME-3 …, and which of them is in service."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.pki.certificate import Certificate, Csr
from paloaltofw.pki.verification import Requirements, difference


@dataclass(frozen=True)
class CertificateGeneration:
    """One entry of a certificate's series on the firewall: NAME is number 1, NAME-2 number 2 and so on."""

    number: int
    name: str
    certificate: Certificate | None = None
    csr: Csr | None = None
    has_key: bool = False
    is_revoked: bool = False
    changed_by: frozenset[str] = frozenset()
    template: str = ""

    @property
    def is_complete(self) -> bool:
        """Holds a certificate and its key. Where the CSR is still there, it tells whose key it is."""
        if self.certificate is None or not self.has_key:
            return False
        return self.csr is None or self.csr.spki_sha256 == self.certificate.spki_sha256

    @property
    def content(self) -> tuple[str, str]:
        """What it holds, to be compared: the certificate's fingerprint, and that of the CSR's key."""
        return self.certificate.sha256 if self.certificate else "", self.csr.spki_sha256 if self.csr else ""

    def holds_key_of(self, spki_sha256: str) -> bool:
        """Whether this entry holds the key with this fingerprint. A CSR that is still there tells whose key it is."""
        holder = self.csr or self.certificate
        return self.has_key and holder is not None and holder.spki_sha256 == spki_sha256

    @property
    def is_pending(self) -> bool:
        """A key and a CSR that wait for their certificate (panos.md §6)."""
        return self.certificate is None and self.csr is not None and self.has_key


def requirements(profile: CertificateProfile) -> Requirements:
    """What the profile asks of a CSR and of a certificate."""
    subject, sans = profile.subject, profile.sans
    return Requirements(
        subject.common_name, sans.dns, sans.ip, sans.email, profile.key.type, profile.key.bits, profile.type,
        # A DV certificate holds no more of the subject than its common name.
        _subject_parts(profile) if profile.type != "DV" else (),
    )  # fmt: skip


def _subject_parts(profile: CertificateProfile) -> tuple[tuple[str, str], ...]:
    """What the profile asks of the CSR's subject beside the common name, under the names of RFC 4514."""
    subject = profile.subject
    parts = (
        ("C", subject.country), ("ST", subject.state), ("L", subject.locality), ("O", subject.organization),
        *(("OU", unit) for unit in subject.organizational_unit),
    )  # fmt: skip
    return tuple((name, value) for name, value in parts if value)


def series_number(name: str, entry: str) -> int | None:
    """The number of an entry in the series of `name`: 1 for NAME itself, n for NAME-n; None if it is not of it."""
    if entry == name:
        return 1
    match = re.fullmatch(re.escape(name) + r"-([1-9]\d*)", entry, re.ASCII)
    return int(match.group(1)) if match and int(match.group(1)) > 1 else None


def next_entry(name: str, generations: Iterable[CertificateGeneration]) -> str:
    """A name that was never used: NAME, else one more than the highest number, so that order tells age."""
    highest = max((item.number for item in generations), default=0)
    return name if highest == 0 else f"{name}-{highest + 1}"


def in_service(generations: tuple[CertificateGeneration, ...], required: Requirements) -> CertificateGeneration | None:
    """The entry in service: the highest number that is complete and matches the profile, else the highest complete."""
    complete = [item for item in generations if item.is_complete]
    matching = [item for item in complete if item.certificate and difference(item.certificate, required) is None]
    return max(matching or complete, key=lambda item: item.number, default=None)
