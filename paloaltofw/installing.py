"""The steps that put an issued certificate into the candidate configuration: proof, chain, certificate, references."""

from __future__ import annotations

from dataclasses import replace

from paloaltofw.certificates import (
    Certificate,
    Unproven,
    build_chain,
    first_der,
    is_weaker_policy,
    object_name,
    parse_certificates,
    prove_chain,
)
from paloaltofw.errors import AnswerLost, PlanBlocked, ProofFailed, Refused
from paloaltofw.ordering import read_csr
from paloaltofw.panos import REFERENCED_CODE
from paloaltofw.panos_xml import CertificateEntry
from paloaltofw.series import requirements
from paloaltofw.steps import Bind, DeletePredecessor, ImportCertificate, ImportChain, Prove
from paloaltofw.storage import Phase
from paloaltofw.values import OBJECT_NAME_LIMIT
from paloaltofw.work import Context, Work


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
    entries = context.client.certificates()
    for certificate in work.chain.intermediates:
        if _is_there(entries, certificate, context.firewall.admin):
            continue
        name = object_name(certificate, OBJECT_NAME_LIMIT)
        _import(context, name, certificate, certificate.pem)
        context.event(work, "intermediate imported as %s", name)


def _is_there(entries: dict[str, CertificateEntry], certificate: Certificate, admin: str) -> bool:
    """Whether some entry holds this certificate. One that only another administrator's change holds does not count."""
    for entry in entries.values():
        if entry.changed_by <= {admin} and first_der(entry.certificate_pem) == certificate.der:
            return True
    return False


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
    """Import the certificate onto its key, and read it back."""
    assert work.chain is not None and work.order is not None  # nosec B101  # narrows a type
    leaf = work.chain.leaf
    where = f"firewall {context.firewall.id}, import {step.entry}"
    if not work.order.same_key and read_csr(context, step.entry).spki_sha256 != leaf.spki_sha256:
        remedy = "nothing was imported; the next run asks for a new certificate"
        raise ProofFailed("the firewall now holds another key than the one of the order", where, remedy)
    _import(context, step.entry, leaf, work.chain.pem if step.with_chain else leaf.pem)
    if not _reads_back(context, step.entry, leaf):
        raise ProofFailed("the certificate cannot be read back after its import", where, "look at the entry")
    work.certificate = leaf
    context.event(work, "certificate imported as %s", step.entry)


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
