"""What a firewall holds, as values: certificate entries, SSL/TLS service profiles, changes, locks, jobs."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# PAN-OS allows 63 characters in a certificate's name, 31 where Panorama is involved (panos.md §7); the agent keeps to
# the smaller one everywhere and leaves room for the suffix -2 … -999 of successors.
OBJECT_NAME_LIMIT = 31
SUFFIX_ROOM = len("-999")
CERTIFICATE_NAME_LIMIT = OBJECT_NAME_LIMIT - SUFFIX_ROOM
_QUOTED = r"'[^']*'|\"[^\"]*\""
# One step of an xpath: a tag, and perhaps one predicate, whose quoted literal may hold slashes and brackets.
_STEP = re.compile(
    rf"/(?P<tag>[A-Za-z_][\w.-]*)\s*"
    rf"(?:\[\s*(?:(?:@name|text\(\))\s*=\s*(?P<literal>{_QUOTED})|(?P<other>(?:{_QUOTED}|[^\]'\"])+))\s*\])?",
    re.ASCII,
)


def xpath_steps(xpath: str) -> tuple[str, ...]:
    """The steps of an absolute xpath, to be compared one by one, never as a text (panos.md §3).

    A plain step is its tag. A name is written `entry:N` and a member `member:M`, however the device quotes them; any
    other predicate stays as it is. What cannot be read is one step, the whole text: it is equal to no real path.
    """
    text = xpath.strip()
    steps: list[str] = []
    position = 0
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            is_trailing = text[position:] == "/" and bool(steps)
            return tuple(steps) if is_trailing else (xpath,)
        steps.append(_step_text(match))
        position = match.end()
    return tuple(steps) or (xpath,)


def _step_text(match: re.Match[str]) -> str:
    tag, literal, other = match["tag"], match["literal"], match["other"]
    if literal is not None:
        return f"{tag}:{literal[1:-1]}"
    return f"{tag}[{other.strip()}]" if other is not None else tag


def firewall_title(name: str, url: str) -> str:
    """Return how errors and logs name a firewall: once, with its address."""
    return f"firewall {name} ({url.removeprefix('https://').rstrip('/')})"


@dataclass(frozen=True)
class SystemInfo:
    """Who answers (panos.md §3, type=version)."""

    model: str
    version: str
    serial: str

    @property
    def is_panorama(self) -> bool:
        """Panorama, or an M-series appliance, which runs it."""
        return self.model == "Panorama" or self.model.startswith("M-")


def is_only_others_work(changed_by: Collection[str], admin: str) -> bool:
    """Whether other administrators alone have uncommitted changes in something."""
    return bool(changed_by) and admin not in changed_by


@dataclass(frozen=True)
class CertificateEntry:
    """A certificate entry of the configuration (panos.md §6), without its private key.

    `changed_by` names the administrators of uncommitted changes; empty if there are none. `template` names the Panorama
    template that pushed the entry.
    """

    name: str
    certificate_pem: str
    csr_pem: str
    has_private_key: bool
    is_revoked: bool = False
    changed_by: frozenset[str] = frozenset()
    template: str = ""

    @property
    def content(self) -> tuple[str, str]:
        """What an entry is compared by: the key is not shown to everybody."""
        return self.certificate_pem, self.csr_pem


@dataclass(frozen=True)
class ServiceProfile:
    """An SSL/TLS service profile and the certificate that it serves (panos.md §8)."""

    name: str
    certificate: str
    changed_by: frozenset[str] = frozenset()
    template: str = ""


@dataclass(frozen=True)
class Namesake:
    """An object that bears the name of one of the agent's in another scope; `kind` in words."""

    kind: str
    name: str
    scope: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name} of {self.scope}"


@dataclass(frozen=True)
class Change:
    """One entry of the list of uncommitted changes (panos.md §3).

    Its xpath is that of the request that wrote, so it may name the container of what was changed.
    """

    owner: str
    xpath: str
    action: str

    @property
    def path(self) -> tuple[str, ...]:
        """The steps of the xpath, as `xpath_steps` writes them."""
        return xpath_steps(self.xpath)

    def is_within(self, base: Sequence[str]) -> bool:
        """Whether the change is at the node whose steps are given, or below it."""
        return self.path[: len(base)] == tuple(base)

    def may_touch(self, base: Sequence[str]) -> bool:
        """Whether the change is at, below or above that node: one of a container may be of any of its entries."""
        return self.is_within(base) or tuple(base[: len(self.path)]) == self.path


@dataclass(frozen=True)
class Lock:
    """A config-lock or commit-lock (panos.md §3). `scope` is shared or a vsys; without a comment that is empty."""

    owner: str
    kind: str
    scope: str
    comment: str = ""


@dataclass(frozen=True)
class Job:
    """A job (panos.md §9). `progress` is 0 to 100."""

    id: str
    type: str
    status: str
    result: str
    progress: int
    user: str
    description: str
    details: str

    @property
    def is_finished(self) -> bool:
        """FIN is the only final status."""
        return self.status == "FIN"

    @property
    def is_ok(self) -> bool:
        """Finished, and well."""
        return self.is_finished and self.result == "OK"
