"""The steps that put an issued certificate into the candidate configuration: proof, chain, certificate, references."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, AnswerLost, PlanBlocked, ProofFailed, Refused
from paloaltofw.execution.context import Context
from paloaltofw.execution.enroll import read_csr
from paloaltofw.execution.task import CertificateTask, Delivered, Imported, Installed, Issued, TaskPhase
from paloaltofw.lifecycle.steps import Bind, DeletePredecessor, ImportCertificate, ImportChain, Prove
from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.firewall_objects import OBJECT_NAME_LIMIT
from paloaltofw.model.records import Phase
from paloaltofw.panos.codes import REFERENCED_CODE
from paloaltofw.pki.certificate import Certificate, VerificationError, first_der, parse_csr
from paloaltofw.pki.verification import is_weaker_policy, verify_chain


def object_name(certificate: Certificate, limit: int) -> str:
    """A name for a CA certificate's entry: readable, safe for PAN-OS, the same on every firewall, and unique."""
    digest = certificate.sha256[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", certificate.names.common_name).strip("-") or "ca"
    return f"{readable[: limit - len(digest) - 1].rstrip('-')}-{digest}"


def prove(context: Context, task: CertificateTask, step: Prove, phase: Delivered) -> None:
    """Check the delivered chain against CSR and profile; only then it counts as issued."""
    record, chain = phase.record, phase.chain
    try:
        verify_chain(chain, record.spki_sha256, requirements(task.profile), context.clock.now())
    except VerificationError as error:
        where = f"SCM account {task.profile.account}, order {phase.certificate_id}"
        raise ProofFailed(str(error), where, "nothing was imported; look at the order in the SCM portal") from None
    if is_weaker_policy(chain.leaf, task.profile.type):
        task.notes.append(f"ordered as {task.profile.type}, but issued with the policy of {chain.leaf.policy}")
    if isinstance(phase, Issued):
        return
    record = replace(record, phase=Phase.ISSUED.value, chain=chain.pem)
    context.store.save_order(record)
    task.phase = Issued(record, phase.certificate_id, chain)
    context.task_event(task, "issued, serial %s", chain.leaf.serial)


def import_chain(context: Context, task: CertificateTask, step: ImportChain, phase: Issued) -> None:
    """Import the intermediates that no entry of the firewall holds yet."""
    if not phase.chain.intermediates:
        return
    context.read_entries()
    for certificate in phase.chain.intermediates:
        if certificate.der in context.present:
            continue
        name = object_name(certificate, OBJECT_NAME_LIMIT)
        _import(context, name, certificate, certificate.pem)
        context.present.add(certificate.der)
        context.task_event(task, "intermediate imported as %s", name)


def _import(context: Context, name: str, certificate: Certificate, pem: str) -> None:
    context.has_changed = True
    try:
        context.retry_while_busy(lambda: context.client.import_certificate(name, pem))
    except AnswerLost:
        if not _reads_back(context, name, certificate):
            raise


def _reads_back(context: Context, name: str, certificate: Certificate) -> bool:
    entry = context.client.certificates().get(name)
    return entry is not None and first_der(entry.certificate_pem) == certificate.der


def import_certificate(context: Context, task: CertificateTask, step: ImportCertificate, phase: Issued) -> None:
    """Import the certificate onto its key; `read_back` then proves it."""
    leaf = phase.chain.leaf
    if not phase.record.same_key and _requested_key(context, step.entry) != leaf.spki_sha256:
        where = f"{context.firewall.title}, import {step.entry}"
        remedy = "nothing was imported; the next run asks for a new certificate"
        raise ProofFailed("the firewall now holds another key than the one of the order", where, remedy)
    _import(context, step.entry, leaf, phase.chain.pem if step.with_chain else leaf.pem)
    task.phase = Imported(phase.record, phase.certificate_id, phase.chain, step.entry)


def _requested_key(context: Context, name: str) -> str:
    """The SHA-256 of the public key in an entry's CSR: of the entries that were read, else asked for."""
    entry = context.read_entries().get(name)
    try:
        return parse_csr(entry.csr_pem).spki_sha256 if entry else ""
    except VerificationError:
        return read_csr(context, name).spki_sha256  # some releases show the CSR only by export


def read_back(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """See that the candidate configuration holds what was imported, before anything is made to serve it."""
    imported = [(task, task.phase) for task in tasks if task.is_open and isinstance(task.phase, Imported)]
    if not imported:
        return
    try:
        entries = context.client.certificates()
    except AgentError as error:
        for task, _ in imported:
            task.error = error
        return
    for task, phase in imported:
        entry = entries.get(phase.entry)
        if entry is None or first_der(entry.certificate_pem) != phase.chain.leaf.der:
            where = f"{context.firewall.title}, import {phase.entry}"
            what = "the certificate cannot be read back after its import"
            task.error = ProofFailed(what, where, "look at the entry")
            continue
        task.phase = Installed(phase.record, phase.certificate_id, phase.chain, phase.entry)
        context.task_event(task, "certificate imported as %s", phase.entry)


def bind(context: Context, task: CertificateTask, step: Bind, phase: TaskPhase) -> None:
    """Move SSL/TLS service profiles to the certificate: the ones named, and all that serve a predecessor."""
    profiles = context.client.service_profiles()
    missing = [name for name in step.service_profiles if name not in profiles]
    if missing:
        what = f"there is no SSL/TLS service profile {missing[0]!r}"
        raise PlanBlocked(what, context.firewall.title, "create it, or correct bind in the profile")
    for profile in profiles.values():
        is_meant = profile.name in step.service_profiles or profile.certificate in step.predecessors
        if not is_meant or profile.certificate == step.entry:
            continue
        if profile.template:
            what = f"the SSL/TLS service profile {profile.name} is pushed by the template {profile.template}"
            raise PlanBlocked(what, context.firewall.title, "bind the certificate on Panorama")
        _bind(context, profile.name, step.entry)
        context.task_event(task, "SSL/TLS service profile %s now serves %s", profile.name, step.entry)


def _bind(context: Context, profile: str, entry: str) -> None:
    context.has_changed = True
    try:
        context.retry_while_busy(lambda: context.client.bind(profile, entry))
    except AnswerLost:
        if context.client.service_profiles()[profile].certificate != entry:
            raise


def delete_predecessor(context: Context, task: CertificateTask, step: DeletePredecessor, phase: TaskPhase) -> None:
    """Delete a predecessor; the firewall refuses while anything refers to it, and then it stays."""
    try:
        context.retry_while_busy(lambda: context.client.delete_certificate(step.entry))
    except Refused as refused:
        if refused.peer_code == REFERENCED_CODE or "cannot be deleted" in refused.what:
            task.notes.append(f"the predecessor {step.entry} is still in use and was kept: {refused.what}")
            context.task_event(task, "predecessor %s kept: %s", step.entry, refused.what)
            return
        if step.entry in context.client.certificates():
            raise
    except AnswerLost:
        if step.entry in context.client.certificates():
            raise
    context.has_changed = True
    context.task_event(task, "predecessor %s deleted", step.entry)
