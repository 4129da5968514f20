"""What a `probe` found out on a real device, as switches: the simulated firewalls behave as it does."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from paloaltofw.sandbox.panos.device import Firewall
from paloaltofw.sandbox.panos.switches import PanosSwitches
from paloaltofw.sandbox.switchboard import set_switches

VERSION = 1
# Facts of a probe that a device cannot be told apart by here.
_NO_SWITCH = ("csr_export",)
_UNSETTLED = ("unclear", "not asked")
_MOST_BYTES = 1024 * 1024


class BadReport(ValueError):
    """A file that is no report of a probe."""


@dataclass(frozen=True)
class Likeness:
    """Settings of switches, as they are typed; `told` says what was taken over and what was not."""

    settings: tuple[str, ...]
    told: tuple[str, ...]
    model: str = ""
    sw_version: str = ""

    def give_to(self, firewalls: Iterable[Firewall]) -> None:
        """Let firewalls say that they are of this model and release."""
        for firewall in firewalls:
            firewall.model = self.model or firewall.model
            firewall.sw_version = self.sw_version or firewall.sw_version


def read_likeness(file: str) -> Likeness:
    """Read the report of a probe; raises BadReport for anything else. Facts that are not known are told and skipped."""
    try:
        with Path(file).open("rb") as stream:
            document = json.loads(stream.read(_MOST_BYTES))
    except OSError as error:
        raise BadReport(f"{file} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise BadReport(f"{file} is not JSON") from None
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BadReport(f"{file} is no report of a probe of version {VERSION}")
    facts = document.get("facts")
    if not isinstance(facts, list):
        raise BadReport(f"{file} holds no facts")
    return _likeness(facts, document.get("device"))


def _likeness(facts: list[object], device: object) -> Likeness:
    settings, told = [], []
    for fact in facts:
        id_, answer = (_text(fact, name) for name in ("id", "answer"))
        if id_ in _NO_SWITCH:
            continue
        setting = f"{id_}={answer.encode('unicode_escape').decode()}"
        why = _objection(id_, answer, setting)
        if why:
            told.append(f"skipped        {id_[:60]!r}: {why}")
        else:
            settings.append(setting)
            told.append(f"as the device  {setting}")
    known = {name: _text(device, name) for name in ("model", "sw_version")}
    of = {name: "" if text == "unknown" else text for name, text in known.items()}
    return Likeness(tuple(settings), tuple(told), **of)


def _objection(id_: str, answer: str, setting: str) -> str:
    """Why a fact cannot be taken over; empty if it can."""
    if id_ not in {field.name for field in dataclasses.fields(PanosSwitches)}:
        return "the sandbox has no such switch"
    if answer in _UNSETTLED:
        return f"{answer} on the device"
    try:
        set_switches([setting])
    except ValueError as error:
        return str(error)
    return ""


def _text(holder: object, name: str) -> str:
    value = holder.get(name) if isinstance(holder, Mapping) else None
    return value if isinstance(value, str) else ""
