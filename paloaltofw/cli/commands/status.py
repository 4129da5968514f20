"""`status`: each certificate's state, and what the next `run` would do."""

from __future__ import annotations

import click

from paloaltofw.cli.options import selection_options
from paloaltofw.cli.running import open_session


@click.command()
@selection_options
@click.pass_context
def status(ctx: click.Context, profiles: tuple[str, ...], firewalls: tuple[str, ...], is_json: bool) -> None:
    """Show each certificate's state and what the next run would do. Changes nothing.

    Example: paloaltoagent status --json
    """
    from paloaltofw.reporting.report import report_status
    from paloaltofw.workflows.maintain import make_request, plan

    session = open_session(ctx, "status", profiles, firewalls, is_json)
    request = make_request(session, enroll=True, renew=True)
    ctx.exit(report_status(plan(session, request, asks_orders=True), session.clock.now(), is_json))
