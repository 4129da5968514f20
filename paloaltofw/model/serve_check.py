"""Who must serve a certificate after the commit, and how that is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Endpoint:
    """A TLS service: where it is asked (`host` without brackets), and the name to ask for (SNI; may be empty)."""

    host: str
    port: int
    server_name: str = ""

    @property
    def name(self) -> str:
        """What a client takes it for: the name that is asked for, else the address."""
        return self.server_name or self.host

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" + (f"/{self.server_name}" if self.server_name not in ("", self.host) else "")


@dataclass(frozen=True)
class ServeCheck:
    """`wait`: how long (seconds) the device may take. `on_wrong`: report, or rollback."""

    endpoints: tuple[Endpoint, ...] = ()
    wait: float = 120.0
    on_wrong: str = "report"

    @property
    def text(self) -> str:
        """What is asked for, in one form: a finding counts for this and nothing else."""
        return " ".join((self.on_wrong, *sorted(map(str, self.endpoints))))
