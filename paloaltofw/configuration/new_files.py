"""The text of a new configuration: config.yaml, credentials, one firewall, one certificate, with comments.

Whatever text a value is, the readers of these files read back what it was: it is written in double quotes, and all that
YAML might take for something else is escaped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

Answers = Mapping[str, str]
"""The answers by the questions' keys, as they are written into the files; an empty text where a value is left out."""

CREDENTIALS = "profiles/sectigo_credentials.yaml"
FIREWALLS = "profiles/firewalls"
CERTIFICATES = "profiles/certificates"
_ESCAPES = {'"': '\\"', "\\": "\\\\"}


@dataclass(frozen=True)
class NewFile:
    """A file to be written; `name` is relative to the folder of config.yaml."""

    name: str
    text: str


def new_files(answers: Answers) -> list[NewFile]:
    """Every file of a new configuration. config.yaml is the last: without it there is no configuration yet."""
    return [
        NewFile(CREDENTIALS, _credentials(answers)),
        NewFile(f"{FIREWALLS}/{answers['firewall']}.yaml", _firewall(answers)),
        NewFile(f"{CERTIFICATES}/{answers['certificate']}.yaml", _certificate(answers)),
        NewFile("config.yaml", _config(answers)),
    ]


def quoted(text: str) -> str:
    """A text as a YAML scalar in double quotes. A line break or an odd character would be folded or refused raw."""
    return '"' + "".join(_ESCAPES.get(c) or (c if c.isprintable() else _escape(ord(c))) for c in text) + '"'


def _escape(code: int) -> str:
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _value(text: str) -> str:
    return quoted(text) if text else "null"


def _list(texts: Iterable[str]) -> str:
    return f"[{', '.join(map(quoted, texts))}]"


def parts(text: str) -> list[str]:
    """The parts of an answer that holds several, with commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def _config(answers: Answers) -> str:
    return f"""\
# Settings of paloaltoagent. Every key and its default: docs/reference/contract.md, section 3.
# Relative paths are relative to this file. ~ and ${{VARIABLE}} are expanded in paths and secrets.
# After a change: paloaltoagent check --offline

scm:
  # The enrollment API's URL, as SCM shows it under Enrollment > REST.
  url: {quoted(answers["scm_url"])}
  # Where tokens are fetched.
  token_url: {quoted(answers["token_url"])}
  # The accounts' client IDs and secrets.
  credentials: {CREDENTIALS}
  # A PEM file of CAs to trust instead of the system's, for example behind a proxy that inspects TLS.
  ca_bundle: {_value(answers["ca_bundle"])}

profiles:
  # Every NAME.yaml in these folders is a profile.
  certificates: {CERTIFICATES}
  firewalls: {FIREWALLS}

state:
  # Certificate IDs and the journal of orders. Back it up.
  path: state

logging:
  path: logs

issuance:
  # How long one run waits for issuance before it leaves an order to the next run.
  wait: 5m

renewal:
  # Days before expiry. null: one third of the lifetime.
  renew_before_days: null

encryption:
  # For `paloaltoagent encrypt`: a GPG key ID or e-mail address; or a file of mode 0600 that holds a passphrase.
  recipient: {_value(answers["gpg_recipient"])}
  passphrase_file: {_value(answers["gpg_passphrase_file"])}
"""


def _credentials(answers: Answers) -> str:
    return f"""\
# SCM accounts (Enrollment > REST > SSL Certificates REST API > Accounts); each issues one certificate type.
# Keep this file readable by you alone. A secret may be ${{VARIABLE}} or file:/path/of/a/file, too.

{quoted(answers["account"])}:
  client_id: {quoted(answers["client_id"])}
  client_secret: {quoted(answers["client_secret"])}
"""


def _firewall(answers: Answers) -> str:
    return f"""\
# A firewall. Certificate profiles name it by this file's name. Keep this file readable by you alone.

url: {quoted(answers["firewall_url"])}
# The administrator that the API key belongs to: all of its changes are committed, so no person may use it.
admin: {quoted(answers["admin"])}
# `paloaltoagent keygen` fetches a key and writes it here.
api_key: {_value(answers["api_key"])}
# shared, or vsys1, vsys2 …
vsys: {answers["vsys"]}
# true (a public CA signed its certificate), the path of a PEM file of CAs, or the fingerprint that `trust` writes here.
verify_tls: {"true" if answers["verify_tls"] in ("true", "pin") else quoted(answers["verify_tls"])}
# When it may be committed, in the local time of the agent's host; without this: always.
# commit_window:
#   days: [Sat, Sun]
#   hours: "22:00-04:00"
"""


def _certificate(answers: Answers) -> str:
    names = parts(answers["sans"])
    addresses = [name for name in names if ":" in name or name.replace(".", "").isdigit()]
    key, _, size = answers["key"].partition(" ")
    return f"""\
# A certificate. The file's name is the profile's name, and the certificate's name on the firewall.

# DV, OV or EV; the account must issue this type.
type: {answers["type"]}
account: {quoted(answers["account"])}
firewall: {quoted(answers["firewall"])}

subject:
  common_name: {quoted(answers["common_name"])}
  organization: {_value(answers["organization"])}
  locality: {_value(answers["locality"])}
  state: {_value(answers["state"])}
  country: {_value(answers["country"])}

sans:
  # The common name is added by itself.
  dns: {_list(name for name in names if name not in addresses)}
  ip: {_list(addresses)}

key:
  type: {key}
  {"size" if key == "RSA" else "curve"}: {size}

renewal:
  # false: only reported when it is due.
  auto: true

bind:
  # SSL/TLS service profiles on the firewall that are to use this certificate; they must exist.
  ssl_tls_service_profiles: {_list(parts(answers["bind"]))}
"""
