"""`keygen`: gets a firewall's API key and writes it into its profile."""

from __future__ import annotations

from paloaltofw.clock import Clock, SystemClock
from paloaltofw.configuration.gpg import Gpg, is_encryption_configured
from paloaltofw.configuration.profile_editor import ProfileFile, with_value
from paloaltofw.errors import AgentError
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.panos.client import PanosClient
from paloaltofw.panos.location import Scope
from paloaltofw.secret import Secret
from paloaltofw.workflows.session import Access, log_event

KEYGEN_EFFECT = (
    "A new API key ends every session of {admin} on the firewall (web interface and API), and may end its earlier\n"
    "key. The new key in turn ends when the password of {admin} changes, or a configured key lifetime is over."
)


def generate_api_key(file: ProfileFile, gpg: Gpg, password: Secret, encrypts: bool, clock: Clock) -> str:
    """Get an API key for the profile's administrator, write it into the profile, prove it; return a sentence.

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
    return PanosClient(profile.id, profile.url, key, profile.trust, profile.timeout, Scope(), clock)


def keygen(access: Access, password: str) -> str:
    """Get an API key and write it into the profile, while no run is at work whose key might end; return a sentence."""
    encrypts = is_encryption_configured(access.settings)
    access.store.prepare()
    with access.store.lock():
        done = generate_api_key(access.file, access.gpg, Secret(password), encrypts, SystemClock())
    log_event("firewall=%s a new API key of %s was generated", access.file.profile.id, access.file.profile.admin)
    return done
