"""Path validation by the library (RFC 5280 §6), for certificates under a public policy."""

from __future__ import annotations

import datetime
import ipaddress

from cryptography import x509
from cryptography.x509 import verification

from paloaltofw.pki.certificate import MAX_CHAIN, Certificate, load_der, without_warnings
from paloaltofw.pki.chain import Chain

# What the library says where a path is wrong for every client. Its other refusals are its strictness about forms (a
# missing authority key identifier, a constraint of a type it does not know), which is the CA's affair. The words have
# been the same from version 42 on; a test holds each.
_WRONG = (
    "signature does not match",
    "cert is not valid at validation time",
    "basicConstraints.cA must be asserted",
    "path length constraint violated",
    "no permitted name constraints matched",
    "excluded name constraint matched",
)


def path_flaw(chain: Chain, now: datetime.datetime) -> str | None:
    """Say what is wrong with the path from the leaf to the top of the chain; None if nothing is.

    The agent has no store of roots, and a root is seldom delivered, so the top of the chain is what is trusted: the
    validation proves that everything below may stand there. A leaf alone has no path.
    """
    loaded = [load_der(certificate.der) for certificate in (chain.leaf, *chain.intermediates)]
    # The moment that our own check of the dates takes, which forgives a clock that is a little late.
    moment = max(now, *(certificate.not_valid_before_utc for certificate in loaded))
    builder = verification.PolicyBuilder().store(verification.Store(loaded[-1:])).time(moment)
    try:
        with without_warnings():
            verifier = builder.max_chain_depth(MAX_CHAIN).build_server_verifier(_subject(chain.leaf))
            leaf, *intermediates = loaded
            verifier.verify(leaf, intermediates)
    except verification.VerificationError as refusal:
        return next((words for words in _WRONG if words in str(refusal)), None)
    except ValueError:
        return None  # the leaf has mail addresses only, or a name that the library cannot ask for
    return None


def _subject(leaf: Certificate) -> x509.DNSName | x509.IPAddress:
    """One of the leaf's own names, since the library wants to be asked for one; which names it must hold, we check."""
    if leaf.names.ip:
        return x509.IPAddress(ipaddress.ip_address(min(leaf.names.ip)))
    return x509.DNSName(min(leaf.names.dns).replace("*", "any"))
