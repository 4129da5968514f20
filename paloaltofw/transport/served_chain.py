"""What a TLS service presents: its certificate with what it sends beside it. Nothing is sent but a handshake."""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from paloaltofw.transport.deadline import WATCHDOG

# For the connection, and for the handshake behind it. Seconds.
HANDSHAKE_SECONDS = 10.0
# `_ssl.ENCODING_DER`, whose module is private.
_DER = 2
_CHUNK = 16 * 1024
# What the system calls it when the peer resets: which word depends on how far the connection had come.
_RESETS = (errno.ECONNRESET, errno.ENOTCONN, errno.EPIPE)


@dataclass(frozen=True)
class Presented:
    """The certificates (DER) as they came, the service's own first; where there are none, `failure` says why.

    `is_reached`: there was a TCP connection.
    """

    certificates: tuple[bytes, ...] = ()
    failure: str = ""
    is_reached: bool = True


def served_chain(host: str, port: int, server_name: str, seconds: float = HANDSHAKE_SECONDS) -> Presented:
    """Shake hands with a service and hang up. Nothing is trusted: whoever asks compares what is presented.

    That the service has the certificate's key is proven by the handshake itself (RFC 8446 §4.4.3, RFC 5246 §7.4.3).
    """
    try:
        with WATCHDOG.watch(seconds) as guard:
            try:
                plain = socket.create_connection((host, port), seconds)
            except OSError as error:
                # Who resets at once took the connection; else nobody is there.
                return Presented(failure=_reason(error), is_reached=_is_reset(error))
            with plain:
                WATCHDOG.hold(plain)
                found = _shake_hands(plain, server_name)
            if guard.has_fired and not found.certificates:
                return Presented(failure=f"no handshake within {seconds:g} s")
            return found
    except (OSError, ValueError) as error:
        return Presented(failure=_reason(error))


def _shake_hands(plain: socket.socket, server_name: str) -> Presented:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    # In memory, so that the socket stays ours to close: wrapping it may fail half-way where the peer resets.
    heard, said = ssl.MemoryBIO(), ssl.MemoryBIO()
    talk = context.wrap_bio(heard, said, server_hostname=server_name or None)
    try:
        while not _is_agreed(talk):
            plain.sendall(said.read())
            received = plain.recv(_CHUNK)
            if received:
                heard.write(received)
            else:
                heard.write_eof()
        plain.sendall(said.read())
    except (OSError, ValueError) as error:
        # A portal that asks for a client certificate breaks off here, and has presented its own before.
        return Presented(_certificates(talk), _reason(error))
    return Presented(_certificates(talk))


def _is_agreed(talk: ssl.SSLObject) -> bool:
    """Whether the handshake is over; False where it wants to hear more."""
    try:
        talk.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True


def _certificates(talk: ssl.SSLObject) -> tuple[bytes, ...]:
    """What was presented, in its order.

    `SSLObject.get_unverified_chain` is there from Python 3.13 on; from 3.10 on its inner object has it, which is what
    the public one calls. Where neither is, the leaf is all that can be told.
    """
    public = getattr(talk, "get_unverified_chain", None)
    inner = getattr(getattr(talk, "_sslobj", None), "get_unverified_chain", None)
    chain: Iterable[object] = (public() if public else inner() if inner else None) or ()
    found = tuple(item if isinstance(item, bytes) else item.public_bytes(_DER) for item in chain)  # type: ignore[attr-defined]
    if found:
        return found
    try:
        leaf = talk.getpeercert(binary_form=True)
    except (OSError, ValueError):
        return ()  # the handshake did not come so far
    return (leaf,) if leaf else ()


def _is_reset(error: Exception) -> bool:
    return isinstance(error, OSError) and error.errno in _RESETS


def _reason(error: Exception) -> str:
    """Why there is nothing, in a few words of ours or of the system's."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "the name cannot be resolved"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({(error.reason or 'broken off').lower().replace('_', ' ')})"
    if _is_reset(error):
        return "the connection was reset"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return type(error).__name__
