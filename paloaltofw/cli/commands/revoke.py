"""`revoke`: one profile's certificate is revoked at SCM."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.guard import ensure_can_ask
from paloaltofw.cli.options import json_option, profile_option
from paloaltofw.cli.running import expect_json, open_session

REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")


@click.command()
@profile_option("The certificate's profile.")
@click.option("--reason", type=click.Choice(REASONS), default="unspecified", show_default=True, help="As in RFC 5280.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@json_option
@click.pass_context
def revoke(ctx: click.Context, profile: str, reason: str, yes: bool, is_json: bool) -> None:
    """Show a certificate, ask, and revoke it at SCM. Nothing is removed from the firewall; the next run replaces it.

    Example: paloaltoagent revoke -p www-example-com --reason keyCompromise
    """
    expect_json(ctx, "revoke", is_json)
    ensure_can_ask(yes, is_json)
    from paloaltofw.reporting.json_document import json_document
    from paloaltofw.reporting.terminal import emit, say
    from paloaltofw.workflows import revoke as workflow

    session = open_session(ctx, "revoke", (profile,), (), is_json)
    certificate_id = workflow.revocable_id(session)
    found = workflow.look_up(session, certificate_id) if is_json or not yes or sys.stderr.isatty() else None
    if found is not None and not is_json:
        say(workflow.describe(session, found), sys.stderr)
    if not yes:
        click.confirm(f"Revoke it ({reason})? This cannot be taken back.", abort=True, err=True)
    done = workflow.revoke(session, certificate_id, reason)
    if is_json and found is not None:
        emit(json_document("revoke", 0, revoked=workflow.as_object(session, found, reason)))
    elif sys.stdout.isatty():
        say(done)
