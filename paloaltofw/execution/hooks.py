"""Hooks: a program of the user's, run once for each certificate that came into service.

It is owed from the moment that the certificate's ID is saved, and no longer once the program has ended, in whatever
way: after a crash it runs again only if it was not seen to end.
"""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from paloaltofw.clock import format_time
from paloaltofw.errors import AgentError, HookFailed
from paloaltofw.execution.child import Ended, run_program
from paloaltofw.execution.context import Context, events
from paloaltofw.execution.outcomes import unexpected
from paloaltofw.execution.task import CertificateTask
from paloaltofw.model.certificate_profile import HOOK_PATH, CertificateProfile
from paloaltofw.model.records import HookRecord, InstalledRecord
from paloaltofw.pki.certificate import Certificate, parse_certificates

log = logging.getLogger(__name__)
# Of our own environment, which may hold secrets, a hook gets these.
_PASSED_ON = ("HOME", "LANG", "LC_ALL", "LOGNAME", "TZ", "USER")
MOST_LINES = 100
LONGEST_LINE = 500


def owe_hook(context: Context, profile: CertificateProfile, certificate_id: str) -> None:
    """Remember that the profile's hook, if it has one, is to be run for a certificate that is now in service."""
    if profile.hooks.post_install:
        context.store.save_hook(HookRecord(profile.id, certificate_id))


def run_hooks(context: Context, tasks: Sequence[CertificateTask]) -> None:
    """Run each hook that is owed, those of a run that was killed too; what fails is in the tasks."""
    for task in tasks:
        try:
            _run_owed(context, task)
        except AgentError as error:
            task.hook_failure = error
        except Exception as error:
            log.exception("unexpected failure in the hook of %s", task.profile.id)
            task.hook_failure = unexpected(error, f"profile {task.profile.id}, hook")


def _run_owed(context: Context, task: CertificateTask) -> None:
    profile = task.profile
    record = context.store.load_hook(profile.id)
    if record is None or context.store.load_push(context.firewall.id) is not None:
        return  # nothing to tell of; or, on a Panorama, not every device has the certificate yet
    installed = context.store.load_installed(profile.id)
    if profile.hooks.post_install and installed is not None and installed.certificate_id == record.certificate_id:
        try:
            _run_hook(context, profile, installed)
        except HookFailed:
            context.store.remove_hook(profile.id)
            raise
    context.store.remove_hook(profile.id)  # it has ended well; or the profile has none any more, or another certificate


def _run_hook(context: Context, profile: CertificateProfile, installed: InstalledRecord) -> None:
    """Run the program, with the certificate as a file beside the variables; raises HookFailed."""
    words = profile.hooks.post_install
    where = f"profile {profile.id}, hook {Path(words[0]).name}"
    context.progress.waiting(context.firewall.id, f"hook of {profile.id}")
    try:
        with tempfile.TemporaryDirectory(prefix="paloaltoagent-") as folder:
            file = Path(folder) / "certificate.pem"
            file.write_text(installed.chain, "ascii")
            ended = run_program(words, _environment(profile, installed, file), profile.hooks.timeout)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise HookFailed(f"cannot be run: {reason}", where, "correct hooks.post_install in the profile") from None
    _log(context, profile, ended)
    if ended.is_late:
        what = f"has not ended after {profile.hooks.timeout:g} s and was killed"
        raise HookFailed(what, where, "the certificate is in service; see the log, then run it by hand")
    if ended.code != 0:
        how = f"ended with exit code {ended.code}" if ended.code > 0 else f"was killed by signal {-ended.code}"
        said = f": {ended.lines[-1][:200]}" if ended.lines else ""
        raise HookFailed(how + said, where, "the certificate is in service; see the log, then run it by hand")


def _environment(profile: CertificateProfile, installed: InstalledRecord, file: Path) -> dict[str, str]:
    leaf: Certificate = parse_certificates(installed.chain)[0]  # a chain of the journal begins with it
    kept = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    return {
        **kept,
        "PATH": HOOK_PATH,
        "PALOALTOAGENT_PROFILE": profile.id,
        "PALOALTOAGENT_FIREWALL": profile.firewall,
        "PALOALTOAGENT_COMMON_NAME": profile.subject.common_name,
        "PALOALTOAGENT_SERIAL": leaf.serial,
        "PALOALTOAGENT_NOT_AFTER": format_time(leaf.not_after),
        "PALOALTOAGENT_ENTRY": installed.entry,
        "PALOALTOAGENT_CERTIFICATE_ID": installed.certificate_id,
        "PALOALTOAGENT_CERTIFICATE_FILE": str(file),
    }


def _log(context: Context, profile: CertificateProfile, ended: Ended) -> None:
    for line in ended.lines[:MOST_LINES]:
        events.info("profile=%s firewall=%s hook: %s", profile.id, context.firewall.id, line[:LONGEST_LINE])
    if ended.is_cut or len(ended.lines) > MOST_LINES:
        events.info("profile=%s firewall=%s hook: … (more output is left out)", profile.id, context.firewall.id)
    end = "was killed" if ended.is_late else f"ended with {ended.code}"
    events.info("profile=%s firewall=%s hook %s", profile.id, context.firewall.id, end)
