"""Rules: each turns the text of a value into what the program uses, or says what is allowed."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from paloaltofw.clock import DAY, HOUR

T = TypeVar("T")
Schema = dict[str, Any]
"""A JSON Schema, or a part of one."""
_VARIABLE = re.compile(r"\$\{([^}]*)\}")
DURATION_PATTERN = r"(?:(\d{1,6})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,8})s?)?"
_DURATION = re.compile(DURATION_PATTERN)
_UNIT_SECONDS = (DAY, HOUR, 60, 1)
# The longest that any key takes: longer than a year is a slip.
LONGEST = 366 * DAY


class BadValue(ValueError):
    """Raised by a rule: `what` is wrong with a value, and what is `allowed` instead."""

    def __init__(self, what: str, allowed: str = "") -> None:
        super().__init__(what, allowed)
        self.what = what
        self.allowed = allowed


Rule = Callable[[str], T]
"""Turns the text of a value into what the program uses, or raises `BadValue`."""


@dataclass(frozen=True)
class Shape:
    """What a rule takes, as far as a JSON Schema can say it, and how a default is written that the rule would give."""

    schema: Mapping[str, Any]
    written: Callable[[Any], object]


def takes(
    schema: Mapping[str, Any], written: Callable[[Any], object] = lambda value: value
) -> Callable[[Rule[T]], Rule[T]]:
    """Write the shape of what it takes onto a rule. It must let everything pass that the rule lets pass."""

    def mark(rule: Rule[T]) -> Rule[T]:
        vars(rule)["shape"] = Shape(schema, written)
        return rule

    return mark


def shape_of(rule: Rule[Any]) -> Shape:
    """The shape of a rule; a rule without one is a mistake of ours."""
    shape = getattr(rule, "shape", None)
    if not isinstance(shape, Shape):
        raise TypeError(f"{rule!r} does not say what it takes")
    return shape


def text_schema(pattern: str = "", **more: object) -> Schema:
    """A text. YAML makes a number of one without quotes that looks like it; rules see what is written."""
    return {"type": ["string", "number"], **({"pattern": f"^(?:{pattern})$"} if pattern else {}), **more}


def string_schema(pattern: str = "", **more: object) -> Schema:
    """A text that cannot look like a number."""
    return {**text_schema(pattern, **more), "type": "string"}


def duration_schema(low: float, high: float) -> Schema:
    """Seconds, or a text with units."""
    return {
        "anyOf": [
            {"type": "integer", "minimum": int(low), "maximum": int(high)},
            {"type": "string", "pattern": rf"^\s*(?=\d)(?:{DURATION_PATTERN})\s*$"},
        ]
    }


def written_duration(seconds: float) -> object:
    """A duration as a person writes it: in the largest unit that it is a whole number of."""
    units = ((unit, seconds // unit) for unit in _UNIT_SECONDS if seconds and not seconds % unit)
    unit, number = next(units, (1, seconds))
    return int(number) if unit == 1 else f"{number:g}{'dhm'[_UNIT_SECONDS.index(unit)]}"


def parse_duration(text: str) -> float:
    """Turn `90`, `45s`, `5m`, `12h`, `2d` or `1h30m` into seconds; raises `BadValue`."""
    match = _DURATION.fullmatch(text.strip())
    if not match or not any(match.groups()):
        raise BadValue(f"{text!r} is not a duration", "write it like 45s, 5m, 12h, 2d or 1h30m")
    return float(sum(int(count) * unit for count, unit in zip(match.groups(), _UNIT_SECONDS, strict=True) if count))


def expand(text: str) -> str:
    """Replace `${NAME}` by the environment variable; raises `BadValue` if it is not set."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in os.environ:
            raise BadValue(f"the environment variable {name} is not set", "set it, or write the value here")
        return os.environ[name]

    return _VARIABLE.sub(value, text)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Say `did you mean …` if a known word is near, else list the known words."""
    known = sorted(known)
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(word.lower(), by_lower, n=1)
    if near:
        return f"did you mean {by_lower[near[0]]}?"
    return f"known here: {', '.join(known)}" if known else "nothing is known here"


def one_of(*allowed: str) -> Rule[str]:
    """A rule: exactly one of these words."""

    @takes({"enum": [*allowed]})
    def rule(text: str) -> str:
        if text not in allowed:
            near = [word for word in allowed if word.lower() == text.lower()]
            hint = f"did you mean {near[0]}?" if near else f"allowed: {', '.join(allowed)}"
            raise BadValue(f"{text!r} is not allowed", hint)
        return text

    return rule


def integer(low: int, high: int) -> Rule[int]:
    """A rule: a whole number in a range."""

    @takes({"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, string_schema(r"[+-]?\d{1,12}")]})
    def rule(text: str) -> int:
        if not re.fullmatch(r"[+-]?\d{1,12}", text) or not low <= int(text) <= high:
            raise BadValue(f"{text!r} is not allowed", f"a whole number from {low} to {high}")
        return int(text)

    return rule


def duration(low: float, high: float) -> Rule[float]:
    """A rule: a duration in a range of seconds."""

    @takes(duration_schema(low, high), written_duration)
    def rule(text: str) -> float:
        seconds = parse_duration(text)
        if not low <= seconds <= high:
            raise BadValue(f"{text!r} is out of range", f"from {low:g} to {high:g} seconds")
        return seconds

    return rule
