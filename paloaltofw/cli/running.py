"""What commands share: open a session, carry out a request, end with its exit code."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from paloaltofw.cli.application import JSON_COMMAND, options_of
from paloaltofw.cli.guard import confirm_orders, ensure_can_ask, ensure_selected
from paloaltofw.cli.prompts import eula_prompt

if TYPE_CHECKING:
    from paloaltofw.workflows.session import Session


def open_session(
    ctx: click.Context,
    command: str,
    profiles: tuple[str, ...],
    firewalls: tuple[str, ...],
    is_json: bool,
    is_offline: bool = False,
) -> Session:
    """Load everything and see that the licence terms are accepted."""
    expect_json(ctx, command, is_json)
    from paloaltofw.workflows import session as workflow
    from paloaltofw.workflows.eula import ensure_eula

    options = options_of(ctx)
    session = workflow.open_session(options, profiles, firewalls)
    if not is_offline:
        ensure_eula(session.store, options, eula_prompt(is_json))
    return session


def expect_json(ctx: click.Context, command: str, is_json: bool) -> None:
    """Leave word that a failure from here on is to be a JSON document too."""
    if is_json:
        ctx.meta[JSON_COMMAND] = command


def maintain(ctx: click.Context, command: str, chosen: dict[str, Any], **wanted: bool) -> None:
    """Load, execute or plan, report, tell, exit."""
    try:
        _maintain(ctx, command, chosen, **wanted)
    except (click.exceptions.Exit, click.Abort, click.ClickException):
        raise
    except Exception as error:
        if not chosen["dry_run"]:
            from paloaltofw.workflows.after_run import tell_of_failure

            tell_of_failure(options_of(ctx), command, error)
        raise


def _maintain(ctx: click.Context, command: str, chosen: dict[str, Any], **wanted: bool) -> None:
    expect_json(ctx, command, chosen["is_json"])
    is_json, is_dry = chosen["is_json"], chosen["dry_run"]
    orders_anew = bool(wanted.get("replace") or wanted.get("force"))
    asks = orders_anew and not is_dry and not chosen["is_yes"]
    if orders_anew:
        ensure_selected(command if wanted.get("replace") else f"{command} --force", chosen)
    if asks:
        ensure_can_ask(chosen["is_yes"], is_json)
    from paloaltofw.reporting.report import report, report_plan
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows.after_run import tell_of_run
    from paloaltofw.workflows.maintain import carry_out, make_request, parse_wait, plan

    session = open_session(ctx, command, chosen["profiles"], chosen["firewalls"], is_json)
    if sys.stderr.isatty():
        for warning in session.leftovers:
            say(f"warning: {warning}", sys.stderr)
    request = make_request(session, **wanted)
    wait = parse_wait(chosen["wait"], session)
    if is_dry:
        outcomes = plan(session, request)
        ctx.exit(report_plan(command, outcomes, session.profiles, session.clock.now(), is_json))
    if asks:
        confirm_orders(session, request)
    started = session.clock.now()
    outcomes = carry_out(session, command, request, wait)
    code = report(command, outcomes, session.clock.now(), is_json)
    tell_of_run(session, command, outcomes, code, started)
    ctx.exit(code)
