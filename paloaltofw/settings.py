"""config.yaml: where it is found, what it holds, and everything that it leads to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.addresses import check_pem, scm_url, token_url
from paloaltofw.certificate_profile import CertificateProfile, Placed, read_certificate_profile
from paloaltofw.credentials import Account, read_accounts
from paloaltofw.documents import (
    BadValue,
    Findings,
    Position,
    Problem,
    Rule,
    Section,
    duration,
    expand,
    integer,
    one_of,
    read_document,
    suggestion,
)
from paloaltofw.errors import AgentError, ConfigurationError, UsageError
from paloaltofw.firewall_profile import FirewallProfile, read_firewall_profile
from paloaltofw.values import email, free_text

ENVIRONMENT_VARIABLE = "sectigo_pycert_config"
DEFAULT_FILE = Path(__file__).resolve().parent / "config.yaml"
DEFAULT_TOKEN_URL = "https://auth.sso.sectigo.com/auth/realms/apiclients/protocol/openid-connect/token"  # nosec B105  # no password
ENCRYPTED_SUFFIX = ".gpg"
# Each firewall waits mostly for its own management plane; this many at a time keep a small host busy but not pressed.
DEFAULT_CONCURRENCY = 64
LEVELS = ("debug", "info", "warning", "error")


@dataclass(frozen=True)
class Settings:
    """What config.yaml says. Times are in seconds, paths absolute; None means that the default rule applies."""

    file: Path
    scm_url: str
    token_url: str
    credentials: Path
    ca_bundle: Path | None
    scm_timeout: float
    certificate_folder: Path
    firewall_folder: Path
    state: Path
    concurrency: int
    log_level: str
    log_file: Path
    issuance_wait: float
    lost_answer: str
    revocation_check: float
    renew_before_days: int | None
    gpg_recipient: str | None
    gpg_passphrase_file: Path | None
    gpg_home: Path | None


@dataclass(frozen=True)
class Configuration:
    """config.yaml and every file that it names, validated together."""

    settings: Settings
    accounts: dict[str, Account]
    firewalls: dict[str, FirewallProfile]
    certificates: dict[str, CertificateProfile]
    warnings: tuple[str, ...] = ()


def find_file(option: str | None) -> Path:
    """`--config`, else the environment variable, else config.yaml beside the program."""
    return Path(option or os.environ.get(ENVIRONMENT_VARIABLE) or DEFAULT_FILE).expanduser().absolute()


def load_settings(file: Path) -> Settings:
    """Read and validate config.yaml alone; raises ConfigurationError."""
    findings = Findings()
    settings = _read_settings(file, findings)
    if settings is None or findings.problems:
        raise ConfigurationError(sorted_problems(findings))
    return settings


def _read_settings(file: Path, findings: Findings) -> Settings | None:
    document = read_document(file, findings)
    return _settings(file, document, findings) if document else None


def load(file: Path, profiles: tuple[str, ...] = (), firewalls: tuple[str, ...] = ()) -> Configuration:
    """Read and validate every file; raises ConfigurationError with all problems of all files.

    The names of selected profiles and firewalls only spare work: encrypted profiles of firewalls that are not selected
    are not decrypted.
    """
    findings = Findings()
    settings = _read_settings(file, findings)
    if settings is None:
        raise ConfigurationError(sorted_problems(findings))
    placed = _certificates(settings.certificate_folder, findings)
    decrypt = _decryption(settings)
    accounts = _accounts(settings, decrypt, findings)
    wanted = _wanted_firewalls(placed, profiles, firewalls)
    firewalls_read = _firewalls(settings.firewall_folder, wanted, decrypt, findings)
    return _assemble(settings, accounts, firewalls_read, placed, findings)


def _assemble(
    settings: Settings,
    accounts: dict[str, Account],
    firewalls: dict[str, FirewallProfile | None],
    placed: list[Placed],
    findings: Findings,
) -> Configuration:
    _check_references(placed, accounts, firewalls, findings, settings)
    _check_collisions(placed, firewalls, findings)
    _warn_of_open_tls(firewalls, findings)
    if findings.problems:
        raise ConfigurationError(sorted_problems(findings))
    certificates = {item.profile.id: item.profile for item in placed}
    known = {id_: profile for id_, profile in firewalls.items() if profile is not None}
    return Configuration(settings, accounts, known, certificates, tuple(findings.warnings))


def _decryption(settings: Settings) -> Callable[[Path], bytes]:
    def decrypt(path: Path) -> bytes:
        from paloaltofw.encryption import Gpg  # only where something is encrypted

        return Gpg(settings.gpg_recipient, settings.gpg_passphrase_file, settings.gpg_home).read(path)

    return decrypt


def credential_files(settings: Settings) -> list[Path]:
    """The SCM credentials file and every firewall profile, under their plain names."""
    return [settings.credentials, *(settings.firewall_folder / f"{name}.yaml" for name in firewall_names(settings))]


def firewall_names(settings: Settings) -> list[str]:
    """The names of all firewall profiles, plain or encrypted."""
    files = os.listdir(settings.firewall_folder) if settings.firewall_folder.is_dir() else []
    plain = {name.removesuffix(ENCRYPTED_SUFFIX) for name in files if not name.startswith(".")}
    return sorted(name.removesuffix(".yaml") for name in plain if name.endswith(".yaml"))


def _accounts(settings: Settings, decrypt: Callable[[Path], bytes], findings: Findings) -> dict[str, Account]:
    path = settings.credentials
    encrypted = path.with_name(path.name + ENCRYPTED_SUFFIX)
    if encrypted.exists() and path.exists():
        findings.add(Position(path, 1, 1), "", f"{encrypted.name} is there too", "delete the one that is out of date")
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


def _wanted_firewalls(placed: list[Placed], profiles: tuple[str, ...], firewalls: tuple[str, ...]) -> set[str] | None:
    """Names of the firewalls that the selection needs; None for all."""
    if not profiles and not firewalls:
        return None
    names = {name.removesuffix(".yaml") for name in profiles}
    places = {name.removesuffix(".yaml") for name in firewalls}
    used = {item.profile.firewall for item in placed if item.profile.id in names}
    return used & places if names and places else used | places


def sorted_problems(findings: Findings) -> list[Problem]:
    """The problems in the order of files and lines."""
    return sorted(findings.problems, key=lambda p: (str(p.position.path), p.position.line, p.position.column, p.key))


def _settings(file: Path, document: Section, findings: Findings) -> Settings | None:
    before = len(findings.problems)
    base = file.parent
    scm = document.section("scm", required=True)
    profiles, state = document.section("profiles"), document.section("state")
    logs, issuance = document.section("logging"), document.section("issuance")
    renewal, encryption = document.section("renewal"), document.section("encryption")
    path = _path(base)
    settings = Settings(
        file=file,
        scm_url=scm.value("url", scm_url, required=True) or "",
        token_url=scm.value_or("token_url", token_url, DEFAULT_TOKEN_URL),
        credentials=scm.value_or("credentials", path, base / "profiles/sectigo_credentials.yaml"),
        ca_bundle=scm.value("ca_bundle", _pem_file(base)),
        scm_timeout=scm.value_or("timeout", duration(1, 3600), 30.0),
        certificate_folder=profiles.value_or("certificates", path, base / "profiles/certificates"),
        firewall_folder=profiles.value_or("firewalls", path, base / "profiles/firewalls"),
        state=state.value_or("path", path, base / "state"),
        concurrency=document.value_or("concurrency", integer(1, 500), DEFAULT_CONCURRENCY),
        log_level=logs.value_or("level", one_of(*LEVELS), "info"),
        log_file=logs.value_or("path", path, base / "logs") / logs.value_or("file", _file_name, "paloaltoagent.log"),
        issuance_wait=issuance.value_or("wait", duration(0, 86400), 300.0),
        lost_answer=issuance.value_or("lost_answer", one_of("resubmit", "hold"), "resubmit"),
        revocation_check=issuance.value_or("revocation_check", _revocation_check, 12 * 3600.0),
        renew_before_days=renewal.value("renew_before_days", integer(1, 397)),
        gpg_recipient=encryption.value("recipient", _recipient),
        gpg_passphrase_file=encryption.value("passphrase_file", path),
        gpg_home=encryption.value("gnupg_home", path),
    )
    for section in (scm, profiles, state, logs, issuance, renewal, encryption, document):
        section.close()
    # Without these the other files cannot be found; what stands in them is validated even if a value here is wrong.
    if not settings.scm_url and len(findings.problems) == before:
        return None
    return settings


def _path(base: Path) -> Rule[Path]:
    def rule(text: str) -> Path:
        expanded = expand(text.strip())
        if not expanded or not expanded.isprintable():
            raise BadValue(f"{text!r} is not a path", "a path, relative to this file or absolute")
        return Path(os.path.normpath(base / Path(expanded).expanduser()))

    return rule


def _pem_file(base: Path) -> Rule[Path]:
    def rule(text: str) -> Path:
        path = _path(base)(text)
        check_pem(path)
        return path

    return rule


def _file_name(text: str) -> str:
    name = free_text(255)(text)
    if "/" in name or name in (".", ".."):
        raise BadValue(f"{text!r} is not a file name", "the folder stands under logging.path")
    return name


def _revocation_check(text: str) -> float:
    return float("inf") if text == "never" else duration(0, 366 * 86400)(text)


def _recipient(text: str) -> str:
    name = free_text(255)(text)
    if name.startswith("-"):
        raise BadValue(f"{text!r} is not a GPG key ID or e-mail address", "for example admin@example.com")
    return name if "@" not in name else email(name)


def _profile_files(folder: Path, key: str, findings: Findings, suffixes: tuple[str, ...] = (".yaml",)) -> list[Path]:
    """Every profile of a folder; a missing folder is a problem, an empty one too."""
    try:
        names = sorted(os.listdir(folder))
    except OSError as error:
        findings.add(
            Position(folder, 1, 1), "", f"the folder cannot be read: {error.strerror}", f"see {key} in config.yaml"
        )
        return []
    files = [folder / name for name in names if name.endswith(suffixes) and not name.startswith(".")]
    for name in names:
        if name.endswith(".yml"):
            findings.add(Position(folder / name, 1, 1), "", "profiles end in .yaml", f"rename it to {name[:-4]}.yaml")
    if not files:
        findings.add(Position(folder, 1, 1), "", "the folder holds no profile", "put at least one NAME.yaml there")
    return files


def _firewalls(
    folder: Path, wanted: set[str] | None, decrypt: Callable[[Path], bytes], findings: Findings
) -> dict[str, FirewallProfile | None]:
    """Name -> profile; None for one that is wrong or was not decrypted, so that it is not reported as missing too."""
    found: dict[str, FirewallProfile | None] = {}
    for path in _profile_files(folder, "profiles.firewalls", findings, (".yaml", ".yaml" + ENCRYPTED_SUFFIX)):
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


def _certificates(folder: Path, findings: Findings) -> list[Placed]:
    files = _profile_files(folder, "profiles.certificates", findings)
    read = (read_certificate_profile(path, findings) for path in files)
    return [placed for placed in read if placed is not None]


def _check_references(
    placed: list[Placed],
    accounts: dict[str, Account],
    firewalls: dict[str, FirewallProfile | None],
    findings: Findings,
    settings: Settings,
) -> None:
    for item in placed:
        profile = item.profile
        if profile.account not in accounts and accounts:
            what = f"{profile.account!r} is not in {settings.credentials}"
            findings.add(item.account_at, "account", what, suggestion(profile.account, accounts))
        if profile.firewall not in firewalls and firewalls:
            what = f"there is no firewall profile {profile.firewall!r} in {settings.firewall_folder}"
            findings.add(item.firewall_at, "firewall", what, suggestion(profile.firewall, firewalls))


def _check_collisions(placed: list[Placed], firewalls: dict[str, FirewallProfile | None], findings: Findings) -> None:
    """Refuse names that are equal to, or look like successors of, another profile's name on the same device.

    Two firewall profiles may name one device with different scopes; the order in which shared and vsys shadow each
    other is not known (fact sheet §8), so the address alone decides.
    """
    taken: dict[tuple[str, str], Placed] = {}
    for item in placed:
        firewall = firewalls.get(item.profile.firewall)
        device = firewall.url if firewall else item.profile.firewall
        if (device, item.profile.name) in taken:
            other = taken[device, item.profile.name].profile.id
            findings.add(
                item.name_at, "name", f"{item.profile.name!r} is the name of profile {other} too", "choose another"
            )
        taken.setdefault((device, item.profile.name), item)
    for (device, name), item in taken.items():
        stem, dash, number = name.rpartition("-")
        if dash and number.isdigit() and (device, stem) in taken:
            other = taken[device, stem].profile.id
            what = f"{name!r} could be a successor of profile {other}'s certificate {stem!r}"
            findings.add(item.name_at, "name", what, "choose a name that does not end in a number")


def _warn_of_open_tls(firewalls: dict[str, FirewallProfile | None], findings: Findings) -> None:
    for profile in firewalls.values():
        if profile and profile.trust.off:
            what = f"firewall {profile.id}: verify_tls is false, so anybody on the way can read its API key"
            findings.warnings.append(f"{what}; pin the certificate with sha256:… instead")


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
