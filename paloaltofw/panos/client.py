"""Thin client of the PAN-OS XML API: the calls that a certificate's life needs.

Source: docs/reference/panos.md, cited as panos.md. Knows no profile and no command line.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element  # nosec B405  # only the type

from paloaltofw.errors import AnswerLost, CredentialsRefused, InvalidAnswer, Refused
from paloaltofw.panos.answers import read_job_id
from paloaltofw.panos.codes import UNKNOWN_COMMAND_CODES
from paloaltofw.panos.commands import (
    CsrRequest,
    commit_command,
    generate_command,
    release_lock_command,
    revert_command,
    take_lock_command,
    to_xml,
    validate_command,
)
from paloaltofw.panos.envelope import Malformed
from paloaltofw.panos.location import Scope
from paloaltofw.panos.reading import PanosReader
from paloaltofw.panos.refusals import Transient
from paloaltofw.secret import Secret

# RSA 4096 can take many seconds on a small device (panos.md §4).
GENERATE_SECONDS = 120.0
# How often an import is sent again after a defect of PAN-OS (panos.md §11).
TRANSIENT_REPEATS = 2


class PanosClient(PanosReader):
    """One firewall, through one API key: what `PanosReader` asks, and what changes something."""

    def generate_api_key(self, user: str, password: Secret) -> Secret:
        """Return a new API key (panos.md §1). Making it ends the administrator's sessions, perhaps the earlier key.

        Raises CredentialsRefused, and InvalidAnswer for an answer without a key.
        """
        label = "making an API key"
        parameters = {"type": "keygen", "user": user, "password": password.reveal()}
        try:
            result = self._connection.write(label, parameters).result
        except CredentialsRefused:
            what, remedy = "user name or password is not accepted", "type them again"
            raise CredentialsRefused(what, self._connection.at(label), remedy) from None
        key = (result.findtext("key") or "").strip() if result is not None else ""
        if not key or not key.isascii() or not key.isprintable():
            raise InvalidAnswer("the answer holds no API key", self._connection.at(label), "check what answers there")
        return Secret(key)

    def generate_csr(self, request: CsrRequest) -> None:
        """Make a key pair and a CSR under a new name. The caller has checked that the name is free (panos.md §4)."""
        parameters = {"type": "op", "cmd": generate_command(request), **self._scope.parameters}
        seconds = max(GENERATE_SECONDS, self._timeout)
        self._connection.write(f"generating the CSR {request.certificate_name}", parameters, timeout=seconds)

    def import_certificate(self, name: str, pem: str) -> None:
        """Import a certificate: onto its CSR's entry, or as a new entry without a key (panos.md §7).

        PAN-OS's transient failure (panos.md §11) is Busy twice in a row and a refusal the third time.
        """
        parameters = {
            "type": "import",
            "category": "certificate",
            "certificate-name": name,
            "format": "pem",
            **self._scope.parameters,
        }
        files = {"file": (f"{name}.pem", pem.encode("ascii"), "application/x-pem-file")}
        try:
            self._connection.write(f"importing {name}", parameters, files=files)
        except Transient as transient:
            self._stumbles[name] += 1
            if self._stumbles[name] <= TRANSIENT_REPEATS:
                raise
            raise Refused(transient.what, transient.where, "see the firewall's system log") from None
        del self._stumbles[name]

    def bind(self, profile: str, certificate: str, scope: Scope | None = None) -> None:
        """Let an SSL/TLS service profile, by default of the client's scope, serve another certificate.

        Only that leaf is edited (panos.md §8).
        """
        element = Element("certificate")
        element.text = certificate
        xpath = f"{(scope or self._scope).service_profile(profile)}/certificate"
        parameters = {"type": "config", "action": "edit", "xpath": xpath, "element": to_xml(element)}
        self._connection.write(f"moving the SSL/TLS service profile {profile}", parameters)

    def delete_certificate(self, name: str) -> None:
        """Delete an entry; raises Refused with code 10 while anything refers to it (panos.md §8)."""
        parameters = {"type": "config", "action": "delete", "xpath": self._scope.certificate(name)}
        self._connection.write(f"deleting {name}", parameters)

    def commit(self, admin: str, description: str) -> str | None:
        """Commit one administrator's changes; return the job's ID, None if nothing was to commit (panos.md §9)."""
        try:
            return self._commit(commit_command(admin, description))
        except Refused as refused:
            if refused.peer_code not in UNKNOWN_COMMAND_CODES:
                raise
            # Where the description may stand differs between sources; a refused command was not carried out.
            return self._commit(commit_command(admin, None))

    def revert(self, admin: str) -> None:
        """Undo one administrator's uncommitted changes; a pending key among them is lost (panos.md §9)."""
        if not admin.strip():
            raise ValueError("a revert without an administrator might be one of everybody's changes")
        self._connection.write(f"reverting {admin}'s changes", {"type": "op", "cmd": revert_command(admin)})

    def take_lock(self, kind: str, comment: str) -> None:
        """Take a config-lock or commit-lock on the scope. Who already holds it decides the error (panos.md §3)."""
        parameters = {"type": "op", "cmd": take_lock_command(kind, comment), **self._scope.parameters}
        self._connection.write(f"taking the {kind}", parameters)

    def release_lock(self, kind: str, scope: str) -> None:
        """Release the administrator's own lock on a scope, whatever its comment says."""
        parameters = {"type": "op", "cmd": release_lock_command(kind), **Scope(scope).parameters}
        self._connection.write(f"releasing the {kind}", parameters)

    def validate(self, admin: str) -> str | None:
        """Let the candidate be validated; return the job's ID, None if there is nothing to validate (panos.md §9).

        Whether one administrator's changes can be validated alone is not known; the whole can, on every release.
        """
        try:
            return self._validate(validate_command(admin))
        except Refused as refused:
            if refused.peer_code not in UNKNOWN_COMMAND_CODES:
                raise
            return self._validate(validate_command(None))

    def _validate(self, command: str) -> str | None:
        envelope = self._connection.write("validating", {"type": "op", "cmd": command})
        try:
            return read_job_id(envelope)
        except Malformed as error:
            raise AnswerLost(str(error), self._connection.at("validating"), "the next run validates again") from None

    def _commit(self, command: str) -> str | None:
        parameters = {"type": "commit", "action": "partial", "cmd": command}
        envelope = self._connection.write("committing", parameters)
        try:
            return read_job_id(envelope)
        except Malformed as error:
            raise AnswerLost(str(error), self._connection.at("committing"), "the next run looks for it") from None
