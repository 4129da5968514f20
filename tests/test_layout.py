"""Rooms keep to their rules, heavy libraries stay out of light commands, and README, help and samples agree."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import yaml

from paloaltofw import paloaltoagent
from tests import files

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "paloaltofw"
SCRIPT = PACKAGE / "paloaltoagent.py"


def unmeasured() -> dict[str, str]:
    """An environment in which the measurement of coverage loads nothing into a fresh interpreter."""
    return {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}


def test_no_module_is_named_like_one_of_python() -> None:
    names = {path.stem for path in PACKAGE.rglob("*.py")} - {"__init__", "__main__"}
    assert not names & sys.stdlib_module_names


IO_LIBRARIES = {"yaml", "requests", "urllib3", "gnupg", "ssl", "socket", "fcntl", "subprocess"}


def modules_after(code: str) -> set[str]:
    program = f"import sys\n{code}\nprint('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, env=unmeasured()
    )
    return set(done.stdout.split())


@pytest.mark.parametrize("room", ["model", "pki", "lifecycle"])
def test_a_pure_room_loads_no_library_of_input_and_output(room: str) -> None:
    """What cryptography loads for itself (it reads mail addresses with a module that knows sockets) is not the room's."""
    modules = sorted(path.stem for path in (PACKAGE / room).glob("*.py") if path.stem != "__init__")
    assert modules
    loaded = modules_after("\n".join(f"import paloaltofw.{room}.{module}" for module in modules))
    granted = modules_after("import cryptography.x509") if "cryptography" in loaded else set()
    assert not (loaded - granted) & IO_LIBRARIES


def test_the_rules_between_rooms_hold() -> None:
    """The contracts in pyproject.toml; .ci/run calls the linter itself too."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stdout


def loaded_modules(*arguments: str) -> set[str]:
    code = f"""
import runpy, sys
sys.argv = ["paloaltoagent", *{arguments!r}]
try:
    runpy.run_path({str(SCRIPT)!r}, run_name="__main__")
except SystemExit:
    pass
print("\\n".join(sys.modules), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=unmeasured())
    return set(done.stderr.split())


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("enroll", "--help"), ("nonsense",)])
def test_light_commands_import_nothing_heavy(arguments: tuple[str, ...]) -> None:
    assert not {"requests", "cryptography", "gnupg", "yaml", "logging.handlers", "ssl"} & loaded_modules(*arguments)


def test_checking_files_needs_no_network_and_no_cryptography(tmp_path: Path) -> None:
    config = files.write_all(tmp_path)
    modules = loaded_modules("--config", str(config), "check", "--offline")
    assert "yaml" in modules
    assert not {"requests", "cryptography", "gnupg"} & modules


def commands() -> list[tuple[str, click.Command]]:
    return sorted(paloaltoagent.cli.commands.items())


@pytest.mark.parametrize(("name", "command"), commands())
def test_every_command_has_help_with_an_example_and_stands_in_readme(name: str, command: click.Command) -> None:
    assert command.help
    assert f"Example: paloaltoagent {name}" in command.help
    assert all(option.help for option in command.params if isinstance(option, click.Option))
    assert f"`{name}`" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("name", "options"),
    [
        *((name, {"--profile", "-p", "--firewall", "--json"}) for name in ("enroll", "renew", "run", "replace", "status", "check")),
        *((name, {"--dry-run", "--wait"}) for name in ("enroll", "renew", "run", "replace")),
        ("enroll", {"--resubmit"}), ("renew", {"--force"}), ("revoke", {"--reason", "--yes"}), ("check", {"--offline"}),
        ("forget", {"--order", "--yes"}),
        ("sandbox", {"--serve"}),
    ],
)  # fmt: skip
def test_the_options_of_the_contract(name: str, options: set[str]) -> None:
    command = paloaltoagent.cli.commands[name]
    assert options <= {text for option in command.params for text in option.opts}


def keys_of(document: object, prefix: str = "") -> set[str]:
    if not isinstance(document, dict):
        return set()
    return {
        key for name, value in document.items() for key in {prefix + name, *keys_of(value, f"{prefix}{name}.")}
    }  # fmt: skip


@pytest.mark.parametrize(
    ("sample", "document", "missing"),
    [
        ("paloaltofw/config.yaml", files.CONFIG, set()),
        ("profiles_sample/certificate.yaml", files.CERTIFICATE, set()),
        (
            "profiles_sample/fw_paloalto_config.yaml",
            files.FIREWALL,
            {"ha_peer.url", "ha_peer.api_key", "ha_peer.verify_tls"},
        ),
        ("profiles_sample/sectigo_credentials.yaml", files.CREDENTIALS, {"ENROLLMENT_API_1.scm_url"}),
    ],
)
def test_samples_hold_every_key_of_the_contract(sample: str, document: object, missing: set[str]) -> None:
    held = keys_of(yaml.safe_load((ROOT / sample).read_text("utf-8")))
    assert keys_of(document) - held == missing


def test_the_samples_become_valid_once_they_are_filled_in(tmp_path: Path) -> None:
    from paloaltofw.configuration.loader import load

    def sample(name: str) -> str:
        text = (ROOT / name).read_text("utf-8")
        return (
            text.replace("CUSTOMER", "acme")
            .replace("LUFRPT...", "LUFRPT1")
            .replace('"..."', '"s"')
            .replace("-...", "-1")
        )

    places = {
        "paloaltofw/config.yaml": "config.yaml",
        "profiles_sample/certificate.yaml": "profiles/certificates/certificate.yaml",
        "profiles_sample/fw_paloalto_config.yaml": "profiles/firewalls/fw_paloalto_config.yaml",
        "profiles_sample/sectigo_credentials.yaml": "profiles/sectigo_credentials.yaml",
    }
    for source, place in places.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(sample(source), "utf-8")
    assert load(tmp_path / "config.yaml").certificates["certificate"].name == "www-example-com"


def test_runtime_requirements_are_the_ones_of_the_package() -> None:
    lines = (ROOT / "requirements.txt").read_text("utf-8").splitlines()
    names = [line.split("~")[0].split(">")[0] for line in lines if line and not line.startswith("#")]
    assert names == ["click", "cryptography", "python-gnupg", "PyYAML", "requests"]


def functions(path: Path) -> list[tuple[str, int]]:
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    return [(node.name, (node.end_lineno or 0) - node.lineno + 1) for node in nodes if isinstance(node, kinds)]


def test_files_and_functions_stay_small() -> None:
    """A room's folder, a module and a function are each seen at one look."""
    assert len([path for path in PACKAGE.iterdir() if path.is_file() and path.suffix != ".pyc"]) <= 12
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text("utf-8").splitlines()) <= 400, path
        assert [name for name, length in functions(path) if length > 60] == [], path
