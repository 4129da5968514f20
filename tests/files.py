"""Valid configuration files, and ways to spoil them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

CONFIG: dict[str, Any] = {
    "scm": {
        "url": "https://acme.enroll.enterprise.sectigo.com/api/v1",
        "token_url": "https://auth.sso.sectigo.com/auth/realms/apiclients/protocol/openid-connect/token",
        "credentials": "profiles/sectigo_credentials.yaml",
        "ca_bundle": None,
        "timeout": 30,
    },
    "profiles": {"certificates": "profiles/certificates", "firewalls": "profiles/firewalls"},
    "state": {"path": "state"},
    "concurrency": 64,
    "logging": {"level": "info", "path": "logs", "file": "paloaltoagent.log", "format": "text", "syslog": None},
    "issuance": {
        "wait": "5m",
        "lost_answer": "resubmit",
        "revocation_check": "12h",
        "order_limit": "auto",
        "pending_alarm": "7d",
    },
    "renewal": {"renew_before_days": None},
    "notifications": [],
    "metrics": {"textfile": None},
    "encryption": {"recipient": None, "passphrase_file": None, "gnupg_home": None},
}
CERTIFICATE: dict[str, Any] = {
    "name": "www-example-com",
    "type": "OV",
    "account": "ENROLLMENT_API_1",
    "firewall": "fw-edge",
    "subject": {
        "common_name": "www.example.com",
        "organization": "Example Ltd",
        "organizational_unit": ["Web"],
        "locality": "Bratislava",
        "state": "Bratislavsky kraj",
        "country": "SK",
        "email": None,
    },
    "sans": {"dns": ["www.example.com", "example.com"], "ip": [], "email": []},
    "key": {"type": "RSA", "size": 2048},
    "renewal": {"auto": True, "renew_before_days": 30, "key": "rotate"},
    "scm": {"custom_fields": {}, "comments": "", "external_requester": "", "profile_id": None},
    "bind": {"ssl_tls_service_profiles": []},
    "serve_check": {"endpoints": [], "wait": "2m", "on_wrong": "report"},
    "hooks": {"post_install": [], "timeout": "60s"},
}
FIREWALL: dict[str, Any] = {
    "url": "https://192.0.2.10",
    "admin": "svc-certs",
    "api_key": "LUFRPT1abcdefgh==",
    "commit_description": "certificate renewal by the Sectigo connector",
    "vsys": "shared",
    "chain": "separate",
    "verify_tls": True,
    "trust_own": False,
    "timeout": 60,
    "commit_timeout": "20m",
    "busy_wait": "5m",
    "lock": "both",
    "validate": True,
    "commit_window": {"days": ["Sat", "Sun"], "hours": "22:00-04:00"},
    "ha_peer": {"url": "https://192.0.2.99", "api_key": None, "verify_tls": None},
    "ha_sync_timeout": "10m",
    "type": "firewall",
    "panorama": {"template": None, "template_stack": None, "push": {"template_stacks": [], "devices": []}},
}
CREDENTIALS: dict[str, Any] = {
    "ENROLLMENT_API_1": {"client_id": "b8923830-aaaa", "client_secret": "s]e.c!r,et", "scm_url": None}
}


def write(path: Path, document: object) -> Path:
    """Write a document as YAML, readable by its owner alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(document, sort_keys=False, allow_unicode=True), "utf-8")
    path.chmod(0o600)
    return path


def write_all(
    folder: Path,
    config: object = CONFIG,
    certificates: Mapping[str, object] | None = None,
    firewalls: Mapping[str, object] | None = None,
    credentials: object = CREDENTIALS,
) -> Path:
    """Write a whole configuration; gives the path of config.yaml."""
    for name, document in (certificates or {"www-example-com": CERTIFICATE}).items():
        write(folder / "profiles/certificates" / f"{name}.yaml", document)
    for name, document in (firewalls or {"fw-edge": FIREWALL}).items():
        write(folder / "profiles/firewalls" / f"{name}.yaml", document)
    write(folder / "profiles/sectigo_credentials.yaml", credentials)
    return write(folder / "config.yaml", config)


def changed(document: dict[str, Any], dotted: str, value: object) -> dict[str, Any]:
    """A copy with one key set, however deep."""
    result = copy.deepcopy(document)
    *sections, key = dotted.split(".")
    place = result
    for section in sections:
        place = place.setdefault(section, {})
    place[key] = value
    return result


def without(document: dict[str, Any], dotted: str) -> dict[str, Any]:
    """A copy without one key."""
    result = copy.deepcopy(document)
    *sections, key = dotted.split(".")
    place = result
    for section in sections:
        place = place[section]
    del place[key]
    return result


