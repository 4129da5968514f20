"""What an HTTP answer of SCM means: carried out, refused, not ready, or not to be known (scm.md §9)."""

from __future__ import annotations

import re
from enum import Enum

from paloaltofw.errors import AnswerLost, Busy, CredentialsRefused, InvalidAnswer, PermissionDenied, Refused
from paloaltofw.scm.answers import NotReady, json_of, retry_after_seconds
from paloaltofw.scm.codes import BAD_CREDENTIALS, INTERNAL, NO_RIGHT, NOT_READY, code_text, remedy_for
from paloaltofw.transport.https import Response

# A gateway on the way may say these of a request that went on to SCM.
_UNDECIDED = frozenset({408, 499})
_CHECK_THE_WAY = "check scm.url and proxies on the way"
_BEING_PROCESSED = "being processed"
# Base64 without armour: how the admin API may send PKCS#7.
_BASE64 = re.compile(rb"M[A-Za-z0-9+/\s]{200,}={0,2}\s*")


class Kind(Enum):
    """What was asked for, and so what an answer that cannot be understood costs."""

    READ = "read"
    DOWNLOAD = "download"
    WRITE = "write"


def check(response: Response, kind: Kind, where: str) -> None:
    """Return if the answer is a good one; else raise what it means. NotReady is for downloads only."""
    status, code = response.status, _code(response)
    _check_status(response, code, where)
    if kind is Kind.DOWNLOAD and 200 <= status < 500:
        _check_readiness(response, code)
    if 200 <= status < 300:
        _check_content(response, code, kind, where)
        return
    if kind is Kind.WRITE and not _proves_refusal(status, code):
        what = f"{_words(response, code)}, so it is unknown whether it was carried out"
        raise AnswerLost(what, where, "see the SCM portal" if code is not None else _CHECK_THE_WAY)
    if status >= 500:
        what = f"is not available (HTTP {status})"
        raise Busy(what, where, "try again later", retry_after_seconds(response))
    if kind is Kind.DOWNLOAD and status >= 400:
        raise _refused(response, code, where)
    if code is None or status < 400:
        raise InvalidAnswer(_words(response, None), where, _CHECK_THE_WAY)
    _check_rights(status, code, where)
    raise _refused(response, code, where)


def _code(response: Response) -> int | None:
    """The code of SCM's JSON; None if the answer is not that."""
    body = json_of(response)
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _proves_refusal(status: int, code: int | None) -> bool:
    """Whether a write was certainly not carried out. SCM's codes are negative; a gateway's own JSON has others."""
    return 400 <= status < 500 and status not in _UNDECIDED and code is not None and code < 0 and code not in INTERNAL


def _check_status(response: Response, code: int | None, where: str) -> None:
    """Raise for a status that by itself says that nothing was done."""
    if response.status == 429:
        raise Busy("too many requests (HTTP 429)", where, "try again later", retry_after_seconds(response))
    if response.status == 401:
        raise _credentials_refused(401, where)
    if response.status == 403:
        raise _not_allowed(403, code, where)


def _check_rights(status: int, code: int, where: str) -> None:
    if code in BAD_CREDENTIALS:
        raise _credentials_refused(status, where)
    if code in NO_RIGHT:
        raise _not_allowed(status, code, where)


def _credentials_refused(status: int, where: str) -> CredentialsRefused:
    remedy = "check the account's client_id, client_secret and scm_url"
    return CredentialsRefused(f"the token was not accepted (HTTP {status})", where, remedy)


def _not_allowed(status: int, code: int | None, where: str) -> PermissionDenied:
    what = f"not allowed (HTTP {status}{code_text(code)})"
    return PermissionDenied(what, where, "check the rights of the REST account in SCM")


def _refused(response: Response, code: int | None, where: str) -> Refused:
    remedy = remedy_for(code) if code is not None else _CHECK_THE_WAY
    return Refused(_words(response, code), where, remedy, peer_code=code)


def _check_readiness(response: Response, code: int | None) -> None:
    """Raise NotReady for every known way to say that a certificate is not issued yet (scm.md §2.4)."""
    is_good = 200 <= response.status < 300
    if is_good and not response.body.strip():
        raise NotReady("empty answer")
    if code in NOT_READY or (
        code in (None, 0) and _BEING_PROCESSED in _text(response).lower() and not _is_page(response)
    ):
        raise NotReady(_words(response, code))


def _check_content(response: Response, code: int | None, kind: Kind, where: str) -> None:
    """Raise for a 2xx that SCM did not write, or that is no certificate where one was asked for."""
    if kind is Kind.WRITE:
        if _is_page(response):
            what = f"{_words(response, None)}, so it is unknown whether it was carried out"
            raise AnswerLost(what, where, _CHECK_THE_WAY)
        return
    if kind is Kind.DOWNLOAD and code is not None:
        raise _refused(response, code, where)
    if _is_page(response) or (kind is Kind.DOWNLOAD and not _may_be_certificates(response.body)):
        raise InvalidAnswer(_words(response, None), where, _CHECK_THE_WAY)


def _is_page(response: Response) -> bool:
    """HTML, by its content; by its type only where the content is none of SCM's."""
    body = response.body.lstrip(b"\xef\xbb\xbf \t\r\n")
    if not body or body[:1] == b"<":
        return bool(body)
    return "html" in response.content_type and b"-----BEGIN" not in body and not isinstance(json_of(response), dict)


def _may_be_certificates(body: bytes) -> bool:
    """PEM, DER (certificate or PKCS#7: a SEQUENCE), or the Base64 of it."""
    return b"-----BEGIN" in body or body[:1] == b"\x30" or _BASE64.fullmatch(body) is not None


def _text(response: Response) -> str:
    """SCM's own words: the description of its JSON, else a short bare text."""
    body = json_of(response)
    if isinstance(body, dict):
        return str(body.get("description") or "")
    return response.body.decode("utf-8", "replace") if len(response.body) <= 1000 else ""


def _words(response: Response, code: int | None) -> str:
    """The answer in words for an error."""
    if code is not None:
        text = " ".join(_text(response)[:300].split()) or "no description"
        return f"SCM says: {text} (code {code})"
    kind = response.content_type or "no content type"
    return f"HTTP {response.status} with an answer that is not SCM's ({kind}, {len(response.body)} bytes)"
