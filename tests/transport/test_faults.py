"""Why a connection failed: the reason of TLS is kept, the place is named, and a wrong clock is no reason to pin."""

from __future__ import annotations

import datetime
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from paloaltofw.errors import NotTrusted, Unreachable
from paloaltofw.model.trust import SYSTEM_TRUST, Trust
from paloaltofw.sandbox.base.authority import TlsAuthority
from paloaltofw.sandbox.base.https import Answer, HttpsServer, server_context
from paloaltofw.transport import https
from paloaltofw.transport.faults import translate
from paloaltofw.transport.https import Transport
from tests.peers import Scripted, ca_file, tls

NOW = datetime.datetime.now(datetime.timezone.utc)
DAY = datetime.timedelta(days=1)
CLOCK = "by this host's clock, "


@contextmanager
def server(authority: TlsAuthority, name: str, start: int, end: int) -> Iterator[HttpsServer]:
    """A peer whose certificate is valid from day to day, counted from now."""
    identity = authority.server_identity(name, not_before=NOW + start * DAY, not_after=NOW + end * DAY)
    site = HttpsServer(Scripted(lambda _: Answer(200, b"")), server_context(*identity)).start()
    try:
        yield site
    finally:
        site.stop()


def failure(url: str, trust: Trust = SYSTEM_TRUST) -> Unreachable:
    transport = Transport("peer", trust, 5)
    try:
        with pytest.raises(Unreachable) as caught:
            transport.send(https.Request("GET", f"{url}/secret-path?key=secret", "hello"))
    finally:
        transport.close()
    assert "secret" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("name", "start", "end", "is_known", "reason", "remedy", "may_pin"),
    [
        ("127.0.0.1", -20, -10, True, f"it has expired {CLOCK}{NOW:%Y-%m-%d}", "correct this host's clock if it is wrong", False),
        ("127.0.0.1", 10, 20, True, f"it is not valid yet {CLOCK}{NOW:%Y-%m-%d}", "correct this host's clock", False),
        ("fw.example.com", -1, 20, True, "it is for another name or address", "write the name that it holds", True),
        ("192.0.2.7", -1, 20, True, "it is for another name or address", "write the name that it holds", True),
        ("127.0.0.1", -1, 20, False, "no CA that is known here has signed it", "trust its CA", True),
    ],
)  # fmt: skip
def test_a_refused_certificate_is_refused_with_its_reason(
    tmp_path: Path, name: str, start: int, end: int, is_known: bool, reason: str, remedy: str, may_pin: bool
) -> None:
    with server(tls() if is_known else TlsAuthority(), name, start, end) as site:
        error = failure(site.url, Trust(ca_file=ca_file(tmp_path)))
    assert isinstance(error, NotTrusted)
    assert error.what.startswith(f"its TLS certificate is not trusted ({reason}")
    assert error.remedy.startswith(remedy)
    assert ("pin" in error.remedy) is may_pin


def test_another_certificate_than_the_pinned_one_is_called_so() -> None:
    with server(tls(), "127.0.0.1", -20, -10) as site:
        error = failure(site.url, Trust(pin="00" * 32))
    assert error.what.startswith("its TLS certificate is not the pinned one")


def test_what_cannot_be_reached_is_named_with_address_and_port() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    error = failure(f"https://127.0.0.1:{port}")
    assert error.what == f"cannot be reached at 127.0.0.1:{port} (connection refused or no route)"


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://fw.example.com/api?key=secret", "fw.example.com:443"),
        ("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443"),
        ("https://eve:secret@192.0.2.1/", "192.0.2.1:443"),
        (None, "its address"),
    ],
)
def test_a_time_limit_names_address_and_port_and_nothing_else(url: str | None, address: str) -> None:
    request = requests.Request("GET", url).prepare() if url else None
    found = translate(requests.ConnectTimeout(request=request), "fw, reading", None)
    assert found.what == f"no connection to {address} within the time limit"


def test_a_name_that_nobody_knows_is_named() -> None:
    assert failure("https://no-such-host.invalid").what == "the host name no-such-host.invalid cannot be resolved"
