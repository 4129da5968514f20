"""The forms of the command line: comma-separated names, options before and after the command, the connectors' -a."""

from __future__ import annotations

from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from paloaltofw.cli.actions import ACTIONS, available, with_command
from paloaltofw.cli.application import options_of
from paloaltofw.paloaltoagent import cli

Call = tuple[str, dict[str, Any], Any]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """What a command line leads to: the command, its own options, and the common ones."""
    made: list[Call] = []

    def stand_in(name: str) -> Any:
        def called(**options: Any) -> None:
            made.append((name, options, options_of(click.get_current_context())))

        return called

    for name, command in cli.commands.items():
        monkeypatch.setattr(command, "callback", stand_in(name))
    return made


def run(*words: str) -> None:
    cli.main(list(words), prog_name="paloaltoagent", standalone_mode=False)


@pytest.mark.parametrize("option", ["-p", "--firewall"])
@pytest.mark.parametrize(
    ("values", "names"),
    [
        (["a.yaml,b"], ("a.yaml", "b")),
        (["a , b", "c"], ("a", "b", "c")),
        (["a,", "a"], ("a",)),
        ([], ()),
    ],
)
def test_names_stand_apart_or_with_commas(
    calls: list[Call], option: str, values: list[str], names: tuple[str, ...]
) -> None:
    run("run", *(word for value in values for word in (option, value)))
    (call,) = calls
    assert call[1]["profiles" if option == "-p" else "firewalls"] == names


@pytest.mark.parametrize("value", ["", ",", " , "])
def test_a_selection_without_a_name_does_not_select_everything(calls: list[Call], value: str) -> None:
    with pytest.raises(click.BadParameter, match="holds no name"):
        run("run", "-p", "a", "-p", value)
    assert calls == []


COMMON = [("--config", "x.yaml"), ("--log-level", "debug"), ("--accept-eula",), ("--debug",)]


@given(where=st.tuples(*[st.booleans()] * len(COMMON)))
def test_the_common_options_mean_the_same_before_and_after_the_command(where: tuple[bool, ...]) -> None:
    seen: list[Any] = []
    command = cli.commands["status"]
    callback, command.callback = command.callback, lambda **_: seen.append(options_of(click.get_current_context()))
    try:
        before = [word for option, is_before in zip(COMMON, where, strict=True) for word in option if is_before]
        after = [word for option, is_before in zip(COMMON, where, strict=True) for word in option if not is_before]
        run(*before, "status", *after)
    finally:
        command.callback = callback
    (options,) = seen
    assert (options.config, options.log_level) == ("x.yaml", "debug")
    assert (options.accept_eula, options.is_debug) == (True, True)


def test_an_option_after_the_command_wins(calls: list[Call]) -> None:
    run("--config", "one.yaml", "run", "--config", "two.yaml")
    assert calls[0][2].config == "two.yaml"
    run("run")
    assert calls[1][2].config is None


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_command_takes_the_common_options(name: str) -> None:
    options = {option for param in cli.commands[name].params for option in param.opts}
    assert {option[0] for option in COMMON} <= options


@pytest.mark.parametrize(
    "words",
    [
        ["-a", "renew", "-p", "a.yaml,b"],
        ["-p", "a.yaml,b", "-a", "renew"],
        ["--action", "renew", "-p", "a.yaml,b"],
        ["--action=renew", "-p", "a.yaml", "-p", "b"],
        ["-arenew", "-p", "a.yaml,b"],
        ["--config", "run", "-a", "renew", "-p", "a.yaml,b", "--debug"],
    ],
)
def test_the_connectors_form_is_the_command_of_that_name(calls: list[Call], words: list[str]) -> None:
    run(*words)
    (call,) = calls
    assert call[0] == "renew"
    assert tuple(name.removesuffix(".yaml") for name in call[1]["profiles"]) == ("a", "b")
    assert call[2].config == ("run" if "--config" in words else None)


def test_every_action_leads_to_its_command(calls: list[Call]) -> None:
    for action in available(cli.commands):
        run("-a", action)
    assert [call[0] for call in calls] == [ACTIONS[action] for action in available(cli.commands)]
    assert {"enroll", "renew", "replace", "enc", "dec"} <= set(available(cli.commands))


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["-a", "nonsense"], "'nonsense' is none of enroll"),
        (["-a"], "needs the name of an action"),
        (["-p", "a", "--action"], "needs the name of an action"),
        (["-a", "renew", "run"], "in place of a command"),
        (["--debug", "run", "-a", "renew"], "in place of a command"),
        (["run", "-a", "renew"], "No such option"),
        (["-a", "renew", "-a", "enroll"], "No such option"),
    ],
)
def test_a_form_that_is_not_clear_calls_nothing(calls: list[Call], words: list[str], why: str) -> None:
    with pytest.raises(click.UsageError) as caught:
        run(*words)
    assert why in caught.value.format_message()
    assert calls == []


def test_an_action_without_its_command_is_none() -> None:
    """`list` is there as soon as its command is."""
    assert "list" not in available(["enroll"])
    assert with_command(["-a", "list"], ["list", "enroll"]) == ["list"]
    with pytest.raises(click.UsageError, match="'list' is none of enroll"):
        with_command(["-a", "list"], ["enroll"])


def test_the_help_names_the_actions_that_there_are() -> None:
    help_text = " ".join(cli.get_help(click.Context(cli, info_name="paloaltoagent")).split())
    assert (
        f"-a, --action ACTION In place of a command, for crontabs of the vendor's connectors: {', '.join(available(cli.commands))}."
        in help_text
    )


@given(words=st.lists(st.sampled_from(["-p", "x", "--", "run", "--debug", "--wait", "5m"])))
def test_a_command_line_without_the_action_is_left_alone(words: list[str]) -> None:
    assert with_command(words, cli.commands) == words
