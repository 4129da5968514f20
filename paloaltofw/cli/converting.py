"""What `encrypt` and `decrypt` share."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.prompts import passphrase_prompt


def convert_files(ctx: click.Context, direction: str, files: tuple[str, ...]) -> None:
    """Convert the files named, else all credential files; exit 1 if one could not be converted."""
    from paloaltofw.workflows.convert import convert

    ask = passphrase_prompt(direction == "encrypt") if sys.stdin.isatty() else None
    code = 0
    for text, is_ok in convert(options_of(ctx), direction, files, ask):
        if not is_ok:
            code = 1
        if not is_ok or sys.stdout.isatty():
            click.echo(text, err=not is_ok)
    ctx.exit(code)