_SHAPES: list[object] = [["a", ["b"]], {"a": {"b": "c"}}]
_TEXT: list[object] = [True, "two\nlines", "bidi \u202e name", "nul \u0000", *_SHAPES]
_HOST: list[object] = [
    "has blank",
    "-a.example.com",
    "a..example.com",
    "*",
    "x.*.example.com",
    "a" * 300,
    "1.2.3.4",
    *_TEXT,
]
_NAME: list[object] = ["_x", "*x", "a.b", "a'b", 'a"b', "a" * 28, "über", "../x", "a b", *_TEXT]
_DURATION: list[object] = ["soon", "-5m", "5 minutes", "", "1e9d", *_SHAPES]
_PATH: list[object] = ["", "a\nb", "${NO_SUCH_VARIABLE}/x", True, *_SHAPES]
_SECRET: list[object] = [
    "",
    "LUFRPT...",
    "with\nnewline",
    "ünïcode",
    "${NO_SUCH_VARIABLE}",
    "file:/no/such/file",
    *_SHAPES,
]
_URL: list[object] = [
    "http://192.0.2.1", "ftp://x.example.com", "https://", "https://u:p@h.example.com", "https://h.example.com/other",
    "https://h.example.com:99999", "https://h.example.com?x=1", "https://h ost", "", *_TEXT,
]  # fmt: skip

