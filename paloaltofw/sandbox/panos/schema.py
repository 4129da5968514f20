"""Which elements the configuration knows: enough to refuse a misspelled node as a device does (code 12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TypeAlias
from xml.etree.ElementTree import Element  # nosec B405  # parses nothing foreign

from paloaltofw.sandbox.panos.answers import INVALID_OBJECT, PanosError
from paloaltofw.sandbox.panos.xpath import Step, Xpath

# A node's known children; None: not described here, anything goes; an empty mapping: a leaf.
Schema: TypeAlias = "Mapping[str, Schema] | None"

NAME_LIMIT = 63
_OBJECT_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_. -]{0,62}", re.ASCII)
# Must not begin with * or _ (panos.md §7).
_CERTIFICATE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_. -]*", re.ASCII)


def _leaves(names: str) -> dict[str, Schema]:
    return {name: {} for name in names.split()}


def _free(names: str) -> dict[str, Schema]:
    return dict.fromkeys(names.split())


# Elements of a certificate entry (panos.md §6).
CERTIFICATE_FIELDS = _leaves(
    "algorithm ca common-name common-name-int csr expiry-epoch issuer issuer-hash not-valid-after not-valid-before"
    " private-key private-key-on-hsm public-key revoke-date-epoch status subject subject-hash subject-int"
    " cloud-resource-id"
)
_ADDRESS: Schema = {"entry": {**_leaves("ip-netmask ip-range ip-wildcard fqdn description"), "tag": None}}
PLACE: dict[str, Schema] = {
    "certificate": {"entry": CERTIFICATE_FIELDS},
    "ssl-tls-service-profile": {"entry": {"certificate": {}, "protocol-settings": None}},
    "address": _ADDRESS,
    **_free(
        "address-group service service-group tag application application-group certificate-profile ssl-decrypt"
        " authentication-profile server-profile local-user-database log-settings profiles profile-group schedule"
        " external-list region response-page email-scheduler reports botnet ocsp-responder"
    ),
}
_VSYS: dict[str, Schema] = {
    **PLACE,
    "display-name": {},
    **_free("rulebase zone import setting captive-portal global-protect user-id-collector"),
}
SYSTEM: Schema = {
    **_leaves(
        "hostname ip-address netmask default-gateway domain timezone login-banner ssl-tls-service-profile"
        " ipv6-address ipv6-default-gateway mtu speed-duplex"
    ),
    **_free(
        "type dns-setting ntp-servers panorama service permitted-ip update-schedule device-telemetry snmp-setting"
        " route geo-location ssh secure-conn-client syslog-certificate"
    ),
}
_DEVICE: Schema = {
    "deviceconfig": {"system": SYSTEM, "setting": None, "high-availability": None},
    "network": None,
    "vsys": {"entry": _VSYS},
}
CONFIG: Schema = {"mgt-config": None, "shared": PLACE, "devices": {"entry": _DEVICE}}


def _not_expected(path: Iterable[str]) -> PanosError:
    *parents, last = path
    place = " -> ".join(parents)
    return PanosError(f" {place} -> {last} unexpected here", f" {place} is invalid", code=INVALID_OBJECT)


def label(path: Xpath) -> list[str]:
    """A path as messages write it: tags, and names instead of `entry`; from `template` on in one (panos.md §8)."""
    is_in_template = len(path) > 5 and path[3].tag in ("template", "template-stack")
    return [step.name or step.tag for step in path[3 if is_in_template else 1 :]] or ["config"]


def at(path: Xpath, root: Schema = CONFIG, limit: int = NAME_LIMIT) -> Schema:
    """The schema of the node at a path; refuses a path that the configuration cannot have."""
    schema = root
    for position, step in enumerate(path[1:], start=1):
        if schema is None:
            break
        if step.tag not in schema:
            raise _not_expected(["config", *label(path[: position + 1])])
        schema = schema[step.tag]
    for position, step in enumerate(path):
        _check_step(path[: position + 1], step, limit)
    return schema


def _check_step(path: Xpath, step: Step, limit: int) -> None:
    if not step.is_definite:
        raise PanosError(f" {' -> '.join(label(path))} is incomplete", code=INVALID_OBJECT)
    if step.tag == "entry":
        _check_name(path[-2].tag, step.name or "", limit)


def _check_name(container: str, name: str, limit: int) -> None:
    if container == "certificate":
        check_certificate_name(name, limit=limit)
    elif "'" in name or '"' in name or (container in PLACE and not _OBJECT_NAME.fullmatch(name)):
        raise PanosError(f" {container} -> {name} is invalid", code=INVALID_OBJECT)


def check_certificate_name(name: str, code: int = INVALID_OBJECT, limit: int = NAME_LIMIT) -> None:
    """Length and characters of a certificate's name (panos.md §7)."""
    if len(name) > limit:
        why = f"can be at most {limit} characters, but current length: {len(name)}"
        raise PanosError(f" certificate -> {name[:limit]}  {why}", code=code)
    if not _CERTIFICATE_NAME.fullmatch(name):
        raise PanosError(f" certificate -> {name}  is invalid", code=code)


def check(element: Element, schema: Schema, path: list[str], limit: int = NAME_LIMIT) -> None:
    """Refuse elements below `element` that the schema does not know."""
    if schema is None:
        return
    if element.tag == "entry" and not element.get("name"):
        raise PanosError(f" {' -> '.join(path)} is missing 'name'", code=INVALID_OBJECT)
    if schema and (element.text or "").strip():
        raise PanosError(f" {' -> '.join(path)} is invalid", code=INVALID_OBJECT)
    for child in element:
        here = [*path, child.get("name") or child.tag]
        if child.tag not in schema:
            raise _not_expected(here)
        if child.tag == "entry":
            _check_name(element.tag, child.get("name") or "", limit)
        check(child, schema[child.tag], here, limit)
