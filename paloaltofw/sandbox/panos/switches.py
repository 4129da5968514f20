"""What differs between PAN-OS devices or is not known of them: switches, latencies, administrator roles."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

Who = Literal["nobody", "restricted", "everybody"]
Made = Literal["ok", "refused"]


@dataclass(frozen=True)
class PanosSwitches:
    """Behaviour that panos.md leaves open or that differs by release; see docs/reference/panos.md.

    Every default is the least forgiving position that the facts allow. What only happens now and then is counted: that
    many times a firewall does so, then never again.
    """

    # What the device says of itself (panos.md §3); nothing else depends on it. releases.py has what goes with it.
    sw_version: str = "11.1.4"
    version_tells_multi_vsys: bool = False
    # panos.md §1, §2: which form a refusal takes
    bad_key_http_status: int = 403
    bad_key_text: Literal["Invalid credentials.", "Invalid Credential"] = "Invalid credentials."
    role_denial: Literal["code_16", "not_authenticated"] = "code_16"
    role_denial_http_status: int = 200
    # panos.md §2: 17 was seen, 1 is what the vendor's table has for it
    unknown_command_code: Literal[17, 1] = 17
    bad_request_http_status: int = 400
    malformed_xpath: Literal["absent", "bad_xpath"] = "absent"
    unrooted_xpath: Literal["unauth", "bad_xpath"] = "unauth"
    # A wrong URL or Content-Type is answered by the web interface.
    web_interface: Literal["page", "not_found"] = "page"
    # panos.md §1: API keys. Without a lifetime (seconds) it is not known whether keygen gives the same key again.
    api_key_lifetime: float | None = None
    keygen_without_lifetime: Literal["same_key", "new_key"] = "same_key"
    keygen_ends_old_key: bool = True
    api_key_with_plus: bool = False
    # 11.1 and later: a certificate that signs API keys, and ends them all when it changes
    api_key_certificate: bool = True
    # panos.md §3
    show_self: bool = True
    changes_shape: Literal["journal", "empty", "unknown_command"] = "journal"
    # Which xpath the journal gives: of the request that wrote, always the container, or of the changed object.
    journal_paths: Literal["request", "container", "object"] = "request"
    config_lock_code: int | None = 14
    config_lock_held: Literal["scope_is_locked", "already_held"] = "scope_is_locked"
    commit_releases_locks: bool = True
    # Whether the list still names what was made and deleted again, until its administrator commits or reverts.
    net_zero_changes: Literal["forgotten", "listed"] = "forgotten"
    # panos.md §4
    vsys_shared: bool = False
    rsa_2048: Made = "ok"
    rsa_3072: Made = "ok"
    rsa_4096: Made = "ok"
    ecdsa_256: Made = "ok"
    ecdsa_384: Made = "ok"
    ecdsa_521: Literal["refused", "ok"] = "refused"
    cn_in_san: bool = False
    alt_email: Literal["accepted", "unexpected", "ignored"] = "accepted"
    # `kept`: success is said, and the entry stays as it was.
    generate_existing: Literal["error", "overwrite", "kept"] = "error"
    generate_answer: Literal["msg_line", "result_text"] = "msg_line"
    # panos.md §6, §7. Who does not see an element; a restricted administrator is any but a superuser.
    private_key_hidden_from: Who = "restricted"
    csr_hidden_from: Who = "restricted"
    subject_form: Literal["bare", "slash", "spaced"] = "bare"
    dots_in_names: Literal["kept", "dropped", "refused"] = "kept"
    export_absent: Literal["failed_to_prepare", "code_7"] = "failed_to_prepare"
    keyless_import: Literal["accepted", "refused_leaf", "refused"] = "accepted"
    # An import of a certificate of another key: onto a pending CSR, and onto a finished entry.
    pending_mismatch: Literal["error", "accepted"] = "error"
    # panos.md §11: `request certificate show` was seen to give today's date
    certificate_show_expiry: Literal["today", "true"] = "today"
    reimport_mismatch: Literal["error", "accepted"] = "error"
    mismatch_text: str = "Mismatched public and private keys."
    bundle: Literal["leaf_only", "whole"] = "leaf_only"
    csr_kept_after_import: bool = True
    # panos.md §8: which object a vsys means by a name that shared has too
    same_name: Literal["vsys_first", "shared_first"] = "vsys_first"
    # panos.md §8: whether `set` and `edit` already refuse to name an object that does not exist, or the commit
    dangling_reference: Literal["refused_at_once", "accepted_until_commit"] = "refused_at_once"
    # panos.md §7: what a service of the data plane sends beside its certificate, with issuers in entries of their own,
    # and with a bundle; whether it serves what was committed, and how many seconds after the commit
    served_chain: Literal["entry_only", "found_by_issuer"] = "entry_only"
    served_bundle: Literal["whole", "leaf_only"] = "whole"
    data_plane: Literal["follows", "stays_old", "another", "resets"] = "follows"
    data_plane_delay: float = 0.0
    # panos.md §10, §11: to the change of an object that a template pushed
    template_refusal: Literal["need_to_override", "cannot_be_overridden"] = "need_to_override"
    # panos.md §9
    commit_description: Literal["both", "direct_only", "partial_only", "refused"] = "both"
    no_partial_changes: Literal["no_changes_msg", "same_result_msg", "same_result_error", "job_with_same_result"] = (
        "no_changes_msg"
    )
    busy_commit: Literal["refuse", "queue"] = "refuse"
    busy_code: int | None = None
    # A report says that a commit limited to one administrator took the others' changes along.
    partial_commit_takes: Literal["own", "everything"] = "own"
    # Whether the changes of one administrator can be validated alone; the whole candidate can.
    validate_partial: Literal["unexpected", "accepted"] = "unexpected"
    # Whether `force` may hold a `partial`, as pan-python writes it; beside each other they are an error.
    forced_partial: Literal["refused", "nested"] = "refused"
    # An answer of 2026 has `p2done` and no details.
    job_form: Literal["details", "p2done"] = "details"
    # panos.md §10: so many requests after a commit was taken do not get their answer, but this one
    commit_stumbles: int = 0
    stumble: Literal["bad_gateway", "false_credentials"] = "bad_gateway"
    # panos.md §11. PAN-321143: one entry without a common name lets every commit fail, on hardware.
    nameless_certificate: Literal["fails_commits", "ignored"] = "fails_commits"
    commit_pending: int = 0
    auto_commit_unfinished: int = 0
    transient_import_failures: int = 0
    # panos.md §3, §10: HA pairs. What a passive unit does with a change; which parts the other unit takes over.
    ha_passive_writes: Literal["accepted", "refused"] = "accepted"
    ha_sync_certificates: Literal["whole", "without_keys"] = "whole"
    ha_sync_management: bool = False
    # What becomes of a unit's uncommitted changes when it takes over the other's commit.
    ha_sync_candidate: Literal["overwritten", "kept"] = "overwritten"
    ha_state_words: Literal["lower", "capitalised", "spaced"] = "lower"


@dataclass(frozen=True)
class Latencies:
    """How long things take, in seconds. `csr_seconds` is waited out by whoever stands before the device."""

    csr_seconds: float = 0.0
    commit_seconds: float = 0.0


class Right(enum.Enum):
    """XML API rights of an admin role (panos.md §1)."""

    CONFIGURATION = "configuration"
    OPERATIONAL = "operational requests"
    COMMIT = "commit"
    IMPORT = "import"
    EXPORT = "export"


@dataclass(frozen=True)
class Role:
    """An admin role. Who is read-only may ask but change nothing, whatever the rights."""

    rights: frozenset[Right] = frozenset(Right)
    is_read_only: bool = False
    may_commit_for_others: bool = True
    is_superuser: bool = False


SUPERUSER = Role(is_superuser=True)
SUPERREADER = Role(frozenset({Right.CONFIGURATION, Right.OPERATIONAL, Right.EXPORT}), is_read_only=True)
# What the agent needs and no more: the five rights of the XML API, and commits of its own changes (panos.md §1).
AGENT_ROLE = Role(may_commit_for_others=False)
