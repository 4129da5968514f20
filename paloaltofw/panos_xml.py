"""What PAN-OS says: XML answers parsed safely and turned into values. Pure functions, no I/O.

Source: the fact sheet on the PAN-OS XML API; section numbers below are its.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree  # nosec B405  # without DTD

# A bulk read of a thousand entries has some 50,000 tags and 100,000 quotes; what has far more attacks our memory.
MAX_TAGS = 200_000
MAX_QUOTES = 400_000
_SUCCESS_CODES = (None, 0, 19, 20)
OBJECT_ABSENT = 7
_NO_SUCH_NODE = "No such node"
_NUMBER = re.compile(r"-?\d{1,9}")


class Malformed(ValueError):
    """An answer that is not the XML of the documented envelope."""


@dataclass(frozen=True)
class Envelope:
    """The outer part of an answer. `code` is PAN-OS's own; `text` all message lines joined."""

    is_success: bool
    code: int | None
    text: str
    result: ElementTree.Element | None

    @property
    def is_absent(self) -> bool:
        """Whether a get or show says that there is nothing at the xpath (§2: code 7, or `No such node`)."""
        return self.code == OBJECT_ABSENT or (not self.is_success and self.text.startswith(_NO_SUCH_NODE))


@dataclass(frozen=True)
class SystemInfo:
    """Who answers (§3, type=version)."""

    model: str
    version: str
    serial: str

    @property
    def is_panorama(self) -> bool:
        """Panorama, or an M-series appliance, which runs it."""
        return self.model == "Panorama" or self.model.startswith("M-")


@dataclass(frozen=True)
class CertificateEntry:
    """A certificate entry of the configuration (§6), without its private key.

    `changed_by` names the administrators of uncommitted changes; empty if there are none. `template` names the Panorama
    template that pushed the entry.
    """

    name: str
    certificate_pem: str
    csr_pem: str
    has_private_key: bool
    is_revoked: bool = False
    changed_by: frozenset[str] = frozenset()
    template: str = ""


@dataclass(frozen=True)
class ServiceProfile:
    """An SSL/TLS service profile and the certificate that it serves (§8)."""

    name: str
    certificate: str
    changed_by: frozenset[str] = frozenset()
    template: str = ""


@dataclass(frozen=True)
class Change:
    """One entry of the list of uncommitted changes (§3)."""

    owner: str
    xpath: str
    action: str


@dataclass(frozen=True)
class Lock:
    """A config or commit lock (§3). `scope` is shared or a vsys."""

    owner: str
    kind: str
    scope: str


@dataclass(frozen=True)
class Job:
    """A job (§9). `progress` is 0 to 100."""

    id: str
    type: str
    status: str
    result: str
    progress: int
    user: str
    description: str
    details: str

    @property
    def is_finished(self) -> bool:
        """FIN is the only final status."""
        return self.status == "FIN"

    @property
    def is_ok(self) -> bool:
        """Finished, and well."""
        return self.is_finished and self.result == "OK"


def parse(body: bytes) -> ElementTree.Element:
    """Parse an answer; raises Malformed for anything but UTF-8 XML of a sensible size without a DTD.

    The bytes go to the parser as they are, as UTF-8 whatever they declare: as text they could take four times as much.
    """
    if b"\x00" in body:
        raise Malformed("not UTF-8")  # UTF-16, which the parser would take by its mark, whatever we say
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise Malformed("holds a document type declaration")
    if body.count(b"<") > MAX_TAGS or body.count(b'"') + body.count(b"'") > MAX_QUOTES:
        raise Malformed("has too many elements")
    parser = ElementTree.XMLParser(encoding="utf-8")  # nosec B314  # without DTD
    try:
        parser.feed(body)
        return parser.close()
    except (ElementTree.ParseError, ValueError, RecursionError):
        raise Malformed("not well-formed XML in UTF-8") from None


def read_envelope(body: bytes) -> Envelope:
    """Understand every variant of the response envelope (§2); raises Malformed."""
    root = parse(body)
    if root.tag != "response" or "status" not in root.attrib:
        raise Malformed(f"an XML document <{root.tag[:40]}> instead of <response status=…>")
    code = _integer(root.get("code"))
    # pango's rule: any code but these means failure even under "success"; 7 means "not there" on a get (§2).
    is_success = root.get("status") == "success" and code in (*_SUCCESS_CODES, OBJECT_ABSENT)
    result = root.find("result")
    return Envelope(is_success, code, _message(root), result)


def _message(root: ElementTree.Element) -> str:
    """All text under msg, or of the result where there is no msg, as one line."""
    holders = root.findall("msg") or root.findall("result/msg")
    if not holders and root.get("status") != "success":
        holders = root.findall("result")
    lines = (" ".join(text.split()) for holder in holders for text in holder.itertext())
    return "; ".join(line for line in lines if line)[:1000]


