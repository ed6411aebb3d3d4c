"""docs/command-reference.md: it lists every command; ``config`` and ``sonic-clear`` print what its examples say."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sonic_telegen.cli.standalone import tree as standalone_tree
from sonic_telegen.db import schema
from sonic_telegen.db.codec import interface_row
from sonic_telegen.model.job import Direction
from sonic_telegen.model.sample import CLASSES, Counters, InterfaceSample
from sonic_telegen.model.values import Whole, Words
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, on_sonic

REFERENCE = (Path(__file__).parents[3] / "docs" / "command-reference.md").read_text()
PROMPT = "admin@sonic:~$ "


def blocks() -> Iterator[list[str]]:
    """Fenced blocks, without their indent."""
    for indent, text in re.findall(r"^( *)```\n(.*?)\n *```$", REFERENCE, re.MULTILINE | re.DOTALL):
        yield [line.removeprefix(indent) for line in text.splitlines()]


def examples(*commands: str) -> Iterator[tuple[list[str], str]]:
    """Words typed and lines printed, of those that call one of the commands."""
    for first, *printed in blocks():
        words = shlex.split(first.removeprefix(PROMPT).removeprefix("sudo "))
        if first.startswith(PROMPT) and words[0] in commands:
            yield words, "\n".join(printed) + "\n"


def leaves(command: click.Command, words: str) -> Iterator[str]:
    """The command lines of the tree's commands."""
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield words
    if not isinstance(command, click.Group):
        return
    context = click.Context(command)
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from leaves(found, f"{words} {name}")


def of(door: Door) -> list[str]:
    assert isinstance(door.command, click.Group)
    return sorted(leaves(door.command.commands["telegen"], f"{door.name} telegen"))


def test_the_examples_print_what_the_reference_says(config_rows: RawRedis, state_rows: RawRedis) -> None:
    """In their order, one after the other: a job is added, changed and removed."""
    sample = InterfaceSample(1, 7, "Ethernet0", Direction.INGRESS, 0, (Counters(1, 64),) * len(CLASSES))
    row = interface_row(sample, 1)
    state_rows("HSET", "TELEGEN_INTERFACE_TABLE|Ethernet0|ingress", *(part for pair in row.items() for part in pair))
    for port in ("Ethernet0", "Ethernet16"):
        config_rows("HSET", f"PORT|{port}", "NULL", "NULL")
    trees = on_sonic()
    doors = {"config": trees.config, "sonic-clear": trees.clear}
    given = list(examples(*doors))
    assert len(given) == 14

    for (name, telegen, *words), printed in given:
        assert telegen == "telegen"
        told = doors[name].run(*words).output
        # click 7.0 quotes otherwise
        assert told.replace('Try "', "Try '").replace('" for help', "' for help") == printed


def test_values_of_the_global_settings_are_those_of_the_schema() -> None:
    usages = " ".join(line for lines in blocks() for line in lines if line.startswith("config telegen global "))
    for name, field in schema.GLOBAL_FIELDS.items():
        if field.available and isinstance(field.type, Words | Whole):
            kind = field.type
            told = f"<{kind.low}-{kind.high}>" if isinstance(kind, Whole) else f"({' | '.join(kind.choices)})"
            assert f"global {name.replace('_', '-')} {told}" in usages


@pytest.mark.parametrize("name", ["config", "show", "clear"])
def test_every_command_is_in_the_reference_and_no_other(name: str) -> None:
    door: Door = getattr(on_sonic(), name)
    used = {line for lines in blocks() for line in lines if line.startswith(f"{door.name} telegen")}
    usages = {re.split(r" [<\[(]", line)[0] for line in used}
    assert sorted(usages) == of(door)


def test_capture_is_in_the_reference_with_all_its_options() -> None:
    command = standalone_tree().commands["capture"]
    (usage,) = [line for lines in blocks() for line in lines if line.startswith("telegen capture <port> [<filter>")]
    told = set(re.findall(r"--?[a-z]+(?= <)", usage))
    assert told == {option for param in command.params for option in param.opts if option.startswith("-")}
