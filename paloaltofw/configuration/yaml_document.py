"""Reads YAML documents with positions; collects every problem instead of stopping at the first."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import yaml

from paloaltofw.configuration.mistakes import cut_secrets, star_at, tab_at
from paloaltofw.configuration.problems import Findings, Position
from paloaltofw.configuration.rules import BadValue, Rule, suggestion

T = TypeVar("T")
MAX_FILE_BYTES = 1024 * 1024
MAX_DEPTH = 20
_LOADER: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG = "tag:yaml.org,2002:"
_TEXT_TAGS = {_TAG + kind for kind in ("str", "int", "float", "timestamp", "merge", "value")}


class Section:
    """A mapping in a document. Each reader method takes a key, checks its value and records what is wrong with it.

    After the last key was asked for, `close` reports the keys that nobody asked for.
    """

    def __init__(self, path: Path, node: yaml.MappingNode | None, name: str, findings: Findings, at: Position) -> None:
        self.path = path
        self.name = name
        self.position = at
        self.findings = findings
        self._asked: set[str] = set()
        self._keys: dict[str, Position] = {}
        self._values: dict[str, yaml.Node] = {}
        for key_node, value in node.value if node else []:
            self._take(key_node, value)

    def _take(self, key_node: yaml.Node, value: yaml.Node) -> None:
        at = _position(self.path, key_node)
        if not isinstance(key_node, yaml.ScalarNode):
            self.findings.add(at, self.name, "a key must be a plain word")
            return
        key = str(key_node.value)
        if key in self._keys:
            self.findings.add(at, self.full(key), f"stands twice, first in line {self._keys[key].line}", "keep one")
            return
        self._keys[key] = at
        self._values[key] = value

    def full(self, key: str) -> str:
        """The key with the names of its sections, as in `renewal.auto`."""
        return f"{self.name}.{key}" if self.name else key

    def keys(self) -> list[str]:
        """All keys that stand in the file."""
        return list(self._keys)

    def has(self, key: str) -> bool:
        """Whether the key stands in the file with a value other than null."""
        return key in self._values and not _is_null(self._values[key])

    def at(self, key: str) -> Position:
        """Where the key's value stands; the section's start if it is missing."""
        return _position(self.path, self._values[key]) if key in self._values else self.position

    def refuse(self, key: str, what: str, allowed: str = "") -> None:
        """Record a problem with this key's value."""
        self.findings.add(self.at(key), self.full(key), what, allowed)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Every text in the section, whatever its place, with the key of this section that leads to it."""
        for key, value in self._values.items():
            level = {id(value): value}
            for _ in range(MAX_DEPTH):
                scalars = [node for node in level.values() if isinstance(node, yaml.ScalarNode)]
                yield from ((key, str(node.value)) for node in scalars)
                yield from ((key, node.tag.removeprefix("!")) for node in level.values() if node.tag.startswith("!"))
                level = {id(child): child for node in level.values() for child in _children(node)}
        yield from (("", key) for key in self._keys)

    def close(self) -> None:
        """Report every key that nobody asked for."""
        for key in self._keys.keys() - self._asked:
            what = "unknown key"
            self.findings.add(self._keys[key], self.full(key), what, suggestion(key, self._asked))

    def _node(self, key: str, required: bool) -> yaml.Node | None:
        self._asked.add(key)
        node = self._values.get(key)
        if node is not None and not _is_null(node):
            return node
        if required:
            what = "is missing" if node is None else "has no value"
            self.refuse(
                key, what, "it is required" if node is None else "it is required (in quotes, if it begins with #)"
            )
        return None

    def _apply(self, key: str, node: yaml.Node, rule: Rule[T]) -> T | None:
        try:
            return rule(_scalar_text(node))
        except BadValue as bad:
            self.findings.add(_position(self.path, node), self.full(key), bad.what, bad.allowed)
            return None

    def value(self, key: str, rule: Rule[T], required: bool = False) -> T | None:
        """A single value that `rule` accepts; None if it is missing or wrong."""
        node = self._node(key, required)
        return None if node is None else self._apply(key, node, rule)

    def value_or(self, key: str, rule: Rule[T], default: T) -> T:
        """The same with a default for a missing (or wrong, hence reported) value."""
        value = self.value(key, rule)
        return default if value is None else value

    def boolean(self, key: str, default: bool) -> bool:
        """A value true or false."""
        node = self._node(key, required=False)
        if node is None:
            return default
        if node.tag != _TAG + "bool":
            self.refuse(key, "is neither true nor false", "allowed: true, false")
            return default
        return str(node.value).lower() in ("true", "yes", "on", "y")

    def is_boolean(self, key: str) -> bool:
        """Whether the value is true or false."""
        return self.has(key) and self._values[key].tag == _TAG + "bool"

    def values(self, key: str, rule: Rule[T]) -> tuple[T, ...]:
        """A list of single values; one value alone counts as a list of one."""
        node = self._node(key, required=False)
        if node is None:
            return ()
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        results = (self._apply(f"{key}[{index}]", item, rule) for index, item in enumerate(items))
        return tuple(result for result in results if result is not None)

    def values_or(self, key: str, rule: Rule[T], default: tuple[T, ...]) -> tuple[T, ...]:
        """The same with a default for a list that is missing or empty."""
        return self.values(key, rule) or default

    def section(self, key: str, required: bool = False) -> Section:
        """A mapping inside this one; an empty one if it is missing or wrong."""
        node = self._node(key, required)
        if node is not None and not isinstance(node, yaml.MappingNode):
            self.refuse(key, "must hold keys and values", "see the sample file")
            node = None
        return Section(self.path, node, self.full(key), self.findings, self.at(key))

    def sections(self, key: str) -> list[Section]:
        """A list of mappings; one mapping alone counts as a list of one."""
        node = self._node(key, required=False)
        if node is None:
            return []
        items = node.value if isinstance(node, yaml.SequenceNode) else [node]
        found = []
        for index, item in enumerate(items):
            name, at = f"{self.full(key)}[{index}]", _position(self.path, item)
            if isinstance(item, yaml.MappingNode):
                found.append(Section(self.path, item, name, self.findings, at))
            else:
                self.findings.add(at, name, "must hold keys and values", "see the sample file")
        return found


def read_document(path: Path, findings: Findings, content: bytes | None = None) -> Section | None:
    """Read a file (or its given content) as one YAML mapping; None, with the problem recorded, if it is not one."""
    start = Position(path, 1, 1)
    try:
        content = _read(path) if content is None else content
        node = _compose(content)
    except BadValue as bad:
        findings.add(start, "", bad.what, bad.allowed)
        return None
    except yaml.YAMLError as error:
        _refuse(path, content, error, findings)
        return None
    if not isinstance(node, yaml.MappingNode):
        findings.add(start, "", "is empty" if node is None else "must hold keys and values", "see the sample file")
        return None
    findings.warnings.extend(cut_secrets(content, path))
    return Section(path, node, "", findings, start)


def _refuse(path: Path, content: bytes | None, error: yaml.YAMLError, findings: Findings) -> None:
    position = _error_position(path, error)
    tab = tab_at(content or b"", path, position.line)
    if tab is not None:
        findings.add(tab, "", "a tab indents this line, and YAML takes none there", "indent with blanks")
        return
    star = star_at(content or b"", path, position.line)
    if star is not None:
        findings.add(star, "", "a value that begins with * is not in quotes", 'write it like "*.example.com"')
        return
    remedy = "mind quotes, indentation, and the colon with a blank behind each key"
    findings.add(position, "", f"is not valid YAML: {_error_text(error)}", remedy)


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        is_missing = isinstance(error, FileNotFoundError)
        remedy = "correct the path" if is_missing else "correct the path or the file's rights"
        raise BadValue(f"cannot be read: {error.strerror}", remedy) from None
    if len(content) > MAX_FILE_BYTES:
        raise BadValue("is larger than 1 MiB", "this cannot be a profile")
    return content


def _compose(content: bytes) -> yaml.Node | None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadValue(f"is not UTF-8 text (byte {error.start + 1})", "save it as UTF-8") from None
    if content.count(b"[") + content.count(b"{") > 10_000:
        raise BadValue("is nested too deeply", "this cannot be a profile")
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except (RecursionError, ValueError):
        raise BadValue("is not valid YAML", "mind quotes and indentation") from None
    if node is not None and not _is_shallow(node, MAX_DEPTH):
        raise BadValue("is nested too deeply", "this cannot be a profile")
    return node


def _is_shallow(node: yaml.Node, depth: int) -> bool:
    """Whether nothing is nested deeper. An alias is its anchor's node again, so each node is looked at once a level."""
    level = {id(node): node}
    for _ in range(depth):
        level = {id(child): child for parent in level.values() for child in _children(parent)}
        if not level:
            return True
    return False


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _position(path: Path, node: yaml.Node) -> Position:
    mark = node.start_mark
    return Position(path, mark.line + 1, mark.column + 1)


