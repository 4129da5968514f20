"""A certification authority that lives as long as one probe: what it issues is never committed and never trusted."""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey
# The device's clock may be off by a few days without an import failing for it.
_BEFORE, _AFTER = datetime.timedelta(days=3), datetime.timedelta(days=30)


class ThrowawayAuthority:
    """An issuing CA with a self-signed certificate above it; both keys are in memory only."""

    def __init__(self, common_name: str, now: datetime.datetime) -> None:
        self._now = now
        self._name = common_name
        root_key, self._key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        root, self._issuer = _named(f"{common_name}-root"), _named(f"{common_name}-ca")
        self._ca = self._signed(self._issuer, self._key.public_key(), root, root_key, is_ca=True)

    @property
    def ca_pem(self) -> str:
        """The issuing CA's certificate."""
        return _pem(self._ca)

    def certify(self, csr_pem: str) -> str:
        """A certificate for the key of a CSR; raises ValueError for what is none, or has a key of another kind."""
        return _pem(self._leaf(_public_key(csr_pem)))

    def certify_another(self, csr_pem: str) -> str:
        """A certificate for another key of the same kind as a CSR's; raises ValueError."""
        public = _public_key(csr_pem)
        if isinstance(public, rsa.RSAPublicKey):
            return _pem(self._leaf(rsa.generate_private_key(65537, public.key_size).public_key()))
        return _pem(self._leaf(ec.generate_private_key(public.curve).public_key()))

    def certify_nobody(self) -> str:
        """A certificate for a key that nobody has."""
        return _pem(self._leaf(ec.generate_private_key(ec.SECP256R1()).public_key()))

    def _leaf(self, key: PublicKey) -> x509.Certificate:
        return self._signed(_named(self._name), key, self._issuer, self._key, is_ca=False)

    def _signed(
        self, subject: x509.Name, key: PublicKey, issuer: x509.Name, signer: ec.EllipticCurvePrivateKey, is_ca: bool
    ) -> x509.Certificate:
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _BEFORE)
            .not_valid_after(self._now + _AFTER)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        )
        return builder.sign(signer, hashes.SHA256())


def _named(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _public_key(csr_pem: str) -> PublicKey:
    key = x509.load_pem_x509_csr(csr_pem.encode("ascii", "replace")).public_key()
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        raise ValueError("a key that is neither RSA nor ECDSA")
    return key


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(Encoding.PEM).decode("ascii")
