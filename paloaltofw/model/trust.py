"""How a server's TLS certificate is verified."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Trust:
    """How a server's certificate is verified.

    With none of the fields set: by the system's CAs. `ca_file` is a PEM file to trust instead; `pin` the SHA-256
    fingerprint of the one certificate to accept, as 64 hex digits; `off` accepts any certificate (every run warns).
    """

    ca_file: Path | None = None
    pin: str | None = None
    off: bool = False


SYSTEM_TRUST = Trust()


def pin_text(digits: str) -> str:
    """A fingerprint as it is written into profiles, `sha256:AB:CD:…`, from its 64 hex digits."""
    return "sha256:" + ":".join(digits[i : i + 2] for i in range(0, len(digits), 2)).upper()
