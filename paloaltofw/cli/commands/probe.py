"""`probe`: a firewall is asked what no document says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from paloaltofw.cli.guard import ensure_can_ask
from paloaltofw.cli.offers import a_file, firewall_profile
from paloaltofw.cli.options import json_option
from paloaltofw.cli.running import open_session

if TYPE_CHECKING:
    from paloaltofw.workflows.probe import Done


@click.command()
@click.option("--firewall", metavar="NAME", required=True, shell_complete=firewall_profile, help="The firewall to ask.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option(
    "--report", metavar="FILE", shell_complete=a_file, help="Write what was found out, without anything of the site."
)
@json_option
@click.pass_context
def probe(ctx: click.Context, firewall: str, yes: bool, report: str | None, is_json: bool) -> None:
    """Ask a firewall what no document says, with throw-away entries that are deleted again. Commits nothing.

    Example: paloaltoagent probe --firewall fw-edge --report report.json
    """
    from paloaltofw.reporting.terminal import say
    from paloaltofw.workflows import probe as workflow

    session = open_session(ctx, "probe", (), (firewall,), is_json)
    if report:
        workflow.ensure_writable(Path(report))
    if not yes:
        ensure_can_ask(yes, is_json)
        for line in workflow.intention(session.configuration.firewalls[firewall.removesuffix(".yaml")]):
            say(line, sys.stderr)
        click.confirm("Go on?", abort=True, err=True)

    def tell(text: str) -> None:
        if sys.stderr.isatty():
            say(f"  {text}", sys.stderr)

    ctx.exit(_shown(workflow.probe(session, firewall, tell), report, is_json))


def _shown(done: Done, report: str | None, is_json: bool) -> int:
    """Write and print it; gives the exit code."""
    from paloaltofw.reporting.json_document import json_document
    from paloaltofw.reporting.probe_text import probe_lines
    from paloaltofw.reporting.terminal import emit, say
    from paloaltofw.workflows.probe import write_report

    document, code = done.report.document, 1 if done.left else 0
    if report:
        write_report(Path(report), json.dumps(document, indent=2, ensure_ascii=False) + "\n")
    if is_json:
        emit(json_document("probe", code, device=document["device"], facts=document["facts"]))
    else:
        for line in probe_lines(done.report):
            say(line)
    for sentence in done.left:
        say(sentence, sys.stderr)
    if report and not is_json:
        say(f"The report is {report}; it holds nothing of the site.")
    return code
