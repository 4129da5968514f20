"""Answers of the XML API: the envelope's variants (panos.md §2), refusals, and the safe parsing of XML from outside."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, ParseError, SubElement, fromstring, tostring  # nosec B405  # without DTD
from xml.sax.saxutils import escape, quoteattr  # nosec B406  # escapes, parses nothing

from paloaltofw.sandbox.base.https import Answer
from paloaltofw.sandbox.panos.switches import PanosSwitches

XML = "application/xml; charset=UTF-8"
MAX_DEPTH = 60
# PAN-OS code numbers (panos.md §2).
BAD_XPATH, ABSENT, NOT_UNIQUE, REFERENCED, INVALID_OBJECT = 6, 7, 8, 10, 12
NOT_FOUND, NOT_POSSIBLE, UNAUTHORIZED, INVALID_COMMAND, MALFORMED, SUCCESS, COMMAND_SUCCEEDED = (
    13,
    14,
    16,
    17,
    18,
    19,
    20,
)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class PanosError(Exception):
    """A refusal in the form of PAN-OS itself: HTTP 200 and an error envelope."""

    def __init__(self, *lines: str, code: int | None = None) -> None:
        super().__init__("; ".join(lines))
        self.lines = lines
        self.code = code

    def answer(self, switches: PanosSwitches) -> Answer:
        root = Element("response", {"status": "error"})
        if self.code is not None:
            root.set("code", str(self.code))
        message = SubElement(root, "msg")
        for line in self.lines:
            SubElement(message, "line").text = line
        return render(root)


class UnknownCommand(PanosError):
    """An operational command that the release does not know. Its code is not confirmed."""

    def __init__(self, *path: str) -> None:
        super().__init__(f" {' -> '.join(path)}  is unexpected", code=INVALID_COMMAND)

    def answer(self, switches: PanosSwitches) -> Answer:
        self.code = switches.unknown_command_code
        return super().answer(switches)


class Unauthorized(PanosError):
    """The administrator's role lacks a right. Form and HTTP status are not confirmed."""

    def __init__(self) -> None:
        super().__init__("Unauthorized request", code=UNAUTHORIZED)

    def answer(self, switches: PanosSwitches) -> Answer:
        if switches.role_denial == "not_authenticated":
            return _transport_error(403, 403, "Not Authenticated")
        plain = super().answer(switches)
        return Answer(switches.role_denial_http_status, plain.body, plain.content_type)


class NothingThere(PanosError):
    """No refusal at all: a success that says that there is nothing (code 7)."""

    def __init__(self) -> None:
        super().__init__(code=ABSENT)

    def answer(self, switches: PanosSwitches) -> Answer:
        return success(code=ABSENT)


class OutsideConfiguration(PanosError):
    """An xpath that does not begin at /config has a status of its own (panos.md §2)."""

    def __init__(self) -> None:
        super().__init__("Unauthorized request", code=UNAUTHORIZED)

    def answer(self, switches: PanosSwitches) -> Answer:
        plain = super().answer(switches)
        return Answer(200, plain.body.replace(b'status="error"', b'status="unauth"', 1), plain.content_type)


class BadRequest(PanosError):
    """A refusal by the transport layer: parameters missing or not legal (400)."""

    def __init__(self, text: str) -> None:
        super().__init__(text, code=400)

    def answer(self, switches: PanosSwitches) -> Answer:
        return _transport_error(switches.bad_request_http_status, 400, self.lines[0])


class BadCredentials(PanosError):
    """Key, or user and password, are not valid (403)."""

    def answer(self, switches: PanosSwitches) -> Answer:
        # 10.2.9-h1 puts this text in the reason phrase too (panos.md §1).
        is_newer = switches.bad_key_text == "Invalid Credential" and switches.bad_key_http_status != 200
        reason = switches.bad_key_text if is_newer else None
        return _transport_error(switches.bad_key_http_status, 403, switches.bad_key_text, reason)


def missing(parameter: str) -> BadRequest:
    return BadRequest(f'Missing value for parameter "{parameter}".')


