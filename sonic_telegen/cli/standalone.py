"""``telegen``: the commands of SONiC's trees where there is no sonic-utilities (containers, development)."""

from __future__ import annotations

import importlib
import importlib.util

import click

from sonic_telegen.cli.names import STANDALONE
from sonic_telegen.version import build

_TREES = (("config", None), ("show", "show"), ("clear", "clear"))  # the plug-in, and where its tree stands
_HELP = """The telemetry agent's command line, without SONiC's.

The commands are those of SONiC: "telegen job" and "telegen global" are "config telegen job" and "config telegen
global", "telegen show" is "show telegen", "telegen clear" is "sonic-clear telegen".

Redis is found by the file that TELEGEN_DB_CONFIG names, by default
/var/run/redis/sonic-db/database_config.json. With SONIC_CLI_IFACE_MODE=alias ports go by their aliases.
"""


def tree() -> click.Group:
    """The whole command tree."""

    def started(ctx: click.Context) -> None:
        ctx.meta[STANDALONE] = True

    root = click.Group(
        "telegen",
        callback=click.pass_context(started),
        context_settings={"help_option_names": ["-h", "--help"]},
        help=_HELP,
    )
    click.version_option(str(build()), message="%(version)s")(root)
    for plugin, place in _TREES:
        if importlib.util.find_spec(f"sonic_telegen.cli.{plugin}") is None:
            continue
        stem = click.Group()
        importlib.import_module(f"sonic_telegen.cli.{plugin}").register(stem)
        grown = stem.commands["telegen"]
        if place is None and isinstance(grown, click.Group):
            for name, command in grown.commands.items():
                root.add_command(command, name)
        else:
            root.add_command(grown, place)
    root.add_command(importlib.import_module("sonic_telegen.cli.capture").capture)
    return root


def main() -> None:
    """Run with the process's arguments."""
    tree().main(prog_name="telegen")
