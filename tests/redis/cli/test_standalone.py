"""``telegen`` as a process: the same commands, exit status as for SONiC's, never a traceback; help for each command."""

from __future__ import annotations

import configparser
import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sonic_telegen.cli.standalone import tree
from sonic_telegen.demo.redisd import RedisServer
from sonic_telegen.version import build
from tests.support.redis import RawRedis
from tests.support.sonic_cli import Door, Trees, on_sonic, standalone

ROOT = Path(__file__).parents[3]


def telegen(*arguments: str, **env: str) -> tuple[int, str, str]:
    """Exit status, output and errors of the process."""
    done = subprocess.run(
        [sys.executable, "-m", "sonic_telegen.cli", *arguments],
        env={**os.environ, "LC_ALL": "C.UTF-8", **env},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def paths(command: click.Command, *above: str) -> Iterator[tuple[str, ...]]:
    """Every group and command of the tree."""
    yield above
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            found = command.get_command(context, name)
            assert found is not None
            yield from paths(found, *above, name)


def test_a_process_adds_changes_and_removes_a_job(config_rows: RawRedis) -> None:
    assert telegen("job", "add", "x", "--port", "Ethernet0") == (0, "Job x added; see: telegen show job x\n", "")
    assert telegen("job", "update", "x", "--direction", "both")[0] == 0
    assert config_rows.row("TELEGEN_JOB|x") == {b"port": b"Ethernet0", b"owner": b"cli", b"direction": b"both"}
    assert telegen("job", "del", "x") == (0, "Job x deleted\n", "")
    assert config_rows("DBSIZE") == 0


def test_a_refusal_ends_with_2_and_goes_to_stderr(config_rows: RawRedis) -> None:
    code, output, errors = telegen("job", "add", "x", "--port", "Ethernet0", "--direction", "up")
    assert (code, output) == (2, "")
    assert errors.endswith("\n\nError: direction='up': use ingress, egress or both\n")


def test_an_argument_that_is_no_utf8_is_refused(config_rows: RawRedis) -> None:
    code, _, errors = telegen("job", "add", "x", "--port", "\udcff")
    assert code == 2
    assert "\nError: port='\\\\xff': not valid UTF-8; use a netdev name" in errors
    assert telegen("job", "del", "\udcff")[0] == 2


def test_without_redis_the_process_tells_what_to_do() -> None:
    with RedisServer() as server:
        pass
    code, output, errors = telegen("job", "del", "x", TELEGEN_DB_CONFIG=str(server.config))
    assert (code, output) == (2, "")
    assert "Error: CONFIG_DB cannot be reached: " in errors
    assert "Traceback" not in errors


def test_version_is_that_of_the_build() -> None:
    assert telegen("--version") == (0, f"{build()}\n", "")


def test_a_shell_completes_the_options() -> None:
    instruction = "complete" if click.__version__.startswith("7.") else "bash_complete"
    env = {"_TELEGEN_COMPLETE": instruction, "COMP_WORDS": "telegen job add x --di", "COMP_CWORD": "4"}
    _, output, errors = telegen(**env)  # click 7.0 ends with 1
    assert (output.strip().removeprefix("plain,"), errors) == ("--direction", "")


def test_setup_installs_the_command() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    scripts = dict(line.split(" = ") for line in setup["options.entry_points"]["console_scripts"].splitlines() if line)
    module, _, function = scripts["telegen"].partition(":")
    assert getattr(importlib.import_module(module), function).__name__ == "main"


def every_page() -> Iterator[Door]:
    """Each command and group of all trees, as a door."""
    trees: Trees = on_sonic()
    for door in (trees.config, trees.show, trees.clear):
        ours = door.command.commands.get("telegen") if isinstance(door.command, click.Group) else None
        if ours is not None:
            yield from (Door(door.command, door.name, "telegen", *path) for path in paths(ours))
    yield from (Door(tree(), "telegen", *path) for path in paths(tree()))


@pytest.mark.parametrize("door", list(every_page()), ids=lambda door: door.says("").strip())
def test_every_page_of_help_says_what_the_command_does(door: Door) -> None:
    usage, blank, about, *_ = door("--help").splitlines()
    assert usage.startswith(f"Usage: {door.says('').strip()} ")
    assert blank == ""
    assert len(about.split()) > 1
    assert about.startswith("  ")


def test_both_trees_have_the_same_commands() -> None:
    def of(door: Door) -> set[str]:
        found = {" ".join(path) for path in paths(door.command)}
        below = " ".join(door.below)
        return {path.removeprefix(below).strip() for path in found if path.startswith(below)}

    ours, sonic = standalone(), on_sonic()
    assert of(ours.config) >= of(sonic.config)
    assert of(ours.clear) == of(sonic.clear)
    assert of(ours.show) == of(sonic.show)
