"""`check`: files, addresses, credentials and permissions are proven."""

from __future__ import annotations

import click

from paloaltofw.cli.options import selection_options
from paloaltofw.cli.running import open_session


@click.command()
@selection_options
@click.option("--offline", is_flag=True, help="Only validate the files; call nobody.")
@click.pass_context
def check(
    ctx: click.Context, profiles: tuple[str, ...], firewalls: tuple[str, ...], is_json: bool, offline: bool
) -> None:
    """Validate every file, and prove that each address, credential and permission works. Changes nothing.

    Example: paloaltoagent check --offline
    """
    from paloaltofw.reporting.report import report_check

    session = open_session(ctx, "check", profiles, firewalls, is_json, is_offline=offline)
    if offline:
        ctx.exit(report_check([], session.profiles, is_json, session.leftovers))
    from paloaltofw.workflows.check import check_peers

    findings = check_peers(session.configuration, session.profiles, session.clock)
    ctx.exit(report_check(findings, session.profiles, is_json, session.leftovers))
