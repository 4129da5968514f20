"""One SCM REST account."""

from __future__ import annotations

from dataclasses import dataclass

from paloaltofw.secret import Secret

# The usual one; an account may have another, which SCM names itself (scm.md §1).
DEFAULT_TOKEN_URL = "https://auth.sso.sectigo.com/auth/realms/apiclients/protocol/openid-connect/token"  # nosec B105  # no password


@dataclass(frozen=True)
class Account:
    """One SCM REST account. It fixes certificate type, term and organization (scm.md §2.1).

    `token_url` is where its token is fetched, if not where all others are.
    """

    label: str
    client_id: str
    client_secret: Secret
    scm_url: str
    token_url: str = ""
