"""The house's rules that an import can break: which room may use which, one door for each third party, small files.

``docs/architecture.md`` draws the rooms. Each ban below gives its reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = "sonic_telegen"
MAX_LINES = 300

# Room -> (rooms of ours that it may import, why no others). The longest prefix of a module's name is its room.
ROOMS: dict[str, tuple[set[str], str]] = {
    "errors": (set(), "everything raises from it, so it must stand alone"),
    "version": (set(), "--version must work when all else is broken"),
    "log": (set(), "anybody may log"),
    "notify": (set(), "how the process is told does not depend on what it does"),
    "boot": (set(), "whether a boot is under way is asked of whoever knows"),
    "thread": (set(), "anybody may wait for a thread"),
    "lean": (set(), "what is imported before all else imports nothing itself"),
    "heap": (set(), "the C library's heap belongs to the process, not to a room"),
    "model": ({"model"}, "nouns have no I/O and no clock: they are what pure code is tested with"),
    "settings": ({"errors", "model"}, "pure: environment and rows are handed in"),
    "db.schema": ({"model"}, "names and value types only: doors, YANG and docs are compared with it"),
    "db.codec": ({"errors", "model", "settings", "db.schema"}, "pure: row to model and back, also for doors"),
    "db.view": ({"model", "db.schema", "db.codec"}, "pure: rows to what all doors show"),
    "db.copp": ({"model", "db.schema", "db.codec"}, "pure: CoPP's rows to the noun that stands for them"),
    "db.mirrors": ({"model", "db.schema", "db.codec"}, "pure: as db.copp, of the switch's mirror sessions"),
    "db.punts": ({"model", "db.schema", "db.codec", "db.view"}, "pure: as db.results"),
    "db.results": (
        {"model", "db.schema", "db.codec", "db.view", "db.sessions"},
        "pure: as the codec and the view of one table",
    ),
    "db.sessions": ({"model", "db.schema", "db.codec", "db.view"}, "pure: as db.results"),
    "db": ({"errors", "model", "settings", "log", "db", "swsscommon"}, "knows rows, not the kernel nor telemetry"),
    "swsscommon": ({"swsscommon"}, "stands in for the C++ library of the same name, so it knows nothing of ours"),
    "reconcile": (
        {"errors", "model", "settings", "reconcile"},
        "decisions reach Redis and kernel through Protocols of their own, so that a model of the world can stand in",
    ),
    "kernel": ({"errors", "model", "settings", "log", "kernel"}, "effects without decisions: it knows not who asks"),
    "capture": ({"errors", "model", "log", "capture"}, "frames come through a Protocol: a full disk needs no kernel"),
    "telemetry.series": ({"errors", "model", "settings"}, "pure: a Sample in, metrics out"),
    "telemetry": ({"errors", "model", "settings", "log", "telemetry"}, "sees Samples only: no pass waits for it"),
    "rest": (
        {"errors", "model", "settings", "log", "thread", "db", "rest"},
        "a door reads and writes rows, nothing else",
    ),
    "cli": ({"errors", "model", "settings", "version", "db", "cli"}, "SONiC imports every plug-in on every command"),
    "cli.jobs": (
        {"errors", "model", "db", "cli", "kernel.pcap"},
        "a bad filter expression is answered where it was typed; no other part of the kernel side is imported by that",
    ),
    "cli.link": (
        {"settings", "db", "cli", "swsscommon"},
        "the one place where a command takes the wrapper, and only where SONiC's own library is absent",
    ),
    "install": (
        {"settings", "db.schema", "swsscommon", "cli", "install"},
        "it runs in the system's Python, before the agent's packages count",
    ),
    "demo": (
        {"demo", "db", "model", "swsscommon", ""},
        "it looks at the agent from outside: as a process, by its rows and over OTLP",
    ),
}
# The composition root and its parts.
ROOT_MODULES = {
    *("agent", "capturing", "counting", "door", "front", "health", "journal", "notes", "punting", "worker"),
    *("__main__", ""),
}

# Third party -> the only modules that may import it, and why.
DOORS: dict[str, tuple[tuple[str, ...], str]] = {
    "redis": (("swsscommon",), "on a switch the real swsscommon takes its place"),
    "pyroute2": (
        ("kernel.netlink", "kernel.tcencode", "kernel.erspan", "kernel.watch", "demo"),
        "its exceptions are mapped to our errors in one place, and it is slow to import",
    ),
    "ctypes": (
        (
            "kernel.libbpf",
            *(f"kernel.libbpf_{part}" for part in ("c", "hash", "object", "ring")),
            "kernel.pcap",  # libpcap, opened only for a filter expression
            "kernel.bcc_child",  # bcc's library hands out addresses
            "demo.namespace",
            "heap",
        ),
        "raw pointers stay behind one wall; two calls into glibc in heap",
    ),
    "bcc": (("kernel.bcc_child",), "120 MB with LLVM: in a process that ends, and only where nothing else loads"),
    "grpc": (("telemetry.otlp", "demo.receiver"), "only the chosen exporter is imported"),
    "opentelemetry": (("telemetry.otlp", "demo.receiver"), "17 to 41 MB by exporter: imported when one is chosen"),
    "aiohttp": (("rest",), "16 MB, and only when REST is listened for"),
    "click": (("cli",), "the daemon has no command tree"),
    "rich": (("demo.screen",), "only people look at tables"),
    "subprocess": (("demo", "kernel.compiler"), "no forked tc or ip: a fork is slow, and its errors are prose"),
    "multiprocessing": ((), "as subprocess"),
}


def modules() -> Iterator[tuple[str, Path]]:
    """Name within the package and path of every module; the package itself is the empty name."""
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        parts = path.relative_to(ROOT / PACKAGE).with_suffix("").parts
        yield ".".join(part for part in parts if part != "__init__"), path


PACKAGES = {PACKAGE, *(f"{PACKAGE}.{name}" for name, path in modules() if path.name == "__init__.py")}


@cache
def imported(path: Path) -> tuple[tuple[str, int], ...]:
    """Every dotted name that the file imports anywhere, functions and type checking included, with its line."""
    return tuple(_imports(ast.parse(path.read_text(), str(path)), path))


def _imports(tree: ast.AST, path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import; write the whole name"
            if node.module in PACKAGES:
                yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)
            else:
                yield node.module or "", node.lineno


def within(name: str, room: str) -> bool:
    return name == room or name.startswith(f"{room}.")


def room_of(name: str) -> str | None:
    return max((room for room in ROOMS if within(name, room)), key=len, default=None)


def wrong_rooms(name: str, path: Path) -> Iterator[str]:
    """Imports of ours that the module's room may not use."""
    room = room_of(name)
    allowed, why = ROOMS[room] if room else (set(), "")
    for target, line in imported(path):
        if not within(target, PACKAGE):
            continue
        inner = target.removeprefix(PACKAGE).removeprefix(".")
        if name != "__main__" and within(inner, "agent"):
            yield f"{path}:{line}: nobody imports agent: it is the root"
        elif room and not any(within(inner, other) if other else not inner for other in allowed):
            yield f"{path}:{line}: {room} must not import {inner or PACKAGE}: {why}"


