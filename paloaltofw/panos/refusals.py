"""What an error of PAN-OS means to the caller: wait, give up, or who has to do something. No I/O."""

from __future__ import annotations

import re

from paloaltofw.errors import Busy, CredentialsRefused, PermissionDenied, Refused
from paloaltofw.panos.codes import (
    BAD_CREDENTIALS_CODE,
    BUSY_TEXTS,
    OVERRIDE_TEXTS,
    TRANSIENT_TEXTS,
    UNAUTHORIZED_CODE,
    remedy_for,
)
from paloaltofw.panos.envelope import Envelope

# PAN-267847: the same import works a moment later.
TRANSIENT_SECONDS = 3.0


class Transient(Busy):
    """PAN-OS stumbled over its own defect: the same request may be sent again, but not for ever (panos.md §11)."""


def failure(envelope: Envelope, where: str) -> CredentialsRefused | PermissionDenied | Busy | Refused:
    """The error that an envelope without success stands for."""
    text, plain = envelope.text, envelope.text.lower()
    if plain.startswith("invalid credential"):
        remedy = f"{_keygen(where)}: a key ends with the administrator's password, its lifetime, or a newer key"
        return CredentialsRefused("the API key is not accepted", where, remedy)
    if envelope.code in (UNAUTHORIZED_CODE, BAD_CREDENTIALS_CODE):
        remedy = "give the admin role the XML API rights that README lists"
        if envelope.code == BAD_CREDENTIALS_CODE:
            remedy += f", and {_keygen(where)} if it has them"  # a 403 can mean either (panos.md §1)
        return PermissionDenied(f"the administrator lacks a right ({text or envelope.code})", where, remedy)
    if any(sign in plain for sign in BUSY_TEXTS):
        return Busy(f"PAN-OS says: {text}", where, "the next run tries again")
    if any(sign in plain for sign in TRANSIENT_TEXTS):
        return Transient(f"PAN-OS says: {text}", where, "the next run tries again", TRANSIENT_SECONDS)
    code = f" (code {envelope.code})" if envelope.code is not None else ""
    remedy = remedy_for(envelope.code)
    if any(sign in plain for sign in OVERRIDE_TEXTS):
        remedy = "a Panorama template pushed the object: change it in Panorama, or override it there for this firewall"
    return Refused(f"PAN-OS says: {text or 'no reason'}{code}", where, remedy, peer_code=envelope.code)


def _keygen(where: str) -> str:
    """The command that makes a new key, for the firewall that `where` begins with (model.firewall_title)."""
    named = re.match(r"firewall (.+?) \(", where)
    return f"run `paloaltoagent keygen --firewall {named.group(1) if named else 'NAME'}`"
