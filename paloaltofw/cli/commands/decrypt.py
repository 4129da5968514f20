"""`decrypt`: credential files are decrypted in place."""

from __future__ import annotations

import click

from paloaltofw.cli.converting import convert_files
from paloaltofw.cli.offers import a_file


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", shell_complete=a_file)
@click.pass_context
def decrypt(ctx: click.Context, files: tuple[str, ...]) -> None:
    """Turn encrypted files back into plain ones.

    Example: paloaltoagent decrypt profiles/firewalls/fw-edge.yaml
    """
    convert_files(ctx, "decrypt", files)
