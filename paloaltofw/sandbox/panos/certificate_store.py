"""Certificates in the candidate configuration: generate, import, export (panos.md §4, §5, §7)."""

from __future__ import annotations

import datetime
import warnings
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, SubElement  # nosec B405  # parses nothing foreign

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    pkcs12,
)

from paloaltofw.sandbox.panos.answers import INVALID_COMMAND, PanosError, text_element, text_of
from paloaltofw.sandbox.panos.configuration import place_of
from paloaltofw.sandbox.panos.generation import (
    EXTERNAL,
    PATH,
    GenerateOrder,
    check_supported,
    make_certificate,
    make_csr,
)
from paloaltofw.sandbox.panos.keystore import (
    KeySource,
    MasterKey,
    PrivateKey,
    algorithm_of,
    generate_key,
    read_key,
    spki,
)
from paloaltofw.sandbox.panos.schema import check_certificate_name
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.panos.x509_texts import certificate_fields, common_name, is_ca, read_certificates
from paloaltofw.sandbox.panos.xpath import Step, Xpath, create, find

CERTIFICATE, KEYPAIR, PRIVATE_KEY = "certificate", "keypair", "private-key"
# What there is to an export of an absent certificate (panos.md §5).
NOTHING_TO_EXPORT = "Failed to prepare certificate"


def entry_path(name: str, vsys: str) -> Xpath:
    return (*place_of(vsys), Step("certificate"), Step("entry", name=name))


@dataclass(frozen=True)
class Import:
    """One import, its parameters understood."""

    category: str
    name: str
    content: bytes
    vsys: str = "shared"
    format: str = "pem"
    passphrase: str = ""

    def failed(self, why: str) -> PanosError:
        what = "" if self.category == CERTIFICATE else "certificate and private-key "
        return PanosError(f"Import of {what}{self.name} failed. {why}")


@dataclass(frozen=True)
class Export:
    """One export, its parameters understood."""

    name: str
    format: str
    with_key: bool
    passphrase: str = ""
    vsys: str = "shared"


