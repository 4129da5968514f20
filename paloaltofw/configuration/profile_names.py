"""Which profiles there are, by the names of their files alone: nothing is decrypted, and no profile is read."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from paloaltofw.configuration.gpg import ENCRYPTED_SUFFIX


def certificate_names(folder: Path) -> list[str]:
    """The names of all certificate profiles in a folder."""
    return _names(_files(folder))


def firewall_names(folder: Path) -> list[str]:
    """The names of all firewall profiles in a folder, plain or encrypted."""
    return _names(name.removesuffix(ENCRYPTED_SUFFIX) for name in _files(folder))


def _files(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if not name.startswith(".")] if folder.is_dir() else []


def _names(files: Iterable[str]) -> list[str]:
    return sorted({name.removesuffix(".yaml") for name in files if name.endswith(".yaml")})
