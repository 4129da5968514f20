"""A client of PAN-OS against scripted answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from paloaltofw.model.trust import Trust
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.commands import CsrRequest
from paloaltofw.panos.location import Scope
from paloaltofw.sandbox.base.https import Answer, Request
from paloaltofw.secret import Secret
from tests.peers import QuickClock, Scripted, ca_file, scripted

KEY = "LUFRPT1+/canary=="
OK = '<response status="success"><result>done</result></response>'
EMPTY = '<response status="success" code="19"><result><certificate/></result></response>'
REQUEST = CsrRequest(
    "vpn-2", "vpn.example.com", "RSA", 2048, country="SK", organization="A & <B>", organizational_unit=("IT",),
    dns=("vpn.example.com",), ip=("192.0.2.1",), alt_email=("a@example.com",),
)  # fmt: skip


def xml(text: str, status: int = 200, content_type: str = "application/xml; charset=UTF-8") -> Answer:
    return Answer(status, text.encode(), content_type)


@contextmanager
def client(
    tmp_path: Path, script: Callable[[Request], Answer], scope: Scope | None = None, trust: Trust | None = None
) -> Iterator[tuple[PanosClient, Scripted, QuickClock]]:
    clock = QuickClock()
    with scripted(script) as (site, server):
        trust = trust or Trust(ca_file=ca_file(tmp_path))
        panos = PanosClient("fw", server.url, Secret(KEY), trust, 5, scope or Scope(), clock)
        yield panos, site, clock
        panos.close()


ENVELOPES: list[tuple[str, bool, int | None, str]] = [
    ('<response status="success" code="20"><msg>command succeeded</msg></response>', True, 20, "command succeeded"),
    ('<response status="success" code="19"><result total-count="1"/></response>', True, 19, ""),
    ('<response status="success"><result>text</result></response>', True, None, ""),
    ('<response status="success" code="7"><result/></response>', True, 7, ""),
    ('<response status="error"><msg><line>No such node</line></msg></response>', False, None, "No such node"),
    ('<response status="error" code="12"><msg><line><![CDATA[ x -> y  is invalid. ]]></line><line>b</line></msg></response>',
     False, 12, "x -> y is invalid.; b"),
    ("<response status = 'error' code = '400'><result><msg>Parameter &quot;f&quot;</msg></result></response>", False, 400,
     'Parameter "f"'),
    ('<response status="error"><msg><line><msg><line>nested</line></msg></line></msg></response>', False, None, "nested"),
    ('<response status="error"><result><msg><line>text</line></msg></result></response>', False, None, "text"),
    ('<response status="failed"><result>why</result></response>', False, None, "why"),
    ('<response status="success" code="13"><msg>odd</msg></response>', False, 13, "odd"),
]  # fmt: skip


def error(code: int | None, text: str) -> str:
    attribute = f' code="{code}"' if code is not None else ""
    return f'<response status="error"{attribute}><msg><line>{text}</line></msg></response>'
