"""The application: options of every command, and the one place where failures become text and exit codes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from paloaltofw import __version__
from paloaltofw.cli.actions import ActionOption, with_command
from paloaltofw.cli.offers import a_file
from paloaltofw.errors import AgentError, ConfigurationError

if TYPE_CHECKING:
    from paloaltofw.workflows.session import Options

PROGRAM = "paloaltoagent"
# Where a command leaves word that its output is to be JSON, for the failure that may follow.
JSON_COMMAND = f"{PROGRAM}.json"
# Where the options that stand before or after a command are kept; those after it come later, and win.
COMMON = f"{PROGRAM}.common"
LEVELS = ("debug", "info", "warning", "error")


def common_options() -> list[click.Option]:
    """The options that stand before or after a command."""
    return [
        _common(
            "--config",
            metavar="FILE",
            shell_complete=a_file,
            help="config.yaml (else: $sectigo_pycert_config, beside the program, /etc/paloaltoagent/config.yaml).",
        ),
        _common("--log-level", type=click.Choice(LEVELS), help="Overrides logging.level."),
        _common("--accept-eula", is_flag=True, help="Accept the licence terms without being asked."),
        _common("--debug", is_flag=True, help="Log to stderr too, and show tracebacks."),
    ]


def _common(name: str, **attributes: Any) -> click.Option:
    return click.Option([name], expose_value=False, callback=_keep, **attributes)


def _keep(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    if value and param.name:
        ctx.meta.setdefault(COMMON, {})[param.name] = value
    return value


class AgentGroup(click.Group):
    """The one place where failures become text and exit codes."""

    def add_command(self, cmd: click.Command, name: str | None = None) -> None:
        """Every command takes the common options too: people write them where they think of them."""
        cmd.params.extend(common_options())
        super().add_command(cmd, name)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the vendor's form (`-a enroll -p NAME`) as the command that it means."""
        try:
            args = with_command(args, self.commands) if args else args
        except click.UsageError:
            if not ctx.resilient_parsing:  # while a shell completes a line, it is not finished
                raise
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an expected failure is its own sentence, an unexpected one is one line."""
        try:
            return super().invoke(ctx)
        except AgentError as error:
            _show_error(ctx, error)
            ctx.exit(error.exit_code)
        except click.UsageError as error:
            raise _with_remedy(error) from None
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _show_unexpected(ctx, error)
            ctx.exit(1)


def _with_remedy(error: click.UsageError) -> click.UsageError:
    """People write `run www` for `run -p www`."""
    takes = [param.name for param in error.ctx.command.params] if error.ctx else []
    if "profiles" in takes and "unexpected extra argument" in error.message:
        return click.UsageError(f"{error.message}. A certificate is named with -p NAME.", error.ctx)
    return error


def _show_error(ctx: click.Context, error: AgentError) -> None:
    from paloaltofw.reporting.terminal import emit, say, say_where_the_log_is

    if _is_debug(ctx):
        _show_traceback()
    say(str(error), sys.stderr)
    say_where_the_log_is()
    command = ctx.meta.get(JSON_COMMAND)
    if command:
        from paloaltofw.reporting.json_document import json_document

        problems = [str(p) for p in error.problems] if isinstance(error, ConfigurationError) else [str(error)]
        emit(json_document(command, error.exit_code, code=error.code, errors=problems))


def _show_unexpected(ctx: click.Context, error: Exception) -> None:
    import logging

    from paloaltofw.reporting.terminal import is_reader_gone, say, say_where_the_log_is

    if isinstance(error, BrokenPipeError) and is_reader_gone():
        return  # as with `| head`: whoever read the output has seen enough
    logging.getLogger("paloaltofw").error("unexpected failure", exc_info=error)
    if _is_debug(ctx):
        _show_traceback()
    say(f"{PROGRAM}: unexpected {type(error).__name__}; run again with --debug and report it", sys.stderr)
    say_where_the_log_is()


def _is_debug(ctx: click.Context) -> bool:
    return bool(ctx.meta.get(COMMON, {}).get("debug"))


def _show_traceback() -> None:
    import traceback

    from paloaltofw.secret import redact

    click.echo(redact(traceback.format_exc()), err=True)


@click.group(
    cls=AgentGroup,
    params=[*common_options(), ActionOption(["-a", "--action"], expose_value=False)],
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name=PROGRAM)
def cli() -> None:
    """Keep the TLS certificates of Palo Alto firewalls issued and renewed by Sectigo Certificate Manager.

    Exit codes: 0 all in order, 1 something failed, 2 command line or a file is wrong, 3 orders are pending,
    4 another run is at work.
    """


def options_of(ctx: click.Context) -> Options:
    """The common options, wherever they stand."""
    from paloaltofw.workflows.session import Options

    given = ctx.meta.get(COMMON, {})
    return Options(
        config=given.get("config"),
        log_level=given.get("log_level"),
        accept_eula=bool(given.get("accept_eula")),
        is_debug=bool(given.get("debug")),
    )
