#!/usr/bin/env python3
"""The one file that people run: the table of commands."""

from __future__ import annotations

import os
import sys

if sys.version_info < (3, 10):  # noqa: UP036 - pip refuses an older one, but a copied tree or the one file meets it
    _version = ".".join(map(str, sys.version_info[:3]))
    _remedy = "start it with a later one by its name, for example python3.11 (on RHEL 9: dnf install python3.11)"
    print(f"paloaltoagent needs Python 3.10 or later, and {sys.executable} is {_version}; {_remedy}", file=sys.stderr)
    sys.exit(2)

if not __package__:
    # Started as a file, Python puts this folder first on the import path: its modules would then be importable under
    # two names, and could hide others' modules. The package's parent belongs there instead.
    _here = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.realpath(path or ".") != _here]
    sys.path.insert(0, os.path.dirname(_here))

from paloaltofw.cli.application import PROGRAM, cli
from paloaltofw.cli.commands.check import check
from paloaltofw.cli.commands.completion import completion
from paloaltofw.cli.commands.decrypt import decrypt
from paloaltofw.cli.commands.encrypt import encrypt
from paloaltofw.cli.commands.enroll import enroll
from paloaltofw.cli.commands.forget import forget
from paloaltofw.cli.commands.init import init
from paloaltofw.cli.commands.keygen import keygen
from paloaltofw.cli.commands.list import list_command
from paloaltofw.cli.commands.notify import notify
from paloaltofw.cli.commands.probe import probe
from paloaltofw.cli.commands.renew import renew
from paloaltofw.cli.commands.replace import replace
from paloaltofw.cli.commands.revoke import revoke
from paloaltofw.cli.commands.run import run
from paloaltofw.cli.commands.sandbox import sandbox
from paloaltofw.cli.commands.schema import schema
from paloaltofw.cli.commands.service import service
from paloaltofw.cli.commands.status import status
from paloaltofw.cli.commands.trust import trust

__all__ = ["cli", "main"]

for _command in (
    enroll, renew, replace, revoke, run, status, list_command, check, encrypt, decrypt, keygen, trust, forget, sandbox,
    service, completion, schema, init, notify, probe,
):  # fmt: skip
    cli.add_command(_command)


def main() -> None:
    """Entry point of the console script."""
    cli(prog_name=PROGRAM)


if __name__ == "__main__":
    main()
