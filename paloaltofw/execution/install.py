"""The steps that put an issued certificate into the candidate configuration: proof, chain, certificate, references."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from paloaltofw.errors import AgentError, AnswerLost, PlanBlocked, ProofFailed, Refused
from paloaltofw.execution.context import Context, Work
from paloaltofw.execution.enroll import read_csr
from paloaltofw.lifecycle.steps import Bind, DeletePredecessor, ImportCertificate, ImportChain, Prove
from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.firewall_objects import OBJECT_NAME_LIMIT
from paloaltofw.model.records import Phase
from paloaltofw.panos.codes import REFERENCED_CODE
from paloaltofw.pki.certificate import Certificate, Unproven, first_der, parse_certificates, parse_csr
from paloaltofw.pki.chain import build_chain
from paloaltofw.pki.verification import is_weaker_policy, prove_chain


def object_name(certificate: Certificate, limit: int) -> str:
    """A name for a CA certificate's entry: readable, safe for PAN-OS, the same on every firewall, and unique."""
    digest = certificate.sha256[:12]
    readable = re.sub(r"[^A-Za-z0-9]+", "-", certificate.names.common_name).strip("-") or "ca"
    return f"{readable[: limit - len(digest) - 1].rstrip('-')}-{digest}"


def prove(context: Context, work: Work, step: Prove) -> None:
    """Check the issued chain against CSR and profile; only then it counts as issued."""
    assert work.order is not None  # nosec B101  # narrows a type
    where = f"SCM account {work.profile.account}, order {work.order.order_id}"
    try:
        if work.chain is None:
            work.chain = build_chain(parse_certificates(work.order.chain), work.order.spki_sha256)
        prove_chain(work.chain, work.order.spki_sha256, requirements(work.profile), context.clock.now())
    except Unproven as error:
        raise ProofFailed(str(error), where, "nothing was imported; look at the order in the SCM portal") from None
    if is_weaker_policy(work.chain.leaf, work.profile.type):
        work.notes.append(f"ordered as {work.profile.type}, but issued with the policy of {work.chain.leaf.policy}")
    if work.order.phase != Phase.ISSUED:
        work.order = replace(work.order, phase=Phase.ISSUED.value, chain=work.chain.pem)
        context.store.save_order(work.order)
        context.event(work, "issued, serial %s", work.chain.leaf.serial)


def import_chain(context: Context, work: Work, step: ImportChain) -> None:
    """Import the intermediates that no entry of the firewall holds yet."""
    assert work.chain is not None  # nosec B101  # narrows a type
    if not work.chain.intermediates:
        return
    context.read_entries()
    for certificate in work.chain.intermediates:
        if certificate.der in context.generations:
            continue
        name = object_name(certificate, OBJECT_NAME_LIMIT)
        _import(context, name, certificate, certificate.pem)
        context.generations.add(certificate.der)
        context.event(work, "intermediate imported as %s", name)


def _import(context: Context, name: str, certificate: Certificate, pem: str) -> None:
    context.has_changed = True
    try:
        context.patiently(lambda: context.client.import_certificate(name, pem))
    except AnswerLost:
        if not _reads_back(context, name, certificate):
            raise


def _reads_back(context: Context, name: str, certificate: Certificate) -> bool:
    entry = context.client.certificates().get(name)
    return entry is not None and first_der(entry.certificate_pem) == certificate.der


def import_certificate(context: Context, work: Work, step: ImportCertificate) -> None:
    """Import the certificate onto its key; `read_back` then proves it."""
    assert work.chain is not None and work.order is not None  # nosec B101  # narrows a type
    leaf = work.chain.leaf
    if not work.order.same_key and _requested_key(context, step.entry) != leaf.spki_sha256:
        where = f"firewall {context.firewall.id}, import {step.entry}"
        remedy = "nothing was imported; the next run asks for a new certificate"
        raise ProofFailed("the firewall now holds another key than the one of the order", where, remedy)
    _import(context, step.entry, leaf, work.chain.pem if step.with_chain else leaf.pem)
    work.imported_as = step.entry


def _requested_key(context: Context, name: str) -> str:
    """The SHA-256 of the public key in an entry's CSR: of the entries that were read, else asked for."""
    entry = context.read_entries().get(name)
    try:
        return parse_csr(entry.csr_pem).spki_sha256 if entry else ""
    except Unproven:
        return read_csr(context, name).spki_sha256  # some releases show the CSR only by export


def read_back(context: Context, works: Sequence[Work]) -> None:
    """See that the candidate configuration holds what was imported, before anything is made to serve it."""
    imported = [work for work in works if work.is_open and work.imported_as]
    if not imported:
        return
    try:
        entries = context.client.certificates()
    except AgentError as error:
        for work in imported:
            work.error = error
        return
    for work in imported:
        assert work.chain is not None and work.imported_as is not None  # nosec B101  # narrows a type
        entry = entries.get(work.imported_as)
        if entry is None or first_der(entry.certificate_pem) != work.chain.leaf.der:
            where = f"firewall {context.firewall.id}, import {work.imported_as}"
            what = "the certificate cannot be read back after its import"
            work.error = ProofFailed(what, where, "look at the entry")
            continue
        work.certificate = work.chain.leaf
        context.event(work, "certificate imported as %s", work.imported_as)


def bind(context: Context, work: Work, step: Bind) -> None:
    """Move SSL/TLS service profiles to the certificate: the ones named, and all that serve a predecessor."""
    profiles = context.client.service_profiles()
    missing = [name for name in step.service_profiles if name not in profiles]
    if missing:
        what = f"there is no SSL/TLS service profile {missing[0]!r}"
        raise PlanBlocked(what, f"firewall {context.firewall.id}", "create it, or correct bind in the profile")
    for profile in profiles.values():
        is_meant = profile.name in step.service_profiles or profile.certificate in step.predecessors
        if not is_meant or profile.certificate == step.entry:
            continue
        if profile.template:
            what = f"the SSL/TLS service profile {profile.name} is pushed by the template {profile.template}"
            raise PlanBlocked(what, f"firewall {context.firewall.id}", "bind the certificate on Panorama")
        _bind(context, profile.name, step.entry)
        context.event(work, "SSL/TLS service profile %s now serves %s", profile.name, step.entry)


def _bind(context: Context, profile: str, entry: str) -> None:
    context.has_changed = True
    context.changed_profiles.add(profile)
    try:
        context.patiently(lambda: context.client.bind(profile, entry))
    except AnswerLost:
        if context.client.service_profiles()[profile].certificate != entry:
            raise


def delete_predecessor(context: Context, work: Work, step: DeletePredecessor) -> None:
    """Delete a predecessor; the firewall refuses while anything refers to it, and then it stays."""
    try:
        context.patiently(lambda: context.client.delete_certificate(step.entry))
    except Refused as refused:
        if refused.peer_code == REFERENCED_CODE or "cannot be deleted" in refused.what:
            work.notes.append(f"the predecessor {step.entry} is still in use and was kept: {refused.what}")
            context.event(work, "predecessor %s kept: %s", step.entry, refused.what)
            return
        if step.entry in context.client.certificates():
            raise
    except AnswerLost:
        if step.entry in context.client.certificates():
            raise
    context.has_changed = True
    context.event(work, "predecessor %s deleted", step.entry)
