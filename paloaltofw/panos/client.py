"""Thin client of the PAN-OS XML API: the calls that a certificate's life needs.

Source: docs/reference/panos.md, cited as panos.md. Knows no profile and no command line.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Mapping
from xml.etree.ElementTree import Element  # nosec B405  # only the type

from paloaltofw.clock import Clock
from paloaltofw.errors import AnswerLost, Busy, CredentialsRefused, InvalidAnswer, PermissionDenied, Refused
from paloaltofw.model.firewall_objects import (
    CertificateEntry,
    Change,
    Job,
    Lock,
    ServiceProfile,
    SystemInfo,
    firewall_title,
)
from paloaltofw.model.trust import Trust
from paloaltofw.panos.answers import (
    read_certificates,
    read_changes,
    read_job_id,
    read_jobs,
    read_locks,
    read_own_name,
    read_service_profiles,
    read_version,
)
from paloaltofw.panos.codes import BAD_CREDENTIALS_CODE, BUSY_TEXTS, INVALID_COMMAND_CODE, UNAUTHORIZED_CODE, remedy_for
from paloaltofw.panos.commands import CsrRequest, commit_command, generate_command, nested, to_xml
from paloaltofw.panos.envelope import Envelope, Malformed, read_envelope
from paloaltofw.panos.location import Scope, literal
from paloaltofw.secret import Secret
from paloaltofw.transport.https import Request, Response, Transport, repeat_read

log = logging.getLogger(__name__)
# RSA 4096 can take many seconds on a small device (panos.md §4).
GENERATE_SECONDS = 120.0
# No web server gives a kept-alive connection up so soon.
FRESH_SECONDS = 1.0


class PanosClient:
    """One firewall, through one API key. Requests are strictly one after the other (panos.md §1)."""

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
        self._title = firewall_title(name, url)
        self._url = f"{url}/api/"
        self._api_key = api_key
        self._scope = scope
        self._timeout = timeout
        self._clock = clock
        # Whether a firewall carried out a lost request can be seen: a connection that has just answered is used again.
        self._transport = Transport(self._title, trust, timeout, own_certificates, fresh_seconds=FRESH_SECONDS)
        self._lock = threading.Lock()

    @property
    def notes(self) -> list[str]:
        """What a user should hear about the connection."""
        return self._transport.notes

    # --- who answers -------------------------------------------------------------------------------------------

    def generate_api_key(self, user: str, password: Secret) -> Secret:
        """Return a new API key (panos.md §1). Making it ends the administrator's sessions, perhaps the earlier key.

        Raises CredentialsRefused, and InvalidAnswer for an answer without a key.
        """
        label = "making an API key"
        parameters = {"type": "keygen", "user": user, "password": password.reveal()}
        try:
            result = self._write(label, parameters).result
        except CredentialsRefused:
            what, remedy = "user name or password is not accepted", "type them again"
            raise CredentialsRefused(what, self._at(label), remedy) from None
        key = (result.findtext("key") or "").strip() if result is not None else ""
        if not key or not key.isascii() or not key.isprintable():
            raise InvalidAnswer("the answer holds no API key", self._at(label), "check what answers there")
        return Secret(key)

    def version(self) -> SystemInfo:
        """Model, version and serial number: the quickest proof of address and key (panos.md §3)."""
        return read_version(self._read("asking for model and version", {"type": "version"}).result)

    def own_name(self) -> str | None:
        """The administrator that the API key belongs to; None where the release does not tell (before 10.0)."""
        return read_own_name(self._operation("asking whose API key it is", "<show><admins/></show>").result)

    def prove_right(self, kind: str) -> None:
        """Whether the administrator may use a type of request (commit, import, export); raises PermissionDenied.

        The request lacks every parameter, so it can do nothing: who has the right is told what is missing.
        """
        try:
            self._read(f"asking for the right to {kind}", {"type": kind})
        except Refused as refused:
            log.debug("%s", refused)

    # --- what is there -----------------------------------------------------------------------------------------

    def certificates(self) -> dict[str, CertificateEntry]:
        """Every certificate entry of the scope in the candidate configuration, in one request."""
        return read_certificates(self._get("reading the certificates", self._scope.certificates))

    def running_certificates(self) -> dict[str, CertificateEntry]:
        """The same of the running configuration."""
        return read_certificates(self._show("reading the running certificates", self._scope.certificates))

    def csr(self, name: str) -> str:
        """The CSR of an entry as PEM text, or an empty text: from the configuration, else by export (panos.md §5)."""
        xpath = f"{self._scope.certificates}/entry[@name={literal(name)}]/csr"
        result = self._get(f"reading the CSR {name}", xpath)
        text = "".join(result.itertext()).strip() if result is not None else ""
        return text or self._exported_csr(name)

    def service_profiles(self) -> dict[str, ServiceProfile]:
        """Every SSL/TLS service profile of the scope in the candidate configuration."""
        return read_service_profiles(self._get("reading the SSL/TLS service profiles", self._scope.service_profiles))

    def running_service_profiles(self) -> dict[str, ServiceProfile]:
        """The same of the running configuration."""
        label = "reading the running SSL/TLS service profiles"
        return read_service_profiles(self._show(label, self._scope.service_profiles))

    def changes(self) -> tuple[Change, ...] | None:
        """Uncommitted changes of all administrators; None where the device does not know the command."""
        command = "<show><config><list><changes/></list></config></show>"
        try:
            return read_changes(self._operation("reading the list of changes", command).result)
        except Refused as refused:
            if refused.peer_code == INVALID_COMMAND_CODE:
                return None
            raise

    def locks(self) -> tuple[Lock, ...]:
        """All config and commit locks."""
        found: tuple[Lock, ...] = ()
        for kind in ("config-locks", "commit-locks"):
            command = f"<show><{kind}><vsys>all</vsys></{kind}></show>"
            found += read_locks(self._operation(f"reading the {kind.replace('-', ' ')}", command).result)
        return found

    # --- changing the candidate configuration --------------------------------------------------------------------

    def generate_csr(self, request: CsrRequest) -> None:
        """Make a key pair and a CSR under a new name. The caller has checked that the name is free (panos.md §4)."""
        parameters = {"type": "op", "cmd": generate_command(request), **self._scope.parameters}
        seconds = max(GENERATE_SECONDS, self._timeout)
        self._write(f"generating the CSR {request.certificate_name}", parameters, timeout=seconds)

    def import_certificate(self, name: str, pem: str) -> None:
        """Import a certificate: onto its CSR's entry, or as a new entry without a key (panos.md §7)."""
        parameters = {
            "type": "import",
            "category": "certificate",
            "certificate-name": name,
            "format": "pem",
            **self._scope.parameters,
        }
        files = {"file": (f"{name}.pem", pem.encode("ascii"), "application/x-pem-file")}
        self._write(f"importing {name}", parameters, files=files)

    def bind(self, profile: str, certificate: str) -> None:
        """Let an SSL/TLS service profile serve another certificate; only that leaf is edited (panos.md §8)."""
        element = Element("certificate")
        element.text = certificate
        xpath = f"{self._scope.service_profiles}/entry[@name={literal(profile)}]/certificate"
        parameters = {"type": "config", "action": "edit", "xpath": xpath, "element": to_xml(element)}
        self._write(f"moving the SSL/TLS service profile {profile}", parameters)

    def delete_certificate(self, name: str) -> None:
        """Delete an entry; raises Refused with code 10 while anything refers to it (panos.md §8)."""
        xpath = f"{self._scope.certificates}/entry[@name={literal(name)}]"
        self._write(f"deleting {name}", {"type": "config", "action": "delete", "xpath": xpath})

    # --- commit --------------------------------------------------------------------------------------------------

    def commit(self, admin: str, description: str) -> str | None:
        """Commit one administrator's changes; return the job's ID, None if nothing was to commit (panos.md §9)."""
        try:
            return self._commit(commit_command(admin, description))
        except Refused as refused:
            if refused.peer_code != INVALID_COMMAND_CODE:
                raise
            # Where the description may stand differs between sources; a refused command was not carried out.
            return self._commit(commit_command(admin, None))

    def job(self, job_id: str) -> Job | None:
        """One job; None if the device does not know it. Not repeated here: whoever waits for a job polls anyway."""
        root, _ = nested("show/jobs/id", job_id)
        envelope = self._ask(f"asking for job {job_id}", {"type": "op", "cmd": to_xml(root)}, is_write=False)
        if envelope.is_absent:
            return None
        found = read_jobs(envelope.result)
        if not found:
            raise InvalidAnswer(
                "the answer names no job", self._at(f"asking for job {job_id}"), "check what answers there"
            )
        return found[0]

    def jobs(self) -> tuple[Job, ...]:
        """All jobs that the device remembers."""
        return read_jobs(self._operation("reading the jobs", "<show><jobs><all/></jobs></show>").result)

    def close(self) -> None:
        """Close connections."""
        self._transport.close()

    # --- asking ----------------------------------------------------------------------------------------------------

    def _commit(self, command: str) -> str | None:
        parameters = {"type": "commit", "action": "partial", "cmd": command}
        envelope = self._write("committing", parameters)
        try:
            return read_job_id(envelope)
        except Malformed as error:
            raise AnswerLost(str(error), self._at("committing"), "the next run looks for it") from None

    def _get(self, label: str, xpath: str) -> Element | None:
        return self._read(label, {"type": "config", "action": "get", "xpath": xpath}).result

    def _show(self, label: str, xpath: str) -> Element | None:
        return self._read(label, {"type": "config", "action": "show", "xpath": xpath}).result

    def _operation(self, label: str, command: str) -> Envelope:
        return self._read(label, {"type": "op", "cmd": command})

    def _read(self, label: str, parameters: Mapping[str, str]) -> Envelope:
        return repeat_read(lambda: self._ask(label, parameters, is_write=False), self._clock)

    def _write(
        self,
        label: str,
        parameters: Mapping[str, str],
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        timeout: float | None = None,
    ) -> Envelope:
        envelope = self._ask(label, parameters, is_write=True, files=files, timeout=timeout)
        if envelope.is_absent:
            # Only a read may find nothing; a write to something absent has failed (panos.md §2, code 7).
            what = f"PAN-OS says: {envelope.text or 'object not present'}"
            raise Refused(what, self._at(label), "check the name in the profile", peer_code=envelope.code)
        return envelope

    def _exported_csr(self, name: str) -> str:
        parameters = {
            "type": "export",
            "category": "certificate",
            "certificate-name": name,
            "format": "pkcs10",
            "include-key": "no",
            **self._scope.parameters,
        }
        label = f"exporting the CSR {name}"
        response = repeat_read(lambda: self._send(label, parameters, is_write=False), self._clock)
        text = response.body.decode("ascii", "replace")
        return text if "-----BEGIN" in text else ""

    def _ask(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        timeout: float | None = None,
    ) -> Envelope:
        response = self._send(label, parameters, is_write, files, timeout)
        try:
            envelope = read_envelope(response.body)
        except Malformed as error:
            raise self._nonsense(label, response, is_write, str(error)) from None
        if not envelope.is_success and not (envelope.is_absent and not is_write):
            raise self._failure(label, envelope)
        return envelope

    def _send(
        self,
        label: str,
        parameters: Mapping[str, str],
        is_write: bool,
        files: Mapping[str, tuple[str, bytes, str]] | None = None,
        timeout: float | None = None,
    ) -> Response:
        """POST with the key in a header: neither URL nor body holds it (panos.md §1). Only keygen has none."""
        headers = {"X-PAN-KEY": self._api_key.reveal()} if self._api_key else {}
        request = Request(
            "POST", self._url, label, headers, data=parameters, files=files, is_write=is_write, timeout=timeout
        )
        with self._lock:
            response = self._transport.send(request)
        if response.status >= 500 or response.status == 429:
            # 502 was seen during commits and with several API sessions (panos.md §1, §10).
            if is_write and response.status != 429:
                what = f"HTTP {response.status}, so it is unknown whether it was carried out"
                raise AnswerLost(what, self._at(label), "the next run looks")
            raise Busy(f"is not available (HTTP {response.status})", self._at(label), "try again later")
        return response

    def _nonsense(self, label: str, response: Response, is_write: bool, reason: str) -> AnswerLost | InvalidAnswer:
        if response.status in (401, 403):
            reason = f"HTTP {response.status} and {reason}"
        what = f"the answer is not PAN-OS XML ({reason}; {response.content_type or 'no content type'})"
        if is_write and response.status < 400:
            return AnswerLost(what, self._at(label), "the next run looks")
        return InvalidAnswer(what, self._at(label), "check the address and what answers there")

    def _failure(self, label: str, envelope: Envelope) -> CredentialsRefused | PermissionDenied | Busy | Refused:
        where, text = self._at(label), envelope.text
        plain = text.lower()
        if plain.startswith("invalid credential"):
            remedy = (
                "check api_key: it dies with the administrator's password, its lifetime, or the API-key certificate"
            )
            return CredentialsRefused("the API key is not accepted", where, remedy)
        if envelope.code in (UNAUTHORIZED_CODE, BAD_CREDENTIALS_CODE):
            remedy = "give the admin role the XML API rights that README lists"
            return PermissionDenied(f"the administrator lacks a right ({text or envelope.code})", where, remedy)
        if any(sign in plain for sign in BUSY_TEXTS):
            return Busy(f"PAN-OS says: {text}", where, "the next run tries again")
        code = f" (code {envelope.code})" if envelope.code is not None else ""
        return Refused(
            f"PAN-OS says: {text or 'no reason'}{code}", where, remedy_for(envelope.code), peer_code=envelope.code
        )

    def _at(self, label: str) -> str:
        return f"{self._title}, {label}"
