"""The chain: a leaf and its intermediates, put in order and verified link by link."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from paloaltofw.pki.certificate import MALFORMED, Certificate, VerificationError, load_der


@dataclass(frozen=True)
class Chain:
    """A leaf and its intermediates, each signed by the next; self-signed roots are left out."""

    leaf: Certificate
    intermediates: tuple[Certificate, ...]

    @property
    def pem(self) -> str:
        """Leaf first."""
        return "".join(certificate.pem for certificate in (self.leaf, *self.intermediates))


def build_chain(certificates: Sequence[Certificate], spki_sha256: str) -> Chain:
    """Put certificates in order, whatever order they came in: the leaf holds the given key, then each one's issuer.

    SCM does not document an order, and its admin API is root-first (scm.md §2.4). Every signature is verified
    up to the last certificate delivered. Duplicates, self-signed roots and certificates that belong to no link are
    dropped. Raises VerificationError.
    """
    unique = list({certificate.sha256: certificate for certificate in certificates}.values())
    leaves = [certificate for certificate in unique if certificate.spki_sha256 == spki_sha256]
    if not leaves:
        raise VerificationError("no delivered certificate holds the key of the CSR")
    leaf = max(leaves, key=lambda certificate: certificate.not_after)
    links: list[Certificate] = []
    current = leaf
    while not current.is_self_issued:
        issuer = _issuer_of(current, [c for c in unique if c not in links and c is not leaf])
        if issuer is None:
            break
        links.append(issuer)
        current = issuer
    return Chain(leaf, tuple(link for link in links if not link.is_self_issued))


def _issuer_of(certificate: Certificate, candidates: Iterable[Certificate]) -> Certificate | None:
    """The issuer among the candidates; an intermediate is preferred to a root of the same name and key."""
    named = [c for c in candidates if _is_named_issuer(certificate, c)]
    signers = [c for c in named if _is_signed_by(certificate, c)]
    if named and not signers:
        raise VerificationError(f"the signature of {certificate.names.common_name!r} does not fit its delivered issuer")
    return min(signers, key=lambda c: (c.is_self_issued, -c.not_after.timestamp()), default=None)


def _is_named_issuer(certificate: Certificate, candidate: Certificate) -> bool:
    child, parent = (load_der(c.der) for c in (certificate, candidate))
    return child.issuer == parent.subject


def _is_signed_by(certificate: Certificate, issuer: Certificate) -> bool:
    child, parent = (load_der(c.der) for c in (certificate, issuer))
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, *MALFORMED):
        return False
    return issuer.is_ca
