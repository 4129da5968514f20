"""What PAN-OS says, turned into values. Pure functions, no I/O.

Source: docs/reference/panos.md, cited as panos.md.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from xml.etree import ElementTree  # nosec B405  # only the type

from paloaltofw.model.firewall_objects import CertificateEntry, Change, Job, Lock, ServiceProfile, SystemInfo
from paloaltofw.panos.envelope import Envelope, Malformed, integer_of, text_of

MAX_DETAILS = 20_000
_CSR = re.compile(r"-----BEGIN (NEW )?CERTIFICATE REQUEST-----.*?-----END (NEW )?CERTIFICATE REQUEST-----", re.DOTALL)


def read_version(result: ElementTree.Element | None) -> SystemInfo:
    """`<result>` of type=version."""
    return SystemInfo(text_of(result, "model"), text_of(result, "sw-version"), text_of(result, "serial"))


def read_names(result: ElementTree.Element | None) -> tuple[str, ...]:
    """`<result>` of a get of names alone: entries that hold nothing else."""
    return (
        tuple(entry.get("name", "") for entry in result.iter("entry") if entry.get("name"))
        if result is not None
        else ()
    )


def _entries(result: ElementTree.Element | None, container: str) -> Iterator[tuple[ElementTree.Element, str]]:
    """Entries of a get or show with the template that the nodes above them name: directly under result, or inside the
    container that was asked for. Raises Malformed for a list that is not complete or holds anything else: whoever
    misses an entry may make or order what is there already.
    """
    if result is None:
        return
    if (result.text or "").strip():
        raise Malformed("a text where a list of entries is expected")
    found: list[tuple[ElementTree.Element, str]] = []
    for child in result:
        if child.tag not in ("entry", container):
            raise Malformed(f"<{child.tag[:40]}> where entries are expected")
        if child.tag == "entry":
            found.append((child, ""))
        else:
            found += [(entry, child.get("ptpl", "")) for entry in child.findall("entry")]
    _check_counts(result, len(found))
    _check_names([entry for entry, _ in found])
    yield from found


def _check_counts(result: ElementTree.Element, entries: int) -> None:
    """A get counts the nodes at its xpath: entries, or the one container (panos.md §2)."""
    total, count = integer_of(result.get("total-count")), integer_of(result.get("count"))
    is_counted = total is None or (total in (len(result), entries) and count in (None, total))
    if not is_counted:
        raise Malformed(f"the list is incomplete: {entries} entries, total-count is {total}")


def _check_names(entries: Sequence[ElementTree.Element]) -> None:
    names = [entry.get("name", "") for entry in entries]
    if not all(names):
        raise Malformed("an entry without a name")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise Malformed(f"two entries of the name {twice[:63]}")


def _changed_by(element: ElementTree.Element) -> frozenset[str]:
    """Administrators of uncommitted nodes: those carry admin and dirtyId in a get (panos.md §6)."""
    return frozenset(node.get("admin", "") for node in element.iter() if node.get("dirtyId"))


def _template(element: ElementTree.Element, above: str) -> str:
    """The template that pushed any part of an entry; `?` where the answer does not name it.

    Either mark counts; only the highest template node has the name, and it may be above the entry (panos.md §6).
    """
    marked = [node for node in element.iter() if node.get("src") == "tpl" or node.get("ptpl")]
    return next((node.get("ptpl", "") for node in marked if node.get("ptpl")), above or "?") if marked else ""


def read_certificates(result: ElementTree.Element | None) -> dict[str, CertificateEntry]:
    """All certificate entries of one scope. Elements may be missing or empty (panos.md §6). Raises Malformed."""
    found = [_certificate(element, above) for element, above in _entries(result, "certificate")]
    return {entry.name: entry for entry in found}


def read_certificate(result: ElementTree.Element | None, name: str) -> CertificateEntry | None:
    """The entry that was asked for by its name; None if the answer counts no node. Raises Malformed."""
    entries = read_certificates(result)
    if not entries and result is not None and integer_of(result.get("total-count")) == 0:
        return None
    if list(entries) != [name]:
        raise Malformed("it does not hold the entry that was asked for")
    return entries[name]


def _certificate(element: ElementTree.Element, above: str) -> CertificateEntry:
    return CertificateEntry(
        name=element.get("name", ""),
        certificate_pem=text_of(element, "public-key"),
        csr_pem=text_of(element, "csr"),
        has_private_key=bool(text_of(element, "private-key")) or text_of(element, "private-key-on-hsm") == "yes",
        is_revoked=text_of(element, "status") == "revoked",
        changed_by=_changed_by(element),
        template=_template(element, above),
    )


def read_service_profiles(result: ElementTree.Element | None) -> dict[str, ServiceProfile]:
    """All SSL/TLS service profiles of one scope. Raises Malformed."""
    profiles = {}
    for element, above in _entries(result, "ssl-tls-service-profile"):
        name = element.get("name", "")
        certificate = text_of(element, "certificate")
        profiles[name] = ServiceProfile(name, certificate, _changed_by(element), _template(element, above))
    return profiles


def read_leaf(result: ElementTree.Element | None, tag: str) -> str:
    """The text of the one leaf that was asked for; raises Malformed where the answer holds anything else."""
    if result is None or [child.tag for child in result] != [tag]:
        raise Malformed(f"no <{tag}>")
    return text_of(result, tag)


def read_texts(result: ElementTree.Element | None) -> frozenset[str]:
    """Every name of an entry and every text in the nodes of a get; raises Malformed where nodes are missing."""
    if result is None:
        return frozenset()
    total = integer_of(result.get("total-count"))
    if total is not None and total != len(result):
        raise Malformed(f"the list is incomplete: {len(result)} nodes, total-count is {total}")
    nodes = [node for child in result for node in child.iter()]
    names = {node.get("name", "") for node in nodes if node.tag == "entry"}
    return frozenset(names | {(node.text or "").strip() for node in nodes}) - {""}


def read_exported_csr(body: bytes) -> str:
    """The PEM of an export in the format pkcs10; an empty text where there is none in it (panos.md §5)."""
    found = _CSR.search(body.decode("ascii", "replace"))
    return found[0] if found else ""


def read_digest(result: ElementTree.Element | None) -> str:
    """A digest of an answer, by which two of them are compared: it may hold anything, so nothing else is kept of it."""
    text = ElementTree.tostring(result, "utf-8") if result is not None else b""
    return hashlib.sha256(text).hexdigest() if text else ""


def read_changes(result: ElementTree.Element | None) -> tuple[Change, ...]:
    """The journal of uncommitted changes; an empty result means none (panos.md §3)."""
    journal = result.find("journal") if result is not None else None
    if journal is None:
        return ()
    return tuple(
        Change(text_of(entry, "owner"), text_of(entry, "xpath"), text_of(entry, "action"))
        for entry in journal.findall("entry")
    )


def read_locks(result: ElementTree.Element | None) -> tuple[Lock, ...]:
    """Config or commit locks."""
    containers: Iterable[ElementTree.Element] = list(result) if result is not None else []
    return tuple(
        Lock(
            entry.get("name", ""),
            container.tag.removesuffix("s"),
            text_of(entry, "name"),
            _without_null(text_of(entry, "comment")),
        )
        for container in containers
        for entry in container.findall("entry")
    )


def _without_null(text: str) -> str:
    """PAN-OS writes a comment that is not there as `(null)` (panos.md §3)."""
    return "" if text == "(null)" else text


def read_own_name(result: ElementTree.Element | None) -> str | None:
    """The administrator of this session, from `show admins` (10.0 and later: the entry with `<self/>`)."""
    for entry in result.iter("entry") if result is not None else ():
        if entry.find("self") is not None:
            return text_of(entry, "admin") or None
    return None


def read_jobs(result: ElementTree.Element | None) -> tuple[Job, ...]:
    """Jobs of a list; entries without an ID (`Failed-Job`) are left out (panos.md §3)."""
    found = result.findall("job") if result is not None else []
    return tuple(job for job in map(_job, found) if job.id)


def _job(element: ElementTree.Element) -> Job:
    details = " / ".join(" ".join(text.split()) for text in _itertext(element.find("details")) if text.strip())
    return Job(
        id=text_of(element, "id"),
        type=text_of(element, "type"),
        status=text_of(element, "status").upper(),
        result=text_of(element, "result").upper(),
        progress=_progress(text_of(element, "progress")),
        user=text_of(element, "user"),
        description=text_of(element, "description"),
        details=details[:MAX_DETAILS],
    )


def _itertext(element: ElementTree.Element | None) -> Iterable[str]:
    return element.itertext() if element is not None else ()


def _progress(text: str) -> int:
    """Percent done; other job types put a time there (panos.md §9)."""
    number = integer_of(text)
    return min(max(number, 0), 100) if number is not None else 0


def read_job_id(envelope: Envelope) -> str | None:
    """The ID of an enqueued commit; None if there was nothing to commit (panos.md §9). Raises Malformed."""
    text = text_of(envelope.result, "job")
    if text and not re.fullmatch(r"\d{1,18}", text):
        raise Malformed("the job's ID is no number")
    return text or None
