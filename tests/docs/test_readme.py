"""README and docs are true: their commands are run or parsed, and what they name stands in the sources."""

from __future__ import annotations

import ast
import json
import re
import shlex
import signal
import ssl
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from paloaltofw.sandbox.world import AGENT_ADMIN, WorldOptions, certificate_profile
from tests.end_to_end.harness import ROOT, SCRIPT, Scene, clean_environment
from tests.end_to_end.terminal import run_on_terminal

README = (ROOT / "README.md").read_text("utf-8")
DOCS = sorted((ROOT / "docs").rglob("*.md"))
PROGRAM, CONFIG = "paloaltoagent", "/etc/paloaltoagent/config.yaml"
PROGRAM_FILES = (f"/bin/{PROGRAM}", f"/{PROGRAM}.py")
PASSWORD = "p&s@w?rd é'\""

_FENCE = re.compile(r"^[ ]*```(\w*)\n(.*?)^[ ]*```$", re.DOTALL | re.MULTILINE)
# What a line of each kind of block looks like. Each kind has a test below that runs its blocks.
KINDS = {
    "trial": r"(python3 -m venv \.venv) && \.venv/bin/pip install --quiet -r (\S+) && \.venv/bin/python (\S+ sandbox)",
    "tests": r"python3 -m venv \.venv && \.venv/bin/pip install --quiet -e '\.\[test\]' && \.venv/bin/(pytest -n \d+ .*)",
    "sweep": r"\.venv/bin/(pytest -m sweep -n 2 --dist worksteal)",
    "installation": r"python3 -m venv /opt/\w+|(/opt/\w+)/bin/pip install \.|ln -s /opt/\S+ /usr/local/bin/\w+",
    "configuration": rf"{PROGRAM} init (/\S+)",
    "access": rf"{PROGRAM} (trust|keygen) --firewall fw-edge",
    "first steps": rf"{PROGRAM} (check|enroll|status|run)( --[a-z-]+)*",
    "nightly": rf"{PROGRAM} (service cron) --install",
    "cron": r"((?:\S+ ){5})(root) (\S.*)",
}


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of every fenced block."""
    return [(language, textwrap.dedent(body).strip()) for language, body in _FENCE.findall(text)]


def matches(kind: str, block: str) -> list[re.Match[str]]:
    """The matches of every line, if all of them are of this kind."""
    found = [re.fullmatch(KINDS[kind], line) for line in block.splitlines()]
    return [match for match in found if match] if all(found) else []


def lines_of(kind: str) -> list[re.Match[str]]:
    """Every line of README's blocks of one kind; there is at least one."""
    found = [match for _, block in blocks(README) for match in matches(kind, block)]
    assert found, f"README has no block of the kind {kind!r}"
    return found


def test_every_block_of_readme_is_known() -> None:
    for language, block in blocks(README):
        if language == "text":  # a picture
            continue
        kinds = [kind for kind in KINDS if matches(kind, block)]
        assert len(kinds) == 1, f"no test runs this block of README, or more than one does:\n{block}"
        assert language == ("cron" if kinds == ["cron"] else "sh"), block


# --- what a user types first ---------------------------------------------------------------------------------------


def shell(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-euc", command], capture_output=True, text=True, cwd=ROOT, stdin=subprocess.DEVNULL, check=False,
        env=clean_environment(**environment), timeout=120,
    )  # fmt: skip


def test_the_trial_holds_everything_it_claims(tmp_path: Path) -> None:
    (line,) = lines_of("trial")
    assert (ROOT / line.group(2)).is_file()
    done = shell(f"{shlex.quote(sys.executable)} {line.group(3)} --folder {shlex.quote(str(tmp_path))}")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything held" in done.stdout
    assert "FAIL" not in done.stdout
    assert done.stdout.count("key matches") == 9
    assert done.stderr == ""


@pytest.mark.parametrize("kind", ["tests", "sweep"])
def test_the_test_commands_are_the_ones_of_ci(kind: str) -> None:
    (line,) = lines_of(kind)
    assert line.group(1) in (ROOT / ".ci/run").read_text("utf-8").splitlines()


