"""The steps of the job, in the order in which they happen.

A plan is data: `--dry-run` prints it, the log repeats it, the executor runs it, tests compare it with ==.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from paloaltofw.model.certificate_profile import KeySpec
from paloaltofw.model.serve_check import Endpoint


class Stage(IntEnum):
    """A firewall's plan is run stage by stage, over all of its certificates, so that it is committed once."""

    ORDER = 1
    COLLECT = 2
    INSTALL = 3
    SERVE = 4
    COMMIT = 5
    PUSH = 6
    RECORD = 7
    CHECK = 8


@dataclass(frozen=True)
class GenerateCsr:
    """The firewall makes a key pair and a CSR under a name that is free."""

    entry: str
    key: KeySpec
    stage = Stage.ORDER
    words = "generate key and CSR"

    def __str__(self) -> str:
        return f"{self.entry}, {self.key}"


@dataclass(frozen=True)
class RemoveUnproven:
    """A pending CSR that the agent had made, and that is not what was asked for, goes; nothing was ordered for it."""

    entry: str
    spki_sha256: str
    stage = Stage.ORDER
    words = "remove the CSR that was not asked for"

    def __str__(self) -> str:
        return self.entry


@dataclass(frozen=True)
class AdoptCsr:
    """A pending CSR that the firewall already holds is read, proven and used."""

    entry: str
    stage = Stage.ORDER
    words = "use the pending CSR"

    def __str__(self) -> str:
        return f"{self.entry}, the pending CSR on the firewall"


@dataclass(frozen=True)
class SubmitOrder:
    """The CSR goes to SCM. `is_resubmission` marks the same CSR sent once more after a lost answer.

    `operation` is enroll, renew or replace; the latter two work on `previous_certificate_id`.
    """

    operation: str
    account: str
    type: str
    previous_certificate_id: str | None = None
    is_resubmission: bool = False
    stage = Stage.ORDER
    words = "order the certificate"

    def __str__(self) -> str:
        text = f"{self.operation}, account {self.account} ({self.type})"
        text += f", certificate ID {self.previous_certificate_id}" if self.previous_certificate_id else ""
        return text + (", the same CSR again after a lost answer" if self.is_resubmission else "")


@dataclass(frozen=True)
class Collect:
    """The chain is downloaded as soon as it is issued."""

    certificate_id: str | None
    stage = Stage.COLLECT
    words = "collect the certificate"

    def __str__(self) -> str:
        return f"order {self.certificate_id}" if self.certificate_id else "the order of the step before"


@dataclass(frozen=True)
class Prove:
    """Key, names, chain and dates are checked before anything is imported."""

    stage = Stage.INSTALL
    words = "verify key, names and chain"

    def __str__(self) -> str:
        return "key, names, chain, dates"


@dataclass(frozen=True)
class ImportChain:
    """Every intermediate that the firewall lacks becomes a CA entry of its own; roots are skipped."""

    stage = Stage.INSTALL
    words = "import the intermediates"

    def __str__(self) -> str:
        return "the intermediates that the firewall lacks"


@dataclass(frozen=True)
class ImportCertificate:
    """The certificate joins its key, and is read back. `with_chain`: its intermediates follow it in the same entry."""

    entry: str
    with_chain: bool = False
    stage = Stage.INSTALL
    words = "import the certificate"

    def __str__(self) -> str:
        return f"{self.entry}, with its intermediates" if self.with_chain else self.entry


@dataclass(frozen=True)
class Predecessor:
    """An entry that the successor takes over from; `holds` is the fingerprint of its certificate, or its CSR's key."""

    entry: str
    holds: str


@dataclass(frozen=True)
class Bind:
    """SSL/TLS service profiles serve the certificate: the ones named, and all that serve a predecessor.

    `predecessors` are what the plan saw to be ours: an entry that holds another certificate by now is left alone.
    """

    entry: str
    service_profiles: tuple[str, ...]
    predecessors: tuple[Predecessor, ...] = ()
    stage = Stage.SERVE
    words = "move service profiles"

    def __str__(self) -> str:
        names = ", ".join(self.service_profiles)
        if not self.predecessors:
            return f"{names} to {self.entry}"
        followers = f"every SSL/TLS service profile that serves {', '.join(item.entry for item in self.predecessors)}"
        return f"{f'{names} and ' if names else ''}{followers} to {self.entry}"


@dataclass(frozen=True)
class NoteServed:
    """What the endpoints serve before the commit is noted, and what serves a predecessor, so that it can go back."""

    entry: str
    predecessors: tuple[Predecessor, ...]
    stage = Stage.SERVE
    words = "note what is served now"

    def __str__(self) -> str:
        return f"before {self.entry}"


@dataclass(frozen=True)
class DeletePredecessor:
    """A predecessor goes, unless something still refers to it. `holds` is the fingerprint of what the plan saw."""

    entry: str
    holds: str
    stage = Stage.SERVE
    words = "delete the predecessor"

    def __str__(self) -> str:
        return f"{self.entry}, unless something still refers to it"


@dataclass(frozen=True)
class Commit:
    """The firewall commits the changes of the agent's own administrator only, for all certificates at once."""

    admin: str
    stage = Stage.COMMIT
    words = "commit"

    def __str__(self) -> str:
        return f"changes of {self.admin} only"


@dataclass(frozen=True)
class Push:
    """A Panorama pushes what it has committed to its devices; what a device lacks is pushed by the next run."""

    to: str
    stage = Stage.PUSH
    words = "push to the devices"

    def __str__(self) -> str:
        return f"changes of the agent's administrator only, to {self.to}"


@dataclass(frozen=True)
class RecordId:
    """The running configuration is seen to hold the certificate, the ID is saved, the journal entry ends."""

    profile: str
    stage = Stage.RECORD
    words = "save the certificate ID"

    def __str__(self) -> str:
        return f"{self.profile}.ids"


@dataclass(frozen=True)
class RevokePredecessor:
    """What was to be revoked is revoked, now that its successor is seen to be served."""

    certificate_id: str
    account: str
    stage = Stage.RECORD
    words = "revoke the predecessor"

    def __str__(self) -> str:
        return f"certificate ID {self.certificate_id}, unless something still refers to it"


@dataclass(frozen=True)
class CheckService:
    """Each endpoint is asked by a TLS handshake whether it serves the entry's certificate with its chain."""

    entry: str
    endpoints: tuple[Endpoint, ...]
    stage = Stage.CHECK
    words = "ask who serves it"

    def __str__(self) -> str:
        return f"{self.entry}, at {', '.join(map(str, self.endpoints))}"


@dataclass(frozen=True)
class GoBack:
    """What was moved to an entry that is not served well goes back to what it served, in a commit of its own."""

    entry: str
    stage = Stage.CHECK
    words = "go back to the predecessor"

    def __str__(self) -> str:
        return f"from {self.entry}"


Step = (
    GenerateCsr
    | RemoveUnproven
    | AdoptCsr
    | SubmitOrder
    | Collect
    | Prove
    | ImportChain
    | ImportCertificate
    | NoteServed
    | Bind
    | DeletePredecessor
    | Commit
    | Push
    | RecordId
    | RevokePredecessor
    | CheckService
    | GoBack
)
