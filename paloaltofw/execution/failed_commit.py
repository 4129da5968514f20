"""After a failed commit: whom it blocks, and whether the agent takes its own part back.

An invalid candidate configuration makes every administrator's commit fail until it is corrected (panos.md §9). Where
the job names something that the agent changed, a revert of the agent's own changes helps the others. It may cost no
key: a pending key is nowhere but in the configuration.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from paloaltofw.errors import AgentError, AnswerLost, CommitFailed, ValidationFailed
from paloaltofw.execution.admission import strange_change
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.observe import read_certificate
from paloaltofw.execution.task import CertificateTask
from paloaltofw.lifecycle.succession import series_number
from paloaltofw.model.firewall_objects import CertificateEntry, Change, Job, ServiceProfile, is_only_others_work
from paloaltofw.pki.certificate import VerificationError, parse_csr

TOLD_CHARACTERS = 600
_BLOCKS = "an invalid candidate configuration makes every administrator's commit fail"


@dataclass(frozen=True)
class _Seen:
    """Candidate and running configuration right after the failure; `series` are the entries of the tasks' names."""

    candidate: Mapping[str, CertificateEntry]
    running: Mapping[str, CertificateEntry]
    profiles: Mapping[str, ServiceProfile]
    running_profiles: Mapping[str, ServiceProfile]
    series: frozenset[str]


def commit_failure(
    context: Context, tasks: Sequence[CertificateTask], job: Job, is_validation: bool = False
) -> CommitFailed:
    """What is said of a job that failed, after the agent's own part was taken back where that is safe."""
    kind, failed = ("validation", "the validation failed: ") if is_validation else ("commit", "the commit failed: ")
    where = f"{context.firewall.title}, {kind} job {job.id}"
    error = ValidationFailed if is_validation else CommitFailed
    # All of it is searched for our names; nobody reads more than some lines of it.
    details = job.details if len(job.details) <= TOLD_CHARACTERS else f"{job.details[:TOLD_CHARACTERS]} …"
    what = f"{failed}{details or job.result}"
    try:
        seen = _look(context, tasks)
        named = names_in(job.details, _known(seen)) & _changed(context, seen)
        if not named:
            remedy = f"it names nothing that the agent changed, so nothing was taken back; {_BLOCKS}"
            return error(what, where, f"{remedy}: correct what it names, the next run commits again")
        at_fault = f"it names {', '.join(sorted(named))}, which the agent changed"
        changes = context.client.changes()
        reason = _unsafe(context, tasks, seen) or _unlisted(context, tasks, changes)
        if reason:
            return error(what, where, f"{at_fault}, but nothing was taken back: {reason}; {_BLOCKS}: correct it")
    except AgentError as trouble:
        # The failed commit is what counts; this is only a note on it.
        return error(what, where, f"nothing was taken back ({trouble.what}); {_BLOCKS}: correct the cause")
    try:
        return error(what, where, f"{at_fault}; {_take_back(context, changes or ())}")
    except AgentError as trouble:
        remedy = f"{at_fault}; its changes were not seen to be taken back ({trouble.what}); {_BLOCKS}: correct it"
        return error(what, where, remedy)


def take_back_unfinished(context: Context, tasks: Sequence[CertificateTask]) -> tuple[bool, str]:
    """Revert the agent's own changes where that is safe, nothing of them being to be committed; in words what became.

    False where nothing was reverted: with the reason, or an empty text where the firewall lists nothing of ours.
    """
    changes = context.client.changes()
    if changes is not None and not any(change.owner == context.firewall.admin for change in changes):
        return False, ""
    reason = _unsafe(context, tasks, _look(context, tasks)) or _unlisted(context, tasks, changes)
    if reason:
        return False, reason
    words = _take_back(context, changes or ())
    return True, words


def lost_owners(before: Iterable[Change], after: Iterable[Change], admin: str) -> list[str]:
    """Whose uncommitted changes, other than the administrator's own, are not in the second list any more."""
    return sorted({change.owner for change in set(before) - set(after) if change.owner != admin})


def names_in(text: str, known: Collection[str]) -> set[str]:
    """The known names that a text mentions as whole words; of names within each other the longest.

    `www` is not in `www-2`, `www.example.com` or, if there is such an entry, `www old`; it is in `'www'`, `a->www->b`.
    """
    names = sorted((name for name in known if name), key=len, reverse=True)
    if not names:
        return set()
    words = "|".join(re.escape(name) for name in names)
    found = re.finditer(rf"(?<![\w.-])(?:{words})(?![\w-]|\.\w)", text.replace("->", " -> "))
    return {match.group() for match in found}


def _look(context: Context, tasks: Sequence[CertificateTask]) -> _Seen:
    client = context.client
    candidate, running = client.certificates(), client.running_certificates()
    names = [task.profile.name for task in tasks]
    records = {task.phase.record.entry for task in tasks if task.phase.record}
    series = {entry for entry in {*candidate, *running} if any(series_number(name, entry) for name in names)}
    profiles, running_profiles = client.service_profiles(), client.running_service_profiles()
    return _Seen(candidate, running, profiles, running_profiles, frozenset(series | records))


def _known(seen: _Seen) -> set[str]:
    return {*seen.candidate, *seen.running, *seen.profiles, *seen.running_profiles, *seen.series}


