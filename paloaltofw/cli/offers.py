"""What a shell offers for the word under the cursor: names of profiles and firewalls, files, folders.

A shell asks on every Tab, on every host and with every broken configuration: so this only lists names of files, and
says nothing at all where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from pathlib import Path

    from click.shell_completion import CompletionItem


def a_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the name of a file."""
    return _item(incomplete, "file")


def a_folder(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell complete the name of a folder."""
    return _item(incomplete, "dir")


def _item(incomplete: str, kind: str) -> list[CompletionItem]:
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type=kind)]


def certificate_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """One certificate profile's name."""
    return [name for name in _certificates(ctx) if name.startswith(incomplete)]


def certificate_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Certificate profiles' names, with commas."""
    return _with_commas(_certificates(ctx), incomplete)


def firewall_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """One firewall profile's name."""
    return [name for name in _firewalls(ctx) if name.startswith(incomplete)]


def firewall_profiles(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """Firewall profiles' names, with commas."""
    return _with_commas(_firewalls(ctx), incomplete)


def _with_commas(names: Iterable[str], incomplete: str) -> list[str]:
    """Each name that may stand behind the last comma and does not stand before it, with all that stands before it."""
    before, comma, begun = incomplete.rpartition(",")
    taken = {name.strip().removesuffix(".yaml") for name in before.split(",")}
    return [f"{before}{comma}{name}" for name in names if name.startswith(begun) and name not in taken]


def known_profile(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
    """One profile that the state folder knows; its file may be gone."""
    from paloaltofw.configuration.settings_file import state_folder
    from paloaltofw.storage.inventory import known_profiles
    from paloaltofw.storage.store import Store

    def names(file: Path) -> list[str]:
        folder = state_folder(file)
        return known_profiles(Store(folder)) if folder else []

    return [name for name in _listed(ctx, names) if name.startswith(incomplete)]


def _certificates(ctx: click.Context) -> list[str]:
    from paloaltofw.configuration.profile_names import certificate_names
    from paloaltofw.configuration.settings_file import profile_folders

    def names(file: Path) -> list[str]:
        folders = profile_folders(file)
        return certificate_names(folders[0]) if folders else []

    return _listed(ctx, names)


def _firewalls(ctx: click.Context) -> list[str]:
    from paloaltofw.configuration.profile_names import firewall_names
    from paloaltofw.configuration.settings_file import profile_folders

    def names(file: Path) -> list[str]:
        folders = profile_folders(file)
        return firewall_names(folders[1]) if folders else []

    return _listed(ctx, names)


def _listed(ctx: click.Context, names: Callable[[Path], list[str]]) -> list[str]:
    """What can be listed by the config.yaml of the line, or of the environment."""
    from paloaltofw.cli.application import COMMON
    from paloaltofw.configuration.settings_file import find_file

    try:
        file = find_file(ctx.meta.get(COMMON, {}).get("config"))
        return names(file) if file.is_file() else []  # a pipe would let the shell wait
    except Exception:
        return []  # a half-typed line is no place for an error: the command itself tells it
