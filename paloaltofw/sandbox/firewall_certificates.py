"""What a simulated firewall does with certificates: generate, import, export (fact sheet PAN-OS §4 to §7)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from xml.etree.ElementTree import Element, SubElement

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID

from paloaltofw.sandbox import xpath
from paloaltofw.sandbox.authority import spki_der
from paloaltofw.sandbox.firewall import Firewall, PrivateKey, refuse_name
from paloaltofw.sandbox.panos_answers import PanosError, invalid, text_of, unexpected
from paloaltofw.sandbox.xpath import Step, Xpath

RSA_SIZES = (512, 1024, 2048, 3072, 4096)
CURVES: dict[int, ec.EllipticCurve] = {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
DIGESTS: dict[str, hashes.HashAlgorithm] = {
    "md5": hashes.MD5(), "sha1": hashes.SHA1(), "sha256": hashes.SHA256(), "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}  # fmt: skip
_SUBJECT = {
    "country-code": NameOID.COUNTRY_NAME, "state": NameOID.STATE_OR_PROVINCE_NAME, "locality": NameOID.LOCALITY_NAME,
    "organization": NameOID.ORGANIZATION_NAME,
}  # fmt: skip
_KNOWN = {
    "certificate-name", "name", "algorithm", "digest", "days-till-expiry", "signed-by", "ca", "organization-unit",
    "email", "hostname", "ip", "alt-email", *_SUBJECT,
}  # fmt: skip
KeySource = Callable[[str, int], PrivateKey]


def new_key(kind: str, bits: int) -> PrivateKey:
    return rsa.generate_private_key(65537, bits) if kind == "RSA" else ec.generate_private_key(CURVES[bits])


class CertificateStore:
    """The certificate commands of one firewall. `key_source` makes the keys."""

    def __init__(self, firewall: Firewall, key_source: KeySource = new_key) -> None:
        self.firewall = firewall
        self.key_source = key_source

    # --- generate (§4) -------------------------------------------------------------------------------------------

    def generate(self, command: Element, parent: Xpath, admin: str) -> str:
        """Make a key pair and a CSR under a new name; gives the success text."""
        for child in command:
            if child.tag not in _KNOWN or (
                child.tag == "alt-email" and self.firewall.switches.alt_email == "unexpected"
            ):
                raise unexpected("request", "certificate", "generate", child.tag)
        name, common_name = text_of(command.find("certificate-name")), text_of(command.find("name"))
        refuse_name(name)
        if not common_name:
            raise PanosError(" generate -> name  is missing", code=17)
        if text_of(command.find("signed-by")) != "external":
            raise invalid("generate", "signed-by", why="this device only makes requests for an external authority")
        kind, bits = self._algorithm(command)
        digest = DIGESTS.get(text_of(command.find("digest")) or "sha256")
        if digest is None:
            raise invalid("generate", "digest")
        self.firewall.check_config_lock(admin)
        path = (*parent, Step("entry", name=name))
        if (
            xpath.find(self.firewall.candidate, path) is not None
            and self.firewall.switches.generate_existing == "error"
        ):
            raise PanosError(f"Failed to generate certificate {name}. Certificate name already exists")
        key = self.key_source(kind, bits)
        csr = self._request(command, common_name, key, digest)
        entry = Element("entry", {"name": name})
        for tag, text in (
            ("common-name", common_name), ("csr", csr.public_bytes(Encoding.PEM).decode().strip()),
            ("private-key", self.firewall.seal(key)), ("algorithm", "RSA" if kind == "RSA" else "EC"), ("ca", "no"),
        ):  # fmt: skip
            SubElement(entry, tag).text = text
        self._put(path, entry, admin, "CREATE")
        return f"Successfully generated certificate and key pair for certificate name: {name}"

    def _algorithm(self, command: Element) -> tuple[str, int]:
        algorithm = command.find("algorithm")
        if algorithm is None or len(algorithm) != 1 or len(algorithm[0]) != 1:
            raise invalid("generate", "algorithm")
        kind, size = algorithm[0].tag, algorithm[0][0]
        sizes = RSA_SIZES if kind == "RSA" else tuple(CURVES)
        if kind not in ("RSA", "ECDSA") or size.tag != f"{kind.lower()}-nbits":
            raise unexpected("generate", "algorithm", kind, size.tag)
        text = text_of(size)
        is_refused = text == "521" and self.firewall.switches.ecdsa_521 == "refused"
        if not text.isdigit() or int(text) not in sizes or is_refused:
            raise invalid("generate", "algorithm", kind, size.tag)
        return kind, int(text)

    def _request(
        self, command: Element, common_name: str, key: PrivateKey, digest: hashes.HashAlgorithm
    ) -> x509.CertificateSigningRequest:
        try:
            subject = x509.Name(list(_subject(command, common_name)))
            names = _alternative_names(command, common_name if self.firewall.switches.cn_in_san else None)
        except ValueError as error:
            raise invalid("generate", why=str(error)[:80]) from None
        builder = x509.CertificateSigningRequestBuilder().subject_name(subject)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        return builder.sign(key, digest)  # type: ignore[arg-type]

    def _put(self, path: Xpath, entry: Element, admin: str, action: str) -> None:
        xpath.remove(self.firewall.candidate, path)
        xpath.create(self.firewall.candidate, path[:-1]).append(entry)
        self.firewall.touch(path, admin, action)

    # --- import (§7) -----------------------------------------------------------------------------------------------

    def import_certificate(self, name: str, content: bytes, parent: Xpath, admin: str) -> str:
        """Import a certificate onto its CSR, over a finished entry, or as a new entry without a key."""
        refuse_name(name)
        self.firewall.check_config_lock(admin)
        certificates = _certificates(name, content)
        path = (*parent, Step("entry", name=name))
        held = xpath.find(self.firewall.candidate, path)
        sealed = text_of(held.find("private-key")) if held is not None else ""
        if sealed:
            self._check_key(name, certificates[0], sealed, held)
        elif held is None and self.firewall.switches.keyless_import == "refused_leaf" and not _is_ca(certificates[0]):
            raise PanosError(f"Import of {name} failed. private key doesn't exist for csr")
        entry = self._finished(name, certificates, sealed, held)
        self._put(path, entry, admin, "CREATE" if held is None else "EDIT")
        return f"Successfully imported {name} into candidate configuration"

    def _check_key(self, name: str, leaf: x509.Certificate, sealed: str, held: Element | None) -> None:
        if spki_der(self.firewall.unseal(sealed).public_key()) == spki_der(leaf.public_key()):
            return
        is_finished = held is not None and held.find("public-key") is not None
        if is_finished and self.firewall.switches.reimport_mismatch == "accepted":
            return  # a real device let one through (acme.sh#4716)
        raise PanosError(f"Import of {name} failed. {self.firewall.switches.mismatch_text}")

    def _finished(self, name: str, certificates: list[x509.Certificate], sealed: str, held: Element | None) -> Element:
        leaf = certificates[0]
        whole = self.firewall.switches.bundle == "whole"
        pem = "".join(c.public_bytes(Encoding.PEM).decode() for c in (certificates if whole else certificates[:1]))
        if leaf.not_valid_after_utc <= self.firewall.clock.now():
            raise PanosError(f"Import of {name} failed. Certificate is expired")
        common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        fields = {
            "subject-hash": f"{hash(leaf.subject.rfc4514_string()) & 0xFFFFFFFF:08x}",
            "issuer-hash": f"{hash(leaf.issuer.rfc4514_string()) & 0xFFFFFFFF:08x}",
            "not-valid-before": _openssl_time(leaf.not_valid_before_utc),
            "issuer": leaf.issuer.rfc4514_string(),
            "not-valid-after": _openssl_time(leaf.not_valid_after_utc),
            "common-name": str(common[0].value) if common else "",
            "expiry-epoch": str(int(leaf.not_valid_after_utc.timestamp())),
            "ca": "yes" if _is_ca(leaf) else "no",
            "subject": str(common[0].value) if common else "",
            "public-key": pem.strip(),
            "algorithm": "RSA" if isinstance(leaf.public_key(), rsa.RSAPublicKey) else "EC",
        }
        if sealed:
            fields["private-key"] = sealed
        csr = text_of(held.find("csr")) if held is not None else ""
        if csr and self.firewall.switches.csr_kept_after_import:
            fields["csr"] = csr
        entry = Element("entry", {"name": name})
        for tag, text in fields.items():
            SubElement(entry, tag).text = text
        return entry

    def import_keypair(self, name: str, content: bytes, passphrase: str, parent: Xpath, admin: str) -> str:
        """Import certificate and key from one PEM file, as other people's clients do."""
        refuse_name(name)
        self.firewall.check_config_lock(admin)
        certificates = _certificates(name, content)
        try:
            key = load_pem_private_key(
                content[content.index(b"-----BEGIN", content.find(b"PRIVATE KEY") - 40) :], passphrase.encode() or None
            )
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise PanosError(
                f"Import of certificate and private-key {name} failed. Failed to extract private key"
            ) from None
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) or spki_der(
            key.public_key()
        ) != spki_der(certificates[0].public_key()):
            raise PanosError(f"Import of {name} failed. {self.firewall.switches.mismatch_text}")
        entry = self._finished(name, certificates, self.firewall.seal(key), None)
        self._put((*parent, Step("entry", name=name)), entry, admin, "EDIT")
        return f"Successfully imported {name} into candidate configuration"

    # --- export (§5) -----------------------------------------------------------------------------------------------

    def export(self, name: str, form: str, passphrase: str, include_key: bool, parent: Xpath) -> bytes:
        entry = xpath.find(self.firewall.candidate, (*parent, Step("entry", name=name)))
        if entry is None:
            raise PanosError(f"certificate {name} not found", code=7)
        if form == "pkcs10":
            csr = text_of(entry.find("csr"))
            if not csr:
                raise PanosError(f"certificate {name} has no signing request")
            return csr.encode() + b"\n"
        pem = text_of(entry.find("public-key")).encode() + b"\n"
        sealed = text_of(entry.find("private-key"))
        if include_key and sealed:
            protection = BestAvailableEncryption(passphrase.encode())
            pem += self.firewall.unseal(sealed).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)
        return pem