@dataclass
class CertificateStore:
    """Works on a candidate's tree that it is given; knows keys through the device's master key."""

    switches: PanosSwitches
    key_source: KeySource = generate_key
    master_key: MasterKey = field(default_factory=MasterKey)

    # --- what an entry holds -----------------------------------------------------------------------------------

    def key_of(self, entry: Element | None) -> PrivateKey | None:
        text = text_of(entry.find("private-key")) if entry is not None else ""
        return self.master_key.decrypt(text) if text else None

    @staticmethod
    def certificates_of(entry: Element | None) -> list[x509.Certificate]:
        text = text_of(entry.find("public-key")) if entry is not None else ""
        return read_certificates(text.encode())

    @staticmethod
    def csr_of(entry: Element | None) -> x509.CertificateSigningRequest | None:
        text = text_of(entry.find("csr")) if entry is not None else ""
        try:
            return x509.load_pem_x509_csr(text.encode())
        except ValueError:
            return None

    def fill(self, entry: Element, certificates: list[x509.Certificate], key: PrivateKey | None) -> None:
        """Let an entry be a finished one, with this key or with the one that it has."""
        kept = {tag: entry.find(tag) for tag in ("private-key", "csr")}
        entry[:] = certificate_fields(certificates, self.switches.subject_form)
        if key is not None:
            entry.append(text_element("private-key", self.master_key.encrypt(key)))
        elif kept["private-key"] is not None:
            entry.append(kept["private-key"])
        if kept["csr"] is not None and key is None and self.switches.csr_kept_after_import:
            entry.append(kept["csr"])

    # --- generate ------------------------------------------------------------------------------------------------

    def generate(self, root: Element, order: GenerateOrder, vsys: str, now: datetime.datetime) -> None:
        path = entry_path(order.certificate_name, vsys)
        if find(root, path) is not None and self.switches.generate_existing == "error":
            raise PanosError(f"Certificate name {order.certificate_name} already exists")
        check_supported(order)
        issuer = self._issuer(root, order, vsys)
        key = self.key_source(order.key)
        entry = create(root, path)
        entry[:] = []
        if order.signed_by == EXTERNAL:
            self._fill_pending(entry, order, key)
        else:
            self.fill(entry, [make_certificate(order, key, issuer, now, self.switches)], key)

    def _issuer(self, root: Element, order: GenerateOrder, vsys: str) -> tuple[x509.Name, PrivateKey] | None:
        """Name and key of the CA that is to sign; None for the certificate's own key."""
        if order.signed_by in ("", EXTERNAL):
            return None
        for place in dict.fromkeys((vsys, "shared")):
            entry = find(root, entry_path(order.signed_by, place))
            certificates, key = self.certificates_of(entry), self.key_of(entry)
            if certificates and key is not None and is_ca(certificates[0]):
                return certificates[0].subject, key
        where = " -> ".join((*PATH, "signed-by"))
        raise PanosError(f" {where} '{order.signed_by}' is not a valid reference", code=INVALID_COMMAND)

    def _fill_pending(self, entry: Element, order: GenerateOrder, key: PrivateKey) -> None:
        """A pending CSR has no public-key and no dates (panos.md §6)."""
        csr = make_csr(order, key, self.switches)
        fields = {
            "common-name": order.one("name"),
            "csr": csr.public_bytes(Encoding.PEM).decode(),
            "private-key": self.master_key.encrypt(key),
            "algorithm": algorithm_of(key),
            "ca": order.one("ca", "no"),
        }
        for tag, text in fields.items():
            SubElement(entry, tag).text = text

    # --- import --------------------------------------------------------------------------------------------------

    def import_name(self, name: str) -> str:
        """The name as the device takes it; too long a name has code 17, other bad ones make no node (panos.md §7)."""
        if self.switches.dots_in_names == "dropped":
            name = name.replace(".", "")
        try:
            check_certificate_name(name, code=INVALID_COMMAND)
        except PanosError as error:
            if "current length" in str(error):
                raise
            raise PanosError(f"Import of {name} failed. Failed to create xml node.") from None
        return name

    def import_(self, root: Element, order: Import, now: datetime.datetime) -> None:
        if order.category == PRIVATE_KEY:
            self._import_key(root, order)
        elif order.category == KEYPAIR:
            self._import_pair(root, order, now)
        else:
            self._import_certificate(root, order, now)

    def _import_certificate(self, root: Element, order: Import, now: datetime.datetime) -> None:
        certificates = self._kept_of_bundle(order, read_certificates(order.content), now)
        path = entry_path(order.name, order.vsys)
        key = self.key_of(find(root, path))
        if key is None:
            if self.switches.keyless_import == "refused" or (
                self.switches.keyless_import == "refused_leaf" and not is_ca(certificates[0])
            ):
                raise order.failed("private key doesn't exist for csr")
        elif spki(key) != spki(certificates[0]) and self._is_mismatch_refused(find(root, path)):
            raise order.failed(self.switches.mismatch_text)
        self.fill(create(root, path), certificates, None)

    def _is_mismatch_refused(self, entry: Element | None) -> bool:
        """Always for a pending CSR; for a finished entry a real box let one through (panos.md §7)."""
        return self.switches.reimport_mismatch == "error" or not self.certificates_of(entry)

    def _kept_of_bundle(
        self, order: Import, certificates: list[x509.Certificate], now: datetime.datetime
    ) -> list[x509.Certificate]:
        if not certificates:
            raise order.failed("Failed to extract certificate")
        if certificates[0].not_valid_after_utc <= now:
            raise order.failed("Certificate is expired")
        return certificates if self.switches.bundle == "whole" else certificates[:1]

    def _import_pair(self, root: Element, order: Import, now: datetime.datetime) -> None:
        key, certificates = self._read_pair(order)
        certificates = self._kept_of_bundle(order, certificates, now)
        if key is None:
            raise order.failed("private key doesn't exist for csr")
        if spki(key) != spki(certificates[0]):
            raise order.failed(self.switches.mismatch_text)
        self._fill_pair(create(root, entry_path(order.name, order.vsys)), certificates, key)

    def _fill_pair(self, entry: Element, certificates: list[x509.Certificate], key: PrivateKey) -> None:
        """The ciphertext of a key that the entry holds already stays, so that a repeated import changes nothing."""
        old = self.key_of(entry)
        is_known = old is not None and spki(old) == spki(key)
        self.fill(entry, certificates, None if is_known else key)

    @staticmethod
    def _read_pair(order: Import) -> tuple[PrivateKey | None, list[x509.Certificate]]:
        if order.format == "pem":
            return read_key(order.content, order.passphrase), read_certificates(order.content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                key, leaf, others = pkcs12.load_key_and_certificates(order.content, order.passphrase.encode())
        except ValueError:
            raise order.failed("Failed to extract certificate") from None
        usable = key if isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) else None
        return usable, [leaf, *others] if leaf else []

    def _import_key(self, root: Element, order: Import) -> None:
        entry = find(root, entry_path(order.name, order.vsys))
        key = read_key(order.content, order.passphrase)
        if key is None:
            raise order.failed("Failed to extract private key")
        certificates = self.certificates_of(entry)
        if entry is None or not certificates:
            raise order.failed("certificate doesn't exist for private key")
        if spki(key) != spki(certificates[0]) and self.switches.reimport_mismatch == "error":
            raise order.failed(self.switches.mismatch_text)
        self._fill_pair(entry, certificates, key)

    # --- export --------------------------------------------------------------------------------------------------

    def export(self, root: Element, order: Export) -> tuple[str, bytes]:
        """File name and content. A private key leaves the device encrypted or not at all."""
        entry = find(root, entry_path(order.name, order.vsys))
        if entry is None:
            raise PanosError(NOTHING_TO_EXPORT)
        makers = {"pkcs10": self._export_csr, "pem": self._export_pem, "pkcs12": self._export_pkcs12}
        suffix = {"pkcs10": "csr", "pem": "pem", "pkcs12": "pfx"}[order.format]
        return f"{order.name}.{suffix}".lower(), makers[order.format](entry, order)

    def _export_csr(self, entry: Element, order: Export) -> bytes:
        csr = self.csr_of(entry)
        if csr is None:
            raise PanosError(NOTHING_TO_EXPORT)
        return csr.public_bytes(Encoding.PEM)

    def _export_pem(self, entry: Element, order: Export) -> bytes:
        public = text_of(entry.find("public-key"))
        if not public:
            raise PanosError(f"certificate {order.name} has no certificate")
        if not order.with_key:
            return public.encode() + b"\n"
        encryption = BestAvailableEncryption(order.passphrase.encode())
        key = self._exported_key(entry, order).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
        return public.encode() + b"\n" + key

    def _export_pkcs12(self, entry: Element, order: Export) -> bytes:
        certificates = self.certificates_of(entry)
        if not certificates:
            raise PanosError(f"certificate {order.name} has no certificate")
        key = self._exported_key(entry, order) if order.with_key else None
        name = (common_name(certificates[0].subject) or order.name).encode()
        encryption = BestAvailableEncryption(order.passphrase.encode())
        return pkcs12.serialize_key_and_certificates(name, key, certificates[0], certificates[1:] or None, encryption)

    def _exported_key(self, entry: Element, order: Export) -> PrivateKey:
        key = self.key_of(entry)
        if key is None:
            raise PanosError(f"certificate {order.name} has no private key")
        return key
