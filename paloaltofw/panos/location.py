"""Where certificates are in a configuration: shared, or one vsys."""

from __future__ import annotations

from dataclasses import dataclass

# `localhost.localdomain` is a constant of PAN-OS (panos.md §6).
DEVICE = "/config/devices/entry[@name='localhost.localdomain']"
# The names alone of all vsys (panos.md §3).
VSYS_NAMES = f"{DEVICE}/vsys/entry/@name"
# Which SSL/TLS service profile the management interface uses: one of shared (panos.md §8).
MANAGEMENT_PROFILE = f"{DEVICE}/deviceconfig/system/ssl-tls-service-profile"


@dataclass(frozen=True)
class Scope:
    """A place for certificates: shared, or one vsys (panos.md §6)."""

    vsys: str = "shared"

    @property
    def xpath(self) -> str:
        """Parent of the certificate and profile containers."""
        if self.vsys == "shared":
            return "/config/shared"
        return f"{DEVICE}/vsys/entry[@name='{self.vsys}']"

    @property
    def parameters(self) -> dict[str, str]:
        """Parameters that select the scope: none for shared, whose explicit form is not confirmed (panos.md §4)."""
        return {} if self.vsys == "shared" else {"vsys": self.vsys}

    @property
    def certificates(self) -> str:
        """xpath of the certificate container."""
        return f"{self.xpath}/certificate"

    @property
    def service_profiles(self) -> str:
        """xpath of the SSL/TLS service profiles."""
        return f"{self.xpath}/ssl-tls-service-profile"

    def certificate(self, name: str) -> str:
        """xpath of one certificate entry."""
        return f"{self.certificates}/entry[@name={literal(name)}]"

    def service_profile(self, name: str) -> str:
        """xpath of one SSL/TLS service profile."""
        return f"{self.service_profiles}/entry[@name={literal(name)}]"


def literal(name: str) -> str:
    """A name as an xpath literal. Names with quotes cannot be written safely (panos.md §10); rules refuse them."""
    if "'" in name or '"' in name:
        raise ValueError("a quote in an object name")
    return f"'{name}'"
