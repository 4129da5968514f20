"""Everything that a user can meet.

AgentError                     one sentence: what is wrong, where, what to do next
├── UsageError                 the command line is wrong                                    exit 2
├── ConfigurationError         files are wrong; carries every problem found                 exit 2
├── EulaNotAccepted            the licence was not accepted yet                             exit 2
├── LockHeld                   another run is at work                                       exit 4
├── StateError                 the state folder cannot be used                              exit 1
├── ProofFailed                an issued certificate or a CSR is not what was asked for     exit 1
├── OrderFailed                an order ended without a certificate                         exit 1
├── CommitFailed               a commit job ended badly                                     exit 1
│   └── ValidationFailed       a validation before the commit ended badly                   exit 1
├── ServeCheckFailed           an endpoint does not serve the certificate as it should      exit 1
│   └── ServedOld, ServedOther, ServedLeafOnly, ServedWrongChain, ServeUnreachable, ServeNoHandshake
├── RolledBack                 the predecessor serves again after a serve check             exit 1
├── ForeignCommit              a commit took other administrators' changes along            exit 1
├── PushFailed                 a device did not take what Panorama pushed                  exit 1
├── HookFailed                 the program of `hooks` failed; the certificate is in service exit 1
├── PlanBlocked                the agent must not go on by itself; a person decides         exit 1
│   ├── OrderLimit             one more automatic order would be too many                   exit 1
│   ├── WrongClock             a clock is off, so that no date can be believed              exit 1
│   ├── NotActive              no unit of an HA pair may be worked on, or not any more      exit 1
│   └── KeyOnOtherUnit         an open order's key may be on the other unit of an HA pair   exit 1
└── PeerError                  a firewall or SCM                                            exit 1
    ├── Unreachable            the request was never sent
    │   └── NotTrusted         the peer's TLS certificate is not one to trust
    ├── AnswerLost             the request was sent, whether it was carried out is unknown
    │   └── OrderWithoutId     an order was taken, only its ID is unknown
    ├── InvalidAnswer          something answered, but not what the API documents
    ├── CredentialsRefused     the API key or the client secret is not accepted
    ├── PermissionDenied       the credentials lack a right
    ├── LockLeft               a lock of the agent was not seen to be released
    ├── Busy                   a lock or another commit is in the way; trying later helps
    └── Refused                the peer understood and said no; `peer_code` is its own code
"""

from __future__ import annotations

from collections.abc import Sequence


class AgentError(Exception):
    """Base of all expected failures.

    `what` says what is wrong, `where` names the place (file:line and key, or firewall and request), `remedy` says what
    to do next. `code` is the stable word for scripts, `exit_code` the process's exit code if this ends the program.
    """

    code = "error"
    exit_code = 1

    def __init__(self, what: str, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}; {self.remedy}" if self.remedy else text


class UsageError(AgentError):
    """The command line asks for something that does not exist or does not fit together."""

    code = "usage"
    exit_code = 2


