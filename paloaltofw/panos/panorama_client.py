"""A Panorama: a firewall's client whose certificates are in a template, and what only a Panorama is asked.

Source: docs/reference/panos.md, cited as panos.md. Knows no profile and no command line.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TypeVar

from paloaltofw.errors import AnswerLost, PeerError, Refused
from paloaltofw.model.firewall_objects import CertificateEntry
from paloaltofw.model.panorama import ManagedDevice, PushJob, TemplateStack
from paloaltofw.panos.answers import (
    read_certificate,
    read_certificates,
    read_job_id,
    read_names,
    read_service_profiles,
)
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.codes import UNKNOWN_COMMAND_CODES
from paloaltofw.panos.commands import CsrRequest, take_lock_command
from paloaltofw.panos.envelope import Malformed
from paloaltofw.panos.location import STACK_NAMES, TEMPLATE_NAMES, VSYS_NAMES, Scope, literal, stack_xpath
from paloaltofw.panos.panorama import push_command, read_devices, read_push_jobs, target_command

T = TypeVar("T")
log = logging.getLogger(__name__)
MERGE_WORDS = "merge-with-candidate-cfg no, as others' uncommitted changes on the firewalls could be committed along"
MERGE_REMEDY = "push the template stack by hand once nobody's changes wait on its firewalls"


class PanoramaClient(PanosClient):
    """One Panorama, through one API key; its scope is a template or a template stack."""

    # A vsys in a question for locks is not accepted here (panos.md §11).
    _EVERY_SCOPE = ""

    # --- what is asked ---------------------------------------------------------------------------------------------

    def templates(self) -> frozenset[str]:
        """The names of all templates."""
        return self.names_at("reading the names of the templates", TEMPLATE_NAMES)

    def template_stacks(self) -> tuple[TemplateStack, ...]:
        """All template stacks with their templates and devices; of their configuration nothing is read."""
        names = self.names_at("reading the names of the template stacks", STACK_NAMES)
        return tuple(map(self._stack, sorted(names)))

    def _stack(self, name: str) -> TemplateStack:
        """One stack. Of its devices the names alone: below them are the values of their variables."""
        label, xpath = f"reading the %s of the template stack {name}", stack_xpath(name)
        templates = self.texts_at(label % "templates", f"{xpath}/templates")
        return TemplateStack(name, templates, self.names_at(label % "devices", f"{xpath}/devices/entry/@name"))

    def scopes(self) -> tuple[Scope, ...]:
        """Every template and every template stack, as places for certificates."""
        stacks = sorted(self.names_at("reading the names of the template stacks", STACK_NAMES))
        return (
            *(Scope(template=name) for name in sorted(self.templates())),
            *(Scope(template_stack=name) for name in stacks),
        )

    def managed_devices(self) -> tuple[ManagedDevice, ...]:
        """Every device that this Panorama manages, and whether it is connected."""
        label = "asking for the managed devices"
        found = self._operation(label, "<show><devices><all/></devices></show>")
        return self._read_as(label, found, read_devices)

    def certificate_in(self, scope: Scope, name: str) -> CertificateEntry | None:
        """One entry of another place, as `certificate` reads it."""
        label = f"reading {name} in {scope.words}"
        return self._configured(label, scope.certificate(name), lambda result: read_certificate(result, name))

    def certificates_in(self, scope: Scope, running: bool = False) -> dict[str, CertificateEntry]:
        """Every entry of another place, as `certificates` and `running_certificates` read them."""
        label = f"reading the certificates in {scope.words}"
        return self._configured(label, scope.certificates, read_certificates, running) or {}

    def users_on(self, serial: str, certificate: str) -> frozenset[str]:
        """The SSL/TLS service profiles in a firewall's own candidate configuration that serve a certificate.

        Asked through this Panorama (panos.md §1, §8).
        """
        found: frozenset[str] = frozenset()
        label = f"asking {serial} for the names of its vsys"
        names = self._configured(label, VSYS_NAMES, read_names, target=serial) or ()
        for scope in (Scope(), *map(Scope, sorted(names))):
            label = f"asking {serial} for the users of {certificate} in {scope.words}"
            xpath = f"{scope.service_profiles}/entry[./certificate={literal(certificate)}]"
            profiles = self._configured(label, xpath, read_service_profiles, target=serial) or {}
            found |= {name for name, profile in profiles.items() if not profile.template}
        return found

    def push_job(self, job_id: str) -> PushJob | None:
        """The job of a push; None if the device does not know it. Not repeated here: whoever waits for it polls."""
        return self._job(job_id, read_push_jobs)

    def push_jobs(self) -> tuple[PushJob, ...]:
        """All jobs that the device remembers."""
        return read_push_jobs(self._operation("reading the jobs", "<show><jobs><all/></jobs></show>").result)

    # --- what changes something ------------------------------------------------------------------------------------

    def generate_csr(self, request: CsrRequest) -> None:
        """Make a key pair and a CSR with the session pointed at the template, and point it at nothing afterwards.

        Whether that steers where the key is made is not confirmed (panos.md §4): the caller looks.
        """
        try:
            self._point(*self._scope.target)
            super().generate_csr(request)
        finally:
            self.point_at_nothing()

    def take_lock(self, kind: str, comment: str) -> None:
        """Take a config-lock or commit-lock on shared: how one on a template alone is asked for is not known."""
        parameters = {"type": "op", "cmd": take_lock_command(kind, comment)}
        self._connection.write(f"taking a {kind}", parameters)

    def delete_certificate_in(self, scope: Scope, name: str) -> None:
        """Delete an entry of another place."""
        parameters = {"type": "config", "action": "delete", "xpath": scope.certificate(name)}
        self._connection.write(f"deleting {name} in {scope.words}", parameters)

    def push(self, stack: str, description: str, admin: str, devices: Collection[str]) -> tuple[str | None, bool]:
        """Push a template stack; return the job's ID and whether the push was limited to one administrator's changes.

        The ID is None if there was nothing to push. Before 10.2 a push cannot be limited (panos.md §9).
        """
        try:
            return self._push(stack, push_command(stack, description, admin, devices)), True
        except Refused as refused:
            if refused.peer_code not in UNKNOWN_COMMAND_CODES:
                raise
        try:
            return self._push(stack, push_command(stack, description, None, devices)), False
        except Refused as refused:
            if refused.peer_code not in UNKNOWN_COMMAND_CODES:
                raise
            # The code does not say which element it is about: without that of the candidates nothing is sent.
            what = f"{refused.what}; nothing is pushed without {MERGE_WORDS}"
            raise Refused(what, refused.where, MERGE_REMEDY, refused.peer_code) from None

    def _push(self, stack: str, command: str) -> str | None:
        label = f"pushing the template stack {stack}"
        envelope = self._connection.write(label, {"type": "commit", "action": "all", "cmd": command})
        try:
            return read_job_id(envelope)
        except Malformed as error:
            raise AnswerLost(str(error), self._connection.at(label), "the next run looks for it") from None

    def _point(self, kind: str, name: str) -> None:
        command = target_command(kind, name)
        self._connection.write(f"pointing the session at {self._scope.words}", {"type": "op", "cmd": command})

    def point_at_nothing(self) -> None:
        """Sent twice at most: whoever uses the same key later must not work in our template."""
        for attempt in (1, 2):
            try:
                self._connection.write("pointing the session at no template", {"type": "op", "cmd": target_command()})
                return
            except PeerError as error:
                log.info("%s", error)
                if attempt == 2:
                    what = f"the API session may still point at {self._scope.words}: {error.what}"
                    self._transport.notes.append(what)
