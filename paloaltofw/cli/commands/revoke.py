"""`revoke`: one profile's certificate is revoked at SCM."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.guard import ensure_can_ask
from paloaltofw.cli.options import profile_option
from paloaltofw.cli.running import open_session

REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")


@click.command()
@profile_option("The certificate's profile.")
@click.option("--reason", type=click.Choice(REASONS), default="unspecified", show_default=True, help="As in RFC 5280.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def revoke(ctx: click.Context, profile: str, reason: str, yes: bool) -> None:
    """Show a certificate, ask, and revoke it at SCM. Nothing is removed from the firewall; the next run replaces it.

    Example: paloaltoagent revoke -p www-example-com --reason keyCompromise
    """
    ensure_can_ask(yes)
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows import revoke as workflow

    session = open_session(ctx, "revoke", (profile,), (), is_json=False)
    certificate_id = workflow.revocable_id(session)
    if not yes or sys.stderr.isatty():
        say(workflow.describe(session, workflow.look_up(session, certificate_id)), sys.stderr)
    if not yes:
        click.confirm(f"Revoke it ({reason})? This cannot be taken back.", abort=True, err=True)
    done = workflow.revoke(session, certificate_id, reason)
    if sys.stdout.isatty():
        say(done)
