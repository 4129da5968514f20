"""`init`: a complete configuration, asked for or from options."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from paloaltofw.cli.application import COMMON, PROGRAM, options_of
from paloaltofw.cli.completing import complete_key, complete_trust
from paloaltofw.cli.offers import a_file, a_folder
from paloaltofw.cli.prompts import eula_prompt, passphrase_prompt

if TYPE_CHECKING:
    from paloaltofw.workflows.questions import Question

# Key of the question -> help. A secret's option is made below: it names a file or a variable, never the secret.
ANSWERS = {
    "scm_url": "SCM's enrollment API URL.",
    "token_url": "Where SCM's tokens are fetched.",  # nosec B105  # a text for people
    "ca_bundle": "PEM file of CAs to trust for SCM.",
    "type": "DV, OV or EV.",
    "account": "A name for the SCM account.",
    "client_id": "Its client ID.",
    "firewall": "A name for the firewall.",
    "firewall_url": "Its management interface.",
    "admin": "The agent's administrator on it.",
    "vsys": "shared, vsys1 …",
    "verify_tls": "true, a PEM file, or sha256:… (the pinned certificate).",
    "common_name": "The certificate's common name.",
    "sans": "Further names, with commas.",
    "organization": "For OV and EV.",
    "locality": "For OV and EV.",
    "state": "For OV and EV.",
    "country": "For OV and EV.",
    "key": "For example 'RSA 2048' or 'ECDSA P256'.",
    "certificate": "Its name on the firewall.",
    "bind": "SSL/TLS service profiles that shall use it, with commas.",
    "gpg_recipient": "With --encrypt: for this GPG key.",
    "gpg_passphrase_file": "With --encrypt: with the passphrase in this file.",  # nosec B105  # a text for people
}
SECRETS = {"client_secret": "client secret", "api_key": "API key"}  # nosec B105  # a text for people


def answer_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each question."""
    for key, what in reversed(SECRETS.items()):
        name = key.replace("_", "-")
        command = click.option(f"--{name}-variable", metavar="NAME", help=f"The variable that holds the {what}.")(
            command
        )
        text = f"The file that holds the {what}."
        command = click.option(f"--{name}-file", metavar="FILE", shell_complete=a_file, help=text)(command)
    for key, text in reversed(ANSWERS.items()):
        command = click.option(f"--{key.replace('_', '-')}", metavar="TEXT", help=text)(command)
    return command


@click.command()
@click.argument("folder", required=False, shell_complete=a_folder)
@answer_options
@click.option("--encrypt", is_flag=True, help="Encrypt the files with secrets, as `encrypt` does.")
@click.option("--yes", "is_yes", is_flag=True, help="Take the default of every question that has one.")
@click.option("--offline", is_flag=True, help="Call nobody: no pin, no API key, only the files are checked.")
@click.pass_context
def init(ctx: click.Context, /, folder: str | None, is_yes: bool, offline: bool, **given: Any) -> None:
    """Write a new configuration into FOLDER: config.yaml, SCM account, one firewall, one certificate.

    Whatever no option says is asked for. Nothing is ever overwritten.

    Example: paloaltoagent init /etc/paloaltoagent
    """
    from paloaltofw.workflows import initialise as workflow
    from paloaltofw.workflows.eula import ensure_acceptable

    if options_of(ctx).config:
        raise click.UsageError("init writes a new config.yaml: name its folder instead of --config.")
    is_terminal = sys.stdin.isatty()
    place = Path(folder).expanduser().absolute() if folder else workflow.default_folder()
    workflow.ensure_free(place)
    if not offline:
        ensure_acceptable(options_of(ctx), is_terminal)
    ask = (_take_default if is_yes else _ask) if is_terminal else None
    found = workflow.answers(_given(given), ask, lambda text: click.echo(f"  {text}", err=True))
    for path in workflow.write(place, found, _new_passphrase(workflow.needs_passphrase(place, found), is_terminal)):
        click.echo(f"wrote {path}")
    ctx.meta.setdefault(COMMON, {})["config"] = str(place / "config.yaml")
    ctx.exit(_finish(ctx, found, workflow.naming(place), offline, is_terminal))


