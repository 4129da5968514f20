"""The chain: a leaf and its intermediates, put in order and verified link by link."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from paloaltofw.pki.certificate import MALFORMED, MAX_CHAIN, Certificate, VerificationError, load_der


@dataclass(frozen=True)
class Chain:
    """A leaf and its intermediates, each signed by the next; self-signed roots are left out.

    `lacks_issuer`: nothing that was delivered issued the last certificate, which is no root itself. As a rule a CA
    leaves out its root, which clients have; a leaf that stands alone like that (`is_leaf_alone`) cannot be verified by
    them unless the firewall holds its issuer.
    """

    leaf: Certificate
    intermediates: tuple[Certificate, ...]
    lacks_issuer: bool = False

    @property
    def pem(self) -> str:
        """Leaf first."""
        return "".join(certificate.pem for certificate in (self.leaf, *self.intermediates))

    @property
    def top(self) -> Certificate:
        """The last certificate: the highest that is no root."""
        return (self.leaf, *self.intermediates)[-1]

    @property
    def is_leaf_alone(self) -> bool:
        """Whether the leaf came without any issuer."""
        return self.lacks_issuer and not self.intermediates


def build_chain(certificates: Sequence[Certificate], spki_sha256: str, now: datetime.datetime | None = None) -> Chain:
    """Put certificates in order, whatever order they came in: the leaf holds the given key, then each one's issuer.

    SCM does not document an order, and its admin API is root-first (scm.md §2.4). Every signature is verified
    up to the last certificate of the chain. Of several paths the best is taken: valid `now` (if given), then the
    longest, then one up to a root, then the one that lasts longest. Above a valid intermediate, an expired cross
    certificate ends the path; an expired issuer of the leaf itself is kept, for `verify_chain` to refuse.
    Duplicates, self-signed roots and certificates that belong to no link are dropped. Raises VerificationError.
    """
    unique = list({certificate.sha256: certificate for certificate in certificates}.values())
    if len(unique) > MAX_CHAIN:
        raise VerificationError(f"there are more than {MAX_CHAIN} certificates")
    leaves = [certificate for certificate in unique if certificate.spki_sha256 == spki_sha256]
    if not leaves:
        raise VerificationError("no delivered certificate holds the key of the CSR")
    leaf = max(leaves, key=lambda certificate: certificate.not_after)
    others = [certificate for certificate in unique if certificate is not leaf]
    best = max(_PathFinder(leaf, others, now).paths(), key=lambda path: path.rank(now))
    if best.is_broken:
        subject = best.links[-1].names.common_name
        raise VerificationError(f"the signature of {subject!r} does not fit its delivered issuer")
    return Chain(leaf, best.intermediates, lacks_issuer=not best.links[-1].is_self_issued)


def is_issued_by(certificate: Certificate, candidate: Certificate) -> bool:
    """Whether the candidate is the CA that issued the certificate: by its name and by the signature."""
    return _is_signed_by(load_der(certificate.der), load_der(candidate.der), candidate)


def _is_signed_by(child: x509.Certificate, parent: x509.Certificate, candidate: Certificate) -> bool:
    try:
        child.verify_directly_issued_by(parent)
    except (InvalidSignature, *MALFORMED):
        return False
    return candidate.is_ca


@dataclass(frozen=True)
class _Path:
    """A way from the leaf upwards. It is broken if the last link's issuer was delivered by name, but did not sign."""

    links: tuple[Certificate, ...]
    is_broken: bool

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        return tuple(link for link in self.links[1:] if not link.is_self_issued)

    def rank(self, now: datetime.datetime | None) -> tuple[bool, bool, int, bool, list[datetime.datetime]]:
        """More is better. A root's dates do not matter, since it is not served."""
        served = (self.links[0], *self.intermediates)
        is_valid = now is None or all(link.is_valid_at(now) for link in served)
        ends = sorted(link.not_after for link in served)
        return not self.is_broken, is_valid, len(served), self.links[-1].is_self_issued, ends


class _PathFinder:
    """Goes all ways from a leaf upwards.

    No way passes a CA (a name with a key) twice (RFC 4158 §2.4.2). As each certificate belongs to one CA, the number of
    ways is at most the product of the numbers of each CA's certificates, and those add up to less than MAX_CHAIN: no
    more than about 1500.
    """

    def __init__(self, leaf: Certificate, others: Sequence[Certificate], now: datetime.datetime | None) -> None:
        self._leaf = leaf
        self._others = others
        self._now = now
        self._loaded = {certificate.sha256: load_der(certificate.der) for certificate in (leaf, *others)}
        self._issuers: dict[str, tuple[list[Certificate], bool]] = {}

    def paths(self) -> Iterator[_Path]:
        """Every way to go from the leaf, each as far as it leads."""
        return self._extended((self._leaf,), frozenset())

    def _extended(self, links: tuple[Certificate, ...], passed: frozenset[tuple[bytes, str]]) -> Iterator[_Path]:
        current = links[-1]
        issuers, is_broken = ([], False) if current.is_self_issued else self._issuers_of(current)
        usable = [
            issuer for issuer in issuers if self._may_follow(links, issuer) and not self._leads_back(issuer, passed)
        ]
        if not usable:
            yield _Path(links, is_broken)
        for issuer in usable:
            yield from self._extended((*links, issuer), passed | {self._ca(issuer)})

    def _may_follow(self, links: tuple[Certificate, ...], issuer: Certificate) -> bool:
        """Whether to go on to an issuer: an expired one is needed only to say why a leaf cannot be used."""
        return len(links) == 1 or issuer.is_self_issued or self._now is None or issuer.is_valid_at(self._now)

    def _leads_back(self, issuer: Certificate, passed: frozenset[tuple[bytes, str]]) -> bool:
        """Whether an issuer was passed, or was itself certified by one that was: two CAs that certify each other."""
        return not passed.isdisjoint(self._ca(item) for item in (issuer, *self._issuers_of(issuer)[0]))

    def _ca(self, certificate: Certificate) -> tuple[bytes, str]:
        return self._loaded[certificate.sha256].subject.public_bytes(), certificate.spki_sha256

    def _issuers_of(self, certificate: Certificate) -> tuple[list[Certificate], bool]:
        """The certificates of a certificate's CA, and whether some bear its name and none signed."""
        if certificate.sha256 not in self._issuers:
            child = self._loaded[certificate.sha256]
            named = [item for item in self._others if self._loaded[item.sha256].subject == child.issuer]
            signers = [item for item in named if _is_signed_by(child, self._loaded[item.sha256], item)]
            self._issuers[certificate.sha256] = signers, bool(named) and not signers
        return self._issuers[certificate.sha256]
