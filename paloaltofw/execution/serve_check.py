"""The serve check: after the commit each endpoint is asked, by a TLS handshake and nothing else, what it serves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from paloaltofw.clock import format_time
from paloaltofw.errors import (
    AgentError,
    PermissionDenied,
    Refused,
    ServeCheckFailed,
    ServedLeafOnly,
    ServedOld,
    ServedOther,
    ServedWrongChain,
    ServeNoHandshake,
    ServeUnreachable,
)
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.go_back import go_back, phase_after
from paloaltofw.execution.hooks import owe_hook
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.task import CertificateTask, Issued
from paloaltofw.lifecycle.renewal_window import urgent_from
from paloaltofw.lifecycle.serving import Moved, read_moved, write_before, write_moved
from paloaltofw.lifecycle.steps import CheckService, NoteServed
from paloaltofw.model.firewall_objects import ServiceProfile
from paloaltofw.model.records import InstalledRecord, OrderRecord, ServePhase, ServeRecord
from paloaltofw.model.serve_check import Endpoint
from paloaltofw.panos.location import Scope
from paloaltofw.pki.certificate import Certificate, VerificationError, parse_certificates
from paloaltofw.pki.chain import Chain, build_chain
from paloaltofw.pki.served import Look, Served, Verdict, judge, standing
from paloaltofw.transport import served_chain

# Seconds between two rounds of questions.
FIRST_PAUSE, SLOWEST_PAUSE = 2.0, 15.0
_ERRORS: dict[Served, type[ServeCheckFailed]] = {
    Served.OLD: ServedOld, Served.OTHER: ServedOther, Served.LEAF_ONLY: ServedLeafOnly,
    Served.WRONG_CHAIN: ServedWrongChain, Served.UNREACHABLE: ServeUnreachable, Served.NO_HANDSHAKE: ServeNoHandshake,
}  # fmt: skip


def look_at(endpoint: Endpoint) -> Look:
    """Ask an endpoint once."""
    found = served_chain.served_chain(endpoint.host, endpoint.port, endpoint.server_name)
    return Look(found.certificates, found.failure, found.is_reached)


# --- before the commit ------------------------------------------------------------------------------------------------


def note_served(context: Context, task: CertificateTask, step: NoteServed, phase: object) -> None:
    """Write down what the endpoints serve, and which service profiles serve a predecessor.

    A note that an earlier run made for the same certificate stays: what is running may be the new one by now.
    """
    leaf = _chain_of(task, step.entry).leaf
    known, asked = context.store.load_serve(task.profile.id), task.profile.serve_check.text
    if known is not None and (known.sha256, known.asked, known.phase) == (leaf.sha256, asked, ServePhase.NOTED):
        return
    moved, until = _about_to_move(context, step)
    before = [(str(endpoint), *standing(look_at(endpoint))) for endpoint in task.profile.serve_check.endpoints]
    context.store.save_serve(
        ServeRecord(
            task.profile.id, leaf.sha256, asked, ServePhase.NOTED.value, format_time(context.clock.now()),
            before=write_before(before), moved=write_moved(moved), back_until=until,
            owes_hook=known is not None and known.sha256 == leaf.sha256 and known.owes_hook,
        )
    )  # fmt: skip


def _about_to_move(context: Context, step: NoteServed) -> tuple[list[Moved], str]:
    """The service profiles that serve a predecessor in the running configuration, and until when it may serve."""
    followed = {item.entry for item in step.predecessors}
    moved, ends = [], []
    for vsys, profile in _running_profiles(context):
        if profile.certificate not in followed:
            continue
        entry = context.client.running_certificate(profile.certificate)
        certificate = read_certificate(entry.certificate_pem) if entry is not None else None
        if certificate is not None:
            moved.append(Moved(profile.name, profile.certificate, certificate.sha256, vsys))
            ends.append(urgent_from(certificate))
    return moved, format_time(min(ends)) if ends else ""


def _running_profiles(context: Context) -> Iterator[tuple[str, ServiceProfile]]:
    """The service profiles of the firewall's scope, and of every vsys where a certificate of shared is moved there too.

    Where a vsys cannot be asked, nothing is moved in it either (serve.bind).
    """
    client = context.client
    yield from (("", profile) for profile in client.running_service_profiles().values())
    if client.scope != Scope():
        return
    try:
        for vsys in sorted(client.vsys_names()):
            yield from ((vsys, profile) for profile in client.running_service_profiles(Scope(vsys)).values())
    except (Refused, PermissionDenied) as error:
        events.info("firewall=%s what every vsys serves is not told: %s", context.firewall.id, error.what)


def postpone_revocation(context: Context, task: CertificateTask, order: OrderRecord, leaf: Certificate) -> bool:
    """Whether the predecessor's revocation waits for the serve check; then that is written down."""
    superseded = order.superseded_certificate_id
    if not task.profile.serve_check.endpoints or superseded is None or superseded == order.certificate_id:
        return False
    known, asked = context.store.load_serve(task.profile.id), task.profile.serve_check.text
    if known is None or (known.sha256, known.asked) != (leaf.sha256, asked):
        now = format_time(context.clock.now())
        known = ServeRecord(task.profile.id, leaf.sha256, asked, ServePhase.NOTED.value, now)
    account = order.account or task.profile.account
    context.store.save_serve(replace(known, superseded_certificate_id=superseded, account=account))
    return True


