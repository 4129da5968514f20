"""Which configuration nodes name certificates and SSL/TLS service profiles (panos.md §8), and what these names mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.configuration import Place, owner_of, place_of, vsys_of
from paloaltofw.sandbox.panos.schema import label
from paloaltofw.sandbox.panos.xpath import Step, Xpath, find, find_all

# Tail of a node's path -> the container that it refers to.
# Where a Panorama keeps what it uses itself (panos.md §6).
PANORAMA: Xpath = (Step("config"), Step("panorama"))
_CERTIFICATE, _PROFILE = "certificate", "ssl-tls-service-profile"
_TAILS: dict[tuple[str, ...], str] = {
    (_PROFILE,): _PROFILE,
    (_PROFILE, "entry", "certificate"): _CERTIFICATE,
    ("local-certificate", "name"): _CERTIFICATE,
    ("trusted-root-CA", "member"): _CERTIFICATE,
    ("certificate-profile", "entry", "CA", "entry"): _CERTIFICATE,
    ("CA", "entry", "ocsp-verify-cert"): _CERTIFICATE,
    ("ssl-inbound-inspection",): _CERTIFICATE,
    ("ssl-inbound-inspection", "certificates", "member"): _CERTIFICATE,
    ("saml-idp", "entry", "certificate"): _CERTIFICATE,
    ("request-signing-certificate",): _CERTIFICATE,
    ("cookie-encrypt-decrypt-cert",): _CERTIFICATE,
    ("client-config", "root-ca", "entry"): _CERTIFICATE,
    ("secure-conn-client", "certificate-type", "local", "certificate"): _CERTIFICATE,
    ("syslog-certificate",): _CERTIFICATE,
    ("api", "key", "certificate"): _CERTIFICATE,
    **{
        (f"forward-{trust}-certificate", kind): _CERTIFICATE
        for trust in ("trust", "untrust")
        for kind in ("rsa", "ecdsa")
    },
}


@dataclass(frozen=True)
class Reference:
    """A node that names an object."""

    path: Xpath
    container: str
    name: str

    @property
    def line(self) -> str:
        """As messages write it: `shared -> ssl-tls-service-profile -> P -> certificate`."""
        return " -> ".join(label(self.path))


def references(root: Element) -> list[Reference]:
    """All references of a configuration."""
    return list(_walk(root, (Step(root.tag),)))


def _walk(element: Element, path: Xpath) -> Iterator[Reference]:
    reference = _reference(element, path)
    if reference is not None:
        yield reference
    if element.tag == "certificate" and element.find("entry") is not None:
        return  # the certificates themselves refer to nothing
    for child in element:
        yield from _walk(child, (*path, Step(child.tag, name=child.get("name"))))


def _reference(element: Element, path: Xpath) -> Reference | None:
    name = element.get("name") if element.tag == "entry" else (element.text or "").strip()
    if not name or (element.tag != "entry" and len(element)):
        return None
    tags = tuple(step.tag for step in path[-4:])
    for length in range(1, len(tags) + 1):
        container = _TAILS.get(tags[-length:])
        if container:
            return Reference(path, container, name)
    return None


def resolve(root: Element, reference: Reference, same_name: str = "vsys_first") -> Xpath | None:
    """The path of the object that is meant: of the reference's own vsys, else of shared, or the other way round.

    In a template it is one of this template, in a template stack also one of its templates.
    """
    owner = owner_of(reference.path)
    near = dict.fromkeys((vsys_of(reference.path), "shared"))
    places: tuple[Place, ...] = tuple(near if same_name == "vsys_first" else reversed(near))
    places = (*places, *(() if owner else (PANORAMA,)))
    for template in (owner, *_templates_of(root, owner)):
        for place in places:
            path = (*template, *place_of(place), Step(reference.container), Step("entry", name=reference.name))
            if find(root, path) is not None:
                return path
    return None


def _templates_of(root: Element, owner: Xpath) -> list[Xpath]:
    """The templates of a template stack."""
    members = find_all(root, (*owner, Step("templates"), Step("member"))) if owner else []
    return [(*owner[:3], Step("template"), Step("entry", name=(member.text or "").strip())) for member in members]


def dangling(root: Element) -> list[Reference]:
    """References to objects that do not exist."""
    return [reference for reference in references(root) if resolve(root, reference) is None]


def users_of(root: Element, path: Xpath, same_name: str = "vsys_first") -> list[Reference]:
    """References from elsewhere to the object at this path, or to one below it."""
    users = []
    for reference in references(root):
        target = resolve(root, reference, same_name)
        is_meant = target is not None and target[: len(path)] == path
        if is_meant and reference.path[: len(path)] != path:
            users.append(reference)
    return users


def not_valid(reference: Reference) -> str:
    """A message line about a dangling reference."""
    return f" {reference.line} '{reference.name}' is not a valid reference"


def nameless(root: Element) -> list[str]:
    """Finished certificate entries without the element `common-name`; an empty one is enough (panos.md §11)."""
    entries = (entry for container in root.iter("certificate") for entry in container.findall("entry"))
    return [
        entry.get("name", "")
        for entry in entries
        if entry.find("public-key") is not None and entry.find("common-name") is None
    ]
