"""Reads the section `serve_check` of a certificate profile."""

from __future__ import annotations

import ipaddress
import re

from paloaltofw.clock import HOUR
from paloaltofw.configuration.addresses import host_name
from paloaltofw.configuration.names import dns_name
from paloaltofw.configuration.rules import BadValue, duration, one_of, string_schema, takes
from paloaltofw.configuration.yaml_document import Section
from paloaltofw.model.serve_check import Endpoint, ServeCheck

ON_WRONG = ("report", "rollback")
_ENDPOINT = re.compile(r"(?P<host>\[[^\]/%]+\]|[^\[\]/:]+):(?P<port>\d{1,5})(?:/(?P<name>[^/]+))?", re.ASCII)
_EXAMPLE = "write HOST:PORT, or ADDRESS:PORT/NAME with the name to ask for; IPv6 in brackets: [2001:db8::7]:443"


def read_serve_check(document: Section) -> ServeCheck:
    """What the section says; without it nothing is asked."""
    section = document.section("serve_check")
    endpoints = tuple(dict.fromkeys(section.values("endpoints", endpoint)))
    check = ServeCheck(
        endpoints,
        section.value_or("wait", duration(1, HOUR), 120.0),
        section.value_or("on_wrong", one_of(*ON_WRONG), "report"),
    )
    section.close()
    return check


@takes(string_schema(r"(?:\[[^\]/%]+\]|[^\[\]/:]+):[0-9]{1,5}(?:/[^/]+)?"))
def endpoint(text: str) -> Endpoint:
    """A rule: `host:443`, or `address:443/name`, where the name is the one to ask for (SNI)."""
    match = _ENDPOINT.fullmatch(text)
    if match is None:
        raise BadValue(f"{text!r} is not an endpoint", _EXAMPLE)
    port = int(match["port"])
    if not 1 <= port <= 65535:
        raise BadValue(f"{text!r} has the port {port}", "a port from 1 to 65535")
    host, is_address = _host(match["host"])
    if match["name"] is None:
        return Endpoint(host, port, "" if is_address else host)
    name = dns_name(match["name"])
    if name.startswith("*"):
        raise BadValue(f"{match['name']!r} is not a host name", "one of the names that the wildcard stands for")
    return Endpoint(host, port, name)


def _host(text: str) -> tuple[str, bool]:
    """A host without brackets, and whether it is an IP address, for which no name is asked (RFC 6066 §3)."""
    if text.startswith("["):
        try:
            return str(ipaddress.IPv6Address(text[1:-1])), True
        except ValueError:
            raise BadValue(f"{text!r} is not an IPv6 address", _EXAMPLE) from None
    host = host_name(text)
    try:
        return str(ipaddress.IPv4Address(host)), True
    except ValueError:
        return host, False