def test_the_installation_gives_the_program_that_all_other_lines_name() -> None:
    text = "\n".join(line.group(0) for line in lines_of("installation"))
    (folder,) = {line.group(1) for line in lines_of("installation") if line.group(1)}
    assert f"python3 -m venv {folder}\n" in text
    assert f"ln -s {folder}/bin/{PROGRAM} /usr/local/bin/{PROGRAM}" in text
    assert f'\n{PROGRAM} = "paloaltofw.paloaltoagent:main"\n' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_the_configuration_that_init_writes_is_the_one_that_all_other_lines_name(tmp_path: Path) -> None:
    (line,) = lines_of("configuration")
    assert f"{line.group(1)}/config.yaml" == CONFIG
    (tmp_path / "secret").write_text("s]e.c!r,et", "utf-8")
    options = (
        "--offline --scm-url https://acme.enroll.enterprise.sectigo.com --client-id b8923830 --client-secret-file secret "
        "--api-key-file secret --firewall-url 198.51.100.1 --common-name www.acme.sk"
    )
    command = line.group(0).replace(PROGRAM, agent_command(), 1).replace(line.group(1), "new")
    done = shell(f"cd {shlex.quote(str(tmp_path))}; {command} {options}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].endswith("/new/config.yaml check")
    assert {path.name for path in (tmp_path / "new/profiles").rglob("*.yaml")} == {
        "sectigo_credentials.yaml", "fw-edge.yaml", "www-acme-sk.yaml"
    }  # fmt: skip


# --- against a sandbox that is served ------------------------------------------------------------------------------


def agent_command() -> str:
    return f"{shlex.quote(sys.executable)} {shlex.quote(str(SCRIPT))}"


@dataclass(frozen=True)
class Served:
    """A served sandbox with two certificates: one that is issued at once, one that waits for approval."""

    folder: Path
    scm: str

    @property
    def config(self) -> Path:
        return self.folder / "config.yaml"

    def ask(self, method: str, path: str) -> str:
        context = ssl.create_default_context(cafile=self.folder / "sandbox-ca.pem")
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
        )
        with opener.open(urllib.request.Request(self.scm + path, method=method)) as answer:
            return str(answer.read().decode())

    def approve(self) -> None:
        for order in json.loads(self.ask("GET", "/sandbox/orders")):
            if order["state"] == "Requested":
                self.ask("POST", f"/sandbox/orders/{order['id']}/approve")

    def run(self, line: str) -> subprocess.CompletedProcess[str]:
        """A line of README, for this sandbox. Waits are a hundred times shorter."""
        command = re.sub(rf"^{PROGRAM} ", f"{agent_command()} --config {shlex.quote(str(self.config))} ", line)
        return shell(command, SECTIGO_ACCEPT_EULA="yes", PALOALTOAGENT_SANDBOX_PACE="0.01")


@contextmanager
def serve(folder: Path) -> Iterator[Served]:
    command = [sys.executable, str(SCRIPT), "sandbox", "--serve", "--firewalls", "2", "--folder", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=clean_environment())
    assert process.stdout is not None
    try:
        text = ""
        while "Ctrl-C" not in text:
            line = process.stdout.readline()
            assert line, f"the sandbox ended: {text}"
            text += line
        address = re.search(r"^SCM +(https://\S+)", text, re.MULTILINE)
        assert address is not None
        for profile in (folder / "profiles/certificates").glob("*.yaml"):
            if profile.stem not in ("dv-p256", "ov-p384"):
                profile.unlink()
        yield Served(folder, address.group(1))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)
        process.stdout.close()


def test_the_first_steps_and_the_cron_line_do_what_readme_says(tmp_path: Path) -> None:
    with serve(tmp_path) as served:
        for is_approved in (False, True):
            for line in lines_of("first steps"):
                done = served.run(line.group(0))
                changes = line.group(1) in ("enroll", "run") and "--dry-run" not in line.group(0)
                assert done.returncode == (3 if changes and not is_approved else 0), line.group(0) + done.stderr
                assert bool(done.stdout) is not changes
                assert done.stderr == ""
            served.approve()
        for line in lines_of("cron"):
            is_quiet_under_cron(served, *line.groups())


