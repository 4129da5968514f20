"""The switches of the simulated systems as text: `NAME=VALUE` sets one, and all are listed with their positions."""

from __future__ import annotations

import dataclasses
import re
import types
import typing
from collections.abc import Iterable
from typing import Any, Literal, TypeAlias, TypeVar, Union

from paloaltofw.sandbox.base.authority import ChainForm
from paloaltofw.sandbox.panos.panorama.switches import PanoramaSwitches
from paloaltofw.sandbox.panos.releases import switches_of
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.scm.orders import ScmSwitches

T = TypeVar("T", PanosSwitches, PanoramaSwitches, ScmSwitches, ChainForm)
Class: TypeAlias = type[PanosSwitches] | type[PanoramaSwitches] | type[ScmSwitches] | type[ChainForm]
PANORAMA = "panorama."
_WORDS = {"yes": True, "true": True, "no": False, "false": False}


def set_switches(settings: Iterable[str], release: str | None = None) -> tuple[PanosSwitches, ScmSwitches]:
    """Both systems' switches with these settings; raises ValueError with a sentence for whoever typed them.

    `release`: of PAN-OS, whose positions the settings may change.

    Lists are separated by commas; `chain.order` is the field `order` of the switch `chain`.
    """
    panos, scm = switches_of(release) if release else PanosSwitches(), ScmSwitches()
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise ValueError(f"{setting!r} is not NAME=VALUE")
        if name in _types(PanosSwitches):
            panos = _changed(panos, name, text)
        elif name in _types(ScmSwitches) and name != "chain":
            scm = _changed(scm, name, text)
        elif name.startswith("chain.") and name[6:] in _types(ChainForm):
            scm = dataclasses.replace(scm, chain=_changed(scm.chain, name[6:], text))
        else:
            raise ValueError(f"there is no switch {name!r}; --list-switches names them")
    return panos, scm


def set_panorama_switches(settings: Iterable[str], switches: PanoramaSwitches) -> tuple[PanoramaSwitches, list[str]]:
    """A Panorama's switches with the settings that begin with `panorama.`, and the other settings."""
    others = []
    for setting in settings:
        name, equals, text = setting.removeprefix(PANORAMA).partition("=")
        if not setting.startswith(PANORAMA):
            others.append(setting)
        elif equals and name in _types(PanoramaSwitches):
            switches = _changed(switches, name, text)
        else:
            raise ValueError(f"there is no switch {setting!r}; --list-switches names them as NAME=VALUE")
    return switches, others


def list_switches() -> str:
    """Every switch as it is typed for its default, and its positions."""
    parts: list[tuple[str, Class, str]] = [
        ("Firewalls", PanosSwitches, ""),
        ("A Panorama", PanoramaSwitches, PANORAMA),
        ("SCM", ScmSwitches, ""),
        ("The chains that SCM delivers", ChainForm, "chain."),
    ]
    return "\n\n".join(f"{heading}:\n" + "\n".join(_rows(class_, prefix)) for heading, class_, prefix in parts)


def _rows(class_: Class, prefix: str) -> list[str]:
    defaults = class_()
    names = [field.name for field in dataclasses.fields(class_) if field.name != "chain"]
    settings = {name: f"{prefix}{name}={_shown(getattr(defaults, name))}" for name in names}
    return [f"  {setting:<44}  {_positions(class_, name)}" for name, setting in settings.items()]


def _changed(switches: T, name: str, text: str) -> T:
    changes: dict[str, Any] = {name: _value(type(switches), name, text)}
    return dataclasses.replace(switches, **changes)


def _types(class_: type) -> dict[str, Any]:
    return typing.get_type_hints(class_)


def _value(class_: type, name: str, text: str) -> object:
    kind = _types(class_)[name]
    if typing.get_origin(kind) is tuple:
        return tuple(_one(typing.get_args(kind)[0], name, part) for part in text.split(","))
    return _one(kind, name, text)


def _one(kind: Any, name: str, text: str) -> object:
    """A value of a type: one of several alternatives, a word of a Literal, or a plain type."""
    for alternative in _alternatives(kind):
        found = _readings(alternative, text)
        if found:
            return found[0]
    raise ValueError(f"{name} cannot be {text!r}; it takes {_described(kind)}")


def _readings(kind: Any, text: str) -> list[object]:
    """What a text can mean as a value of one plain type: one thing or nothing."""
    if typing.get_origin(kind) is Literal:
        return [word for word in typing.get_args(kind) if str(word) == text]
    if kind is bool:
        return [_WORDS[text.lower()]] if text.lower() in _WORDS else []
    if kind is str:
        return [text.encode().decode("unicode_escape")]
    if kind is type(None):
        return [None] if text.lower() == "none" else []
    is_number = re.fullmatch(r"\d{1,9}" if kind is int else r"\d{1,9}(\.\d{1,9})?", text, re.ASCII)
    return [kind(text)] if is_number else []


def _alternatives(kind: Any) -> tuple[Any, ...]:
    return typing.get_args(kind) if typing.get_origin(kind) in (Union, types.UnionType) else (kind,)


def _positions(class_: type, name: str) -> str:
    kind = _types(class_)[name]
    if typing.get_origin(kind) is tuple:
        return f"in turn: {_described(typing.get_args(kind)[0])}"
    return _described(kind)


def _described(kind: Any) -> str:
    """The positions of a type in words."""
    words = {bool: "yes, no", int: "a number", float: "a number", str: "a text", type(None): "none"}
    return ", ".join(
        ", ".join(map(str, typing.get_args(one))) if typing.get_origin(one) is Literal else words[one]
        for one in _alternatives(kind)
    )


def _shown(value: object) -> str:
    """A value as it is typed."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    if value is None:
        return "none"
    return str(value).encode("unicode_escape").decode()
