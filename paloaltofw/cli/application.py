"""The application: options before the command, and the one place where failures become text and exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from paloaltofw import __version__
from paloaltofw.errors import AgentError, ConfigurationError

if TYPE_CHECKING:
    from paloaltofw.workflows.session import Options

PROGRAM = "paloaltoagent"
# Where a command leaves word that its output is to be JSON, for the failure that may follow.
JSON_COMMAND = f"{PROGRAM}.json"


class AgentGroup(click.Group):
    """The one place where failures become text and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an expected failure is its own sentence, an unexpected one is one line."""
        try:
            return super().invoke(ctx)
        except AgentError as error:
            _show_error(ctx, error)
            ctx.exit(error.exit_code)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _show_unexpected(ctx, error)
            ctx.exit(1)


def _show_error(ctx: click.Context, error: AgentError) -> None:
    from paloaltofw.reporting.terminal import say

    if ctx.params.get("debug"):
        _show_traceback()
    say(str(error), sys.stderr)
    command = ctx.meta.get(JSON_COMMAND)
    if command:
        from paloaltofw.reporting.json_document import json_document

        problems = [str(p) for p in error.problems] if isinstance(error, ConfigurationError) else [str(error)]
        click.echo(json_document(command, error.exit_code, errors=problems))


def _show_unexpected(ctx: click.Context, error: Exception) -> None:
    import logging

    logging.getLogger("paloaltofw").error("unexpected failure", exc_info=error)
    if ctx.params.get("debug"):
        _show_traceback()
    click.echo(f"{PROGRAM}: unexpected {type(error).__name__}; run again with --debug and report it", err=True)


def _show_traceback() -> None:
    import traceback

    from paloaltofw.secret import redact

    click.echo(redact(traceback.format_exc()), err=True)


@click.group(cls=AgentGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", metavar="FILE", help="config.yaml (else: $sectigo_pycert_config, else beside the program).")
@click.option("--log-level", type=click.Choice(["debug", "info", "warning", "error"]), help="Overrides logging.level.")
@click.option("--accept-eula", is_flag=True, help="Accept the licence terms without being asked.")
@click.option("--debug", is_flag=True, help="Log to stderr too, and show tracebacks.")
@click.version_option(__version__, prog_name=PROGRAM)
@click.pass_context
def cli(ctx: click.Context, config: str | None, log_level: str | None, accept_eula: bool, debug: bool) -> None:
    """Keep the TLS certificates of Palo Alto firewalls issued and renewed by Sectigo Certificate Manager.

    Exit codes: 0 all in order, 1 something failed, 2 command line or a file is wrong, 3 orders are pending,
    4 another run is at work.
    """
    ctx.obj = (config, log_level, accept_eula, debug)


def options_of(ctx: click.Context) -> Options:
    """The options before the command."""
    from paloaltofw.workflows.session import Options

    return Options(*ctx.obj)