def is_quiet_under_cron(served: Served, when: str, user: str, command: str) -> None:
    """As cron does it: almost no environment, and mail if anything is printed."""
    assert_time_fields(when.split())
    assert user == "root"
    program = command.split()[0]
    assert program == f"/usr/local/bin/{PROGRAM}", "cron looks in /usr/bin and /bin only"
    command = command.replace(program, agent_command()).replace(CONFIG, shlex.quote(str(served.config)))
    done = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", "/bin/sh", "-c", command], capture_output=True, text=True,
        stdin=subprocess.DEVNULL, check=False, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def assert_time_fields(fields: list[str]) -> None:
    """Minute, hour, day of month, month, day of week: numbers in range, or a star."""
    bounds = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)]
    for field, (low, high) in zip(fields, bounds, strict=True):
        assert field == "*" or low <= int(field) <= high, fields


def test_trust_and_keygen_complete_a_profile(tmp_path: Path) -> None:
    certificates = {"www": certificate_profile("fw-edge", "www.example.com")}
    with Scene(tmp_path, certificates, WorldOptions(firewalls=["fw-edge"])) as place:
        firewall = place.world.firewalls["fw-edge"]
        firewall.set_password(AGENT_ADMIN, PASSWORD)
        profile = tmp_path / "profiles/firewalls/fw-edge.yaml"
        profile.write_text(f'url: {place.world.servers["fw-edge"].url}\nadmin: {AGENT_ADMIN}\napi_key: "LUFRPT..."\n')
        typed = {"trust": [("Write it into", "y")], "keygen": [("User name", ""), ("Password of", PASSWORD)]}
        for line in lines_of("access"):
            words = line.group(0).split()[1:]
            done = run_on_terminal(place.config, words, typed[line.group(1)])
            assert done.code == 0, done.out
        assert "verify_tls: " in profile.read_text("utf-8")
        assert firewall.api_key(AGENT_ADMIN) in profile.read_text("utf-8")
        assert place.run("run").code == 0


# --- docs ----------------------------------------------------------------------------------------------------------


def agent_arguments(line: str) -> list[str] | None:
    """What the agent gets in a shell line, a cron line or an ExecStart; None if it is not called."""
    words = shlex.split(line.removeprefix("ExecStart="), comments=True)
    calls = [number for number, word in enumerate(words) if word == PROGRAM or word.endswith(PROGRAM_FILES)]
    if not calls or words[0] in ("ln", "rm"):
        return None
    arguments = words[calls[0] + 1 :]
    end = next((number for number, word in enumerate(arguments) if word in ("|", "&&", "||", ";", ">", ">>")), None)
    return [word for word in arguments[:end] if word != "$FIREWALLS"]


def documented_calls() -> list[tuple[str, str]]:
    files = {path.relative_to(ROOT).as_posix(): path.read_text("utf-8") for path in (ROOT / "README.md", *DOCS)}
    return [
        (name, line)
        for name, text in files.items()
        for language, block in blocks(text)
        if language in ("sh", "cron", "ini")
        for line in block.replace("\\\n", " ").splitlines()
        if (language != "ini" or line.startswith("ExecStart=")) and agent_arguments(line) is not None
    ]


def test_every_call_in_readme_and_docs_is_one_that_the_command_line_understands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import click

    from paloaltofw.paloaltoagent import cli

    reached: list[str] = []

    def stand_in(name: str) -> Callable[..., None]:
        return lambda *arguments, **options: reached.append(name)

    for name, command in cli.commands.items():
        monkeypatch.setattr(command, "callback", stand_in(name))
    calls = documented_calls()
    assert len(calls) > 20
    for file, line in calls:
        before = len(reached)
        arguments = agent_arguments(line) or []
        try:
            cli.main(arguments, prog_name=PROGRAM, standalone_mode=False)
        except click.ClickException as error:
            pytest.fail(f"{file}: {line}\n{error.format_message()}")
        assert len(reached) == before + 1 or "--version" in arguments, f"{file}: {line}"


def test_readme_names_every_command_and_the_contract_every_option() -> None:
    from paloaltofw.paloaltoagent import cli

    contract = (ROOT / "docs/reference/contract.md").read_text("utf-8")
    options = {option for command in (cli, *cli.commands.values()) for item in command.params for option in item.opts}
    named = {option for option in options if option.startswith("-")}
    assert sorted(name for name in cli.commands if not re.search(rf"`{re.escape(name)}[ `]", README)) == []
    assert sorted(name for name in named if not re.search(rf"`{re.escape(name)}[ `]", contract)) == []


