"""What was requested, as one text: kept with an order, compared with the profile later.

The text is a version and a JSON object of normalised values. Names are sets: their order, and their case, mean nothing.
"""

from __future__ import annotations

import json

from paloaltofw.lifecycle.succession import requirements
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.pki.certificate import canonical_mail
from paloaltofw.pki.verification import Requirements

VERSION = "2"
_WORDS = {"subject": "subject", "dns": "names", "ip": "names", "email": "names", "key": "key"}


def requested_of(profile: CertificateProfile) -> str:
    """Return everything that goes into a CSR, as the text that an order keeps."""
    subject, sans = profile.subject, profile.sans
    wanted = {
        "subject": {
            "CN": subject.common_name.lower(), "O": subject.organization, "OU": sorted(subject.organizational_unit),
            "L": subject.locality, "ST": subject.state, "C": subject.country, "email": subject.email,
        },
        "dns": sorted({name.lower() for name in sans.dns}), "ip": sorted(set(sans.ip)),
        "email": sorted({canonical_mail(address) for address in sans.email}),
        "key": [profile.key.type, profile.key.bits],
    }  # fmt: skip
    return f"{VERSION} {json.dumps(wanted, sort_keys=True)}"


def _read(requested: str) -> dict[str, object] | None:
    """The values of a stored text; None for another version, which proves nothing."""
    version, _, body = requested.partition(" ")
    if version != VERSION:
        return None
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) and found.keys() == _WORDS.keys() else None


def change_since(requested: str, profile: CertificateProfile) -> str | None:
    """Say what of the profile was changed since something was requested; None if nothing was, or if nobody can tell."""
    before, now = _read(requested), _read(requested_of(profile))
    if before is None or now is None:
        return None
    changed = sorted({_WORDS[part] for part in now if now[part] != before[part]})
    return " and ".join(changed) if changed else None


def ordered_requirements(requested: str, profile: CertificateProfile) -> Requirements:
    """What an order has to give: what was requested then, or, where nobody can tell, what the profile asks for now."""
    found = _read(requested)
    if found is None:
        return requirements(profile)
    try:
        return _requirements(found, profile.type)
    except (TypeError, ValueError, KeyError):
        return requirements(profile)


def _requirements(found: dict[str, object], policy: str) -> Requirements:
    subject, key = found["subject"], found["key"]
    if not isinstance(subject, dict) or not isinstance(key, list):
        raise TypeError
    key_type, bits = key
    dns, ip, email = (_texts(found[kind]) for kind in ("dns", "ip", "email"))
    return Requirements(str(subject["CN"]), dns, ip, email, str(key_type), int(bits), policy)


def _texts(values: object) -> tuple[str, ...]:
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError
    return tuple(values)
