"""Reads config.yaml and every file that it names, and validates them together."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from paloaltofw.configuration.certificate_profile_file import LocatedProfile, read_certificate_profile
from paloaltofw.configuration.credentials_file import read_accounts
from paloaltofw.configuration.cross_checks import (
    check_collisions,
    check_references,
    warn_of_open_tls,
    warn_of_twins,
)
from paloaltofw.configuration.firewall_profile_file import read_firewall_profile
from paloaltofw.configuration.gpg import ENCRYPTED_SUFFIX
from paloaltofw.configuration.problems import Findings, Position, sorted_problems
from paloaltofw.configuration.profile_names import firewall_names
from paloaltofw.configuration.rules import suggestion
from paloaltofw.configuration.settings_file import position_of, read_settings
from paloaltofw.errors import AgentError, ConfigurationError, UsageError
from paloaltofw.model.account import Account
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.settings import Configuration, Settings


def load(file: Path, profiles: tuple[str, ...] = (), firewalls: tuple[str, ...] = ()) -> Configuration:
    """Read and validate every file; raises ConfigurationError with all problems of all files.

    The names of selected profiles and firewalls only spare work: encrypted profiles of firewalls that are not selected
    are not decrypted.
    """
    findings = Findings()
    settings = read_settings(file, findings)
    if settings is None:
        raise ConfigurationError(sorted_problems(findings))
    placed = _certificates(settings, findings)
    decrypt = _decryption(settings)
    accounts = _accounts(settings, decrypt, findings)
    wanted = _wanted_firewalls(placed, profiles, firewalls)
    firewalls_read = _firewalls(settings, wanted, decrypt, findings)
    return _assemble(settings, accounts, firewalls_read, placed, findings)


def _assemble(
    settings: Settings,
    accounts: dict[str, Account],
    firewalls: dict[str, FirewallProfile | None],
    placed: list[LocatedProfile],
    findings: Findings,
) -> Configuration:
    check_references(placed, accounts, firewalls, findings, settings)
    check_collisions(placed, firewalls, findings)
    warn_of_open_tls(firewalls, findings)
    warn_of_twins(placed, firewalls, findings)
    if findings.problems:
        raise ConfigurationError(sorted_problems(findings))
    certificates = {item.profile.id: item.profile for item in placed}
    known = {id_: profile for id_, profile in firewalls.items() if profile is not None}
    return Configuration(settings, accounts, known, certificates, tuple(findings.warnings))


def _decryption(settings: Settings) -> Callable[[Path], bytes]:
    def decrypt(path: Path) -> bytes:
        from paloaltofw.configuration.gpg import Gpg

        return Gpg(settings.gpg_recipient, settings.gpg_passphrase_file, settings.gpg_home).read(path)

    return decrypt


def credential_files(settings: Settings) -> list[Path]:
    """The SCM credentials file and every firewall profile, under their plain names."""
    folder = settings.firewall_folder
    return [settings.credentials, *(folder / f"{name}.yaml" for name in firewall_names(folder))]


def _accounts(settings: Settings, decrypt: Callable[[Path], bytes], findings: Findings) -> dict[str, Account]:
    path = settings.credentials
    encrypted = path.with_name(path.name + ENCRYPTED_SUFFIX)
    if encrypted.exists() and path.exists():
        findings.add(Position(path, 1, 1), "", f"{encrypted.name} is there too", "delete the one that is out of date")
        return {}
    if not encrypted.exists() and not path.exists():
        position = position_of(settings.file, "scm.credentials")
        findings.add(position, "scm.credentials", f"there is no file {path}", "correct the path, or put the file there")
        return {}
    content = _decrypted(encrypted, decrypt, findings) if encrypted.exists() else None
    if encrypted.exists() and content is None:
        return {}
    return read_accounts(path, settings.scm_url, findings, content)


def _decrypted(path: Path, decrypt: Callable[[Path], bytes], findings: Findings) -> bytes | None:
    try:
        return decrypt(path)
    except AgentError as error:
        findings.add(Position(path, 1, 1), "", error.what, error.remedy)
        return None


def _wanted_firewalls(
    placed: list[LocatedProfile], profiles: tuple[str, ...], firewalls: tuple[str, ...]
) -> set[str] | None:
    """Names of the firewalls that the selection needs; None for all."""
    if not profiles and not firewalls:
        return None
    names = {name.removesuffix(".yaml") for name in profiles}
    places = {name.removesuffix(".yaml") for name in firewalls}
    used = {item.profile.firewall for item in placed if item.profile.id in names}
    return used & places if names and places else used | places


def _profile_files(
    settings: Settings, key: str, findings: Findings, suffixes: tuple[str, ...] = (".yaml",)
) -> list[Path]:
    """Every profile of a folder; a missing folder is a problem, where config.yaml names it, and an empty one too."""
    folder = settings.firewall_folder if key == "profiles.firewalls" else settings.certificate_folder
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        what = f"the folder {folder} cannot be read: {error.strerror}"
        findings.add(position_of(settings.file, key), key, what, "correct the path or the folder's rights")
        return []
    files = [folder / name for name in names if name.endswith(suffixes) and not name.startswith(".")]
    for name in names:
        if name.endswith(".yml"):
            findings.add(Position(folder / name, 1, 1), "", "profiles end in .yaml", f"rename it to {name[:-4]}.yaml")
    if not files:
        findings.add(Position(folder, 1, 1), "", "the folder holds no profile", "put at least one NAME.yaml there")
    return files


def _firewalls(
    settings: Settings, wanted: set[str] | None, decrypt: Callable[[Path], bytes], findings: Findings
) -> dict[str, FirewallProfile | None]:
    """Name -> profile; None for one that is wrong or was not decrypted, so that it is not reported as missing too."""
    found: dict[str, FirewallProfile | None] = {}
    for path in _profile_files(settings, "profiles.firewalls", findings, (".yaml", ".yaml" + ENCRYPTED_SUFFIX)):
        name = path.name.removesuffix(ENCRYPTED_SUFFIX).removesuffix(".yaml")
        if name in found:
            what = f"{name}.yaml and {name}.yaml{ENCRYPTED_SUFFIX} are both there"
            findings.add(Position(path, 1, 1), "", what, "delete the one that is out of date")
            continue
        found[name] = None
        if path.suffix != ENCRYPTED_SUFFIX:
            found[name] = read_firewall_profile(path, findings)
        elif wanted is None or name in wanted:
            content = _decrypted(path, decrypt, findings)
            if content is not None:
                found[name] = read_firewall_profile(path.with_suffix(""), findings, content)
    return found


def _certificates(settings: Settings, findings: Findings) -> list[LocatedProfile]:
    files = _profile_files(settings, "profiles.certificates", findings)
    read = (read_certificate_profile(path, findings) for path in files)
    return [placed for placed in read if placed is not None]


def select(
    configuration: Configuration, profiles: tuple[str, ...], firewalls: tuple[str, ...]
) -> list[CertificateProfile]:
    """The certificate profiles that the options name (all without options); raises UsageError for unknown names."""
    wanted = [_known(name.removesuffix(".yaml"), configuration.certificates, "--profile") for name in profiles]
    places = [_known(name.removesuffix(".yaml"), configuration.firewalls, "--firewall") for name in firewalls]
    return [
        profile
        for profile in configuration.certificates.values()
        if (not wanted or profile.id in wanted) and (not places or profile.firewall in places)
    ]


def _known(name: str, known: dict[str, CertificateProfile] | dict[str, FirewallProfile], option: str) -> str:
    if name not in known:
        raise UsageError(f"{option} {name}: there is no such profile", remedy=suggestion(name, known))
    return name
