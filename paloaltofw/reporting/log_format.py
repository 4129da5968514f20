"""How a line of the log looks: text, or one JSON object; never a secret, never more than a line."""

from __future__ import annotations

import json
import logging
import re
import time

from paloaltofw.secret import redact

# How main events begin: `profile=%s firewall=%s order=%s …`.
_FIELD = re.compile(r"(profile|firewall|order)=%s ")
FIELDS = ("profile", "firewall", "order")


class OneLine(logging.Formatter):
    """RFC 3339 time in UTC, level, text; line breaks and other control characters are written as escapes."""

    converter = staticmethod(time.gmtime)
    default_time_format = "%Y-%m-%dT%H:%M:%SZ"
    default_msec_format = None

    def __init__(self, form: str = "%(asctime)s %(levelname)s %(message)s") -> None:
        super().__init__(form)

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of text."""
        text = redact(super().format(record))
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class JsonLine(OneLine):
    """One JSON object a line. Secrets go out of each text before it is encoded: an escaped one would not be found."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as a JSON object."""
        fields = {name: value for name in FIELDS if isinstance(value := getattr(record, name, None), str)}
        line = {
            "time": self.formatTime(record),
            "level": record.levelname.lower(),
            "logger": record.name,
            **fields,
            **_leading_fields(record),
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps({name: redact(value) for name, value in line.items()})


def _leading_fields(record: logging.LogRecord) -> dict[str, str]:
    """The fields that an event's own format begins with; what peers say stands in arguments, and is not read so."""
    found: dict[str, str] = {}
    if not isinstance(record.msg, str) or not isinstance(record.args, tuple):
        return found
    place = 0
    for value in record.args:
        match = _FIELD.match(record.msg, place)
        if match is None:
            break
        if value != "-":
            found[match.group(1)] = str(value)
        place = match.end()
    return found


def formatter(form: str) -> logging.Formatter:
    """The formatter of `logging.format`."""
    return JsonLine() if form == "json" else OneLine()
