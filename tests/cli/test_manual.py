"""The manual page: complete, plain for groff, and where pip puts it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.cli.manual import escaped, manual_page
from paloaltofw.paloaltoagent import cli
from tests.generated import ROOT

PAGE = ROOT / "docs/man/paloaltoagent.1"


def plain(roff: str) -> str:
    """The text of a page as `escaped` made it: the reverse."""
    roff = re.sub(r"\\\[u([0-9A-F]{4,6})\]", lambda match: chr(int(match.group(1), 16)), roff)
    for roff_form, character in (
        (r"\(aq", "'"),
        (r"\(ga", "`"),
        (r"\(ha", "^"),
        (r"\(ti", "~"),
        (r"\-", "-"),
        (r"\&", ""),
    ):
        roff = roff.replace(roff_form, character)
    return roff.replace(r"\e", "\\")


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_is_there_with_all_that_its_help_says(name: str) -> None:
    page = plain(manual_page(cli))
    command = cli.commands[name]
    part = page.split(f"\n.SS {name}\n")[1].split("\n.SS ")[0].split("\n.SH ")[0]
    assert part.startswith(f".B paloaltoagent {name}\n")
    words = " ".join(part.split())
    assert all(" ".join(text.split()) in words for text in (command.help or "").split("\n\n") if "Example:" not in text)
    own = [
        param
        for param in command.params
        if isinstance(param, click.Option) and param.name not in ("config", "log_level", "accept_eula", "debug")
    ]
    for option in own:
        assert f".B {', '.join(sorted(option.opts, key=len))}" in part, option
        assert option.help and " ".join(option.help.split()) in words


def test_the_codes_and_the_environment_are_there() -> None:
    page = plain(manual_page(cli))
    codes = page.split(".SH EXIT STATUS")[1].split(".SH")[0]
    assert re.findall(r"^\.B (\d)$", codes, re.MULTILINE) == ["0", "1", "2", "3", "4"]
    environment = page.split(".SH ENVIRONMENT")[1].split(".SH")[0]
    contract = (ROOT / "docs/reference/contract.md").read_text("utf-8")
    names = re.findall(r"^\.B (\S+)$", environment, re.MULTILINE)
    assert len(names) >= 4 and all(f"`{name}" in contract for name in names)


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"])))
def test_groff_finds_nothing_to_interpret_in_a_text(text: str) -> None:
    made = escaped(text)
    assert made.isascii() and "\n" not in made and not made.startswith((".", "'"))
    assert re.sub(r"\\(?:e|-|&|\((?:aq|ga|ha|ti)|\[u[0-9A-F]{4,6}\])", "", made).count("\\") == 0
    if "\\" not in text:
        assert plain(made) == " ".join(text.split())


def test_man_shows_it_without_a_warning() -> None:
    if not shutil.which("man") or not shutil.which("groff"):
        pytest.skip("man is not installed here")
    done = subprocess.run(
        ["man", "--warnings", "-l", PAGE], capture_output=True, text=True, check=False,
        env={**os.environ, "MANWIDTH": "80", "LC_ALL": "C.UTF-8", "MANPAGER": "cat"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "paloaltoagent - keep the TLS certificates" in done.stdout


def test_pip_puts_it_where_man_looks() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'"share/man/man1" = ["{PAGE.relative_to(ROOT)}"]' in project
