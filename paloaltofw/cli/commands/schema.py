"""`schema`: what may stand in a file, and what `--json` prints, for editors and scripts."""

from __future__ import annotations

import click

KINDS = ("config", "certificate", "firewall", "credentials", "json")


@click.command()
@click.argument("kind", type=click.Choice(KINDS), metavar="|".join(KINDS))
def schema(kind: str) -> None:
    """Print the JSON Schema of a file, or of the documents that --json prints.

    Example: paloaltoagent schema certificate > certificate.json
    """
    click.echo(schema_text(kind), nl=False)


def schema_text(kind: str) -> str:
    """The schema as it is printed and shipped."""
    import json

    if kind == "json":
        from paloaltofw.reporting.json_schema import document_schema

        made = document_schema()
    else:
        from paloaltofw.configuration.schema import schema_of

        made = schema_of(kind)
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"
