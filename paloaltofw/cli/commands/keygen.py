"""`keygen`: a firewall profile gets its API key."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.completing import complete_key
from paloaltofw.cli.options import firewall_option, ha_peer_option
from paloaltofw.cli.prompts import eula_prompt, passphrase_prompt


@click.command()
@firewall_option
@ha_peer_option
@click.pass_context
def keygen(ctx: click.Context, firewall: str, is_peer: bool) -> None:
    """Get an API key with user name and password, typed at a prompt, and write it into the firewall profile.

    A new key ends the administrator's sessions on the firewall, and may end its earlier key.

    Example: paloaltoagent keygen --firewall fw-edge
    """
    if not sys.stdin.isatty():
        raise click.UsageError("keygen asks for a password: run it on a terminal.")
    from paloaltofw.workflows.eula import ensure_eula
    from paloaltofw.workflows.session import open_access

    options = options_of(ctx)
    access = open_access(options, firewall, "api_key", passphrase_prompt(is_new=False), is_peer)
    ensure_eula(access.store, options, eula_prompt())
    complete_key(access)
