"""One SCM REST account."""

from __future__ import annotations

from dataclasses import dataclass

from paloaltofw.secret import Secret


@dataclass(frozen=True)
class Account:
    """One SCM REST account. It fixes certificate type, term and organization (scm.md §2.1)."""

    label: str
    client_id: str
    client_secret: Secret
    scm_url: str