def wrong_doors(name: str, path: Path) -> Iterator[str]:
    """Third parties that the module is no door of."""
    for target, line in imported(path):
        for party, (doors, why) in DOORS.items():
            if within(target, party) and not any(within(name, door) for door in doors):
                yield f"{path}:{line}: {party} is imported only in {', '.join(doors) or 'no module'}: {why}"


def test_rooms_import_only_what_they_may() -> None:
    assert [wrong for name, path in modules() for wrong in wrong_rooms(name, path)] == []


def test_each_third_party_has_one_door() -> None:
    assert [wrong for name, path in modules() for wrong in wrong_doors(name, path)] == []


def test_every_module_has_a_room() -> None:
    homeless = [name for name, _ in modules() if room_of(name) is None and name not in ROOT_MODULES]
    assert homeless == []


def test_files_stay_small() -> None:
    sources = [*(ROOT / PACKAGE).rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "bpf").rglob("*.[ch]")]
    long = {str(path): n for path in sources if (n := len(path.read_text().splitlines())) > MAX_LINES}
    assert long == {}, f"{MAX_LINES} lines at most: is it two rooms?"


def test_no_module_needs_the_tests() -> None:
    needing = [str(path) for _, path in modules() for target, _ in imported(path) if within(target, "tests")]
    assert needing == []


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        pytest.param("model.job", "from sonic_telegen import settings", "nouns", id="a noun with settings"),
        pytest.param("reconcile.plan", "import sonic_telegen.kernel.netlink", "Protocols", id="a plan with effects"),
        pytest.param("telemetry.otlp", "from sonic_telegen.db import store", "Samples", id="export with rows"),
        pytest.param("worker", "from sonic_telegen.agent import Agent", "it is the root", id="the root imported"),
        pytest.param(
            "cli.show", "def f():\n    import sonic_telegen.kernel", "every plug-in", id="hidden in a function"
        ),
    ],
)
def test_a_wrong_room_is_found(name: str, source: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    (wrong,) = wrong_rooms(name, path)
    assert says in wrong


@pytest.mark.parametrize(
    ("name", "source", "says"),
    [
        pytest.param("db.store", "import redis.client", "swsscommon takes its place", id="redis"),
        pytest.param("kernel.apply", "from pyroute2 import IPRoute", "kernel.netlink", id="pyroute2"),
        pytest.param("kernel.apply", "from subprocess import run", "no forked tc", id="subprocess"),
        pytest.param("kernel.libbpf_other", "import ctypes", "raw pointers", id="a prefix is not a room"),
    ],
)
def test_a_wrong_door_is_found(name: str, source: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(source)
    (wrong,) = wrong_doors(name, path)
    assert says in wrong
