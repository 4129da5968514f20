"""What differs by release of PAN-OS: for each release the sandbox can play, the positions of the switches.

Little is told of a single release. What no source ties to one is dealt out, so that the releases together play every
outcome: a position under `dealt` says "some device may do this", not "this release does". The agent must live with each
and never asks for the number: docs/estates/versions.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from paloaltofw.sandbox.panos.switches import PanosSwitches


@dataclass(frozen=True)
class Release:
    """A release. `told` maps a switch to its position and to who tells it of this release (panos.md)."""

    sw_version: str
    told: Mapping[str, tuple[object, str]]
    dealt: Mapping[str, object]

    @property
    def switches(self) -> PanosSwitches:
        """All switches as this release has them."""
        positions: dict[str, Any] = {**self.dealt, **{name: position for name, (position, _) in self.told.items()}}
        return replace(PanosSwitches(), sw_version=self.sw_version, **positions)


_LAB = "optivedge: PA-5220 11.1.13-h3, PA-VM 11.2.3"
# What one lab measured on 11.1 and 11.2 alike.
_MEASURED: dict[str, tuple[object, str]] = {
    "changes_shape": ("journal", _LAB),
    "journal_paths": ("request", _LAB),
    "malformed_xpath": ("absent", _LAB),
    "unrooted_xpath": ("unauth", _LAB),
    "unknown_command_code": (17, _LAB),
    "certificate_show_expiry": ("today", _LAB),
    "api_key_certificate": (True, "V-AKC: 11.1 and later"),
}
_NO_KEY_CERTIFICATE = (False, "V-AKC: 11.1 and later")
_SELF = (True, "pan-os-python: 10.0 and later")

RELEASES: dict[str, Release] = {
    "10.1": Release(
        "10.1.10-h5",
        {"show_self": _SELF, "api_key_certificate": _NO_KEY_CERTIFICATE},
        {
            "keyless_import": "refused_leaf",
            "bad_key_http_status": 200,
            "busy_commit": "refuse",
            "changes_shape": "unknown_command",
            "unknown_command_code": 1,
            "commit_description": "refused",
            "generate_answer": "result_text",
            "no_partial_changes": "same_result_error",
            "config_lock_code": None,
            "config_lock_held": "already_held",
            "malformed_xpath": "bad_xpath",
            "unrooted_xpath": "bad_xpath",
            "web_interface": "not_found",
            "subject_form": "slash",
            "bundle": "leaf_only",
        },
    ),
    "10.2": Release(
        "10.2.9-h1",
        {
            "show_self": _SELF,
            "api_key_certificate": _NO_KEY_CERTIFICATE,
            "bad_key_text": ("Invalid Credential", "pan-os-upgrade #139: 10.2.9-h1"),
            "bad_key_http_status": (403, "pan-os-upgrade #139: 10.2.9-h1"),
        },
        {
            "busy_commit": "refuse",
            "busy_code": 13,
            "changes_shape": "empty",
            "commit_description": "partial_only",
            "generate_existing": "overwrite",
            "keygen_without_lifetime": "new_key",
            "no_partial_changes": "same_result_msg",
            "role_denial_http_status": 403,
            "cn_in_san": True,
            "csr_kept_after_import": False,
        },
    ),
    "11.1": Release(
        "11.1.13-h3",
        {
            **_MEASURED,
            "show_self": _SELF,
            "busy_commit": ("queue", "configpump: jobs of 11.1 have `queued` and `positionInQ`"),
            "ecdsa_521": ("refused", "V-HELP: 11.1"),
        },
        {
            "commit_description": "direct_only",
            "role_denial": "not_authenticated",
            "dangling_reference": "accepted_until_commit",
            "csr_hidden_from": "everybody",
            "commit_releases_locks": False,
        },
    ),
    "11.2": Release(
        "11.2.3",
        {**_MEASURED, "show_self": _SELF, "auto_commit_unfinished": (1, "two public sources: 11 and 12")},
        {
            "busy_commit": "queue",
            "private_key_hidden_from": "everybody",
            "api_key_with_plus": True,
            "transient_import_failures": 1,
            "bundle": "whole",
            "reimport_mismatch": "accepted",
        },
    ),
    "12.1": Release(
        "12.1.2",
        {
            "show_self": _SELF,
            "api_key_certificate": (True, "V-AKC: 11.1 and later"),
            "auto_commit_unfinished": (2, "two public sources: 11 and 12"),
        },
        {
            "busy_commit": "queue",
            "job_form": "p2done",
            "journal_paths": "container",
            "commit_stumbles": 2,
            "stumble": "false_credentials",
            "no_partial_changes": "job_with_same_result",
            "subject_form": "spaced",
            "version_tells_multi_vsys": True,
            "certificate_show_expiry": "true",
        },
    ),
}


def switches_of(release: str) -> PanosSwitches:
    """The switches of a release; raises ValueError with a sentence for whoever typed it."""
    if release not in RELEASES:
        raise ValueError(f"there is no release {release!r}; the sandbox plays {', '.join(RELEASES)}")
    return RELEASES[release].switches