class ConfigurationError(AgentError):
    """One or more files are wrong; nothing was called."""

    code = "configuration"
    exit_code = 2

    def __init__(self, problems: Sequence[object]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


class EulaNotAccepted(AgentError):
    """The licence terms were not accepted yet."""

    code = "eula"
    exit_code = 2


class LockHeld(AgentError):
    """Another run holds the lock of the state folder."""

    code = "locked"
    exit_code = 4


class StateError(AgentError):
    """The state folder cannot be read or written, or holds something that is not ours."""

    code = "state"


class ProofFailed(AgentError):
    """A CSR or an issued certificate is not what the profile asks for; nothing was imported."""

    code = "proof"


class OrderFailed(AgentError):
    """An order ended without a certificate: declined, rejected, revoked."""

    code = "order"


class CommitFailed(AgentError):
    """The firewall carried out a commit job and reports a failure; the text says what became of the agent's changes."""

    code = "commit"


class ValidationFailed(CommitFailed):
    """The firewall carried out a validation and reports a failure; nothing was committed."""

    code = "validate"


class ForeignCommit(AgentError):
    """The firewall committed other administrators' changes, which the agent had not asked for."""

    code = "foreign-commit"


class PushFailed(AgentError):
    """A firewall has not taken what its Panorama pushed, or is away; the next run pushes again, and orders nothing."""

    code = "push"


class HookFailed(AgentError):
    """The program that a profile names under `hooks` failed, or took too long; nothing else is different for that."""

    code = "hook"


class ServeCheckFailed(AgentError):
    """An endpoint does not serve the certificate as it should; it is installed all the same. Never used itself."""


class ServedOld(ServeCheckFailed):
    """An endpoint still serves an earlier certificate of the profile."""

    code = "served-old"


class ServedOther(ServeCheckFailed):
    """An endpoint serves a certificate that is not the profile's."""

    code = "served-other"


class ServedLeafOnly(ServeCheckFailed):
    """An endpoint serves the certificate without the intermediates that clients need."""

    code = "served-leaf-only"


class ServedWrongChain(ServeCheckFailed):
    """An endpoint serves the certificate with intermediates that do not lead to its CA."""

    code = "served-wrong-chain"


class ServeUnreachable(ServeCheckFailed):
    """An endpoint cannot be reached."""

    code = "serve-unreachable"


class ServeNoHandshake(ServeCheckFailed):
    """An endpoint takes the connection, and no TLS handshake comes about."""

    code = "serve-no-handshake"


class RolledBack(AgentError):
    """Clients were worse off than before, so what was moved went back to the predecessor; a person acts."""

    code = "rolled-back"


class PlanBlocked(AgentError):
    """Going on needs a person's decision."""

    code = "blocked"


class OrderLimit(PlanBlocked):
    """The brake on automatic orders holds (contract.md §10); nothing was sent."""

    code = "order-limit"


class WrongClock(PlanBlocked):
    """This host, the firewall or SCM has a wrong clock; nothing was ordered."""

    code = "clock"


class NotActive(PlanBlocked):
    """This unit of an HA pair is not the active one, or it cannot be told which one is; nothing more is done on it."""

    code = "ha"


class KeyOnOtherUnit(PlanBlocked):
    """The other unit of an HA pair holds, or may hold, the key of an open order: a synchronisation would end it."""

    code = "ha-key"


class PeerError(AgentError):
    """A firewall or SCM did not do what was asked. `may_pass`: a read may be tried again after a moment."""

    code = "peer"
    may_pass = False


class Unreachable(PeerError):
    """The request was never sent: no name, no route, connection refused, no trusted TLS."""

    code = "unreachable"

    def __init__(self, what: str, where: str = "", remedy: str = "", may_pass: bool = False) -> None:
        super().__init__(what, where, remedy)
        self.may_pass = may_pass


class NotTrusted(Unreachable):
    """The peer presents a TLS certificate that is not to be trusted; `pinned` (hex) is the one that was expected."""

    code = "not-trusted"

    def __init__(self, what: str, where: str = "", remedy: str = "", pinned: str | None = None) -> None:
        super().__init__(what, where, remedy)
        self.pinned = pinned


class AnswerLost(PeerError):
    """The request was sent, but no complete answer came back: it may or may not have been carried out."""

    code = "answer-lost"
    may_pass = True


class OrderWithoutId(AnswerLost):
    """SCM took an order (2xx), but its answer names no certificate ID: to send it again would be to order twice."""


class InvalidAnswer(PeerError):
    """Something answered, but not what the API documents (a proxy's page, a redirect, broken XML or JSON)."""

    code = "invalid-answer"


class CredentialsRefused(PeerError):
    """The API key, or the client ID and secret, were not accepted."""

    code = "credentials"


class PermissionDenied(PeerError):
    """The credentials are good, but lack a right."""

    code = "permission"


class Busy(PeerError):
    """A lock, another commit or a rate limit is in the way; nothing was done. `retry_after` is in seconds."""

    code = "busy"
    may_pass = True

    def __init__(self, what: str, where: str = "", remedy: str = "", retry_after: float | None = None) -> None:
        super().__init__(what, where, remedy)
        self.retry_after = retry_after


class LockLeft(PeerError):
    """A lock that the agent took was not seen to be released: it keeps other administrators from working."""

    code = "lock-left"


class Refused(PeerError):
    """The peer understood the request and said no; `peer_code` is the code in its own numbering, if it gave one."""

    code = "refused"

    def __init__(self, what: str, where: str = "", remedy: str = "", peer_code: int | None = None) -> None:
        super().__init__(what, where, remedy)
        self.peer_code = peer_code
