"""`trust`: shows a firewall's TLS certificate and pins it in its profile."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from paloaltofw.configuration.addresses import read_pin
from paloaltofw.configuration.gpg import Gpg
from paloaltofw.configuration.profile_editor import ProfileFile, with_value
from paloaltofw.configuration.rules import BadValue
from paloaltofw.errors import NotTrusted, UsageError
from paloaltofw.model.trust import pin_text
from paloaltofw.transport.peer_certificate import presented
from paloaltofw.workflows.session import Access, log_event


@dataclass(frozen=True)
class Presented:
    """The certificate that a firewall presents. `fingerprint` is the SHA-256 in hex."""

    fingerprint: str
    text: str


def look_at_certificate(file: ProfileFile) -> Presented:
    """Connect to the firewall and read its certificate; no credential is sent. Raises Unreachable."""
    profile = file.profile
    der = presented(profile.url, profile.timeout)
    fingerprint = hashlib.sha256(der).hexdigest()
    lines = [f"{profile.title} presents", *_describe(der), f"  {pin_text(fingerprint)}"]
    pinned = profile.trust.pin
    if pinned:
        lines.append("which is pinned already" if pinned == fingerprint else f"pinned now is\n  {pin_text(pinned)}")
    return Presented(fingerprint, "\n".join(lines))


def _describe(der: bytes) -> list[str]:
    from paloaltofw.pki.certificate import VerificationError, parse_certificate_der

    try:
        certificate = parse_certificate_der(der)
    except VerificationError as error:
        return [f"  a certificate that cannot be read ({error})"]
    names = sorted(certificate.names.all)
    return [
        f"  name     {certificate.names.common_name or 'none'}",
        f"  also     {', '.join(names[:10]) or 'none'}{' …' if len(names) > 10 else ''}",
        f"  issuer   {'itself' if certificate.is_self_issued else certificate.issuer}",
        f"  valid    {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
        f"  key      {certificate.key_type} {certificate.key_bits}",
    ]


def write_pin(file: ProfileFile, gpg: Gpg, fingerprint: str) -> str:
    """Write a pin into the profile; return a sentence."""
    written = gpg.rewrite(file.path, with_value(file, "verify_tls", pin_text(fingerprint)), file.is_encrypted)
    return f"{written} pins {pin_text(fingerprint)}"


def parse_fingerprint(text: str | None) -> str | None:
    """The --fingerprint option, with or without `sha256:`; raises UsageError."""
    if text is None:
        return None
    try:
        return read_pin(text if text.lower().startswith("sha256:") else f"sha256:{text}")
    except BadValue as bad:
        raise UsageError(f"--fingerprint: {bad.what}", remedy=bad.allowed) from None


def ensure_expected(access: Access, presented: Presented, expected: str | None) -> None:
    """Refuse to pin another certificate than the expected one; raises NotTrusted."""
    if expected in (None, presented.fingerprint):
        return
    what = f"it presents {pin_text(presented.fingerprint)}, not the fingerprint given"
    where = access.file.profile.title
    raise NotTrusted(what, where, "nothing was written; find out what answers there")


def pin(access: Access, fingerprint: str) -> str:
    """Write the pin into the profile; return a sentence."""
    done = write_pin(access.file, access.gpg, fingerprint)
    log_event("firewall=%s its TLS certificate is pinned: %s", access.file.profile.id, fingerprint)
    return done
