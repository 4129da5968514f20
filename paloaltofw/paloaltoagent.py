#!/usr/bin/env python3
"""The command line: commands and options, nothing else."""

from __future__ import annotations

import os
import sys

if not __package__:
    # Started as a file, Python puts this folder first on the import path: its modules would then be importable under
    # two names, and could hide others' modules. The package's parent belongs there instead.
    _here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") != _here]
    sys.path.insert(0, os.path.dirname(_here))

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from paloaltofw import __version__
from paloaltofw.errors import AgentError, ConfigurationError

if TYPE_CHECKING:
    from paloaltofw.workflow import Options, Session

F = Callable[..., Any]
PROGRAM = "paloaltoagent"
REASONS = ("unspecified", "keyCompromise", "affiliationChanged", "superseded", "cessationOfOperation")
REVOKE_HELP = "Revoke the predecessor at SCM once its successor is in service."


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
    from paloaltofw.reporting import say

    if ctx.params.get("debug"):
        _show_traceback()
    say(str(error), sys.stderr)
    command = ctx.meta.get(f"{PROGRAM}.json")
    if command:
        from paloaltofw.reporting import json_document

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

    from paloaltofw.credentials import redact

    click.echo(redact(traceback.format_exc()), err=True)


def selection_options(command: F) -> F:
    """-p, --firewall and --json."""
    command = click.option("--json", "is_json", is_flag=True, help="Print one JSON document and nothing else.")(command)
    command = click.option(
        "--firewall", "firewalls", multiple=True, metavar="NAME", help="Only this firewall's certificates (repeatable)."
    )(command)
    return click.option(
        "-p",
        "--profile",
        "profiles",
        multiple=True,
        metavar="NAME",
        help="Only this profile (repeatable).",
    )(command)


def execution_options(command: F) -> F:
    """--dry-run and --wait."""
    command = click.option(
        "--wait", metavar="DURATION", help="How long to wait for issuance, e.g. 90s or 5m (default: config.yaml)."
    )(command)
    return click.option("--dry-run", is_flag=True, help="Show every step and change nothing anywhere.")(command)


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


@cli.command()
@selection_options
@execution_options
@click.option("--resubmit", is_flag=True, help="Order again what was declined, or held after a lost answer (needs -p).")
@click.pass_context
def enroll(ctx: click.Context, /, resubmit: bool, **chosen: Any) -> None:
    """Request, collect, import and commit whatever is missing, expired or revoked.

    Example: paloaltoagent enroll -p www-example-com
    """
    if resubmit and not chosen["profiles"]:
        raise click.UsageError("--resubmit needs -p NAME: it may order a certificate a second time.")
    _work(ctx, "enroll", chosen, enroll=True, resubmit=resubmit)


@cli.command()
@selection_options
@execution_options
@click.option("--force", is_flag=True, help="Renew the selected certificates now, due or not.")
@click.option("--revoke-predecessor", is_flag=True, help=REVOKE_HELP)
@click.pass_context
def renew(ctx: click.Context, /, force: bool, revoke_predecessor: bool, **chosen: Any) -> None:
    """Renew certificates that are inside their renewal window.

    Example: paloaltoagent renew --force -p www-example-com
    """
    _work(ctx, "renew", chosen, renew=True, force=force, revoke_predecessor=revoke_predecessor)


@cli.command()
@selection_options
@execution_options
@click.option("--revoke-predecessor", is_flag=True, help=REVOKE_HELP)
@click.pass_context
def replace(ctx: click.Context, /, revoke_predecessor: bool, **chosen: Any) -> None:
    """Order a new key, CSR and certificate with the profiles' present attributes.

    Example: paloaltoagent replace -p www-example-com
    """
    _work(ctx, "replace", chosen, replace=True, revoke_predecessor=revoke_predecessor)