# Every key of the contract with values that must be refused.
WRONG: dict[str, dict[str, list[object]]] = {
    "config": {
        "scm.url": [*_URL, "https://CUSTOMER.enroll.enterprise.sectigo.com"],
        "scm.token_url": ["http://x.example.com/t", "https://x.example.com", "https://x.example.com/t?a=b", "", *_TEXT],
        "scm.credentials": [*_PATH, "no/such/file.yaml"],
        "scm.ca_bundle": [*_PATH, "no/such/file.pem"],
        "scm.timeout": ["0", "-1", *_DURATION],
        "profiles.certificates": [*_PATH, "no/such/folder"],
        "profiles.firewalls": [*_PATH, "no/such/folder"],
        "state.path": _PATH,
        "concurrency": [0, 501, "many", 1.5, True, *_SHAPES],
        "logging.level": ["INFO", "loud", *_TEXT],
        "logging.path": _PATH,
        "logging.file": ["", "a/b.log", "..", *_TEXT],
        "logging.format": ["JSON", "xml", *_TEXT],
        "logging.syslog": ["Local", "tcp://log.example.com", "log.example.com:0", "udp://a:70000", "a/b", "", *_TEXT],
        "issuance.wait": _DURATION,
        "issuance.lost_answer": ["retry", "", *_TEXT],
        "issuance.revocation_check": ["Never", *_DURATION],
        "issuance.order_limit": [
            "Auto",
            "2",
            "2/",
            "/30d",
            "0/30d",
            "101/30d",
            "2/0s",
            "2/367d",
            "2/30d/1",
            "x/30d",
            *_DURATION,
        ],
        "issuance.pending_alarm": ["367d", "never", *_DURATION],
        "renewal.renew_before_days": [0, -3, 398, "30d", 1.5, True, *_SHAPES],
        "notifications": [
            "mailto://x",
            ["mailto://x"],
            [{"on": ["failure"]}],
            *([{"url": value}] for value in ("smtp.example.com", "://x", "a b://c", *_SECRET)),
            *([{"url": "json://h", "on": value}] for value in (["Failure"], ["never"], {"a": "b"}, True)),
            *([{"url": "json://h", "repeat": value}] for value in ("367d", "never", *_DURATION)),
            [{"url": "json://h", "repaet": "1h"}],
        ],
        "metrics.textfile": _PATH,
        "encryption.recipient": ["--batch", "", *_TEXT],
        "encryption.passphrase_file": _PATH,
        "encryption.gnupg_home": _PATH,
    },
    "certificate": {
        "name": _NAME,
        "type": ["ov", "XV", "", *_TEXT],
        "account": ["NO_SUCH_ACCOUNT", *_TEXT],
        "firewall": ["no-such-firewall", *_TEXT],
        "subject.common_name": [*_HOST, ("a" * 60 + ".") + "example.com", "\u2603.\u2603"],
        "subject.organization": ["x" * 65, *_TEXT],
        "subject.organizational_unit": [["x" * 65], [True], [["x"]], {"a": "b"}],
        "subject.locality": ["x" * 129, *_TEXT],
        "subject.state": ["x" * 129, *_TEXT],
        "subject.country": ["sk", "SVK", "", *_TEXT],
        "subject.email": ["nobody", "a@b@c", "a b@example.com", "@example.com", *_TEXT],
        "sans.dns": [[value] for value in _HOST],
        "sans.ip": [["256.1.1.1"], ["www.example.com"], ["10.0.0.0/8"], [["10.0.0.1"]], {"a": "b"}],
        "sans.email": [["nobody"], [["a@example.com"]], {"a": "b"}],
        "key.type": ["rsa", "DSA", "", *_TEXT],
        "key.size": [1024, 2047, 8192, "2k", "", *_TEXT],
        "key.curve": ["P256"],
        "renewal.auto": ["yes please", 1, "true", *_SHAPES],
        "renewal.renew_before_days": [0, 398, "30d", *_SHAPES],
        "renewal.key": ["Rotate", "keep", "", *_TEXT],
        "scm.custom_fields": [["a"], "text", {"a": ["b"]}, {"a": True}, {"a": ""}],
        "scm.comments": ["x" * 1025, *_TEXT],
        "scm.external_requester": ["nobody", "a@example.com, nobody", *_TEXT],
        "scm.profile_id": ["a b", "a\u00a0b", "x" * 101, "", *_TEXT],
        "serve_check.endpoints": [
            ["vpn.example.com"],
            ["vpn.example.com:0"],
            ["vpn.example.com:65536"],
            ["2001:db8::7:443"],
            ["[192.0.2.7]:443"],
            ["*.example.com:443"],
            ["192.0.2.7:443/*.example.com"],
            ["a b:443"],
            ["https://vpn.example.com:443"],
            ["[fe80::1%eth0]:443"],
            ["vpn.example.com:443/"],
            [["vpn.example.com:443"]],
            [443],
            {"a": "b"},
        ],
        "serve_check.wait": ["0", "2h", *_DURATION],
        "serve_check.on_wrong": ["Report", "roll back", "", *_TEXT],
        "hooks.post_install": [["/bin/true", ["a"]], ["a\nb"], ["\u0000"], [""], ["/bin/echo", True], {"a": "b"}],
        "hooks.timeout": ["0", "2h", *_DURATION],
        "bind.ssl_tls_service_profiles": [["a'b"], ['a"b'], ["a]b"], ["x" * 64], [["x"]], {"a": "b"}],
    },
    "firewall": {
        "url": _URL,
        "admin": ["a'b", "a<b", "x" * 64, "", *_TEXT],
        "api_key": _SECRET,
        "commit_description": ["", "x" * 256, *_TEXT],
        "vsys": ["vsys0", "vsys", "Shared", "1", *_TEXT],
        "chain": ["bundled", "", *_TEXT],
        "verify_tls": ["maybe", "sha256:AB", "sha256:" + "G" * 64, "no/such/file.pem", *_SHAPES],
        "trust_own": ["yes please", 1, "true", *_SHAPES],
        "timeout": ["0", *_DURATION],
        "commit_timeout": ["1s", *_DURATION],
        "busy_wait": _DURATION,
        "lock": ["Both", "shared", True, *_SHAPES],
        "validate": ["yes please", 1, "true", *_SHAPES],
        "commit_window": ["always", ["Sat"]],
        "commit_window.days": [["sat"], ["Saturday"], [6], [["Sat"]], {"a": "b"}],
        "ha_peer": ["192.0.2.11", ["https://192.0.2.11"]],
        "ha_peer.url": ["https://192.0.2.10", *_URL],
        "ha_peer.api_key": ["a\nb", "${NO_SUCH_VARIABLE}", True, *_SHAPES],
        "ha_peer.verify_tls": ["maybe", "sha256:AB", "no/such/file.pem", *_SHAPES],
        "ha_sync_timeout": _DURATION,
        "commit_window.hours": ["22-4", "24:00-04:00", "04:00-04:00", "00:00-24:01", "10:60-11:00", *_TEXT],
    },
    "credentials": {
        "ENROLLMENT_API_1.client_id": ["", "a\nb", "${NO_SUCH_VARIABLE}", True, *_SHAPES],
        "ENROLLMENT_API_1.client_secret": _SECRET,
        "ENROLLMENT_API_1.scm_url": _URL,
        "ENROLLMENT_API_1": ["text", ["a"]],
    },
}
REQUIRED: dict[str, list[str]] = {
    "config": ["scm", "scm.url"],
    "certificate": ["type", "account", "firewall", "subject", "subject.common_name", "key", "key.type", "key.size"],
    "firewall": ["url", "admin", "api_key"],
    "credentials": ["ENROLLMENT_API_1.client_id", "ENROLLMENT_API_1.client_secret"],
}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "config": CONFIG, "certificate": CERTIFICATE, "firewall": FIREWALL, "credentials": CREDENTIALS,
}  # fmt: skip
FILE_OF: dict[str, str] = {
    "config": "config.yaml",
    "certificate": "profiles/certificates/www-example-com.yaml",
    "firewall": "profiles/firewalls/fw-edge.yaml",
    "credentials": "profiles/sectigo_credentials.yaml",
}


def write_spoiled(folder: Path, kind: str, document: object) -> Path:
    """Write a valid configuration with one document replaced."""
    config = write_all(folder)
    write(folder / FILE_OF[kind], document)
    return config