def _given(options: dict[str, Any]) -> dict[str, str]:
    """The answers that options give."""
    given = {key: options[key] for key in ANSWERS if options[key] is not None}
    if options["encrypt"] or "gpg_recipient" in given or "gpg_passphrase_file" in given:
        given["encrypt"] = "yes"
    for key in SECRETS:
        file, variable = options[f"{key}_file"], options[f"{key}_variable"]
        if file is not None and variable is not None:
            raise click.UsageError(f"--{key.replace('_', '-')}-file and -variable exclude each other.")
        if file is not None or variable is not None:
            given[key] = f"file:{file}" if file is not None else f"${{{variable}}}"
    return given


def _ask(question: Question, default: str | None) -> str:
    # A hidden answer's default is empty, and click would show it as [].
    shows = bool(default) and not question.is_hidden
    return str(
        click.prompt(question.text, default=default, show_default=shows, hide_input=question.is_hidden, err=True)
    )


def _take_default(question: Question, default: str | None) -> str:
    return _ask(question, None) if default is None else default


def _new_passphrase(is_needed: bool, is_terminal: bool) -> str:
    if not is_needed:
        return ""
    if not is_terminal:
        raise click.UsageError("--gpg-passphrase-file must name a file that exists where no passphrase can be typed.")
    return passphrase_prompt(is_new=True)()


def _finish(ctx: click.Context, found: dict[str, str], naming: str, offline: bool, is_terminal: bool) -> int:
    """Encrypt, pin, fetch the key, check; say what to do next. Return the exit code."""
    code = _encrypt(ctx) if found["encrypt"] == "yes" else 0
    firewall = found["firewall"]
    steps: list[tuple[str, Callable[[], None]]] = []
    if found["verify_tls"] == "pin":
        steps.append((f"trust --firewall {firewall}", lambda: _pin(ctx, firewall)))
    if not found["api_key"]:
        steps.append((f"keygen --firewall {firewall}", lambda: _fetch_key(ctx, firewall)))
    for command, step in steps:
        # Without a terminal a pin is not needed for every firewall, but a key is: `check` tells of the pin.
        is_done = not offline and is_terminal and _try(step)
        if not is_done and (is_terminal or command.startswith("keygen")):
            return _end(code or int(is_terminal and not offline), naming, command)
    checked = _check(ctx, offline)
    return _end(code or checked, naming, "check" if offline or checked else "run")


def _end(code: int, naming: str, command: str) -> int:
    click.echo(f"\nNext: {PROGRAM} {naming}{command}")
    return code


def _try(step: Callable[[], None]) -> bool:
    """Whether a step went well; what went wrong is said, and what was written stays."""
    from paloaltofw.errors import AgentError
    from paloaltofw.reporting.terminal import say

    try:
        step()
    except click.Abort:
        click.echo("left out", err=True)
    except click.UsageError as error:
        click.echo(error.format_message(), err=True)
    except AgentError as error:
        say(str(error), sys.stderr)
    else:
        return True
    return False


def _pin(ctx: click.Context, firewall: str) -> None:
    from paloaltofw.workflows.eula import ensure_eula
    from paloaltofw.workflows.session import open_access

    access = open_access(options_of(ctx), firewall, "verify_tls", None)
    ensure_eula(access.store, options_of(ctx), eula_prompt())
    complete_trust(access, None)


def _fetch_key(ctx: click.Context, firewall: str) -> None:
    from paloaltofw.workflows.eula import ensure_eula
    from paloaltofw.workflows.session import open_access

    access = open_access(options_of(ctx), firewall, "api_key", None)
    ensure_eula(access.store, options_of(ctx), eula_prompt())
    complete_key(access)


def _encrypt(ctx: click.Context) -> int:
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows.convert import convert

    code = 0
    for text, is_ok in convert(options_of(ctx), "encrypt", (), None):
        say(text, sys.stdout if is_ok else sys.stderr)
        code = code if is_ok else 1
    return code


def _check(ctx: click.Context, offline: bool) -> int:
    from paloaltofw.cli.commands.check import check

    try:
        ctx.invoke(check, profiles=(), firewalls=(), is_json=False, offline=offline)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    return 0
