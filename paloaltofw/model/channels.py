"""Who is told what: the channels of notifications, and a syslog server."""

from __future__ import annotations

from dataclasses import dataclass

from paloaltofw.clock import DAY
from paloaltofw.secret import Secret

SYSLOG_PORT = 514
DEFAULT_REPEAT = float(DAY)


@dataclass(frozen=True)
class Channel:
    """Where messages are sent: an Apprise URL. `repeat`: seconds until the same trouble is told again.

    `number` counts from 1, in the order of config.yaml; `on` holds `failure`, `urgent`, `success`.
    """

    number: int
    url: Secret
    on: tuple[str, ...] = ("failure", "urgent")
    repeat: float = DEFAULT_REPEAT

    @property
    def title(self) -> str:
        """How the channel is named: by its place and its kind, never by its URL, which holds secrets."""
        return f"notifications[{self.number - 1}] ({self.scheme})"

    @property
    def scheme(self) -> str:
        """The kind of the channel, for example mailtos."""
        return self.url.reveal().partition("://")[0].lower()


@dataclass(frozen=True)
class Syslog:
    """A syslog server, reached by UDP; without a host that of this machine."""

    host: str = ""
    port: int = SYSLOG_PORT
