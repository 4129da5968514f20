"""What a firewall is asked, and what it answers: reads of the PAN-OS XML API that change nothing.

Source: docs/reference/panos.md, cited as panos.md. Knows no profile and no command line.
"""

from __future__ import annotations

import datetime
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol, TypeVar
from xml.etree.ElementTree import Element  # nosec B405  # only the type

from paloaltofw.clock import Clock
from paloaltofw.errors import InvalidAnswer, Refused
from paloaltofw.model.firewall_objects import (
    CertificateEntry,
    Change,
    Job,
    Lock,
    ServiceProfile,
    SystemInfo,
    firewall_title,
)
from paloaltofw.model.high_availability import HaState
from paloaltofw.model.trust import Trust
from paloaltofw.panos.answers import (
    read_certificate,
    read_certificates,
    read_changes,
    read_digest,
    read_exported_csr,
    read_jobs,
    read_leaf,
    read_locks,
    read_names,
    read_own_name,
    read_service_profiles,
    read_texts,
    read_version,
)
from paloaltofw.panos.codes import NOTHING_TO_EXPORT_TEXT, UNKNOWN_COMMAND_CODES
from paloaltofw.panos.commands import nested, to_xml
from paloaltofw.panos.connection import Connection
from paloaltofw.panos.envelope import Envelope, Malformed
from paloaltofw.panos.high_availability import read_ha_state
from paloaltofw.panos.location import MANAGEMENT_PROFILE, VSYS_NAMES, Scope
from paloaltofw.panos.refusals import failure
from paloaltofw.panos.verdicts import understand
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Transport, repeat_read

log = logging.getLogger(__name__)
# No web server gives a kept-alive connection up so soon.
FRESH_SECONDS = 1.0
T = TypeVar("T")


class _Named(Protocol):
    @property
    def id(self) -> str: ...


J = TypeVar("J", bound=_Named)


