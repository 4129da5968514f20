"""The outer part of an answer: parsed safely, every variant understood. Pure functions, no I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree import ElementTree  # nosec B405  # parses without DTD

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
        """Whether a get or show says that there is nothing at the xpath (panos.md §2: code 7, or `No such node`)."""
        return self.code == OBJECT_ABSENT or (not self.is_success and self.text.startswith(_NO_SUCH_NODE))


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
    """Understand every variant of the response envelope (panos.md §2); raises Malformed."""
    root = parse(body)
    if root.tag != "response" or "status" not in root.attrib:
        raise Malformed(f"an XML document <{root.tag[:40]}> instead of <response status=…>")
    code = integer_of(root.get("code"))
    # pango's rule: any code but these means failure even under "success"; 7 means "not there" on a get (panos.md §2).
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


def integer_of(text: str | None) -> int | None:
    """Read a whole number; None for anything else."""
    return int(text) if text and _NUMBER.fullmatch(text.strip()) else None


def text_of(element: ElementTree.Element | None, path: str) -> str:
    """Return all text at a path below an element, without outer blanks; empty if there is none."""
    found = element.find(path) if element is not None else None
    return "".join(found.itertext()).strip() if found is not None else ""
