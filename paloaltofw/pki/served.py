"""What a service presents, compared with what it is to serve."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import Enum

from paloaltofw.pki.certificate import MAX_CHAIN, Certificate, VerificationError, parse_certificate_der
from paloaltofw.pki.chain import Chain, is_issued_by


class Served(str, Enum):
    """What a look at an endpoint found."""

    RIGHT = "right"
    OLD = "old"
    OTHER = "other"
    LEAF_ONLY = "leaf-only"
    WRONG_CHAIN = "wrong-chain"
    UNREACHABLE = "unreachable"
    NO_HANDSHAKE = "no-handshake"


@dataclass(frozen=True)
class Look:
    """What came of a handshake: the certificates (DER) as they were presented, or `failure`, which says why not."""

    certificates: tuple[bytes, ...] = ()
    failure: str = ""
    is_reached: bool = True

    @property
    def leaf(self) -> Certificate | None:
        """The service's own certificate; None if there is none to be read."""
        return _read(self.certificates[0]) if self.certificates else None

    @property
    def path(self) -> tuple[Certificate, ...]:
        """The leaf and what of the rest leads on from it, each issued by the next, whatever order they came in."""
        leaf = self.leaf
        if leaf is None:
            return ()
        rest = [item for item in map(_read, self.certificates[1:MAX_CHAIN]) if item is not None]
        path = [leaf]
        while not path[-1].is_self_issued:
            issuer = next((item for item in rest if item not in path and is_issued_by(path[-1], item)), None)
            if issuer is None:
                break
            path.append(issuer)
        return tuple(path)


@dataclass(frozen=True)
class Verdict:
    """What was found, in words that follow the endpoint's name; `note` is odd but does no harm."""

    found: Served
    text: str
    note: str = ""


def judge(look: Look, expected: Chain, predecessors: Collection[str]) -> Verdict:
    """Compare; `predecessors` are fingerprints (hex) of the profile's earlier certificates."""
    if not look.certificates:
        if not look.is_reached:
            return Verdict(Served.UNREACHABLE, f"cannot be reached ({look.failure})")
        return Verdict(Served.NO_HANDSHAKE, f"does not shake hands ({look.failure or 'it presents no certificate'})")
    leaf = look.leaf
    if leaf is None:
        return Verdict(Served.OTHER, "serves a certificate that cannot be read")
    if leaf.sha256 != expected.leaf.sha256:
        if leaf.sha256 in predecessors:
            return Verdict(Served.OLD, f"still serves the old certificate ({shown(leaf)})")
        return Verdict(Served.OTHER, f"serves another certificate ({shown(leaf)})")
    return _judge_chain(look, expected)


def _judge_chain(look: Look, expected: Chain) -> Verdict:
    path = look.path
    if path[-1].is_self_issued or _reaches(path, expected.top):
        beside = tuple(item.der for item in path[1:])
        is_plain = look.certificates[1 : len(path)] == beside and len(look.certificates) == len(path)
        note = "" if is_plain else "its chain is in an unusual order, or holds what belongs to no link; clients bear it"
        return Verdict(Served.RIGHT, f"serves it with {len(beside)} of its issuers", note)
    if len(look.certificates) == 1:
        return Verdict(Served.LEAF_ONLY, "serves the certificate alone, without the intermediates that clients need")
    what = f"sends intermediates that do not lead from the certificate to {expected.top.names.common_name[:64]!r}"
    return Verdict(Served.WRONG_CHAIN, what)


def _reaches(path: Sequence[Certificate], top: Certificate) -> bool:
    """Whether a path comes to the top of the chain: to its key, since a CA may have several certificates."""
    return any(item.spki_sha256 == top.spki_sha256 for item in path)


def is_worse(before: tuple[str, int], after: Look, found: Served) -> bool:
    """Whether clients are worse off than before; `before` is the leaf's fingerprint and how far its chain led.

    The old certificate is served as it was. One of somebody else's is worse unless it was there before.
    """
    if found in (Served.RIGHT, Served.OLD):
        return False
    fingerprint, links = standing(after)
    if found is Served.OTHER:
        return before[1] > 0 and fingerprint != before[0]
    return links < before[1]


def standing(look: Look) -> tuple[str, int]:
    """What clients meet: the leaf's fingerprint (hex, empty if there is none), and how many links its path has."""
    leaf = look.leaf
    return (leaf.sha256, len(look.path)) if leaf is not None else ("", 0)


def shown(certificate: Certificate) -> str:
    """A certificate in a few words; its names may come from anybody."""
    name = certificate.names.common_name or min(certificate.names.all, default="")
    return f"{name[:64]!r}, serial {certificate.serial[:40]}, until {certificate.not_after:%Y-%m-%d}"


def _read(der: bytes) -> Certificate | None:
    try:
        return parse_certificate_der(der)
    except VerificationError:
        return None
