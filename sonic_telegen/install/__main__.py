"""``integrate``: what the package's maintainer scripts call, and an operator after sonic-utilities were reinstalled."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from sonic_telegen.install import plugins, tables, yang
from sonic_telegen.install.files import Copy, Problem
from sonic_telegen.settings import environment

DUMPS = Path("/usr/local/bin/debug-dump")
DUMP = Path("/usr/lib/sonic-telegen/debug-dump")
_TOLD = "TELEGEN_REMOVE_ROWS"


def place() -> None:
    """The model first: a plug-in makes it easy to write rows."""
    if (model := yang.model()) is not None:
        notice = yang.tried(model, yang.sonic_yang())
        if notice:
            _say(notice)
        model.place()
    for copy in _others():
        copy.place()


def remove() -> None:
    """Remove what ``place`` placed."""
    for copy in (*_others(), *filter(None, (yang.model(),))):
        copy.remove()


def may_remove(told: bool) -> None:
    """Problem while rows of ours are there; ``told``: remove those of CONFIG_DB."""
    connector = tables.connected(environment(os.environ).db_config)
    rows = tables.rows(connector) if connector is not None else []
    saved = tables.saved()
    if not (rows or saved):
        return
    if not told:
        where = " and ".join([*(["CONFIG_DB"] if rows else []), *([str(tables.SAVED)] if saved else [])])
        raise Problem(
            f"{where} holds {', '.join(dict.fromkeys([*rows, *saved]))}, and without its YANG model config reload "
            f"would refuse the whole configuration. Remove these rows and run config save, or set {_TOLD}=yes: then "
            "the package removes them from CONFIG_DB"
        )
    if rows:
        tables.remove(connector)
        _say(f"removed {', '.join(rows)} from CONFIG_DB")
    if saved:
        _say(f"{tables.SAVED} still holds {', '.join(saved)}: run config save before the next config reload")


def _others() -> Iterator[Copy]:
    yield from plugins.plugins()
    if DUMPS.is_dir():
        yield Copy(DUMP, DUMPS / "telegen", 0o755)


def _say(text: str) -> None:
    sys.stderr.write(f"sonic-telegen: {text}\n")


def main(arguments: list[str] | None = None) -> int:
    """Parse, act, and return the exit status."""
    parser = argparse.ArgumentParser("integrate", description=__doc__)
    parser.add_argument("command", choices=("place", "remove", "may-remove"))
    given = parser.parse_args(arguments)
    try:
        match given.command:
            case "place":
                place()
            case "remove":
                remove()
            case _:
                may_remove(os.environ.get(_TOLD) == "yes")
    except Problem as problem:
        _say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
