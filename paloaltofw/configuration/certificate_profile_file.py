"""Reads a certificate profile's file."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from paloaltofw.clock import HOUR
from paloaltofw.configuration.mistakes import other_kind
from paloaltofw.configuration.names import (
    certificate_name,
    common_name,
    country_code,
    dns_name,
    email,
    email_list,
    free_text,
    ip_address,
    panos_name,
    scm_profile_id,
)
from paloaltofw.configuration.problems import Findings, Position
from paloaltofw.configuration.rules import (
    BadValue,
    Rule,
    duration,
    integer,
    one_of,
    shape_of,
    string_schema,
    takes,
    text_schema,
)
from paloaltofw.configuration.serve_check_section import read_serve_check
from paloaltofw.configuration.yaml_document import Section, read_document
from paloaltofw.model.certificate_profile import HOOK_PATH, CertificateProfile, Hooks, KeySpec, Renewal, Sans, Subject

TYPES = ("DV", "OV", "EV")
RSA_SIZES = (2048, 3072, 4096)
_CURVES = {
    "P256": ("p256", "p256r1", "secp256r1", "prime256v1"),
    "P384": ("p384", "p384r1", "secp384r1"),
    "P521": ("p521", "p521r1", "secp521r1"),
}
# The comment's 1024 characters (SslEnrollRequest) less what the agent adds so that a person can find the order.
COMMENT_LIMIT = 1024 - 64
# A public certificate lives at most 398 days; a larger number is a typing error.
MAX_RENEW_DAYS = 397
FILE_STEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class LocatedProfile:
    """A profile with the places of the values that are checked against other files."""

    profile: CertificateProfile
    name_at: Position
    account_at: Position
    firewall_at: Position


def read_certificate_profile(path: Path, findings: Findings) -> LocatedProfile | None:
    """Read one profile; None, with the problems recorded, if anything in it is wrong."""
    before = len(findings.problems)
    document = read_document(path, findings)
    if document is None:
        return None
    if other := other_kind(document.keys(), "a certificate profile"):
        document.refuse("", *other)
        return None
    profile = profile_of(path.stem, document)
    document.close()
    if profile is None or len(findings.problems) > before:
        return None
    return LocatedProfile(profile, document.at("name"), document.at("account"), document.at("firewall"))


def profile_of(stem: str, document: Section) -> CertificateProfile | None:
    """What a document says, in the file of this name; None if it lacks something."""
    if not FILE_STEM.fullmatch(stem):
        allowed = "letters, digits, . - _, at most 100 characters"
        document.findings.add(document.position, "", f"the file name {stem!r} cannot name a profile", allowed)
    name = document.value("name", certificate_name) if document.has("name") else _name_of_file(stem, document)
    document.value("name", str)  # asked for in every case, so that `name:` without a value is no unknown key
    type_ = document.value("type", one_of(*TYPES), required=True)
    account = document.value("account", free_text(100), required=True)
    firewall = document.value("firewall", free_text(100), required=True)
    subject = _subject(document.section("subject", required=True))
    sans = _sans(document.section("sans"), subject)
    key = _key(document.section("key", required=True))
    renewal = _renewal(document.section("renewal"))
    scm = document.section("scm")
    custom_fields = _custom_fields(scm.section("custom_fields"))
    comments = scm.value_or("comments", _optional_text(COMMENT_LIMIT), "")
    requester = scm.value_or("external_requester", _optional(email_list), "")
    profile_id = scm.value_or("profile_id", scm_profile_id, "")
    scm.close()
    bind = document.section("bind")
    bound = tuple(dict.fromkeys(bind.values("ssl_tls_service_profiles", panos_name)))
    bind.close()
    serve_check = read_serve_check(document)
    hooks = _hooks(document)
    if name is None or type_ is None or account is None or firewall is None or subject is None or key is None:
        return None
    _check_wildcards(document, type_, sans)
    _warn_of_mail_addresses(document, sans)
    return CertificateProfile(
        id=stem, name=name, type=type_, account=account, firewall=firewall, subject=subject, sans=sans, key=key,
        renewal=renewal, custom_fields=custom_fields, comments=comments, external_requester=requester,
        ssl_tls_service_profiles=bound, scm_profile_id=profile_id, hooks=hooks,
        serve_check=serve_check,
    )  # fmt: skip


def _name_of_file(stem: str, document: Section) -> str | None:
    try:
        return certificate_name(stem)
    except BadValue as bad:
        allowed = f"{bad.allowed}; rename the file or write the key name"
        document.findings.add(document.position, "name", f"is taken from the file's name, but {bad.what}", allowed)
        return None


def _subject(section: Section) -> Subject | None:
    name = section.value("common_name", common_name, required=True)
    # Bounds of RFC 5280, appendix A.1.
    subject = Subject(
        common_name=name or "",
        organization=section.value("organization", free_text(64)),
        organizational_unit=section.values("organizational_unit", free_text(64)),
        locality=section.value("locality", free_text(128)),
        state=section.value("state", free_text(128)),
        country=section.value("country", country_code),
        email=section.value("email", email),
    )
    section.close()
    return subject if name else None


def _sans(section: Section, subject: Subject | None) -> Sans:
    names = section.values("dns", dns_name)
    common = (subject.common_name,) if subject else ()
    sans = Sans(
        dns=tuple(dict.fromkeys(common + names)),
        ip=tuple(dict.fromkeys(section.values("ip", ip_address))),
        email=tuple(dict.fromkeys(section.values("email", email))),
    )
    section.close()
    return sans


def _key(section: Section) -> KeySpec | None:
    type_ = section.value("type", one_of("RSA", "ECDSA"), required=True)
    bits = _rsa_bits(section) if type_ == "RSA" else _curve_bits(section)
    section.close()
    return KeySpec(type_, bits) if type_ and bits else None


def _rsa_bits(section: Section) -> int | None:
    if section.has("curve"):
        section.refuse("curve", "belongs to ECDSA keys", "an RSA key has size")
    section.value("curve", str)
    return section.value("size", _rsa_size, required=True)


@takes({"enum": [*RSA_SIZES, *map(str, RSA_SIZES)]})
def _rsa_size(text: str) -> int:
    if text not in {str(size) for size in RSA_SIZES}:
        raise BadValue(f"{text!r} is not allowed", f"allowed: {', '.join(map(str, RSA_SIZES))}")
    return int(text)


def _curve_bits(section: Section) -> int | None:
    if section.has("size") and section.has("type"):
        section.refuse("size", "belongs to RSA keys", "an ECDSA key has curve")
    section.value("size", str)
    bits = section.value("curve", _curve, required=section.has("type"))
    if bits == 521:
        # panos.md §4: PAN-OS offers two curves; what an order for a third one costs is known only afterwards.
        what = "PAN-OS offers P-256 and P-384 only; the firewall may refuse; use P384"
        section.findings.warnings.append(f"{section.at('curve')}: {section.full('curve')}: {what}")
    return bits


@takes({"anyOf": [{"enum": [*_CURVES]}, string_schema(r"[A-Za-z0-9-]*(?:256|384|521)[A-Za-z0-9-]*")]})
def _curve(text: str) -> int:
    plain = text.lower().replace("-", "")
    for name, spellings in _CURVES.items():
        if plain in spellings:
            return int(name[1:])
    raise BadValue(f"{text!r} is not allowed", "allowed: P256, P384, P521")


def _renewal(section: Section) -> Renewal:
    renewal = Renewal(
        auto=section.boolean("auto", default=True),
        renew_before_days=section.value("renew_before_days", integer(1, MAX_RENEW_DAYS)),
        key=section.value_or("key", one_of("rotate", "reuse"), "rotate"),
    )
    section.close()
    return renewal


def _hooks(document: Section) -> Hooks:
    section = document.section("hooks")
    hooks = Hooks(
        post_install=section.values("post_install", _program_text),
        timeout=section.value_or("timeout", duration(1, HOUR), 60.0),
    )
    section.close()
    if not hooks.post_install:
        return hooks
    if not hooks.post_install[0]:
        section.refuse("post_install", "begins with an empty text", "the program comes first")
        return hooks
    program = _program(document.path.parent, hooks.post_install[0])
    if shutil.which(program, path=HOOK_PATH) is None:
        # No error: a script that is gone must not keep certificates from being renewed.
        at = section.at("post_install")
        what = f"there is no program {program}, or it may not be executed; correct the path or its rights"
        document.findings.warnings.append(f"{at}: hooks.post_install: {what}")
    return replace(hooks, post_install=(program, *hooks.post_install[1:]))


def _program(folder: Path, text: str) -> str:
    """The program of a hook: a path as anywhere else in a file, or a name that is looked for where programs are."""
    return os.path.normpath(folder / Path(text).expanduser()) if "/" in text else text


@takes(text_schema(maxLength=4096))
def _program_text(text: str) -> str:
    if not text.isprintable() or len(text) > 4096:
        raise BadValue("holds a control character or is too long", "one item for the program and for each argument")
    return text


def _custom_fields(section: Section) -> tuple[tuple[str, str], ...]:
    fields = []
    for key in section.keys():  # noqa: SIM118 - a method of Section, not a dict
        value = section.value(key, free_text(256))
        if value is not None:
            fields.append((key, value))
    return tuple(fields)


def _optional(rule: Rule[str]) -> Rule[str]:
    @takes({key: value for key, value in shape_of(rule).schema.items() if key != "minLength"})
    def optional(text: str) -> str:
        return rule(text) if text.strip() else ""

    return optional


def _optional_text(limit: int) -> Rule[str]:
    return _optional(free_text(limit))


def _warn_of_mail_addresses(document: Section, sans: Sans) -> None:
    # CA/Browser Forum, Baseline Requirements 7.1.2.7.12: TLS certificates hold DNS names and IP addresses only.
    if sans.email:
        what = "a public CA leaves e-mail addresses out of TLS certificates, and then the certificate is refused"
        document.findings.warnings.append(f"{document.path}: sans.email: {what}")


def _check_wildcards(document: Section, type_: str, sans: Sans) -> None:
    # CA/Browser Forum, EV guidelines: no wildcard names in EV certificates.
    wildcards = [name for name in sans.dns if name.startswith("*.")]
    if type_ == "EV" and wildcards:
        document.refuse("type", f"EV certificates cannot hold the wildcard {wildcards[0]}", "use OV or remove the name")
