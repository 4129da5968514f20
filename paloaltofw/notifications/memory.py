"""What was told, to whom, and when: each trouble once, again after a while, and anew once it was over."""

from __future__ import annotations

import datetime
import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from paloaltofw.clock import HOUR, format_time, parse_time
from paloaltofw.model.channels import Channel
from paloaltofw.notifications.troubles import WHOLE_RUN, Trouble

VERSION = 1
# A nightly job does not begin on the second: so much earlier than `repeat` counts as `repeat`.
_SLACK_SHARE = 24
_MOST_SLACK = float(HOUR)
# Successes that could not be told are kept for the next run: so many.
MOST_OWED = 200


class Memory:
    """What one state folder remembers of all channels. What cannot be understood counts as nothing told."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        channels = document.get("channels")
        self._channels: dict[str, dict[str, Any]] = {}
        for key, kept in channels.items() if isinstance(channels, dict) else ():
            self._channels[str(key)] = {"told": _told(kept), "owed": _owed(kept)}

    @property
    def document(self) -> dict[str, Any]:
        """What is to be stored."""
        return {"version": VERSION, "channels": self._channels}

    def keep_only(self, channels: Iterable[Channel]) -> None:
        """Forget channels that are not configured any more."""
        keys = {key_of(channel) for channel in channels}
        self._channels = {key: kept for key, kept in self._channels.items() if key in keys}

    def forget(
        self, channel: Channel, seen: Collection[str], known: Collection[str] | None, troubles: Sequence[Trouble]
    ) -> None:
        """Forget what is over: troubles gone of profiles that this run has seen, and profiles that are gone."""
        present = {(name, trouble.code) for trouble in troubles for name in trouble.profiles}
        told = self._of(channel)["told"]
        for name in list(told):
            is_judged = name in seen or name == WHOLE_RUN
            kept = {code: when for code, when in told[name].items() if not is_judged or (name, code) in present}
            if kept and (known is None or name in known or name == WHOLE_RUN):
                told[name] = kept
            else:
                del told[name]

    def due(self, channel: Channel, trouble: Trouble, now: datetime.datetime) -> tuple[str, ...]:
        """The profiles of a trouble for which it is to be told now."""
        told = self._of(channel)["told"]
        return tuple(
            name for name in trouble.profiles if _is_due(told.get(name, {}).get(trouble.code), channel.repeat, now)
        )

    def mark(self, channel: Channel, names: Collection[str], code: str, now: datetime.datetime) -> None:
        """A trouble was told."""
        for name in names:
            self._of(channel)["told"].setdefault(name, {})[code] = format_time(now)

    def owed(self, channel: Channel) -> list[str]:
        """Successes that could not be told earlier."""
        return list(self._of(channel)["owed"])

    def owe(self, channel: Channel, lines: list[str]) -> None:
        """Keep what could not be told; nothing where it was."""
        self._of(channel)["owed"] = lines[-MOST_OWED:]

    def _of(self, channel: Channel) -> dict[str, Any]:
        return self._channels.setdefault(key_of(channel), {"told": {}, "owed": []})


def key_of(channel: Channel) -> str:
    """Which channel it is, wherever it stands in the list. So few digits of the digest tell nobody a password."""
    digest = hashlib.sha256(channel.url.reveal().encode()).hexdigest()[:4]
    return f"{channel.scheme}-{digest}-{'+'.join(sorted(channel.on))}"


def _is_due(told_at: str | None, repeat: float, now: datetime.datetime) -> bool:
    """Whether a trouble is new, or was told long enough ago; a time in the future comes from a wrong clock."""
    if told_at is None:
        return True
    passed = (now - parse_time(told_at)).total_seconds()
    return passed >= repeat - min(repeat / _SLACK_SHARE, _MOST_SLACK) or passed < -_MOST_SLACK


def _told(kept: object) -> dict[str, dict[str, str]]:
    told = kept.get("told") if isinstance(kept, dict) else None
    return {
        str(name): {str(code): when for code, when in codes.items() if isinstance(when, str)}
        for name, codes in (told.items() if isinstance(told, dict) else ())
        if isinstance(codes, dict)
    }


def _owed(kept: object) -> list[str]:
    owed = kept.get("owed") if isinstance(kept, dict) else None
    return [line for line in owed if isinstance(line, str)] if isinstance(owed, list) else []
