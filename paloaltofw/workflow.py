"""From the command line's words to outcomes: load, ask for the licence, lock, execute."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import signal
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from paloaltofw import eula, logfile, settings
from paloaltofw.addresses import pin_text, read_pin
from paloaltofw.clock import Clock, SystemClock, format_time
from paloaltofw.credentials import Secret
from paloaltofw.documents import BadValue, parse_duration
from paloaltofw.errors import AgentError, NotTrusted, UsageError
from paloaltofw.reporting import TerminalProgress, say
from paloaltofw.settings import Configuration, Settings
from paloaltofw.storage import Store

if TYPE_CHECKING:
    from paloaltofw.access import Presented, ProfileFile
    from paloaltofw.certificate_profile import CertificateProfile
    from paloaltofw.encryption import Gpg
    from paloaltofw.lifecycle import Wish
    from paloaltofw.work import Outcome, Progress

# Multiplies every wait, so that the sandbox's quick firewalls need no patience. Heeded on loopback only: against real
# devices it would poll faster than they bear.
PACE_VARIABLE = "PALOALTOAGENT_SANDBOX_PACE"
Ask = Callable[[], str]


@dataclass(frozen=True)
class Options:
    """The options before the command."""

    config: str | None = None
    log_level: str | None = None
    accept_eula: bool = False
    is_debug: bool = False


@dataclass(frozen=True)
class Session:
    """A loaded configuration, the profiles that the command is about, and the clock."""

    configuration: Configuration
    profiles: list[CertificateProfile]
    clock: Clock
    store: Store


@dataclass(frozen=True)
class Access:
    """One firewall profile that `keygen` or `trust` completes."""

    file: ProfileFile
    gpg: Gpg
    settings: Settings
    store: Store


def open_session(options: Options, profiles: tuple[str, ...], firewalls: tuple[str, ...]) -> Session:
    """Load and validate everything, and begin the log; raises ConfigurationError and UsageError."""
    configuration = settings.load(settings.find_file(options.config), profiles, firewalls)
    selected = settings.select(configuration, profiles, firewalls)
    level = options.log_level or configuration.settings.log_level
    trouble = logfile.start(configuration.settings.log_file, level, options.is_debug)
    if trouble:
        say(f"warning: {trouble}", sys.stderr)
    _warn(configuration)
    return Session(configuration, selected, _clock(configuration), Store(configuration.settings.state))


def _warn(configuration: Configuration) -> None:
    import logging

    for warning in configuration.warnings:
        logging.getLogger("paloaltofw.events").warning("%s", warning)
        if sys.stderr.isatty():
            say(f"warning: {warning}", sys.stderr)


def _clock(configuration: Configuration) -> Clock:
    pace = os.environ.get(PACE_VARIABLE)
    hosts = [configuration.settings.scm_url, *(firewall.url for firewall in configuration.firewalls.values())]
    if not pace or not all(_is_loopback(urllib.parse.urlsplit(url).hostname or "") for url in hosts):
        return SystemClock()
    try:
        return SystemClock(min(1.0, max(0.0001, float(pace))))
    except ValueError:
        raise UsageError(f"{PACE_VARIABLE}={pace!r} is not a number") from None


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def ensure_eula(store: Store, options: Options, ask: Callable[[str], bool] | None) -> None:
    """See that the licence terms are accepted before anything is called."""
    eula.ensure_accepted(store, options.accept_eula, ask, format_time(SystemClock().now()))


def make_wish(session: Session, **wanted: bool) -> Wish:
    """A wish with the settings that decisions depend on."""
    from paloaltofw.lifecycle import Wish  # brings cryptography, which `check --offline` does without

    chosen = session.configuration.settings
    return Wish(hold_lost_orders=chosen.lost_answer == "hold", renew_before_days=chosen.renew_before_days, **wanted)  # type: ignore[arg-type]


def parse_wait(text: str | None, session: Session) -> float:
    """The --wait option, else the configured time; in seconds."""
    if text is None:
        return session.configuration.settings.issuance_wait
    try:
        return parse_duration(text)
    except BadValue as bad:
        raise UsageError(f"--wait: {bad.what}", remedy=bad.allowed) from None


def carry_out(session: Session, wish: Wish, wait: float) -> list[Outcome]:
    """Do the work, under the lock; raises LockHeld."""
    from paloaltofw.execution import Run, execute

    session.store.prepare()
    with session.store.lock(), _progress() as progress, _ended_by_interrupt():
        run = Run(session.configuration, wish, session.clock, wait, progress=progress)
        return execute(run, session.profiles)


def plan(session: Session, wish: Wish, asks_orders: bool = False) -> list[Outcome]:
    """Say what would be done, changing nothing anywhere; `asks_orders`: ask SCM how open orders stand."""
    from paloaltofw.execution import Run, execute

    run = Run(session.configuration, wish, session.clock, 0.0, is_dry=True, asks_orders=asks_orders)
    return execute(run, session.profiles)


@contextlib.contextmanager
def _progress() -> Iterator[Progress]:
    from paloaltofw.work import Silent

    if not sys.stderr.isatty():
        yield Silent()
        return
    progress = TerminalProgress(sys.stderr)
    try:
        yield progress
    finally:
        progress.close()


@contextlib.contextmanager
def _ended_by_interrupt() -> Iterator[None]:
    """Ctrl-C ends the work at once: every step is on the disk before it is made, as for a power cut.

    The process ends by the signal, so that a shell's loop around it ends too.
    """

    def end(number: int, frame: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        with contextlib.suppress(RuntimeError):  # the main thread may have been writing when the signal came
            say("\ninterrupted; the next run goes on from here", sys.stderr)
            _event("interrupted")
        os.kill(os.getpid(), number)

    earlier = signal.signal(signal.SIGINT, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, earlier)


# RFC 5280 §5.3.1, the subset that SCM's RevokeRequest takes.
REASON_CODES = {
    "unspecified": 0,
    "keyCompromise": 1,
    "affiliationChanged": 3,
    "superseded": 4,
    "cessationOfOperation": 5,
}


def revocable_id(session: Session) -> str:
    """The saved certificate ID of the one selected profile; raises UsageError if there is none."""
    profile = session.profiles[0]
    certificate_id = session.store.certificate_id(profile.id)
    if certificate_id is None:
        where = str(session.store.folder / f"{profile.id}.ids")
        raise UsageError(f"no certificate ID of {profile.id} is saved", where, "revoke it in the SCM portal")
    return certificate_id


def revoke(session: Session, certificate_id: str, reason: str) -> None:
    """Revoke a certificate at SCM, and remember it, so that the next run replaces it."""
    from paloaltofw.execution import revoke_certificate

    session.store.prepare()
    with session.store.lock():
        revoke_certificate(
            session.configuration, session.profiles[0], certificate_id, REASON_CODES[reason], session.clock
        )


def open_access(options: Options, firewall: str, lacks: tuple[str, ...], ask: Ask | None) -> Access:
    """A firewall profile to be completed; raises UsageError and ConfigurationError."""
    from paloaltofw import access
    from paloaltofw.encryption import Gpg

    chosen = settings.load_settings(settings.find_file(options.config))
    gpg = Gpg(chosen.gpg_recipient, chosen.gpg_passphrase_file, chosen.gpg_home, ask)
    logfile.start(chosen.log_file, options.log_level or chosen.log_level, options.is_debug)
    return Access(access.open_profile(chosen, gpg, firewall, lacks), gpg, chosen, Store(chosen.state))


def keygen(access: Access, password: str) -> str:
    """Get an API key and write it into the profile, while no run is at work whose key might end; gives a sentence."""
    from paloaltofw.access import generate_api_key, is_encryption_configured

    encrypts = is_encryption_configured(access.settings)
    access.store.prepare()
    with access.store.lock():
        done = generate_api_key(access.file, access.gpg, Secret(password), encrypts, SystemClock())
    _event("firewall=%s a new API key of %s was generated", access.file.profile.id, access.file.profile.admin)
    return done


def parse_fingerprint(text: str | None) -> str | None:
    """The --fingerprint option, with or without `sha256:`; raises UsageError."""
    if text is None:
        return None
    try:
        return read_pin(text if text.lower().startswith("sha256:") else f"sha256:{text}")
    except BadValue as bad:
        raise UsageError(f"--fingerprint: {bad.what}", remedy=bad.allowed) from None


def ensure_expected(access: Access, presented: Presented, expected: str | None) -> None:
    """Refuse to pin another certificate than the expected one; raises NotTrusted."""
    if expected in (None, presented.fingerprint):
        return
    what = f"it presents {pin_text(presented.fingerprint)}, not the fingerprint given"
    where = f"firewall {access.file.profile.id}, {access.file.profile.url}"
    raise NotTrusted(what, where, "nothing was written; find out what answers there")


def pin(access: Access, fingerprint: str) -> str:
    """Write the pin into the profile; gives a sentence."""
    from paloaltofw.access import pin as write_pin

    done = write_pin(access.file, access.gpg, fingerprint)
    _event("firewall=%s its TLS certificate is pinned: %s", access.file.profile.id, fingerprint)
    return done


def _event(text: str, *details: object) -> None:
    import logging

    logging.getLogger("paloaltofw.events").info(text, *details)


def convert(options: Options, direction: str, files: tuple[str, ...], ask: Ask | None) -> Iterator[tuple[str, bool]]:
    """Encrypt or decrypt files in place; gives a sentence for each, and whether it went well."""
    from paloaltofw.encryption import SUFFIX, Gpg

    chosen = settings.load_settings(settings.find_file(options.config))
    gpg = Gpg(chosen.gpg_recipient, chosen.gpg_passphrase_file, chosen.gpg_home, ask)
    for path in [Path(name.removesuffix(SUFFIX)) for name in files] or settings.credential_files(chosen):
        try:
            yield (gpg.encrypt_file(path) if direction == "encrypt" else gpg.decrypt_file(path)), True
        except AgentError as error:
            yield str(error), False
