"""`list`: every certificate on the selected firewalls, managed by a profile or not."""

from __future__ import annotations

import click

from paloaltofw.cli.options import selection_options
from paloaltofw.cli.running import open_session


@click.command("list")
@selection_options
@click.option(
    "--expiring", type=click.IntRange(0, 100000), metavar="DAYS", help="Only what expires within so many days."
)
@click.option("--references", "with_references", is_flag=True, help="Say who uses each certificate.")
@click.pass_context
def list_command(
    ctx: click.Context,
    profiles: tuple[str, ...],
    firewalls: tuple[str, ...],
    is_json: bool,
    expiring: int | None,
    with_references: bool,
) -> None:
    """Show every certificate on the firewalls, managed by a profile or not. Changes nothing.

    Example: paloaltoagent list --expiring 30 --references
    """
    from paloaltofw.reporting.certificate_list import report_list
    from paloaltofw.workflows.list_certificates import Wanted, list_certificates

    session = open_session(ctx, "list", profiles, firewalls, is_json)
    listings = list_certificates(session, Wanted(firewalls, profiles, with_references, expiring))
    ctx.exit(report_list(listings, session.clock.now(), is_json, expiring))
