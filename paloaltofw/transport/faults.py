"""What a failed exchange means: never sent, perhaps carried out, or not to be trusted."""

from __future__ import annotations

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
        return Unreachable("no connection within the time limit", where, "check address and network", may_pass=True)
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
        return Unreachable("the host name cannot be resolved", where, "check the address and DNS")
    if isinstance(reason, NewConnectionError):
        return Unreachable(
            "cannot be reached (connection refused or no route)", where, "check that it is up", may_pass=True
        )
    if isinstance(reason, ReadTimeoutError):
        return AnswerLost("no complete answer within the time limit", where, "raise timeout if it is slow")
    return AnswerLost("the connection broke before the answer", where, "try again")


_UNTRUSTED = ("ingerprint", "CERTIFICATE_VERIFY_FAILED", "doesn't match")
_NO_TLS_THERE = ("WRONG_VERSION_NUMBER", "HANDSHAKE_FAILURE", "UNSUPPORTED_PROTOCOL")


def _tls_failure(error: Exception, where: str, pin: str | None) -> Unreachable | AnswerLost:
    text = str(error)
    if any(sign in text for sign in _UNTRUSTED):
        if pin:
            remedy = "find out why it changed, then pin the new one with `paloaltoagent trust`"
            return NotTrusted("its TLS certificate is not the pinned one", where, remedy, pin)
        remedy = "trust its CA (a PEM file), or pin it: a firewall's with `paloaltoagent trust`"
        return NotTrusted("its TLS certificate is not trusted", where, remedy)
    if any(sign in text for sign in _NO_TLS_THERE):
        return Unreachable("TLS failed", where, "check that this address speaks HTTPS")
    # A peer that hangs up without a TLS close notification ends here too, perhaps after it has read the request.
    return AnswerLost("the TLS connection broke before the answer", where, "try again")
