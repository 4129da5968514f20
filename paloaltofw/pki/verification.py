"""The proofs before anything is imported: CSR and chain against what the profile asks for."""

from __future__ import annotations

import datetime
from collections import Counter
from dataclasses import dataclass

from paloaltofw.pki.certificate import (
    CLOCK_SKEW,
    POLICY_STRENGTH,
    Certificate,
    Csr,
    Names,
    VerificationError,
    canonical_mail,
)
from paloaltofw.pki.chain import Chain
from paloaltofw.pki.public_path import path_flaw


@dataclass(frozen=True)
class Requirements:
    """What a profile asks of a CSR and of the certificate issued for it.

    `subject` is what it asks of the CSR's subject beside the common name, in the form of `Csr.subject`.
    """

    common_name: str
    dns: tuple[str, ...]
    ip: tuple[str, ...]
    email: tuple[str, ...]
    key_type: str
    key_bits: int
    policy: str
    subject: tuple[tuple[str, str], ...] = ()


def verify_csr(csr: Csr, required: Requirements) -> None:
    """Check that the firewall built the CSR that the profile describes; raises VerificationError."""
    if (csr.key_type, csr.key_bits) != (required.key_type, required.key_bits):
        wanted = f"{required.key_type} {required.key_bits}"
        raise VerificationError(f"the firewall made a {csr.key_type} {csr.key_bits} key instead of {wanted}")
    if csr.names.common_name != required.common_name:
        raise VerificationError(f"the CSR's common name is {csr.names.common_name!r}, not {required.common_name!r}")
    _verify_names(csr.names, required, "the CSR lacks")


def subject_difference(csr: Csr, required: Requirements) -> str | None:
    """Say what a CSR's subject lacks of what the profile asks for; None if it lacks nothing.

    No reason to refuse a CSR: a CA takes the organization from its own validation, and ignores it for a DV certificate.
    Values are compared without case and surplus spaces (RFC 5280 §7.1). What the profile does not ask for is ignored.
    """
    held = Counter(_comparable(item) for item in csr.subject)
    missing = Counter(_comparable(item) for item in required.subject) - held
    lacking = next((item for item in required.subject if _comparable(item) in missing), None)
    if lacking is None:
        return None
    name, wanted = lacking
    found = ", ".join(repr(value) for other, value in csr.subject if other == name)
    return f"the CSR's subject lacks {name} {wanted!r}" + (f" (it has {found})" if found else "")


def _comparable(item: tuple[str, str]) -> tuple[str, str]:
    name, value = item
    return name, " ".join(value.split()).casefold()


def verify_chain(chain: Chain, spki_sha256: str, required: Requirements, now: datetime.datetime) -> None:
    """Check that an issued chain is what was asked for; raises VerificationError with the first thing that is wrong."""
    leaf = chain.leaf
    if leaf.spki_sha256 != spki_sha256:
        raise VerificationError("the certificate holds another key than the CSR")
    if leaf.is_ca:
        raise VerificationError("the certificate is a CA's")
    if required.common_name not in leaf.names.dns | {leaf.names.common_name}:
        raise VerificationError(f"the certificate is for {leaf.names.common_name!r}, not {required.common_name!r}")
    _verify_names(leaf.names, required, "the certificate lacks")
    for certificate in (leaf, *chain.intermediates):
        _verify_dates(certificate, now)
    # A private CA need not keep the rules of the public ones, which the library asks for.
    if leaf.policy is not None and (flaw := path_flaw(chain, now)):
        raise VerificationError(
            f"the path from the certificate to {chain.top.names.common_name!r} is not valid: {flaw}"
        )


def _verify_names(names: Names, required: Requirements, lacks: str) -> None:
    wanted = {*required.dns, *required.ip, *(canonical_mail(address) for address in required.email)}
    missing = sorted(wanted - names.all)
    if missing:
        raise VerificationError(f"{lacks} the name{'s' if len(missing) > 1 else ''} {', '.join(missing)}")


def _verify_dates(certificate: Certificate, now: datetime.datetime) -> None:
    name = certificate.names.common_name
    if certificate.not_before > now + CLOCK_SKEW:
        raise VerificationError(
            f"the certificate {name!r} is not valid before {certificate.not_before:%Y-%m-%d %H:%M} UTC"
        )
    if certificate.not_after <= now:
        raise VerificationError(f"the certificate {name!r} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC")


def is_weaker_policy(leaf: Certificate, wanted: str) -> bool:
    """Whether the certificate's CA/Browser Forum policy is weaker than the wanted type (private CAs assert none)."""
    return leaf.policy is not None and POLICY_STRENGTH[leaf.policy] < POLICY_STRENGTH[wanted]


def difference(certificate: Certificate, required: Requirements) -> str | None:
    """Say what a certificate lacks of what the profile asks for now; None if it lacks nothing.

    Surplus names and the organization are no difference: a CA may add names and writes the organization that it
    validated, so counting them would order again and again.
    """
    if (certificate.key_type, certificate.key_bits) != (required.key_type, required.key_bits):
        return f"key {certificate.key_type} {certificate.key_bits} instead of {required.key_type} {required.key_bits}"
    if required.common_name not in certificate.names.dns | {certificate.names.common_name}:
        return f"common name {certificate.names.common_name} instead of {required.common_name}"
    wanted = {*required.dns, *required.ip, *(canonical_mail(address) for address in required.email)}
    if missing := sorted(wanted - certificate.names.all):
        return f"without the name {missing[0]}"
    return None
