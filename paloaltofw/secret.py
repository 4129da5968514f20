"""The type that keeps a secret from being shown, and the last line of defence against showing one."""

from __future__ import annotations

import urllib.parse

# Every secret that this process has met, in each form in which a library might show it, for the last line of defence in
# `redact`. A dictionary keeps one of each and may be read while another thread adds to it.
_FORMS: dict[str, None] = {}
_SHORTEST_REDACTED = 4


class Secret:
    """A value that is never shown: `str`, `repr` and formatting return ***. `reveal` is called where it is sent."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        if len(value) >= _SHORTEST_REDACTED:
            for form in (value, urllib.parse.quote(value, safe=""), urllib.parse.quote_plus(value)):
                _FORMS[form] = None

    def reveal(self) -> str:
        """The value itself, for the one line that sends it."""
        return self._value

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret cannot be pickled")


def redact(text: str) -> str:
    """A text without any secret that this process has met, also where it is percent-encoded."""
    found = [form for form in tuple(_FORMS) if form in text]
    for form in sorted(found, key=len, reverse=True):
        text = text.replace(form, "***")
    return text
