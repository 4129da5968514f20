"""What a peer can do otherwise: answer something else, answer and then be cut off, change what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from paloaltofw.sandbox.base.https import Answer, Cut
from paloaltofw.sandbox.panos.ha_pair import WRITES_TO_PASSIVE, HaPair
from tests.worlds.stage import Act, Call, Stage
from tests.worlds.wire import Handle, Silence

JSON, HTML, XML, PEM = "application/json", "text/html; charset=utf-8", "application/xml", "application/x-pem-file"
Edit = Callable[[bytes], bytes]


def says(status: int = 200, body: bytes | str | dict[str, object] = b"", kind: str = JSON, **headers: str) -> Act:
    """Answer this, and do nothing."""
    answer = _answer(status, body, kind, headers)
    return lambda call, handle: answer


def does_but_says(
    status: int = 200, body: bytes | str | dict[str, object] = b"", kind: str = JSON, **headers: str
) -> Act:
    """Do what is asked, and answer this."""
    answer = _answer(status, body, kind, headers)

    def act(call: Call, handle: Handle) -> Answer:
        handle(call.request)
        return answer

    return act


def _answer(status: int, body: bytes | str | dict[str, object], kind: str, headers: dict[str, str]) -> Answer:
    content = body if isinstance(body, bytes) else (json.dumps(body) if isinstance(body, dict) else body).encode()
    return Answer(status, content, kind, {name.replace("_", "-"): text for name, text in headers.items()})


def cut(call: Call, handle: Handle) -> Answer:
    """Do what is asked; the answer is lost with the connection."""
    handle(call.request)
    raise Cut


def cut_before(call: Call, handle: Handle) -> Answer:
    """The connection breaks before anything is done."""
    raise Cut


def half(call: Call, handle: Handle) -> Answer:
    """Do what is asked; the connection breaks in the midst of the answer."""
    answer = handle(call.request)
    head = f"HTTP/1.1 {answer.status} OK\r\nContent-Type: {answer.content_type}\r\nContent-Length: {len(answer.body) + 9}\r\n\r\n"
    raise Cut(head.encode() + answer.body[: len(answer.body) // 2])


def silent(call: Call, handle: Handle) -> Answer:
    """Do what is asked, and never answer."""
    handle(call.request)
    raise Silence


def silent_before(call: Call, handle: Handle) -> Answer:
    """Do nothing, and never answer."""
    raise Silence


def edited(edit: Edit) -> Act:
    """Answer, with another body."""

    def act(call: Call, handle: Handle) -> Answer:
        answer = handle(call.request)
        return Answer(answer.status, edit(answer.body), answer.content_type, answer.headers, answer.reason)

    return act


def swapped(pattern: str, new: str) -> Act:
    """Answer, with one piece of text replaced wherever it stands."""
    compiled = re.compile(pattern.encode(), re.DOTALL)
    return edited(lambda body: compiled.sub(new.encode(), body))


def without(*tags: str) -> Act:
    """Answer XML without these elements."""
    return swapped("|".join(f"<{tag}(?: [^>]*)?>[^<]*</{tag}>|<{tag} ?/>" for tag in tags), "")


def panos_error(text: str, code: int | None = None) -> Act:
    """PAN-OS's refusal."""
    number = f' code="{code}"' if code is not None else ""
    return says(200, f'<response status="error"{number}><msg><line>{text}</line></msg></response>', XML)


def panos_empty(call: Call, handle: Handle) -> Answer:
    """PAN-OS's word for nothing there."""
    return Answer(200, b'<response status="success" code="7"><result/></response>', XML)


def refuses(code: int, text: str = "No", status: int = 400) -> Act:
    """SCM's refusal."""
    return says(status, {"code": code, "description": text})


def does_but_refuses(code: int, text: str = "No", status: int = 400) -> Act:
    """SCM takes the order and says that it failed."""
    return does_but_says(status, {"code": code, "description": text})


def fails_over_before(number: int, pair_of: Callable[[Stage], HaPair]) -> Act:
    """The pair fails over before the n-th request that this act sees.

    Between the question and the change that follows it nobody can look again: such a change is not held against the
    agent, but it must not make another one.
    """
    counted = 0

    def act(call: Call, handle: Handle) -> Answer:
        nonlocal counted
        counted += 1
        if counted != number:
            return handle(call.request)
        pair_of(call.stage).failover()
        answer = handle(call.request)
        WRITES_TO_PASSIVE.clear()
        return answer

    return act
