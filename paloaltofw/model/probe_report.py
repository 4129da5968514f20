"""What a probe of a firewall found out: facts that no document settles (docs/reference/panos.md §12)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

# Every entry that a probe makes; eleven characters are left (panos.md §7).
PROBE_PREFIX = "paloaltoagent-probe-"
# What follows the prefix: one for each kind of key, then those of the other questions.
PROBE_SUFFIXES = (
    "rsa2048", "rsa3072", "rsa4096", "ecdsa256", "ecdsa384", "ecdsa521", "mail", "a.b", "ab", "ca", "leaf",
)  # fmt: skip
REPORT_VERSION = 1
# Answers beside those of a question's own: it was asked and not understood, or it could not be asked.
UNCLEAR, NOT_ASKED = "unclear", "not asked"
_FIELDS = ("id", "question", "answer", "evidence")


@dataclass(frozen=True)
class Fact:
    """One question and its answer. `evidence` is what the device said, without anything that is the site's."""

    id: str
    question: str
    answer: str
    evidence: str


@dataclass(frozen=True)
class ProbeReport:
    """What one probe found out of one device."""

    model: str
    sw_version: str
    facts: tuple[Fact, ...]

    def answer(self, fact: str) -> str:
        """The answer of one fact; `not asked` where the report has none."""
        return next((item.answer for item in self.facts if item.id == fact), NOT_ASKED)

    @property
    def document(self) -> dict[str, object]:
        """The report as it is written (contract.md §1)."""
        device = {"model": self.model, "sw_version": self.sw_version}
        return {"version": REPORT_VERSION, "device": device, "facts": [asdict(fact) for fact in self.facts]}


@dataclass(frozen=True)
class KeptReport:
    """The newest report of a firewall, and when it was taken (RFC 3339)."""

    taken_at: str
    report: ProbeReport


def read_report(document: object) -> ProbeReport:
    """A report from its document; raises ValueError for anything else. Keys that are not known are left out."""
    if not isinstance(document, Mapping) or document.get("version") != REPORT_VERSION:
        raise ValueError("not a report of this version")
    device, facts = document.get("device"), document.get("facts")
    if not isinstance(device, Mapping) or not isinstance(facts, list):
        raise ValueError("no device, or no facts")
    return ProbeReport(_text(device, "model"), _text(device, "sw_version"), tuple(map(_fact, facts)))


def _fact(item: object) -> Fact:
    if not isinstance(item, Mapping):
        raise ValueError("a fact that is none")
    return Fact(*(_text(item, name) for name in _FIELDS))


def _text(holder: Mapping[object, object], name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise ValueError(f"no {name}")
    return value
