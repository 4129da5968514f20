"""Rules for the names that users write: host names, addresses, object names, free text."""

from __future__ import annotations

import ipaddress
import re
import unicodedata

from paloaltofw.configuration.rules import BadValue, Rule, string_schema, takes, text_schema
from paloaltofw.model.firewall_objects import CERTIFICATE_NAME_LIMIT, OBJECT_NAME_LIMIT

_CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_PANOS_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9 ._-]*")
PANOS_NAME_LIMIT = 63
# No document limits it (scm.md §2.2); the longest form that is in use for IDs, a UUID, has 36 characters.
SCM_PROFILE_ID_LIMIT = 100
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&*+/=?^_`{|}~-]{1,64}")
# Controls, format characters (bidi among them), surrogates, line and paragraph separators: none belongs into a name.
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp", "Co"}


def free_text(limit: int) -> Rule[str]:
    """A rule: one line of visible text, at most `limit` characters."""

    @takes(text_schema(minLength=1, maxLength=limit))
    def rule(text: str) -> str:
        text = unicodedata.normalize("NFC", text.strip())
        hidden = next((c for c in text if unicodedata.category(c) in _UNSEEN), None)
        if hidden is not None:
            raise BadValue(f"holds the invisible or control character U+{ord(hidden):04X}", "remove it")
        if not text:
            raise BadValue("is empty", "write a value or leave the key out")
        if len(text) > limit:
            raise BadValue(f"has {len(text)} characters", f"at most {limit}")
        return text

    return rule


@takes(text_schema(_CERTIFICATE_NAME.pattern, maxLength=CERTIFICATE_NAME_LIMIT))
def certificate_name(text: str) -> str:
    """A rule: a name for a certificate on the firewall that leaves room for the suffixes of its successors."""
    if not _CERTIFICATE_NAME.fullmatch(text):
        allowed = "letters, digits, - and _, beginning with a letter or digit"
        raise BadValue(f"{text!r} cannot be a certificate's name on the firewall", allowed)
    if len(text) > CERTIFICATE_NAME_LIMIT:
        allowed = f"at most {CERTIFICATE_NAME_LIMIT}: the device's {OBJECT_NAME_LIMIT} less the suffix of a successor"
        raise BadValue(f"{text!r} has {len(text)} characters", allowed)
    return text


@takes(text_schema(_PANOS_NAME.pattern, maxLength=PANOS_NAME_LIMIT))
def panos_name(text: str) -> str:
    """A rule: the name of an object or administrator that exists on a firewall."""
    if not _PANOS_NAME.fullmatch(text) or len(text) > PANOS_NAME_LIMIT:
        allowed = f"letters, digits, blank, . - _, at most {PANOS_NAME_LIMIT} characters"
        raise BadValue(f"{text!r} cannot be a name on PAN-OS", allowed)
    return text


@takes(text_schema(r"\s*\S+\s*", maxLength=SCM_PROFILE_ID_LIMIT, default=None))
def scm_profile_id(text: str) -> str:
    """A rule: the ID by which SCM knows one of the profiles of an account's endpoint."""
    name = free_text(SCM_PROFILE_ID_LIMIT)(text)
    if not name.isprintable() or any(character.isspace() for character in name):
        raise BadValue(f"{text!r} holds a blank", "write the ID as SCM shows it")
    return name


@takes(string_schema(r"(?:\*\.)?[^*\s/:@]+"))
def dns_name(text: str) -> str:
    """A rule: a host name, or `*.` and a host name; internationalised names become their A-labels (RFC 5891)."""
    if "://" in text:
        raise BadValue(f"{text!r} is a URL", "write the host name alone, for example www.example.com")
    wildcard, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if "*" in name:
        raise BadValue(
            f"{text!r} is not a host name", "a wildcard may only be the whole first label, as in *.example.com"
        )
    name = _to_ascii(name).lower()
    if name.endswith("."):
        raise BadValue(f"{text!r} ends with a dot", "remove it")
    labels = name.split(".")
    if len(name) > 253 - len(wildcard) or not all(_LABEL.fullmatch(label) for label in labels):
        raise BadValue(f"{text!r} is not a host name", "labels of letters, digits and -, joined by dots")
    if labels[-1].isdigit():
        raise BadValue(f"{text!r} is not a host name", "IP addresses stand under sans.ip")
    if wildcard and len(labels) < 2:
        raise BadValue(f"{text!r} is too wide a wildcard", "at least two labels behind *.")
    return wildcard + name


def _to_ascii(name: str) -> str:
    if name.isascii():
        return name
    import idna  # heavy, and rarely needed; comes with requests

    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        raise BadValue(f"{name!r} is not a valid internationalised name", "see RFC 5891") from None


@takes(string_schema(r"(?:\*\.)?[^*\s/:@]+"))
def common_name(text: str) -> str:
    """A rule: a subject's common name, which is a host name of at most 64 characters (RFC 5280, ub-common-name)."""
    name = dns_name(text)
    if len(name) > 64:
        raise BadValue(f"{text!r} has {len(name)} characters", "at most 64; longer names go only into sans.dns")
    return name


@takes(string_schema(r"\s*[0-9A-Fa-f:.]+(?:%\S+)?\s*"))
def ip_address(text: str) -> str:
    """A rule: an IPv4 or IPv6 address, in its canonical form."""
    try:
        return str(ipaddress.ip_address(text.strip()))
    except ValueError:
        raise BadValue(f"{text!r} is not an IP address", "for example 192.0.2.10 or 2001:db8::1") from None


@takes(string_schema(r"\s*[^@\s]+@[^@\s]+\s*"))
def email(text: str) -> str:
    """A rule: one e-mail address."""
    mailbox, at, host = text.strip().rpartition("@")
    if not at or not _MAILBOX.fullmatch(mailbox):
        raise BadValue(f"{text!r} is not an e-mail address", "for example admin@example.com")
    name = dns_name(host)
    if name.startswith("*") or len(mailbox) + len(name) > 254:
        raise BadValue(f"{text!r} is not an e-mail address", "for example admin@example.com")
    return f"{mailbox}@{name}"


@takes(string_schema())
def email_list(text: str) -> str:
    """A rule: comma-separated e-mail addresses, at most 512 characters (SslEnrollRequest.externalRequester)."""
    addresses = ",".join(email(part) for part in text.split(",") if part.strip())
    if len(addresses) > 512:
        raise BadValue(f"has {len(addresses)} characters", "at most 512")
    return addresses


@takes(string_schema("[A-Z]{2}"))
def country_code(text: str) -> str:
    """A rule: two letters (ISO 3166-1 alpha-2)."""
    if not re.fullmatch(r"[A-Z]{2}", text):
        raise BadValue(f"{text!r} is not a country code", "two capital letters, for example SK")
    return text