@cli.command()
@click.option("-p", "--profile", "profile", metavar="NAME", required=True, help="The certificate's profile.")
@click.option("--reason", type=click.Choice(REASONS), default="unspecified", show_default=True, help="As in RFC 5280.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.pass_context
def revoke(ctx: click.Context, profile: str, reason: str, yes: bool) -> None:
    """Revoke a certificate at SCM. Nothing is removed from the firewall; the next run replaces it.

    Example: paloaltoagent revoke -p www-example-com --reason keyCompromise
    """
    from paloaltofw import workflow

    session = _open(ctx, "revoke", (profile,), (), is_json=False)
    certificate_id = workflow.revocable_id(session)
    if not yes:
        if not sys.stdin.isatty():
            raise click.UsageError("without a terminal to confirm on, --yes is needed.")
        click.confirm(f"Revoke certificate ID {certificate_id} of {profile} ({reason})?", abort=True, err=True)
    workflow.revoke(session, certificate_id, reason)


@cli.command()
@selection_options
@execution_options
@click.pass_context
def run(ctx: click.Context, /, **chosen: Any) -> None:
    """The nightly job: collect what is pending, enroll what is missing, renew what is due.

    Example: paloaltoagent run --wait 10m
    """
    _work(ctx, "run", chosen, enroll=True, renew=True)


@cli.command()
@selection_options
@click.pass_context
def status(ctx: click.Context, profiles: tuple[str, ...], firewalls: tuple[str, ...], is_json: bool) -> None:
    """Show each certificate's state and what the next run would do. Changes nothing.

    Example: paloaltoagent status --json
    """
    from paloaltofw import workflow
    from paloaltofw.reporting import report_status

    session = _open(ctx, "status", profiles, firewalls, is_json)
    wish = workflow.make_wish(session, enroll=True, renew=True)
    ctx.exit(report_status(workflow.plan(session, wish, asks_orders=True), session.clock.now(), is_json))


@cli.command()
@selection_options
@click.option("--offline", is_flag=True, help="Only validate the files; call nobody.")
@click.pass_context
def check(
    ctx: click.Context, profiles: tuple[str, ...], firewalls: tuple[str, ...], is_json: bool, offline: bool
) -> None:
    """Validate every file, and prove that each address, credential and permission works. Changes nothing.

    Example: paloaltoagent check --offline
    """
    from paloaltofw.reporting import report_check

    session = _open(ctx, "check", profiles, firewalls, is_json, is_offline=offline)
    if offline:
        ctx.exit(report_check([], session.profiles, is_json))
    from paloaltofw.checking import check_peers

    findings = check_peers(session.configuration, session.profiles, session.clock)
    ctx.exit(report_check(findings, session.profiles, is_json))


@cli.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_context
def encrypt(ctx: click.Context, files: tuple[str, ...]) -> None:
    """GPG-encrypt the SCM credentials file and all firewall profiles in place, or the files named.

    Example: paloaltoagent encrypt
    """
    _convert(ctx, "encrypt", files)


@cli.command()
@click.argument("files", nargs=-1, metavar="[FILE]...")
@click.pass_context
def decrypt(ctx: click.Context, files: tuple[str, ...]) -> None:
    """Turn encrypted files back into plain ones.

    Example: paloaltoagent decrypt profiles/firewalls/fw-edge.yaml
    """
    _convert(ctx, "decrypt", files)


@cli.command()
@click.option("--firewall", metavar="NAME", required=True, help="The firewall profile to complete.")
@click.pass_context
def keygen(ctx: click.Context, firewall: str) -> None:
    """Get an API key with user name and password, typed at a prompt, and write it into the firewall profile.

    A new key ends the administrator's sessions on the firewall, and may end its earlier key.

    Example: paloaltoagent keygen --firewall fw-edge
    """
    if not sys.stdin.isatty():
        raise click.UsageError("keygen asks for a password: run it on a terminal.")
    from paloaltofw import workflow
    from paloaltofw.access import KEYGEN_EFFECT

    options = _options(ctx)
    access = workflow.open_access(options, firewall, ("api_key",), _ask_for_passphrase(is_new=False))
    workflow.ensure_eula(access.store, options, _eula_prompt())
    admin = access.file.profile.admin
    click.echo(KEYGEN_EFFECT.format(admin=admin), err=True)
    user = click.prompt("User name", default=admin, err=True)
    if user != admin:
        what = f"{access.file.name}: admin is {admin}, and commits are limited to its changes"
        raise click.UsageError(f"{what}; correct admin first, or give its password.")
    password = click.prompt(f"Password of {user} on {access.file.profile.url}", hide_input=True, err=True)
    click.echo(workflow.keygen(access, password))


@cli.command()
@click.option("--firewall", metavar="NAME", required=True, help="The firewall profile to complete.")
@click.option("--fingerprint", metavar="SHA256", help="Write the pin, without asking, if the certificate has this one.")
@click.pass_context
def trust(ctx: click.Context, firewall: str, fingerprint: str | None) -> None:
    """Show the TLS certificate that a firewall presents, and pin it in the firewall profile after confirmation.

    Example: paloaltoagent trust --firewall fw-edge
    """
    if fingerprint is None and not sys.stdin.isatty():
        raise click.UsageError("without a terminal to confirm on, --fingerprint is needed.")
    from paloaltofw import workflow
    from paloaltofw.access import look_at_certificate
    from paloaltofw.reporting import say

    options = _options(ctx)
    expected = workflow.parse_fingerprint(fingerprint)
    access = workflow.open_access(options, firewall, ("any api_key", "verify_tls"), _ask_for_passphrase(is_new=False))
    workflow.ensure_eula(access.store, options, _eula_prompt())
    presented = look_at_certificate(access.file)
    if sys.stdout.isatty() or expected is None:
        say(presented.text)
    workflow.ensure_expected(access, presented, expected)
    if access.file.profile.trust.pin == presented.fingerprint:
        return
    if expected is None:
        click.echo("Compare the fingerprint with the firewall's console, or over a path that you trust.", err=True)
        click.confirm(f"Write it into {access.file.name}?", abort=True, err=True)
    done = workflow.pin(access, presented.fingerprint)
    if sys.stdout.isatty():
        click.echo(done)


@cli.command()
@click.option("--serve", is_flag=True, help="Keep the simulated systems running and print how to reach them.")
@click.option("--folder", metavar="DIR", help="Where to write the configuration (default: a new temporary folder).")
@click.option("--firewalls", "count", type=click.IntRange(2, 20), default=3, show_default=True, help="How many.")
@click.pass_context
def sandbox(ctx: click.Context, serve: bool, folder: str | None, count: int) -> None:
    """Try everything without a firewall or an SCM account: simulated ones, on loopback HTTPS.

    Example: paloaltoagent sandbox
    """
    from paloaltofw.sandbox.tour import serve_until_stopped, show_tour

    ctx.exit(serve_until_stopped(folder, count) if serve else show_tour(folder, count))


def _convert(ctx: click.Context, direction: str, files: tuple[str, ...]) -> None:
    from paloaltofw import workflow

    ask = _ask_for_passphrase(direction == "encrypt") if sys.stdin.isatty() else None
    code = 0
    for text, is_ok in workflow.convert(_options(ctx), direction, files, ask):
        if not is_ok:
            code = 1
        if not is_ok or sys.stdout.isatty():
            click.echo(text, err=not is_ok)
    ctx.exit(code)


def _ask_for_passphrase(is_new: bool) -> Callable[[], str]:
    def ask() -> str:
        return str(click.prompt("Passphrase", hide_input=True, confirmation_prompt=is_new, err=True))

    return ask


def _options(ctx: click.Context) -> Options:
    from paloaltofw.workflow import Options

    return Options(*ctx.obj)


def _open(
    ctx: click.Context,
    command: str,
    profiles: tuple[str, ...],
    firewalls: tuple[str, ...],
    is_json: bool,
    is_offline: bool = False,
) -> Session:
    """Load everything and see that the licence terms are accepted."""
    if is_json:
        ctx.meta[f"{PROGRAM}.json"] = command
    from paloaltofw import workflow

    options = _options(ctx)
    session = workflow.open_session(options, profiles, firewalls)
    if not is_offline:
        workflow.ensure_eula(session.store, options, _eula_prompt(is_json))
    return session


def _eula_prompt(is_json: bool = False) -> Callable[[str], bool] | None:
    return _ask_for_eula if sys.stdin.isatty() and not is_json else None


def _ask_for_eula(terms: str) -> bool:
    click.echo_via_pager(terms) if terms.count("\n") > 40 else click.echo(terms)
    return click.confirm("Do you accept these terms?", err=True)


def _work(ctx: click.Context, command: str, chosen: dict[str, Any], **wanted: bool) -> None:
    """Load, execute or plan, report, exit."""
    from paloaltofw import workflow
    from paloaltofw.reporting import report

    is_json, is_dry = chosen["is_json"], chosen["dry_run"]
    session = _open(ctx, command, chosen["profiles"], chosen["firewalls"], is_json)
    wish = workflow.make_wish(session, **wanted)
    wait = workflow.parse_wait(chosen["wait"], session)
    outcomes = workflow.plan(session, wish) if is_dry else workflow.carry_out(session, wish, wait)
    ctx.exit(report(command, outcomes, session.clock.now(), is_json, is_dry))


def main() -> None:
    """Entry point of the console script."""
    cli(prog_name=PROGRAM)


if __name__ == "__main__":
    main()
