"""`keygen` and `trust`: how a firewall profile gets its API key and the pin of its TLS certificate."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import yaml

from paloaltofw.addresses import pin_text
from paloaltofw.clock import Clock
from paloaltofw.credentials import Secret
from paloaltofw.documents import Findings, suggestion
from paloaltofw.encryption import PASSPHRASE_VARIABLE, SUFFIX, Gpg, read_file
from paloaltofw.errors import AgentError, ConfigurationError, UsageError
from paloaltofw.firewall_profile import FirewallProfile, read_firewall_profile
from paloaltofw.panos import PanosClient, Scope
from paloaltofw.peer_certificate import presented
from paloaltofw.settings import Settings, firewall_names, sorted_problems

KEYGEN_EFFECT = (
    "A new API key ends every session of {admin} on the firewall (web interface and API), and may end its earlier\n"
    "key. The new key in turn ends when the password of {admin} changes, or a configured key lifetime is over."
)


@dataclass(frozen=True)
class ProfileFile:
    """A firewall profile that is about to be completed. `path` is its plain name, `content` its plain content."""

    path: Path
    content: bytes
    is_encrypted: bool
    profile: FirewallProfile

    @property
    def name(self) -> Path:
        """Where it lies now."""
        return self.path.with_name(self.path.name + SUFFIX) if self.is_encrypted else self.path


def open_profile(settings: Settings, gpg: Gpg, name: str, lacks: Collection[str]) -> ProfileFile:
    """Read a firewall profile, but for the values that are about to be written.

    Raises UsageError for an unknown name, ConfigurationError for anything else that is wrong in the file.
    """
    name = name.removesuffix(".yaml")
    known = firewall_names(settings)
    if name not in known:
        raise UsageError(f"--firewall {name}: there is no such profile", remedy=suggestion(name, known))
    path = settings.firewall_folder / f"{name}.yaml"
    is_encrypted = not path.exists()
    content = gpg.read(path.with_name(path.name + SUFFIX)) if is_encrypted else read_file(path)
    findings = Findings()
    profile = read_firewall_profile(path, findings, content, lacks)
    if profile is None:
        raise ConfigurationError(sorted_problems(findings))
    return ProfileFile(path, content, is_encrypted, profile)


def is_encryption_configured(settings: Settings) -> bool:
    """Whether config.yaml or the environment say how files are encrypted."""
    return bool(settings.gpg_recipient or settings.gpg_passphrase_file or os.environ.get(PASSPHRASE_VARIABLE))


def generate_api_key(file: ProfileFile, gpg: Gpg, password: Secret, encrypts: bool, clock: Clock) -> str:
    """Get an API key for the profile's administrator, write it into the profile, prove it; gives a sentence.

    That the profile can be written is tried before the firewall is asked, since the request may end the earlier key.
    """
    profile, is_encrypted = file.profile, file.is_encrypted or encrypts
    with_value(file, "api_key", "x")
    gpg.rewrite(file.path, file.content, is_encrypted)
    client = _client(profile, None, clock)
    try:
        key = client.generate_api_key(profile.admin, password)
    finally:
        client.close()
    try:
        written = gpg.rewrite(file.path, with_value(file, "api_key", key.reveal()), is_encrypted)
    except AgentError as error:
        what = f"the firewall made a new API key, but it could not be written: {error.what}"
        raise AgentError(what, error.where, "clear that up, then run keygen again") from None
    client = _client(profile, key, clock)
    try:
        info = client.version()
    finally:
        client.close()
    return f"{written} holds the new API key of {profile.admin} ({info.model}, PAN-OS {info.version})"


def _client(profile: FirewallProfile, key: Secret | None, clock: Clock) -> PanosClient:
    return PanosClient(profile.id, profile.url, key, profile.trust, profile.timeout, Scope(profile.vsys), clock)


@dataclass(frozen=True)
class Presented:
    """The certificate that a firewall presents. `fingerprint` is the SHA-256 in hex."""

    fingerprint: str
    text: str


def look_at_certificate(file: ProfileFile) -> Presented:
    """Connect to the firewall and read its certificate; no credential is sent. Raises Unreachable."""
    profile = file.profile
    der = presented(profile.url, profile.timeout)
    fingerprint = hashlib.sha256(der).hexdigest()
    lines = [f"firewall {profile.id} at {profile.url} presents", *_describe(der), f"  {pin_text(fingerprint)}"]
    pinned = profile.trust.pin
    if pinned:
        lines.append("which is pinned already" if pinned == fingerprint else f"pinned now is\n  {pin_text(pinned)}")
    return Presented(fingerprint, "\n".join(lines))


def _describe(der: bytes) -> list[str]:
    from paloaltofw.certificates import Unproven, parse_certificate_der

    try:
        certificate = parse_certificate_der(der)
    except Unproven as error:
        return [f"  a certificate that cannot be read ({error})"]
    names = sorted(certificate.names.all)
    return [
        f"  name     {certificate.names.common_name or 'none'}",
        f"  also     {', '.join(names[:10]) or 'none'}{' …' if len(names) > 10 else ''}",
        f"  issuer   {'itself' if certificate.is_self_issued else certificate.issuer}",
        f"  valid    {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}",
        f"  key      {certificate.key_type} {certificate.key_bits}",
    ]


def pin(file: ProfileFile, gpg: Gpg, fingerprint: str) -> str:
    """Write a pin into the profile; gives a sentence."""
    written = gpg.rewrite(file.path, with_value(file, "verify_tls", pin_text(fingerprint)), file.is_encrypted)
    return f"{written} pins {pin_text(fingerprint)}"


def with_value(file: ProfileFile, key: str, value: str) -> bytes:
    """The profile's text with one value replaced or added, and nothing else changed: comments stay.

    Raises AgentError where the file is written in a way that does not allow it.
    """
    text = file.content.decode("utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)  # nosec B101  # narrows a type
    new = _spliced(text, node, key, json.dumps(value))
    before = yaml.safe_load(text)
    try:
        after = yaml.safe_load(new)
    except yaml.YAMLError:
        after = None
    if after != {**before, key: value}:
        what = f"{key} cannot be written into the file as it is laid out"
        raise AgentError(what, str(file.path), f"give {key} a line of its own, like in the sample")
    return new.encode("utf-8")


def _spliced(text: str, node: yaml.MappingNode, key: str, value: str) -> str:
    for name, old in node.value:
        if name.value == key:
            start, end = old.start_mark.index, old.end_mark.index
            # A value that is missing ends where it begins, right after the colon.
            return f"{text[:start]}{' ' if start == end else ''}{value}{text[end:]}"
    body = text if text.endswith("\n") else text + "\n"
    return f"{body}{key}: {value}\n"
