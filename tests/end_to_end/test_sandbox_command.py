"""README's first command, and the sandbox that keeps running."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from tests.end_to_end.harness import SCRIPT, clean_environment


def test_served_systems_answer_curl_as_the_printed_lines_say(tmp_path: Path) -> None:
    switch = ["--switch", "certificate_ids=base64"]
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--folder", str(tmp_path), *switch]
    served = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=clean_environment(SECTIGO_ACCEPT_EULA="yes")
    )
    assert served.stdout is not None
    try:
        lines: list[str] = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(served.stdout.readline())
        text = "".join(lines)
        agent = next(line for line in lines if " enroll" in line).split()
        enroll = [*agent, "-p", "ov-p384", "--wait", "0"]
        assert subprocess.run(enroll, env=clean_environment(), check=False).returncode == 3
        curl = ["curl", "--silent", "--noproxy", "*", "--cacert", str(tmp_path / "sandbox-ca.pem")]
        address = re.search(r"^SCM +(https://\S+)", text, re.MULTILINE)
        assert address is not None
        orders = f"{address.group(1)}/sandbox/orders"
        listed = json.loads(subprocess.run([*curl, orders], capture_output=True, check=True).stdout)
        assert [order["state"] for order in listed] == ["Requested"]
        assert listed[0]["id"].endswith("=")
        approve = [*curl, "-X", "POST", f"{orders}/{quote(listed[0]['id'], safe='')}/approve"]
        subprocess.run(approve, capture_output=True, check=True)
        assert subprocess.run(enroll, env=clean_environment(), check=False).returncode == 0
    finally:
        served.send_signal(signal.SIGTERM)
        served.wait(10)
        served.stdout.close()
    assert served.returncode == 0


def test_switches_are_listed_and_a_wrong_one_is_a_wrong_command_line(tmp_path: Path) -> None:
    def sandbox(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(SCRIPT), "sandbox", "--folder", str(tmp_path / "new"), *arguments]
        return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=60, check=False)

    listed = sandbox("--list-switches")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert "ecdsa_521=refused" in listed.stdout
    for wrong, words in (("ecdsa_521=maybe", "it takes refused, ok"), ("nonsense=1", "--list-switches")):
        done = sandbox("--serve", "--switch", wrong)
        assert done.returncode == 2
        assert words in done.stderr
        assert "Traceback" not in done.stderr
    done = sandbox("--switch", "ecdsa_521=ok")
    assert (done.returncode, "needs --serve" in done.stderr) == (2, True)
    assert not (tmp_path / "new").exists()
