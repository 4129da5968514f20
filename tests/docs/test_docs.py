"""Every call of the agent in docs/ is made, block by block, against a sandbox that knows its names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from paloaltofw.sandbox.tour import BOUND_PROFILE
from paloaltofw.sandbox.world import WorldOptions, certificate_profile
from tests.docs.test_readme import DOCS, agent_arguments, blocks
from tests.end_to_end.harness import Scene

FIREWALLS = ("fw-edge", "fw-bratislava", "fw-vienna")
PROFILES: dict[str, dict[str, object]] = {
    name: {**certificate_profile(firewall, f"{name}.example.com"), **more}
    for name, firewall, more in (
        ("www-example-com", "fw-edge", {"bind": {"ssl_tls_service_profiles": [BOUND_PROFILE]}}),
        ("vpn-portal-cert", "fw-edge", {}),
        ("a", "fw-bratislava", {}),
        ("b", "fw-vienna", {}),
    )
}
# Whoever follows the document sits in front of a terminal and says yes.
ASKING = {"revoke", "forget", "replace", "renew", "probe"}
# These need a terminal, a server or an installation, and have tests of their own.
ELSEWHERE = {"init", "trust", "keygen", "notify", "--serve"}


def calls() -> list[Any]:
    """The calls of each block of a document."""
    found: list[Any] = []
    for document in DOCS:
        for number, (language, block) in enumerate(blocks(document.read_text("utf-8"))):
            lines = block.replace("\\\n", " ").splitlines() if language in ("sh", "cron") else []
            made = [words for words in map(agent_arguments, lines) if words and not ELSEWHERE & set(words)]
            if made:
                found.append(pytest.param(made, id=f"{document.stem}-{number}"))
    return found


def adapted(arguments: list[str], folder: Path) -> list[str]:
    """The call for this sandbox: its configuration, its folders, and an answer to each question."""
    words = list(arguments)
    if "--config" in words:
        del words[words.index("--config") : words.index("--config") + 2]
    if "--html" in words:
        words[words.index("--html") + 1] = str(folder / "page.html")
    if "--report" in words:
        words[words.index("--report") + 1] = str(folder / "report.json")
    if "--install" in words:
        words += ["--root", str(folder / "root")]
    if ASKING & set(words) and "--dry-run" not in words:
        words.append("--yes")
    return words


@pytest.mark.sweep
@pytest.mark.parametrize("made", calls())
def test_every_call_in_a_block_does_what_it_is_there_for(made: list[list[str]], tmp_path: Path) -> None:
    with Scene(tmp_path, PROFILES, WorldOptions(firewalls=FIREWALLS)) as place:
        for firewall in place.world.firewalls.values():
            firewall.install_profile(BOUND_PROFILE, "")
        assert place.run("run").code == 0
        for arguments in made:
            words = adapted(arguments, tmp_path)
            done = place.run(*words)
            assert done.code == 0, f"{' '.join(words)}\n{done.out}{done.err}"
            assert "Traceback" not in done.err
            if "--json" in words:
                assert json.loads(done.out)["exit_code"] == 0


def test_the_documents_have_calls() -> None:
    assert len(calls()) > 20
