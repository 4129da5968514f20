"""Writes one value into a firewall profile and leaves every other line as it is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import yaml

from paloaltofw.configuration.firewall_profile_file import read_firewall_profile
from paloaltofw.configuration.gpg import ENCRYPTED_SUFFIX, Gpg, read_file
from paloaltofw.configuration.problems import Findings, sorted_problems
from paloaltofw.configuration.profile_names import firewall_names
from paloaltofw.configuration.rules import suggestion
from paloaltofw.errors import AgentError, ConfigurationError, UsageError
from paloaltofw.model.firewall_profile import FirewallProfile
from paloaltofw.model.settings import Settings

PEER = "ha_peer"


@dataclass(frozen=True)
class ProfileFile:
    """A firewall profile that is about to be completed. `path` is its plain name, `content` its plain content.

    `section`: where in it the values go, PEER for the other unit of an HA pair; `profile` is of that unit then.
    """

    path: Path
    content: bytes
    is_encrypted: bool
    profile: FirewallProfile
    section: str = ""

    @property
    def name(self) -> Path:
        """Where it lies now."""
        return self.path.with_name(self.path.name + ENCRYPTED_SUFFIX) if self.is_encrypted else self.path


def open_profile(settings: Settings, gpg: Gpg, name: str, lacks: str, of_peer: bool = False) -> ProfileFile:
    """Read a firewall profile, but for the key that is about to be written; `of_peer`: that of a pair's other unit.

    Raises UsageError for an unknown name or unit, ConfigurationError for anything else that is wrong in the file.
    """
    name = name.removesuffix(".yaml")
    known = firewall_names(settings.firewall_folder)
    if name not in known:
        raise UsageError(f"--firewall {name}: there is no such profile", remedy=suggestion(name, known))
    path = settings.firewall_folder / f"{name}.yaml"
    is_encrypted = not path.exists()
    content = gpg.read(path.with_name(path.name + ENCRYPTED_SUFFIX)) if is_encrypted else read_file(path)
    findings = Findings()
    profile = read_firewall_profile(path, findings, content, f"{PEER}.{lacks}" if of_peer else lacks)
    if profile is None:
        raise ConfigurationError(sorted_problems(findings))
    if not of_peer:
        return ProfileFile(path, content, is_encrypted, profile)
    if profile.ha_peer is None:
        remedy = "write ha_peer with the url of the other unit into the profile first"
        raise UsageError(f"--ha-peer: {path.name} names no other unit", remedy=remedy)
    return ProfileFile(path, content, is_encrypted, profile.other_unit(), PEER)


def with_value(file: ProfileFile, key: str, value: str) -> bytes:
    """The profile's text with one value replaced or added, and nothing else changed: comments stay.

    Raises AgentError where the file is written in a way that does not allow it.
    """
    text = file.content.decode("utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(node, yaml.MappingNode)  # nosec B101  # narrows a type
    new = _spliced_below(text, node, file.section, key, json.dumps(value))
    before = yaml.safe_load(text)
    wanted = {**before[file.section], key: value} if file.section else value
    try:
        after = yaml.safe_load(new)
    except yaml.YAMLError:
        after = None
    if after != {**before, file.section or key: wanted}:
        title = f"{file.section}.{key}".removeprefix(".")
        what = f"{title} cannot be written into the file as it is laid out"
        raise AgentError(what, str(file.path), f"give {title} a line of its own, like in the sample")
    return new.encode("utf-8")


def _spliced_below(text: str, node: yaml.MappingNode, section: str, key: str, value: str) -> str:
    if not section:
        return _spliced(text, node, key, value)
    inner = next(old for name, old in node.value if name.value == section)
    if any(name.value == key for name, _ in inner.value):
        return _spliced(text, inner, key, value)
    # As the first key of the section: where its last line ends is not told.
    start, column = inner.start_mark.index, inner.start_mark.column
    if inner.flow_style:
        return f"{text[: start + 1]}{key}: {value}, {text[start + 1 :]}"
    return f"{text[:start]}{key}: {value}\n{' ' * column}{text[start:]}"


def _spliced(text: str, node: yaml.MappingNode, key: str, value: str) -> str:
    for name, old in node.value:
        if name.value == key:
            start, end = old.start_mark.index, old.end_mark.index
            # A value that is missing ends where it begins, right after the colon.
            return f"{text[:start]}{' ' if start == end else ''}{value}{text[end:]}"
    body = text if text.endswith("\n") else text + "\n"
    return f"{body}{key}: {value}\n"
