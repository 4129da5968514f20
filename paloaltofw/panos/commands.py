"""The operational and commit commands, as XML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element, SubElement, tostring  # nosec B405  # builds, parses nothing


@dataclass(frozen=True)
class CsrRequest:
    """What the firewall is to put into a key pair and CSR (panos.md §4)."""

    certificate_name: str
    common_name: str
    key_type: str
    key_bits: int
    country: str | None = None
    state: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: Sequence[str] = ()
    email: str | None = None
    dns: Sequence[str] = ()
    ip: Sequence[str] = ()
    alt_email: Sequence[str] = ()


def nested(path: str, text: str | None = None) -> tuple[Element, Element]:
    """Nested empty elements from `a/b/c`; return the root and the innermost one."""
    names = path.split("/")
    root = leaf = Element(names[0])
    for name in names[1:]:
        leaf = SubElement(leaf, name)
    leaf.text = text
    return root, leaf


def to_xml(root: Element) -> str:
    """Return an element as text."""
    return tostring(root, encoding="unicode")


def generate_command(request: CsrRequest) -> str:
    """The operational command that makes a key pair and a CSR (`signed-by external`, panos.md §4)."""
    root, generate = nested("request/certificate/generate")
    SubElement(generate, "certificate-name").text = request.certificate_name
    SubElement(generate, "name").text = request.common_name
    algorithm = SubElement(SubElement(generate, "algorithm"), request.key_type)
    SubElement(algorithm, f"{request.key_type.lower()}-nbits").text = str(request.key_bits)
    SubElement(generate, "digest").text = "sha256"
    single = {
        "country-code": request.country,
        "state": request.state,
        "locality": request.locality,
        "organization": request.organization,
    }
    _add_single(generate, single)
    add_members(generate, "organization-unit", request.organizational_unit)
    _add_single(generate, {"email": request.email})
    add_members(generate, "hostname", request.dns)
    add_members(generate, "ip", request.ip)
    add_members(generate, "alt-email", request.alt_email)
    SubElement(generate, "ca").text = "no"
    SubElement(generate, "signed-by").text = "external"
    return to_xml(root)


def _add_single(parent: Element, values: Mapping[str, str | None]) -> None:
    for tag, value in values.items():
        if value:
            SubElement(parent, tag).text = value


def add_members(parent: Element, tag: str, values: Sequence[str]) -> None:
    """A list of members; nothing where there are none."""
    if values:
        holder = SubElement(parent, tag)
        for value in values:
            SubElement(holder, "member").text = value


def commit_command(admin: str, description: str | None) -> str:
    """A commit of one administrator's changes; the description stands directly under commit (panos.md §9)."""
    root, member = nested("commit/partial/admin/member")
    member.text = admin
    if description:
        SubElement(root, "description").text = description
    return to_xml(root)


def take_lock_command(kind: str, comment: str) -> str:
    """Take a config-lock or commit-lock; its scope is a parameter of the request (panos.md §3)."""
    root, text = nested(f"request/{kind}/add/comment")
    text.text = comment
    return to_xml(root)


def release_lock_command(kind: str) -> str:
    """Release the administrator's own lock."""
    return to_xml(nested(f"request/{kind}/remove")[0])


def validate_command(admin: str | None) -> str:
    """Validate the candidate: with one administrator's changes alone, or as a whole (panos.md §9)."""
    if admin is None:
        return to_xml(nested("validate/full")[0])
    root, member = nested("validate/partial/admin/member")
    member.text = admin
    return to_xml(root)


def revert_command(admin: str) -> str:
    """Undo one administrator's uncommitted changes, and nobody else's (panos.md §9)."""
    root, member = nested("revert/config/partial/admin/member")
    member.text = admin
    return to_xml(root)
