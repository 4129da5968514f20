"""The TLS certificate that a peer presents, looked at before anything is sent to it."""

from __future__ import annotations

import hashlib
import logging
import socket
import ssl
import urllib.parse

from paloaltofw.errors import Unreachable

log = logging.getLogger(__name__)


def presented(url: str, timeout: float) -> bytes:
    """The certificate (DER) that the server at an https URL presents; `timeout` in seconds. Nothing is sent but TLS.

    Nothing is verified: whoever asks compares it with what is known from elsewhere. Raises Unreachable.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        parts = urllib.parse.urlsplit(url)
        address = (parts.hostname or "", parts.port or 443)
        with (
            socket.create_connection(address, timeout) as plain,
            context.wrap_socket(plain, server_hostname=parts.hostname) as secured,
        ):
            certificate = secured.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        log.debug("%s: %s", url, type(error).__name__)
        what = "presents no TLS certificate (no connection, or no TLS there)"
        raise Unreachable(what, url, "check address and network") from None
    if not certificate:
        raise Unreachable("presents no TLS certificate", url, "check that this address speaks HTTPS")
    return certificate


def fingerprint(url: str, timeout: float) -> str | None:
    """The SHA-256 fingerprint (hex) of the presented certificate; None if none is to be had."""
    try:
        return hashlib.sha256(presented(url, timeout)).hexdigest()
    except Unreachable:
        return None
