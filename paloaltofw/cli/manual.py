"""The manual page, from the same commands that `--help` shows (docs/man/paloaltoagent.1)."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import click

from paloaltofw import __version__
from paloaltofw.cli.application import PROGRAM, common_options

SUMMARY = "keep the TLS certificates of Palo Alto firewalls issued and renewed"
EXAMPLE = "Example: "
ENVIRONMENT = {
    "sectigo_pycert_config": "The config.yaml, where --config does not name one.",
    "SECTIGO_ACCEPT_EULA": "yes accepts the licence terms without being asked.",
    "SECTIGO_GPG_PASSPHRASE": "The passphrase of encrypted files, where encryption.passphrase_file names none.",  # nosec B105  # a text for people
    "NO_COLOR": "If it is set, nothing is coloured.",
}
FILES = {
    "/etc/paloaltoagent/config.yaml": "The settings, where neither --config nor the environment names others.",
    "STATE": "The folder that state.path names: certificate IDs, open orders, the ledger of orders. Back it up.",
}
SEE_ALSO = f"{PROGRAM} schema prints the JSON Schema of every file. The reference is docs/reference/contract.md."
# What groff would take for a quotation mark, a dash or a command.
_ESCAPES = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def manual_page(group: click.Group) -> str:
    """The manual page of a group of commands, as man(7) wants it; without a date, so that it changes with the text."""
    ctx = click.Context(group, info_name=PROGRAM)
    lines = [f'.TH {PROGRAM.upper()} 1 "" "{PROGRAM} {__version__}" "User Commands"', ".SH NAME"]
    lines += [f"{escaped(PROGRAM)} {escaped('-')} {escaped(SUMMARY)}"]
    lines += [".SH SYNOPSIS", f".B {escaped(PROGRAM)}", escaped("[OPTIONS] COMMAND [ARGS]...")]
    lines += [".SH DESCRIPTION", *_description(group)]
    lines += [".SH OPTIONS", escaped("They stand before or behind a command; --version and -a only before it.")]
    lines += _options(ctx, group.params)
    lines += [".SH COMMANDS"]
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is not None and not command.hidden:
            lines += _command(name, command, ctx)
    lines += [".SH EXIT STATUS", *_exit_codes(group)]
    lines += [".SH ENVIRONMENT", *_table(ENVIRONMENT), ".SH FILES", *_table(FILES)]
    return "\n".join([*lines, ".SH SEE ALSO", escaped(SEE_ALSO), ""])


def escaped(text: str) -> str:
    """A text in which groff finds nothing to interpret."""
    plain = "".join(_ESCAPES.get(c, c if c.isascii() else f"\\[u{ord(c):04X}]") for c in " ".join(text.split()))
    return rf"\&{plain}" if plain.startswith((".", "'")) else plain


def _paragraphs(command: click.Command) -> list[str]:
    return [" ".join(text.split()) for text in inspect.cleandoc(command.help or "").split("\n\n")]


def _description(group: click.Group) -> Iterator[str]:
    for text in _paragraphs(group):
        if not text.startswith("Exit codes:"):
            yield from (".PP", escaped(text))


def _exit_codes(group: click.Group) -> Iterator[str]:
    """The codes of the program's help, `0 all in order, 1 something failed`, one below the other."""
    (text,) = (text for text in _paragraphs(group) if text.startswith("Exit codes:"))
    for part in text.removeprefix("Exit codes:").strip().removesuffix(".").split(", "):
        code, meaning = part.split(" ", 1)
        yield from _entry(code, meaning)


def _command(name: str, command: click.Command, parent: click.Context) -> Iterator[str]:
    ctx = click.Context(command, info_name=name, parent=parent)
    yield from (f".SS {escaped(name)}", f".B {escaped(f'{PROGRAM} {name}')}")
    yield escaped(" ".join(command.collect_usage_pieces(ctx)))
    for text in _paragraphs(command):
        if text.startswith(EXAMPLE):
            yield from (".PP", "Example:", ".RS", ".nf", escaped(text.removeprefix(EXAMPLE)), ".fi", ".RE")
        else:
            yield from (".PP", escaped(text))
    common = {option.name for option in common_options()}
    yield from _options(ctx, [param for param in command.params if param.name not in common])


def _options(ctx: click.Context, params: list[click.Parameter]) -> Iterator[str]:
    for param in params:
        record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
        if record is not None:
            yield from _entry(*record)


def _table(entries: dict[str, str]) -> Iterator[str]:
    for name, text in entries.items():
        yield from _entry(name, text)


def _entry(name: str, text: str) -> Iterator[str]:
    yield from (".TP", f".B {escaped(name)}", escaped(text))
