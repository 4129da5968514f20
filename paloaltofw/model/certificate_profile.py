"""The certificate profile: one certificate, as the user wants it."""

from __future__ import annotations

from dataclasses import dataclass, field

from paloaltofw.model.serve_check import ServeCheck

# Where the program of a hook is looked for if it is not a path; cron's own PATH is shorter.
HOOK_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True)
class KeySpec:
    """Type and size of a key: RSA with its bits, ECDSA with the bits of its curve (256, 384, 521).

    How it is written: configuration/certificate_profile_file; how it is asked for: panos/commands; how it is
    recognised: pki/certificate.
    """

    type: str
    bits: int

    def __str__(self) -> str:
        return f"RSA {self.bits}" if self.type == "RSA" else f"ECDSA P-{self.bits}"


@dataclass(frozen=True)
class Subject:
    """The subject of the CSR. The CA decides what of it a DV certificate keeps."""

    common_name: str
    organization: str | None = None
    organizational_unit: tuple[str, ...] = ()
    locality: str | None = None
    state: str | None = None
    country: str | None = None
    email: str | None = None


@dataclass(frozen=True)
class Sans:
    """Subject alternative names; `dns` always holds the common name too."""

    dns: tuple[str, ...] = ()
    ip: tuple[str, ...] = ()
    email: tuple[str, ...] = ()

    @property
    def all(self) -> tuple[str, ...]:
        """Every name, as SCM's subjAltNames wants them."""
        return self.dns + self.ip + self.email


@dataclass(frozen=True)
class Renewal:
    """When and how a certificate is renewed."""

    auto: bool = True
    renew_before_days: int | None = None
    key: str = "rotate"


@dataclass(frozen=True)
class Hooks:
    """What is run on this host once a certificate is in service: a program and its arguments, at most `timeout` s."""

    post_install: tuple[str, ...] = ()
    timeout: float = 60.0


@dataclass(frozen=True)
class CertificateProfile:
    """One certificate. `id` is the file's name, `name` the certificate's name on the firewall.

    `scm_profile_id` is SCM's own name of one of an endpoint's profiles; empty where the endpoint has only one.
    """

    id: str
    name: str
    type: str
    account: str
    firewall: str
    subject: Subject
    sans: Sans
    key: KeySpec
    renewal: Renewal = Renewal()
    custom_fields: tuple[tuple[str, str], ...] = ()
    comments: str = ""
    external_requester: str = ""
    ssl_tls_service_profiles: tuple[str, ...] = ()
    scm_profile_id: str = ""
    hooks: Hooks = Hooks()
    serve_check: ServeCheck = field(default_factory=ServeCheck)