def _error_position(path: Path, error: yaml.YAMLError) -> Position:
    mark = getattr(error, "problem_mark", None)
    return Position(path, mark.line + 1, mark.column + 1) if mark else Position(path, 1, 1)


def _error_text(error: yaml.YAMLError) -> str:
    """What the parser says, without the words of the file that it quotes: they may be a secret's."""
    problem = str(getattr(error, "problem", None) or "unreadable").replace("\n", " ")
    return re.sub(r"'..+'|\"..+\"", "…", problem)


def _is_null(node: yaml.Node) -> bool:
    return bool(node.tag == _TAG + "null")


def _scalar_text(node: yaml.Node) -> str:
    if not isinstance(node, yaml.ScalarNode):
        raise BadValue("must be a single value")
    if node.tag == _TAG + "bool":
        # Norway's country code, unquoted, is a boolean to YAML 1.1; no key here wants a boolean as text.
        if node.value == "NO":
            return "NO"
        raise BadValue(f"{node.value} means true or false in YAML", "put it in quotes if it is meant as text")
    if node.tag not in _TEXT_TAGS:
        # The tag is not shown: a secret without quotes that begins with ! is one.
        raise BadValue("has a type of its own (a YAML tag, which begins with !)", "put the value in quotes")
    return str(node.value)