def illegal(parameter: str, value: str, legal: Iterable[str] = ()) -> BadRequest:
    """For some parameters the legal values are named (panos.md §2)."""
    listed = f" Legal values: {', '.join(legal)}." if legal else ""
    return BadRequest(f'Illegal value for parameter "{parameter}" [{value}].{listed}')


def unexpected(*path: str) -> PanosError:
    """Code 17 for an element that a command does not know."""
    return PanosError(f" {' -> '.join(path)}  is unexpected", code=INVALID_COMMAND)


def invalid(*path: str, why: str = "") -> PanosError:
    """Code 17 for an element whose content a command does not accept."""
    return PanosError(f" {' -> '.join(path)}  is invalid{'. ' + why if why else ''}", code=INVALID_COMMAND)


def _transport_error(status: int, code: int, text: str, reason: str | None = None) -> Answer:
    """The single-quoted form with blanks around `=` (panos.md §1, §2)."""
    quoted = escape(_legal(text), {'"': "&quot;"})
    body = f"<response status = 'error' code = '{code}'><result><msg>{quoted}</msg></result></response>"
    return Answer(status, body.encode(), XML, reason=reason)


def key_answer(key: str) -> Answer:
    """The answer to keygen, single-quoted as devices write it (panos.md §1)."""
    body = f"<response status = 'success'><result><key>{escape(key)}</key></result></response>"
    return Answer(200, body.encode(), XML)


def success(*content: Element, code: int | None = None, text: str | None = None) -> Answer:
    """A success with these elements, or this text, as its result."""
    root = _success(code)
    result = SubElement(root, "result")
    result.text = text
    result.extend(content)
    return render(root)


def success_lines(*lines: str, code: int | None = None, extra: Sequence[Element] = ()) -> Answer:
    """A success with msg lines inside the result."""
    message = Element("msg")
    for line in lines:
        SubElement(message, "line").text = line
    return success(message, *extra, code=code)


def success_message_line(text: str) -> Answer:
    """A success with a msg line directly under the response, as pan-os-python reads it."""
    root = _success(None)
    SubElement(SubElement(root, "msg"), "line").text = text
    return render(root)


def success_message(text: str, code: int) -> Answer:
    """A success with a msg directly under the response."""
    root = _success(code)
    SubElement(root, "msg").text = text
    return render(root)


def _success(code: int | None) -> Element:
    root = Element("response", {"status": "success"})
    if code is not None:
        root.set("code", str(code))
    return root


def found(elements: Sequence[Element]) -> Answer:
    """The answer to a get (panos.md §2)."""
    root = _success(SUCCESS)
    result = SubElement(root, "result", {"total-count": str(len(elements)), "count": str(len(elements))})
    result.extend(elements)
    return render(root)


def render(root: Element) -> Answer:
    """Whatever text came in, what goes out is well-formed."""
    return Answer(200, _legal(tostring(root, encoding="unicode")).encode(), XML)


def _legal(text: str) -> str:
    return _NOT_XML.sub("?", text)


def text_element(tag: str, text: str | None) -> Element:
    element = Element(tag)
    element.text = text
    return element


def parse_xml(text: str) -> Element:
    """One element from outside; code 18 for anything but well-formed XML without a document type."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise PanosError("Malformed Request", code=MALFORMED)
    try:
        root = fromstring(text)  # nosec B314  # without DTD
    except (ParseError, ValueError):
        raise PanosError("Malformed Request", code=MALFORMED) from None
    if _is_too_deep(root):
        raise PanosError("Malformed Request", code=MALFORMED)
    return root


def parse_fragments(text: str) -> list[Element]:
    """The elements of an `element=` parameter."""
    holder = parse_xml(f"<holder>{text}</holder>")
    if not len(holder) or (holder.text or "").strip() or any((child.tail or "").strip() for child in holder):
        raise PanosError("Malformed Request", code=MALFORMED)
    return list(holder)


def _is_too_deep(root: Element) -> bool:
    level = [root]
    for _ in range(MAX_DEPTH):
        level = [child for element in level for child in element]
        if not level:
            return False
    return True


def text_of(element: Element | None) -> str:
    return (element.text or "").strip() if element is not None else ""


def one_line(text: str) -> str:
    """Untrusted text for a message."""
    return quoteattr(" ".join(text.split())[:120])[1:-1]
