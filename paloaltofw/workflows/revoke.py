"""`revoke`: revokes one profile's certificate at SCM."""

from __future__ import annotations

from paloaltofw.errors import UsageError
from paloaltofw.workflows.session import Session

# RFC 5280 §5.3.1, the subset that SCM's RevokeRequest takes.
REASON_CODES = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}


def revocable_id(session: Session) -> str:
    """The saved certificate ID of the one selected profile; raises UsageError if there is none."""
    profile = session.profiles[0]
    certificate_id = session.store.load_certificate_id(profile.id)
    if certificate_id is None:
        where = str(session.store.folder / f"{profile.id}.ids")
        raise UsageError(f"no certificate ID of {profile.id} is saved", where, "revoke it in the SCM portal")
    return certificate_id


def revoke(session: Session, certificate_id: str, reason: str) -> None:
    """Revoke a certificate at SCM, and remember it, so that the next run replaces it."""
    from paloaltofw.execution.revocation import revoke_certificate

    session.store.prepare()
    with session.store.lock():
        revoke_certificate(
            session.configuration, session.profiles[0], certificate_id, REASON_CODES[reason], session.clock
        )
