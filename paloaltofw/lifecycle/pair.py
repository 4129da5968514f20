"""What the other unit of an HA pair holds, and the one that is worked on lacks: a second witness before an order.

An uncommitted key exists on one unit alone, and what is committed reaches the other unit only by a synchronisation
(panos.md §10). So after a failover "lost" and "absent" mean nothing by one unit's word.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from dataclasses import replace

from paloaltofw.lifecycle.decision import Action, Blocked, Decision
from paloaltofw.lifecycle.inputs import Observation
from paloaltofw.lifecycle.succession import CertificateGeneration
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.records import OrderRecord, Phase
from paloaltofw.pki.certificate import VerificationError, parse_certificates

AT_SCM = (Phase.SUBMITTING, Phase.ORDERED, Phase.ISSUED)


def missing_here(observed: Observation, now: datetime.datetime) -> str:
    """What the state folder calls the profile's own, and the unit does not hold, in words; empty if nothing is missing.

    The key of an order that SCM holds or may hold, or the certificate that was in service last.
    """
    order = observed.order
    here = tuple(_entries(observed))
    is_at_scm = order is not None and order.phase in AT_SCM and bool(order.spki_sha256)
    if order is not None and is_at_scm and not any(item.holds_key_of(order.spki_sha256) for item in here):
        return f"the key of order {order.certificate_id or order.reference} ({order.entry})"
    installed, leaf = observed.installed, _in_service(observed, now)
    if (
        installed is not None
        and leaf
        and not any(item.certificate and item.certificate.sha256 == leaf for item in here)
    ):
        return f"the certificate that was in service ({installed.entry})"
    return ""


def held_by_peer(observed: Observation, peer: Observation, now: datetime.datetime) -> str:
    """What of the series the other unit holds and this one lacks, in words; empty if nothing that counts.

    Only what is newer than everything here counts, and what the journal knows: the key of an open order, and the
    certificate that was in service last. An older certificate is what a unit has that was away for long.
    """
    order = observed.order
    here = tuple(_entries(observed))
    certificates = {item.certificate.sha256 for item in here if item.certificate}
    keys = {holder.spki_sha256 for item in here if (holder := item.csr or item.certificate)}
    top = max((item.number for item in here), default=0)
    leaf = _in_service(observed, now)
    is_at_scm = order is not None and order.phase in AT_SCM
    for item in _entries(peer):
        if item.certificate is None:
            is_ours = item.csr is not None and _is_key_of(order, item.csr.spki_sha256)
            is_unordered = order is not None and not is_at_scm and (is_ours or item.name == order.entry)
            is_here = item.csr is not None and item.csr.spki_sha256 in keys
            if not is_here and not is_unordered and (is_ours or item.number > top):
                return f"{item.name} with a pending key"
        elif item.certificate.sha256 not in certificates and item.certificate.not_after > now:
            is_ordered = is_at_scm and _is_key_of(order, item.certificate.spki_sha256)
            is_known = item.certificate.sha256 == leaf or is_ordered
            if is_known or item.number > top:
                return f"the certificate {item.name}"
    return ""


def held_for_peer(profile: CertificateProfile, decision: Decision, evidence: str) -> Decision:
    """A decision that does nothing and says why. What the earlier one said of a loss is not so."""
    hint = (
        "bring the pair into step (fail back to the unit that has it, or synchronise from there), and the next run "
        f"goes on; if it is of no use any more, run: paloaltoagent enroll --resubmit -p {profile.id}"
    )
    blocked = Blocked("ha-key", evidence, hint)
    return replace(decision, action=Action.FAILED, steps=(), blocked=blocked, reason=evidence, alarm=None, notes=())


def _entries(observed: Observation) -> Iterator[CertificateGeneration]:
    yield from observed.generations
    yield from observed.running or ()


def _is_key_of(order: OrderRecord | None, spki_sha256: str) -> bool:
    return order is not None and order.spki_sha256 == spki_sha256


def _in_service(observed: Observation, now: datetime.datetime) -> str:
    """The fingerprint of the certificate that was in service last, while it is good for something; else empty."""
    installed = observed.installed
    if installed is None or installed.revoked:
        return ""
    try:
        found = parse_certificates(installed.chain)
    except VerificationError:
        return ""
    return found[0].sha256 if found and found[0].not_after > now else ""
