"""What the questions of a probe share: the firewall, the throw-away entries, and what was found out so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from paloaltofw.clock import Clock
from paloaltofw.errors import AnswerLost, CredentialsRefused, PeerError, Unreachable
from paloaltofw.model.certificate_profile import KeySpec
from paloaltofw.model.probe_report import NOT_ASKED, PROBE_PREFIX, UNCLEAR
from paloaltofw.panos.commands import CsrRequest
from paloaltofw.panos.probing import ProbeClient, Reply
from paloaltofw.pki.certificate import Csr, VerificationError, parse_csr
from paloaltofw.pki.throwaway import ThrowawayAuthority

COMMON_NAME = "paloaltoagent-probe"
RSA_2048 = KeySpec("RSA", 2048)


@dataclass(frozen=True)
class Heard:
    """What came of one question. `said` is the device's own words, `noted` ours, which hold nothing of the site."""

    answer: str
    said: str = ""
    noted: str = ""


@dataclass(frozen=True)
class Question:
    """One row of the table. `answers` are its own, each a position of the sandbox's switch of the same name.

    Without `answers` every text is one. `is_switch`: whether there is such a switch.
    """

    id: str
    text: str
    ask: Callable[[Bench], Heard]
    answers: Sequence[str] = ()
    is_switch: bool = True


class CannotAsk(Exception):
    """Something that the question needs is not there; the text says what."""


@dataclass
class Bench:
    """One probe of one firewall. `base` is the entry that most questions are asked of: the first key that was made."""

    client: ProbeClient
    admin: str
    clock: Clock
    base: str = ""
    base_key: KeySpec = RSA_2048
    base_reply: Reply | None = None
    csr_pem: str = ""
    # What was answered to imports of a certificate of another key, the first refusal.
    mismatch: Reply | None = None
    # The base entry after its certificate was imported.
    finished: Reply | None = None
    first_paths: frozenset[str] = frozenset()
    # Whether own changes were still listed after all entries were deleted; None where nobody could see that.
    net_zero: bool | None = None
    # Entries whose making was not answered: they may yet appear.
    awaited: list[str] = field(default_factory=list)

    @cached_property
    def authority(self) -> ThrowawayAuthority:
        """Who certifies for the imports."""
        return ThrowawayAuthority(COMMON_NAME, self.clock.now())

    def name(self, suffix: str) -> str:
        """The name of a throw-away entry."""
        return f"{PROBE_PREFIX}{suffix}"

    def need_base(self) -> str:
        """The base entry; raises CannotAsk without one."""
        if not self.base:
            raise CannotAsk("no key was made")
        return self.base

    def need_csr(self) -> str:
        """The CSR of the base entry as it is now; raises CannotAsk where it cannot be read."""
        self.need_base()
        if not self.csr_pem:
            self.csr_pem = self.read_csr(self.base)
        csr = as_csr(self.csr_pem)
        if csr is None or csr.key_type not in ("RSA", "ECDSA"):
            raise CannotAsk("the CSR cannot be read")
        return self.csr_pem

    def read_csr(self, name: str) -> str:
        """The CSR of an entry, by export, else from the configuration; an empty text where neither shows it."""
        reply = self.client.export_of_csr(name)
        if reply.content:
            return reply.content
        text = element_text(self.client.entry(name), "csr")
        return text if text and "-----BEGIN" in text else ""

    def generate(self, suffix: str, key: KeySpec, alt_email: Sequence[str] = ()) -> Reply:
        """Let a key be made under a throw-away name; its CSR names nothing but the common name."""
        name = self.name(suffix)
        request = CsrRequest(name, COMMON_NAME, key.type, key.bits, alt_email=alt_email)
        return self._made(name, lambda: self.client.attempt_generate(request))

    def import_(self, name: str, pem: str) -> Reply:
        """Import certificates under a throw-away name."""
        return self._made(name, lambda: self.client.attempt_import(name, pem))

    def _made(self, name: str, make: Callable[[], Reply]) -> Reply:
        try:
            return make()
        except AnswerLost:
            self.awaited.append(name)
            raise


def element_text(reply: Reply | None, tag: str) -> str | None:
    """The text of an element of the one entry in an answer; None where it has none, or holds no entry."""
    result = reply.result if reply is not None else None
    found = result.find(f".//{tag}") if result is not None else None
    return "".join(found.itertext()).strip() if found is not None else None


def as_csr(pem: str) -> Csr | None:
    """A CSR that can be read; None for anything else."""
    try:
        return parse_csr(pem)
    except VerificationError:
        return None


def said(reply: Reply) -> str:
    """The device's own words, with their code."""
    return f"code {reply.code}: {reply.text}" if reply.code is not None else reply.text


def judged(reply: Reply, yes: str, no: str, noted: str = "") -> Heard:
    """A yes or a no of the device; whatever is neither is unclear."""
    answer = yes if reply.is_success else no if reply.is_refusal else UNCLEAR
    return Heard(answer, said(reply), noted)


def ask(question: Question, bench: Bench) -> Heard:
    """Ask one question; raises PeerError only where every further one would fail too."""
    try:
        heard = question.ask(bench)
    except CannotAsk as lacking:
        return Heard(NOT_ASKED, noted=str(lacking))
    except (Unreachable, CredentialsRefused):
        raise
    except PeerError as error:
        return Heard(UNCLEAR, error.what)
    if question.answers and heard.answer not in (*question.answers, UNCLEAR, NOT_ASKED):
        raise AssertionError(f"{question.id}: {heard.answer} is none of its answers")
    return heard
