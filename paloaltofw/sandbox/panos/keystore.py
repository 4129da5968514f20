"""Private keys on the device: made there, and kept only encrypted with the device's master key (panos.md §6)."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_CIPHERTEXT = "-AQ=="
_KEY_PEM = re.compile(rb"-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_CURVES: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}


@dataclass(frozen=True)
class KeySpec:
    """What key to make: RSA or ECDSA, and its bits."""

    algorithm: str
    bits: int


KeySource = Callable[[KeySpec], PrivateKey]


def generate_key(spec: KeySpec) -> PrivateKey:
    """Make a key."""
    if spec.algorithm == "RSA":
        return rsa.generate_private_key(65537, spec.bits)
    return ec.generate_private_key(_CURVES[spec.bits])


def algorithm_of(key: PrivateKey) -> str:
    """As the configuration calls it: EC, not ECDSA (panos.md §6)."""
    return "RSA" if isinstance(key, rsa.RSAPrivateKey) else "EC"


def spki(key: object) -> bytes:
    """The public key of a key, certificate or CSR, for comparison."""
    public = key.public_key()  # type: ignore[attr-defined]
    return bytes(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def read_key(pem: bytes, passphrase: str) -> PrivateKey | None:
    """The first private key of a file, decrypted if it is encrypted; None if there is none to be had."""
    match = _KEY_PEM.search(pem)
    if match is None:
        return None
    for password in (None, passphrase.encode()):
        try:
            key = load_pem_private_key(match[0], password)
        except (ValueError, TypeError):
            continue
        return key if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else None
    return None


class MasterKey:
    """Encrypts what must not leave the device."""

    def __init__(self) -> None:
        self._fernet = Fernet(Fernet.generate_key())

    def encrypt(self, key: PrivateKey) -> str:
        clear = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return _CIPHERTEXT + self._fernet.encrypt(clear).decode()

    def decrypt(self, text: str) -> PrivateKey | None:
        """The key; None if the text is not this device's ciphertext."""
        if not text.startswith(_CIPHERTEXT):
            return None
        try:
            clear = self._fernet.decrypt(text[len(_CIPHERTEXT) :].encode())
        except InvalidToken:
            return None
        return read_key(clear, "")
