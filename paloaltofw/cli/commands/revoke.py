"""`revoke`: one profile's certificate is revoked at SCM."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.running import open_session

REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")


@click.command()
@click.option("-p", "--profile", "profile", metavar="NAME", required=True, help="The certificate's profile.")
@click.option("--reason", type=click.Choice(REASONS), default="unspecified", show_default=True, help="As in RFC 5280.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def revoke(ctx: click.Context, profile: str, reason: str, yes: bool) -> None:
    """Revoke a certificate at SCM. Nothing is removed from the firewall; the next run replaces it.

    Example: paloaltoagent revoke -p www-example-com --reason keyCompromise
    """
    from paloaltofw.workflows import revoke as workflow

    session = open_session(ctx, "revoke", (profile,), (), is_json=False)
    certificate_id = workflow.revocable_id(session)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("without a terminal to confirm on, --yes is needed.")
        click.confirm(f"Revoke certificate ID {certificate_id} of {profile} ({reason})?", abort=True, err=True)
    workflow.revoke(session, certificate_id, reason)
