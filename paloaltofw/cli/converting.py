"""What `encrypt` and `decrypt` share."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.prompts import passphrase_prompt

# Encrypting with a typed passphrase works, and the first night without anybody at the keyboard fails.
UNATTENDED = (
    "note: a nightly run cannot type this passphrase; set encryption.passphrase_file or encryption.recipient in "
    "config.yaml, or the variable SECTIGO_GPG_PASSPHRASE for the run"
)


def convert_files(ctx: click.Context, direction: str, files: tuple[str, ...]) -> None:
    """Convert the files named, else all credential files; exit 1 if one could not be converted."""
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows.convert import convert

    was_typed = False

    def ask() -> str:
        nonlocal was_typed
        was_typed = True
        return passphrase_prompt(direction == "encrypt")()

    code = 0
    for text, is_ok in convert(options_of(ctx), direction, files, ask if sys.stdin.isatty() else None):
        if not is_ok:
            code = 1
        if not is_ok or sys.stdout.isatty():
            say(text, sys.stdout if is_ok else sys.stderr)
    if was_typed and direction == "encrypt":
        say(UNATTENDED, sys.stderr)
    ctx.exit(code)
