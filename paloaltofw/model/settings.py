"""What config.yaml says, and everything that it leads to, as values."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from paloaltofw.clock import DAY
from paloaltofw.model.account import Account
from paloaltofw.model.certificate_profile import CertificateProfile
from paloaltofw.model.channels import Channel, Syslog
from paloaltofw.model.firewall_profile import FirewallProfile

DEFAULT_PENDING_ALARM = 7.0 * DAY


@dataclass(frozen=True)
class Settings:
    """What config.yaml says. Times are in seconds, paths absolute; None means that the default rule applies.

    `order_limit`: at most so many automatic orders of one profile in so many seconds.
    `pending_alarm`: how long an order may wait with nothing in service before it is a failure.
    """

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
    order_limit: tuple[int, float] | None = None
    pending_alarm: float = DEFAULT_PENDING_ALARM
    log_format: str = "text"
    syslog: Syslog | None = None
    notifications: tuple[Channel, ...] = ()
    metrics_textfile: Path | None = None


@dataclass(frozen=True)
class Configuration:
    """config.yaml and every file that it names, validated together."""

    settings: Settings
    accounts: dict[str, Account]
    firewalls: dict[str, FirewallProfile]
    certificates: dict[str, CertificateProfile]
    warnings: tuple[str, ...] = ()
