"""The files that are made from the program, so that they never say anything else: `python -m tests.generated` makes them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from paloaltofw.cli.commands.schema import KINDS, schema_text
from paloaltofw.cli.manual import manual_page
from paloaltofw.paloaltoagent import cli

ROOT = Path(__file__).resolve().parent.parent
# Each schema lies beside the sample whose first line names it; in the wheel all of them lie beside all samples.
FOLDERS = {kind: "paloaltofw" if kind in ("config", "json") else "profiles_sample" for kind in KINDS}
FILES: dict[str, Callable[[], str]] = {
    "docs/man/paloaltoagent.1": lambda: manual_page(cli),
    **{f"{folder}/schemas/{kind}.json": partial(schema_text, kind) for kind, folder in FOLDERS.items()},
}


def write_all() -> None:
    """Write every one of them."""
    for name, text in FILES.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(), "utf-8")


if __name__ == "__main__":
    write_all()
