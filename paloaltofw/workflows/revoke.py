"""`revoke`: shows one profile's certificate and revokes it at SCM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, UsageError
from paloaltofw.workflows.session import Session

if TYPE_CHECKING:
    from paloaltofw.pki.certificate import Certificate

# RFC 5280 §5.3.1, the subset that SCM's RevokeRequest takes.
REASON_CODES = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}


@dataclass(frozen=True)
class Revocable:
    """The certificate that is to be revoked, for a person's decision; None if nobody could say which it is."""

    certificate_id: str
    certificate: Certificate | None
    trouble: str = ""


def revocable_id(session: Session) -> str:
    """The saved certificate ID of the one selected profile; raises UsageError if there is none."""
    profile = session.profiles[0]
    certificate_id = session.store.load_certificate_id(profile.id)
    if certificate_id is None:
        where = str(session.store.folder / f"{profile.id}.ids")
        raise UsageError(f"no certificate ID of {profile.id} is saved", where, "revoke it in the SCM portal")
    return certificate_id


def look_up(session: Session, certificate_id: str) -> Revocable:
    """Find the certificate of an ID: what the journal holds of it, else what SCM delivers for it."""
    from paloaltofw.execution.clients import ScmClientPool
    from paloaltofw.pki.certificate import VerificationError
    from paloaltofw.pki.delivery import read_delivery
    from paloaltofw.scm.answers import NotReady

    installed = session.store.load_installed(session.profiles[0].id)
    pool = ScmClientPool(session.configuration, session.clock)
    try:
        if installed is not None and installed.certificate_id == certificate_id and installed.chain:
            delivered = installed.chain.encode()
        else:
            delivered = pool(session.profiles[0].account).download(certificate_id)
        certificates = read_delivery(delivered).certificates
    except (AgentError, VerificationError) as error:
        return Revocable(certificate_id, None, str(error))
    except NotReady:
        certificates = ()
    finally:
        pool.close()
    leaf = next((certificate for certificate in certificates if not certificate.is_ca), None)
    return Revocable(certificate_id, leaf, "" if leaf else "SCM delivers no certificate for this ID")


def describe(session: Session, found: Revocable) -> str:
    """What a person should compare before the answer."""
    profile = session.profiles[0]
    firewall = session.configuration.firewalls[profile.firewall]
    lines = [f"The certificate of {profile.id}:"]
    if found.certificate is not None:
        lines += [
            f"  common name     {found.certificate.names.common_name or 'none'}",
            f"  serial          {found.certificate.serial}",
            f"  expires         {found.certificate.not_after:%Y-%m-%d}",
        ]
    else:
        lines += [
            f"  common name     {profile.subject.common_name} (of the profile; {found.trouble})",
            "  serial          not known",
            "  expires         not known",
        ]
    lines += [f"  firewall        {firewall.id} ({firewall.address})", f"  certificate ID  {found.certificate_id}"]
    return "\n".join(lines)


def as_object(session: Session, found: Revocable, reason: str) -> dict[str, str | None]:
    """What was revoked, for JSON."""
    profile, certificate = session.profiles[0], found.certificate
    return {
        "profile": profile.id,
        "firewall": profile.firewall,
        "certificate_id": found.certificate_id,
        "serial": certificate.serial if certificate else None,
        "not_after": format_time(certificate.not_after) if certificate else None,
        "reason": reason,
    }


def revoke(session: Session, certificate_id: str, reason: str) -> str:
    """Revoke a certificate at SCM, and remember it, so that the next run replaces it; return a sentence."""
    from paloaltofw.execution.revocation import revoke_certificate

    session.store.prepare()
    profile = session.profiles[0]
    with session.store.lock():
        if revocable_id(session) != certificate_id:
            # A run was at work between question and answer: what was shown is not what would be revoked.
            raise UsageError(f"{profile.id} has another certificate by now", remedy="look at it, and try again")
        revoke_certificate(session.configuration, profile, certificate_id, REASON_CODES[reason], session.clock)
    return (
        f"certificate ID {certificate_id} is revoked ({reason}); it is still on firewall {profile.firewall}, "
        f"and the next run replaces it: paloaltoagent run -p {profile.id}"
    )
