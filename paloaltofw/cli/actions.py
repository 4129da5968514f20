"""The command line of the vendor's connectors: `-a ACTION` in place of a command (contract.md §1)."""

from __future__ import annotations

from collections.abc import Container, Sequence
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

ACTIONS = {
    "enroll": "enroll",
    "renew": "renew",
    "replace": "replace",
    "list": "list",
    "enc": "encrypt",
    "dec": "decrypt",
}
_NAMES = ("-a", "--action")
# Behind these a word is a value, even if a command has the same name.
_WITH_VALUE = (*_NAMES, "--config", "--log-level", "-p", "--profile", "--firewall", "--wait")


class ActionOption(click.Option):
    """Stands in the help only: `with_command` has taken the option away before click looks at the words."""

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """The option with the actions whose commands there are."""
        names = ", ".join(_available_in(ctx))
        return "-a, --action ACTION", f"In place of a command, for crontabs of the vendor's connectors: {names}."

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The same actions for completion in a shell."""
        from click.shell_completion import CompletionItem

        return [CompletionItem(name) for name in _available_in(ctx) if name.startswith(incomplete)]


def _available_in(ctx: click.Context) -> list[str]:
    return available(ctx.command.commands if isinstance(ctx.command, click.Group) else {})


def available(commands: Container[str]) -> list[str]:
    """The actions whose commands there are."""
    return [action for action, command in ACTIONS.items() if command in commands]


def with_command(words: Sequence[str], commands: Container[str]) -> list[str]:
    """The same command line with the command that `-a` names in front; unchanged without `-a`."""
    end = words.index("--") if "--" in words else len(words)
    place = next((i for i, word in enumerate(words[:end]) if _is_action(word)), None)
    if place is None or words[0] in commands:
        return list(words)
    action, used = _action_at(words, place)
    if action not in available(commands):
        raise click.UsageError(f"-a: {action!r} is none of {', '.join(available(commands))}.")
    rest = [*words[:place], *words[place + used :]]
    named = next((w for i, w in enumerate(rest) if w in commands and (i == 0 or rest[i - 1] not in _WITH_VALUE)), None)
    if named:
        raise click.UsageError(f"-a stands in place of a command: leave out -a {action} or {named}.")
    return [ACTIONS[action], *rest]


def _is_action(word: str) -> bool:
    return word in _NAMES or word.startswith("--action=") or (word.startswith("-a") and not word.startswith("--"))


def _action_at(words: Sequence[str], place: int) -> tuple[str, int]:
    """The action's name, and how many words it takes."""
    word = words[place]
    if word not in _NAMES:
        return word.removeprefix("--action=").removeprefix("-a"), 1
    if place + 1 == len(words):
        raise click.UsageError(f"{word} needs the name of an action.")
    return words[place + 1], 2
