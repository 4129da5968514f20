"""`encrypt`: credential files are encrypted in place."""

from __future__ import annotations

import click

from paloaltofw.cli.converting import convert_files
from paloaltofw.cli.offers import a_file


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=a_file)
@click.pass_context
def encrypt(ctx: click.Context, files: tuple[str, ...]) -> None:
    """GPG-encrypt the SCM credentials file and all firewall profiles in place, or the files named.

    Example: paloaltoagent encrypt
    """
    convert_files(ctx, "encrypt", files)
