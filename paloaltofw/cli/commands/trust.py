"""`trust`: a firewall profile gets the pin of its TLS certificate."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.completing import complete_trust
from paloaltofw.cli.options import firewall_option, ha_peer_option
from paloaltofw.cli.prompts import eula_prompt, passphrase_prompt


@click.command()
@firewall_option
@ha_peer_option
@click.option("--fingerprint", metavar="SHA256", help="Write the pin, without asking, if the certificate has this one.")
@click.pass_context
def trust(ctx: click.Context, firewall: str, is_peer: bool, fingerprint: str | None) -> None:
    """Show the TLS certificate that a firewall presents, and pin it in the firewall profile after confirmation.

    Example: paloaltoagent trust --firewall fw-edge
    """
    if fingerprint is None and not sys.stdin.isatty():
        raise click.UsageError("without a terminal to confirm on, --fingerprint is needed.")
    from paloaltofw.workflows.eula import ensure_eula
    from paloaltofw.workflows.session import open_access
    from paloaltofw.workflows.trust import parse_fingerprint

    options = options_of(ctx)
    expected = parse_fingerprint(fingerprint)
    access = open_access(options, firewall, "verify_tls", passphrase_prompt(is_new=False), is_peer)
    ensure_eula(access.store, options, eula_prompt())
    complete_trust(access, expected)
