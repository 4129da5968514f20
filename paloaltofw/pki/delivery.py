"""A delivery: the certificates in what a CA sent, whatever form it chose."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from paloaltofw.pki.certificate import (
    MALFORMED,
    MAX_CHAIN,
    MAX_PEM_CHARACTERS,
    Certificate,
    VerificationError,
    parse_certificate_der,
    without_warnings,
)

# RFC 7468 §5, §8 and §9; some tools write the content of one label under the other, so the content decides. A block
# without its end line reaches to the next one.
_LABEL = rb"(?:X509 |TRUSTED )?CERTIFICATE|PKCS7|PKCS #7 SIGNED DATA|CMS"
_BLOCK = re.compile(rb"-----BEGIN (?:" + _LABEL + rb")-----(.*?)(?=-----BEGIN|-----END|\Z)", re.DOTALL)


@dataclass(frozen=True)
class Delivery:
    """What could be read of an answer, in its order, and how many blocks could not."""

    certificates: tuple[Certificate, ...]
    unreadable: int


def read_delivery(data: bytes) -> Delivery:
    """Read the certificates of an answer: PEM, PKCS#7 as PEM or DER, one DER certificate, or Base64 without armour.

    PEM is what the Enrollment API documents, PKCS#7 what the Admin API usually sends (scm.md §2.4). What stands between
    the blocks is ignored. A block that cannot be read is counted; what is in none of these forms counts as one block.
    Raises VerificationError only for more than any CA sends.
    """
    if len(data) > MAX_PEM_CHARACTERS:
        raise VerificationError("the delivered answer is absurdly long")
    certificates: list[Certificate] = []
    unreadable = 0
    for block in _blocks(data):
        for der in _certificates_in(block):
            try:
                certificates.append(parse_certificate_der(der))
            except VerificationError:
                unreadable += 1
    if len(certificates) + unreadable > MAX_CHAIN:
        raise VerificationError(f"there are more than {MAX_CHAIN} certificates")
    return Delivery(tuple(certificates), unreadable)


def _blocks(data: bytes) -> list[bytes]:
    """What each block holds; data without armour is one block."""
    armoured = [_unarmoured(block) for block in _BLOCK.findall(data)]
    return armoured or ([_unarmoured(data)] if data.strip() else [])


def _unarmoured(text: bytes) -> bytes:
    """What is not Base64 stays as it is: it is DER already, or cannot be read."""
    try:
        return base64.b64decode(b"".join(text.split()), validate=True)
    except ValueError:
        return text


def _certificates_in(block: bytes) -> list[bytes]:
    """The DER of each certificate in a block: those of a PKCS#7 container, else the block itself."""
    try:
        with without_warnings():
            return [found.public_bytes(Encoding.DER) for found in pkcs7.load_der_pkcs7_certificates(block)]
    except MALFORMED:
        return [block]
