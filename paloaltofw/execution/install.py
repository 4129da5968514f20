"""The steps that put an issued certificate into the candidate configuration: proof, chain, certificate."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, AnswerLost, PlanBlocked, ProofFailed, Refused
from paloaltofw.execution import ledger
from paloaltofw.execution.context import Context
from paloaltofw.execution.enroll import read_csr
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.task import CertificateTask, Delivered, Imported, Installed, Issued
from paloaltofw.lifecycle.requested import ordered_requirements
from paloaltofw.lifecycle.steps import ImportCertificate, ImportChain, Prove
from paloaltofw.model.firewall_objects import OBJECT_NAME_LIMIT
from paloaltofw.model.records import Phase
from paloaltofw.pki.certificate import Certificate, VerificationError, first_der, parse_csr
from paloaltofw.pki.chain import Chain
from paloaltofw.pki.verification import is_weaker_policy, verify_chain


def object_name(certificate: Certificate, limit: int) -> str:
    """A name for a CA certificate's entry: readable, safe for PAN-OS, the same on every firewall, and unique."""
    digest = certificate.sha256[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", certificate.names.common_name).strip("-") or "ca"
    return f"{readable[: limit - len(digest) - 1].rstrip('-')}-{digest}"


def prove(context: Context, task: CertificateTask, step: Prove, phase: Delivered) -> None:
    """Check the delivered chain against CSR and order; only then it counts as issued.

    What counts is what was ordered: a profile that was edited meanwhile is a mismatch for the next run.
    """
    record, chain = phase.record, phase.chain
    required = ordered_requirements(record.requested, task.profile)
    try:
        verify_chain(chain, record.spki_sha256, required, context.clock.now())
    except VerificationError as error:
        where = f"SCM account {record.account or task.profile.account}, order {phase.certificate_id}"
        remedy = "nothing was imported; look at the order in the SCM portal, or order again: "
        remedy += f"paloaltoagent enroll --resubmit -p {task.profile.id}"
        raise ProofFailed(str(error), where, remedy) from None
    _tell_oddities(task, chain)
    if isinstance(phase, Issued):
        return
    record = replace(record, phase=Phase.ISSUED.value, chain=chain.pem)
    context.store.save_order(record)
    ledger.note_issued(context, task, record, chain.leaf)
    task.phase = Issued(record, phase.certificate_id, chain)
    context.task_event(task, "issued, serial %s", chain.leaf.serial)


def _tell_oddities(task: CertificateTask, chain: Chain) -> None:
    """What is no reason to refuse a certificate, but worth a word."""
    leaf = chain.leaf
    if is_weaker_policy(leaf, task.profile.type):
        task.notes.append(f"ordered as {task.profile.type}, but issued with the policy of {leaf.policy}")
    current = next((item for item in task.observed.generations if item.name == task.decision.in_service), None)
    if current is not None and current.certificate is not None and leaf.not_after <= current.certificate.not_after:
        task.notes.append(f"it ends on {leaf.not_after:%Y-%m-%d}, no later than its predecessor")


def import_chain(context: Context, task: CertificateTask, step: ImportChain, phase: Issued) -> None:
    """Import the intermediates that no entry of the firewall holds yet."""
    chain = phase.chain
    context.read_entries()
    if chain.is_leaf_alone and not _is_issuer_there(context, chain.leaf):
        task.notes.append(f"SCM delivered no intermediate, and the firewall holds no CA {chain.leaf.issuer!r}")
    for certificate in chain.intermediates:
        if certificate.der in context.present:
            continue
        name = object_name(certificate, OBJECT_NAME_LIMIT)
        try:
            _import(context, name, certificate, certificate.pem)
        except Refused as refused:
            # One report each way (panos.md §11): the leaf is installed all the same.
            task.notes.append(
                f"the firewall refuses the intermediate {name} ({refused.what}); "
                "set chain: bundle in the firewall profile, if clients miss it"
            )
            continue
        context.present.add(certificate.der)
        context.imported[name] = certificate.der
        context.task_event(task, "intermediate imported as %s", name)


def _is_issuer_there(context: Context, leaf: Certificate) -> bool:
    entries = context.read_entries().values()
    held = (read_certificate(entry.certificate_pem) for entry in entries)
    return any(item.is_ca and item.names.common_name == leaf.issuer.lower() for item in held if item is not None)


def _import(context: Context, name: str, certificate: Certificate, pem: str) -> None:
    context.has_changed = True
    try:
        context.change(lambda: context.client.import_certificate(name, pem))
    except AnswerLost:
        if not _reads_back(context, name, certificate):
            raise


def _reads_back(context: Context, name: str, certificate: Certificate) -> bool:
    entry = context.client.certificates().get(name)
    return entry is not None and first_der(entry.certificate_pem) == certificate.der


def import_certificate(context: Context, task: CertificateTask, step: ImportCertificate, phase: Issued) -> None:
    """Import the certificate onto its key; `read_back` then proves it."""
    leaf = phase.chain.leaf
    _ensure_nobody_else_edits(context, step.entry)
    key = _present_key(context, step.entry) if phase.record.same_key else _requested_key(context, step.entry)
    if key != leaf.spki_sha256:
        where = f"{context.firewall.title}, import {step.entry}"
        remedy = "nothing was imported; the next run asks for a new certificate"
        raise ProofFailed("the firewall now holds another key than the one of the order", where, remedy)
    _import(context, step.entry, leaf, phase.chain.pem if step.with_chain else leaf.pem)
    task.phase = Imported(phase.record, phase.certificate_id, phase.chain, step.entry)


def _ensure_nobody_else_edits(context: Context, name: str) -> None:
    """What is imported onto another administrator's uncommitted change would take that change into our commit."""
    entry = context.read_entries().get(name)
    if entry is not None and entry.template:
        what = f"the entry {name} is pushed by the Panorama template {entry.template}"
        raise PlanBlocked(what, context.firewall.title, "manage it on Panorama, or choose another name")
    others = sorted(entry.changed_by - {context.firewall.admin}) if entry else []
    if others:
        what = f"the entry {name} holds uncommitted changes of {', '.join(others)}"
        remedy = "let them be committed or reverted; the next run installs the certificate"
        raise PlanBlocked(what, context.firewall.title, remedy)


def _requested_key(context: Context, name: str) -> str:
    """The SHA-256 of the public key in an entry's CSR: of the entries that were read, else asked for."""
    entry = context.read_entries().get(name)
    try:
        return parse_csr(entry.csr_pem).spki_sha256 if entry else ""
    except VerificationError:
        return read_csr(context, name).spki_sha256  # some releases show the CSR only by export


def _present_key(context: Context, name: str) -> str:
    """The SHA-256 of the public key of the certificate that an entry holds; empty if there is none."""
    entry = context.read_entries().get(name)
    certificate = read_certificate(entry.certificate_pem) if entry else None
    return certificate.spki_sha256 if certificate else ""


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
