"""What an HTTP answer of a firewall means: carried out, refused, not ready, or not to be known. No I/O.

Source: docs/reference/panos.md, cited as panos.md.
"""

from __future__ import annotations

from paloaltofw.errors import AnswerLost, Busy, InvalidAnswer, Refused
from paloaltofw.panos.envelope import Envelope, Malformed, read_envelope
from paloaltofw.panos.refusals import failure
from paloaltofw.transport.https import Response

# What stands between us and the firewall gave up waiting for it (RFC 9110 §15.5.9; 499 is a proxy's own word).
GAVE_UP = (408, 499)


def check_availability(response: Response, is_write: bool, where: str) -> None:
    """Raise for a status that says that the firewall could not answer, whatever the body."""
    if response.status < 500 and response.status != 429:
        return
    # 502 was seen during commits and with several API sessions (panos.md §1, §10).
    if is_write and response.status != 429:
        what = f"HTTP {response.status}, so it is unknown whether it was carried out"
        raise AnswerLost(what, where, "the next run looks")
    raise Busy(f"is not available (HTTP {response.status})", where, "try again later")


def understand(response: Response, is_write: bool, where: str) -> Envelope:
    """The envelope of an answer, good or bad; raises AnswerLost or InvalidAnswer where it is none."""
    try:
        return read_envelope(response.body)
    except Malformed as error:
        raise _nonsense(response, is_write, where, str(error)) from None


def judge(response: Response, is_write: bool, where: str) -> Envelope:
    """The envelope of a good answer; raises what any other stands for. Only a read may find nothing."""
    envelope = understand(response, is_write, where)
    if not envelope.is_success and not (envelope.is_absent and not is_write):
        raise failure(envelope, where)
    if envelope.is_absent and is_write:
        # A write to something absent has failed, whatever status it bears (panos.md §2, code 7).
        what = f"PAN-OS says: {envelope.text or 'object not present'}"
        raise Refused(what, where, "check the name in the profile", peer_code=envelope.code)
    return envelope


def _nonsense(response: Response, is_write: bool, where: str, reason: str) -> AnswerLost | InvalidAnswer:
    if response.status in (401, 403):
        reason = f"HTTP {response.status} and {reason}"
    what = f"the answer is not PAN-OS XML ({reason}; {response.content_type or 'no content type'})"
    if is_write and (response.status < 400 or response.status in GAVE_UP):
        return AnswerLost(what, where, "the next run looks")
    return InvalidAnswer(what, where, "check the address and what answers there")