class PanosReader:
    """One firewall, through one API key. Requests are strictly one after the other (panos.md §1)."""

    # In a question for locks: of every scope (panos.md §3).
    _EVERY_SCOPE = "<vsys>all</vsys>"

    def __init__(
        self,
        name: str,
        url: str,
        api_key: Secret | None,
        trust: Trust,
        timeout: float,
        scope: Scope,
        clock: Clock,
        own_certificates: Callable[[], Collection[str]] = tuple,
    ) -> None:
        title = firewall_title(name, url)
        self._scope = scope
        self._timeout = timeout
        self._clock = clock
        # Whether a firewall carried out a lost request can be seen: a connection that has just answered is used again.
        self._transport = Transport(title, trust, timeout, own_certificates, fresh_seconds=FRESH_SECONDS)
        self._connection = Connection(title, f"{url}/api/", api_key, self._transport, clock)
        # How often in a row each import stumbled.
        self._stumbles: Counter[str] = Counter()

    @property
    def scope(self) -> Scope:
        """Where this firewall's certificates are."""
        return self._scope

    @property
    def peer_date(self) -> datetime.datetime | None:
        """What the firewall's clock said in its last answer; None if that had no readable date."""
        return self._transport.peer_date

    @property
    def notes(self) -> list[str]:
        """What a user should hear about the connection."""
        return self._transport.notes

    def version(self) -> SystemInfo:
        """Model, version and serial number: the quickest proof of address and key (panos.md §3)."""
        return read_version(self._connection.read("asking for model and version", {"type": "version"}).result)

    def own_name(self) -> str | None:
        """The administrator that the API key belongs to; None where the release does not tell (before 10.0)."""
        return read_own_name(self._operation("asking whose API key it is", "<show><admins/></show>").result)

    def vsys_names(self) -> frozenset[str]:
        """The names of the vsys that this administrator sees; empty where the device does not tell."""
        return self.names_at("reading the names of the vsys", VSYS_NAMES)

    def names_at(self, label: str, xpath: str) -> frozenset[str]:
        """The names of the entries at an xpath that ends in `/@name`, in the candidate configuration."""
        return frozenset(self._configured(label, xpath, read_names) or ())

    def texts_at(self, label: str, xpath: str) -> frozenset[str]:
        """Every name of an entry and every text in the nodes at an xpath, in the candidate configuration."""
        return self._configured(label, xpath, read_texts) or frozenset()

    def ha_state(self) -> HaState | None:
        """What this unit says of its HA pair; None where the device does not know the command."""
        label = "asking for the HA state"
        try:
            found = self._operation(label, "<show><high-availability><state/></high-availability></show>")
        except Refused as refused:
            if refused.peer_code in UNKNOWN_COMMAND_CODES:
                return None
            raise
        return self._read_as(label, found, read_ha_state)

    def prove_right(self, kind: str) -> None:
        """Whether the administrator may use a type of request (commit, import, export); raises PermissionDenied.

        The request lacks every parameter, so it can do nothing: who has the right is told what is missing.
        """
        try:
            self._connection.read(f"asking for the right to {kind}", {"type": kind})
        except Refused as refused:
            log.debug("%s", refused)

    def certificates(self, scope: Scope | None = None) -> dict[str, CertificateEntry]:
        """Every certificate entry of a scope (the client's own) in the candidate configuration, in one request.

        Empty only where the device says that there is none; raises InvalidAnswer for a list that is not complete.
        """
        xpath = (scope or self._scope).certificates
        return self._configured("reading the certificates", xpath, read_certificates) or {}

    def running_certificates(self) -> dict[str, CertificateEntry]:
        """The same of the running configuration."""
        label = "reading the running certificates"
        return self._configured(label, self._scope.certificates, read_certificates, running=True) or {}

    def certificate(self, name: str) -> CertificateEntry | None:
        """One entry of the candidate configuration, read by itself; None only where the device says that it is absent.

        It tells no more than `certificates`, but by another way: a second witness before something is called lost.
        """
        xpath = self._scope.certificate(name)
        return self._configured(f"reading {name}", xpath, lambda result: read_certificate(result, name))

    def running_certificate(self, name: str) -> CertificateEntry | None:
        """The same of the running configuration."""
        xpath = self._scope.certificate(name)
        return self._configured(
            f"reading the running {name}", xpath, lambda result: read_certificate(result, name), True
        )

    def csr(self, name: str) -> str:
        """The CSR of an entry as PEM text, or an empty text: from the configuration, else by export (panos.md §5)."""
        label, xpath = f"reading the CSR {name}", f"{self._scope.certificate(name)}/csr"
        result = self._connection.read(label, {"type": "config", "action": "get", "xpath": xpath}).result
        text = "".join(result.itertext()).strip() if result is not None else ""
        # Whether a restricted role sees the element, or something in its place, is not known (panos.md §5).
        return text if "-----BEGIN" in text else self.exported_csr(name)

    def exported_csr(self, name: str, scope: Scope | None = None) -> str:
        """The CSR of an entry as PEM text, by export alone; empty only where the device says that there is none.

        Whatever else it says is raised: Busy, PermissionDenied, Refused, or InvalidAnswer for what is no answer of an
        export. So an empty text is evidence that the key is not there (panos.md §5).
        """
        label = f"exporting the CSR {name}"
        parameters = {
            "type": "export",
            "category": "certificate",
            "certificate-name": name,
            "format": "pkcs10",
            "include-key": "no",
            **(scope or self._scope).parameters,
        }
        return repeat_read(lambda: self._export(label, parameters), self._clock)

    def service_profiles(self, scope: Scope | None = None) -> dict[str, ServiceProfile]:
        """Every SSL/TLS service profile of a scope in the candidate configuration; as strict as `certificates`."""
        label, xpath = "reading the SSL/TLS service profiles", (scope or self._scope).service_profiles
        return self._configured(label, xpath, read_service_profiles) or {}

    def running_service_profiles(self, scope: Scope | None = None) -> dict[str, ServiceProfile]:
        """The same of the running configuration."""
        label, xpath = "reading the running SSL/TLS service profiles", (scope or self._scope).service_profiles
        return self._configured(label, xpath, read_service_profiles, running=True) or {}

    def management_certificate(self, running: bool = True) -> str:
        """Name of the certificate that the management interface's SSL/TLS service profile serves; empty if it has none.

        The running configuration says what is presented now, the candidate what a commit would make of it. Both profile
        and certificate are of shared (panos.md §8).
        """
        label = "reading the management interface's SSL/TLS service profile"
        profile = self._configured(
            label, MANAGEMENT_PROFILE, lambda found: read_leaf(found, "ssl-tls-service-profile"), running
        )
        if not profile:
            return ""
        label = f"reading the certificate of the SSL/TLS service profile {profile}"
        xpath = f"{Scope().service_profile(profile)}/certificate"
        return self._configured(label, xpath, lambda found: read_leaf(found, "certificate"), running) or ""

    def changes(self) -> tuple[Change, ...] | None:
        """Uncommitted changes of all administrators; None where the device does not know the command."""
        command = "<show><config><list><changes/></list></config></show>"
        try:
            return read_changes(self._operation("reading the list of changes", command).result)
        except Refused as refused:
            if refused.peer_code in UNKNOWN_COMMAND_CODES:
                return None
            raise

    def locks(self) -> tuple[Lock, ...]:
        """All config and commit locks."""
        found: tuple[Lock, ...] = ()
        for kind in ("config-locks", "commit-locks"):
            command = f"<show><{kind}>{self._EVERY_SCOPE}</{kind}></show>"
            found += read_locks(self._operation(f"reading the {kind.replace('-', ' ')}", command).result)
        return found

    def running_digest(self, xpath: str) -> str:
        """A digest of what the running configuration holds at a place, which may be anybody's; empty if nothing."""
        label = "looking whether the running configuration has changed"
        return self._configured(label, xpath, read_digest, running=True) or ""

    def job(self, job_id: str) -> Job | None:
        """One job; None if the device does not know it. Not repeated here: whoever waits for a job polls anyway."""
        return self._job(job_id, read_jobs)

    def jobs(self) -> tuple[Job, ...]:
        """All jobs that the device remembers."""
        return read_jobs(self._operation("reading the jobs", "<show><jobs><all/></jobs></show>").result)

    def close(self) -> None:
        """Close connections."""
        self._transport.close()

    def _configured(
        self, label: str, xpath: str, reader: Callable[[Element | None], T], running: bool = False, target: str = ""
    ) -> T | None:
        """What a reader makes of a get, or of a show of the running configuration; None for an understood "absent".

        `target`: the serial number of the firewall to which a Panorama passes the question on (panos.md §1).
        """
        parameters = {"type": "config", "action": "show" if running else "get", "xpath": xpath}
        envelope = self._connection.read(label, {**parameters, **({"target": target} if target else {})})
        return None if envelope.is_absent else self._read_as(label, envelope, reader)

    def _job(self, job_id: str, reader: Callable[[Element | None], Iterable[J]]) -> J | None:
        """One job, as a reader of jobs understands it; None if the device does not know it."""
        root, _ = nested("show/jobs/id", job_id)
        label = f"asking for job {job_id}"
        envelope = self._connection.ask(label, {"type": "op", "cmd": to_xml(root)}, is_write=False)
        if envelope.is_absent:
            return None
        found = [job for job in reader(envelope.result) if job.id == job_id]
        if not found:
            what = "the answer does not name the job"
            raise InvalidAnswer(what, self._connection.at(label), "check what answers there")
        return found[0]

    def _read_as(self, label: str, envelope: Envelope, reader: Callable[[Element | None], T]) -> T:
        """What a reader makes of an answer; raises InvalidAnswer where it is of another form."""
        try:
            return reader(envelope.result)
        except Malformed as error:
            what = f"the answer is not what was asked for ({error})"
            raise InvalidAnswer(what, self._connection.at(label), "check what answers there") from None

    def _operation(self, label: str, command: str) -> Envelope:
        return self._connection.read(label, {"type": "op", "cmd": command})

    def _export(self, label: str, parameters: Mapping[str, str]) -> str:
        """One export. The content comes without an envelope; an envelope says why there is none (panos.md §5)."""
        response = self._connection.send(label, parameters, is_write=False)
        if response.status == 200 and (text := read_exported_csr(response.body)):
            return text
        envelope = understand(response, is_write=False, where=self._connection.at(label))
        if envelope.is_absent or NOTHING_TO_EXPORT_TEXT in envelope.text.lower():
            return ""
        if not envelope.is_success:
            raise failure(envelope, self._connection.at(label))
        raise InvalidAnswer("the answer holds no CSR", self._connection.at(label), "check what answers there")
