"""What sonic-utilities give a CLI plug-in, as far as one can tell from inside it, over a Redis of our own.

Root groups that abbreviate, the ``Db`` object in ``ctx.obj``, the loader that walks a package of plug-ins, and the
connector that asks YANG before it writes, with its ways of spelling values and removals.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import click
from click.testing import CliRunner, Result

from sonic_telegen.cli.standalone import tree
from sonic_telegen.swsscommon.swsscommon import ConfigDBConnector, SonicV2Connector

SETTINGS = {"help_option_names": ["-h", "--help", "-?"]}


class AbbreviationGroup(click.Group):
    """``config``'s: a prefix of one command will do, and of several if the shortest begins all of them."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = click.Group.get_command(self, ctx, cmd_name)
        if found is not None:
            return found
        names = sorted(n for n in self.list_commands(ctx) if n.lower().startswith(cmd_name.lower()))
        if not names:
            return None
        shortest = min(names, key=len)
        if not all(name.startswith(shortest) for name in names):
            ctx.fail(f"Too many matches: {', '.join(names)}")
        return click.Group.get_command(self, ctx, shortest)


class AliasedGroup(click.Group):
    """``show``'s and ``sonic-clear``'s: a prefix of exactly one command will do."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        found = click.Group.get_command(self, ctx, cmd_name)
        if found is not None:
            return found
        names = sorted(n for n in self.list_commands(ctx) if n.lower().startswith(cmd_name.lower()))
        if len(names) > 1:
            ctx.fail(f"Too many matches: {', '.join(names)}")
        return click.Group.get_command(self, ctx, names[0]) if names else None


class Db:
    """``utilities_common.db.Db``: connectors, all of them connected."""

    def __init__(self) -> None:
        self.cfgdb = ConfigDBConnector(use_unix_socket_path=True)
        self.cfgdb.connect(wait_for_init=False)
        self.db = SonicV2Connector(use_unix_socket_path=True)
        for name in self.db.get_db_list():
            self.db.connect(name, False)

    def close(self) -> None:
        """Ours: the real one leaves that to the end of the process."""
        self.cfgdb.close()
        self.db.close()


def roots() -> dict[str, click.Group]:
    """Fresh ``config``, ``show`` and ``sonic-clear``, each with a command of its own."""

    def with_db(ctx: click.Context) -> None:
        ctx.obj = Db()
        ctx.call_on_close(ctx.obj.close)

    def other() -> None:
        click.echo("another command")

    made: dict[str, click.Group] = {
        "config": AbbreviationGroup("config", callback=click.pass_context(with_db), context_settings=SETTINGS),
        "show": AliasedGroup("show", callback=click.pass_context(with_db), context_settings=SETTINGS),
        "sonic-clear": AliasedGroup("sonic-clear", context_settings=SETTINGS),
    }
    for root in made.values():
        root.add_command(click.Command("techsupport", callback=other))
    return made


class Loader:
    """``utilities_common.util_base.UtilHelper``: failures become lines in ``complaints``, the rest goes on."""

    def __init__(self) -> None:
        self.complaints: list[str] = []

    def load(self, package: ModuleType, root: click.Group) -> None:
        """Import every module of the package, its sub-packages included, and have it register."""
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            try:
                module = importlib.import_module(found.name)
                if found.ispkg:
                    self.load(module, root)
                else:
                    module.register(root)
            except Exception as problem:
                self.complaints.append(f"failed to import plugin {found.name}: {problem}")


class JsonPatchConflict(Exception):
    """jsonpatch's: a path to be removed is not there; no ValueError."""


class ValidatedConfigDBConnector:
    """``config.validated_config_db_connector``'s, when DEVICE_METADATA enables it: every write is one patch.

    ``yang`` judges the whole table as it would be and raises ValueError. Values are made text by ``str()``, and
    ``{field: ""}`` is a removal.
    """

    yang: Callable[[str, Mapping[str, Mapping[str, str]]], None] = staticmethod(lambda table, rows: None)

    def __init__(self, connector: Any) -> None:
        self.connector = connector
        device = connector.get_entry("DEVICE_METADATA", "localhost")
        self.yang_enabled = device.get("yang_config_validation") == "enable"

    def __getattr__(self, name: str) -> Any:
        if self.yang_enabled and name in ("set_entry", "mod_entry"):
            return getattr(self, f"_validated_{name}")
        return getattr(self.connector, name)

    def _validated_set_entry(self, table: str, key: str, value: dict[str, Any] | None) -> None:
        rows = self.connector.get_table(table)
        if value is None or list(value.values()) == [""]:
            if key not in rows:
                raise JsonPatchConflict(f"can't remove a non-existent object '{key}'")
            del rows[key]
        else:
            rows[key] = {name: str(item) for name, item in value.items()}
        self._apply(table, key, rows)

    def _validated_mod_entry(self, table: str, key: str, value: dict[str, Any]) -> None:
        rows = self.connector.get_table(table)
        row = rows.setdefault(key, {})
        if list(value.values()) == [""]:
            (name,) = value
            if name not in row:
                raise JsonPatchConflict(f"can't remove a non-existent object '{name}'")
            del row[name]
        else:
            row.update({name: str(item) for name, item in value.items()})
        self._apply(table, key, rows)

    def _apply(self, table: str, key: str, rows: dict[str, dict[str, str]]) -> None:
        self.yang(table, rows)
        self.connector.set_entry(table, key, rows.get(key))


class Door:
    """A command tree as an operator meets it; ``below`` are the words that lead to ours in it."""

    def __init__(self, command: click.Command, name: str, *below: str) -> None:
        self.command, self.name, self.below = command, name, below

    def says(self, words: str) -> str:
        """The command line of ``words``."""
        return " ".join((self.name, *self.below, words))

    def __call__(self, *arguments: str, fails: bool = False, **options: Any) -> str:
        """What the command printed; asserts its exit status (of a refusal: 1 or 2). No traceback ever."""
        result = self.run(*arguments, **options)
        assert (result.exit_code != 0) is fails, result.output
        return result.output

    def run(self, *arguments: str, **options: Any) -> Result:
        """The result; an exception that is no exit is raised here."""
        result = CliRunner().invoke(self.command, [*self.below, *arguments], prog_name=self.name, **options)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def refuses(self, *arguments: str) -> str:
        """What follows ``Error: `` when the command refuses; click 7 and 8 quote the lines before it differently."""
        output = self(*arguments, fails=True)
        found = re.search(r"^Error: (.*)\n\Z", output, re.MULTILINE | re.DOTALL)
        assert found, output
        return found[1]


@dataclass(frozen=True)
class Trees:
    """The same commands as SONiC has them and as ``telegen`` has them."""

    config: Door
    show: Door
    clear: Door


def on_sonic() -> Trees:
    """SONiC's three commands with our plug-ins."""
    made = roots()
    for name, root in made.items():
        plugin = f"sonic_telegen.cli.{name.removeprefix('sonic-')}"
        if importlib.util.find_spec(plugin):
            importlib.import_module(plugin).register(root)
    return Trees(*(Door(root, name, "telegen") for name, root in made.items()))


def standalone() -> Trees:
    """The one command that stands alone."""
    root = tree()
    return Trees(*(Door(root, "telegen", *below) for below in ([], ["show"], ["clear"])))
