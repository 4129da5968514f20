"""What config.yaml says of notifications and syslog."""

from __future__ import annotations

import re
import urllib.parse

from paloaltofw.configuration.addresses import host_name
from paloaltofw.configuration.credentials_file import notice_secrets, secret_value
from paloaltofw.configuration.rules import LONGEST, BadValue, duration, expand, one_of, string_schema, takes
from paloaltofw.configuration.yaml_document import Section
from paloaltofw.model.channels import DEFAULT_REPEAT, SYSLOG_PORT, Channel, Syslog
from paloaltofw.secret import Secret

OCCASIONS = ("failure", "urgent", "success")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,31}://\S+")
LOCAL = "local"


def read_channels(document: Section) -> tuple[Channel, ...]:
    """The list `notifications`; what is wrong in it is recorded."""
    channels = (_channel(number, section) for number, section in enumerate(document.sections("notifications"), 1))
    return tuple(channel for channel in channels if channel is not None)


def _channel(number: int, section: Section) -> Channel | None:
    notice_secrets(section)
    url = section.value("url", _apprise_url, required=True)
    on = section.values_or("on", one_of(*OCCASIONS), ("failure", "urgent"))
    repeat = section.value_or("repeat", duration(0, LONGEST), DEFAULT_REPEAT)
    section.close()
    return Channel(number, url, tuple(dict.fromkeys(on)), repeat) if url else None


@takes(string_schema(minLength=1))
def _apprise_url(text: str) -> Secret:
    """A rule: a URL of Apprise's, which mostly holds a password or a token; so errors never show it."""
    secret = secret_value(text)
    url = secret.reveal()
    if not _URL.fullmatch(url):
        raise BadValue("is not an Apprise URL", "for example mailtos://user:${SMTP_PASSWORD}@smtp.example.com")
    try:
        password = urllib.parse.urlsplit(url).password
    except ValueError:
        password = None  # Apprise takes more than RFC 3986 does
    if password:
        Secret(urllib.parse.unquote(password))
    return secret


@takes(string_schema(minLength=1))
def syslog(text: str) -> Syslog:
    """A rule: `local`, or the address of a server that listens on UDP: `udp://HOST`, `HOST:PORT` and the like."""
    text = expand(text.strip())
    if text == LOCAL:
        return Syslog()
    scheme, found, address = text.rpartition("://")
    try:
        url = urllib.parse.urlsplit(f"//{address.rstrip('/')}")
        host, port = url.hostname, SYSLOG_PORT if url.port is None and found else url.port
    except ValueError:
        host, port = None, 0
    if (found and scheme != "udp") or not host or not port or url.path or url.query or "@" in address:
        raise BadValue(f"{text!r} is not a syslog server", "local, udp://HOST or udp://HOST:PORT")
    return Syslog(host_name(host).strip("[]"), port)