def test_the_cron_line_is_as_the_command_before_it_writes_it(tmp_path: Path) -> None:
    """README's line, but for the minute, which is made from the host's name."""
    (command,), (line,) = lines_of("nightly"), lines_of("cron")
    with Scene(tmp_path, {"www": certificate_profile("fw-edge", "www.example.com")}) as place:
        done = place.run("--accept-eula", *command.group(1).split())
        (written,) = re.findall(KINDS["cron"], done.out, re.MULTILINE)
        words = written[2].split(" 2>&1 |")[0].replace(str(place.config), CONFIG).split()  # logger, without a mailer
        assert written[0].split()[1:] == line.group(1).split()[1:]
        assert [f"/usr/local/bin/{PROGRAM}", *words[-4:]] == line.group(3).split()


def test_every_cron_line_names_the_program_by_its_full_path() -> None:
    lines = [block for path in DOCS for language, block in blocks(path.read_text("utf-8")) if language == "cron"]
    for line in lines:
        match = re.fullmatch(KINDS["cron"], line)
        assert match is not None, line
        assert_time_fields(match.group(1).split())
        assert match.group(3).startswith(f"/usr/local/bin/{PROGRAM} ")


def sources() -> list[Path]:
    """The program's sources, without the sandbox."""
    return [path for path in sorted((ROOT / "paloaltofw").rglob("*.py")) if "sandbox" not in path.parts]


def texts_of_the_program() -> str:
    """Every string of the program, one after the other."""
    nodes = [node for path in sources() for node in ast.walk(ast.parse(path.read_text("utf-8")))]
    return "\n".join(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def test_every_message_of_troubleshooting_is_one_of_the_program() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text("utf-8")
    messages = re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)
    assert len(messages) >= 40
    texts = texts_of_the_program()
    for message in messages:
        parts = [part.strip(" ()") for part in message.split("…")]
        missing = [part for part in parts if part not in texts]
        assert not missing, f"{message!r} is said nowhere: {missing}"


def stored_fields(tree: ast.Module) -> Iterator[str]:
    """The fields of every record of the state folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(isinstance(b, ast.Name) and b.id == "Record" for b in node.bases):
            lines = (line.target for line in node.body if isinstance(line, ast.AnnAssign))
            yield from (target.id for target in lines if isinstance(target, ast.Name))


def test_the_contract_names_every_code_and_every_key() -> None:
    import yaml

    contract = (ROOT / "docs/reference/contract.md").read_text("utf-8")
    code = "\n".join(path.read_text("utf-8") for path in sources())
    names = set(re.findall(r'^    code = "([a-z-]+)"', code, re.MULTILINE))
    names |= set(re.findall(r'\bBlocked\("([a-z-]+)"', code))
    assert len(names) > 20
    names |= {field for path in sources() for field in stored_fields(ast.parse(path.read_text("utf-8")))}
    samples = ["paloaltofw/config.yaml", "profiles_sample/certificate.yaml", "profiles_sample/fw_paloalto_config.yaml"]
    for sample in samples:
        names |= set(leaves(yaml.safe_load((ROOT / sample).read_text("utf-8"))))
    assert sorted(name for name in names if f"`{name}`" not in contract) == []


def leaves(document: object, prefix: str = "") -> Iterator[str]:
    """The dotted names of all keys that hold a value."""
    if not isinstance(document, dict) or not document:
        yield prefix
        return
    for key, value in document.items():
        yield from leaves(value, f"{prefix}.{key}" if prefix else str(key))


def test_links_between_the_documents_lead_somewhere() -> None:
    for path in (ROOT / "README.md", *DOCS):
        for target in re.findall(r"\]\(([^)#\s]*)(?:#[^)]*)?\)", path.read_text("utf-8")):
            if target and "://" not in target and target not in ("CONTRIBUTING.md", "CHANGELOG.md"):
                assert (path.parent / target).exists(), f"{path.name}: {target}"