def _changed(context: Context, seen: _Seen) -> set[str]:
    """What of ours differs: entries of the series, deleted ones too, and service profiles that now serve one."""
    entries = {name for name in seen.series if _is_changed(context, seen, name)}
    return entries | {name for name, profile in seen.profiles.items() if _is_moved(context, seen, profile)}


def _is_changed(context: Context, seen: _Seen, name: str) -> bool:
    now, before = seen.candidate.get(name), seen.running.get(name)
    if now is None or before is None:
        return now is not before
    return now.content != before.content and not is_only_others_work(now.changed_by, context.firewall.admin)


def _is_moved(context: Context, seen: _Seen, profile: ServiceProfile) -> bool:
    before = seen.running_profiles.get(profile.name)
    is_same = before is not None and before.certificate == profile.certificate
    is_others = is_only_others_work(profile.changed_by, context.firewall.admin)
    return profile.certificate in seen.series and not is_same and not is_others


# --- whether a revert is safe ----------------------------------------------------------------------------------------


def _unsafe(context: Context, tasks: Sequence[CertificateTask], seen: _Seen) -> str:
    """Why a revert of the agent's own changes might cost something; an empty text if it cannot."""
    admin = context.firewall.admin
    records = (task.phase.record for task in tasks)
    ordered = {record.entry: record.spki_sha256 for record in records if record and record.spki_sha256}
    name = key_at_risk(seen.candidate, seen.running, seen.series, ordered, admin)
    if name:
        return f"the running configuration is not seen to hold the key of {name}, which a revert would lose"
    items: list[CertificateEntry | ServiceProfile] = [*seen.candidate.values(), *seen.profiles.values()]
    for item in items:
        if admin in item.changed_by and item.changed_by != {admin}:
            others = ", ".join(sorted(item.changed_by - {admin}))
            return f"{item.name} holds uncommitted changes of {others} too"
    return ""


def _unlisted(context: Context, tasks: Sequence[CertificateTask], changes: Sequence[Change] | None) -> str:
    """Why the list of changes does not tell what a revert would undo; an empty text if it does."""
    admin = context.firewall.admin
    if not any(change.owner == admin for change in changes or ()):
        return f"the firewall lists no changes of {admin}"
    strange = strange_change(context)
    return f"{admin} has changes that the agent did not make ({strange[:120]})" if strange else ""


def key_at_risk(
    candidate: Mapping[str, CertificateEntry],
    running: Mapping[str, CertificateEntry],
    series: Collection[str],
    ordered: Mapping[str, str],
    admin: str,
) -> str:
    """The first entry whose key the running configuration is not seen to hold; an empty text if there is none.

    Entries outside of the series count too: another profile's pending key goes with the same revert of the changes of
    `admin`. `ordered` are the keys (SHA-256) of open orders by entry, which the list may not show.
    """
    hides_keys = not any(entry.has_private_key for entry in candidate.values())
    for name, entry in candidate.items():
        if is_only_others_work(entry.changed_by, admin) and name not in series:
            continue
        shows_key = entry.has_private_key or bool(entry.csr_pem) or not entry.certificate_pem
        may_hold_key = shows_key or hides_keys or name in series
        if may_hold_key and not _is_same_key(entry, running.get(name)):
            return name
    return next((name for name, key in ordered.items() if _key(running.get(name)) != key), "")


def _is_same_key(entry: CertificateEntry, running: CertificateEntry | None) -> bool:
    key = _key(entry)
    if running is None or not key or key != _key(running):
        return False
    return running.has_private_key or not entry.has_private_key


def _key(entry: CertificateEntry | None) -> str:
    """The SHA-256 of the public key that belongs to an entry's key; empty if CSR and certificate do not tell."""
    if entry is None:
        return ""
    certificate = read_certificate(entry.certificate_pem)
    try:
        found = {parse_csr(entry.csr_pem).spki_sha256} if entry.csr_pem else set()
    except VerificationError:
        return ""
    if certificate is not None:
        found.add(certificate.spki_sha256)
    return found.pop() if len(found) == 1 else ""


# --- the revert ------------------------------------------------------------------------------------------------------


def _take_back(context: Context, before: Sequence[Change]) -> str:
    """Revert the agent's own changes, and say in words what became of that: the list of changes tells."""
    admin = context.firewall.admin
    trouble = ""
    context.ensure_active()
    try:
        context.client.revert(admin)
    except AnswerLost as error:
        trouble = error.what
    context.entries = None  # what was read of the candidate before is no longer so
    after = context.client.changes()
    if after is None or any(change.owner == admin for change in after):
        why = trouble or f"the firewall still lists changes of {admin}"
        return f"the agent has sent a revert of its own changes, but it is not seen to be done ({why}); {_BLOCKS}"
    events.warning("firewall=%s the uncommitted changes of %s were taken back", context.firewall.id, admin)
    text = f"the agent took its own uncommitted changes back, {_lost_words(context, before, after)}"
    return f"{text}; correct the cause, the next run tries again without a new order"


def _lost_words(context: Context, before: Sequence[Change], after: Sequence[Change]) -> str:
    owners = ", ".join(lost_owners(before, after, context.firewall.admin))
    if not owners:
        return "and nobody else's, so that they block no other administrator's commit"
    events.warning("firewall=%s uncommitted changes of %s are gone since the revert", context.firewall.id, owners)
    return f"but uncommitted changes of {owners} are gone since: tell them"
