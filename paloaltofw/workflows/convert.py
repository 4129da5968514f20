"""`encrypt` and `decrypt`: converts credential files in place."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from paloaltofw.configuration.loader import credential_files
from paloaltofw.configuration.settings_file import find_file, load_settings
from paloaltofw.errors import AgentError
from paloaltofw.workflows.session import Ask, Options


def convert(options: Options, direction: str, files: tuple[str, ...], ask: Ask | None) -> Iterator[tuple[str, bool]]:
    """Encrypt or decrypt files in place; return a sentence for each, and whether it went well."""
    from paloaltofw.configuration.gpg import ENCRYPTED_SUFFIX, Gpg

    chosen = load_settings(find_file(options.config))
    gpg = Gpg(chosen.gpg_recipient, chosen.gpg_passphrase_file, chosen.gpg_home, ask)
    told: set[str] = set()
    for path in [Path(name.removesuffix(ENCRYPTED_SUFFIX)) for name in files] or credential_files(chosen):
        try:
            yield (gpg.encrypt_file(path) if direction == "encrypt" else gpg.decrypt_file(path)), True
        except AgentError as error:
            if str(error) not in told:  # what stops every file is told once
                yield str(error), False
            told.add(str(error))
