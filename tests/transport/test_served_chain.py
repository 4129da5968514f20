"""A handshake with services of every kind: what they presented, and no longer than the time that it may take."""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from paloaltofw.transport.served_chain import _certificates, served_chain

Talk = Callable[[socket.socket], object]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA, and a leaf of it with its key: `chain.pem` holds both certificates."""
    place = tmp_path_factory.mktemp("tls")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    for command in (
        ["req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=CA", "-days", "9"],
        ["req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=leaf"],
        ["x509", "-req", "-in", "leaf.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "leaf.pem"],
    ):
        subprocess.run(["openssl", *command], cwd=place, check=True, capture_output=True)
    (place / "chain.pem").write_bytes((place / "leaf.pem").read_bytes() + (place / "ca.pem").read_bytes())
    return place


def der(path: Path) -> bytes:
    return ssl.PEM_cert_to_DER_cert(path.read_text("ascii"))


@contextlib.contextmanager
def service(talk: Talk) -> Iterator[int]:
    """Somebody who takes one connection and does something with it."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def run() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                with connection, contextlib.suppress(OSError):
                    connection.settimeout(10)
                    talk(connection)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield int(listener.getsockname()[1])
        thread.join(10)
        assert not thread.is_alive()


def tls(folder: Path, version: ssl.TLSVersion, wants_client: bool = False, heard: list[Any] | None = None) -> Talk:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "chain.pem", folder / "leaf.key")
    context.maximum_version = version
    if heard is not None:
        context.sni_callback = lambda _, name, __: heard.append(name)
    if wants_client:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ca.pem")

    def talk(connection: socket.socket) -> None:
        with context.wrap_socket(connection, server_side=True) as secured:
            said = secured.recv(100)
            if heard is not None:
                heard.append(said)

    return talk


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("wants_client", [False, True])
def test_the_chain_is_read_even_where_a_client_certificate_is_asked_for(
    folder: Path, version: ssl.TLSVersion, wants_client: bool
) -> None:
    with service(tls(folder, version, wants_client)) as port:
        found = served_chain("127.0.0.1", port, "leaf.example.com")
    assert found.certificates == (der(folder / "leaf.pem"), der(folder / "ca.pem"))
    assert found.is_reached


@pytest.mark.parametrize("name", ["leaf.example.com", ""])
def test_the_name_is_asked_for_and_nothing_is_said_after_the_handshake(folder: Path, name: str) -> None:
    heard: list[Any] = []
    with service(tls(folder, ssl.TLSVersion.TLSv1_2, heard=heard)) as port:
        served_chain("127.0.0.1", port, name)
    assert heard == [name or None, b""]


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    found = served_chain("127.0.0.1", port, "")
    assert (found.certificates, found.is_reached, found.failure) == ((), False, "connection refused")
    found = served_chain("no-such-host.invalid", 443, "")
    assert (found.is_reached, found.failure) == (False, "the name cannot be resolved")


def drip(connection: socket.socket) -> None:
    """A record of TLS, a byte now and then: a socket's own timeout would begin anew with each."""
    connection.sendall(b"\x16\x03\x03\x40\x00")
    while True:
        connection.sendall(b"\x00")
        time.sleep(0.05)


def reset(connection: socket.socket) -> None:
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


BROKEN: dict[str, tuple[Talk, str]] = {
    "hangs up": (lambda connection: connection.recv(1000), "TLS failed|reset"),
    "speaks HTTP": (lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "TLS failed|reset"),
    "says nothing": (
        lambda connection: connection.recv(1000) and connection.recv(1000),
        "no answer in time|no handshake within",
    ),
    "resets": (reset, "the connection was reset"),
    "drips": (drip, "no handshake within 0.3 s"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_no_handshake_is_told_in_time(name: str) -> None:
    talk, words = BROKEN[name]
    started = time.monotonic()
    with service(talk) as port:
        # Who hangs up by itself is waited for: on a busy machine that may take a moment.
        found = served_chain("127.0.0.1", port, "", 0.3 if name in ("says nothing", "drips") else 10)
    assert (found.certificates, found.is_reached) == ((), True)
    assert any(word in found.failure for word in words.split("|")), found.failure
    assert time.monotonic() - started < 9


@pytest.mark.parametrize(
    ("number", "is_reached"),
    [(errno.ECONNRESET, True), (errno.ENOTCONN, True), (errno.EPIPE, True), (errno.ECONNREFUSED, False), (None, False)],
)
def test_whoever_resets_while_it_is_connected_to_is_there(
    monkeypatch: pytest.MonkeyPatch, number: int | None, is_reached: bool
) -> None:
    """The system has several words for a reset, and which one comes is a matter of moments."""

    def connect(address: tuple[str, int], seconds: float) -> socket.socket:
        raise OSError(number, "as the system says") if number else TimeoutError

    monkeypatch.setattr(socket, "create_connection", connect)
    found = served_chain("192.0.2.1", 443, "")
    assert (found.certificates, found.is_reached) == ((), is_reached)
    assert (found.failure == "the connection was reset") == is_reached


def test_each_way_to_a_chain_and_none() -> None:
    """Python 3.13's own method, the inner one of 3.10 to 3.12, and the leaf alone where neither is."""
    item = SimpleNamespace(public_bytes=lambda form: b"inner" if form == 2 else b"")
    inner = SimpleNamespace(get_unverified_chain=lambda: [item])

    def leaf(binary_form: bool) -> bytes:
        return b"leaf"

    def too_early(binary_form: bool) -> bytes:
        raise ValueError("handshake not done yet")

    def gone(binary_form: bool) -> bytes:
        raise OSError(errno.ENOTCONN, "not connected")

    ways: list[tuple[dict[str, Any], tuple[bytes, ...]]] = [
        ({"get_unverified_chain": lambda: [b"public"], "_sslobj": inner}, (b"public",)),
        ({"_sslobj": inner}, (b"inner",)),
        ({"_sslobj": SimpleNamespace(get_unverified_chain=lambda: None), "getpeercert": leaf}, (b"leaf",)),
        ({"getpeercert": leaf}, (b"leaf",)),
        ({"getpeercert": too_early}, ()),
        ({"_sslobj": None, "getpeercert": gone}, ()),
    ]
    for has, found in ways:
        assert _certificates(SimpleNamespace(**has)) == found  # type: ignore[arg-type]
