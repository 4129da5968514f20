"""The stable codes of failures, as `error.code` in JSON (contract.md §9)."""

from __future__ import annotations

CODES = {
    # of a firewall or SCM
    "unreachable": "the request was never sent: no name, no route, refused, no TLS",
    "not-trusted": "the TLS certificate is not the one to trust",
    "answer-lost": "the request was sent, and it is not known whether it was carried out",
    "invalid-answer": "something answered, but not PAN-OS or SCM as documented",
    "credentials": "API key, client ID or client secret are not accepted",
    "permission": "the credentials lack a right",
    "ha": "no unit of an HA pair is the one to work on, or it is not any more; nothing more was done on it",
    "busy": "a lock, another commit or a rate limit is in the way; nothing was done",
    "refused": "the firewall or SCM understood and said no",
    # of an order
    "order-limit": "one more order that no person asked for would be too many",
    "unknown-order": "a pending CSR on the firewall may have been ordered already",
    "lost-answer": "the answer to an order was lost, and the order is held back",
    "order": "an order ended without a certificate",
    "pending": "an order is pending for too long, and nothing is in service",
    "urgent": "an order is pending, and the certificate in service is in the last twentieth of its life",
    "revoked-unproven": "SCM calls the certificate in service revoked, which is not proven",
    "clock": "the clocks of this host and of the firewall or SCM are more than an hour apart",
    "proof": "a CSR or a certificate is not what was asked for; nothing was imported",
    "absent": "renew for a certificate that is not on the firewall",
    # of what is on the firewall
    "name-taken": "an entry in the names of the series is not this profile's, or the next name is too long",
    "shadowed": "an object in shared and one in a vsys bear the same name",
    "candidate-differs": "candidate and running configuration differ, and not by the agent's own work",
    "list-differs": "an SSL/TLS service profile serves an entry that the list of certificates does not show",
    "ha-key": "the other unit of the HA pair holds, or may hold, what the active one lacks; nothing was ordered",
    "key-not-seen": "a good certificate of the profile is there, but nothing shows its key",
    "template": "the entry is pushed by a Panorama template",
    "bind": "an SSL/TLS service profile under bind does not exist",
    "predecessor": "a predecessor in the last twentieth of its life is still in use",
    "push": "a firewall has not taken what its Panorama pushed, or is away; nothing is ordered for that",
    "served-old": "an endpoint of serve_check still serves the old certificate",
    "served-other": "an endpoint of serve_check serves another certificate",
    "served-leaf-only": "an endpoint of serve_check serves the certificate without its intermediates",
    "served-wrong-chain": "an endpoint of serve_check serves the certificate with a chain that does not lead on",
    "serve-unreachable": "an endpoint of serve_check cannot be reached",
    "serve-no-handshake": "an endpoint of serve_check does not finish a TLS handshake",
    "rolled-back": "the predecessor serves again after a serve check that did not pass",
    "commit": "the firewall reports a failed commit",
    "validate": "the firewall reports a failed validation; nothing was committed",
    "foreign-commit": "the firewall committed other administrators' changes too, which the agent had not asked for",
    "lock-left": "a lock of the agent's may be left on the firewall; the next run releases it",
    "blocked": "a person has to decide; the message says what",
    # of the agent
    "hook": "the program of hooks failed; the certificate is in service",
    "state": "the state folder cannot be used, or a file in it is corrupt",
    "error": "an unexpected failure",
}
"""What can stand in a profile's `error`, with its meaning."""

EARLY_CODES = {
    "usage": "the command line asks for something that does not exist or does not fit together",
    "configuration": "a file is wrong",
    "eula": "the licence terms are not accepted",
    "locked": "another run is at work",
    "encryption": "a file cannot be encrypted or decrypted",
}
"""What ends the program before it works on profiles."""
