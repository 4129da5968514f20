"""`status`: each certificate's state, and what the next `run` would do."""

from __future__ import annotations

import click

from paloaltofw.cli.options import selection_options
from paloaltofw.cli.running import open_session


@click.command()
@selection_options
@click.option("--wide", "is_wide", is_flag=True, help="All columns, whatever width they need.")
@click.pass_context
def status(
    ctx: click.Context, profiles: tuple[str, ...], firewalls: tuple[str, ...], is_json: bool, is_wide: bool
) -> None:
    """Show each certificate's state and what the next run would do. Changes nothing.

    Example: paloaltoagent status --json
    """
    from paloaltofw.reporting.report import report_status
    from paloaltofw.workflows.maintain import make_request, plan

    session = open_session(ctx, "status", profiles, firewalls, is_json)
    request = make_request(session, enroll=True, renew=True)
    outcomes = plan(session, request, asks_orders=True)
    ctx.exit(report_status(outcomes, session.clock.now(), is_json, is_wide, session.leftovers))
