"""What a failed exchange means: never sent, perhaps carried out, or not to be trusted."""

from __future__ import annotations

import datetime
import urllib.parse
from typing import TYPE_CHECKING

from paloaltofw.errors import AnswerLost, InvalidAnswer, NotTrusted, Unreachable

if TYPE_CHECKING:
    import requests


def translate(error: Exception, where: str, pin: str | None) -> Unreachable | AnswerLost | InvalidAnswer:
    """Map an error of requests to ours. Its text is not used: it may hold the URL or the header that was sent."""
    import requests
    import urllib3

    if isinstance(error, requests.exceptions.SSLError):
        return _tls_failure(error, where, pin)
    if isinstance(error, requests.ConnectTimeout):
        what = f"no connection to {_address(error)} within the time limit"
        return Unreachable(what, where, "check address and network", may_pass=True)
    if isinstance(error, requests.exceptions.ProxyError):
        return Unreachable("the proxy refused or failed", where, "check the proxy settings in the environment")
    if isinstance(error, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError)):
        return AnswerLost("no answer within the time limit", where, "raise timeout if it is slow")
    if isinstance(error, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)):
        return Unreachable("the address or a header value cannot be sent", where, "correct the profile")
    if isinstance(error, requests.ConnectionError):
        return _connection_failure(error, where)
    return AnswerLost("the answer broke off", where, "try again")


def _connection_failure(error: requests.ConnectionError, where: str) -> Unreachable | AnswerLost:
    from urllib3.exceptions import MaxRetryError, NameResolutionError, NewConnectionError, ReadTimeoutError

    cause = error.args[0] if error.args else None
    reason = cause.reason if isinstance(cause, MaxRetryError) else cause
    if isinstance(reason, NameResolutionError):
        host = _address(error).rpartition(":")[0]
        return Unreachable(f"the host name {host} cannot be resolved", where, "check the address and DNS")
    if isinstance(reason, NewConnectionError):
        what = f"cannot be reached at {_address(error)} (connection refused or no route)"
        return Unreachable(what, where, "check that it is up", may_pass=True)
    if isinstance(reason, ReadTimeoutError):
        return AnswerLost("no complete answer within the time limit", where, "raise timeout if it is slow")
    return AnswerLost("the connection broke before the answer", where, "try again")


def _address(error: requests.RequestException) -> str:
    """Host and port of the request that failed: no other part of its URL is shown."""
    parts = urllib.parse.urlsplit(str(error.request.url)) if error.request is not None else None
    if parts is None or not parts.hostname:
        return "its address"
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{parts.port or 443}"


_UNTRUSTED = ("ingerprint", "CERTIFICATE_VERIFY_FAILED", "doesn't match")
_NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "HANDSHAKE_FAILURE", "UNSUPPORTED_PROTOCOL")


def _tls_failure(error: Exception, where: str, pin: str | None) -> Unreachable | AnswerLost:
    text = str(error)
    if any(sign in text for sign in _UNTRUSTED):
        if pin:
            remedy = "find out why it changed, then pin the new one with `paloaltoagent trust`"
            return NotTrusted("its TLS certificate is not the pinned one", where, remedy, pin)
        reason, remedy = _distrust(_verify_code(error))
        return NotTrusted(f"its TLS certificate is not trusted ({reason})", where, remedy)
    if any(sign in text for sign in _NO_TLS_THERE):
        return Unreachable("TLS failed", where, "check that this address speaks HTTPS")
    # A peer that hangs up without a TLS close notification ends here too, perhaps after it has read the request.
    return AnswerLost("the TLS connection broke before the answer", where, "try again")


# Of OpenSSL's x509_vfy.h: what X509_verify_cert says is wrong.
_NOT_YET_VALID, _EXPIRED, _SELF_SIGNED = 9, 10, 18
_WRONG_NAME = (62, 64)  # X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH


def _verify_code(error: BaseException) -> int | None:
    """OpenSSL's code for why a certificate was refused, from inside of what urllib3 and requests made of it."""
    seen: list[object] = [error]
    for item in seen:
        code = getattr(item, "verify_code", None)
        if isinstance(code, int):
            return code
        inner = (*getattr(item, "args", ()), getattr(item, "reason", None), getattr(item, "__cause__", None))
        seen += [found for found in inner if isinstance(found, BaseException) and found not in seen]
    return None


def _distrust(code: int | None) -> tuple[str, str]:
    """Why a certificate was refused, and what to do.

    Where this host's clock may be the reason, nobody is told to pin: a pinned certificate is trusted whatever its
    dates, and the wrong clock would go on to spoil every decision about renewal.
    """
    now = f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC"
    if code == _NOT_YET_VALID:
        return f"it is not valid yet by this host's clock, {now}", "correct this host's clock"
    if code == _EXPIRED:
        return f"it has expired by this host's clock, {now}", "correct this host's clock if it is wrong, else renew it"
    pin = "pin it: a firewall's with `paloaltoagent trust`"
    if code in _WRONG_NAME:
        return "it is for another name or address", f"write the name that it holds into the address, or {pin}"
    signer = "it is signed by itself" if code == _SELF_SIGNED else "no CA that is known here has signed it"
    return signer, f"trust its CA (its PEM file: scm.ca_bundle for SCM, verify_tls for a firewall), or {pin}"