def _integer(text: str | None) -> int | None:
    return int(text) if text and _NUMBER.fullmatch(text.strip()) else None


def _text(element: ElementTree.Element | None, path: str) -> str:
    found = element.find(path) if element is not None else None
    return "".join(found.itertext()).strip() if found is not None else ""


def read_version(result: ElementTree.Element | None) -> SystemInfo:
    """`<result>` of type=version."""
    return SystemInfo(_text(result, "model"), _text(result, "sw-version"), _text(result, "serial"))


def _entries(result: ElementTree.Element | None, container: str) -> Iterator[ElementTree.Element]:
    """Entries of a get or show: directly under result, or inside the container that was asked for."""
    if result is not None:
        yield from result.findall("entry")
        yield from result.findall(f"{container}/entry")


def _changed_by(element: ElementTree.Element) -> frozenset[str]:
    """Administrators of uncommitted nodes: those carry admin and dirtyId in a get (§6)."""
    return frozenset(node.get("admin", "") for node in element.iter() if node.get("dirtyId"))


def _template(element: ElementTree.Element) -> str:
    return next((node.get("ptpl", "?") for node in element.iter() if node.get("src") == "tpl"), "")


def read_certificates(result: ElementTree.Element | None) -> dict[str, CertificateEntry]:
    """All certificate entries of one scope. Elements may be missing or empty (§6)."""
    return {entry.name: entry for entry in map(_certificate, _entries(result, "certificate")) if entry.name}


def _certificate(element: ElementTree.Element) -> CertificateEntry:
    return CertificateEntry(
        name=element.get("name", ""),
        certificate_pem=_text(element, "public-key"),
        csr_pem=_text(element, "csr"),
        has_private_key=bool(_text(element, "private-key")) or _text(element, "private-key-on-hsm") == "yes",
        is_revoked=_text(element, "status") == "revoked",
        changed_by=_changed_by(element),
        template=_template(element),
    )


def read_service_profiles(result: ElementTree.Element | None) -> dict[str, ServiceProfile]:
    """All SSL/TLS service profiles of one scope."""
    profiles = {}
    for element in _entries(result, "ssl-tls-service-profile"):
        name = element.get("name", "")
        certificate = _text(element, "certificate")
        profiles[name] = ServiceProfile(name, certificate, _changed_by(element), _template(element))
    return profiles


def read_changes(result: ElementTree.Element | None) -> tuple[Change, ...]:
    """The journal of uncommitted changes; an empty result means none (§3)."""
    journal = result.find("journal") if result is not None else None
    if journal is None:
        return ()
    return tuple(
        Change(_text(entry, "owner"), _text(entry, "xpath"), _text(entry, "action"))
        for entry in journal.findall("entry")
    )


def read_locks(result: ElementTree.Element | None) -> tuple[Lock, ...]:
    """Config or commit locks."""
    containers: Iterable[ElementTree.Element] = list(result) if result is not None else []
    return tuple(
        Lock(entry.get("name", ""), container.tag.removesuffix("s"), _text(entry, "name"))
        for container in containers
        for entry in container.findall("entry")
    )


def read_own_name(result: ElementTree.Element | None) -> str | None:
    """The administrator of this session, from `show admins` (10.0 and later: the entry with `<self/>`)."""
    for entry in result.iter("entry") if result is not None else ():
        if entry.find("self") is not None:
            return _text(entry, "admin") or None
    return None


def read_jobs(result: ElementTree.Element | None) -> tuple[Job, ...]:
    """Jobs of a list; entries without an ID (`Failed-Job`) are left out (§3)."""
    found = result.findall("job") if result is not None else []
    return tuple(job for job in map(_job, found) if job.id)


def _job(element: ElementTree.Element) -> Job:
    details = " / ".join(" ".join(text.split()) for text in _itertext(element.find("details")) if text.strip())
    return Job(
        id=_text(element, "id"),
        type=_text(element, "type"),
        status=_text(element, "status").upper(),
        result=_text(element, "result").upper(),
        progress=_progress(_text(element, "progress")),
        user=_text(element, "user"),
        description=_text(element, "description"),
        details=details[:600],
    )


def _itertext(element: ElementTree.Element | None) -> Iterable[str]:
    return element.itertext() if element is not None else ()


def _progress(text: str) -> int:
    """Percent done; other job types put a time there (§9)."""
    number = _integer(text)
    return min(max(number, 0), 100) if number is not None else 0


def read_job_id(envelope: Envelope) -> str | None:
    """The ID of an enqueued commit; None if there was nothing to commit (§9). Raises Malformed."""
    text = _text(envelope.result, "job")
    if text and not re.fullmatch(r"\d{1,18}", text):
        raise Malformed("the job's ID is no number")
    return text or None
