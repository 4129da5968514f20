"""`service`: the nightly run is scheduled."""

from __future__ import annotations

import sys

import click

from paloaltofw.cli.application import options_of
from paloaltofw.cli.offers import a_folder


@click.command()
@click.argument("kind", type=click.Choice(["systemd", "cron", "container"]))
@click.option("--install", is_flag=True, help="Write the files where they belong (container: the current folder).")
@click.option(
    "--root", metavar="DIR", shell_complete=a_folder, help="With --install: below this folder, for packagers."
)
@click.option("--user", metavar="NAME", help="Who runs it (systemd: paloaltoagent; cron: whom the state belongs to).")
@click.option("--mailto", metavar="ADDRESS", default="root", show_default=True, help="Whom cron mails failures to.")
@click.option(
    "--credential",
    "credentials",
    metavar="NAME[:PATH]",
    multiple=True,
    help="A file that systemd hands over as ${CREDENTIALS_DIRECTORY}/NAME; repeatable.",
)
@click.pass_context
def service(
    ctx: click.Context,
    kind: str,
    install: bool,
    root: str | None,
    user: str | None,
    mailto: str,
    credentials: tuple[str, ...],
) -> None:
    """Print ready files that run the agent every night, or write them; nothing is ever overwritten but its own files.

    Example: paloaltoagent service systemd --install
    """
    if root is not None and not install:
        raise click.UsageError("--root needs --install")
    from paloaltofw.reporting.terminal import emit, say
    from paloaltofw.workflows import service as workflow
    from paloaltofw.workflows.installation import find_installation

    options = options_of(ctx)
    wanted = workflow.Wanted(kind, user, mailto, credentials, options.accept_eula)
    schedule = workflow.make_schedule(wanted, find_installation(options.config))
    if install:
        for line in workflow.install(schedule, kind, root):
            say(line)
        say("Next:\n" + "\n".join(f"  {step}" for step in schedule.steps))
    else:
        emit(workflow.text_of(schedule).rstrip("\n"))
    if install or sys.stderr.isatty():
        for note in schedule.notes:
            say(f"note: {note}", sys.stderr)
