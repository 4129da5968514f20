"""How PAN-OS writes certificates into its configuration: names, dates, OpenSSL name hashes (panos.md §6)."""

from __future__ import annotations

import datetime
import hashlib
import re
import warnings
from collections.abc import Iterable
from typing import Literal
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from paloaltofw.sandbox.panos.answers import text_element

SubjectForm = Literal["bare", "slash", "spaced"]
_CERTIFICATE_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_MONTHS = "JanFebMarAprMayJunJulAugSepOctNovDec"
_UTF8_STRING, _SEQUENCE, _SET, _OID = 0x0C, 0x30, 0x31, 0x06


def read_certificates(pem: bytes) -> list[x509.Certificate]:
    """All certificates of a PEM file, in order; empty if one of them cannot be read."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd but readable certificates are no news to a firewall
            return [x509.load_pem_x509_certificate(block) for block in _CERTIFICATE_PEM.findall(pem)]
    except ValueError:
        return []


def is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (x509.ExtensionNotFound, ValueError):
        return False


def common_name(name: x509.Name) -> str:
    found = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(found[0].value) if found else ""


def pem_text(certificates: Iterable[x509.Certificate]) -> str:
    return "".join(item.public_bytes(Encoding.PEM).decode() for item in certificates)


def openssl_date(moment: datetime.datetime) -> str:
    """`May  9 19:24:08 2025 GMT`: the day is padded with a blank."""
    month = _MONTHS[3 * moment.month - 3 : 3 * moment.month]
    return f"{month} {moment.day:2d} {moment:%H:%M:%S} {moment.year} GMT"


def subject_text(name: x509.Name, form: SubjectForm) -> str:
    """A name in one of the three forms that occur."""
    if form == "bare":
        return common_name(name) or subject_text(name, "slash")
    parts = [(item.rfc4514_attribute_name, str(item.value)) for rdn in name.rdns for item in rdn]
    if form == "slash":
        return "".join(f"/{key}={value}" for key, value in parts)
    return ", ".join(f"{key} = {value}" for key, value in parts)


def name_hash(name: x509.Name) -> str:
    """OpenSSL's hash of a name: SHA-1 over its canonical form, the first four bytes little-endian."""
    canonical = b"".join(_canonical_rdn(rdn) for rdn in name.rdns)
    digest = hashlib.sha1(canonical, usedforsecurity=False).digest()
    return digest[:4][::-1].hex()


def _canonical_rdn(rdn: x509.RelativeDistinguishedName) -> bytes:
    members = []
    for item in rdn:
        text = str(item.value).strip(" \t\n\v\f\r")
        folded = re.sub(r"[ \t\n\v\f\r]+", " ", "".join(c.lower() if c.isascii() else c for c in text))
        oid = _tlv(_OID, _encode_oid(item.oid.dotted_string))
        members.append(_tlv(_SEQUENCE, oid + _tlv(_UTF8_STRING, folded.encode())))
    return _tlv(_SET, b"".join(sorted(members)))


def _tlv(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    size = (length.bit_length() + 7) // 8
    return bytes([tag, 0x80 | size]) + length.to_bytes(size, "big") + content


def _encode_oid(dotted: str) -> bytes:
    first, second, *rest = (int(part) for part in dotted.split("."))
    encoded = b""
    for number in (first * 40 + second, *rest):
        group = bytes([number & 0x7F])
        while number := number >> 7:
            group = bytes([0x80 | (number & 0x7F)]) + group
        encoded += group
    return encoded


def certificate_fields(certificates: list[x509.Certificate], form: SubjectForm) -> list[Element]:
    """The elements of a finished entry (panos.md §6) for a certificate, leaf first; without a key."""
    leaf = certificates[0]
    algorithm = "RSA" if isinstance(leaf.public_key(), rsa.RSAPublicKey) else "EC"
    fields = {
        **summary(leaf, form),
        "expiry-epoch": str(int(leaf.not_valid_after_utc.timestamp())),
        "public-key": pem_text(certificates),
        "algorithm": algorithm,
    }
    return [text_element(tag, text) for tag, text in fields.items() if text]


def summary(leaf: x509.Certificate, form: SubjectForm) -> dict[str, str]:
    """What both the configuration and `request certificate show` say of a certificate."""
    return {
        "subject-hash": name_hash(leaf.subject),
        "issuer-hash": name_hash(leaf.issuer),
        "not-valid-before": openssl_date(leaf.not_valid_before_utc),
        "issuer": subject_text(leaf.issuer, form),
        "not-valid-after": openssl_date(leaf.not_valid_after_utc),
        "common-name": common_name(leaf.subject),
        "ca": "yes" if is_ca(leaf) else "no",
        "subject": subject_text(leaf.subject, form),
    }