# --- after the commit -------------------------------------------------------------------------------------------------


@dataclass
class _Inquiry:
    """One certificate, and what its endpoints were last seen to serve."""

    task: CertificateTask
    step: CheckService
    expected: Chain
    predecessors: frozenset[str]
    looks: dict[Endpoint, tuple[Look, Verdict]] = field(default_factory=dict)

    @property
    def wrong(self) -> dict[Endpoint, tuple[Look, Verdict]]:
        """The endpoints that are not as they should be, in the order of the profile."""
        return {
            endpoint: self.looks[endpoint]
            for endpoint in self.step.endpoints
            if self.looks[endpoint][1].found is not Served.RIGHT
        }

    def ask(self, context: Context) -> None:
        """Ask the endpoints that were not seen to be right yet."""
        for endpoint in self.step.endpoints:
            if endpoint in self.looks and self.looks[endpoint][1].found is Served.RIGHT:
                continue
            context.progress.waiting(context.firewall.id, f"serve check of {self.task.profile.id}: {endpoint}")
            look = look_at(endpoint)
            self.looks[endpoint] = look, judge(look, self.expected, self.predecessors)


def check_service(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Ask, for all certificates together, until all are served or their time is over; what is wrong is in the tasks."""
    inquiries = [
        _inquiry(context, task, step)
        for task in tasks
        for step in task.decision.steps
        if isinstance(step, CheckService) and task.is_open
    ]
    _ask_until_served(context, inquiries)
    goes_back = []
    for inquiry in inquiries:
        try:
            if _settle(context, inquiry):
                goes_back.append(inquiry.task)
        except AgentError as error:
            inquiry.task.error = error
    if goes_back:
        go_back(context, goes_back)


def _inquiry(context: Context, task: CertificateTask, step: CheckService) -> _Inquiry:
    record = context.store.load_serve(task.profile.id)
    before = {item.certificate.sha256 for item in task.observed.generations if item.certificate is not None}
    noted = {item.sha256 for item in read_moved(record.moved)} if record is not None else set()
    expected = _chain_of(task, step.entry)
    predecessors = frozenset(before | noted | task.observed.known) - {expected.leaf.sha256}
    return _Inquiry(task, step, expected, predecessors)


def _chain_of(task: CertificateTask, entry: str) -> Chain:
    """The chain that is to be served: of this run, else of the journal; of a certificate made elsewhere the leaf."""
    if isinstance(task.phase, Issued):
        return task.phase.chain
    held = next(item.certificate for item in task.observed.generations if item.name == entry)
    assert held is not None  # nosec B101  # only what is in service is asked for
    installed = task.observed.installed
    if installed is not None and installed.chain:
        try:
            found = build_chain(parse_certificates(installed.chain), held.spki_sha256)
        except VerificationError:
            return Chain(held, (), lacks_issuer=True)
        if found.leaf.sha256 == held.sha256:
            return found
    return Chain(held, (), lacks_issuer=True)


def _ask_until_served(context: Context, inquiries: Sequence[_Inquiry]) -> None:
    started, pause = context.clock.monotonic(), FIRST_PAUSE
    open_ = list(inquiries)
    while open_:
        for inquiry in open_:
            inquiry.ask(context)
        left = {id(item): started + item.task.profile.serve_check.wait - context.clock.monotonic() for item in open_}
        open_ = [item for item in open_ if item.wrong and left[id(item)] > 0]
        if open_:
            context.clock.sleep(min(pause, max(left[id(item)] for item in open_)))
            pause = min(pause * 1.5, SLOWEST_PAUSE)


def _settle(context: Context, inquiry: _Inquiry) -> bool:
    """Write down what was found; return whether what was moved is to go back."""
    task, check = inquiry.task, inquiry.task.profile.serve_check
    known = context.store.load_serve(task.profile.id)
    leaf, now = inquiry.expected.leaf, format_time(context.clock.now())
    if known is None or known.sha256 != leaf.sha256:
        known = ServeRecord(task.profile.id, leaf.sha256, check.text, ServePhase.NOTED.value, now)
    known = replace(known, asked=check.text, at=now)
    _tell_oddities(inquiry)
    if not inquiry.wrong:
        _owe_hook(context, task, known)
        context.store.save_serve(replace(known, phase=ServePhase.PASSED.value, finding="", owes_hook=False))
        context.task_event(task, "served by %s", ", ".join(map(str, check.endpoints)))
        return False
    error = _error_of(context, inquiry)
    task.service_failure = error
    looks = {str(endpoint): (look, verdict.found) for endpoint, (look, verdict) in inquiry.wrong.items()}
    phase = phase_after(context, task, known, looks)
    context.store.save_serve(replace(known, phase=phase.value, finding=f"{error.where}: {error.what}"))
    context.task_event(task, "serve check: %s", error)
    return phase is ServePhase.GOING_BACK


def _owe_hook(context: Context, task: CertificateTask, record: ServeRecord) -> None:
    """A hook that was taken back with its certificate is owed again, now that the certificate is served."""
    installed: InstalledRecord | None = context.store.load_installed(task.profile.id)
    if record.owes_hook and installed is not None:
        owe_hook(context, task.profile, installed.certificate_id)


def _tell_oddities(inquiry: _Inquiry) -> None:
    for endpoint, (_, verdict) in inquiry.looks.items():
        if verdict.note:
            inquiry.task.notes.append(f"{endpoint}: {verdict.note}")


def _error_of(context: Context, inquiry: _Inquiry) -> ServeCheckFailed:
    """One error for all endpoints: the code is that of the first, the text names each."""
    (first, (_, verdict)), *others = inquiry.wrong.items()
    what = "; ".join([verdict.text, *(f"{endpoint} {other.text}" for endpoint, (_, other) in others)])
    return _ERRORS[verdict.found](what, str(first), _remedy(context, inquiry, verdict.found))


def _remedy(context: Context, inquiry: _Inquiry, found: Served) -> str:
    profile = inquiry.task.profile.id
    goes_on = "the next run asks again"
    if found in (Served.LEAF_ONLY, Served.WRONG_CHAIN):
        if context.firewall.chain == "separate":
            return (
                "this device does not find intermediates in entries of their own: set chain: bundle in the firewall "
                f"profile, then run: paloaltoagent renew --force -p {profile}"
            )
        return f"with chain: bundle too, so look at the entry {inquiry.step.entry} on the firewall; {goes_on}"
    if found in (Served.UNREACHABLE, Served.NO_HANDSHAKE):
        return f"look at the service, and at the network between it and this host; {goes_on}"
    return f"see that what serves there uses {inquiry.step.entry}; {goes_on}"
