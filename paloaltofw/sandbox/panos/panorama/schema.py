"""Which elements a Panorama's configuration knows."""

from __future__ import annotations

from paloaltofw.sandbox.panos.schema import CONFIG, PLACE, SYSTEM, Schema

# Of certificates, on Panorama and on firewalls that it feeds (panos.md §7).
NAME_LIMIT = 31
_MEMBERS: Schema = {"member": {}}
_TEMPLATE: dict[str, Schema] = {
    "config": CONFIG,
    "description": {},
    "settings": None,
    "variable": None,
    "user-group-source": None,
    # Of releases that had no template stacks.
    "devices": {"entry": {"vsys": None}},
}
_DEVICE: Schema = {
    "deviceconfig": {"system": SYSTEM, "setting": None, "high-availability": None},
    "template": {"entry": _TEMPLATE},
    "template-stack": {"entry": {**_TEMPLATE, "templates": _MEMBERS}},
    "device-group": {"entry": None},
    "log-collector-group": None,
    "plugins": None,
}
PANORAMA_CONFIG: Schema = {
    "mgt-config": None,
    "panorama": PLACE,
    "shared": PLACE,
    "devices": {"entry": _DEVICE},
    "readonly": None,
}