def _subject(command: Element, common_name: str) -> list[x509.NameAttribute[str]]:
    attributes = [
        x509.NameAttribute(oid, text_of(command.find(tag)))
        for tag, oid in _SUBJECT.items()
        if text_of(command.find(tag))
    ]
    for member in command.findall("organization-unit/member"):
        attributes.append(x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, text_of(member)))
    attributes.append(x509.NameAttribute(NameOID.COMMON_NAME, common_name))
    if text_of(command.find("email")):
        attributes.append(x509.NameAttribute(NameOID.EMAIL_ADDRESS, text_of(command.find("email"))))
    return attributes


def _alternative_names(command: Element, common_name: str | None) -> list[x509.GeneralName]:
    hosts = [text_of(member) for member in command.findall("hostname/member")]
    if common_name and common_name not in hosts:
        hosts.insert(0, common_name)
    names: list[x509.GeneralName] = [x509.DNSName(host) for host in hosts]
    names += [x509.IPAddress(ipaddress.ip_address(text_of(member))) for member in command.findall("ip/member")]
    return names + [x509.RFC822Name(text_of(member)) for member in command.findall("alt-email/member")]


def _certificates(name: str, content: bytes) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise PanosError(f"Import of {name} failed. Failed to extract certificate") from None


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False


def _openssl_time(moment: object) -> str:
    """`May  9 19:24:08 2025 GMT`, the day padded with a blank (§6)."""
    return f"{moment:%b} {moment:%e} {moment:%H:%M:%S %Y} GMT"
