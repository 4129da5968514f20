"""`trust`: a firewall profile gets the pin of its TLS certificate."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.options import firewall_option
from paloaltofw.cli.prompts import eula_prompt, passphrase_prompt


@click.command()
@firewall_option
@click.option("--fingerprint", metavar="SHA256", help="Write the pin, without asking, if the certificate has this one.")
@click.pass_context
def trust(ctx: click.Context, firewall: str, fingerprint: str | None) -> None:
    """Show the TLS certificate that a firewall presents, and pin it in the firewall profile after confirmation.

    Example: paloaltoagent trust --firewall fw-edge
    """
    if fingerprint is None and not sys.stdin.isatty():
        raise click.UsageError("without a terminal to confirm on, --fingerprint is needed.")
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows import trust as workflow
    from paloaltofw.workflows.eula import ensure_eula
    from paloaltofw.workflows.session import open_access

    options = options_of(ctx)
    expected = workflow.parse_fingerprint(fingerprint)
    access = open_access(options, firewall, ("any api_key", "verify_tls"), passphrase_prompt(is_new=False))
    ensure_eula(access.store, options, eula_prompt())
    presented = workflow.look_at_certificate(access.file)
    if sys.stdout.isatty() or expected is None:
        say(presented.text)
    workflow.ensure_expected(access, presented, expected)
    if access.file.profile.trust.pin == presented.fingerprint:
        return
    if expected is None:
        click.echo("Compare the fingerprint with the firewall's console, or over a path that you trust.", err=True)
        click.confirm(f"Write it into {access.file.name}?", abort=True, err=True)
    done = workflow.pin(access, presented.fingerprint)
    if sys.stdout.isatty():
        say(done)
