"""`status`: each certificate's state, and what the next `run` would do."""

from __future__ import annotations

from pathlib import Path

import click

from paloaltofw.cli.options import selection_options
from paloaltofw.cli.running import expect_json, open_session


@click.command()
@selection_options
@click.option("--wide", "is_wide", is_flag=True, help="All columns, whatever width they need.")
@click.option(
    "--html",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write one self-contained page for a browser instead of the table.",
)
@click.pass_context
def status(
    ctx: click.Context,
    profiles: tuple[str, ...],
    firewalls: tuple[str, ...],
    is_json: bool,
    is_wide: bool,
    page: Path | None,
) -> None:
    """Show each certificate's state and what the next run would do. Changes nothing on a firewall or at SCM.

    Example: paloaltoagent status --html status.html
    """
    from paloaltofw.reporting.report import report_status
    from paloaltofw.workflows.maintain import make_request, plan
    from paloaltofw.workflows.status_page import ensure_available, write_page

    if page is not None:
        expect_json(ctx, "status", is_json)
        ensure_available()
    session = open_session(ctx, "status", profiles, firewalls, is_json)
    request = make_request(session, enroll=True, renew=True)
    outcomes = plan(session, request, asks_orders=True)
    if page is not None:
        write_page(session, outcomes, page)
    ctx.exit(report_status(outcomes, session.clock.now(), is_json, is_wide, session.leftovers, page))
