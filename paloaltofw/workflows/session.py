"""Opens a session: loads the configuration, begins the log, selects profiles."""

from __future__ import annotations

import ipaddress
import os
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from paloaltofw.clock import Clock, SystemClock
from paloaltofw.configuration.loader import load, select
from paloaltofw.configuration.settings_file import find_file, load_settings
from paloaltofw.errors import StateError, UsageError
from paloaltofw.model.settings import Configuration, Settings
from paloaltofw.reporting import logfile
from paloaltofw.reporting.terminal import say
from paloaltofw.storage.store import Store

if TYPE_CHECKING:
    from paloaltofw.configuration.gpg import Gpg
    from paloaltofw.configuration.profile_editor import ProfileFile
    from paloaltofw.model.certificate_profile import CertificateProfile

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
    """A loaded configuration, the profiles that the command is about, and the clock.

    `leftovers`: sentences about state whose profile is not there any more, and about features that lack a library.
    """

    configuration: Configuration
    profiles: list[CertificateProfile]
    clock: Clock
    store: Store
    leftovers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Access:
    """One firewall profile that `keygen` or `trust` completes."""

    file: ProfileFile
    gpg: Gpg
    settings: Settings
    store: Store


def open_session(options: Options, profiles: tuple[str, ...], firewalls: tuple[str, ...]) -> Session:
    """Load and validate everything, and begin the log; raises ConfigurationError and UsageError."""
    configuration = load(find_file(options.config), profiles, firewalls)
    selected = select(configuration, profiles, firewalls)
    trouble = logfile.start_as(configuration.settings, options.log_level, options.is_debug)
    if trouble:
        say(f"warning: {trouble}", sys.stderr)
    _warn(configuration)
    store = Store(configuration.settings.state)
    leftovers = (*_leftovers(configuration, store), *_missing(configuration.settings))
    return Session(configuration, selected, _clock(configuration), store, leftovers)


def _leftovers(configuration: Configuration, store: Store) -> Iterator[str]:
    """Say what the state folder knows of profiles that are gone: nobody watches their certificates and orders."""
    import logging

    from paloaltofw.storage.inventory import known_profiles

    try:
        kept = known_profiles(store)
    except StateError:
        return  # told where the state is needed
    for name in kept:
        if name in configuration.certificates:
            continue
        what = f"{store.folder} knows a profile {name} that has no file (renamed, deleted?)"
        remedy = f"give the file its name back, or end it with `paloaltoagent forget -p {name}`"
        text = f"{what}, so nobody renews its certificate; {remedy}"
        logging.getLogger("paloaltofw.events").warning("%s", text)
        yield text


def _missing(settings: Settings) -> Iterator[str]:
    """Say which features are configured and cannot work: nobody would miss a message that is never sent."""
    import importlib.util
    import logging

    wanted = (
        (bool(settings.notifications), "apprise", "notifications are configured, but Apprise"),
        (settings.metrics_textfile is not None, "prometheus_client", "metrics.textfile is set, but prometheus_client"),
    )
    for is_on, library, what in wanted:
        if is_on and importlib.util.find_spec(library) is None:
            text = f"{settings.file}: {what} is not installed; run: pip install {library.replace('_', '-')}"
            logging.getLogger("paloaltofw.events").warning("%s", text)
            if not sys.stderr.isatty():
                say(f"warning: {text}", sys.stderr)  # on a terminal each command says it
            yield text


def _warn(configuration: Configuration) -> None:
    import logging

    for warning in configuration.warnings:
        logging.getLogger("paloaltofw.events").warning("%s", warning)
        if sys.stderr.isatty():
            say(f"warning: {warning}", sys.stderr)


def _clock(configuration: Configuration) -> Clock:
    pace = os.environ.get(PACE_VARIABLE)
    hosts = [
        configuration.settings.scm_url,
        *(url for firewall in configuration.firewalls.values() for url in firewall.urls),
    ]
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


def open_access(options: Options, firewall: str, lacks: str, ask: Ask | None, of_peer: bool = False) -> Access:
    """A firewall profile whose `lacks` (`api_key` or `verify_tls`) is to be written; `of_peer`: that of the other unit.

    Raises UsageError and ConfigurationError.
    """
    from paloaltofw.configuration.gpg import Gpg
    from paloaltofw.configuration.profile_editor import open_profile

    chosen = load_settings(find_file(options.config))
    gpg = Gpg(chosen.gpg_recipient, chosen.gpg_passphrase_file, chosen.gpg_home, ask)
    logfile.start_as(chosen, options.log_level, options.is_debug)
    return Access(open_profile(chosen, gpg, firewall, lacks, of_peer), gpg, chosen, Store(chosen.state))


def log_event(text: str, *details: object) -> None:
    """Write one main event to the log."""
    import logging

    logging.getLogger("paloaltofw.events").info(text, *details)


def warn_event(text: str, *details: object) -> None:
    """The same for what a person should look at."""
    import logging

    logging.getLogger("paloaltofw.events").warning(text, *details)
